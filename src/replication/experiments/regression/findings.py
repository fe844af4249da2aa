"""What experiment 1 found, as the values that its report's sentences take."""

from collections.abc import Mapping

import pandas as pd

from replication.judging.verdicts import GOOD_FIT
from replication.report.intervals import count_range, over_trials
from replication.report.prose import diverged, epochs


def size(trials: pd.DataFrame, settings: Mapping) -> dict:
    """n, data sets and epochs, and how many trials diverged."""
    counts = trials.groupby(["alpha", "beta"])["trial"].count()
    return {
        "data_sets": len(counts),
        "each": count_range(counts),
        "trials": len(trials),
        "epochs": epochs(settings, "regression"),
        "diverged": diverged(trials),
    }


def transition(trials: pd.DataFrame) -> dict:
    """Mean ‖Γ‖ at both ends and around the middle for every β, and how well the trials fit."""
    norms = over_trials(trials, "gamma_norm", ["beta", "alpha"])
    series = []
    for beta, of_beta in norms.groupby("beta"):
        below, above = _around_half(of_beta)
        points = {"first": of_beta.iloc[0], "last": of_beta.iloc[-1], "below": below, "above": above}
        series.append({"beta": beta, **{name: row.to_dict() for name, row in points.items()}})
    return {
        "series": series,
        "good": int((trials["r2"] >= GOOD_FIT).sum()),
        "trials": len(trials),
        "worst": trials["r2"].min(),
        "good_fit": GOOD_FIT,
    }


def starts(table: pd.DataFrame) -> dict:
    """Mean ‖Γ‖ at the first and the last α, and the worst fit, from each start; no start if none was run."""
    if table.empty:
        return {"starts": []}
    found = []
    for output, of_start in table.groupby("output_eigenvalue", sort=True):
        norms = over_trials(of_start, "gamma_norm", ["alpha"])
        rows = norms.to_dict("records")
        found.append({"output": output, "ends": rows[:1] + rows[1:][-1:], "trials": int(norms["n"].sum()),
                      "worst": of_start["r2"].min()})  # fmt: skip
    return {"starts": found}


def priced(trials: pd.DataFrame, with_price: pd.DataFrame) -> dict:
    """Open neurons and fit at each α with the strongest price on weights, and with Table 3's penalty; means."""
    found = []
    for (alpha, beta), there in with_price.dropna(subset="r2").groupby(["alpha", "beta"]) if len(with_price) else ():
        beside = trials[(trials["alpha"] == alpha) & (trials["beta"] == beta)]
        kinds = {"strongest": there[there["rho"] == there["rho"].max()], "papers": beside}
        found.append({"alpha": alpha, **{kind: each[["active_neurons", "r2"]].mean() for kind, each in kinds.items()}})
    return {"found": found}


def _around_half(norms: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    below, above = norms[norms["alpha"] < 0.5], norms[norms["alpha"] > 0.5]
    return (below if len(below) else norms).iloc[-1], (above if len(above) else norms).iloc[0]
