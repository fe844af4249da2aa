"""What the searches on cells found, as the values that the report's sentences take."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from replication.experiments.cells.figures import METHODS
from replication.experiments.cells.space import connected, operations_of
from replication.judging.statistics import Interval, mean_interval
from replication.report.intervals import MANY, count_range

PAIRS = [("gaea", "darts_single_level"), ("gaea_bilevel", "darts"), ("gaea", "random"), ("gaea_bilevel", "random")]


def answer(trials: pd.DataFrame, reference: pd.DataFrame) -> dict:
    """Whether GAEA finds better cells than DARTS, and how often a search ends in skips alone or in a cut cell.

    trials: those of ``finished``.
    """
    if trials.empty:
        return {"ended": 0}
    accuracy = trials.pivot(index="trial", columns="method", values="cifar10_accuracy")
    scored = bool(trials["cifar10_accuracy"].notna().any())
    pairs = [pair for pair in PAIRS if set(pair) <= set(accuracy)] if scored else []
    differences = {pair: (accuracy[pair[0]] - accuracy[pair[1]]).dropna() for pair in pairs}
    intervals = {pair: mean_interval(values.to_numpy()) for pair, values in differences.items()}
    known = reference.loc[reference["score"] == "cifar10_accuracy", "best"].dropna()
    cut = ~trials["cell"].map(operations_of).map(connected).astype(bool)
    return {
        "ended": len(trials),
        "scored": scored,
        "verdict": _verdict([bounds for (_, other), bounds in intervals.items() if other != "random"]),
        "n": len(accuracy),
        "best": list(known),
        "pairs": [_pair(pair, differences[pair], intervals[pair]) for pair in pairs],
        "skips": _by_method(trials[trials["skips"] == 6]),
        "cut": _by_method(trials[cut]),
    }


def _pair(methods: tuple[str, str], values: pd.Series, bounds: Interval) -> dict:
    """The single differences of two methods, where they are few, with their mean and its interval."""
    return {
        "methods": [METHODS[method] for method in methods],
        "each": list(values) if len(values) < MANY else [],
        "n": len(values),
        "bounds": bounds,
        "impossible": bool(bounds[1] < -100 or bounds[2] > 100),
    }


def _by_method(trials: pd.DataFrame) -> dict[str, int]:
    return {METHODS[method]: int(count) for method, count in trials.groupby("method").size().items()}


def _verdict(differences: Sequence[Interval]) -> str:
    """yes or no if every interval lies on one side of 0."""
    if differences and all(low > 0 for _, low, _ in differences):
        return "yes"
    return "no" if differences and all(high < 0 for _, _, high in differences) else "inconclusive"


def decided(history: pd.DataFrame, run: Mapping) -> dict:
    """How much the mixtures of a search still weigh all operations alike when it ends: mean entropies, in nats."""
    known = history.dropna(subset=["entropy"]).sort_values("gradient_evaluations")
    if known.empty:
        return {"entropies": {}}
    last = known.groupby(["method", "trial"])["entropy"].last().groupby("method").mean()
    count = len(run["operations"])
    return {
        "entropies": {METHODS[method]: last[method] for method in METHODS if method in last},
        "operations": count,
        "alike": np.log(count),
    }


def size(run: Mapping, paper: Mapping, trials: pd.DataFrame, ended: pd.DataFrame) -> dict:
    """How large supernet and search are, against the full setting, how many searches there are, and which diverged.

    ended: the trials of ``finished``.
    """
    lost = trials.loc[~trials.index.isin(ended.index), "method"].value_counts(sort=False)
    return {
        "run": run,
        "paper": paper,
        "each": count_range(trials.groupby("method")["trial"].count()),
        "searches": len(trials),
        "lost": {METHODS[method]: int(count) for method, count in lost.items()},
    }
