"""A controller trained by policy gradient (REINFORCE): one choice per gate, drawn from a softmax of its own.

α ← Adam(−(R − b) ∂ log π(choices)/∂α),  R = −(validation loss + strength · size),  b a running mean of R. In every step
the shared weights are trained on one drawn network, and the controller on the reward of another.
Williams (1992); Zoph, Le: Neural Architecture Search with Reinforcement Learning (2017), with the shared weights of
Pham, Guan, Zoph, Le, Dean: Efficient Neural Architecture Search via Parameter Sharing (ICML 2018).
"""

from collections.abc import Sequence

import torch

from replication.baselines import gated
from replication.baselines.darts import Softmax
from replication.baselines.supernet import Gates
from replication.baselines.task import SearchResult, Task, Uniform

MEMORY = 0.95  # of the running mean of rewards


def search(task: Task, strengths: Sequence[float], seeds: Sequence[int], rate: float = 3e-3) -> list[SearchResult]:
    """Search with a controller; rate: Adam's step size for the controller."""
    return gated.search(task, strengths, seeds, Controller(task, seeds, rate), 2)


class Controller(Softmax):
    """Independent choices, their probabilities trained by the score function."""

    gradients_per_update = 0  # of the loss: it needs its value only
    drawn = True

    def __init__(self, task: Task, seeds: Sequence[int], rate: float) -> None:
        super().__init__(task, len(seeds), rate)
        self.uniform, self.mean = Uniform(seeds, "search"), None

    def gates(self) -> Gates:
        """One choice each, drawn from its probability."""
        return self._drawn()[0]

    def update(self, loss: gated.Loss) -> None:
        """One step along the score function's gradient."""
        gates, choices = self._drawn()
        with torch.no_grad():
            reward = -loss(gates)  # (runs,)
        self.mean = reward if self.mean is None else MEMORY * self.mean + (1 - MEMORY) * reward
        score = sum(
            (logits.log_softmax(1) * picked).sum(dim=(-2, -1))
            for logits, picked in zip(self.trained, choices, strict=True)
        )
        objective = -((reward - self.mean) * score).sum()
        self.optimizer.step(torch.autograd.grad(objective, self.trained))

    def final(self) -> Gates:
        """The most probable choices."""
        return gated.argmax([logits.detach() for logits in self.trained])

    def _drawn(self) -> tuple[Gates, list[torch.Tensor]]:
        choices = []
        for probabilities in self.weights():
            thresholds = probabilities.detach().cumsum(1)[:, :-1]  # (runs, choices − 1, gates)
            uniform = self.uniform(probabilities.shape[-1])  # (runs, gates)
            choices.append(gated.one_hot((uniform[:, None] >= thresholds).sum(1), probabilities))
        return Gates.of_choices(*choices), choices
