"""Two statements of the paper on training, watched on small networks: symmetry (Section 5) and rank (Section 4).

Section 5: networks that start with symmetrical weights in direct space have trouble to break the symmetry; the spectral
ones, whose eigenvectors are random, have not. Section 4: zero eigenvalues induce a gradual increase in rank.
"""

from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor, nn

from replication.experiments.theory.checks import DirectNetwork
from replication.training.adam import Adam
from sparcs.network import SpectralNetwork

COLUMNS = ["statement", "layers", "seed", "step", "value"]
WIDTH, BATCH = 16, 64
SYMMETRIC = 0.1  # every weight of a direct-space network that starts symmetrical
RATE = 1e-3  # of Adam
SHOWN = (0, 1, 3, 10, 30, 100, 300, 1000, 3000)  # steps after which a network is looked at
SHARE = 0.01  # of the largest singular value at the end: a smaller one counts as zero
DEPTHS = (3, 4, 5)
TINY = 1e-30  # in place of 0 below a fraction


def check_all(networks: int, steps: int) -> pd.DataFrame:
    """Rows of ``statement``, layers, seed, step and value, of this many networks of each depth over these steps.

    ``direct_spread`` and ``spectral_spread``: how unequal the hidden neurons' incoming weights are, see ``spread``, in
    direct space from equal weights and in the spectral parametrization from its own start. ``numerical_rank`` and
    ``effective_rank`` of W_21, see ``ranks``, from the zero start.
    """
    rows = []
    for seed in range(networks):
        for layers in DEPTHS:
            for statement, network in (
                ("direct_spread", symmetric(layers)),
                ("spectral_spread", zero_start(layers, seed)),
            ):
                seen = watched(network, seed, steps)
                rows += [(statement, layers, seed, step, spread(weights)) for step, weights in seen]
                if statement == "spectral_spread" and layers == DEPTHS[0]:
                    rows += list(ranks(seed, layers, seen))
    return pd.DataFrame(rows, columns=COLUMNS)


def symmetric(layers: int) -> DirectNetwork:
    """A network in direct space, all of whose weights are SYMMETRIC."""
    network = DirectNetwork([WIDTH] * layers, torch.Generator().manual_seed(0))
    for weight in network.weights.values():
        nn.init.constant_(weight, SYMMETRIC)
    return network


def zero_start(layers: int, seed: int) -> SpectralNetwork:
    """A spectral network at its own start: random φ, hidden eigenvalues 0."""
    return SpectralNetwork([WIDTH] * layers, generator=torch.Generator().manual_seed(seed)).double()


def watched(network: nn.Module, seed: int, steps: int) -> list[tuple[int, list[Tensor]]]:
    """The weights into each hidden layer at the steps of SHOWN, on a teacher of one hidden layer, without a penalty."""
    generator = torch.Generator().manual_seed(1000 + seed)
    one, two = (
        torch.linalg.qr(torch.randn(WIDTH, WIDTH, dtype=torch.float64, generator=generator))[0] for _ in range(2)
    )
    parameters = list(network.parameters())
    optimizer = Adam(parameters, RATE)
    seen = [(0, into_hidden(network))]
    for step in range(1, steps + 1):
        x = 2 * torch.rand(BATCH, WIDTH, dtype=torch.float64, generator=generator) - 1  # (batch, N_1)
        y = torch.relu(x @ one.T) @ two.T  # (batch, N_ℓ)
        loss = (network(x) - y).square().mean()
        optimizer.step(torch.autograd.grad(loss, parameters))
        if step in SHOWN or step == steps:
            seen.append((step, into_hidden(network)))
    return seen


@torch.no_grad()
def into_hidden(network: nn.Module) -> list[Tensor]:
    """The weights into every neuron of each hidden layer, from all layers before it: (N_i, N_1 + … + N_{i−1}) each."""
    if isinstance(network, DirectNetwork):
        bundle, layers = lambda i, j: network.weights[f"{i}_{j}"], network.layers
    else:
        bundle, layers = network.bundle, len(network.widths)
    return [torch.cat([bundle(i, j).clone() for j in range(1, i)], dim=1) for i in range(2, layers)]


def spread(weights: list[Tensor]) -> float:
    """How unequal the neurons of a layer are, the least of the layers: largest deviation over the largest weight.

    The deviation is that of a neuron's weights from the first neuron's.
    """
    return min(float((layer - layer[:1]).abs().max() / layer.abs().max().clamp_min(TINY)) for layer in weights)


def ranks(seed: int, layers: int, seen: list[tuple[int, list[Tensor]]]) -> Iterator[tuple]:
    """W_21's rank: singular values σ above SHARE of the largest at the end, and exp of the entropy of σ / Σσ."""
    singular = {step: torch.linalg.svdvals(weights[0]) for step, weights in seen}
    floor = SHARE * singular[max(singular)].max()
    for step, values in singular.items():
        shares = values / values.sum().clamp_min(TINY)
        effective = float(torch.exp(-torch.xlogy(shares, shares).sum())) if values.any() else 0.0
        yield "numerical_rank", layers, seed, step, float((values > floor).sum())
        yield "effective_rank", layers, seed, step, effective
