"""What every method is given, and what it hands back: the protocol of the comparison."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from replication.training import adam
from replication.training.ensemble.batches import epoch_orders
from replication.training.seeds import generator
from sparcs.pruning import Graph

HISTORY = 20  # times in a search at which the gates are looked at
REGISTER = 16  # numbers in the longest SIMD register


@dataclass(frozen=True)
class Task:
    """Data, the maximal network and the training that all methods share.

    x, y: training points, (points, N_1) and (points, N_ℓ); x_choose, y_choose: the validation points, on which gates of
    bi-level methods are trained and on which everything is chosen. widths: N_1 … N_ℓ. bias: the last column of x is
    constant 1, and counts as a neuron of the input layer. steps: optimiser steps of the weights.
    """

    x: Tensor
    y: Tensor
    x_choose: Tensor
    y_choose: Tensor
    widths: tuple[int, ...]
    bias: bool
    steps: int
    batch_size: int
    learning_rate: float

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The bundles (i, j) of the maximal network, j < i, layers counted from 1."""
        return [(i, j) for i in range(2, len(self.widths) + 1) for j in range(1, i)]

    @property
    def parameters(self) -> int:
        """Weights of the maximal network, every skip included."""
        return sum(self.widths[i - 1] * self.widths[j - 1] for i, j in self.pairs)

    def batches(self, seeds: Sequence[int], steps: int | None = None) -> Iterator[Tensor]:
        """Indices of the training points of each step, (runs, batch), a fresh shuffle every epoch.

        They depend on a run's seed alone and are the same for every method.
        """
        return self._shuffled(seeds, "batches", len(self.x), self.steps if steps is None else steps)

    def second_batches(self, seeds: Sequence[int], points: int) -> Iterator[Tensor]:
        """Indices of the batches on which gates are trained, (runs, batch), drawn apart from those of the weights."""
        return self._shuffled(seeds, "gates", points, self.steps)

    def _shuffled(self, seeds: Sequence[int], stream: str, points: int, steps: int) -> Iterator[Tensor]:
        distinct, index = np.unique(seeds, return_inverse=True)
        generators = [generator(seed, stream) for seed in distinct]
        done = 0
        while done < steps:
            orders = np.concatenate([epoch_orders(random, points, 1) for random in generators])[index]  # (runs, points)
            for batch in torch.from_numpy(orders).long().split(self.batch_size, dim=-1)[: steps - done]:
                yield batch
                done += 1


@dataclass(frozen=True)
class SearchResult:
    """A network that a search has found, and what the search took.

    graph: its weights, f = relu. trained: numbers trained at a time during the search. steps: optimiser steps of
    weights; gradient_evaluations: batches through which a gradient was taken, those for gates included. trainings:
    networks trained, one that is trained again from its start counted once. history: the gates over time, one mapping a
    row.
    """

    graph: Graph
    trained: int
    steps: int
    gradient_evaluations: int
    trainings: int = 1
    history: list[dict[str, float]] = field(default_factory=list)


def train(
    task: Task,
    seeds: Sequence[int],
    parameters: Sequence[Tensor],
    loss: Callable[[Tensor, Tensor], Tensor],
    steps: int | None = None,
) -> int:
    """Train with Adam on ``loss(x, y)``, that of each run, (runs,), over the task's batches; return the steps taken.

    x: (runs, batch, N_1); y: (runs, batch, N_ℓ). The networks of all runs stand side by side in leading dimensions:
    Adam is elementwise, and the sum of their losses trains each by itself.
    """
    optimizer = Adam(parameters, task.learning_rate)
    steps = task.steps if steps is None else steps
    for batch in task.batches(seeds, steps):
        optimizer.step(torch.autograd.grad(loss(task.x[batch], task.y[batch]).sum(), parameters))
    return steps


class Adam:
    """Adam on some tensors, which become parts of one vector.

    Its kernel rounds the last numbers of a tensor, too few to fill a SIMD register, in its own way. Here those are
    zeros that stand for nothing, so no number's rounding depends on how many others there are.
    """

    def __init__(self, parameters: Sequence[Tensor], rate: float, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        sizes = [parameter.numel() for parameter in parameters]
        self.zeros = torch.zeros(-sum(sizes) % REGISTER)
        self.vector = self._joined([parameter.detach() for parameter in parameters])
        for parameter, part in zip(parameters, self.vector.split([*sizes, len(self.zeros)])[:-1], strict=True):
            parameter.data = part.view_as(parameter)
        self.optimizer = adam.Adam([self.vector], rate, betas)

    def step(self, gradients: Sequence[Tensor]) -> None:
        """One step along the gradient of each tensor."""
        self.optimizer.step([self._joined(gradients)])

    def _joined(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat([*(tensor.flatten() for tensor in tensors), self.zeros])


class Uniform:
    """Numbers drawn uniformly from [0, 1) for runs side by side, for one purpose; runs of one seed share them."""

    def __init__(self, seeds: Sequence[int], stream: str) -> None:
        distinct, self.index = np.unique(seeds, return_inverse=True)
        words = [int(generator(seed, stream).integers(2**63)) for seed in distinct]
        self.generators = [torch.Generator().manual_seed(word) for word in words]

    def __call__(self, *shape: int) -> Tensor:
        """The next numbers, (runs, *shape)."""
        return torch.stack([torch.rand(shape, generator=source) for source in self.generators])[self.index]
