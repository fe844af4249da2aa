"""What a step (forward and backward) of SpectralNetwork costs against depth, beside a plain MLP of the same widths.

All networks of one depth take turns in one process, one thread, denormals flushed to zero. In a deep network at its
start activities and gradients get small enough to be denormal, and every operation on those takes many times longer.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, count, pairwise, repeat

import numpy as np
import pandas as pd
import scipy
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision import transforms

from replication.data.augmentation import DEVIATION, MEAN, PADDING, Normalisation
from replication.data.images import Images
from replication.experiments.cifar10 import train as cifar10
from replication.experiments.cifar10.backends import Fused
from replication.experiments.cifar10.settings import Cifar10Trial
from replication.experiments.cost.step_time import sgemm_gflops
from replication.training.ensemble import batched
from replication.training.ensemble.training import Training, initial_parameters
from replication.training.memory import parameter_bytes, peak_allocated
from replication.training.torch_threads import one_thread, subnormals_flushed
from replication.training.vectors import AVX512
from sparcs.network import SpectralNetwork

DEPTHS, WIDTH, BATCH = range(2, 65), 100, 128
TEACHER_WIDTHS, TEACHER_BATCH = (20, 200, 200, 20), 1024
IMAGES = 5_000  # of the benchmark of experiment 3
SECONDS, FEWEST = 0.15, 7  # of measuring each network of one depth, and repeats at least
NETWORKS = ("MLP", "SpectralNetwork", "W_ij formed")


def against_depth(
    depths: Iterable[int] = DEPTHS, seconds: float = SECONDS, on_depth: Callable[[int], None] | None = None
) -> pd.DataFrame:
    """One row per depth and network: ``layers``, ``network``, ``best`` and ``median`` ms a step, ``ratio`` of the
    medians to the MLP's, ``megabytes``, ``megabytes_ratio``.

    MLP: ℓ−1 linear layers without bias, Xavier uniform, ReLU between them. SpectralNetwork: as it comes, the form
    chosen by its cost model. W_ij formed: the same network by (4.3). Megabytes (10⁶ bytes): parameters and the most
    that the step held beyond them, gradients included.
    """
    rows = []
    with one_thread(), subnormals_flushed():
        for layers in depths:
            networks = _networks(layers)
            x = torch.randn(BATCH, WIDTH, generator=torch.Generator().manual_seed(layers))
            steps = {name: _step(network, x) for name, network in networks.items()}
            times = take_turns(steps, seconds)
            for name, network in networks.items():
                network.zero_grad()
                held = parameter_bytes(network) + peak_allocated(steps[name])
                best, median = 1e3 * min(times[name]), 1e3 * float(np.median(times[name]))
                rows.append((layers, name, best, median, held / 1e6))
            if on_depth:
                on_depth(1)
    table = pd.DataFrame(rows, columns=["layers", "network", "best", "median", "megabytes"])
    mlp = table[table["network"] == "MLP"].set_index("layers")
    for column, ratio in (("median", "ratio"), ("megabytes", "megabytes_ratio")):
        table[ratio] = table[column] / table["layers"].map(mlp[column])
    return table


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The largest ratio to the MLP and the log-log slope against ℓ, per network and quantity (``step``, ``memory``).

    ``slope``: the median of the slopes between all pairs of depths (Theil and Sen). A noisy moment of the machine or a
    few cheap shallow networks hardly move it. ``slope_least_squares``: the fit to all depths alike. A network whose
    first layers are cheaper than its others has a least-squares slope above 1 at a cost that is linear in depth.
    """
    rows = []
    for quantity, column, ratio in (("step", "median", "ratio"), ("memory", "megabytes", "megabytes_ratio")):
        for name in NETWORKS:
            of_network = table[table["network"] == name]
            x, y = np.log(of_network["layers"]), np.log(of_network[column])
            robust, squares = scipy.stats.theilslopes(y, x).slope, scipy.stats.linregress(x, y).slope
            rows.append((quantity, name, of_network[ratio].max(), robust, squares))
    return pd.DataFrame(rows, columns=["quantity", "network", "largest_ratio", "slope", "slope_least_squares"])


