"""The sweep over penalty kinds and strengths behind claim G1."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.judging.verdicts import SWEET_SPOT
from replication.report.intervals import beside_note, over_logarithms, over_trials, with_trials
from replication.report.penalties import PENALTIES, draw_penalties
from replication.report.style import PAGE, SHADE, styled

MEASURES = {"unexplained": "1 − R², held out", "active_neurons": "active hidden neurons"}
SUMMARIES = {"unexplained": over_logarithms, "active_neurons": over_trials}
TASK = ["experiment", "alpha"]


def fig_hyperparameters_table(trials: pd.DataFrame) -> pd.DataFrame:
    """1 − R² and active neurons over the trials of each task, penalty and strength ρ > 0."""
    swept = trials[trials["rho"] > 0].assign(unexplained=1 - trials["r2"], alpha=trials["alpha"].fillna(-1))
    by = [*TASK, "penalty", "rho"]
    parts = [
        with_trials(summary(swept, measure, by), swept, measure, by).assign(measure=measure)
        for measure, summary in SUMMARIES.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(alpha=table["alpha"].where(table["alpha"] >= 0))


@styled
def fig_hyperparameters(drawn: pd.DataFrame) -> Figure:
    """Kind and strength of the penalty.

    What is left unexplained on held-out points, and the number of active hidden neurons, against the strength ρ of each
    kind of penalty.

    The paper: any ρ from 1e-5 to 1e-3 works; it says so without a figure.
    """
    tasks = list(drawn.groupby(TASK, dropna=False).groups)
    figure = Figure(figsize=(PAGE, 4.0), layout="constrained")
    panels = figure.subplots(len(MEASURES), max(len(tasks), 1), sharex=True, sharey="row", squeeze=False)
    for row, (measure, label) in zip(panels, MEASURES.items(), strict=True):
        row[0].set_ylabel(label)
        for axes, task in zip(row, tasks, strict=True):
            _draw_panel(axes, _of_task(drawn[drawn["measure"] == measure], task))
    for above, below, task in zip(*panels, tasks, strict=True):
        above.set_title(_title(task))
        above.set_yscale("log")
        above.minorticks_off()
        below.set_xlabel("strength ρ")
    panels[1, 0].set_ylim(0, max(1, panels[1, 0].get_ylim()[1]))  # a sweep without active neurons has no scale
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=len(PENALTIES))
    return figure


def fig_hyperparameters_caption(drawn: pd.DataFrame) -> str:
    """The sweep in words."""
    return (
        "**Sweep.** What is left unexplained on held-out points, 1 − R² (above), and the number of active hidden "
        "neurons (below), against the strength $\\rho$ of each kind of penalty. Shaded: 10⁻⁵ to 10⁻³, "
        f"the range that the paper calls reasonable. {beside_note(drawn['n'])} "
        "Above, means and intervals are those of the logarithm. "
        "*The paper* has no such figure; it states the range, and a sweet spot near 10⁻⁴, in the text."
    )


def _draw_panel(axes: Axes, rows: pd.DataFrame) -> None:
    axes.set_xscale("log")
    axes.axvspan(*SWEET_SPOT, color=SHADE, linewidth=0, zorder=0)
    draw_penalties(axes, rows)


def _of_task(rows: pd.DataFrame, task: tuple) -> pd.DataFrame:
    experiment, alpha = task
    same = rows["alpha"].isna() if pd.isna(alpha) else rows["alpha"] == alpha
    return rows[(rows["experiment"] == experiment) & same]


def _title(task: tuple) -> str:
    experiment, alpha = task
    return "teacher–student" if pd.isna(alpha) else f"{experiment}, α = {alpha:g}"
