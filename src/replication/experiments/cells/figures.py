"""GAEA's own ground: how decided the searches get, which cells they find, and what those are worth."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replication.report.intervals import count_range
from replication.report.stand_in import stamped, title
from replication.report.style import GREY, PAGE, color_of, styled

METHODS = {
    "darts": "DARTS",
    "darts_single_level": "DARTS, single-level",
    "gaea": "GAEA, single-level",
    "gaea_bilevel": "GAEA, bi-level",
    "random": "random cells",
    "untrained": "best of random cells, untrained",
}
SCORES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16_120": "ImageNet16-120"}
ERRORS = [5, 10, 20, 50, 90]  # per cent: the best cell of all has 5.63, one without a path to its output 90


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

    Beyond the paper: GAEA's own paper, the second source of this project, reports 94.1, 73.4 and 46.4 % for its
    single-level variant.
    """
    figure = Figure(figsize=(PAGE, 2.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = list(METHODS)
    entropy = drawn[drawn["what"] == "entropy"]
    for (method, _), of_search in entropy.groupby(["method", "trial"], sort=False):
        left.plot(of_search["x"], of_search["value"], color=color_of(names, method), linewidth=0.9)
    left.set_xlabel("gradient evaluations")
    left.set_ylabel("entropy of an edge's weights, nats")
    left.set_ylim(bottom=0)
    present = [method for method in names if (drawn["method"] == method).any()]
    scores = drawn[drawn["what"] == "score"]
    for place, method in enumerate(reversed(present)):
        cells = scores[scores["method"] == method]
        right.plot(
            100 - cells["value"], [place] * len(cells), "o", color=color_of(names, method), alpha=0.7, markeredgewidth=0
        )
    right.set_yticks(range(len(present)), [METHODS[method] for method in reversed(present)])
    right.set_ylim(-0.5, len(present) - 0.5)
    right.set_xlabel("test error of the cell, CIFAR-10, %")
    right.set_xscale("log")
    right.set_xlim(ERRORS[0], 100)
    right.set_xticks(ERRORS, [str(error) for error in ERRORS])
    right.minorticks_off()
    if scores["value"].isna().all():
        right.set_xticks([])
        right.text(0.5, 0.5, "untested: no benchmark", transform=right.transAxes, ha="center", va="center", color=GREY)
    return figure


def fig_cells_caption(drawn: pd.DataFrame) -> str:
    """The searches in words."""
    counts = drawn[drawn["what"] == "score"].groupby("method")["trial"].count()
    return (
        f"{title('Cells', drawn)} Searches in the NAS-Bench-201 space with a weight-sharing supernet. Left: how "
        "decided the mixture is, the entropy of an edge's weights, mean over the six edges, against gradient "
        "evaluations (one of the mixture and one of the network a step); colours as on the right. Right: what the "
        f"tabular benchmark says of the cell found, 100 − accuracy, each dot a search (n = {count_range(counts)} a "
        "method; equal cells hide each other). *SPARCS' paper* has no such figure; it is GAEA's ground."
    )
