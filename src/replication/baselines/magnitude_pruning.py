"""A plain multilayer perceptron, pruned by magnitude while it trains.

Loss: MSE + strength · Σ|w| / P: |w| takes the place of the probability that a weight is there. Neurons are taken out of
each hidden layer from the middle of the training on, ten times at equal distances. Those with the smallest norm ‖w_h‖₂
of incoming weights go, until the share ``pruned`` of the layer is gone; what is left trains on.
Zhu, Gupta: To prune, or not to prune (2017), by neurons as in Li et al.: Pruning filters for efficient ConvNets (2017).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from replication.baselines.network import Weights, graphs_of, squared_error
from replication.baselines.task import Adam, SearchResult, Task, Uniform

BEGIN, END, TIMES = 0.5, 0.9, 10


def search(task: Task, strengths: Sequence[float], seeds: Sequence[int], pruned: float = 0.7) -> list[SearchResult]:
    """Train and prune; pruned: the share of each hidden layer's neurons that goes."""
    if not 0 <= pruned < 1:
        raise ValueError(f"pruned = {pruned}: allowed are shares below 1, 0 included")
    whole, strength = initial(task, seeds), torch.tensor(strengths)
    trained = list(whole.values())
    masks = {pair: torch.ones_like(weight[..., :1]) for pair, weight in whole.items()}  # (runs, N_i, 1)
    count = sum(weight[0].numel() for weight in trained)
    optimizer, shares = Adam(trained, task.learning_rate), schedule(task.steps, pruned)

    def weights() -> Weights:
        return {pair: weight * masks[pair] for pair, weight in whole.items()}

    for step, batch in enumerate(task.batches(seeds)):
        if step in shares:
            for (i, j), weight in weights().items():
                if i < len(task.widths):
                    take_out(weight, masks[i, j], int(shares[step] * task.widths[i - 1]))
        left = weights()
        size = sum(weight.abs().sum(dim=(-2, -1)) for weight in left.values()) / count  # (runs,)
        loss = squared_error(left, task.x[batch], task.y[batch]) + strength * size  # (runs,)
        optimizer.step(torch.autograd.grad(loss.sum(), trained))
    return [SearchResult(graph, count, task.steps, task.steps) for graph in graphs_of(weights(), task.bias)]


def initial(task: Task, seeds: Sequence[int]) -> Weights:
    """Bundles between consecutive layers, uniform of variance 1 / N_j."""
    uniform, weights = Uniform(seeds, "initial"), {}
    for i, (before, after) in enumerate(pairwise(task.widths), start=2):
        weights[i, i - 1] = ((2 * uniform(after, before) - 1) * (3 / before) ** 0.5).requires_grad_()
    return weights


def schedule(steps: int, pruned: float) -> dict[int, float]:
    """Steps at which neurons go, with the share that is gone afterwards."""
    first, last = BEGIN * steps, END * steps
    return {round(first + k * (last - first) / (TIMES - 1)): (k + 1) / TIMES * pruned for k in range(TIMES)}


def take_out(weight: Tensor, mask: Tensor, count: int) -> None:
    """Mask the given number of neurons of each run, those with the smallest norms; a masked one has norm 0."""
    smallest = weight.detach().norm(dim=-1, keepdim=True).topk(count, dim=1, largest=False).indices  # (runs, count, 1)
    mask.scatter_(1, smallest, 0)
