"""The α/β family of experiment 1: from a linear to a quadratic function of two variables."""

import numpy as np


def points(count: int, seed: int) -> np.ndarray:
    """x ~ U([−1, 1]²) from NumPy's legacy generator, as the paper draws it; (count, 2) float64."""
    return np.random.RandomState(seed).uniform(-1, 1, (count, 2))


def target(x: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    """f(x) = ¼[1 − tanh β(α−½)] w·x + ¼[1 + tanh β(α−½)] x·x,  w = 1   (Section 5).

    x: (points, 2). Returns (points,). At α = 0 and β = 5 a quadratic part of 0.7 % remains.
    """
    share = np.tanh(beta * (alpha - 0.5))
    return 0.25 * (1 - share) * x.sum(axis=-1) + 0.25 * (1 + share) * (x * x).sum(axis=-1)
