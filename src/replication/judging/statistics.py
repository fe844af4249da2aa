"""95 % intervals, and the modes of a sample. Bootstraps take an explicit generator."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
import scipy

LEVEL = 0.95
RESAMPLES = 1000
BANDWIDTH = 0.2  # decades: narrow against the decade that modes have to be apart, wide against gaps between neurons
LEAST_SHARE = 0.01  # 5 of 526 neurons

Interval = tuple[float, float, float]
Range = tuple[float, float]
ANY, NOT_NEGATIVE, SHARE, R2 = (-np.inf, np.inf), (0.0, np.inf), (0.0, 1.0), (-np.inf, 1.0)  # ranges of quantities


def mean_interval(values: np.ndarray, within: Range = ANY) -> Interval:
    """(mean, low, high) of a sample's mean by Student's t; the bounds are NaN for fewer than two values.

    within: the range of the quantity. The mean lies there, so an interval that is cut there holds it as often.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return (float(values.mean()) if len(values) else np.nan, np.nan, np.nan)
    half = scipy.stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    low, high = np.clip([values.mean() - half, values.mean() + half], *within)
    return float(values.mean()), float(low), float(high)


def difference_interval(one: np.ndarray, other: np.ndarray) -> Interval:
    """(mean of one minus mean of other, low, high) of two samples by Welch; NaN bounds for fewer than two values."""
    one, other = (np.asarray(values, dtype=np.float64) for values in (one, other))
    if not len(one) or not len(other):
        return np.nan, np.nan, np.nan
    difference = float(one.mean() - other.mean())
    if len(one) < 2 or len(other) < 2 or not (one.std() or other.std()):
        return difference, np.nan, np.nan
    bounds = scipy.stats.ttest_ind(one, other, equal_var=False).confidence_interval(LEVEL)
    return difference, float(bounds.low), float(bounds.high)


def judged(costs: pd.DataFrame) -> pd.DataFrame:
    """The costs by which claims are judged, of those on several devices: on CUDA if there are any, like the paper's."""
    cuda = costs["device"] == "cuda"
    return costs[cuda] if cuda.any() else costs


def lowest(rows: pd.DataFrame, column: str, by: list[str] | str) -> pd.DataFrame:
    """The row with the least value of a column in each group, the first of equals; a group without a value has none."""
    known = rows.dropna(subset=[column]).sort_values(column, kind="stable")
    return known.drop_duplicates(by).sort_index()


def share_interval(hits: int, n: int) -> Interval:
    """(share, low, high) of successes by Clopper and Pearson; NaN for n = 0."""
    if n == 0:
        return np.nan, np.nan, np.nan
    interval = scipy.stats.binomtest(hits, n).proportion_ci(LEVEL, method="exact")
    return hits / n, float(interval.low), float(interval.high)


def bootstrap_interval(
    statistic: Callable[[np.ndarray], float | np.ndarray], samples: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(value, low, high) of a statistic of several groups of trials, by the percentile bootstrap over trials.

    samples: (groups, trials), NaN where a trial is missing. Each group is resampled separately. The statistic gets an
    array of the same shape and gives a number or an array of them. Values that it can't give (NaN) are left out.
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


def mode_distance(sizes: np.ndarray, width: float = BANDWIDTH) -> float:
    """Decades between the two modes of the decimal logarithm of positive numbers; 0 if there is one mode.

    Modes are maxima of a Gaussian kernel density of ``width`` decades. Two of them count if the density between them
    falls to half of the lower one or less, and if each side has at least LEAST_SHARE of the numbers. So the long
    tail that a logarithm makes of numbers near 0 is no mode. The pair with the highest lower mode counts, if there are
    several. Zeros are left out.
    """
    sizes = np.asarray(sizes, dtype=np.float64)
    logs = np.log10(sizes[sizes > 0])
    if len(logs) == 0:
        return 0.0
    grid = np.arange(logs.min() - 3 * width, logs.max() + 3 * width, width / 10)
    density = np.exp(-np.square((grid[:, None] - logs) / width) / 2).sum(axis=1)
    peaks = np.flatnonzero((density[1:-1] > density[:-2]) & (density[1:-1] >= density[2:])) + 1
    pairs = [(0.0, 0.0)]
    for first, second in combinations(peaks, 2):
        valley = first + density[first:second].argmin()
        lower = min(density[first], density[second])
        below = np.mean(logs < grid[valley])
        if density[valley] <= lower / 2 and min(below, 1 - below) >= LEAST_SHARE:
            pairs.append((float(lower), float(grid[second] - grid[first])))
    return max(pairs)[1]


def _quantiles(values: np.ndarray) -> tuple[float, float]:
    if len(values) == 0:
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
