"""What the searches on cells found, as the values that the report's sentences take."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from replication.experiments.cells.figures import METHODS, SCORES
from replication.experiments.cells.space import connected, operations_of
from replication.judging.statistics import Interval, mean_interval
from replication.report.intervals import MANY, count_range

GAEA, DARTS = "gaea_bilevel", "darts"  # of the comparison of searches: alike in all but the step of the gates
TASK = "teacher"  # of that comparison, where it was run
REPORTED = {"cifar10": 94.1, "cifar100": 73.4, "imagenet16_120": 46.4}  # by GAEA's paper, for the single-level variant
EARLY = 0.1  # of a search's steps
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


def gaea_claims(
    cells: pd.DataFrame, without_none: pd.DataFrame, history: pd.DataFrame, run: Mapping, paper: Mapping
) -> dict:
    """What was found on GAEA's claims, each None where it was not run.

    cells, without_none: the searches that ended, with five and with four operations; history: of the comparison's
    searches, step by step; run, paper: both settings of the cells.
    """
    return {
        "gates": _gates(history),
        "five": _worth(cells, run, paper),
        "four": _worth(without_none, run, paper),
        "levels": _levels(cells),
    }


def _gates(history: pd.DataFrame) -> dict | None:
    """GAEA beside DARTS on the comparison's task, early and at the end, at the middle strength.

    ratio: of validation losses, a geometric mean; entropy: of the gates, 1 where all choices weigh alike, a difference;
    decided: the difference of the shares of decided gates at the end.
    """
    methods = {GAEA, DARTS}
    rows = history[history["method"].isin(methods)] if len(history) else history
    if rows.empty or set(rows["method"]) != methods:
        return None
    task = TASK if TASK in set(rows["task"]) else rows["task"].iloc[0]
    strengths = sorted(rows["strength"].unique())
    strength = strengths[len(strengths) // 2]  # the middle one, the larger of two
    chosen = rows[(rows["task"] == task) & (rows["strength"] == strength)]
    chosen = chosen.assign(log=np.log(chosen["validation_mse"]))
    return {
        "ratio": [np.exp(mean_interval(_paired(chosen, "log", share))) for share in (EARLY, 1)],
        "entropy": [mean_interval(_paired(chosen, "entropy", share)) for share in (EARLY, 1)],
        "decided": mean_interval(_paired(chosen, "decided", 1)),
        "task": task,
        "strength": strength,
        "place": len(strengths) // 2 + 1,
        "strengths": len(strengths),
        "n": chosen.groupby("method")["trial"].nunique().min(),
    }


def _paired(rows: pd.DataFrame, measure: str, share: float) -> np.ndarray:
    """GAEA minus DARTS, one value per trial, at the first step from this share of the search on."""
    reached = rows[rows["step"] >= share * rows["step"].max()].sort_values("step")
    values = reached.drop_duplicates(["method", "trial"]).pivot(index="trial", columns="method", values=measure)
    return (values[GAEA] - values[DARTS]).dropna().to_numpy(np.float64)


def _worth(trials: pd.DataFrame, run: Mapping, paper: Mapping) -> dict | None:
    """What the single-level variant's cells are worth beside GAEA's paper, and what a search is less than in full."""
    cells = trials[trials["method"] == "gaea"] if len(trials) else trials
    if cells.empty:
        return None
    sizes = {"channels": "C", "cells": "N", "images": "images", "epochs": "epochs"}
    return {
        "scored": bool(cells["cifar10_accuracy"].notna().any()),
        "accuracies": {label: (cells[f"{name}_accuracy"].mean(), REPORTED[name]) for name, label in SCORES.items()},
        "smaller": {label: (run[name], paper[name]) for name, label in sizes.items() if run[name] < paper[name]},
        "rates": run["rates"]["gaea"] / paper["rates"]["gaea"],
        "n": len(cells),
    }


def _levels(trials: pd.DataFrame) -> dict | None:
    """Points of the cells' accuracy, single-level minus bi-level."""
    accuracy = trials.pivot(index="trial", columns="method", values="cifar10_accuracy") if len(trials) else trials
    if not {"gaea", "gaea_bilevel"} <= set(accuracy):
        return None
    points = (accuracy["gaea"] - accuracy["gaea_bilevel"]).dropna().to_numpy()
    return {"points": mean_interval(points), "n": len(points)}
