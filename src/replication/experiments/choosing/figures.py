"""Fit and size against the penalty's strength, for several widths."""

import pandas as pd
from matplotlib.figure import Figure

from replication.experiments.choosing.findings import NAMES, largest_strengths, of_sweep, slope
from replication.report.intervals import count_range, over_trials, spread_note
from replication.report.style import BLUE, GREEN, ORANGE, PAGE, PURPLE, RED, SKY, styled
from replication.report.text import listing, number

COLORS = (SKY, BLUE, GREEN, ORANGE, RED, PURPLE)
ROOM = {"r2": 0.02, "neurons": 2.0}  # above and below the data
MEASURES = {"r2": "R², test", "neurons": "hidden neurons left"}


def fig_choosing_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Means over the trials of the sweep of widths: measure, penalty, width, rho, n, mean, and the trials' spread.

    The t interval of so few trials would reach beyond an R² of 1 and below 0 neurons.
    """
    widths = of_sweep(trials, "widths")
    if widths.empty:
        return pd.DataFrame(columns=["measure", "penalty", "width", "rho", "n", "mean", "trials_low", "trials_high"])
    by = ["penalty", "width", "rho"]
    parts = [over_trials(widths, measure, by).assign(measure=measure) for measure in MEASURES]
    return pd.concat(parts, ignore_index=True)[["measure", *by, "n", "mean", "trials_low", "trials_high"]]


@styled
def fig_choosing(drawn: pd.DataFrame) -> Figure:
    """Fit and size against strength, by width.

    R² on the test points and hidden neurons after compaction against the penalty's strength, a line for each width, a
    column for each penalty.

    Beyond the paper: it has one strength for each experiment.
    """
    penalties, widths = (drawn[name].unique() for name in ("penalty", "width"))
    figure = Figure(figsize=(PAGE, 4.0), layout="constrained")
    panels = figure.subplots(len(MEASURES), len(penalties), sharex=True, sharey="row", squeeze=False)
    for row, (measure, label) in zip(panels, MEASURES.items(), strict=True):
        row[0].set_ylabel(label)
        values = drawn.loc[drawn["measure"] == measure, ["mean", "trials_low", "trials_high"]]
        room = ROOM[measure]  # where all are equal, too
        row[0].set_ylim(values.min(axis=None) - room, values.max(axis=None) + room)
        for axes, penalty in zip(row, penalties, strict=True):
            for color, width in zip(COLORS, sorted(widths), strict=False):
                of = drawn[(drawn["measure"] == measure) & (drawn["penalty"] == penalty) & (drawn["width"] == width)]
                axes.plot(of["rho"], of["mean"], "o-", color=color, label=f"{width} neurons")
                axes.vlines(of["rho"], of["trials_low"], of["trials_high"], color=color, linewidth=0.8)
            axes.set_xscale("log")
            axes.set_xlim(drawn["rho"].min() / 2, 2 * drawn["rho"].max())
    for axes, penalty in zip(panels[0], penalties, strict=True):
        axes.set_title(NAMES[penalty])
    for axes in panels[-1]:
        axes.set_xlabel("strength ρ")
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=len(widths))
    return figure


def fig_choosing_result(drawn: pd.DataFrame) -> str:
    """How the largest strength that still fits goes with the width."""
    strongest = largest_strengths(drawn[drawn["measure"] == "r2"].rename(columns={"mean": "r2"}))
    several = [(penalty, rows) for penalty, rows in strongest.groupby("penalty", sort=False) if len(rows) > 1]
    parts = [f"{number(slope(rows))} with {NAMES[penalty]}" for penalty, rows in several]
    if not parts:
        return "No penalty has fits at 2 widths."
    return f"The largest strength that still fits goes as the width to the power {listing(parts)}."


def fig_choosing_caption(drawn: pd.DataFrame) -> str:
    """The figure in words, its finding first."""
    return (
        f"**Choosing.** {fig_choosing_result(drawn)} Above: R² on the test points; below: hidden neurons that "
        f"compaction leaves. Dots: means of n = {count_range(drawn['n'])} networks; bars: {spread_note(drawn['n'])}. "
        "*The paper* has no such figure."
    )
