"""The two ways to train the small network: by PyTorch, on any device, and by the fused kernel, on a CPU.

Both see the same batches. They agree to rounding, but for the convolutions' biases: a batch norm takes them away again,
so that their gradient is 0, or PyTorch's rounding errors, of which Adam makes small steps.
"""

from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn

from replication.data.augmentation import DEVIATION, MEAN, Draws, Normalisation, augmented, draw, padded
from replication.experiments.cifar10.run import Run, SmallCNN, Split, pruned, whole
from replication.training.classifiers import accuracy, losses
from replication.training.cuda_graphs import replayed
from replication.training.seeds import generator
from replication.training.small_cnn.network import Crops, Pictures, SmallNetwork, pictures
from replication.training.small_cnn.shapes import CLASSES
from sparcs.network import SpectralNetwork

EVALUATED = 500  # images evaluated at a time, so that activities stay in the cache
Validated = tuple[float, float, float, float]


def backend(run: Run, optimizer: torch.optim.Optimizer, settings: SimpleNamespace, seed: int) -> "PyTorch | Fused":
    """The fused kernel where it is made for the network, else PyTorch."""
    kind = Fused if fits(run) else PyTorch
    return kind(run, optimizer, settings, seed)


def fits(run: Run) -> bool:
    """Whether the fused kernel is made for a network: 2 to 12 classes, ReLU, λ_1 = 0, a CPU, float32 or float64."""
    kinds = {(value.device.type, value.dtype) for value in whole(run).parameters()}
    known = len(kinds) == 1 and kinds <= {("cpu", torch.float32), ("cpu", torch.float64)}
    return known and kernel_shape(run.head) is not None


def kernel_shape(head: nn.Module) -> tuple[int, int, bool] | None:
    """What the kernel is told of a head: classes, hidden neurons, whether those are plain; None if it can't train it.

    It is made for a SPARCS head, a linear layer, and two with a ReLU between them, all with a bias.
    """
    if isinstance(head, SpectralNetwork):
        usual = head.activation is torch.relu and not head.train_input_eigenvalues
        made = usual and head.has_bias and len(head.widths) == 3
        shape = head.out_features, head.widths[1], False
    else:
        plain = isinstance(head, nn.Sequential)
        layers = [*head] if plain else [head]
        made = [type(layer) for layer in layers] == ([nn.Linear, nn.ReLU, nn.Linear] if plain else [nn.Linear])
        made = made and all(layer.bias is not None for layer in layers[::2])
        shape = (layers[-1].out_features, layers[0].out_features if plain else 0, plain) if made else None
    return shape if made and 2 <= shape[0] <= CLASSES else None


class PyTorch:
    """Autograd and PyTorch's Adam; on a GPU a step is recorded once and replayed."""

    name = "PyTorch"

    def __init__(self, run: Run, optimizer: torch.optim.Optimizer, settings: SimpleNamespace, seed: int) -> None:
        device = run.split.x_train.device
        self.run, self.settings, self.seed = run, settings, seed
        self.normalise = Normalisation(MEAN, DEVIATION, device)
        self.step = replayed(partial(step, run, optimizer, settings), device)

    def epoch(self, epoch: int) -> float:
        """Train for an epoch; returns the mean of the batches' cross-entropies."""
        drawn = batches(self.run.split, self.settings, self.seed, epoch, self.normalise)
        return float(torch.stack([self.step(x, y) for x, y in drawn]).mean())

    def validate(self, epoch: int) -> Validated:
        """Validation accuracies as by ``validate``."""
        return validate(self.run, validation_draws(len(self.run.split.y_validation), self.seed, epoch), self.normalise)


