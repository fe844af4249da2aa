"""How small the networks of each search are beside those of the paper's SPARCS: a forest plot (Figure R2)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from replication.data.names import NEW_TEACHERS, TEACHER
from replication.experiments.baselines.comparison import (
    GOOD_R2,
    OWN,
    REFERENCE,
    compare,
    name_of,
    paired,
    scalars,
    with_flips,
)
from replication.experiments.baselines.figures.searches import methods_of, title_of
from replication.report.intervals import count_range
from replication.report.style import BLUE, GREY, INK, PAGE, RED, styled
from replication.report.template import capital
from replication.report.text import listing, number

TASKS = {TEACHER: "the paper's teacher", NEW_TEACHERS: "teachers and seeds never used in choosing"}
SHORT = TASKS | {NEW_TEACHERS: "other teachers and seeds"}  # in titles and sentences
SIGNS = {False: "as found", True: "signs flipped"}
TEACHERS_OWN = 800  # weights of 20 neurons between 20 inputs and 20 outputs, without a skip
PRICED = "sparcs_rows_skip"  # the search of ours that pays for all that it opens, the skip too
ROW, ENDS = 0.2, 1.3  # inches: a method's, and those of titles, axis and legend
WIDE = 1.7  # width of a teacher's panel beside one of experiment 1


def fig_sizes_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Parameters at test R² ≥ GOOD_R2 of every method on each task, and their ratio to the paper's SPARCS.

    Columns: task, method, flipped, n, parameters (geometric mean over the trials), ratio with its 95 % bootstrap
    interval low, high, paired by trial; the paper's SPARCS is that without flips. No rows where that did not run.
    """
    rows = []
    for task in _tasks_of(trials):
        of_task = trials[trials["task"] == task]
        reference = _logarithms(of_task)
        if REFERENCE not in reference:
            continue
        for flipped in SIGNS:
            logarithms = _logarithms(with_flips(of_task) if flipped else of_task)
            for method in logarithms:
                row = paired(logarithms[method], reference[REFERENCE])
                parameters = float(np.exp(logarithms[method].mean()))
                name = {"task": task, "method": method, "flipped": flipped, "parameters": parameters}
                rows.append(name | {key: row[key] for key in ("n", "ratio", "low", "high")})
    columns = ["task", "method", "flipped", "parameters", "n", "ratio", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _tasks_of(table: pd.DataFrame) -> list[str]:
    """The teachers, then the tasks of experiment 1."""
    present = list(table["task"].unique())
    return [task for task in TASKS if task in present] + [task for task in present if task not in TASKS]


def _logarithms(trials: pd.DataFrame) -> pd.DataFrame:
    """log parameters, a column for each method."""
    searches = scalars(trials) if len(trials) else pd.DataFrame(columns=["trial", "method", "parameters"])
    return np.log(searches.pivot(index="trial", columns="method", values="parameters").astype(float))


@styled
def fig_sizes(drawn: pd.DataFrame) -> Figure:
    """Figure R2: parameters of the networks found, relative to those of SPARCS with the paper's penalty.

    Geometric mean over the seeds with its interval, a line for each method, those with the smallest networks on the
    first task on top; as found and, where that was run, with the signs of neurons flipped.

    Beyond the paper: it has one penalty, on eigenvalues, and counts the parameters of none of its networks.
    """
    tasks, order = _tasks_of(drawn), _by_ratio(drawn)
    figure = Figure(figsize=(PAGE, ENDS + ROW * len(order)), layout="constrained")
    widths = [WIDE if task in TASKS else 1 for task in tasks]
    panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False, width_ratios=widths).ravel()
    for axes, task in zip(panels, tasks, strict=True):
        _draw_task(axes, drawn[drawn["task"] == task], order)
        axes.set_title(SHORT[task].replace(" and ", "\nand ") if task in SHORT else title_of(task).replace(", ", ",\n"))
    panels[0].set_yticks(range(len(order)), [name_of(method) for method in order])
    panels[0].set_ylim(len(order) - 0.4, -0.6)
    panels[0].set_xlabel("parameters relative to SPARCS with L2")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _by_ratio(drawn: pd.DataFrame) -> list[str]:
    """The methods in the order of their ratios on the first task; those that it lacks last."""
    first = drawn[(drawn["task"] == _tasks_of(drawn)[0]) & ~drawn["flipped"]].set_index("method")["ratio"]
    return list(first.reindex(methods_of(drawn)).sort_values(kind="stable").index)


