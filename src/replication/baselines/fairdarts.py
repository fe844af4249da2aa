"""FairDARTS: every choice has a sigmoid of its own, pushed to 0 or 1.

g = σ(α) for "linear", "identity" and "ReLU" apart; a neuron is off where both of its gates are. The gates' loss adds
−w mean (σ(α) − ½)², the zero-one loss. α by Adam on validation batches. Unlike in the source no threshold closes gates,
and w is this project's: the source's goes with a cross-entropy.
Chu, Zhou, Zhang, Li: Fair DARTS: Eliminating Unfair Advantages in Differentiable Architecture Search (2020).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from replication.baselines import gated
from replication.baselines.darts import BETAS
from replication.baselines.supernet import Gates
from replication.baselines.task import Adam, SearchResult, Task


def search(
    task: Task, strengths: Sequence[float], seeds: Sequence[int], rate: float = 3e-3, zero_one: float = 0.01
) -> list[SearchResult]:
    """Search with independent gates; rate: Adam's step size for α; zero_one: w."""
    return gated.search(task, strengths, seeds, Sigmoids(task, len(strengths), rate, zero_one), 2)


class Sigmoids(gated.Architecture):
    """Independent gates, all ½ at the start."""

    def __init__(self, task: Task, runs: int, rate: float, zero_one: float) -> None:
        self.zero_one = zero_one
        self.trained = [
            torch.zeros(runs, choices - 1, gates, requires_grad=True) for _, choices, gates in gated.shapes(task, runs)
        ]
        self.optimizer = Adam(self.trained, rate, BETAS)

    def gates(self) -> Gates:
        """σ(α); alive: 1 − (1 − identity)(1 − ReLU)."""
        bundles, neurons = map(sigmoid, self.trained)
        identity, relu = neurons.unbind(1)
        return Gates(bundles[:, 0], identity, relu, 1 - (1 - identity) * (1 - relu))

    def final(self) -> Gates:
        """The gates as they are."""
        with torch.no_grad():
            return self.gates()

    def weights(self) -> list[Tensor]:
        """Each gate as a choice of its own between off and on, (runs, 2, gates)."""
        opened = [sigmoid(alpha).flatten(1) for alpha in self.trained]
        return [torch.stack([1 - gate, gate], dim=1) for gate in opened]

    def update(self, loss: gated.Loss) -> None:
        """One step of Adam, the zero-one loss included."""

        def with_zero_one(gates: Gates) -> Tensor:
            every = torch.cat([sigmoid(alpha).flatten(1) for alpha in self.trained], dim=-1)
            return loss(gates) - self.zero_one * (every - 0.5).square().mean(-1)

        self.optimizer.step(gated.gradients(self, with_zero_one))


def sigmoid(alpha: Tensor) -> Tensor:
    """σ(α) = (1 + tanh(α/2)) / 2.

    PyTorch's own rounds a number by its place in the tensor, hence by the runs beside it; its tanh does not.
    """
    return (1 + torch.tanh(alpha / 2)) / 2
