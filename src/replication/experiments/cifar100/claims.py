"""How claims F are measured: SPARCS as the head of experiment 4."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from replication.judging.heads import GAIN, HIDDEN, LAST, SPARCS, left_out, paired
from replication.judging.statistics import mean_interval
from replication.judging.verdicts import Claim, Measured, Tables


def matches_linear(tables: Tables) -> Iterator[Measured]:
    """F1: test accuracy after the pass, SPARCS minus linear, paired by seed."""
    trials = tables["cifar100/trials"]
    gains = paired(trials, "test_accuracy", SPARCS)
    reason = left_out(trials).removeprefix("; ")
    yield Measured("", GAIN, mean_interval(gains), len(gains), (-1, 1), reason)


def stays_a_perceptron(tables: Tables) -> Iterator[Measured]:
    """F2: median |λ| of the hidden layer over that of the last layer, in each network."""
    ratios = median_ratios(tables["cifar100/eigenvalues"], SPARCS)
    yield Measured(
        "", "median |λ| of the hidden layer over that of the last", mean_interval(ratios), len(ratios), (-np.inf, 0.01)
    )


def median_ratios(eigenvalues: pd.DataFrame, head: str) -> np.ndarray:
    """Median |λ| of the hidden layer over that of the last layer, one per network."""
    rows = eigenvalues[eigenvalues["head"] == head].assign(size=eigenvalues["eigenvalue"].abs())
    medians = rows.groupby(["trial", "layer"])["size"].median().unstack().reindex(columns=[HIDDEN, LAST]).dropna()
    return (medians[HIDDEN] / medians[LAST]).to_numpy(np.float64)


CLAIMS = [
    Claim("F1", "on strong features SPARCS matches the linear head", "Table 2", "72.7 against 73.2 % test accuracy",
          "05_cifar100, Table 2", matches_linear, ("cifar100/trials",)),
    Claim("F2", "hidden eigenvalues are orders of magnitude below the last layer's", "Figure 18",
          "shown for one network", "05_cifar100, Figure 18", stays_a_perceptron, ("cifar100/eigenvalues",)),
]  # fmt: skip
