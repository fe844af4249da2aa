"""How claims D are measured: what is left of the student's network."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps

import numpy as np
import pandas as pd

from replication.experiments.teacher_student.kept import PAPERS, last_at_budget, r2_at_papers_count
from replication.experiments.teacher_student.settings import HIDDEN
from replication.experiments.teacher_student.survival import SURVIVES
from replication.judging.bootstraps import NOTHING
from replication.judging.divergence import Divergence, divergence
from replication.judging.statistics import NOT_NEGATIVE, R2, mean_interval, share_interval
from replication.judging.verdicts import Claim, Each, Measured, Tables
from replication.report.text import number

BUDGET = 0.05
OFTEN = (0.8, 1)  # share of seeds (claim D2)
LAYERS = {2: "the first hidden layer (λ₂)", 3: "the second (λ₃)"}
LAST = 3  # the layer that survives in the paper's Figure 9
GOOD = (0.97, np.inf)  # R² (claim D4)


def of_two_layers(measure: Callable[[Tables], Iterator[Measured]]) -> Callable[[Tables], Iterator[Measured]]:
    """The measurement where networks have the paper's two hidden layers; elsewhere its parts, with nothing measured."""

    @wraps(measure)
    def measured(tables: Tables) -> Iterator[Measured]:
        unlike = _not_two_layers(_default_ensemble(tables))
        for row in measure(tables):
            yield _unmeasured(row, unlike) if unlike else row

    return measured


def _unmeasured(row: Measured, why: str) -> Measured:
    before = row.before and _unmeasured(row.before, why)
    return replace(row, interval=NOTHING, n=0, untested=why, each=None, before=before)


def linear_fails(tables: Tables) -> Iterator[Measured]:
    """D1: R² of linear regression with intercept over teachers of two rotations."""
    linear = tables["teacher_student/linear"].query("rotations == 2")
    linear = linear.dropna(subset=["r2"]).assign(intercept=lambda rows: rows["intercept"].astype(bool))
    fits = linear[linear["intercept"]].sort_values("teacher")["r2"]
    without = linear.loc[~linear["intercept"], "r2"].mean()
    first = f", the first {fits.iloc[0]:.3f}" if len(fits) else ""
    reason = f"{len(fits)} teachers{first}" + ("" if np.isnan(without) else f"; without intercept {without:.3f}")
    yield Measured("", "R² with intercept", mean_interval(fits, R2), len(fits), (-np.inf, 0.9), reason,
                   each=Each(fits.to_numpy(), "R² of one teacher"))  # fmt: skip


@of_two_layers
def one_layer_survives(tables: Tables) -> Iterator[Measured]:
    """D2: shares of seeds in which Figure 9's layer's eigenvalues survive, and in which the other layer can go.

    A diverged network counts as one in which neither does.
    """
    trials, lost = _default_ensemble(tables), _diverged(tables)
    started, none_lost = lost.trainings, "" if lost.count else "; 0 diverged"
    ratio, increase = trials["eigenvalue_ratio"], trials["other_layer_loss_increase"]
    counts = trials["surviving_layer"].value_counts()
    survivors = [
        f"{LAYERS[layer]} survives in {count} of {started}" for layer, count in counts.items() if layer in LAYERS
    ]
    smallest = f"; smallest ratio {ratio.min():.0f}" if ratio.notna().any() else ""
    row = Measured(
        "a",
        f"share of seeds with max |λ₃| at least {SURVIVES} times max |λ₂|",
        share_interval(int((trials["surviving_layer"] == LAST).sum()), started),
        started,
        OFTEN,
        f"by eigenvalues {', '.join(survivors) or 'neither layer survives'}{smallest}; teachers: "
        f"{trials['teacher'].nunique()}{none_lost}",
        diverged=lost,
        each=Each(_second_over_first(trials), "max |λ₃| over max |λ₂| of one seed", (SURVIVES, np.inf)),
    )
    before = replace(
        row,
        statement=f"share of seeds with max |λ| of one layer at least {SURVIVES} times the other's",
        interval=share_interval(int((trials["surviving_layer"] > 0).sum()), started),
    )
    yield replace(row, before=before, changed="Figure 9 shows which layer survives, the second hidden one")
    yield Measured(
        "b",
        "share of seeds in which deleting the other layer raises the held-out loss by at most 5 %",
        share_interval(int((increase <= BUDGET).sum()), started),
        started,
        OFTEN,
        f"median increase {number(100 * increase.median())} %" if len(trials) else "none is left",
        diverged=lost,
        each=Each(100 * increase.to_numpy(), "added loss of one seed, %", (-np.inf, 100 * BUDGET)),
    )