def of_experiment_2(seconds: float = 10 * SECONDS) -> pd.DataFrame:
    """Milliseconds of an optimiser step of experiment 2 (20-200-200-20, batch 1024): ``way``, ``best``, ``median``.

    Each is a whole step: batch, forward, loss and penalty, backward, Adam. Ways: the trainer of the experiment, a loop
    over a SpectralNetwork in either form, and ``eager``. That is one as it comes with a DataLoader, as the paper's
    scripts do.
    """
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(8 * TEACHER_BATCH, TEACHER_WIDTHS[0], generator=generator) for _ in range(2))
    training = Training(1, TEACHER_BATCH, learning_rate=1e-3, penalty="l2", rho=3e-3, train_input_eigenvalues=False)
    with one_thread(), subnormals_flushed():
        ways = {"the experiment's trainer": _trainer_step(x, y, training)}
        for form, name in (("bundles", "W_ij formed"), ("eigenbasis", "eigenbasis")):
            ways[name] = _loop_step(
                SpectralNetwork(TEACHER_WIDTHS, form=form, generator=generator), _first_batches(x, y), training
            )
        loader = DataLoader(TensorDataset(x, y), batch_size=TEACHER_BATCH, shuffle=True, generator=generator)
        eager = SpectralNetwork(TEACHER_WIDTHS, generator=generator)
        ways["eager"] = _loop_step(eager, _without_end(loader), training)
        times = take_turns(ways, seconds)
    rows = [(way, 1e3 * min(spent), 1e3 * float(np.median(spent))) for way, spent in times.items()]
    return pd.DataFrame(rows, columns=["way", "best", "median"])


