"""Adam in compiled code, 16 numbers at a time; PyTorch's defaults (Kingma and Ba, 2015)."""

import numpy as np
from numba import njit

from replication.training.vectors import load, root, splat, store

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def adam_rates(count: np.ndarray, learning_rate: float, dtype: np.dtype) -> np.ndarray:
    """The learning rate over 1 − β_1^t, and 1/√(1 − β_2^t), for t = count; (…, 2)."""
    rates = [learning_rate / (1 - BETA_1**count), 1 / np.sqrt(1 - BETA_2**count)]
    with np.errstate(over="ignore"):  # an infinite rate makes the training diverge, as it does in PyTorch
        return np.stack(rates, axis=-1).astype(dtype)


@njit
def adam(values, firsts, seconds, i, gradient, rate, correction):
    """m ← m + (1−β_1)(g − m),  v ← β_2 v + (1−β_2) g²,  p ← p − rate·m/(√v·correction + ε), 16 numbers from index i."""
    real = values.dtype.type
    first, second = load(firsts, i), load(seconds, i)
    first = first + splat(real(1 - BETA_1)) * (gradient - first)
    second = splat(real(BETA_2)) * second + splat(real(1 - BETA_2)) * gradient * gradient
    store(firsts, i, first)
    store(seconds, i, second)
    denominator = root(second) * splat(correction) + splat(real(EPSILON))
    store(values, i, load(values, i) - splat(rate) * first / denominator)
