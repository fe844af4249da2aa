"""The sweep over penalty kinds and strengths behind claim G1."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from replication.judging.verdicts import GOOD_FIT, SWEET_SPOT
from replication.report.intervals import beside_note, over_logarithms, over_trials, with_trials
from replication.report.penalties import draw_penalties
from replication.report.style import GREY, PAGE, SHADE, styled
from replication.report.text import listing, number, penalty_name

MEASURES = {"unexplained": "1 − R², held out", "active_neurons": "active hidden neurons"}
SUMMARIES = {"unexplained": over_logarithms, "active_neurons": over_trials}
PAPERS = {"regression": 1e-4, "teacher_student": 3e-3}  # ρ of Tables 3 and 4
TASK = ["experiment", "alpha"]


def fig_hyperparameters_table(trials: pd.DataFrame) -> pd.DataFrame:
    """1 − R² and active neurons over the trials of each task, penalty and strength ρ > 0.

    Neurons are counted where a network fits, R² ≥ GOOD_FIT: in one without a fit a share of the largest is noise.
    """
    swept = trials[trials["rho"] > 0].assign(unexplained=1 - trials["r2"], alpha=trials["alpha"].fillna(-1))
    swept = swept.assign(active_neurons=swept["active_neurons"].where(swept["r2"] >= GOOD_FIT))
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

    What is left unexplained on held-out points, and the number of active hidden neurons in networks that fit, against
    the strength ρ of each kind of penalty.

    The paper: any ρ from 10⁻⁵ to 10⁻³ works; it says so without a figure.
    """
    rows = {measure: tasks for measure in MEASURES if (tasks := _tasks_with(drawn, measure))}
    figure = Figure(figsize=(PAGE, 4.6), layout="constrained")
    parts = figure.subfigures(max(len(rows), 1), 1, squeeze=False)[:, 0]
    for part, (measure, tasks) in zip(parts, rows.items(), strict=False):
        panels = part.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
        for axes, task in zip(panels, tasks, strict=True):
            _draw_panel(axes, _of_task(drawn[drawn["measure"] == measure], task))
            axes.set_title(_title(task))
        panels[0].set_ylabel(MEASURES[measure])
        if SUMMARIES[measure] is over_logarithms:
            panels[0].set_yscale("log")
            panels[0].minorticks_off()
        else:
            panels[0].set_ylim(0)
    handles, labels = figure.axes[0].get_legend_handles_labels() if figure.axes else ([], [])
    figure.legend(handles, labels, loc="outside upper left", ncols=max(len(handles), 1))
    return figure


def fig_hyperparameters_result(drawn: pd.DataFrame) -> str:
    """The worst fit at any strength that the paper calls reasonable."""
    low, high = SWEET_SPOT
    inside = drawn[(drawn["measure"] == "unexplained") & drawn["rho"].between(low * 0.999, high * 1.001)]
    inside = inside.dropna(subset=["mean"])
    if inside.empty:
        return "No network was trained at a strength that the paper calls reasonable."
    worst = inside.loc[inside["mean"].idxmax()]
    return (
        f"The share of variance left unexplained is at most {number(worst['mean'])} at the strengths that the paper "
        f"calls reasonable, with {penalty_name(worst['penalty'])} at $\\rho$ = {number(worst['rho'])}."
    )


def fig_hyperparameters_caption(drawn: pd.DataFrame) -> str:
    """The sweep in words."""
    return (
        f"**Sweep.** {fig_hyperparameters_result(drawn)} Above: what is left unexplained on held-out points, 1 − R², "
        "against the strength $\\rho$ of each kind of penalty. Below: active hidden neurons, counted in networks with "
        f"R² ≥ {GOOD_FIT}: where nothing fits, a share of the largest eigenvalue is noise.{_idle(drawn)} "
        f"Shaded: 10⁻⁵ to 10⁻³, the range that the paper calls reasonable. Dashed: the paper's own strength. "
        f"{beside_note(drawn['n'])} Above, means and intervals are those of the logarithm. *The paper* has no such "
        "figure; it states the range, and a sweet spot near 10⁻⁴, in the text."
    )


def _idle(drawn: pd.DataFrame) -> str:
    """Which tasks have no panel of active neurons, as no network has any."""
    drawn_above, drawn_below = ([_title(task) for task in _tasks_with(drawn, measure)] for measure in MEASURES)
    without = [title for title in drawn_above if title not in drawn_below]
    return f" No neuron is active in {listing(without)}." if without else ""


def _tasks_with(drawn: pd.DataFrame, measure: str) -> list[tuple]:
    """The tasks on which a measure is not 0 throughout: where no neuron is active there is nothing to draw."""
    rows = drawn[drawn["measure"] == measure]
    return [task for task, of_task in rows.groupby(TASK, dropna=False) if of_task["mean"].any()]


def _draw_panel(axes: Axes, rows: pd.DataFrame) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=4))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("strength ρ")
    axes.axvspan(*SWEET_SPOT, color=SHADE, linewidth=0, zorder=0)
    papers = PAPERS.get(rows["experiment"].iloc[0])
    if papers:
        axes.axvline(papers, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0, label="the paper's")
    draw_penalties(axes, rows)


def _of_task(rows: pd.DataFrame, task: tuple) -> pd.DataFrame:
    experiment, alpha = task
    same = rows["alpha"].isna() if pd.isna(alpha) else rows["alpha"] == alpha
    return rows[(rows["experiment"] == experiment) & same]


def _title(task: tuple) -> str:
    _, alpha = task
    return "experiment 2" if pd.isna(alpha) else f"experiment 1, α = {alpha:g}"
