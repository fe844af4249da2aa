"""Experiment 1 with a price on the weights that a neuron opens, instead of Table 3's penalty."""

from collections.abc import Mapping

import numpy as np

from replication.experiments.regression.train import measure, train
from replication.training.work import Results, Work


def run(data: Mapping[str, np.ndarray], work: Work) -> Results:
    """Train and measure the trials of one data set at one strength."""
    settings = work.settings
    on_epoch = work.progress(len(work.trials) * settings.training.epochs, "epochs")
    trained = train(data, work.seeds, settings, work.device, on_epoch)
    table = measure(trained, data, settings.active_threshold)
    return {"priced": table.assign(trial=work.trials, seed=work.seeds)}, {}
