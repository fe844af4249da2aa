"""Networks with given widths and bundles, trained from a start: what black-box searches try out."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from replication.baselines.network import Weights, graphs_of, squared_error
from replication.baselines.task import Adam, Task, Uniform
from sparcs.pruning import Graph


@dataclass(frozen=True)
class Shape:
    """Neurons of every hidden layer, 0 where it is left out, and the bundles (i, j) that are there."""

    hidden: tuple[int, ...]
    bundles: tuple[tuple[int, int], ...]


def widths_of(task: Task, shape: Shape) -> tuple[int, ...]:
    """The neurons of every layer of a shape."""
    return (task.widths[0], *shape.hidden, task.widths[-1])


def size(task: Task, shape: Shape) -> float:
    """The parameters of a shape over those of the maximal network."""
    widths = widths_of(task, shape)
    return sum(widths[i - 1] * widths[j - 1] for i, j in shape.bundles) / task.parameters


class Candidate:
    """A network of a shape in training; it can go on for as many steps as it is given."""

    def __init__(self, task: Task, shape: Shape, seed: int) -> None:
        self.task, self.shape = task, shape
        self.widths = widths_of(task, shape)
        self.weights = initial(task, shape, seed)
        self.trained = [weight for weight in self.weights.values() if weight.requires_grad]
        self.optimizer = Adam(self.trained, task.learning_rate)
        self.batches = task.batches([seed])
        self.steps = 0

    def train(self, steps: int) -> float:
        """Train for more steps and return the validation loss."""
        for _ in range(steps):
            batch = next(self.batches)
            loss = squared_error(self.weights, self.task.x[batch], self.task.y[batch]).sum()
            self.optimizer.step(torch.autograd.grad(loss, self.trained))
        self.steps += steps
        with torch.no_grad():
            return float(squared_error(self.weights, self.task.x_choose[None], self.task.y_choose))

    @property
    def graph(self) -> Graph:
        """The network as it is now."""
        return graphs_of(self.weights, self.task.bias)[0]


def initial(task: Task, shape: Shape, seed: int) -> Weights:
    """Uniform weights of variance 1 / (incoming weights); the bundle from the input is 0 where the shape has none."""
    widths, uniform = widths_of(task, shape), Uniform([seed], "initial")
    incoming: Mapping[int, int] = {
        i: sum(widths[j - 1] for k, j in shape.bundles if k == i) for i in range(2, len(widths) + 1)
    }
    weights = {}
    for i, j in task.pairs:
        if (i, j) in shape.bundles or j == 1:
            there = (i, j) in shape.bundles
            drawn = 2 * uniform(widths[i - 1], widths[j - 1]) - 1  # (1, N_i, N_j)
            scale = (3 / max(incoming[i], 1)) ** 0.5 if there else 0.0
            weights[i, j] = (scale * drawn).requires_grad_(there)
    return weights
