"""The measurement of claims on ensembles of networks: exact values, bootstraps over trials."""

from collections.abc import Callable

import numpy as np

from replication.judging.statistics import Interval, bootstrap_interval

SEED = 20250101  # of the bootstraps
FEWEST_RESAMPLED = 10  # trials: intervals of a bootstrap of fewer are too narrow, at three they hold 67 % instead of 95
NOTHING = (np.nan, np.nan, np.nan)


def too_few(trials: int) -> str:
    """The reason why a bootstrap's interval judges nothing; empty if it does."""
    return f"n = {trials}: an interval by bootstrap needs {FEWEST_RESAMPLED}" if 0 < trials < FEWEST_RESAMPLED else ""


def exact(value: float) -> Interval:
    """The interval of a number without spread."""
    return float(value), float(value), float(value)


def bootstrap(statistic: Callable[[np.ndarray], object], samples: np.ndarray) -> Interval | list[Interval]:
    """The statistic's interval, or a list of intervals for a statistic of several numbers; of one group, NOTHING."""
    if len(samples) < 2:
        return NOTHING
    intervals = np.stack(bootstrap_interval(statistic, samples, np.random.default_rng(SEED)))  # (3,) or (3, numbers)
    return tuple(intervals.tolist()) if intervals.ndim == 1 else [tuple(interval) for interval in intervals.T.tolist()]


def fewest(samples: np.ndarray) -> int:
    """The smallest number of finite trials in a group. samples: (groups, trials)."""
    return int(np.isfinite(samples).sum(axis=1).min()) if len(samples) else 0


def of_mean(statistic: Callable[[np.ndarray], object]) -> Callable[[np.ndarray], object]:
    """The statistic of the mean over the trials that did not diverge; NaN where all did."""

    def of_means(sample: np.ndarray) -> object:
        finished = np.isfinite(sample)
        sums = np.where(finished, sample, 0).sum(axis=1)
        counts = finished.sum(axis=1)
        return statistic(np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0))

    return of_means
