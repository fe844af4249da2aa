"""How claims F are measured: SPARCS as the head of experiment 4."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from replication.judging.heads import GAIN, HIDDEN, LAST, LINEAR, SPARCS, diverged, finished, paired
from replication.judging.statistics import NOT_NEGATIVE, mean_interval
from replication.judging.verdicts import Claim, Each, Measured, Tables

MATCHES = (-1, 1)  # points of accuracy within which a head matches the linear one (F1)


def matches_linear(tables: Tables) -> Iterator[Measured]:
    """F1: test accuracy after the pass, SPARCS minus linear, paired by seed."""
    trials = tables["cifar100/trials"]
    gains = paired(trials, "test_accuracy", SPARCS)
    lost = diverged(trials, LINEAR, SPARCS)
    yield Measured("", GAIN, mean_interval(gains), len(gains), MATCHES, diverged=lost,
                   each=Each(gains, "gain of one seed"))  # fmt: skip


def stays_a_perceptron(tables: Tables) -> Iterator[Measured]:
    """F2: median |λ| of the hidden layer over that of the last layer, in each network."""
    trials = tables["cifar100/trials"]
    ratios = median_ratios(finished(tables["cifar100/eigenvalues"], trials), SPARCS)
    yield Measured("", "median |λ| of the hidden layer over that of the last", mean_interval(ratios, NOT_NEGATIVE),
                   len(ratios), (-np.inf, 0.01), diverged=diverged(trials, SPARCS),
                   each=Each(ratios, "ratio of one seed"))  # fmt: skip


def median_ratios(eigenvalues: pd.DataFrame, head: str) -> np.ndarray:
    """Median |λ| of the hidden layer over that of the last layer, one per network."""
    rows = eigenvalues[eigenvalues["head"] == head].assign(size=eigenvalues["eigenvalue"].abs())
    medians = rows.groupby(["trial", "layer"])["size"].median().unstack().reindex(columns=[HIDDEN, LAST]).dropna()
    return (medians[HIDDEN] / medians[LAST]).to_numpy(np.float64)


CLAIMS = [
    Claim("F1", "on strong features SPARCS matches the linear head", "Table 2", "72.7 against 73.2 % test accuracy",
          "05_cifar100, Table 2, fig_probes", matches_linear, ("cifar100/trials",)),
    Claim("F2", "hidden eigenvalues are orders of magnitude below the last layer's", "Figure 18",
          "shown for one network", "05_cifar100, fig18", stays_a_perceptron,
          ("cifar100/eigenvalues", "cifar100/trials")),
]  # fmt: skip