def _draw_task(axes: Axes, rows: pd.DataFrame, order: list[str]) -> None:
    axes.axvline(1, color=GREY, linewidth=0.8)
    if rows["task"].iloc[0] in TASKS:
        reference = rows[(rows["method"] == REFERENCE) & ~rows["flipped"]]["parameters"].item()
        look = {"color": INK, "linewidth": 1, "linestyle": (0, (4, 2)), "zorder": 1}
        axes.axvline(TEACHERS_OWN / reference, label=f"the teacher's {TEACHERS_OWN} parameters", **look)
    both = bool(rows["flipped"].any())
    for flipped, text in SIGNS.items():
        of_signs = rows[rows["flipped"] == flipped]
        for own, color in ((True, BLUE), (False, RED)):
            part = of_signs[of_signs["method"].isin(OWN) == own]
            if part.empty:
                continue
            heights = [order.index(method) + 0.15 * both * (1 if flipped else -1) for method in part["method"]]
            axes.hlines(heights, part["low"], part["high"], color=color, linewidth=1)
            look = {"linestyle": "", "marker": "o" if own else "s", "markersize": 4, "markeredgecolor": color}
            label = ("SPARCS" if own else "other searches") + f", {text}" * both
            axes.plot(part["ratio"], heights, markerfacecolor="white" if flipped else color, label=label, **look)
    axes.set_xscale("log")
    shown = np.log10(rows[["low", "high"]].max(axis=None) / rows[["low", "high"]].min(axis=None))  # decades
    subs = (1, 2, 5) if shown < 1 else (1, 3) if shown < 1.5 else (1,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x")


def fig_sizes_result(drawn: pd.DataFrame) -> str:
    """How many other searches find smaller networks than the paper's SPARCS, and how small the smallest are."""
    rows = _deciding(drawn)
    others = rows[~rows["method"].isin(OWN) & ~rows["flipped"]].dropna(subset=["ratio"])
    where = SHORT.get(rows["task"].iloc[0], title_of(rows["task"].iloc[0]))
    if others.empty:
        return f"No other search has 2 seeds to compare with SPARCS on {where}."
    best, fewer = others["parameters"].min(), int((others["ratio"] < 1).sum())
    if len(others) == 1:
        return (
            f"{capital(name_of(others['method'].iloc[0]))} ends with {number(best)} parameters on {where}, "
            f"{'fewer' if fewer else 'no fewer'} than SPARCS with the paper's penalty."
        )
    return (
        f"{fewer} of {len(others)} other searches end smaller than SPARCS with the paper's penalty on {where}, the "
        f"smallest with {number(best)} parameters."
    )


def fig_sizes_caption(drawn: pd.DataFrame) -> str:
    """Figure R2 in words."""
    flips = " Hollow: signs of neurons flipped, chosen on the validation points." if drawn["flipped"].any() else ""
    return (
        f"**Figure R2.** {fig_sizes_result(drawn)} {_smallest_of_ours(drawn)} The axis has parameters of the smallest "
        f"network with test R² ≥ {GOOD_R2}. They are relative to those of SPARCS with the paper's penalty as found, "
        "paired by seed. Marks: geometric means; lines: 95 % bootstrap intervals; n = "
        f"{count_range(drawn['n'])} seeds. A seed that never fits counts as the maximal network.{flips} Dashed: the "
        f"teacher has {TEACHERS_OWN} parameters. *The paper* has no such figure."
    )


def _deciding(drawn: pd.DataFrame) -> pd.DataFrame:
    """The rows of the task that nothing was chosen on if it ran, else of the first one."""
    tasks = _tasks_of(drawn)
    return drawn[drawn["task"] == (NEW_TEACHERS if NEW_TEACHERS in tasks else tasks[0])]


def _smallest_of_ours(drawn: pd.DataFrame) -> str:
    """The smallest of ours, on the task that decides."""
    ours = _deciding(drawn)
    ours = ours[ours["method"].isin(OWN)].dropna(subset=["ratio"])
    if ours.empty:
        return ""
    best = ours.loc[ours["ratio"].idxmin()]
    return (
        f"{name_of(best['method'])} ends smallest of ours, {SIGNS[best['flipped']]}: {number(best['parameters'])} "
        f"parameters, {number(best['ratio'])} of the paper's SPARCS."
    )


def confirmed(trials: pd.DataFrame) -> str:
    """What the search that pays for all it opens is beside every baseline, flips for all alike; Holm over all."""
    sentences = []
    for task, text in TASKS.items():
        flipped = with_flips(trials[trials["task"] == task])
        if flipped.empty or PRICED not in set(flipped["method"]):
            continue
        compared = compare(flipped, task, reference=PRICED)
        compared = compared[compared["scalar"] == "parameters"].dropna(subset=["ratio"])
        groups = {
            "has significantly fewer parameters than": compared[compared["result"] == "SPARCS better"],
            "has significantly more parameters than": compared[compared["result"] == "baseline better"],
            "matches, within a tenth, the parameters of": compared[
                compared["matches"] & (compared["result"] == "no difference")
            ],
            "was tested against too few seeds of": compared[compared["result"] == "not tested"],
        }
        said = [
            f"{verb} {listing([f'*{name_of(method)}*' for method in rows['method']])}."
            for verb, rows in groups.items()
            if len(rows)
        ]
        first, *others = said or ["differs significantly from no baseline."]
        opened = f"On {text} all methods have flips. *{name_of(PRICED)}* {first}"
        sentences.append(" ".join([opened, *(f"It {each}" for each in others)]))
    return "\n".join(f"- {sentence}" for sentence in sentences) or "The priced search has not been run with flips."
