"""Every trial of the run as tables that a page sorts and filters: one file for each table, loaded when it is chosen."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from replication.experiments import EXPERIMENTS
from replication.site.run import Run

ORIGIN = {"scale", "commit", "machine", "device", "finished", "minutes", "fingerprint", "options", "seed"}
COLUMNS = 24  # at most, the first: what tells trials apart, then what was measured
DIGITS = 4


@dataclass(frozen=True)
class Trials:
    """The trials of one table: columns of values, None where there is none, and what all of them have in common."""

    name: str
    title: str
    columns: dict[str, list]
    common: dict[str, str]
    count: int


def trials(run: Run) -> Iterator[Trials]:
    """The tables of trainings that the run has, in the order of the experiments."""
    for experiment in EXPERIMENTS.values():
        for name in experiment.trained:
            table = run.table(f"{experiment.name}/{name}")
            if table is not None and len(table):
                kind = "" if name == "trials" else f": {_words(name)}"
                yield _trials(f"{experiment.name}_{name}", experiment.title + kind, table)


def _trials(name: str, title: str, table: pd.DataFrame) -> Trials:
    measured = table.drop(columns=[column for column in table if column in ORIGIN])
    varies = measured.apply(lambda column: column.nunique(dropna=False) > 1)
    common = measured.loc[:, ~varies].iloc[0].dropna()
    shown = measured.loc[:, varies].iloc[:, :COLUMNS]
    return Trials(
        name,
        title,
        {_words(column): [_short(value) for value in shown[column]] for column in shown},
        {_words(column): str(_short(value)) for column, value in common.items()},
        len(table),
    )


def _words(column: str) -> str:
    return column.replace("_", " ")


def _short(value: object) -> object:
    """A value that JSON has: numbers with a few digits, whole ones whole."""
    if pd.isna(value):
        return None
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if not isinstance(value, (int, float, np.number)):
        return str(value)
    if not np.isfinite(value):
        return None
    return int(value) if float(value).is_integer() and abs(value) < 1e9 else float(f"{value:.{DIGITS}g}")
