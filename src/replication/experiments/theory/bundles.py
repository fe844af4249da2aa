"""Which bundles of a network carry a signal, read off its weights and one forward pass (Figure 6)."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from sparcs.metrics import bundles_of

CLOSED, UNFED, CARRYING = "closed", "not fed", "carrying"


def start_with(widths: Sequence[int], open_layer: int | None, seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Random φ and the perceptron start λ_1 … λ_B = 0, λ_ℓ = 1, one layer's λ_j drawn away from 0 if given.

    Returns φ_1 … φ_B, each (N_{k+1}, N_k), and λ_1 … λ_ℓ, each (N_k,).
    """
    random = np.random.default_rng(seed)
    phi = [random.uniform(-1, 1, (after, before)) for before, after in pairwise(widths)]
    lam = [np.zeros(width) for width in widths[:-1]] + [np.ones(widths[-1])]
    if open_layer is not None:
        lam[open_layer - 1] = random.uniform(0.5, 1, widths[open_layer - 1])
    return phi, lam


def bundle_states(phi: Sequence[np.ndarray], lam: Sequence[np.ndarray], x: np.ndarray) -> pd.DataFrame:
    """Every bundle j → i with what its weights and the signal on it are.

    x: (batch, N_1); f = ReLU. Columns: source, target, weight (largest |W_ij|), signal (largest |W_ij a_j|) and
    state: "closed" if W_ij = 0, "not fed" if it is not but a_j is, "carrying" otherwise.
    """
    weights = bundles_of(phi, lam)
    activities = [x]
    rows = []
    for i in range(2, len(lam) + 1):
        arriving = {j: activities[j - 1] @ weights[i, j].T for j in range(1, i)}  # (batch, N_i) each
        for j, signal in arriving.items():
            weight, strength = float(np.abs(weights[i, j]).max()), float(np.abs(signal).max())
            state = CARRYING if strength else UNFED if weight else CLOSED
            rows.append({"source": j, "target": i, "weight": weight, "signal": strength, "state": state})
        activities.append(np.maximum(sum(arriving.values()), 0))
    return pd.DataFrame(rows)


def layers_in_use(states: pd.DataFrame) -> list[int]:
    """Hidden layers that some bundle carries a signal into."""
    targets = states.loc[states["state"] == CARRYING, "target"]
    return sorted(set(targets) - {states["target"].max()})