class Fused:
    """The kernel of ``training.small_cnn``; module and optimiser have its state after every epoch."""

    name = "fused kernel"

    def __init__(self, run: Run, optimizer: torch.optim.Optimizer, settings: SimpleNamespace, seed: int) -> None:
        self.run, self.optimizer, self.settings, self.seed = run, optimizer, settings, seed
        self.module = whole(run)
        classes, hidden, plain = kernel_shape(run.head)
        dtype = next(run.head.parameters()).detach().numpy().dtype
        self.network = SmallNetwork(classes, hidden, settings.training.batch_size, dtype, plain)
        table = value_table().numpy().astype(dtype)
        self.train, self.plain, self.framed = (
            pictures(x.numpy(), table)
            for x in (run.split.x_train, run.split.x_validation, padded(run.split.x_validation))
        )
        self.network.compile(self.train)
        self._take()

    def epoch(self, epoch: int) -> float:
        """Train for an epoch; returns the mean of the batches' cross-entropies."""
        taken, cut = self.network.steps, self.crops(epoch)
        loss = self.network.train(self.train, cut, self.settings.training)
        self._give(self.network.steps - taken)
        return loss

    def crops(self, epoch: int) -> Crops:
        """An epoch's images, in order."""
        order, draws = order_and_draws(len(self.run.split.y_train), self.seed, epoch)
        return crops(order, draws, self.run.split.y_train[order])

    def validate(self, epoch: int) -> Validated:
        """Validation accuracies as by ``validate``."""
        y = self.run.split.y_validation
        rows, none = torch.arange(len(y)), torch.zeros(len(y), dtype=torch.int64)
        plain = self._accuracies(self.plain, crops(rows, Draws(none, none, none.bool()), y))
        shifted = self._accuracies(self.framed, crops(rows, validation_draws(len(y), self.seed, epoch), y))
        return plain[0], shifted[0], plain[1], shifted[1]

    def _accuracies(self, images: Pictures, cut: Crops) -> tuple[float, float]:
        whole_head, without = (100 * count / len(cut.rows) for count in self.network.correct(images, cut))
        return whole_head, without if isinstance(self.run.head, SpectralNetwork) else float("nan")

    def _take(self) -> None:
        """Module's and optimiser's state to the kernel."""
        for name, value in self.module.state_dict().items():
            for views in (self.network.values, self.network.running):
                if name in views:
                    views[name][...] = value.numpy()
        for name, parameter in self.module.named_parameters():
            if state := self.optimizer.state.get(parameter):
                self.network.first[name][...] = state["exp_avg"].numpy()
                self.network.second[name][...] = state["exp_avg_sq"].numpy()
                self.network.steps = int(state["step"])

    @torch.no_grad()
    def _give(self, steps: int) -> None:
        """The kernel's state to module and optimiser, ``steps`` after the last time."""
        for name, value in self.module.state_dict().items():
            for views in (self.network.values, self.network.running):
                if name in views:
                    value.copy_(torch.from_numpy(views[name]))
            if name.endswith("num_batches_tracked"):
                value.add_(steps)
        for name, parameter in self.module.named_parameters():
            moments = (self.network.first[name], self.network.second[name])
            first, second = (torch.from_numpy(np.ascontiguousarray(values)).clone() for values in moments)
            taken = torch.tensor(float(self.network.steps))
            self.optimizer.state[parameter] = {"step": taken, "exp_avg": first, "exp_avg_sq": second}


def value_table() -> Tensor:
    """What every byte of every colour becomes when images are normalised, (3, 256)."""
    values = torch.arange(256, dtype=torch.uint8).expand(3, 1, 256)
    return Normalisation(MEAN, DEVIATION)(values)[:, 0]


def crops(rows: Tensor, draws: Draws, labels: Tensor) -> Crops:
    """Images and their crops as the kernel reads them, all (n,)."""
    return Crops(*(tensor.numpy() for tensor in (rows, draws.top, draws.left, draws.flip, labels)))


def order_and_draws(points: int, seed: int, epoch: int) -> tuple[Tensor, Draws]:
    """The order of an epoch's images (points,), and each one's crop; both are the epoch's own."""
    order = torch.from_numpy(generator(seed, "batches", epoch).permutation(points))
    return order, draw(points, generator(seed, "augmentation", epoch))


def validation_draws(points: int, seed: int, epoch: int) -> Draws:
    """The crops of an epoch's augmented validation images."""
    return draw(points, generator(seed, "validation", epoch))


def batches(
    split: Split, settings: SimpleNamespace, seed: int, epoch: int, normalise: Normalisation
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch's batches, float32 (batch, 3, 32, 32) and classes (batch,)."""
    order, draws = order_and_draws(len(split.y_train), seed, epoch)
    order, draws = order.to(split.y_train.device), draws.to(split.y_train.device)
    for first in range(0, len(order), settings.training.batch_size):
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
