"""What the sweep over penalties found, as the values that its report's sentences take."""

from collections.abc import Mapping

import pandas as pd

from replication.judging.verdicts import SWEET_SPOT
from replication.report.intervals import count_range, over_trials
from replication.report.prose import diverged, epochs
from replication.report.text import PENALTIES, penalty_name

COST = 0.01  # of R²: what a strength may cost by claim G1
EXPERIMENTS = {"regression": "experiment 1", "teacher_student": "experiment 2"}


def size(trials: pd.DataFrame, settings: Mapping) -> dict:
    """Penalties, strengths and n, and how many trials diverged."""
    counts = trials.groupby(["experiment", "penalty", "rho", "alpha"], dropna=False)["trial"].count()
    return {
        "penalties": [penalty_name(name) for name in trials["penalty"].unique()],
        "strengths": trials["rho"].nunique(),
        "each": count_range(counts),
        "trials": len(trials),
        "epochs": epochs(settings, "regression"),
        "diverged": diverged(trials),
    }


def sweep(trials: pd.DataFrame) -> dict:
    """The least mean R² inside the paper's range and over all strengths, and what it costs, by experiment and penalty.

    The mean R² of a strength is that on its worst data set; strengths of 0 do not count.
    """
    swept = trials[trials["rho"] > 0].fillna({"alpha": -1})  # a teacher has no α
    means = over_trials(swept, "r2", ["experiment", "penalty", "rho", "alpha"])
    rows = [
        {"experiment": EXPERIMENTS[experiment], "penalty": PENALTIES[penalty], **_of_kind(of_kind)}
        for (experiment, penalty), of_kind in means.groupby(["experiment", "penalty"])
    ]
    inside = [row for row in rows if row["inside"]]
    return {
        "rows": rows,
        "limit": COST,
        "inside": len(inside),
        "cheap": sum(row["cost"] <= COST for row in inside),
        "dearest": max(inside, key=lambda row: row["cost"], default=None),
    }


def _of_kind(means: pd.DataFrame) -> dict:
    low, high = SWEET_SPOT
    within = means[means["rho"].between(low * 0.999, high * 1.001)]
    worst = means.groupby("rho")["mean"].min()
    inside = _least(within) if len(within) else None
    return {
        "inside": inside,
        "least": _least(means),
        "best": {"rho": float(worst.idxmax()), "mean": worst.max()},
        "cost": worst.max() - inside["mean"] if inside else None,
    }


def _least(means: pd.DataFrame) -> dict:
    row = means.loc[means["mean"].idxmin()]
    return {name: float(row[name]) for name in ("mean", "rho", "alpha")}
