"""Experiment 1's trials beside those of a second trainer, which was written from the formulas alone."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from replication.judging.statistics import Interval, difference_interval
from replication.report.tables import markdown
from replication.report.text import interval, number

NOT_RUN = "The second trainer has not been run."


def agreement_table(trials: pd.DataFrame, independent: pd.DataFrame) -> str:
    """Mean ‖Γ‖ of both trainers at each α of the second one, their difference with its interval, and both fits."""
    rows = [
        {
            "α, β": f"{alpha:g}, {beta:g}",
            "mean ‖Γ‖": number(one["gamma_norm"].mean()),
            "n": len(one),
            "mean ‖Γ‖, second trainer": number(other["gamma_norm"].mean()),
            "n ": len(other),
            "difference [95 % interval]": interval(*difference) or "–",
            "R², both": f"{number(one['r2'].mean())}, {number(other['r2'].mean())}",
        }
        for alpha, beta, one, other, difference in _pairs(trials, independent)
    ]
    return markdown(pd.DataFrame(rows)) if rows else NOT_RUN


def findings(trials: pd.DataFrame, independent: pd.DataFrame) -> dict:
    """At which α an interval does not hold 0, and how large a difference n trials can show; n is 0 if none can."""
    known = [pair for pair in _pairs(trials, independent) if np.isfinite(pair[-1]).all()]
    return {
        "n": min((len(other) for *_, other, _ in known), default=0),
        "apart": [f"{alpha:g}" for alpha, *_, (_, low, high) in known if not low <= 0 <= high],
        "widest": max(((high - low) / 2 for *_, (_, low, high) in known), default=np.nan),
    }


def _pairs(
    trials: pd.DataFrame, independent: pd.DataFrame
) -> Iterator[tuple[float, float, pd.DataFrame, pd.DataFrame, Interval]]:
    """(α, β), the finished trials of both trainers there, and second minus first of mean ‖Γ‖."""
    if independent.empty:
        return
    for (alpha, beta), rows in independent.groupby(["alpha", "beta"]):
        one = trials[(trials["alpha"] == alpha) & (trials["beta"] == beta)].dropna(subset=["gamma_norm"])
        other = rows.dropna(subset=["gamma_norm"])
        yield alpha, beta, one, other, difference_interval(other["gamma_norm"], one["gamma_norm"])
