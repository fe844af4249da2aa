"""95 % intervals. Bootstraps take an explicit generator."""

from collections.abc import Callable

import numpy as np
from scipy import stats

LEVEL = 0.95
RESAMPLES = 1000

Interval = tuple[float, float, float]


def mean_interval(values: np.ndarray) -> Interval:
    """(mean, low, high) of a sample's mean by Student's t; the bounds are NaN for fewer than two values."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return (float(values.mean()) if len(values) else np.nan, np.nan, np.nan)
    half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def share_interval(hits: int, n: int) -> Interval:
    """(share, low, high) of successes by Clopper and Pearson; NaN for n = 0."""
    if n == 0:
        return np.nan, np.nan, np.nan
    interval = stats.binomtest(hits, n).proportion_ci(LEVEL, method="exact")
    return hits / n, float(interval.low), float(interval.high)


def bootstrap_interval(
    statistic: Callable[[np.ndarray], float | np.ndarray], samples: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(value, low, high) of a statistic of several groups of trials, by the percentile bootstrap over trials.

    samples: (groups, trials), NaN where a trial is missing. Each group is resampled on its own; the statistic, a
    number or an array of them, is given an array of the same shape. Values that it can't give (NaN) are left out.
    """
    groups, trials = samples.shape
    values = []
    for _ in range(RESAMPLES):
        index = generator.integers(0, trials, (groups, trials))
        values.append(statistic(np.take_along_axis(samples, index, axis=1)))
    value = np.asarray(statistic(samples))
    columns = np.reshape(values, (RESAMPLES, -1)).T  # (numbers, resamples)
    bounds = [_quantiles(column[np.isfinite(column)]) for column in columns]
    low, high = (np.reshape(bound, value.shape) for bound in zip(*bounds, strict=True))
    return value, low, high


def _quantiles(values: np.ndarray) -> tuple[float, float]:
    if len(values) == 0:
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
