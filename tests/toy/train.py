"""The mean target of a resampled data set."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from replication.training.seeds import generator
from replication.training.work import Results, Work


def run(data: Mapping[str, np.ndarray], work: Work) -> Results:
    """A row per trial: the mean of ``points`` targets, drawn with replacement."""
    done = work.progress(len(work.trials), "trials")
    rows = []
    for trial, seed in zip(work.trials, work.seeds, strict=True):
        drawn = generator(seed, "search").choice(data["y_train"], work.settings.points)
        rows.append({"trial": trial, "seed": seed, "mean": float(drawn.mean(dtype=np.float64))})
        done(1)
    return {"trials": pd.DataFrame(rows)}, {}
