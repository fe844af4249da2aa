"""Searching a cell with the supernet: DARTS and GAEA, single-level and bi-level, and two controls.

Each step has two gradients: that of the mixture's weights θ on one batch, then that of the network on another.
Bi-level: the batches for θ come from a half of the images that the network is not trained on. Single-level (empirical
risk minimisation): both come from all images. Li, Khodak, Balcan, Talwalkar: Geometry-Aware Gradient Algorithms for
Neural Architecture Search (ICLR 2021).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import cos, pi
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replication.baselines.gaea import exponentiated
from replication.data.augmentation import DEVIATION, MEAN, Normalisation, augmented, channels_first, draw, padded
from replication.data.image_arrays import Images
from replication.experiments.cells.space import EDGES, name_of, random_cells
from replication.experiments.cells.supernet import Supernet, one_hot
from replication.training.classifiers import clock
from replication.training.seeds import generator
from replication.training.torch_threads import subnormals_flushed
from replication.training.work import Results, Work

LEVELS = {"darts": 2, "darts_single_level": 1, "gaea": 1, "gaea_bilevel": 2}
CONTROLS = ("random", "untrained")
METHODS = (*LEVELS, *CONTROLS)
LARGEST_GRADIENT = 5.0  # norm at which the network's gradient is clipped
WEIGHT_DECAY = 3e-4  # of the network, as in the authors' configuration
EVALUATED = 250  # images at a time

HISTORY = ["gradient_evaluations", "loss", "entropy", "largest_weight"]

Cell = tuple[str, ...]


class Softmax:
    """DARTS: w = softmax(α), α by Adam with β = (0.5, 0.999) and weight decay 1e-3; all α start at 0."""

    def __init__(self, shape: tuple[int, int], rate: float) -> None:
        self.trained = torch.zeros(shape, requires_grad=True)
        self.optimizer = torch.optim.Adam([self.trained], lr=rate, betas=(0.5, 0.999), weight_decay=1e-3)

    def weights(self) -> Tensor:
        """The mixture, (6, operations), each row summing to 1."""
        return self.trained.softmax(-1)

    def step(self, gradient: Tensor) -> None:
        """One step of Adam along the gradient of α."""
        self.trained.grad = gradient
        self.optimizer.step()


class Simplex:
    """GAEA: w = θ on the simplex, θ ← θ ∘ exp(−η ∂L/∂θ) normalised; uniform at the start."""

    def __init__(self, shape: tuple[int, int], rate: float) -> None:
        self.trained = torch.full(shape, 1 / shape[-1], requires_grad=True)
        self.rate = rate

    def weights(self) -> Tensor:
        """The mixture, (6, operations), each row summing to 1."""
        return self.trained

    def step(self, gradient: Tensor) -> None:
        """One step of exponentiated gradient."""
        self.trained.data = exponentiated(self.trained.data.mT, gradient.mT, self.rate).mT  # choices before gates


@dataclass
class SearchResult:
    """The cell that a search chose, None if it diverged, how it went epoch by epoch, and what it took."""

    cell: Cell | None
    history: pd.DataFrame
    gradient_evaluations: int = 0
    supernet_accuracy: float = float("nan")


@dataclass
class Data:
    """Images for the network and for θ, padded, uint8 (n, 3, 40, 40), and those that rank cells, (n, 3, 32, 32).

    passes: over the network's images in an epoch of the settings.
    """

    x: Tensor
    y: Tensor
    x_weights: Tensor
    y_weights: Tensor
    x_ranking: Tensor
    y_ranking: Tensor
    passes: int
    normalise: Normalisation


def run(images: Images, work: Work) -> Results:
    """Search one cell with one method: the cell, how the search went, and what it took."""
    method, [trial], [seed] = work.keys["method"], work.trials, work.seeds
    seconds = clock(work.device)
    start = seconds()
    on_epoch = work.progress(work.settings.epochs * LEVELS.get(method, 0), "epochs")
    result = search(method, images, work.settings, seed, work.device, on_epoch)
    spent = seconds() - start
    row = {"trial": trial, "seed": seed, "stand_in": images.stand_in, "approximate_images": images.approximate}
    chosen = result.cell is not None  # one that diverged has a row all the same
    row |= {"cell": name_of(result.cell) if chosen else None}
    row |= {"skips": result.cell.count("skip_connect") if chosen else np.nan}
    row |= {"supernet_accuracy": result.supernet_accuracy, "gradient_evaluations": result.gradient_evaluations}
    tables = {
        "trials": pd.DataFrame([row]),
        "history": result.history.reindex(columns=HISTORY).assign(trial=trial),
        "costs": pd.DataFrame([{"trial": trial, "device": work.device, "seconds": spent}]),
    }
    return tables, {}


def data_of(images: Images, settings: SimpleNamespace, levels: int, seed: int, device: str = "cpu") -> Data:
    """The first images in a seeded order: all for both gradients (single-level) or a half for each (bi-level)."""
    order = generator(seed, "split").permutation(len(images.y_train))[: settings.images]
    x = channels_first(images.x_train[order]).to(device)  # (images, 3, 32, 32)
    y = torch.from_numpy(images.y_train[order].astype(np.int64)).to(device)
    half = len(order) // 2
    network, weights = (slice(0, half), slice(half, None)) if levels == 2 else (slice(None), slice(None))
    ranking = slice(0, settings.ranking_images)
    ranked = x[half:][ranking], y[half:][ranking]
    normalise = Normalisation(MEAN, DEVIATION, device)
    return Data(padded(x[network]), y[network], padded(x[weights]), y[weights], *ranked, levels, normalise)


@subnormals_flushed()
def search(
    method: str,
    images: Images,
    settings: SimpleNamespace,
    seed: int,
    device: str = "cpu",
    on_epoch: Callable[[int], object] = lambda _: None,
) -> SearchResult:
    """The cell that a method finds, if it does not diverge; ``seed`` gives split, batches, crops, initial values.

    Raises ValueError for a method that is not in METHODS.
    """
    if method not in METHODS:
        raise ValueError(f"method {method!r}: allowed are {', '.join(METHODS)}")
    if method == "random":
        return SearchResult(random_cells(settings.operations, 1, generator(seed, "gates"))[0], pd.DataFrame())
    data = data_of(images, settings, LEVELS.get(method, 2), seed, device)
    classes = int(images.y_train.max()) + 1
    network = Supernet(settings.operations, settings.channels, settings.cells, classes, seed % 2**63).to(device)
    if method == "untrained":
        return best_of_random(network, data, settings, seed)
    shape, rates = (len(EDGES), len(settings.operations)), settings.rates
    mixture = Softmax(shape, rates.darts) if method.startswith("darts") else Simplex(shape, rates.gaea)
    history = train(network, mixture, data, settings, seed, on_epoch)
    result = SearchResult(None, history, gradient_evaluations=int(history["gradient_evaluations"].iloc[-1]))
    if not all(value.isfinite().all() for value in (mixture.weights(), *network.parameters())):
        return result
    chosen = mixture.weights().argmax(-1).tolist()
    cell = result.cell = tuple(settings.operations[k] for k in chosen)
    result.supernet_accuracy = accuracy(network, cell, data, settings)
    return result


def best_of_random(network: Supernet, data: Data, settings: SimpleNamespace, seed: int) -> SearchResult:
    """The most accurate of ``candidates`` random cells, in a supernet that was never trained."""
    cells = random_cells(settings.operations, settings.candidates, generator(seed, "gates"))
    accuracies = [accuracy(network, cell, data, settings) for cell in cells]
    best = int(np.argmax(accuracies))
    return SearchResult(cells[best], pd.DataFrame(), supernet_accuracy=accuracies[best])


def train(
    network: Supernet,
    mixture: Softmax | Simplex,
    data: Data,
    settings: SimpleNamespace,
    seed: int,
    on_epoch: Callable[[int], object],
) -> pd.DataFrame:
    """Train both together, a row for each pass over the network's images.

    A bi-level search, whose network has half of the images, passes over them twice as often: all have the same number
    of gradient evaluations. A search whose loss is no longer finite stops there. Returns gradient_evaluations so far,
    loss, entropy (nats) and largest weight, both means over the edges.
    """
    optimizer = torch.optim.SGD(
        network.parameters(), lr=settings.learning_rate, momentum=0.9, weight_decay=WEIGHT_DECAY
    )
    rows, epochs = [], settings.epochs * data.passes
    for epoch in range(epochs):
        losses = []
        optimizer.param_groups[0]["lr"] = annealed(settings.learning_rate, epoch, epochs)
        pairs = zip(
            batches(data.x_weights, data.y_weights, settings, seed, "gates", epoch, data.normalise),
            batches(data.x, data.y, settings, seed, "batches", epoch, data.normalise),
            strict=False,
        )
        for (x_weights, y_weights), (x, y) in pairs:
            mixture.step(gradient_of_weights(network, mixture, x_weights, y_weights))
            losses.append(step(network, optimizer, mixture.weights().detach(), x, y))
        weights = mixture.weights().detach()
        entropy = -(weights * weights.clamp_min(1e-12).log()).sum(-1).mean()
        row = {"gradient_evaluations": 2 * (epoch + 1) * len(losses), "loss": float(np.mean(losses))}
        rows.append(row | {"entropy": float(entropy), "largest_weight": float(weights.amax(-1).mean())})
        on_epoch(1)
        if not np.isfinite(row["loss"]):
            break
    return pd.DataFrame(rows)


def gradient_of_weights(network: nn.Module, mixture: Softmax | Simplex, x: Tensor, y: Tensor) -> Tensor:
    """The gradient of the cross-entropy for what the mixture trains, the network standing still."""
    loss = F.cross_entropy(network(x, mixture.weights()), y)
    return torch.autograd.grad(loss, mixture.trained)[0]


def step(network: nn.Module, optimizer: torch.optim.Optimizer, weights: Tensor, x: Tensor, y: Tensor) -> float:
    """One step of the network at given weights of the mixture; returns the cross-entropy."""
    optimizer.zero_grad()
    loss = F.cross_entropy(network(x, weights), y)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
    optimizer.step()
    return float(loss.detach())


def annealed(rate: float, epoch: int, epochs: int, least: float = 1e-3) -> float:
    """The learning rate of an epoch: a half cosine from ``rate`` to ``least``."""
    return least + (rate - least) * (1 + cos(pi * epoch / epochs)) / 2


def steps(points: int, settings: SimpleNamespace) -> int:
    """Steps of an epoch; the last, smaller batch is left out, as batch norm would make it count too much."""
    return max(points // settings.batch_size, 1)


def batches(
    x: Tensor, y: Tensor, settings: SimpleNamespace, seed: int, stream: str, epoch: int, normalise: Normalisation
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch's batches in the stream's own order, cropped and flipped: float32 (batch, 3, 32, 32), classes."""
    source = generator(seed, stream, epoch)
    order, draws = torch.from_numpy(source.permutation(len(y))).to(y.device), draw(len(y), source).to(y.device)
    for k in range(steps(len(y), settings)):
        part = slice(k * settings.batch_size, (k + 1) * settings.batch_size)
        yield normalise(augmented(x, order[part], draws.at(part))), y[order[part]]


@torch.no_grad()
def accuracy(network: Supernet, cell: Sequence[str], data: Data, settings: SimpleNamespace) -> float:
    """Per cent of the ranking images that the network of one cell, with the supernet's parameters, gets right."""
    weights = one_hot(settings.operations, cell).to(data.x_ranking.device)
    right = [
        network(data.normalise(x), weights).argmax(-1) == y
        for x, y in zip(data.x_ranking.split(EVALUATED), data.y_ranking.split(EVALUATED), strict=True)
    ]
    return 100 * float(torch.cat(right).double().mean())
