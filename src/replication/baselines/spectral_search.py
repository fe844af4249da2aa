"""SPARCS itself: the maximal network through eigenvectors and eigenvalues, from the perceptron start.

Loss: MSE + strength · Σ_k (c_k / P) Ω(λ_k). c_k: the weights attached to one neuron of layer k; P: all weights. |λ_h|
takes the place of the probability that neuron h is there. Ω: Σ|λ| (L1), or √N_k ‖λ_k‖₂, the unsquared norm (L2).
|λ_h| does so only in part: where an earlier layer is open, a neuron of a later one stays live at λ_h = 0.
Peri, Chicchi, Fanelli, Giambagli: Spectral Architecture Search for Neural Network Models, (4.3) to (4.5).
"""

from collections.abc import Sequence

import torch

from replication.baselines.network import Weights, graphs_of, squared_error
from replication.baselines.task import SearchResult, Task, train
from replication.training.ensemble.training import initial_parameters
from sparcs import spectral


def search(
    task: Task, strengths: Sequence[float], seeds: Sequence[int], penalty: str = "l2", output_eigenvalue: int = 1
) -> list[SearchResult]:
    """Search with SPARCS; penalty: "l1" or "l2"; output_eigenvalue: at which every λ_ℓ starts, 1 or −1.

    Input eigenvalues are trained and penalised where there is a bias, as in experiment 1.
    """
    if penalty not in ("l1", "l2"):
        raise ValueError(f"penalty = {penalty!r}: allowed are l1 and l2")
    if output_eigenvalue not in (1, -1):
        raise ValueError(f"output_eigenvalue = {output_eigenvalue!r}: allowed are 1 and -1")
    layers = len(task.widths)
    start = initial_parameters(task.widths, seeds, output_eigenvalue=output_eigenvalue)
    tensors = {name: torch.from_numpy(array) for name, array in start.items()}
    phi = [tensors[f"eigenvectors.{k}"].requires_grad_() for k in range(layers - 1)]  # (runs, N_{k+1}, N_k)
    lam = [tensors[f"eigenvalues.{k}"] for k in range(layers)]  # (runs, N_k)
    first = 0 if task.bias else 1
    trained = [*phi, *(block.requires_grad_() for block in lam[first:])]
    weigh, strength = _weigh(task, penalty), torch.tensor(strengths)

    def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        size = sum(weigh[k] * spectral.penalty([lam[k]], penalty) for k in range(first, layers - 1))
        return squared_error(_bundles(phi, lam), x, y) + strength * size

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
