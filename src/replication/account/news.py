"""The questions that this project asks beyond the paper, each answered in a sentence."""

from collections.abc import Mapping

import pandas as pd

from replication.account.image_prose import gain, sweep_findings
from replication.experiments.baselines.comparison import FEW, FEWEST_SEEDS, GOOD_R2, compare
from replication.experiments.cells.figures import METHODS
from replication.experiments.cifar10.figures.sweep import fig_cifar10_sweep_table
from replication.experiments.depth.figures import default_start
from replication.report.intervals import count_range, finished
from replication.report.stand_in import backbone_note, mark
from replication.report.text import counted, listing, number

Tables = Mapping[str, pd.DataFrame]
NOTHING = "no finished trial."
BETTER = {  # of the scalars of the comparison: what a baseline does that beats SPARCS, and one that SPARCS beats
    "parameters": (f"reach R² ≥ {GOOD_R2} with significantly fewer parameters than SPARCS with L2", "need more"),
    "error": (f"fit significantly better with at most {FEW} neurons", "fit worse"),
}


def news(tables: Tables) -> str:
    """One line for each question that the paper does not ask; "no finished trial" where its table has none."""
    answers = {
        "Which layer survives (experiment 2)": _surviving(tables["teacher_student/trials"]),
        "More hidden layers than needed": _deep(tables["depth/trials"]),
        "Other ways to search": _baselines(tables["baselines/trials"]),
        "Penalties in experiment 3": _sweep(tables["cifar10/sweep"]),
        "Heads on fixed features (experiment 4)": _probes(tables["cifar100/probes"], tables["cifar100/trials"]),
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
        f"with unsquared L2, by eigenvalues only the first hidden layer survives in {first} of {len(rows)} networks, "
        "but deleting the second one, whose eigenvalues are small, raises the held-out loss by "
        f"{100 * rows['other_layer_loss_increase'].median():,.0f} % (median).{_graded(finished(trials))}"
    )


def _graded(trials: pd.DataFrame) -> str:
    """What is left with a heavier penalty on the first hidden layer, if that was run."""
    rows = trials[trials["ensemble"] == "graded"]
    if rows.empty:
        return ""
    second = int((rows["surviving_layer"] == 3).sum())
    return (
        f" With a penalty three times as heavy on the first layer the second one survives in {second} of {len(rows)}, "
        f"and deleting the first raises the loss by {number(100 * rows['layer_2_deleted_increase'].median())} %."
    )


def _deep(trials: pd.DataFrame) -> str:
    rows = finished(default_start(trials)) if len(trials) else trials
    if rows.empty:
        return ""
    means = rows.groupby("depth")["surviving_by_function"].mean()
    pairs = [f"{number(value)} of {depth}" for depth, value in means.items()]
    counts = count_range(rows.groupby("depth")["trial"].count())
    return f"in use by what their deletion costs: {listing(pairs)} (means of n = {counts} networks each)."


def _baselines(trials: pd.DataFrame) -> str:
    compared = compare(trials) if len(trials) else trials
    if compared.empty:
        return ""
    counts = count_range(compared.groupby("method")["n"].min())
    said = f"{compared['method'].nunique()} baselines and controls on the teacher task (n = {counts})"
    if (compared["result"] == "not tested").all():
        return f"{said}; fewer than {FEWEST_SEEDS} seeds, so nothing is tested."
    parts = []
    for scalar, (wins, loses) in BETTER.items():
        results = compared.loc[compared["scalar"] == scalar, "result"].value_counts()
        parts.append(f"{results.get('baseline better', 0)} {wins}, {results.get('SPARCS better', 0)} {loses}")
    return f"of {said} {'; '.join(parts)}."


def _sweep(sweep: pd.DataFrame) -> str:
    if sweep.empty:
        return ""
    counts = count_range(sweep.groupby(["head", "penalty", "rho"])["trial"].count())
    return f"n = {counts} at each point{mark(sweep)}. {sweep_findings(fig_cifar10_sweep_table(sweep))}"


def _probes(probes: pd.DataFrame, trials: pd.DataFrame) -> str:
    probes = probes[probes["input_size"].isin(trials.get("input_size", ()))] if len(probes) else probes
    if probes.empty:
        return ""
    said = f"SPARCS {gain(probes, 'spectral')}, a plain hidden layer {gain(probes, 'mlp')}{mark(probes)}."
    return f"{said} {backbone_note(trials)}"


def _cells(trials: pd.DataFrame) -> str:
    if trials.empty:
        return ""
    means = trials.groupby("method")["cifar10_accuracy"].mean().dropna()
    scores = [f"{METHODS[method]} {mean:.2f} %" for method, mean in means.items()]
    worth = listing(scores) if scores else "untested, for no tabular benchmark was given"
    return (
        f"{counted(len(trials), 'search', 'searches')} by {counted(trials['method'].nunique(), 'method')}"
        f"{mark(trials)}; test accuracy of the cells on CIFAR-10: {worth}."
    )
