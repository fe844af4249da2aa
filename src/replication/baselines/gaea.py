"""GAEA: exponentiated gradient on the simplex of every gate.

θ ← θ ∘ exp(−η n ∂L/∂θ), θ ← θ / Σθ, θ ← max(θ, 1e-5), θ ← θ / Σθ. The weights θ on the choices of a gate are its
mixture, without a softmax and without Adam; they start uniform. n: the number of bundles, or of hidden neurons. That
many share the loss and the size, so the gradient of one is an n-th; a cell of the source, whose rate is η, has few.
First order. Li, Khodak, Balcan, Talwalkar: Geometry-Aware Gradient Algorithms for Neural Architecture Search (2021).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from replication.baselines import gated
from replication.baselines.supernet import Gates
from replication.baselines.task import SearchResult, Task

SMALLEST = 1e-5


def search(
    task: Task, strengths: Sequence[float], seeds: Sequence[int], levels: int = 1, rate: float = 0.1
) -> list[SearchResult]:
    """Search on the simplex of every gate.

    levels: 1 for empirical risk minimisation on the training points, 2 for bi-level; rate: η.
    """
    return gated.search(task, strengths, seeds, Simplex(task, len(strengths), rate), levels)


class Simplex(gated.Architecture):
    """Mixtures on simplexes, trained by exponentiated gradient."""

    def __init__(self, task: Task, runs: int, rate: float) -> None:
        self.rate = rate
        self.trained = [torch.full(shape, 1 / shape[1]).requires_grad_() for shape in gated.shapes(task, runs)]

    def weights(self) -> list[Tensor]:
        """θ themselves."""
        return self.trained

    def gates(self) -> Gates:
        """The mixtures."""
        return Gates.of_choices(*self.trained)

    def update(self, loss: gated.Loss) -> None:
        """One step of exponentiated gradient."""
        for theta, gradient in zip(self.trained, gated.gradients(self, loss), strict=True):
            gates = theta.shape[-1]  # (runs, choices, gates)
            theta.data = exponentiated(theta.data, gradient, self.rate * gates)


def exponentiated(theta: Tensor, gradient: Tensor, rate: float) -> Tensor:
    """θ ∘ exp(−η g), normalised over the choices, with no entry below SMALLEST; (…, choices, gates).

    The largest exponent of each simplex is taken out first: it cancels, and no gradient can overflow. The authors clamp
    before they normalise; after it a common factor of all exponents, as a shift of the loss is, means nothing.
    """
    exponent = -rate * gradient
    moved = theta * torch.exp(exponent - exponent.amax(-2, keepdim=True))
    moved = (moved / moved.sum(-2, keepdim=True)).clamp(min=SMALLEST)
    return moved / moved.sum(-2, keepdim=True)
