"""Group lasso on the maximal network in direct space: what SPARCS does, without eigenvectors and eigenvalues.

Loss: MSE + strength / P · [ Σ_h c_h ‖w_h‖₂ + N_ℓ N_1 ‖W_ℓ1‖₂ / √N_ℓ ]. w_h: the incoming weights of hidden neuron h;
c_h: the number of weights attached to it; P: that of all. Norms near 1 at a random start take the place of
probabilities.
Scardapane, Comminiello, Hussain, Uncini: Group sparse regularization for deep neural networks (2017).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from replication.baselines.network import Weights, graphs_of, squared_error
from replication.baselines.task import SearchResult, Task, Uniform, train

STARTS = ("zero", "half", "random")


def search(task: Task, strengths: Sequence[float], seeds: Sequence[int], start: str = "random") -> list[SearchResult]:
    """Search from one of STARTS; start: of the weights around hidden neurons.

    "zero": all are 0, a perceptron whose hidden neurons get no gradient; "half": random incoming and zero outgoing
    weights, also a perceptron, but one that can learn; "random": all random.
    """
    if start not in STARTS:
        raise ValueError(f"start = {start!r}: allowed are {', '.join(STARTS)}")
    strength, weights = torch.tensor(strengths), initial(task, seeds, start)

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return squared_error(weights, x, y) + strength * size(task, weights)

    steps = train(task, seeds, list(weights.values()), loss)
    return [SearchResult(graph, task.parameters, steps, steps) for graph in graphs_of(weights, task.bias)]


def initial(task: Task, seeds: Sequence[int], start: str) -> Weights:
    """Uniform weights of variance 1 / (Σ_{j<i} N_j) in layer i, or zeros, as the start has it."""
    uniform = Uniform(seeds, "initial")
    last, weights = len(task.widths), {}
    for i, j in task.pairs:
        drawn = (2 * uniform(task.widths[i - 1], task.widths[j - 1]) - 1) * (3 / sum(task.widths[: i - 1])) ** 0.5
        around_hidden = (i, j) != (last, 1)
        if around_hidden and (start == "zero" or (start == "half" and i == last)):
            drawn = torch.zeros_like(drawn)
        weights[i, j] = drawn.requires_grad_()
    return weights


def size(task: Task, weights: Weights) -> Tensor:
    """The bracket above over P, (runs,): what the strength is multiplied with."""
    last, total = len(task.widths), sum(task.widths)
    parts = []
    for i in range(2, last):
        incoming = torch.cat([weights[i, j] for j in range(1, i)], dim=-1)  # (runs, N_i, Σ N_j)
        cost = (total - task.widths[i - 1]) / task.parameters
        parts.append(cost * torch.linalg.vector_norm(incoming, dim=-1).sum(-1))  # gradient 0 at 0
    skip = weights[last, 1]
    skip_norm = torch.linalg.vector_norm(skip, dim=(-2, -1)) / task.widths[-1] ** 0.5
    parts.append(skip[0].numel() / task.parameters * skip_norm)
    return sum(parts)
