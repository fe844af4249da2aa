"""The readings of the paper under which its figures come out, beside the one by which they are judged."""

from collections.abc import Iterator, Mapping

import pandas as pd

from replication.account.image_prose import gain
from replication.judging.statistics import mean_interval
from replication.report.intervals import FEWEST, finished
from replication.report.stand_in import mark
from replication.report.tables import markdown
from replication.report.text import interval, number

Tables = Mapping[str, pd.DataFrame]

COLUMNS = ["the paper shows", "reading", "measured [95 % interval]", "n"]
STUDENTS = {  # ensembles of experiment 2, the judged one first
    "l2": "Table 4: one strength of 0.003 for both layers",
    "graded": "0.003 on the first hidden layer, 0.001 on the second",
    "minus_one": "Table 4, started at λ_4 = −1",
    "l1_weak": "L1 of strength 0.001",
    "authors_notebook": "the authors' notebook: one rotation, strength 0.001, 150 epochs",
    "orthonormal": "L1 of strength 0.0001, and φ kept orthonormal",
    "authors_last": "the authors' last notebook: 2,000 neurons a layer",
}
HEADS = {  # of experiment 3, the judged one first
    "spectral": "equation (4.3), started at λ_3 = 1",
    "spectral_authors_sign": "equation (4.3), started at λ_3 = −1, as the authors' scripts",
    "hidden": "no SPARCS: a plain hidden layer of as many neurons",
}


def readings(tables: Tables) -> str:
    """What the paper shows by each reading that was run, the judged one first."""
    rows = [*_students(tables["teacher_student/trials"]), *_heads(tables["cifar10/trials"])]
    return markdown(pd.DataFrame(rows, columns=COLUMNS)) if rows else "No reading was run."


def _students(trials: pd.DataFrame) -> Iterator[tuple]:
    """Experiment 2: what deleting the weaker hidden layer costs, and the neurons that are left."""
    rows = finished(trials)
    there = [name for name in STUDENTS if len(rows) and name in set(rows["ensemble"])]
    increases = "Figure 9: one hidden layer survives. Loss added by deleting the others, %"
    for name in there:
        added = 100 * rows.loc[rows["ensemble"] == name, "other_layer_loss_increase"].dropna()
        yield increases, STUDENTS[name], f"median {added.median():,.1f}", len(added)
    for what, column in (
        ("Figure 10: about 30 neurons are left. Live neurons", "live_neurons"),
        ("the same, counted by eigenvalues that are kept", "kept_eigenvalues"),
    ):
        for name in there:
            counts = rows.loc[rows["ensemble"] == name, column].dropna()
            mean, *bounds = mean_interval(counts.to_numpy())
            measured = interval(mean, *bounds) if len(counts) >= FEWEST else number(mean)
            yield what, STUDENTS[name], measured, len(counts)


def _heads(trials: pd.DataFrame) -> Iterator[tuple]:
    """Experiment 3: points of test accuracy above the linear head."""
    for head in [head for head in HEADS if head in set(trials.get("head", ()))]:
        what = f"Table 1: 5.7 points above the linear head on CIFAR-10{mark(trials)}"
        n = int(trials.loc[trials["head"] == head, "test_accuracy"].notna().sum())
        yield what, HEADS[head], gain(trials, head), n
