"""Experiment 1 from λ_3 = 1 and from λ_3 = −1: what opens, and on which side of zero."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from replication.experiments.regression.train import Parameters, measure, train
from replication.training.work import Results, Work


def run(data: Mapping[str, np.ndarray], work: Work) -> Results:
    """Train and measure the trials of one data set from one start."""
    settings = work.settings
    on_epoch = work.progress(len(work.trials) * settings.training.epochs, "epochs")
    trained = train(data, work.seeds, settings, work.device, on_epoch, settings.output_eigenvalue)
    measures = measure(trained, data, settings.active_threshold)
    finished = measures["diverged_epoch"] < 0
    table = pd.concat([measures, ends(trained.parameters).where(finished)], axis=1)
    return {"starts": table.assign(trial=work.trials, seed=work.seeds)}, {}


def ends(parameters: Parameters) -> pd.DataFrame:
    """λ_1 of both inputs and of the bias neuron, the least and the largest λ_2, and λ_3: one row per trial."""
    inputs, hidden, output = (parameters[f"eigenvalues.{k}"].astype(np.float64) for k in range(3))  # (trials, N_k)
    columns = {f"input_eigenvalue_{k + 1}": inputs[:, k] for k in range(inputs.shape[1])}
    columns |= {"least_hidden_eigenvalue": hidden.min(axis=1), "largest_hidden_eigenvalue": hidden.max(axis=1)}
    return pd.DataFrame(columns | {"trained_output_eigenvalue": output[:, 0]})
