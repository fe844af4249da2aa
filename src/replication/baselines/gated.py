"""Weights and gates trained in turns: what the differentiable methods and the controller have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from math import log

import torch
from torch import Tensor

from replication.baselines.network import Weights
from replication.baselines.supernet import Gates, Supernet
from replication.baselines.task import HISTORY, Adam, SearchResult, Task

CHOICES = {"bundles": 2, "neurons": 3}  # {none, linear} and {off, identity, relu}: dimension 1, softmax is fast there
DECIDED = 0.9  # a gate counts as decided if one of its choices has at least this weight

Loss = Callable[[Gates], Tensor]  # gates of all runs -> the penalised loss of each, (runs,)


class Architecture(ABC):
    """The gates of several runs and how they are trained.

    ``trained``: the tensors of architecture parameters, (runs, …) each. ``gradients_per_update``: batches through which
    an update takes a gradient. ``drawn``: whether the gates are 0 or 1 in every pass.
    """

    trained: list[Tensor]
    gradients_per_update = 1
    drawn = False

    @abstractmethod
    def gates(self) -> Gates:
        """The gates for one forward pass; a method that samples draws them anew."""

    @abstractmethod
    def weights(self) -> list[Tensor]:
        """Weights of the choices of every bundle and every neuron, (runs, choices, gates), each sums to 1."""

    @abstractmethod
    def update(self, loss: Loss) -> None:
        """One step of the architecture parameters on the loss of one batch."""

    def final(self) -> Gates:
        """The gates of the network that was found."""
        with torch.no_grad():
            return Gates.of_choices(*self.weights())

    def at(self, progress: float) -> None:  # noqa: B027 (most methods need nothing of it)
        """Take note, before each step, of the share of the search that is done: for temperatures and the like."""


def gradients(architecture: Architecture, loss: Loss) -> tuple[Tensor, ...]:
    """∂ Σ_runs loss / ∂θ for each tensor of architecture parameters: each run's own gradient, for runs are apart."""
    return torch.autograd.grad(loss(architecture.gates()).sum(), architecture.trained)


def argmax(weights: Sequence[Tensor]) -> Gates:
    """The choice of largest weight for every bundle and every neuron."""
    return Gates.of_choices(*(one_hot(block.argmax(1), block) for block in weights))


def one_hot(index: Tensor, like: Tensor) -> Tensor:
    """Indices of choices, (runs, gates) -> (runs, choices, gates) of the dtype and shape of ``like``."""
    return torch.zeros_like(like).scatter_(1, index[:, None], 1)


def shapes(task: Task, runs: int) -> list[tuple[int, int, int]]:
    """Shapes of the weights on the choices of all bundles and all neurons."""
    return [
        (runs, CHOICES["bundles"], len(task.pairs)),
        (runs, CHOICES["neurons"], sum(task.widths[1:-1])),
    ]


def search(
    task: Task,
    strengths: Sequence[float],
    seeds: Sequence[int],
    architecture: Architecture,
    levels: int,
) -> list[SearchResult]:
    """Train gates and weights in turns: in every step first the gates, then the weights, each on a batch of its own.

    Gates:  loss + strength · expected parameters / all parameters.  levels: 1, the gates' batches come from the
    training points too (single-level); 2, from the validation points (bi-level, first order: the weights stand still).
    Both take two gradients a step.
    """
    if levels not in (1, 2):
        raise ValueError(f"levels = {levels}: allowed are 1 and 2")
    net = Supernet(task, seeds, architecture.drawn)
    x, y = (task.x, task.y) if levels == 1 else (task.x_choose, task.y_choose)
    strength = torch.tensor(strengths)  # (runs,)
    optimizer = Adam(net.weights, task.learning_rate)
    history = [[] for _ in strengths]
    every = max(1, task.steps // HISTORY)
    for step, (batch, second) in enumerate(zip(task.batches(seeds), task.second_batches(seeds, len(x)), strict=True)):
        if step % every == 0:
            record(history, architecture, net, task, step)
        architecture.at(step / task.steps)
        weights = net.normalised()
        fixed = {pair: block.detach() for pair, block in weights.items()}
        architecture.update(partial(_penalised, net, fixed, strength, x[second], y[second]))
        with torch.no_grad():
            gates = architecture.gates()
        loss = net.error(task.x[batch], task.y[batch], gates, weights)  # (runs,)
        optimizer.step(torch.autograd.grad(loss.sum(), net.weights))
    record(history, architecture, net, task, task.steps)
    per_step = 1 + architecture.gradients_per_update
    trained = net.trained + sum(theta[0].numel() for theta in architecture.trained)
    return [
        SearchResult(graph, trained, task.steps, per_step * task.steps, history=rows)
        for graph, rows in zip(net.graphs(architecture.final()), history, strict=True)
    ]


def _penalised(net: Supernet, weights: Weights, strength: Tensor, x: Tensor, y: Tensor, gates: Gates) -> Tensor:
    return net.error(x, y, gates, weights) + strength * net.size(gates)


def record(history: list[list], architecture: Architecture, net: Supernet, task: Task, step: int) -> None:
    """A row for each run: mean entropy of the gates (1: uniform), share decided, expected size, validation loss."""
    with torch.no_grad():
        weights, gates = architecture.weights(), architecture.final()
        scaled = [-torch.xlogy(block, block).sum(1) / log(block.shape[1]) for block in weights]  # (runs, gates)
        entropy = torch.cat(scaled, dim=-1).mean(-1)
        decided = torch.cat([(block.amax(1) >= DECIDED).float() for block in weights], dim=-1).mean(-1)
        size, loss = net.size(gates), net.error(task.x_choose, task.y_choose, gates)
    for run, rows in enumerate(history):
        rows.append(
            {
                "step": step,
                "gradient_evaluations": (1 + architecture.gradients_per_update) * step,
                "entropy": float(entropy[run]),
                "decided": float(decided[run]),
                "expected_size": float(size[run]),
                "validation_mse": float(loss[run]),
            }
        )
