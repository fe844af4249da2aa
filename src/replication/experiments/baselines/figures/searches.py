"""The comparison with other ways to search for a small network: error against size (Figure R1), gates over time."""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from replication.experiments.baselines.comparison import (
    FEW,
    GOOD_R2,
    KEYS,
    LEAST,
    METHODS,
    NEW_TEACHERS,
    REFERENCE,
    TEACHER,
    name_of,
    networks,
    scalars,
)
from replication.judging.statistics import LEVEL
from replication.report.intervals import FEWEST, count_range, over_logarithms, over_trials
from replication.report.style import BLUE, GREEN, GREY, INK, ORANGE, PAGE, PURPLE, RED, SKY, styled
from replication.report.text import number

COLORS = {
    "sparcs_l2": BLUE,
    "sparcs_l1": BLUE,
    "sparcs_l2_minus": BLUE,
    "sparcs_rows": BLUE,
    "sparcs_rows_skip": BLUE,
    "sparcs_paths": BLUE,
    "linear": INK,
    "mlp_magnitude": ORANGE,
    "mlp_spectral": ORANGE,
    "lasso_zero": PURPLE,
    "lasso_half": PURPLE,
    "lasso_random": PURPLE,
    "darts": GREEN,
    "gdas": GREEN,
    "fairdarts": GREEN,
    "pc_darts": GREEN,
    "gaea": RED,
    "gaea_bilevel": RED,
    "random": SKY,
    "optuna": SKY,
    "neat": SKY,
    "reinforce": SKY,
}
GATES = {
    "entropy": ("entropy of the gates", over_trials),
    "decided": ("share decided", over_trials),
    "expected_size": ("expected size", over_trials),
    "validation_mse": ("validation loss", over_logarithms),
}
LINES = ("-", "--", ":", "-.")  # of methods that share a colour
SEARCHED = KEYS[:-1]  # all strengths together
COLUMNS, TITLE_LETTERS = 6, 17  # panels in a row, letters in a line of their titles
HEAD, PANEL, FOOT = 0.4, 1.2, 0.4  # inches: a task's title and axis label, a row of panels, the legend
SHAPES = {"loss_budget": "o", "min_r2": "+", "max_30_neurons": "o"}  # the marks of a target
HOLLOW = "max_30_neurons"
TRIANGLE = {
    "marker": "v",
    "markersize": 6,
    "zorder": 3,
    "markeredgecolor": "white",
    "markeredgewidth": 0.5,
    "linestyle": "",
}


def title_of(task: str) -> str:
    """A task's name for the reader."""
    names = {TEACHER: "teacher 20-100-100-20", NEW_TEACHERS: "other teachers 20-100-100-20"}
    return names.get(task, f"experiment 1, α = {task.rpartition('alpha')[2]}")


