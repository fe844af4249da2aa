"""Claims that are statements about every network, checked on random ones: A1, A3, C1."""

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd
import torch
from torch import nn

from replication.training.adam import Adam
from replication.training.torch_threads import subnormals_flushed
from sparcs import spectral
from sparcs.network import SpectralNetwork

DEPTHS = range(2, 9)
RATE = 1e-3  # of Adam


def random_network(seed: int, layers: int, smallest: int = 1) -> tuple[SpectralNetwork, torch.Generator]:
    """A network of random widths at its start, in float64, and the generator that goes on after it."""
    generator = torch.Generator().manual_seed(seed)
    widths = torch.randint(smallest, 13, (layers,), generator=generator).tolist()
    return SpectralNetwork(widths, generator=generator).double(), generator


def perceptron_error(seed: int, layers: int) -> float:
    """Claim A1 on one random network: how far its start is from the linear map W_ℓ1 = (−1)^B φ_B … φ_1.

    The product is formed here on its own. The error is relative to the largest output.
    """
    network, generator = random_network(seed, layers)
    x = torch.randn(16, network.in_features, dtype=torch.float64, generator=generator)  # (batch, N_1)
    linear = torch.eye(network.in_features, dtype=torch.float64)
    for phi in network.eigenvectors:
        linear = -phi @ linear  # (N_{k+1}, N_1)
    expected = x @ linear.T  # (batch, N_ℓ)
    return float(((network(x) - expected).abs().max() / expected.abs().max()).detach())


def first_gradient_steps(seed: int, layers: int) -> dict[int, int]:
    """Claim A3, first half: at which optimiser step λ_k gets its first non-zero gradient, for k = 2 … ℓ−1.

    ReLU, mean squared error, Adam at 1e-3. Section 2 of the theory gives step B−k+1. 0: none came in ℓ steps.
    """
    network, generator = random_network(seed, layers, smallest=6)
    x = torch.randn(64, network.in_features, dtype=torch.float64, generator=generator)
    y = torch.randn(64, network.out_features, dtype=torch.float64, generator=generator)
    parameters = dict(network.named_parameters())
    optimizer = Adam(parameters.values(), RATE)
    first = dict.fromkeys(range(2, layers), 0)
    for step in range(1, layers + 1):
        loss = (network(x) - y).square().mean()
        gradients = dict(zip(parameters, torch.autograd.grad(loss, parameters.values()), strict=True))
        for k in first:
            if not first[k] and gradients[f"eigenvalues.{k - 1}"].any():
                first[k] = step
        optimizer.step(gradients.values())
    return first


class DirectNetwork(nn.Module):
    """(4.5) with every bundle W_ij a parameter of its own; starts with zero weights into hidden layers."""

    def __init__(self, widths: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        self.layers = len(widths)
        self.weights = nn.ParameterDict()
        for i in range(2, self.layers + 1):
            for j in range(1, i):
                weight = torch.zeros(widths[i - 1], widths[j - 1], dtype=torch.float64)
                if i == self.layers:
                    nn.init.xavier_uniform_(weight, generator=generator)
                self.weights[f"{i}_{j}"] = nn.Parameter(weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, N_1) -> (batch, N_ℓ)."""
        activities = [x]
        for i in range(2, self.layers + 1):
            z = sum(activities[j - 1] @ self.weights[f"{i}_{j}"].T for j in range(1, i))  # (batch, N_i)
            activities.append(torch.relu(z) if i < self.layers else z)
        return activities[-1]


def direct_largest_hidden_weight(seed: int, layers: int, steps: int) -> float:
    """Claim A3, second half: the largest weight into a hidden layer of a direct-space net that started there at 0.

    Task and optimiser are those of ``first_gradient_steps``, for ``steps`` steps.
    """
    generator = torch.Generator().manual_seed(seed)
    network = DirectNetwork([8] * layers, generator)
    x = torch.randn(64, 8, dtype=torch.float64, generator=generator)
    y = torch.randn(64, 8, dtype=torch.float64, generator=generator)
    parameters = list(network.parameters())
    optimizer = Adam(parameters, RATE)
    for _ in range(steps):
        optimizer.step(torch.autograd.grad((network(x) - y).square().mean(), parameters))
    into_hidden = [w for name, w in network.weights.items() if not name.startswith(f"{layers}_")]
    return max(float(weight.detach().abs().max()) for weight in into_hidden)


@subnormals_flushed()
def check_all(networks: int, direct_networks: int, steps: int) -> pd.DataFrame:
    """The checks of claims A1, A3 and C1 as tidy rows: check, layers, seed, value.

    ``perceptron_error`` is relative; ``gradient_step_mismatch`` counts the λ_k whose first gradient came at another
    step than B−k+1; ``direct_hidden_weight`` is an absolute weight; ``spectral_over_direct`` is a ratio of parameter
    counts at width 100, ``spectral_over_direct_small`` that of experiment 1's network.
    """
    rows = []
    for seed in range(networks):
        layers = DEPTHS[seed % len(DEPTHS)]
        rows.append(("perceptron_error", layers, seed, perceptron_error(seed, layers)))
        if layers > 2:
            first = first_gradient_steps(seed, layers)
            mismatches = sum(step != layers - k for k, step in first.items())
            rows.append(("gradient_step_mismatch", layers, seed, mismatches))
    for seed in range(direct_networks):
        layers = DEPTHS[1 + seed % (len(DEPTHS) - 1)]
        rows.append(("direct_hidden_weight", layers, seed, direct_largest_hidden_weight(seed, layers, steps)))
    for layers in range(2, 65):
        counts = [spectral.count_parameters(layers, 100, kind) for kind in ("spectral", "direct")]
        rows.append(("spectral_over_direct", layers, 0, counts[0] / counts[1]))
    rows.append(("spectral_over_direct_small", 3, 0, small_network_ratio()))
    return pd.DataFrame(rows, columns=["check", "layers", "seed", "value"])


def small_network_ratio(widths: Sequence[int] = (3, 300, 1)) -> float:
    """Parameters of a spectral network over those of direct space with the same layers and every skip."""
    pairs = [a * b for a, b in pairwise(widths)]
    direct = sum(a * b for k, a in enumerate(widths) for b in widths[:k])
    return (sum(pairs) + sum(widths)) / direct
