"""The table of experiment 1 with a price on weights."""

from collections.abc import Iterator

import pandas as pd

from replication.judging.statistics import mean_interval
from replication.report.prose import NOTHING
from replication.report.tables import markdown
from replication.report.text import fixed, interval, number


def priced_table(trials: pd.DataFrame, priced: pd.DataFrame) -> str:
    """Hidden path, open neurons and fit at each α by the price's strength, below those with Table 3's penalty."""
    if priced.empty:
        return "A price on weights has not been run here."
    rows = [
        {
            "α": f"{alpha:g}",
            "penalty": penalty,
            "n": len(each),
            "mean ‖Γ‖": interval(*mean_interval(each["gamma_norm"].to_numpy())),
            "open hidden neurons": number(each["active_neurons"].mean()),
            "‖W₃₁‖": number(each["skip_norm"].mean()),
            "R²": fixed(each["r2"].mean(), 3),
        }
        for alpha, penalty, each in _rows(trials, priced)
        if len(each)
    ]
    return markdown(pd.DataFrame(rows)) if rows else NOTHING


def _rows(trials: pd.DataFrame, priced: pd.DataFrame) -> Iterator[tuple[float, str, pd.DataFrame]]:
    """α, the penalty's name and the finished trials: Table 3's on the same data first, then the prices."""
    for (alpha, beta), there in priced.groupby(["alpha", "beta"]):
        yield alpha, "Table 3's", trials[(trials["alpha"] == alpha) & (trials["beta"] == beta)].dropna(subset="r2")
        for rho, each in there.groupby("rho"):
            yield alpha, f"rows, ρ = {number(rho)}", each.dropna(subset="r2")
