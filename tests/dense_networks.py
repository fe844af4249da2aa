"""Networks to compact, and their outputs by dense linear algebra in NumPy."""

import math

import numpy as np
import torch
from scipy.special import expit

from sparcs import SpectralNetwork
from sparcs.activations import ACTIVATIONS

ERF = np.vectorize(math.erf, otypes=[float])
NUMPY = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": expit,
    "gelu": lambda z: z * (1 + ERF(z / np.sqrt(2))) / 2,
    "silu": lambda z: z * expit(z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "identity": lambda z: z,
}
PLANS = ("trained", "some zero", "zero", "equal")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def randomised(widths, seed=0, **options):
    """A float64 network away from its start, where ReLU and norms are smooth."""
    network = SpectralNetwork(widths, generator=seeded(seed), **options).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=seeded(seed + 1), dtype=torch.float64))
    return network


def planted(widths, plans, seed=0, dtype=torch.float64, **options):
    """A network with random eigenvalues, some of them exact zeros or equal throughout a layer, as each plan says."""
    random = np.random.default_rng(seed)
    network = SpectralNetwork(widths, generator=seeded(seed), **options).to(dtype)
    drawn = []
    for plan, block in zip(plans, list(network.eigenvalues)[1:-1], strict=True):
        trained = random.normal(size=len(block))
        drawn.append(
            {
                "trained": trained,
                "some zero": trained * random.integers(0, 2, size=len(block)),
                "zero": 0 * trained,
                "equal": np.full(len(block), 0.625),
            }[plan]
        )
    drawn.append(random.normal(size=widths[-1]))
    first = 0 if network.train_input_eigenvalues else 1
    if first == 0:
        drawn.insert(0, np.full(network.widths[0], random.choice([0.0, 0.625])) + random.integers(0, 2) * drawn[0][0])
    with torch.no_grad():
        for block, values in zip(list(network.eigenvalues)[first:], drawn, strict=True):
            block.copy_(torch.from_numpy(np.asarray(values)))
        for block in network.eigenvectors:  # some neurons without inputs, some that nothing listens to
            block[random.random(block.shape[0]) < 0.1] = 0
            block[:, random.random(block.shape[1]) < 0.1] = 0
    return network


def dense(network, lam=None):
    """A = ΦΛΦ⁻¹ with a numerical inverse, in float64, and the first index of each layer."""
    offsets = np.concatenate([[0], np.cumsum(network.widths)])
    matrix = np.eye(offsets[-1])
    for k, block in enumerate(network.eigenvectors):
        matrix[offsets[k + 1] : offsets[k + 2], offsets[k] : offsets[k + 1]] = block.detach().double().numpy()
    lam = lam or [block.detach().double().numpy() for block in network.eigenvalues]
    return matrix @ np.diag(np.concatenate(lam)) @ np.linalg.inv(matrix), offsets


def reference(network, x, adjacency=None, gone=()):
    """(4.5) from the dense A, the hidden neurons ``gone`` (indices into A) held at 0; (batch, N_ℓ)."""
    computed, offsets = dense(network)
    adjacency = computed if adjacency is None else adjacency
    f = NUMPY[next(name for name, known in ACTIVATIONS.items() if known is network.activation)]
    activity = np.zeros((len(x), offsets[-1]))
    activity[:, : x.shape[1]] = x
    if network.has_bias:
        activity[:, x.shape[1]] = 1
    last = len(network.widths) - 1
    for i in range(1, last + 1):
        rows = slice(offsets[i], offsets[i + 1])
        z = activity[:, : offsets[i]] @ adjacency[rows, : offsets[i]].T
        activity[:, rows] = f(z) if i < last else z
        activity[:, list(gone)] = 0
    return activity[:, offsets[last] :]


def inputs(network, points=40, seed=1):
    return torch.randn(points, network.in_features, generator=seeded(seed), dtype=torch.float64)


def deviation(computed, expected):
    """max |ŷ − y| / max |y|; the oracle's own rounding is not divided by outputs that are zero."""
    return np.abs(computed - expected).max() / max(np.abs(expected).max(), 1e-3)


def evaluated(module, x):
    with torch.no_grad():
        return module(x.to(next(module.parameters()))).double().cpu().numpy()


def graded(widths=(5, 12, 10, 3), seed=0, dtype=torch.float64, **options):
    """A network whose hidden eigenvalues fall from 0.6 to 1e-4, in random order; λ_ℓ = 1."""
    network = SpectralNetwork(widths, generator=seeded(seed), **options).to(dtype)
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for block in list(network.eigenvalues)[1:-1]:
            signs = random.choice([-1, 1], len(block))
            block.copy_(torch.from_numpy(random.permutation(signs * np.logspace(-0.2, -4, len(block)))))
    return network


def brute_force(network, removal, x):
    """Outputs on the whole pruning curve, {neurons removed: (batch, N_ℓ)}, from masks on the dense A or from λ."""
    adjacency, offsets = dense(network)
    layers = range(1, len(network.widths) - 1)
    hidden = np.concatenate([np.arange(offsets[i], offsets[i + 1]) for i in layers])
    lam = [block.detach().double().numpy() for block in network.eigenvalues]
    if removal == "eigenvalues":
        importance = np.abs(np.concatenate(lam)[hidden])
    else:
        edges = np.tril(adjacency, -1)
        inner = [edges[offsets[i] : offsets[i + 1], : offsets[i]] for i in layers]
        outer = [edges[offsets[i + 1] :, offsets[i] : offsets[i + 1]] for i in layers]
        importance = np.concatenate(
            [np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=0)) for a, b in zip(inner, outer, strict=True)]
        )
    order = hidden[np.argsort(importance, kind="stable")]
    outputs = {}
    for removed in range(len(order) + 1):
        if removal == "weights":
            outputs[removed] = reference(network, x, adjacency, gone=order[:removed])
        else:
            left = np.concatenate(lam)
            left[order[:removed]] = 0
            outputs[removed] = reference(network, x, dense(network, np.split(left, offsets[1:-1]))[0])
    return outputs
