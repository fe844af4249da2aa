"""GAEA's own ground: how decided the searches get, which cells they find, and what those are worth."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replication.experiments.cells.space import connected, operations_of
from replication.judging.statistics import mean_interval
from replication.report.intervals import MANY, count_range
from replication.report.stand_in import stamped, title
from replication.report.style import GREY, PAGE, color_of, styled
from replication.report.tables import markdown
from replication.report.text import counted, listing, number

METHODS = {
    "darts": "DARTS",
    "darts_single_level": "DARTS, single-level",
    "gaea": "GAEA, single-level",
    "gaea_bilevel": "GAEA, bi-level",
    "random": "random cells",
    "untrained": "best of random cells, untrained",
}
SCORES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16_120": "ImageNet16-120"}
PAIRS = [("gaea", "darts_single_level"), ("gaea_bilevel", "darts"), ("gaea", "random"), ("gaea_bilevel", "random")]
ERRORS = [5, 10, 20, 50, 90]  # per cent: the best cell of all has 5.63, one without a path to its output 90
TOOK = {"cpu": "core-minutes", "cuda": "minutes on the GPU"}
UNTESTED = "No tabular benchmark was given (params.yaml, cells.table): the cells' accuracies are **untested**."


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


def answer(trials: pd.DataFrame, reference: pd.DataFrame) -> str:
    """Whether GAEA finds better cells than DARTS, and how often a search ends in skips alone or in a cut cell.

    trials: those of ``finished``.
    """
    if trials.empty:
        return "**Answer: not tested.** No search ended."
    cut = ~trials["cell"].map(operations_of).map(connected).astype(bool)
    skips = _searches("Every edge a skip", trials[trials["skips"] == 6])
    said = (skips or " No search ended with a skip on every edge.") + _searches(
        "No path from the cell's input to its output", trials[cut]
    )
    if trials["cifar10_accuracy"].isna().all():
        return f"**Answer: not tested.** {UNTESTED}{said}"
    accuracy = trials.pivot(index="trial", columns="method", values="cifar10_accuracy")
    pairs = [pair for pair in PAIRS if set(pair) <= set(accuracy)]
    intervals = {pair: mean_interval((accuracy[pair[0]] - accuracy[pair[1]]).dropna().to_numpy()) for pair in pairs}
    against_darts = [bounds for (_, other), bounds in intervals.items() if other != "random"]
    known = reference.loc[reference["score"] == "cifar10_accuracy", "best"].dropna()
    best = "".join(f" The best cell of the space has {value:.2f} %." for value in known)
    return (
        f"**Answer: {_verdict(against_darts)}.** It is yes if both intervals of GAEA minus DARTS lie above 0, no if "
        f"both lie below, else undecided (n = {len(accuracy)}, no test).{best}{said}\n\n"
        "Points of CIFAR-10 test accuracy between cells whose searches have the same seed:\n\n"
        f"{markdown(pd.DataFrame([_pair(accuracy, *pair) for pair in pairs]))}"
    )


def _pair(accuracy: pd.DataFrame, method: str, other: str) -> dict[str, str]:
    """Each single difference of two methods, few as they are, their mean and its interval."""
    values = (accuracy[method] - accuracy[other]).dropna()
    mean, low, high = mean_interval(values.to_numpy())
    beyond = " (it leaves what is possible)" * bool(low < -100 or high > 100)
    return {
        "cells": f"{METHODS[method]} minus {METHODS[other]}",
        "each": ", ".join(_points(value) for value in values) if len(values) < MANY else f"n = {len(values)}",
        "mean": _points(mean),
        "95 % t interval": "" if np.isnan(low) else f"{_points(low)} to {_points(high)}{beyond}",
    }


def _points(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2f}".replace("-", "−")


def decided(history: pd.DataFrame, run: Mapping) -> str:
    """How much the mixtures of a search still weigh all operations alike when it ends: their entropy, means."""
    known = history.dropna(subset=["entropy"]).sort_values("gradient_evaluations")
    if known.empty:
        return ""
    last = known.groupby(["method", "trial"])["entropy"].last().groupby("method").mean()
    ended = listing([f"{METHODS[method]} {last[method]:.2f}" for method in METHODS if method in last])
    count = len(run["operations"])
    return (
        f"Entropy of an edge's weights at the end, means, in nats: {ended}; with all {count} operations alike it is "
        f"ln {count} = {np.log(count):.2f}, and a search that ends near it has hardly chosen: its cell is what little "
        "tips the balance."
    )


def _searches(outcome: str, trials: pd.DataFrame) -> str:
    """How many searches of each method had this outcome, as text; empty if none had."""
    counts = [f"{METHODS[method]} in {count}" for method, count in trials.groupby("method").size().items()]
    return f" {outcome}: {listing(counts)}." if counts else ""


def _verdict(differences: Sequence[tuple[float, float, float]]) -> str:
    """yes or no if every interval lies on one side of 0."""
    if differences and all(low > 0 for _, low, _ in differences):
        return "yes"
    return "no" if differences and all(high < 0 for _, _, high in differences) else "undecided"


def size(run: Mapping, paper: Mapping, trials: pd.DataFrame, ended: pd.DataFrame) -> str:
    """How large supernet and search are, against the full setting, how many searches there are, and which diverged.

    ended: the trials of ``finished``.
    """
    lost = trials.loc[~trials.index.isin(ended.index), "method"].value_counts(sort=False)
    named = listing([f"{METHODS[method]} {count}" for method, count in lost.items()])
    diverged = (
        f"{lost.sum()} of {len(trials)} searches diverged and are left out: {named}"
        if len(lost)
        else "No search diverged"
    )
    counts = count_range(trials.groupby("method")["trial"].count())
    parts = [
        f"{label} {run[name]:,} (in full: {paper[name]:,})"
        for name, label in (("channels", "C"), ("cells", "N"), ("images", "images"), ("epochs", "epochs"))
    ]
    parts += [
        f"step size of {name.upper()} {run['rates'][name]:g} (in full: {paper['rates'][name]:g})"
        for name in run["rates"]
    ]
    return (
        f"{', '.join(parts)}; {counted(len(run['operations']), 'operation')}, "
        f"{counted(counts, 'search', 'searches')} of each method. A bi-level "
        f"search, whose network is trained on half of the images, passes over them twice in an epoch. {diverged}."
    )


def cells_table(trials: pd.DataFrame, reference: pd.DataFrame, costs: pd.DataFrame) -> str:
    """Accuracies of each method's cells on the three data sets, mean and range, skips, and the cost of a search.

    trials: those of ``finished``; costs: of the searches on any devices, each in rows of its own.
    """
    minutes = (costs.groupby(["method", "device"])["seconds"].mean() / 60).unstack()
    took = [device for device in TOOK if device in minutes]
    rows = []
    for method in [method for method in METHODS if (trials["method"] == method).any()]:
        of_method = trials[trials["method"] == method]
        row = {"method": METHODS[method], "n": len(of_method)}
        row |= {f"{label}, %": _range(of_method[f"{name}_accuracy"]) for name, label in SCORES.items()}
        row |= {"edges that skip": f"{of_method['skips'].mean():.1f}"}
        rows.append(row | {TOOK[device]: number(minutes[device].get(method, np.nan)) for device in took})
    for name, label in (("best", "best cell of all"), ("mean", "mean of all cells"), ("all_skip", "skips alone")):
        by_score = reference.set_index("score")[name]
        row = {"method": f"*{label}*", "n": ""}
        row |= {f"{shown}, %": _one(by_score.get(f"{data}_accuracy", np.nan)) for data, shown in SCORES.items()}
        rows.append(row | {"edges that skip": ""} | {TOOK[device]: "" for device in took})
    return f"{title('Cells', trials)} Accuracies from the tabular benchmark.\n\n{markdown(pd.DataFrame(rows))}"


def found_table(trials: pd.DataFrame) -> str:
    """Every cell that was found. trials: those of ``finished``."""
    if trials.empty:
        return "No search ended."
    names = "<code>" + trials["cell"].str.replace("|", "&#124;") + "</code>"  # a bar would end the table's cell
    rows = trials.assign(cell=names, method=trials["method"].map(METHODS))
    return markdown(rows[["method", "trial", "cell"]])


def _range(values: pd.Series) -> str:
    if values.isna().all():
        return "untested"
    spread = f" ({values.min():.2f} to {values.max():.2f})" if len(values) > 1 else ""
    return f"{values.mean():.2f}{spread}"


def _one(value: float) -> str:
    return "untested" if np.isnan(value) else f"{value:.2f}"