def of_experiment_3(settings: Cifar10Trial, images: int = IMAGES, seconds: float = 20 * SECONDS) -> pd.DataFrame:
    """Steps of the small network, in turns: ``head``, ``batch``, ``best`` and ``median`` ms, ``ratio`` to "prepared".

    batch: "fused kernel", as training takes them on a CPU, drawn, augmented and normalised; by PyTorch "prepared", one
    and the same every time, forward, backward and Adam; "drawn", from so many images, augmented and normalised;
    "eager", by a DataLoader that augments image by image, and Adam as it comes, as the paper's scripts do. The best of
    the drawn ones is on the last, smaller batch of an epoch. ``gflops``: of the kernel's arithmetic in its median time;
    ``sgemm_gflops``: of a product of two matrices in the same process.
    """
    x, y = np.zeros((images, 32, 32, 3), np.uint8), np.arange(images) % 10
    data = Images(x, y, x[:1], y[:1], stand_in=True, source="", note="")
    rows = []
    with one_thread(), subnormals_flushed(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # torchvision's transforms draw from PyTorch's own generator
        for head in ("linear", "spectral"):
            times = take_turns(_cifar10_steps(head, data, settings), seconds)
            medians = {batch: float(np.median(spent)) for batch, spent in times.items()}
            rows += [
                (head, batch, 1e3 * min(spent), 1e3 * medians[batch], medians[batch] / medians["prepared"])
                for batch, spent in times.items()
            ]
        sgemm = sgemm_gflops()
    table = pd.DataFrame(rows, columns=["head", "batch", "best", "median", "ratio"])
    needed = table["head"].map(lambda head: flop_per_step(head, settings))
    gflops = (1e-6 * needed / table["median"]).where(table["batch"] == "fused kernel")
    return table.assign(gflops=gflops, sgemm_gflops=sgemm, instructions="AVX-512" if AVX512 else "AVX2 or less")


def flop_per_step(head: str, settings: Cifar10Trial) -> int:
    """Arithmetic operations of the products of a step of experiment 3, forward and for all gradients.

    A multiply and an add for each weight, pixel and image: once forward and once for the weights' gradients, and once
    for the inputs' gradients but of the images. The spectral head takes φ₁x and W_32 u.
    """
    inputs, hidden, classes = settings.widths
    first, second = 28 * 28 * 6 * 75, 10 * 10 * 16 * 150
    products = (inputs + 1) * classes if head == "linear" else (inputs + 1 + classes) * hidden
    return 2 * settings.training.batch_size * (2 * first + 3 * second + 3 * products)


def take_turns(
    steps: Mapping[str, Callable[[], object]], seconds: float, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """Seconds of every call of each step, called in turn until each has run FEWEST times and ``seconds`` in sum.

    They are core-seconds, unless another ``clock`` is given: seconds by the clock include what other programs took.
    """
    for step in steps.values():
        step()
    times = {name: [] for name in steps}
    while any(len(spent) < FEWEST for spent in times.values()) or min(map(sum, times.values())) < seconds:
        for name, step in steps.items():
            start = clock()
            step()
            times[name].append(clock() - start)
    return times


def plain_mlp(widths: Sequence[int], generator: torch.Generator) -> nn.Sequential:
    """Linear layers without bias, Xavier uniform, ReLU between them."""
    layers = []
    for before, after in pairwise(widths):
        linear = nn.Linear(before, after, bias=False)
        nn.init.xavier_uniform_(linear.weight, generator=generator)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _networks(layers: int) -> dict[str, nn.Module]:
    widths, generator = [WIDTH] * layers, torch.Generator().manual_seed(layers)
    made = (
        plain_mlp(widths, generator),
        SpectralNetwork(widths, generator=generator),
        SpectralNetwork(widths, form="bundles", generator=generator),
    )
    return dict(zip(NETWORKS, made, strict=True))


def _step(network: nn.Module, x: Tensor) -> Callable[[], None]:
    def step() -> None:
        network.zero_grad()
        network(x).sum().backward()

    return step


def _trainer_step(x: Tensor, y: Tensor, training: Training) -> Callable[[], object]:
    """A step of the backend that trains experiment 2, one of the epoch over x that it is asked for."""
    group = batched.Group(
        initial_parameters(TEACHER_WIDTHS, [0]), x.numpy(), y.numpy(), training, torch.relu, torch.device("cpu")
    )
    order = torch.arange(TEACHER_BATCH).expand(1, -1)
    return lambda: group.step(order)


def _first_batches(x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The first rows, gathered anew for every step."""
    order = torch.arange(TEACHER_BATCH)
    return ((x[order], y[order]) for _ in count())


def _without_end(loader: DataLoader) -> Iterator[Sequence[Tensor]]:
    """The batches of one epoch after the other, each shuffled anew."""
    return chain.from_iterable(repeat(loader))


def _loop_step(
    network: SpectralNetwork, batches: Iterator[Sequence[Tensor]], training: Training
) -> Callable[[], object]:
    optimizer = torch.optim.Adam(network.parameters(), lr=training.learning_rate)

    def step() -> None:
        inputs, targets = next(batches)
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(network(inputs), targets)
        (loss + training.rho * network.penalty(training.penalty)).backward()
        optimizer.step()

    return step


def _cifar10_steps(head: str, images: Images, settings: Cifar10Trial) -> dict[str, Callable[[], object]]:
    run = cifar10.new_run(head, images, settings, 0)
    fused = Fused(cifar10.new_run(head, images, settings, 0), cifar10.optimizer_of(run, settings), settings, 0)
    taken = chain.from_iterable(fused.crops(epoch).batches(settings.training.batch_size) for epoch in count())
    step = partial(cifar10.step, run, cifar10.optimizer_of(run, settings), settings)
    normalise = Normalisation(MEAN, DEVIATION)
    drawn = chain.from_iterable(cifar10.batches(run.split, settings, 0, epoch, normalise) for epoch in count())
    prepared = next(drawn)
    generator = torch.Generator().manual_seed(0)
    loader = DataLoader(OneByOne(images), batch_size=settings.training.batch_size, shuffle=True, generator=generator)
    loaded = _without_end(loader)
    plain = torch.optim.Adam(cifar10.whole(run).parameters(), lr=settings.training.learning_rate)
    eager = partial(cifar10.step, run, plain, settings)
    return {
        "fused kernel": lambda: fused.network.train(fused.train, next(taken), settings.training),
        "prepared": lambda: step(*prepared),
        "drawn": lambda: step(*next(drawn)),
        "eager": lambda: eager(*next(loaded)),
    }


class OneByOne(Dataset):
    """Training images that are cropped, flipped and normalised each by itself when they are asked for."""

    def __init__(self, images: Images) -> None:
        self.images = images
        self.transform = transforms.Compose(
            [
                transforms.ToPILImage(),
                transforms.RandomCrop(images.x_train.shape[1], padding=PADDING),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, DEVIATION),
            ]
        )

    def __len__(self) -> int:
        return len(self.images.y_train)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images.x_train[index]), int(self.images.y_train[index])
