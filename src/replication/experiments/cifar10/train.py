"""Experiment 3: a small convolutional network from scratch on CIFAR-10, linear head against SPARCS head (Table 5)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replication.data.augmentation import DEVIATION, MEAN, Draws, Normalisation, augmented, channels_first, draw, padded
from replication.data.image_arrays import Images
from replication.training import memory
from replication.training.classifiers import accuracy, clock, compacted, diverged, losses, split_rows
from replication.training.cuda_graphs import replayed
from replication.training.seeds import generator
from replication.training.torch_threads import subnormals_flushed
from replication.training.work import Results, Work
from sparcs.network import SpectralNetwork

EVALUATED = 500  # images evaluated at a time, so that activities stay in the cache
CURVES = {  # what is measured after every epoch, and the column that it has in the table
    "train_loss": "train_loss",
    "plain": "validation_accuracy",
    "augmented": "validation_accuracy_augmented",
    "plain_pruned": "validation_accuracy_pruned",
    "augmented_pruned": "validation_accuracy_augmented_pruned",
}
MEASURED = 5  # steps whose memory is measured
MIB = 2**20  # bytes
KEPT = 50  # eigenvalues are kept after epochs 1 and 10, every KEPT epochs, and after the last


class SmallCNN(nn.Module):
    """conv 5×5 (6) – batch norm – ReLU – max pool 2 – conv 5×5 (16) – batch norm – ReLU – max pool 2: 400 features.

    The ReLU acts after the pooling, on a quarter of the pixels: it commutes with the maximum.
    Shapes: (batch, 3, 32, 32) -> (batch, 400). generator: source of PyTorch's default initial values.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(_default(nn.Conv2d, before, after, 5, generator=generator), nn.BatchNorm2d(after))
            for before, after in pairwise((3, 6, 16))
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 3, 32, 32) -> (batch, 400)."""
        for stage in self.stages:
            x = F.relu(F.max_pool2d(stage(x), 2))
        return x.flatten(1)


@dataclass
class Run:
    """A trained network with what was measured on the way.

    curves: per epoch, one array for each of CURVES, losses and percentages; eigenvalues: by epoch, all layers' λ in one
    array. seconds: of training by ``clock``, evaluation left out. diverged_epoch: −1 if none.
    """

    features: SmallCNN
    head: nn.Module
    split: "Split"
    curves: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in CURVES})
    eigenvalues: dict[int, np.ndarray] = field(default_factory=dict)
    seconds: float = 0.0
    diverged_epoch: int = -1

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.curves["train_loss"])

    def rows(self) -> dict[str, np.ndarray]:
        """Everything measured as arrays, for a checkpoint."""
        arrays = {name: np.array(values) for name, values in self.curves.items()}
        arrays |= {f"eigenvalues.{epoch}": values for epoch, values in self.eigenvalues.items()}
        return arrays | {"seconds": np.array(self.seconds)}

    def take(self, rows: Mapping[str, np.ndarray]) -> None:
        """Continue from the rows of a checkpoint."""
        if not rows:
            return
        self.curves = {name: rows[name].tolist() for name in CURVES}
        self.seconds = float(rows["seconds"])
        self.eigenvalues = {
            int(name.removeprefix("eigenvalues.")): values for name, values in rows.items() if "eigenvalues." in name
        }


@dataclass(frozen=True)
class Split:
    """Training images, padded, uint8 (n, 3, 40, 40), validation and test images, uint8 (n, 3, 32, 32), and classes."""

    x_train: Tensor
    y_train: Tensor
    x_validation: Tensor
    y_validation: Tensor
    x_test: Tensor
    y_test: Tensor


def run(images: Images, work: Work) -> Results:
    """Train the small network with one head, and measure it and what its steps cost."""
    [trial], [seed] = work.trials, work.seeds
    costs = memory_of_steps(work.keys["head"], images, work.settings, seed, work.device)
    done = whole_training(images, work)
    costs |= {"seconds": done.seconds, "milliseconds_per_step": 1e3 * done.seconds / steps(done, work.settings)}
    tables = {
        "trials": pd.DataFrame([row(done, images, work)]),
        "epochs": epoch_table(done.curves).assign(trial=trial),
        "eigenvalues": eigenvalue_table(done.eigenvalues, work.settings.widths).assign(trial=trial),
        "costs": pd.DataFrame([{"trial": trial, "device": work.device} | costs]),
    }
    return tables, parameters(done)


def sweep(images: Images, work: Work) -> Results:
    """The same at one kind and strength of the penalty: the trial's row alone."""
    return {"sweep": pd.DataFrame([row(whole_training(images, work), images, work)])}, {}


