"""The questions that this project asks beyond the paper, each answered in a sentence."""

from collections.abc import Mapping

import pandas as pd

from replication.account.remaining import CONTROLS
from replication.experiments.baselines.comparison import FEW, FEWEST_SEEDS, GOOD_R2, compare
from replication.experiments.cells.figures import METHODS
from replication.experiments.cells.space import connected, operations_of
from replication.experiments.cifar10 import findings as cifar10
from replication.experiments.cifar10.figures.sweep import fig_cifar10_sweep_table
from replication.experiments.cifar100 import findings as cifar100
from replication.experiments.depth.figures import default_start
from replication.report.intervals import count_range, finished
from replication.report.stand_in import backbone_note, mark
from replication.report.template import in_words, line, sections
from replication.report.text import counted, listing, number

_CIFAR10, _CIFAR100 = (sections(f"replication.experiments.{name}") for name in ("cifar10", "cifar100"))
Tables = Mapping[str, pd.DataFrame]
NOTHING = "no finished trial."
BETTER = {  # of the scalars of the comparison: what a baseline does that beats SPARCS, and one that SPARCS beats
    "parameters": (f"reach R² ≥ {GOOD_R2} with significantly fewer parameters than SPARCS with L2", "need more"),
    "error": (f"fit significantly better with at most {FEW} neurons", "fit worse"),
}


def news(tables: Tables, run: Mapping, paper: Mapping) -> str:
    """One line for each question that the paper does not ask; "no finished trial" where its table has none.

    run, paper: both settings, by experiment.
    """
    answers = {
        "Which layer survives (experiment 2)": _surviving(tables["teacher_student/trials"]),
        "More hidden layers than needed": _deep(tables["depth/trials"]),
        "Other ways to search": _baselines(tables["baselines/trials"]),
        "Penalties in experiment 3": _sweep(tables["cifar10/sweep"], tables["cifar10/epochs"], paper),
        "Heads on fixed features (experiment 4)": _probes(tables["cifar100/probes"], tables["cifar100/trials"], run),
        "NAS-Bench-201's cells": _cells(tables["cells/trials"]),
    }
    return "\n".join(f"- **{question}:** {answer or NOTHING}" for question, answer in answers.items())


def _surviving(trials: pd.DataFrame) -> str:
    rows = finished(trials)
    rows = rows[rows["ensemble"] == "l2"] if len(rows) else rows
    if rows.empty:
        return ""
    first = int((rows["surviving_layer"] == 2).sum())
    return (
        f"with unsquared L2, by eigenvalues only the first hidden layer survives in {first} of {len(rows)} networks. "
        "Deleting the second one, whose eigenvalues are small, raises the held-out loss all the same, by "
        f"{100 * rows['other_layer_loss_increase'].median():,.0f} % (median).{_graded(finished(trials))}"
    )


def _graded(trials: pd.DataFrame) -> str:
    """What is left with a heavier penalty on the first hidden layer, if that was run."""
    rows = trials[trials["ensemble"] == "graded"]
    if rows.empty:
        return ""
    second = int((rows["surviving_layer"] == 3).sum())
    return (
        f" With a penalty three times as heavy on the first layer the second one survives in {second} of {len(rows)}. "
        f"Deleting the first raises the loss by {number(100 * rows['layer_2_deleted_increase'].median())} %."
    )


def _deep(trials: pd.DataFrame) -> str:
    rows = finished(default_start(trials)) if len(trials) else trials
    if rows.empty:
        return ""
    means = rows.groupby("depth")["surviving_by_function"].mean()
    every = [str(depth) for depth in means.index[means == means.index]]
    fewer = means.drop(list(map(int, every)))
    counts = count_range(rows.groupby("depth")["trial"].count())
    said = [f"with {listing(every)} allowed, all are in use by what their deletion costs."] * bool(every)
    if len(fewer):
        said.append(f"With up to {max(fewer.index)} allowed, {_span(fewer)} are in use on average.")
        said.append(f"That is over {counted(counts, 'network')} of each depth.")
    return " ".join(said)


def _span(values: pd.Series) -> str:
    return " to ".join(dict.fromkeys([number(values.min()), number(values.max())]))


def _baselines(trials: pd.DataFrame) -> str:
    compared = compare(trials) if len(trials) else trials
    if compared.empty:
        return ""
    counts = count_range(compared.groupby("method")["n"].min())
    said = f"{compared['method'].nunique()} baselines and controls ran on the teacher task (n = {counts})."
    if (compared["result"] == "not tested").all():
        return f"{said} There are fewer than {FEWEST_SEEDS} seeds, so nothing is tested."
    parts = []
    for scalar, (wins, loses) in BETTER.items():
        results = compared.loc[compared["scalar"] == scalar, "result"].value_counts()
        better, worse = (in_words(results.get(f"{who} better", 0)) for who in ("baseline", "SPARCS"))
        parts.append(f"Of these {better} {wins}, and {worse} {loses}.")
    return " ".join([said, *parts])


def _sweep(sweep: pd.DataFrame, curves: pd.DataFrame, paper: Mapping) -> str:
    if sweep.empty:
        return ""
    counts = count_range(sweep.groupby(["head", "penalty", "rho"])["trial"].count())
    found = line(_CIFAR10.sweep(**cifar10.sweep(fig_cifar10_sweep_table(sweep), paper, curves)))
    return f"n = {counts} at each point{mark(sweep)}. {found}"


def _probes(probes: pd.DataFrame, trials: pd.DataFrame, run: Mapping) -> str:
    probes = probes[probes["input_size"].isin(trials.get("input_size", ()))] if len(probes) else probes
    if probes.empty:
        return ""
    trained = line(_CIFAR100.training(**cifar100.training(run)))
    gains = [
        line(_CIFAR10.gained(who, **cifar10.gain(probes, head)))
        for head, who in {"spectral": "SPARCS", "mlp": "a plain hidden layer"}.items()
    ]
    return f"{trained} {' '.join(gains)}{mark(probes)} {backbone_note(trials)}"


def _cells(trials: pd.DataFrame) -> str:
    if trials.empty:
        return ""
    said = [f"{_searches(trials)}{mark(trials)}."]
    medians = trials.groupby("method")["cifar10_accuracy"].median().dropna()
    if medians.empty:
        return f"{said[0]} The cells are untested, for no tabular benchmark was given."
    scores = [f"{METHODS[method]} {medians[method]:.1f} %" for method in METHODS if method in medians]
    pairs = [listing(scores[k : k + 2]) for k in range(0, len(scores), 2)]
    said += [f"The cells' median test accuracy on CIFAR-10 is: {pairs[0]}."]
    said += [f"{pair[0].upper()}{pair[1:]}." for pair in pairs[1:]]
    ended = trials.dropna(subset=["cell"])
    cut = ended[~ended["cell"].map(operations_of).map(connected).astype(bool)]
    said += [
        f"{counted(len(of_method), 'search', 'searches')} of {METHODS[method]} ended in a cut cell, whose accuracy is "
        "chance."
        for method, of_method in cut.groupby("method")
    ]
    return " ".join(said)


def _searches(trials: pd.DataFrame) -> str:
    """How many searches by how many methods there are, and how many controls, which train nothing."""
    controls = trials["method"].isin(CONTROLS)
    by = f"by {counted(trials.loc[~controls, 'method'].nunique(), 'method')}"
    parts = [f"{counted(int((~controls).sum()), 'search', 'searches')} {by}"] * bool((~controls).any())
    return listing([*parts, *[counted(int(controls.sum()), "control")] * bool(controls.any())])
