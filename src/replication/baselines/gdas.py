"""GDAS: one choice of every gate is drawn in every pass, its gradient that of the softmax.

g = one-hot(argmax h),  h = softmax((α + G)/τ),  ∂g := ∂h,  G Gumbel noise, τ from 10 to 0.1 over the search; α by Adam
on validation batches. The network found has the choices of largest α.
Dong, Yang: Searching for a Robust Neural Architecture in Four GPU Hours (CVPR 2019).
"""

from collections.abc import Sequence

from replication.baselines import gated
from replication.baselines.darts import Softmax
from replication.baselines.supernet import Gates
from replication.baselines.task import SearchResult, Task, Uniform

WARM, COLD = 10.0, 0.1


def search(task: Task, strengths: Sequence[float], seeds: Sequence[int], rate: float = 3e-3) -> list[SearchResult]:
    """Search with drawn choices; rate: Adam's step size for the logits."""
    return gated.search(task, strengths, seeds, Gumbel(task, seeds, rate), 2)


class Gumbel(Softmax):
    """Choices drawn by the Gumbel trick, with the same noise for runs of one seed."""

    drawn = True

    def __init__(self, task: Task, seeds: Sequence[int], rate: float) -> None:
        super().__init__(task, len(seeds), rate)
        self.uniform, self.temperature = Uniform(seeds, "search"), WARM

    def at(self, progress: float) -> None:
        """τ falls linearly."""
        self.temperature = WARM + progress * (COLD - WARM)

    def gates(self) -> Gates:
        """One choice each, with the gradient of the softmax."""
        drawn = []
        for logits in self.trained:
            uniform = self.uniform(*logits.shape[1:]).clamp(1e-10, 1 - 1e-7)  # (runs, choices, gates)
            soft = ((logits - (-uniform.log()).log()) / self.temperature).softmax(1)
            drawn.append(gated.one_hot(soft.argmax(1), soft) + soft - soft.detach())
        return Gates.of_choices(*drawn)

    def final(self) -> Gates:
        """The choices of largest α."""
        return gated.argmax([logits.detach() for logits in self.trained])