def whole_training(images: Images, work: Work) -> Run:
    """A network trained to the end, from the checkpoint if there is one."""
    settings, [seed] = work.settings, work.seeds
    started = new_run(work.keys["head"], images, settings, seed, work.device)
    optimizer, module = optimizer_of(started, settings), whole(started)
    started.take(work.checkpoint.load(module, optimizer))
    progress = work.progress(settings.training.epochs, "epochs")
    progress(started.epochs)

    def on_epoch(going: Run) -> None:
        progress(1)
        last = going.epochs == settings.training.epochs or going.diverged_epoch >= 0
        if work.checkpoint.every and going.epochs % work.checkpoint.every == 0 and not last:
            work.checkpoint.save(module, optimizer, going.rows())

    return train(started, optimizer, settings, seed, on_epoch)


def row(done: Run, images: Images, work: Work) -> dict[str, object]:
    """A trained network's row in the table of trials."""
    [trial], [seed] = work.trials, work.seeds
    of_images = {"stand_in": images.stand_in, "approximate_images": images.approximate}
    of_run = {"epochs": done.epochs, "diverged_epoch": done.diverged_epoch}
    return {"trial": trial, "seed": seed} | of_images | of_run | measure(done, work.settings)


def epoch_table(curves: Mapping[str, list[float]]) -> pd.DataFrame:
    """One row per epoch, counted from 1."""
    table = pd.DataFrame(curves).rename(columns=CURVES)
    return table.assign(epoch=np.arange(1, len(table) + 1))


def eigenvalue_table(kept: Mapping[int, np.ndarray], widths: Sequence[int]) -> pd.DataFrame:
    """One row per epoch kept and neuron of the hidden layer (2) and the last one (3)."""
    layers = np.repeat([2, 3], widths[1:])
    neurons = np.concatenate([np.arange(1, width + 1) for width in widths[1:]])
    frames = [
        pd.DataFrame({"epoch": epoch, "layer": layers, "neuron": neurons, "eigenvalue": values})
        for epoch, values in sorted(kept.items())
        if len(values)
    ]
    columns = ["epoch", "layer", "neuron", "eigenvalue"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns, dtype=float)


def split_of(images: Images, settings: SimpleNamespace, seed: int) -> Split:
    """The trial's split: of the first images in a seeded order, a share validates and the others train."""
    rows = split_rows(len(images.y_train), settings.images, settings.validation_share, seed)
    validation, train = map(torch.from_numpy, rows)
    x, y = channels_first(images.x_train), torch.from_numpy(images.y_train.astype(np.int64))
    test = slice(settings.test_images)
    return Split(
        padded(x[train]),
        y[train],
        x[validation],
        y[validation],
        channels_first(images.x_test[test]),
        torch.from_numpy(images.y_test[test].astype(np.int64)),
    )


def new_run(head: str, images: Images, settings: SimpleNamespace, seed: int, device: str = "cpu") -> Run:
    """A network at its start; the features draw first, so that they are the same under every head.

    The authors' image scripts give W_31 the opposite sign of (4.3), which is (4.3) started at λ_3 = −1.
    """
    source = torch.Generator().manual_seed(seed)
    features = SmallCNN(source)
    inputs, hidden, classes = settings.widths
    made = {
        "linear": lambda: _default(nn.Linear, inputs, classes, generator=source),
        "spectral": lambda: SpectralNetwork((inputs, hidden, classes), bias=settings.bias, generator=source),
        "spectral_authors_sign": lambda: SpectralNetwork(
            (inputs, hidden, classes), bias=settings.bias, output_eigenvalue=-1, generator=source
        ),
    }[head]()
    split = split_of(images, settings, seed)
    split = Split(*(tensor.to(device) for tensor in vars(split).values()))
    return Run(features.to(device), made.to(device), split)