def fig_baselines_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Every small network as it is, one a row: task, method, trial, strength, target, size and error.

    ``unexplained`` is 1 − R² on the test points; ``fewest`` the parameters that claim G2 compares, one number for all
    rows of a task, method and trial. No diverged search has a row.
    """
    points = networks(trials)
    points = points[~points["retrained"]].drop(columns="retrained")
    fewest = scalars(trials).rename(columns={"parameters": "fewest"})[[*SEARCHED, "fewest"]]
    return points.assign(unexplained=1 - points["test_r2"]).merge(fewest, on=SEARCHED)


@styled
def fig_baselines(drawn: pd.DataFrame) -> Figure:
    """Figure R1: error against size of the networks that each method finds.

    What is left unexplained on the test points against the parameters after the same compaction, for SPARCS and other
    ways to search, all seeds and strengths of the size penalty.

    Beyond the paper: it says that SPARCS needs fewer parameters than “other viable alternatives” and runs none of them
    (claim G2).
    """
    parts = [drawn[drawn["task"] == task] for task in drawn["task"].unique()]
    heights = [HEAD + PANEL * _rows(part) for part in parts]
    figure = Figure(figsize=(PAGE, sum(heights) + FOOT), layout="constrained")
    places = figure.subfigures(len(parts), 1, squeeze=False, height_ratios=heights).ravel()
    for place, part in zip(places, parts, strict=True):
        _draw_task(place, part)
    figure.get_layout_engine().set(w_pad=0.02, wspace=0)
    figure.legend(handles=_legend(), loc="outside lower center", ncols=3)
    return figure


def fig_baselines_caption(drawn: pd.DataFrame) -> str:
    """Figure R1 in words."""
    counts = drawn.groupby(["task", "method"])["trial"].nunique()
    beyond = sum(int((part["parameters"] < _least_size(part)).sum()) for _, part in drawn.groupby("task"))
    ours = f", {name_of(REFERENCE)} (blue) in all of them" if (drawn["method"] == REFERENCE).any() else ""
    edge = f" Off the scale, at its left end: {beyond} of {len(drawn):,} networks." if beyond else ""
    return (
        "**Figure R1.** What is left unexplained on the test points against the number of parameters, a panel for each "
        f"baseline (red){ours}; lower left is better. Each mark: one seed and one "
        f"strength of the size penalty, after the same compaction, not retrained; n = {count_range(counts)} seeds a "
        f"method. Filled: the fewest neurons within the loss budget; crosses: those for R² ≥ {GOOD_R2}, with a margin, "
        f"on the points for choosing; hollow: the {FEW} most important neurons. Dashed: R² = {GOOD_R2}. Triangles "
        "on it: the fewest parameters that get there, geometric mean over the seeds (a seed that never does counts as "
        "the maximal network): where red stands left of blue the baseline needs fewer. Errors below "
        f"{number(LEAST)} are drawn there.{edge} *The paper* has no such figure: it counts, and runs no baseline."
    )


def fig_gates_table(history: pd.DataFrame) -> pd.DataFrame:
    """Entropy, share decided, size and loss over time: over the seeds of each task and method, at one strength.

    The strength is the middle one, the larger of two. The loss spans decades: its mean and interval are those of the
    logarithm. There are no rows if no method with gates ran.
    """
    if history.empty:
        return history
    by = ["task", "method", "gradient_evaluations"]
    strengths = sorted(history["strength"].unique())
    strength = strengths[len(strengths) // 2]
    seeds = history[history["strength"] == strength]
    parts = [summary(seeds, measure, by).assign(measure=measure) for measure, (_, summary) in GATES.items()]
    return pd.concat(parts, ignore_index=True).assign(strength=strength)


@styled
def fig_gates(drawn: pd.DataFrame) -> Figure:
    """How decided the gates get during a search.

    Mean entropy of the gates, the share of them that is decided, the expected size of the network and its validation
    loss over the gradient evaluations, for the methods that search by gates.

    Beyond the paper: its search has no gates, an eigenvalue of each neuron stands in their place.
    """
    of_task = drawn[drawn["task"] == _task_of_gates(drawn)]
    methods = methods_of(of_task)
    styles = _apart(methods, LINES)
    figure = Figure(figsize=(PAGE, 4.2), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True).ravel()
    for axes, (measure, (label, _)) in zip(panels, GATES.items(), strict=True):
        for method in methods:
            rows = of_task[(of_task["measure"] == measure) & (of_task["method"] == method)]
            text, color = name_of(method), COLORS.get(method, GREY)
            thousands = rows["gradient_evaluations"] / 1000
            axes.fill_between(thousands, rows["low"], rows["high"], color=color, alpha=0.2, linewidth=0)
            axes.plot(thousands, rows["mean"], linestyle=styles[method], color=color, label=text)
        axes.set_ylabel(label)
    for axes in panels[2:]:
        axes.set_xlabel("gradient evaluations (thousands)")
    panels[-1].set_yscale("log")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def fig_gates_caption(drawn: pd.DataFrame) -> str:
    """The gates over time in words."""
    task = _task_of_gates(drawn)
    n = drawn.loc[drawn["task"] == task, "n"]
    band = f"; band: its {100 * LEVEL:g} % t interval" if n.max() >= FEWEST else "; no interval is given for n < 3"
    return (
        f"**Gates.** How the gates of the methods that have them settle ({title_of(task)}, strength "
        f"{drawn['strength'].iloc[0]:g}), on equal gradient evaluations: a step of the gates and one of the weights "
        "count two (in REINFORCE one, its gates take none). Mean entropy of the gates, 1 where all choices weigh the "
        "same; share of the gates of which one choice weighs 0.9 or more; expected parameters over those of the "
        "maximal network; loss on the validation points of the network with these gates. Line: mean of n = "
        f"{count_range(n)} seeds (of the loss: the mean logarithm){band}. *The paper* has no such figure."
    )


def _task_of_gates(drawn: pd.DataFrame) -> str:
    """The teacher if it is there, else the last task."""
    return TEACHER if (drawn["task"] == TEACHER).any() else drawn["task"].iloc[-1]


def methods_of(drawn: pd.DataFrame) -> list[str]:
    """The methods that are drawn, in the order of their names here, others last."""
    known = list(METHODS)
    return sorted(drawn["method"].unique(), key=lambda name: known.index(name) if name in known else len(known))


def _apart(methods: Sequence[str], styles: Sequence[str]) -> dict[str, str]:
    """A style for every method, another one for each that shares a colour."""
    colors = pd.Series([COLORS.get(method, GREY) for method in methods], dtype=str)
    places = colors.groupby(colors).cumcount()
    return {method: styles[place % len(styles)] for method, place in zip(methods, places, strict=True)}


def _baselines_of(part: pd.DataFrame) -> list[str]:
    """The methods of a task that get a panel; SPARCS itself where it is alone."""
    methods = methods_of(part)
    return [method for method in methods if method != REFERENCE] or methods


def _rows(part: pd.DataFrame) -> int:
    return -(-len(_baselines_of(part)) // COLUMNS)


def _least_size(part: pd.DataFrame) -> float:
    """Where a task's axis of sizes starts: a few empty networks would stretch it by decades."""
    return 0.7 * max(1.0, part["parameters"].quantile(0.01))


