"""PC-DARTS: in every pass the gates act on a random part of the neurons only, and a softmax weighs a layer's bundles.

1/K of the hidden neurons, drawn anew, pass through their gates; the others pass as ReLU neurons, ungated. A bundle's
gate is β_ij times the weight of "linear", times the number of bundles into layer i, at most 1. β_i is the softmax over
those bundles (edge normalisation). Adam trains α and β on validation batches. The network found has the neurons'
choices of largest α, and its bundles as weighed. Unlike in the source, gates are trained from the first step on, and
what passes ungated passes a ReLU: a neuron without gates has one.
Xu, Xie, Zhang, Chen, Qi, Tian, Xiong: PC-DARTS: Partial Channel Connections (ICLR 2020).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from replication.baselines import gated
from replication.baselines.darts import BETAS
from replication.baselines.supernet import Gates
from replication.baselines.task import Adam, SearchResult, Task, Uniform


def search(
    task: Task, strengths: Sequence[float], seeds: Sequence[int], rate: float = 3e-3, part: int = 4
) -> list[SearchResult]:
    """Search with partial connections; rate: Adam's step size for α and β; part: K."""
    return gated.search(task, strengths, seeds, Partial(task, seeds, rate, part), 2)


class Partial(gated.Architecture):
    """Softmaxes over choices and over bundles; neurons are gated by turns."""

    def __init__(self, task: Task, seeds: Sequence[int], rate: float, part: int) -> None:
        if part < 1:
            raise ValueError(f"part = {part}: allowed are 1 and more")
        self.part, self.uniform = part, Uniform(seeds, "search")
        bundles, neurons = (torch.zeros(shape, requires_grad=True) for shape in gated.shapes(task, len(seeds)))
        edges = torch.zeros(len(seeds), len(task.pairs), requires_grad=True)
        self.into = [sum(i == layer for i, _ in task.pairs) for layer in range(2, len(task.widths) + 1)]
        self.trained = [bundles, neurons, edges]
        self.optimizer = Adam(self.trained, rate, BETAS)

    def weights(self) -> list[Tensor]:
        """The softmax of the logits of bundles and neurons."""
        return [logits.softmax(1) for logits in self.trained[:2]]

    def gates(self) -> Gates:
        """The mixtures of a random part of the neurons; the others are ReLU neurons."""
        _, neurons = self.weights()
        chosen = self.uniform(neurons.shape[-1]) < 1 / self.part  # (runs, hidden)
        _, identity, relu = neurons.unbind(1)
        alive = identity + relu  # the size counts every neuron's own choice
        return Gates(self._bundles(), torch.where(chosen, identity, 0), torch.where(chosen, relu, 1), alive)

    def final(self) -> Gates:
        """The neurons' choices of largest α."""
        with torch.no_grad():
            _, identity, relu = gated.one_hot(self.trained[1].argmax(1), self.trained[1]).unbind(1)
            return Gates(self._bundles(), identity, relu, identity + relu)

    def update(self, loss: gated.Loss) -> None:
        """One step of Adam."""
        self.optimizer.step(gated.gradients(self, loss))

    def _bundles(self) -> Tensor:
        linear = self.trained[0].softmax(1)[:, 1]  # (runs, bundles)
        weighed = [count * edges.softmax(-1) for count, edges in zip(self.into, self._edges(), strict=True)]
        return (linear * torch.cat(weighed, dim=-1)).clamp(max=1)

    def _edges(self) -> tuple[Tensor, ...]:
        return self.trained[2].split(self.into, dim=-1)
