"""SPARCS itself: the maximal network through eigenvectors and eigenvalues, from the perceptron start.

Loss: MSE + strength · Σ_k (c_k / P) Ω_k. c_k: the weights attached to one neuron of layer k; P: all weights. |λ_h|
takes the place of the probability that neuron h is there. Ω_k: Σ|λ| (L1), or √N_k ‖λ_k‖₂, the unsquared norm (L2).
|λ_h| does so only in part: where an earlier layer is open, a neuron of a later one stays live at λ_h = 0. So instead
Ω_k may be of the weights that λ opens: rows, Σ_h ‖in_h‖₂, or paths, Σ_h ‖in_h‖₂ ‖out_h‖₂, with a price on layers before
the last hidden one; and the skip may be paid for, N_ℓ N_1 / P · ‖W_ℓ1‖₂ / √N_ℓ, as in ``group_lasso``.
Peri, Chicchi, Fanelli, Giambagli: Spectral Architecture Search for Neural Network Models, (4.3) to (4.5).
"""

from collections.abc import Sequence

import torch

from replication.baselines.network import Weights, graphs_of, squared_error
from replication.baselines.task import SearchResult, Task, train
from replication.training.ensemble.training import initial_parameters
from sparcs import penalties, spectral

PENALTIES = ("l1", "l2", "rows", "paths")


def search(
    task: Task,
    strengths: Sequence[float],
    seeds: Sequence[int],
    penalty: str = "l2",
    output_eigenvalue: int = 1,
    price: float = 1.0,
    skip: bool = False,
) -> list[SearchResult]:
    """Search with SPARCS; penalty: of PENALTIES; output_eigenvalue: at which every λ_ℓ starts, 1 or −1.

    Input eigenvalues are trained, and penalised by "l1" and "l2", where there is a bias, as in experiment 1. price: by
    which a hidden layer before the last one counts more in "rows" and "paths"; skip: whether the skip is paid for.
    """
    if penalty not in PENALTIES:
        raise ValueError(f"penalty = {penalty!r}: allowed are {', '.join(PENALTIES)}")
    if output_eigenvalue not in (1, -1):
        raise ValueError(f"output_eigenvalue = {output_eigenvalue!r}: allowed are 1 and -1")
    if not price >= 0:
        raise ValueError(f"price = {price!r}: allowed are numbers of at least 0")
    layers = len(task.widths)
    start = initial_parameters(task.widths, seeds, output_eigenvalue=output_eigenvalue)
    tensors = {name: torch.from_numpy(array) for name, array in start.items()}
    phi = [tensors[f"eigenvectors.{k}"].requires_grad_() for k in range(layers - 1)]  # (runs, N_{k+1}, N_k)
    lam = [tensors[f"eigenvalues.{k}"] for k in range(layers)]  # (runs, N_k)
    first = 0 if task.bias else 1
    trained = [*phi, *(block.requires_grad_() for block in lam[first:])]
    weigh, strength = _weigh(task, penalty), torch.tensor(strengths)
    prices = [weight * (price if k < layers - 2 else 1.0) for k, weight in enumerate(weigh)][1:-1]
    of_skip = task.widths[-1] ** 0.5 * task.widths[0] / task.parameters

    def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        weights = _bundles(phi, lam)
        if penalty in penalties.KINDS:
            size = (penalties.rows if penalty == "rows" else penalties.paths)(weights, prices)
        else:
            size = sum(weigh[k] * spectral.penalty([lam[k]], penalty) for k in range(first, layers - 1))
        size = size + of_skip * penalties.skip(weights[layers, 1]) if skip else size
        return squared_error(weights, x, y) + strength * size

    steps = train(task, seeds, trained, loss)
    with torch.no_grad():
        graphs = graphs_of(_bundles(phi, lam), task.bias)
    count = sum(block[0].numel() for block in trained)
    return [SearchResult(graph, count, steps, steps) for graph in graphs]


def _bundles(phi: Sequence[torch.Tensor], lam: Sequence[torch.Tensor]) -> Weights:
    layers = range(2, len(lam) + 1)
    return {(i, j): weight for i in layers for j, weight in spectral.incoming_weights(phi, lam, i).items()}


def _weigh(task: Task, penalty: str) -> list[float]:
    """c_k / P of every layer, times √N_k where the penalty is the norm of a layer."""
    total = sum(task.widths)
    scale = [width**0.5 if penalty == "l2" else 1.0 for width in task.widths]
    return [(total - width) / task.parameters * factor for width, factor in zip(task.widths, scale, strict=True)]