def _draw_task(place: SubFigure, part: pd.DataFrame) -> None:
    baselines = _baselines_of(part)
    columns = min(COLUMNS, len(baselines))
    panels = place.subplots(_rows(part), columns, sharex=True, sharey=True, squeeze=False).ravel()
    panels[0].set(xscale="log", yscale="log")
    panels[0].xaxis.set_minor_formatter(NullFormatter())
    for axes, method in zip(panels, baselines, strict=False):
        axes.axhline(1 - GOOD_R2, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
        for name, color in {REFERENCE: BLUE, method: RED}.items():
            _draw_method(axes, part[part["method"] == name], color, _least_size(part))
        axes.set_title(fill(name_of(method), TITLE_LETTERS, break_on_hyphens=False), fontsize=7)
    for axes in panels[len(baselines) :]:
        axes.set_axis_off()
    for axes in panels[
        len(baselines) - columns : len(baselines)
    ]:  # the lowest of each column, in the last row or above it
        axes.tick_params(labelbottom=True)
    panels[0].set_xlim(_least_size(part) / 1.2, 1.5 * part[["parameters", "fewest"]].max(axis=None))
    panels[0].set_ylim(part["unexplained"].clip(lower=LEAST).min() / 2, max(3.0, 1.5 * part["unexplained"].max()))
    place.suptitle(title_of(part["task"].iloc[0]), x=0.01, ha="left", fontsize=8, fontweight="bold")
    place.supxlabel("parameters after compaction", fontsize=8)
    place.supylabel("1 − R², test", fontsize=8)


def _draw_method(axes: Axes, of_method: pd.DataFrame, color: str, least: float) -> None:
    for target in SHAPES:
        rows = of_method[of_method["target"] == target]
        sizes, errors = rows["parameters"].clip(lower=least), rows["unexplained"].clip(lower=LEAST)
        axes.plot(sizes, errors, rasterized=True, **_mark(color, target))  # thousands of marks are megabytes as curves
    if len(of_method):
        fewest = np.exp(np.log(of_method.groupby("trial")["fewest"].first()).mean())
        axes.plot(fewest, 1 - GOOD_R2, **TRIANGLE, color=color)


def _mark(color: str, target: str) -> dict:
    look = {"marker": SHAPES[target], "linestyle": "", "markersize": 2.6, "markeredgewidth": 0.5, "alpha": 0.6}
    return {"markeredgecolor": color, "markerfacecolor": "none" if target == HOLLOW else color} | look


def _legend() -> list[Line2D]:
    return [
        Line2D([], [], label=name_of(REFERENCE), **_mark(BLUE, "loss_budget")),
        Line2D([], [], label="the panel's baseline", **_mark(RED, "loss_budget")),
        Line2D([], [], label=f"R² = {GOOD_R2}", color=GREY, linewidth=0.8, linestyle=(0, (4, 2))),
        Line2D([], [], label="fewest neurons within the loss budget", **_mark(INK, "loss_budget")),
        Line2D([], [], label=f"fewest neurons for R² ≥ {GOOD_R2}", **_mark(INK, "min_r2")),
        Line2D([], [], label=f"{FEW} most important neurons", **_mark(INK, "max_30_neurons")),
        Line2D([], [], label=f"fewest parameters at R² ≥ {GOOD_R2}", color=INK, **TRIANGLE),
    ]


def searches(trials: pd.DataFrame) -> int:
    """How many searches the table holds."""
    return len(trials[KEYS].drop_duplicates())
