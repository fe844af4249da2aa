"""How small the networks of each search are beside those of the paper's SPARCS (Figure R2)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from replication.experiments.baselines.comparison import (
    GOOD_R2,
    NEW_TEACHERS,
    OWN,
    REFERENCE,
    TEACHER,
    compare,
    name_of,
    paired,
    scalars,
    with_flips,
)
from replication.experiments.baselines.figures.searches import methods_of
from replication.report.intervals import count_range
from replication.report.style import BLUE, GREY, INK, PAGE, RED, styled
from replication.report.text import interval, listing, number

TASKS = {TEACHER: "the paper's teacher", NEW_TEACHERS: "teachers and seeds never used in choosing"}
SIGNS = {False: "as found", True: "signs flipped"}
TEACHERS_OWN = 800  # weights of 20 neurons between 20 inputs and 20 outputs, without a skip
PRICED = "sparcs_rows_skip"  # the search of ours that pays for all that it opens, the skip too


def fig_sizes_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Parameters at test R² ≥ GOOD_R2 of every method on the teacher tasks, and their ratio to the paper's SPARCS.

    Columns: task, method, flipped, n, parameters (geometric mean over the trials), ratio with its 95 % bootstrap
    interval low, high, paired by trial; the paper's SPARCS is that without flips. No rows where that did not run.
    """
    rows = []
    for task in TASKS:
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


def _logarithms(trials: pd.DataFrame) -> pd.DataFrame:
    """log parameters, a column for each method."""
    searches = scalars(trials) if len(trials) else pd.DataFrame(columns=["trial", "method", "parameters"])
    return np.log(searches.pivot(index="trial", columns="method", values="parameters").astype(float))


@styled
def fig_sizes(drawn: pd.DataFrame) -> Figure:
    """Figure R2: parameters of the networks found, relative to those of SPARCS with the paper's penalty.

    Geometric mean over the seeds with its interval, every method as found and with the signs of neurons flipped.

    Beyond the paper: it has one penalty, on eigenvalues, and counts the parameters of none of its networks.
    """
    tasks = [task for task in TASKS if (drawn["task"] == task).any()]
    methods = methods_of(drawn)
    order = drawn[~drawn["flipped"]].groupby("method")["ratio"].mean().reindex(methods).sort_values(ascending=False)
    figure = Figure(figsize=(PAGE, 0.9 + 0.2 * len(methods)), layout="constrained")
    panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False).ravel()
    for axes, task in zip(panels, tasks, strict=True):
        _draw_task(axes, drawn[drawn["task"] == task], list(order.index))
        axes.set_title(TASKS[task])
    panels[0].set_yticks(range(len(order)), [name_of(method) for method in order.index])
    panels[0].set_ylim(-0.6, len(order) - 0.4)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _draw_task(axes: Axes, rows: pd.DataFrame, order: list[str]) -> None:
    reference = rows[(rows["method"] == REFERENCE) & ~rows["flipped"]]["parameters"].item()
    axes.axvline(1, color=GREY, linewidth=0.8)
    teacher = TEACHERS_OWN / reference
    axes.axvline(teacher, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), label=f"{TEACHERS_OWN} parameters")
    for flipped, text in SIGNS.items():
        of_signs = rows[rows["flipped"] == flipped]
        for own, color in ((True, BLUE), (False, RED)):
            part = of_signs[of_signs["method"].isin(OWN) == own]
            heights = [order.index(method) + (-0.15 if flipped else 0.15) for method in part["method"]]
            axes.hlines(heights, part["low"], part["high"], color=color, linewidth=0.8)
            label = f"{'SPARCS' if own else 'others'}, {text}"
            look = {"linestyle": "", "marker": "o", "markersize": 4, "markeredgecolor": color}
            axes.plot(
                part["ratio"],
                heights,
                **look,
                markerfacecolor="white" if flipped else color,
                label=label if len(part) else "_",
            )
    axes.set(xscale="log", xlabel="parameters relative to SPARCS, L2")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x")


def fig_sizes_caption(drawn: pd.DataFrame) -> str:
    """Figure R2 in words."""
    return (
        f"**Figure R2.** {_came_out(drawn)} The axis has parameters of the smallest network with test R² ≥ {GOOD_R2} "
        "over those of SPARCS with the paper's penalty as found, paired by seed. Dots: geometric means; lines: 95 % "
        f"bootstrap intervals; n = {count_range(drawn['n'])} seeds. Hollow: signs of neurons flipped, chosen on the "
        f"validation points. Dashed: {TEACHERS_OWN} parameters, those of the teacher. *The paper* has no such figure."
    )


def _came_out(drawn: pd.DataFrame) -> str:
    """The smallest of ours and of the others, on the task that nothing was chosen on if that ran."""
    task = NEW_TEACHERS if (drawn["task"] == NEW_TEACHERS).any() else TEACHER
    parts = []
    for own, text in ((True, "ours"), (False, "the others")):
        rows = drawn[(drawn["task"] == task) & (drawn["method"].isin(OWN) == own)].dropna(subset=["ratio"])
        if len(rows):
            best = rows.loc[rows["ratio"].idxmin()]
            parts.append(
                f"{name_of(best['method'])} ends smallest of {text}, {SIGNS[best['flipped']]}: "
                f"{number(best['parameters'])} parameters, {interval(best['ratio'], best['low'], best['high'])} "
                "of the paper's SPARCS."
            )
    return " ".join(parts) + f" That is on {TASKS[task]}."


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
            "has significantly fewer than": compared[compared["result"] == "SPARCS better"],
            "has significantly more than": compared[compared["result"] == "baseline better"],
            "matches, within a tenth,": compared[compared["matches"] & (compared["result"] == "no difference")],
            "was tested against too few seeds of": compared[compared["result"] == "not tested"],
        }
        said = [
            f"It {verb} {listing([name_of(method) for method in rows['method']])}."
            for verb, rows in groups.items()
            if len(rows)
        ]
        opened = f"On {text}, with flips for all: parameters of {name_of(PRICED)}."
        sentences.append(" ".join([opened, *(said or ["No difference is significant."])]))
    return "\n".join(f"- {sentence}" for sentence in sentences) or "The priced search has not been run with flips."
