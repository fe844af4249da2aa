"""A plain multilayer perceptron, pruned by magnitude while it trains (``torch.nn.utils.prune``).

Loss: MSE + strength · Σ|w| / P: |w| takes the place of the probability that a weight is there. From the middle of the
training on, ten times at equal distances, the neurons with the smallest norm ‖w_h‖₂ of incoming weights are taken out
of each hidden layer, until the share ``pruned`` of it is gone; what is left trains on.
Zhu, Gupta: To prune, or not to prune (2017), by neurons as in Li et al.: Pruning filters for efficient ConvNets (2017).
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn
from torch.nn.utils import prune

from sparcs.rivals.task import Found, Task, adam, graphs_of, mean_square, torch_generator

BEGIN, END, TIMES = 0.5, 0.9, 10


def search(task: Task, strengths: Sequence[float], seed: int, pruned: float = 0.7) -> list[Found]:
    """pruned: the share of each hidden layer's neurons that goes."""
    if not 0 <= pruned < 1:
        raise ValueError(f"pruned = {pruned}: allowed are shares below 1, 0 included")
    return [_search(task, strength, seed, pruned) for strength in strengths]


def _search(task: Task, strength: float, seed: int, pruned: float) -> Found:
    network = perceptron(task, seed)
    layers = [module for module in network if isinstance(module, nn.Linear)]
    for layer in layers[:-1]:
        prune.identity(layer, "weight")
    optimizer = adam(task, list(network.parameters()))
    count = sum(layer.in_features * layer.out_features for layer in layers)
    shares = schedule(task.steps, pruned)
    for step, batch in enumerate(task.batches(seed)):
        if step in shares:
            for layer in layers[:-1]:
                keep_largest(layer, layer.out_features - int(shares[step] * layer.out_features))
        output = network(task.x[batch])
        size = sum(layer.weight.abs().sum() for layer in layers) / count
        optimizer.zero_grad()
        (mean_square(output, task.y[batch]) + strength * size).backward()
        optimizer.step()
    weights = {(i, i - 1): layer.weight[None] for i, layer in enumerate(layers, start=2)}
    return Found(graphs_of(weights, task.bias)[0], count, task.steps, task.steps)


def perceptron(task: Task, seed: int) -> nn.Sequential:
    """Linear layers with ReLU between them, no bias but the constant input's; uniform start of variance 1 / N_j."""
    modules: list[nn.Module] = []
    generator = torch_generator(seed, "initial")
    for before, after in pairwise(task.widths):
        layer = nn.utils.skip_init(nn.Linear, before, after, bias=False)
        bound = (3 / before) ** 0.5
        modules += [layer, nn.ReLU()]
        nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    return nn.Sequential(*modules[:-1])


def schedule(steps: int, pruned: float) -> dict[int, float]:
    """Steps at which neurons go, with the share that is gone afterwards."""
    first, last = BEGIN * steps, END * steps
    return {round(first + k * (last - first) / (TIMES - 1)): (k + 1) / TIMES * pruned for k in range(TIMES)}


def keep_largest(layer: nn.Linear, kept: int) -> None:
    """Leave the given number of neurons, those with the largest norms; the pruned ones stay pruned."""
    alive = int(layer.weight_mask.any(dim=1).sum())
    if alive > kept:
        prune.ln_structured(layer, "weight", amount=alive - kept, n=2, dim=0)  # an amount of those still there
