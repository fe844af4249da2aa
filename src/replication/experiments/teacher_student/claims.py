"""How claims D are measured: what is left of the student's network."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from replication.experiments.teacher_student.survival import SURVIVES
from replication.judging.divergence import Divergence, divergence
from replication.judging.statistics import mean_interval, share_interval
from replication.judging.verdicts import Claim, Measured, Tables

BUDGET = 0.05


def linear_fails(tables: Tables) -> Iterator[Measured]:
    """D1: R² of linear regression with intercept over teachers of two rotations."""
    linear = tables["teacher_student/linear"].query("rotations == 2")
    linear = linear.dropna(subset=["r2"]).assign(intercept=lambda rows: rows["intercept"].astype(bool))
    fits = linear[linear["intercept"]].sort_values("teacher")["r2"]
    without = linear.loc[~linear["intercept"], "r2"].mean()
    first = f", the first {fits.iloc[0]:.3f}" if len(fits) else ""
    reason = f"{len(fits)} teachers{first}" + ("" if np.isnan(without) else f"; without intercept {without:.3f}")
    yield Measured("", "R² with intercept", mean_interval(fits), len(fits), (-np.inf, 0.9), reason)


def one_layer_survives(tables: Tables) -> Iterator[Measured]:
    """D2: shares of seeds in which one layer's eigenvalues survive, and in which the other layer can go.

    A diverged network counts as one in which neither does.
    """
    trials, lost = _default_ensemble(tables), _diverged(tables)
    started, none_lost = lost.trainings, "" if lost.count else "; 0 diverged"
    ratio, increase = trials["eigenvalue_ratio"], trials["other_layer_loss_increase"]
    counts = trials["surviving_layer"].value_counts()
    survivors = ", ".join(f"layer {layer} in {count}" for layer, count in counts.items() if layer) or "none"
    smallest = f"; smallest ratio {ratio.min():.0f}" if ratio.notna().any() else ""
    yield Measured(
        "a",
        f"share of seeds with max |λ| of one layer at least {SURVIVES} times the other's",
        share_interval(int((trials["surviving_layer"] > 0).sum()), started),
        started,
        (0.8, 1),
        f"survivor: {survivors}{smallest}; teachers: {trials['teacher'].nunique()}{none_lost}",
        diverged=lost,
    )
    yield Measured(
        "b",
        "share of seeds in which deleting the other layer raises the held-out loss by at most 5 %",
        share_interval(int((increase <= BUDGET).sum()), started),
        started,
        (0.8, 1),
        f"median increase {100 * increase.median():,.0f} %" if len(trials) else "none is left",
        diverged=lost,
    )


def neurons_left(tables: Tables) -> Iterator[Measured]:
    """D3: live hidden neurons at the 5 % budget, removal (i)."""
    trials = _default_ensemble(tables)
    _, low, high = mean_interval(trials["kept_eigenvalues"])
    reason = (
        f"non-zero eigenvalues, as the paper counts: {trials['kept_eigenvalues'].mean():.1f} [{low:.1f}, {high:.1f}]; "
        f"where neurons are deleted from the weights {trials['kept_neurons_weight_space'].mean():.1f} are kept (mean)"
    )
    statement = "live hidden neurons of both layers within a loss increase of 5 %"
    yield Measured("", statement, mean_interval(trials["live_neurons"]), len(trials), (20, 40), reason,
                   diverged=_diverged(tables))  # fmt: skip


def trimmed_fit(tables: Tables) -> Iterator[Measured]:
    """D4: R² of the network trimmed as in D3."""
    trials = _default_ensemble(tables)
    reason = f"untrimmed {trials['test_r2'].mean():.4f}"
    statement = f"R² of the network trimmed to the {trials['live_neurons'].mean():.0f} live neurons of D3"
    yield Measured("", statement, mean_interval(trials["trimmed_r2"]), len(trials), (0.97, np.inf), reason,
                   diverged=_diverged(tables))  # fmt: skip


def _started(tables: Tables) -> pd.DataFrame:
    return tables["teacher_student/trials"].query("ensemble == 'l2'")


def _default_ensemble(tables: Tables) -> pd.DataFrame:
    return _started(tables).query("diverged_epoch < 0 and test_r2.notna()")


def _diverged(tables: Tables) -> Divergence:
    trials = _started(tables)
    return divergence(trials.assign(test_r2=trials["test_r2"].where(trials["diverged_epoch"] < 0)), "test_r2")


CLAIMS = [
    Claim("D1", "linear regression cannot fit the SO(20) teacher", "Section 5", "R² well below 1",
          "03_teacher_student", linear_fails, ("teacher_student/linear",)),
    Claim("D2", "one hidden layer survives", "Figure 9", "shown for one seed", "03_teacher_student, Figure 9",
          one_layer_survives, ("teacher_student/trials",)),
    Claim("D3", "about 30 neurons are left at the 5 % threshold", "Figure 10", "about 30",
          "03_teacher_student, Figure 10", neurons_left, ("teacher_student/trials",)),
    Claim("D4", "the trimmed network still fits", "Section 5", "R² about 0.98", "03_teacher_student, Figure 10",
          trimmed_fit, ("teacher_student/trials",)),
]  # fmt: skip
