"""A spectral multilayer perceptron without skips, pruned by its eigenvalues: what SPARCS grew out of.

z_i = λ_i ∘ (φ_{i−1} a_{i−1}),  a_i = relu(z_i), the last layer linear with λ_ℓ = 1: (4.3) up to sign with λ_{i−1} = 0,
without skips. Eigenvalues start at 1; the loss adds strength · Σ_h (c_h / P) |λ_h|, and a neuron whose λ is 0 is gone.
Buffoni, Civitelli, Giambagli, Chicchi, Fanelli: Spectral pruning of fully connected layers (2022).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from replication.baselines.network import Weights, graphs_of, squared_error
from replication.baselines.task import SearchResult, Task, train
from replication.training.ensemble.training import initial_parameters


def search(task: Task, strengths: Sequence[float], seeds: Sequence[int]) -> list[SearchResult]:
    """Train φ and λ together."""
    runs, layers, strength = len(strengths), len(task.widths), torch.tensor(strengths)
    start = initial_parameters(task.widths, seeds)
    phi = [torch.from_numpy(start[f"eigenvectors.{k}"]).requires_grad_() for k in range(layers - 1)]
    lam = [torch.ones(runs, width, requires_grad=True) for width in task.widths[1:-1]]  # (runs, N_i)
    around = [before + after for before, after in zip(task.widths[:-2], task.widths[2:], strict=True)]
    chain = sum(a * b for a, b in zip(task.widths[:-1], task.widths[1:], strict=True))

    def weights() -> Weights:
        scaled = [eigenvalues[..., None] * block for eigenvalues, block in zip(lam, phi, strict=False)]
        return {(i, i - 1): block for i, block in enumerate([*scaled, phi[-1]], start=2)}

    def loss(x: Tensor, y: Tensor) -> Tensor:
        size = sum(cost / chain * eigenvalues.abs().sum(-1) for cost, eigenvalues in zip(around, lam, strict=True))
        return squared_error(weights(), x, y) + strength * size

    steps = train(task, seeds, [*phi, *lam], loss)
    count = sum(block[0].numel() for block in (*phi, *lam))
    return [SearchResult(graph, count, steps, steps) for graph in graphs_of(weights(), task.bias)]
