"""Measures of trained networks: fit, paths and live neurons. NumPy only."""

from collections.abc import Mapping, Sequence

import numpy as np

from sparcs import spectral

Parameters = Mapping[str, np.ndarray]


def r_squared(target: np.ndarray, prediction: np.ndarray) -> float:
    """R² = 1 − Σ(t − y)² / Σ(t − t̄)², summed over points and outputs, t̄ the mean of each output.

    target, prediction: both (points, outputs) or both (points,). Raises ValueError for two shapes.
    """
    if target.shape != prediction.shape:
        raise ValueError(f"target {target.shape}, prediction {prediction.shape}: the same shape is needed")
    target = target.astype(np.float64)
    residual = np.square(target - prediction).sum()
    return float(1 - residual / np.square(target - target.mean(axis=0)).sum())


def blocks_of(parameters: Parameters) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """φ_1 … φ_B and λ_1 … λ_ℓ in float64 from arrays named as in SpectralNetwork's state_dict.

    parameters: by name. Returns (…, N_{k+1}, N_k) and (…, N_k), the leading dimensions as they come.
    """
    count = sum(name.startswith("eigenvectors.") for name in parameters)
    phi = [parameters[f"eigenvectors.{k}"].astype(np.float64) for k in range(count)]
    lam = [parameters[f"eigenvalues.{k}"].astype(np.float64) for k in range(count + 1)]
    return phi, lam


def bundles_of(phi: Sequence[np.ndarray], lam: Sequence[np.ndarray]) -> dict[tuple[int, int], np.ndarray]:
    """Every W_ij of (4.3).

    Returns {(i, j): W_ij}, each (…, N_i, N_j).
    """
    incoming = {i: spectral.incoming_weights(phi, lam, i) for i in range(2, len(lam) + 1)}
    return {(i, j): weight for i, weights in incoming.items() for j, weight in weights.items()}


def forward(
    bundles: Mapping[tuple[int, int], np.ndarray], x: np.ndarray, keep: Mapping[int, np.ndarray] | None = None
) -> np.ndarray:
    """a_i = relu(Σ_{k<i} W_ik a_k), no relu on the last layer   (4.5), from given bundles.

    bundles: {(i, j): W_ij}, each (N_i, N_j). x: (batch, N_1). keep: per layer, 1 for neurons that stay and 0 for those
    deleted in weight space, their skips left as they are. Returns (batch, N_ℓ).
    """
    keep = keep or {}
    last = max(i for i, _ in bundles)
    activities = {1: x}
    for i in range(2, last + 1):
        z = sum(activities[j] @ bundles[i, j].T for j in range(1, i))  # (batch, N_i)
        if i < last:
            np.maximum(z, 0, out=z)
            if i in keep:
                z *= keep[i]
        activities[i] = z
    return activities[last]


def path_norms(w21: np.ndarray, w32: np.ndarray) -> np.ndarray:
    """‖Γ_j‖ of every hidden neuron of a three-layer network, Γ_{ijk} = [W_32]_ij [W_21]_jk.

    ‖Γ_j‖² = Σ_i ([W_32]_ij)² Σ_k ([W_21]_jk)².

    w21: (…, N_2, N_1). w32: (…, N_3, N_2). Returns (…, N_2).
    """
    return np.sqrt(np.square(w32).sum(axis=-2) * np.square(w21).sum(axis=-1))


def live(phi: Sequence[np.ndarray], lam: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Which neurons of each hidden layer can ever be other than f(0): (…, N_i) booleans for i = 2 … ℓ−1.

    Neuron h of layer i is silent iff φ_{i−1}[h,m] (λ_{i−1,m} − λ_{i,h}) = 0 for every m: its row of W_{i,i−1} is zero,
    and with it its row of every W_ij.
    """
    return [spectral.incoming_weights(phi, lam, i, lowest=i - 1)[i - 1].any(axis=-1) for i in range(2, len(lam))]


def active(phi: Sequence[np.ndarray], lam: Sequence[np.ndarray], share: float = 0.01) -> list[np.ndarray]:
    """Recruited neurons of each hidden layer: |λ| above ``share`` of the largest hidden |λ|, and live.

    share: 0 to 1. Returns booleans (N_i,) for each hidden layer.
    """
    largest = max(float(np.abs(block).max()) for block in lam[1:-1])
    return [mask & (np.abs(block) > share * largest) for mask, block in zip(live(phi, lam), lam[1:-1], strict=True)]
