"""The sweep behind claim G1: kinds of penalty and strengths ρ, on experiments 1 and 2."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from replication.experiments.regression import train as regression
from replication.experiments.teacher_student import train as teacher_student
from replication.training.ensemble.training import Trained
from replication.training.work import Results, Work
from sparcs.metrics import active, blocks_of, bundles_of, r_squared

MEASURES = ["r2", "mse", "gamma_norm", "active_neurons", "diverged_epoch"]

Data = Mapping[str, np.ndarray]


def regression_sweep(data: Data, work: Work) -> Results:
    """Experiment 1 on one data set at one kind and strength of penalty: a row per trial."""
    on_epoch = work.progress(len(work.trials) * work.settings.training.epochs, "epochs")
    trained = regression.train(data, work.seeds, work.settings, work.device, on_epoch)
    measures = regression.measure(trained, data, work.settings.active_threshold)[MEASURES]
    return {"trials": measures.assign(trial=work.trials, seed=work.seeds)}, {}


def teacher_sweep(data: Data, work: Work) -> Results:
    """Experiment 2 at one kind and strength of penalty: a row per trial. No α, β or ‖Γ‖: those are NaN."""
    on_epoch = work.progress(len(work.trials) * work.settings.training.epochs, "epochs")
    trained = teacher_student.train(data, work.seeds, work.settings, work.device, on_epoch)
    rows = [measure(trained, index, data) for index in range(len(work.trials))]
    return {"trials": pd.DataFrame(rows).assign(trial=work.trials, seed=work.seeds, alpha=np.nan, beta=np.nan)}, {}


def measure(trained: Trained, trial: int, data: Data) -> dict[str, float]:
    """Fit of a trained student on the test points and active hidden neurons: |λ| above 1 % of the largest, and live."""
    row = dict.fromkeys(MEASURES, np.nan) | {"diverged_epoch": int(trained.diverged_epoch[trial])}
    if row["diverged_epoch"] < 0:
        phi, lam = blocks_of({name: array[trial] for name, array in trained.parameters.items()})
        output = teacher_student.predict(bundles_of(phi, lam), data["x_test"])
        row["r2"] = r_squared(data["y_test"], output)
        row["mse"] = float(np.square(data["y_test"] - output, dtype=np.float64).mean())
        row["active_neurons"] = float(sum(mask.sum() for mask in active(phi, lam)))
    return row
