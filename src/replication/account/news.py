"""The questions that this project asks beyond the paper, and what was found on each."""

from collections.abc import Mapping

import pandas as pd

from replication.account.readings import of_ensemble
from replication.account.remaining import CONTROLS
from replication.experiments.baselines.comparison import FEW, FEWEST_SEEDS, GOOD_R2, SCALARS, compare
from replication.experiments.cells.figures import METHODS
from replication.experiments.cells.space import connected, operations_of
from replication.experiments.cifar10 import findings as cifar10
from replication.experiments.cifar10.figures.sweep import fig_cifar10_sweep_table
from replication.experiments.cifar100 import findings as cifar100
from replication.experiments.depth.figures import default_start
from replication.experiments.teacher_student.layers import PAPERS, hidden
from replication.report.intervals import count_range, finished
from replication.report.stand_in import backbone_note, mark

Tables = Mapping[str, pd.DataFrame]


def news(tables: Tables, run: Mapping, paper: Mapping) -> dict[str, dict | None]:
    """What was found on each question that the paper does not ask; None where its table has no finished trial.

    run, paper: both settings, by experiment.
    """
    return {
        "survivor": _survivor(of_ensemble(tables, "l2"), of_ensemble(tables, "graded")),
        "depth": _depth(tables["depth/trials"]),
        "baselines": _baselines(tables["baselines/trials"]),
        "sweep": _sweep(tables["cifar10/sweep"], tables["cifar10/epochs"], paper),
        "probes": _probes(tables["cifar100/probes"], tables["cifar100/trials"], run),
        "cells": _cells(tables["cells/trials"]),
    }


def _survivor(networks: pd.DataFrame, graded: pd.DataFrame) -> dict | None:
    """How often the first of two hidden layers survives, and the second with a heavier penalty on the first, if run.

    increase: of the loss where the other layer is deleted, a median share.
    """
    if networks.empty or hidden(networks) != PAPERS:
        return None
    return {
        "networks": len(networks),
        "first": int((networks["surviving_layer"] == 2).sum()),
        "increase": networks["other_layer_loss_increase"].median(),
        "graded": {
            "networks": len(graded),
            "second": int((graded["surviving_layer"] == 3).sum()),
            "increase": graded["layer_2_deleted_increase"].median(),
        }
        if len(graded)
        else None,
    }


def _depth(trials: pd.DataFrame) -> dict | None:
    """Of how many hidden layers all are in use, and how many are where they are not: the smallest and largest mean."""
    rows = finished(default_start(trials)) if len(trials) else trials
    if rows.empty:
        return None
    means = rows.groupby("depth")["surviving_by_function"].mean()
    fewer = means[means != means.index]
    return {
        "all_used": [str(depth) for depth in means.index.difference(fewer.index)],
        "most": fewer.index.max() if len(fewer) else 0,
        "used": (fewer.min(), fewer.max()),
        "each": count_range(rows.groupby("depth")["trial"].count()),
    }


def _baselines(trials: pd.DataFrame) -> dict | None:
    """How many baselines are significantly better and worse than SPARCS, by scalar; no results of too few seeds."""
    compared = compare(trials) if len(trials) else trials
    if compared.empty:
        return None
    by_scalar = {scalar: list(compared.loc[compared["scalar"] == scalar, "result"]) for scalar in SCALARS}
    tested = (compared["result"] != "not tested").any()
    better, worse = "baseline better", "SPARCS better"
    return {
        "methods": compared["method"].nunique(),
        "each": count_range(compared.groupby("method")["n"].min()),
        "fewest": FEWEST_SEEDS,
        "results": {name: (of.count(better), of.count(worse)) for name, of in by_scalar.items()} if tested else {},
        "good_r2": GOOD_R2,
        "few": FEW,
    }


def _sweep(sweep: pd.DataFrame, curves: pd.DataFrame, paper: Mapping) -> dict | None:
    if sweep.empty:
        return None
    return {
        "each": count_range(sweep.groupby(["head", "penalty", "rho"])["trial"].count()),
        "stamp": mark(sweep),
        "found": cifar10.sweep(fig_cifar10_sweep_table(sweep), paper, curves),
    }


def _probes(probes: pd.DataFrame, trials: pd.DataFrame, run: Mapping) -> dict | None:
    probes = probes[probes["input_size"].isin(trials.get("input_size", ()))] if len(probes) else probes
    if probes.empty:
        return None
    return {
        "training": cifar100.training(run),
        "gains": {head: cifar10.gain(probes, head) for head in ("spectral", "mlp")},
        "stamp": mark(probes),
        "backbone": backbone_note(trials),
    }


def _cells(trials: pd.DataFrame) -> dict | None:
    """How many searches and controls there are, their cells' accuracies, and how often a search ended in a cut cell."""
    if trials.empty:
        return None
    controls = trials["method"].isin(CONTROLS)
    medians = trials.groupby("method")["cifar10_accuracy"].median().dropna()
    ended = trials.dropna(subset=["cell"])
    cut = ended[~ended["cell"].map(operations_of).map(connected).astype(bool)]
    return {
        "searches": int((~controls).sum()),
        "methods": trials.loc[~controls, "method"].nunique(),
        "controls": int(controls.sum()),
        "stamp": mark(trials),
        "medians": {METHODS[method]: medians[method] for method in METHODS if method in medians},
        "cut": {METHODS[method]: len(of_method) for method, of_method in cut.groupby("method")},
    }
