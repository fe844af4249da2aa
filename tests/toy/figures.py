"""The figure of the toy experiment."""

import pandas as pd
from matplotlib.figure import Figure

from replication.report.style import COLUMN, styled


def fig_toy_table(trials: pd.DataFrame) -> pd.DataFrame:
    """A row per trial."""
    return trials[["trial", "mean"]]


@styled
def fig_toy(drawn: pd.DataFrame) -> Figure:
    """Means of resampled targets

    The mean target of each resample.

    The paper: it has no such figure.
    """
    figure = Figure(figsize=(COLUMN, 2))
    axes = figure.subplots()
    axes.plot(drawn["trial"], drawn["mean"], "o")
    axes.set(xlabel="trial", ylabel="mean target")
    return figure


def fig_toy_caption(drawn: pd.DataFrame) -> str:
    """What came out."""
    return f"**Toy.** The mean target is {drawn['mean'].mean():.3f} over {len(drawn)} resamples."