def optimizer_of(run: Run, settings: SimpleNamespace) -> torch.optim.Optimizer:
    """Adam over features and head; on a GPU one that can be recorded in a CUDA graph."""
    capturable = run.split.x_train.is_cuda
    rate = settings.training.learning_rate
    return torch.optim.Adam(whole(run).parameters(), lr=rate, fused=True, capturable=capturable)


def whole(run: Run) -> nn.ModuleDict:
    """Features and head as one module."""
    return nn.ModuleDict({"features": run.features, "head": run.head})


@subnormals_flushed()
def train(
    run: Run,
    optimizer: torch.optim.Optimizer,
    settings: SimpleNamespace,
    seed: int,
    on_epoch: Callable[[Run], None] | None = None,
) -> Run:
    """Train up to the last epoch and validate after each, from where the run stands.

    Cross-entropy plus ρ Ω(λ̃) on augmented images; the last, smaller batch is kept. A run whose loss is no longer
    finite stops there. Gradients and activities too small for float32's normal numbers are flushed to zero.
    """
    device = run.split.x_train.device
    normalise = Normalisation(MEAN, DEVIATION, device)
    now = clock(device.type)
    take = replayed(partial(step, run, optimizer, settings), device)
    while run.epochs < settings.training.epochs and run.diverged_epoch < 0:
        epoch = run.epochs
        start = now()
        batch_losses = [take(x, y) for x, y in batches(run.split, settings, seed, epoch, normalise)]
        loss = float(torch.stack(batch_losses).mean())
        run.seconds += now() - start
        validated = validate(run, draw(len(run.split.y_validation), generator(seed, "validation", epoch)), normalise)
        for name, value in zip(CURVES, (loss, *validated), strict=True):
            run.curves[name].append(value)
        if epoch in (0, 9) or (epoch + 1) % KEPT == 0 or epoch + 1 == settings.training.epochs:
            run.eigenvalues[epoch + 1] = eigenvalues(run.head)
        if not np.isfinite(loss):
            run.diverged_epoch = epoch
        if on_epoch:
            on_epoch(run)
    return run


