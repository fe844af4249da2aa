"""The sweep behind claim G1: kinds of penalty and strengths ρ, on experiments 1 and 2."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from replication.experiments.regression import train as regression
from replication.experiments.regression.settings import RegressionTrial
from replication.experiments.teacher_student import train as teacher_student
from replication.experiments.teacher_student.settings import TeacherTrial
from replication.training.ensemble.training import Trained
from sparcs.metrics import active, blocks_of, bundles_of, r_squared

MEASURES = ["r2", "mse", "gamma_norm", "active_neurons", "diverged_epoch"]
COLUMNS = ["experiment", "penalty", "rho", "alpha", "beta", "trial", "seed", *MEASURES]


def sweep_regression(
    data_sets: Mapping[tuple[float, float], tuple[str, Mapping[str, np.ndarray]]],
    rhos: Sequence[float],
    trials: Sequence[int],
    root_seed: int,
    settings: RegressionTrial,
    device: str,
    on_epoch: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """One row per data set, ρ and trial, for the kind of penalty that ``settings`` names.

    data_sets: (α, β) with the data set's name and arrays. A trial has the seed that it has in experiment 1, so that
    values of ρ pair.
    """
    tables = []
    for (alpha, beta), (name, data) in data_sets.items():
        seeds = regression.seeds(root_seed, name, trials)
        for rho in rhos:
            at_rho = settings.model_copy(update={"training": settings.training.model_copy(update={"rho": rho})})
            trained = regression.train(data, seeds, at_rho, device, on_epoch)
            measures = regression.measure(trained, data, at_rho.active_threshold)
            keys = {"experiment": "regression", "penalty": at_rho.training.penalty, "rho": rho, "alpha": alpha}
            tables.append(measures[MEASURES].assign(**keys, beta=beta, trial=list(trials), seed=seeds))
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def teacher_rows(
    trained: Trained, data: Mapping[str, np.ndarray], seeds: Sequence[int], settings: TeacherTrial
) -> pd.DataFrame:
    """One row per trained student: fit on the test points and active hidden neurons.

    Active: |λ| above 1 % of the largest, and live. No α, β or ‖Γ‖: those are NaN.
    """
    rows = []
    for trial, (seed, diverged) in enumerate(zip(seeds, trained.diverged_epoch, strict=True)):
        row = dict.fromkeys(COLUMNS, np.nan)
        row |= {"experiment": "teacher_student", "penalty": settings.training.penalty, "rho": settings.training.rho}
        row |= {"trial": trial, "seed": seed, "diverged_epoch": int(diverged)}
        if diverged < 0:
            phi, lam = blocks_of({name: array[trial] for name, array in trained.parameters.items()})
            output = teacher_student.predict(bundles_of(phi, lam), data["x_test"])
            row["r2"] = r_squared(data["y_test"], output)
            row["mse"] = float(np.square(data["y_test"] - output, dtype=np.float64).mean())
            row["active_neurons"] = float(sum(mask.sum() for mask in active(phi, lam)))
        rows.append(row)
    return pd.DataFrame(rows)
