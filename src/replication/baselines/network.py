"""The maximal network in direct space, of several runs side by side: its function, its error, its graphs."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from sparcs.pruning import Graph, with_biases

Pair = tuple[int, int]
Weights = dict[Pair, Tensor]  # bundles (i, j), (runs, N_i, N_j) each


def forward(weights: Weights, x: Tensor) -> Tensor:
    """a_1 = x,  a_i = relu(Σ_{j<i} W_ij a_j), no relu on the last layer; (runs, batch, N_1) -> (runs, batch, N_ℓ).

    A bundle that is not among the weights is not there; every layer has one into it.
    """
    activities = activities_of(weights, x)
    return activities[max(activities)]


def activities_of(weights: Weights, x: Tensor) -> dict[int, Tensor]:
    """The activities of ``forward``, {i: a_i}, a_i (runs, batch, N_i)."""
    layers = max(i for i, _ in weights)
    activities = {1: x}
    for i in range(2, layers + 1):
        first, *others = [j for j in range(1, i) if (i, j) in weights]
        z = torch.bmm(activities[first], weights[i, first].mT)  # (runs, batch, N_i)
        for j in others:
            z.baddbmm_(activities[j], weights[i, j].mT)
        activities[i] = z.relu_() if i < layers else z
    return activities


def mean_square(output: Tensor, target: Tensor) -> Tensor:
    """Mean over batch and outputs of the squared error, (…, batch, N_ℓ) -> (…)."""
    errors = output - target
    return (errors * errors).mean(dim=(-2, -1))


def squared_error(weights: Weights, x: Tensor, y: Tensor) -> Tensor:
    """``mean_square(forward(weights, x), y)``, (runs,), with the gradient of the weights written out.

    It is faster than autograd's. x and y get no gradient, and products of many points and few neurons stand the way
    round that is fast. x: (runs, batch, N_1); y: (runs, batch, N_ℓ).
    """
    pairs = list(weights)
    return SquaredError.apply(pairs, x, y, *(weights[pair] for pair in pairs))


class SquaredError(torch.autograd.Function):
    """The error E of every run, and with it ∂E/∂W_ij = δ_iᵀ a_j, δ_ℓ = 2 (a_ℓ − y) / (batch · N_ℓ)."""

    @staticmethod
    def forward(ctx: FunctionCtx, pairs: list[Pair], x: Tensor, y: Tensor, *blocks: Tensor) -> Tensor:
        """(runs,)."""
        weights = dict(zip(pairs, blocks, strict=True))
        activities = activities_of(weights, x)
        errors = activities[max(activities)] - y  # (runs, batch, N_ℓ)
        wanted = ctx.needs_input_grad[3:]
        if any(wanted):
            delta = deltas(weights, activities, errors * (2 / errors[0].numel()))
            ctx.save_for_backward(
                *(
                    outer(delta[i], activities[j]) if needed else None
                    for (i, j), needed in zip(pairs, wanted, strict=True)
                )
            )
        return (errors * errors).mean(dim=(-2, -1))

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """gradient: that of E, (runs,)."""
        scale = gradient[:, None, None]
        return None, None, None, *(block if block is None else scale * block for block in ctx.saved_tensors)


def deltas(weights: Weights, activities: dict[int, Tensor], last: Tensor) -> dict[int, Tensor]:
    """δ_i = Σ_{k>i} δ_k W_ki where a_i > 0, else 0, for the hidden layers i, from δ_ℓ; (runs, batch, N_i)."""
    layers = max(activities)
    delta = {layers: last}
    for i in range(layers - 1, 1, -1):
        above = [k for k in range(i + 1, layers + 1) if (k, i) in weights]
        into = torch.bmm(delta[above[0]], weights[above[0], i]) if above else torch.zeros_like(activities[i])
        for k in above[1:]:
            into.baddbmm_(delta[k], weights[k, i])
        delta[i] = torch.ops.aten.threshold_backward(into, activities[i], 0)  # masked_fill takes 20 times as long
    return delta


def outer(delta: Tensor, activity: Tensor) -> Tensor:
    """δᵀ a, (runs, N_i, N_j), from (runs, batch, N_i) and (runs, batch, N_j): the narrower of the two on the left."""
    if delta.shape[-1] <= activity.shape[-1]:
        return torch.bmm(delta.mT, activity)
    return torch.bmm(activity.mT, delta).mT


def graphs_of(weights: Weights, bias: bool) -> list[Graph]:
    """The graph of each run from its bundles, (runs, N_i, N_j) each; with bias, the last column of W_i1 is b_i.

    A bundle that is not among the weights has zeros.
    """
    arrays = {pair: weight.detach().double().numpy() for pair, weight in weights.items()}
    runs, layers = len(next(iter(arrays.values()))), max(i for i, _ in arrays)
    widths = {j: array.shape[-1] for (_, j), array in arrays.items()} | {i: a.shape[-2] for (i, _), a in arrays.items()}
    nothing = {(i, j): np.zeros((runs, widths[i], widths[j])) for i in range(2, layers + 1) for j in range(1, i)}
    return [with_biases({pair: array[run] for pair, array in (nothing | arrays).items()}, bias) for run in range(runs)]


def side_by_side(graphs: Sequence[Graph], bias: bool) -> Weights:
    """The bundles of several graphs as ``graphs_of`` takes them, with zeros where one has fewer neurons than another.

    Without ``bias``, those of the graphs are left out.
    """
    weights = {}
    for i, j in graphs[0].weights:
        blocks = [graph.weights[i, j] for graph in graphs]
        if bias and j == 1:
            blocks = [np.column_stack([block, graph.biases[i]]) for block, graph in zip(blocks, graphs, strict=True)]
        room = np.zeros((len(graphs), *np.max([block.shape for block in blocks], axis=0)), np.float32)
        for padded, block in zip(room, blocks, strict=True):
            padded[: block.shape[0], : block.shape[1]] = block
        weights[i, j] = torch.from_numpy(room)
    return weights
