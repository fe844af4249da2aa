"""The comparison of an image classifier's heads, paired by trial.

Everything is judged with equation 4.3. The remark says what the authors' sign of W_31 gives.
"""

import numpy as np
import pandas as pd

from replication.judging.divergence import Divergence, divergence
from replication.judging.statistics import ANY, Range, mean_interval

LINEAR, SPARCS, OTHER_SIGN = "linear", "spectral", "spectral_authors_sign"
HIDDEN, LAST = 2, 3  # layers of the head
GAIN = "test accuracy, SPARCS minus linear, points"


def paired(rows: pd.DataFrame, column: str, head: str) -> np.ndarray:
    """A head's value minus the linear head's, one per trial that has both; they share the trial's seed."""
    columns = rows[rows["head"].isin([LINEAR, head])].pivot(index="trial", columns="head", values=column)
    columns = columns.reindex(columns=[LINEAR, head]).dropna()
    return (columns[head] - columns[LINEAR]).to_numpy(np.float64)


def finished(rows: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """The rows, of networks that head and trial name, without those of trainings that diverged."""
    return rows.merge(trials.loc[trials["test_accuracy"].notna(), ["head", "trial"]])


def diverged(trials: pd.DataFrame, *heads: str) -> Divergence:
    """The trainings of these heads, and those that diverged: none of their pairs is counted."""
    return divergence(trials[trials["head"].isin(heads)], "test_accuracy", ["head"])


def mean_text(values: np.ndarray, within: Range = ANY) -> str:
    """A mean with its interval and n, for a remark; within: the range of the quantity."""
    if len(values) == 0:
        return "no finished trial"
    mean, low, high = mean_interval(values, within)
    bounds = f" [{low:.3g}, {high:.3g}]" if len(values) >= 3 else ""
    return f"{mean:.3g}{bounds}, n = {len(values)}".replace("-", "−")