def batches(
    split: Split, settings: SimpleNamespace, seed: int, epoch: int, normalise: Normalisation
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch's batches, float32 (batch, 3, 32, 32) and classes (batch,); order and crops are the epoch's own."""
    points = len(split.y_train)
    order = torch.from_numpy(generator(seed, "batches", epoch).permutation(points))
    draws = draw(points, generator(seed, "augmentation", epoch))
    order, draws = order.to(split.y_train.device), draws.to(split.y_train.device)
    for first in range(0, points, settings.training.batch_size):
        part = slice(first, first + settings.training.batch_size)
        rows = order[part]
        yield normalise(augmented(split.x_train, rows, draws.at(part))), split.y_train[rows]


def step(run: Run, optimizer: torch.optim.Optimizer, settings: SimpleNamespace, x: Tensor, y: Tensor) -> Tensor:
    """One Adam step; returns the cross-entropy of the batch."""
    run.features.train()
    optimizer.zero_grad()
    data_loss, loss = losses(run.head, run.head(run.features(x)), y, settings.training)
    loss.backward()
    optimizer.step()
    return data_loss.detach()


def validate(run: Run, draws: Draws, normalise: Normalisation) -> tuple[float, float, float, float]:
    """Validation accuracy in per cent: plain, augmented as in training (the authors'), both again with λ_2 := 0."""
    heads = [run.head, pruned(run.head)]
    x, y = run.split.x_validation, run.split.y_validation
    plain = accuracies(run.features, heads, x, y, normalise)
    rows = torch.arange(len(y), device=y.device)
    shifted = accuracies(run.features, heads, augmented(padded(x), rows, draws.to(y.device)), y, normalise)
    return plain[0], shifted[0], plain[1], shifted[1]


def pruned(head: nn.Module) -> nn.Module | None:
    """The head with λ_2 := 0, removal (i); None for a linear head."""
    if not isinstance(head, SpectralNetwork):
        return None
    head = deepcopy(head)
    with torch.no_grad():
        head.eigenvalues[1].zero_()
    return head


@torch.no_grad()
def accuracies(
    features: SmallCNN, heads: list[nn.Module | None], x: Tensor, y: Tensor, normalise: Normalisation
) -> list[float]:
    """Per cent of the images (n, 3, 32, 32) that each head classifies correctly; NaN where there is no head."""
    extracted = activities(features, x, normalise)  # (n, 400)
    return [float("nan") if head is None else accuracy(head, extracted, y) for head in heads]


@torch.no_grad()
def activities(features: SmallCNN, x: Tensor, normalise: Normalisation) -> Tensor:
    """The features of images, in evaluation mode, (n, 3, 32, 32) -> (n, 400)."""
    features.eval()
    return torch.cat([features(normalise(part)) for part in x.split(EVALUATED)])


def eigenvalues(head: nn.Module) -> np.ndarray:
    """λ_2 and λ_3 of a spectral head, side by side; empty for a linear one."""
    if not isinstance(head, SpectralNetwork):
        return np.zeros(0, np.float32)
    return np.concatenate([block.detach().cpu().numpy() for block in list(head.eigenvalues)[1:]])


def steps(run: Run, settings: SimpleNamespace) -> int:
    """Optimiser steps done."""
    return run.epochs * -(-len(run.split.y_train) // settings.training.batch_size)


def parameters(run: Run) -> dict[str, np.ndarray]:
    """Parameters and buffers by name."""
    return {name: value.cpu().numpy() for name, value in whole(run).state_dict().items()}


def memory_of_steps(head: str, images: Images, settings: SimpleNamespace, seed: int, device: str) -> dict[str, float]:
    """MiB allocated after a step, on average over MEASURED steps (the paper's measure), and the peak of a step.

    Parameters, gradients, Adam's state and the batch are counted; the data set is left out. A network of its own is
    trained for this, before the run.
    """
    run = new_run(head, images, settings, seed, device)
    optimizer = optimizer_of(run, settings)
    after, peaks = [], []
    normalise = Normalisation(MEAN, DEVIATION, device)
    for x, y in islice(batches(run.split, settings, seed, 0, normalise), MEASURED):
        optimizer.zero_grad()  # what a step releases must not count as held in it
        held = memory.held(whole(run), optimizer, x, y)
        peaks.append(held + memory.peak_allocated(lambda x=x, y=y: step(run, optimizer, settings, x, y), device))
        after.append(memory.held(whole(run), optimizer, x, y))
    return {"mean_allocated_mib": float(np.mean(after)) / MIB, "peak_allocated_mib": max(peaks) / MIB}


def measure(run: Run, settings: SimpleNamespace) -> dict[str, float]:
    """What is reported of a trained network: test accuracies, sizes, and what compaction leaves of the head.

    A run whose last step made it diverge, which no loss of a batch tells, has its ``diverged_epoch`` here.
    Compaction keeps the fewest neurons whose validation cross-entropy is within ``loss_budget``.
    """
    split = run.split
    normalise = Normalisation(MEAN, DEVIATION, split.x_test.device)
    row = {"test_accuracy": np.nan, "test_accuracy_pruned": np.nan, "recruited_neurons": np.nan}
    row |= dict.fromkeys(("compact_neurons", "compact_parameters", "compact_test_accuracy"), np.nan)
    row["parameters"] = sum(parameter.numel() for parameter in run.head.parameters())
    if run.diverged_epoch >= 0:
        return row
    held = activities(run.features, split.x_validation, normalise)  # (validation, 400)
    if diverged(whole(run), run.head, held, split.y_validation):
        return row | {"diverged_epoch": run.epochs - 1}
    x = activities(run.features, split.x_test, normalise)  # (test, 400)
    row["test_accuracy"] = accuracy(run.head, x, split.y_test)
    if isinstance(run.head, SpectralNetwork):
        row["test_accuracy_pruned"] = accuracy(pruned(run.head), x, split.y_test)
        row["recruited_neurons"] = run.head.active_neurons(floor=0.0)[0]
        row |= compacted(run.head, (held, split.y_validation), (x, split.y_test), settings.loss_budget)
    return row


def _default(kind: type[nn.Module], *sizes: int, generator: torch.Generator) -> nn.Module:
    """A linear or convolutional layer with PyTorch's default initial values from a generator.

    Weight and bias uniform in ±1/√(inputs of one output), which is Kaiming's with a = √5.
    """
    layer = nn.utils.skip_init(kind, *sizes)
    bound = layer.weight[0].numel() ** -0.5
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return layer
