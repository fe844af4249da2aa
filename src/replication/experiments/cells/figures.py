"""GAEA's own ground: how decided the searches get, which cells they find, and what those are worth."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.report.intervals import count_range
from replication.report.stand_in import stamped, title
from replication.report.style import GREY, INK, PAGE, color_of, styled
from replication.report.template import capital
from replication.report.text import number

METHODS = {
    "darts": "DARTS",
    "darts_single_level": "single-level DARTS",
    "gaea": "single-level GAEA",
    "gaea_bilevel": "bi-level GAEA",
    "random": "random cells",
    "untrained": "best of untrained random cells",
}
SCORES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16_120": "ImageNet16-120"}
CUT = (87.0, 93.0)  # per cent, round the 90 of a cell without a path to its output; the best of all has 5.63
GAEAS = 5.9  # per cent: what GAEA's paper reports for the cells of its single-level search
DASHES = {"darts_single_level": (0, (4, 1.5)), "gaea_bilevel": (0, (4, 1.5))}


def finished(trials: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """The searches that ended: one that diverged has no cell, or its loss or weights became NaN on the way."""
    key = ["method", "trial"]
    lost = pd.MultiIndex.from_frame(history.loc[history[["loss", "entropy"]].isna().any(axis=1), key])
    return trials[trials["cell"].notna() & ~pd.MultiIndex.from_frame(trials[key]).isin(lost)]


def fig_cells_table(history: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``what`` "entropy", per method, trial and gradient evaluation, and "score", CIFAR-10's, per trial.

    trials: those of ``finished``.
    """
    entropy = history.dropna(subset=["entropy"]).rename(columns={"gradient_evaluations": "x", "entropy": "value"})
    score = trials.rename(columns={"cifar10_accuracy": "value"}).assign(x=np.nan)
    parts = [
        rows[["method", "trial", "x", "value"]].assign(what=what)
        for what, rows in (("entropy", entropy), ("score", score))
    ]
    drawn = pd.concat(parts, ignore_index=True)
    return drawn.assign(stand_in=trials["stand_in"].any())


@styled
@stamped
def fig_cells(drawn: pd.DataFrame) -> Figure:
    """Searches of NAS-Bench-201's cells.

    How decided DARTS and GAEA get over the gradient evaluations, by the entropy of an edge's weights, and what the
    tabular benchmark says of the cells that they find.

    Beyond the paper: GAEA's own paper, the second source of this project, reports an accuracy of 94.1 % on CIFAR-10 for
    its single-level variant.
    """
    figure = Figure(figsize=(PAGE, 2.7), layout="constrained")
    names, scores = list(METHODS), drawn[drawn["what"] == "score"]
    present = [method for method in names if (drawn["method"] == method).any()]
    errors = 100 - scores["value"]
    near = errors[errors < CUT[0]]
    cut = bool(len(near) and (errors > CUT[0]).any())
    left, *right = figure.subplots(1, 2 + cut, width_ratios=[2, 1.6, 0.3] if cut else [2, 1.9])
    entropy = drawn[drawn["what"] == "entropy"]
    for method in present:
        color = color_of(names, method)
        for k, (_, of_search) in enumerate(entropy[entropy["method"] == method].groupby("trial")):
            label = METHODS[method] if k == 0 else None
            left.plot(of_search["x"], of_search["value"], color=color, linestyle=DASHES.get(method, "-"), label=label)
        for axes in right:
            places = [present[::-1].index(method)] * int((scores["method"] == method).sum())
            axes.plot(
                errors[scores["method"] == method], places, "o", color=color, markersize=4, alpha=0.7, markeredgewidth=0
            )
    left.set(xlabel="gradient evaluations", ylabel="entropy of an edge's weights, nats")
    left.set_ylim(bottom=0)
    if cut:
        right[0].set_xlim(0.9 * near.min(), 1.1 * near.max())
    _name_cells(right, present, scores["value"].isna().all())
    if left.get_legend_handles_labels()[0]:
        figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure


def _name_cells(panels: Sequence[Axes], present: Sequence[str], untested: bool) -> None:
    """Names and scales of the errors' axis, which is broken where one cell's lies far from the others'."""
    whole, *rest = panels
    whole.set_yticks(range(len(present)), [METHODS[method] for method in present[::-1]])
    whole.set_xlabel("test error, CIFAR-10, %")
    for axes in panels:
        axes.set_ylim(-0.5, len(present) - 0.5)
        axes.grid(axis="x")
    if untested:
        whole.set_xticks([])
        whole.text(0.5, 0.5, "untested: no benchmark", transform=whole.transAxes, ha="center", va="center", color=GREY)
        return
    whole.axvline(GAEAS, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
    for axes in rest:
        axes.set_xlim(*CUT)
        axes.set_xticks([90])
        axes.tick_params(axis="y", length=0, labelleft=False)
        axes.spines["left"].set_visible(False)
        slash = {"marker": [(-1, -2), (1, 2)], "markersize": 7, "linestyle": "", "color": INK, "clip_on": False}
        whole.plot(1, 0, transform=whole.transAxes, **slash)
        axes.plot(0, 0, transform=axes.transAxes, **slash)


def fig_cells_result(drawn: pd.DataFrame) -> str:
    """Whose cells have the least mean error, and whose the largest; without a benchmark, who decides most."""
    means = drawn[drawn["what"] == "score"].dropna(subset=["value"]).groupby("method")["value"].mean()
    if len(means):
        best, worst = means.idxmax(), means.idxmin()
        said = f"The cells of {METHODS[best]} have the least mean error, {number(100 - means[best])} %"
        rest = f", those of {METHODS[worst]} the largest, {number(100 - means[worst])} %" if best != worst else ""
        return f"{said}{rest}."
    known = drawn[drawn["what"] == "entropy"].sort_values("x")
    if known.empty:
        return "No search ended with a cell whose error is known."
    last = known.groupby(["method", "trial"])["value"].last().groupby("method").mean()
    return f"{capital(METHODS[last.idxmin()])} ends most decided, with an entropy of {number(last.min())} nats an edge."


def fig_cells_caption(drawn: pd.DataFrame) -> str:
    """The searches in words."""
    counts = drawn[drawn["what"] == "score"].groupby("method")["trial"].count()
    return (
        f"{title('Cells', drawn)} {fig_cells_result(drawn)} Searches in the NAS-Bench-201 space with a weight-sharing "
        "supernet. Left: how decided the mixture is, the entropy of an edge's weights, mean over the six edges. A step "
        "of the mixture and one of the network are two gradient evaluations. Right: what the tabular benchmark says of "
        f"the cell found, each dot a search (n = {count_range(counts)} a method; equal cells hide each other). The "
        f"axis is broken where a cell's error is far off. Dashed: {GAEAS} %, GAEA's own report of its single-level "
        "search. *SPARCS' paper* has no such figure; it is GAEA's ground."
    )