@of_two_layers
def neurons_left(tables: Tables) -> Iterator[Measured]:
    """D3: live hidden neurons at the 5 % budget, removal (i)."""
    trials = _default_ensemble(tables)
    mean, low, high = mean_interval(trials["kept_eigenvalues"], NOT_NEGATIVE)
    remarks = (
        f"eigenvalues kept in both layers: {mean:.1f} [{low:.1f}, {high:.1f}]",
        _authors_count(trials, tables.get("teacher_student/eigenvalues")),
        f"Where neurons are deleted from the weights {trials['kept_neurons_weight_space'].mean():.3g} are kept (mean)",
        _by_teacher(trials, "live_neurons"),
    )
    reason = ". ".join(filter(None, remarks)) if len(trials) else ""
    statement = "live hidden neurons of both layers within a loss increase of 5 %"
    yield Measured("", statement, mean_interval(trials["live_neurons"], NOT_NEGATIVE), len(trials), (20, 40), reason,
                   diverged=_diverged(tables),
                   each=Each(trials["live_neurons"].to_numpy(), "live neurons of one seed"))  # fmt: skip


@of_two_layers
def trimmed_fit(tables: Tables) -> Iterator[Measured]:
    """D4: R² at the paper's count of eigenvalues kept, removal (i); beside it at as many live ones, removal (ii)."""
    trials = _default_ensemble(tables)
    at_kept = _r2_at(tables, "eigenvalue", "kept")
    beside = [
        (f"at {PAPERS} live neurons, removal (ii),", _r2_at(tables, "weight_space", "live")),
        ("untrimmed", trials["test_r2"]),
    ]
    said = [f"{where} R² {fits.mean():.3g}" for where, fits in beside if len(fits)]
    row = Measured(
        "",
        f"R² of the network trimmed to {PAPERS} eigenvalues, removal (i)",
        mean_interval(at_kept, R2),
        len(at_kept),
        GOOD,
        "; ".join(said),
        diverged=_diverged(tables),
        each=Each(at_kept.to_numpy(), "R² of one seed"),
    )
    before = replace(
        row,
        statement="R² of the network trimmed to the live neurons of D3",
        interval=mean_interval(trials["trimmed_r2"], R2),
        n=len(trials),
    )
    yield replace(
        row, before=before, changed=f"the paper trims to {PAPERS} neurons, and at ten times as many R² could not fail"
    )


def _second_over_first(trials: pd.DataFrame) -> np.ndarray:
    """max |λ₃| over max |λ₂| of each network; NaN without a second hidden layer."""
    first, second = (trials.get(f"largest_eigenvalue_{layer}", pd.Series(np.nan, trials.index)) for layer in (2, 3))
    return (second / first).to_numpy(np.float64)


def _authors_count(trials: pd.DataFrame, eigenvalues: pd.DataFrame | None) -> str:
    """How many of the kept eigenvalues the authors' axis counts, which is that of λ₃; empty where it isn't known."""
    counts = pd.Series() if eigenvalues is None else last_at_budget(trials, eigenvalues.query("ensemble == 'l2'"))
    if counts.empty:
        return ""
    among = f"{counts.min():g} to {counts.max():g} of them are λ₃" if counts.any() else "No λ₃ is among them"
    return f"{among}; the authors' axis counts these alone"


def _by_teacher(trials: pd.DataFrame, column: str) -> str:
    """The interval of a mean if every teacher counts once, where networks share one; empty where none do."""
    shared = trials["teacher"].value_counts()
    if shared.empty or shared.iloc[0] < 2 or len(shared) < 3:
        return ""
    _, low, high = mean_interval(trials.groupby("teacher")[column].mean())
    return (
        f"{shared.iloc[0]} of the {len(trials)} networks share a teacher; by teacher the interval is "
        f"{low:.0f} to {high:.0f}"
    )


def _r2_at(tables: Tables, removal: str, count: str) -> pd.Series:
    """R² of each finished network of the default ensemble where its pruning curve has the paper's count left."""
    return r2_at_papers_count(tables["teacher_student/pruning"].query("ensemble == 'l2'"), removal, count)


def _not_two_layers(trials: pd.DataFrame) -> str:
    """Why claims on the paper's two hidden layers can't be judged; empty if the networks have them."""
    largest = trials.filter(regex=r"^largest_eigenvalue_\d+$").dropna(axis="columns", how="all")
    layers = largest.shape[1] or HIDDEN
    return "" if layers == HIDDEN else f"hidden layers {layers}, not {HIDDEN}"


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
    Claim("D2", "one hidden layer survives", "Figure 9", "shown for one seed",
          "03_teacher_student, fig09, fig_teacher_deleted", one_layer_survives, ("teacher_student/trials",)),
    Claim("D3", "about 30 neurons are left at the 5 % threshold", "Figure 10", "about 30",
          "03_teacher_student, fig10", neurons_left, ("teacher_student/trials",),
          ("teacher_student/eigenvalues",)),
    Claim("D4", "the trimmed network still fits", "Section 5", "R² about 0.98", "03_teacher_student, fig10",
          trimmed_fit, ("teacher_student/trials", "teacher_student/pruning")),
]  # fmt: skip
