"""Every table of a run, changed by itself: what happens to tables, tried on each of them.

A change is of one table, the others stay, so they no longer fit each other: no report may count on it that they do.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from changed_tables import SETTINGS

Key = Sequence[str]
CHOICES = ("ensemble", "penalty", "method", "head", "task", "experiment", "data_set", "identity", "check", "removal")
COUNTED = ("alpha", "beta", "rho", "depth", "gain", "strength", "layer")  # of which a run may have any subset
TWICE = "a row stands twice"


def measures(table: pd.DataFrame, key: Key) -> list[str]:
    """The columns that a trial which diverged has no value in."""
    return [name for name in table.select_dtypes("float") if name not in (*key, *SETTINGS)]


def lost(table: pd.DataFrame, key: Key, rows: np.ndarray, value: float = np.nan) -> pd.DataFrame:
    """The table with these rows' measures replaced, and the rows marked as diverged."""
    table = table.copy()
    table.loc[rows, measures(table, key)] = value
    for name, state in (("diverged_epoch", 0), ("diverged", True), ("cell", None), ("skips", np.nan)):
        if name in table:
            table[name] = table[name].where(~pd.Series(rows, table.index), state)
    return table


def share(table: pd.DataFrame, part: float) -> np.ndarray:
    """That part of the rows, drawn at random but always the same."""
    return np.random.default_rng(11).random(len(table)) < part


def alone(columns: Key, last: bool) -> Callable[[pd.DataFrame, Key], pd.DataFrame | None]:
    """The rows of the first or last value of the first of these columns with several; None if the table has none."""

    def change(table: pd.DataFrame, key: Key) -> pd.DataFrame | None:
        several = [name for name in columns if name in table and table[name].nunique() > 1]
        values = table[several[0]].dropna().unique() if several else ()
        return table[table[several[0]] == values[-1 if last else 0]] if several else None

    return change


def without(columns: Key) -> Callable[[pd.DataFrame, Key], pd.DataFrame | None]:
    """The rows of all values but the first of the first of these columns with several; None if the table has none."""

    def change(table: pd.DataFrame, key: Key) -> pd.DataFrame | None:
        kept = alone(columns, last=False)(table, key)
        return None if kept is None else table.drop(kept.index)

    return change


def most_diverged(table: pd.DataFrame, key: Key) -> pd.DataFrame:
    """The table of a run of which 60 % of the trials diverged."""
    return lost(table, key, share(table, 0.6))


MUTATIONS: dict[str, Callable[[pd.DataFrame, Key], pd.DataFrame | None]] = {
    "no row": lambda table, key: table.head(0),
    "one row": lambda table, key: table.head(1),
    "two rows": lambda table, key: table.head(2),
    "all diverged": lambda table, key: lost(table, key, share(table, 2)),
    "60 % diverged": most_diverged,
    "30 % infinite": lambda table, key: lost(table, key, share(table, 0.3), np.inf),
    "one head, method, penalty or task": alone(CHOICES, last=False),
    "another one alone": alone(CHOICES, last=True),
    "all but the first": without(CHOICES),
    "one α, β, ρ or depth": alone(COUNTED, last=False),
    "the last one alone": alone(COUNTED, last=True),
    TWICE: lambda table, key: pd.concat([table, table.tail(1)], ignore_index=True) if len(table) else None,
}
