"""DARTS, first order: a softmax over the choices of every gate, its logits trained by Adam on validation batches.

g = softmax(α);  α ← Adam(∂L_val/∂α) with β = (0.5, 0.999), the weights standing still. Unlike in the sources, here and
in its relatives, no gate is cut down to its likeliest choice at the end: compaction replaces that. And α has no weight
decay. As this loss goes to 0, which a cross-entropy does not, the decay outweighs its gradient and mixtures return to
uniform.
Liu, Simonyan, Yang: DARTS: Differentiable Architecture Search (ICLR 2019).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from replication.baselines import gated
from replication.baselines.supernet import Gates
from replication.baselines.task import Adam, SearchResult, Task

BETAS = (0.5, 0.999)


def search(
    task: Task, strengths: Sequence[float], seeds: Sequence[int], levels: int = 2, rate: float = 3e-4
) -> list[SearchResult]:
    """Search with a softmax per gate; rate: Adam's step size for the logits."""
    return gated.search(task, strengths, seeds, Softmax(task, len(strengths), rate), levels)


class Softmax(gated.Architecture):
    """Logits of the choices, all 0 at the start, trained by Adam."""

    def __init__(self, task: Task, runs: int, rate: float) -> None:
        self.trained = [torch.zeros(shape, requires_grad=True) for shape in gated.shapes(task, runs)]
        self.optimizer = Adam(self.trained, rate, BETAS)

    def weights(self) -> list[Tensor]:
        """The softmax of the logits."""
        return [logits.softmax(1) for logits in self.trained]

    def gates(self) -> Gates:
        """The mixtures."""
        return Gates.of_choices(*self.weights())

    def update(self, loss: gated.Loss) -> None:
        """One step of Adam."""
        self.optimizer.step(gated.gradients(self, loss))
