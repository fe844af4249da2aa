"""Small, named changes to the tables of a run: more trials, other images, diverged trials, few rows or none."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from replication.records.io import write_table

Tables = dict[str, pd.DataFrame]
Rows = Callable[[pd.DataFrame], pd.Series]

OF_EXPERIMENT = {
    "regression": ["trials", "starts"],
    "teacher_student": ["trials", "eigenvalues", "pruning", "map"],
    "depth": ["trials", "without_penalty"],
    "cifar10": ["trials", "epochs", "eigenvalues", "costs", "sweep"],
    "cifar100": ["trials", "probes", "costs"],
    "hyperparameters": ["trials"],
    "baselines": ["trials", "tuning"],
    "cells": ["trials", "costs", "without_none"],
}
EMPTY = {f"{name}/{table}": pd.DataFrame() for name, tables in OF_EXPERIMENT.items() for table in tables}
SETTINGS = (
    "alpha",
    "beta",
    "rho",
    "rho_2",
    "rho_3",
    "strength",
    "gain",
)  # columns of numbers that a diverged trial has all the same
COUNTS = ["surviving_layer", "kept_eigenvalues", "live_neurons", "kept_neurons_weight_space"]
NETWORK = ["ensemble", "teacher", "data_set", "depth", "gain", "head", "trial"]  # what tells one network from another
SCORES = ("cifar10_accuracy", "cifar100_accuracy", "imagenet16_120_accuracy")
TRIALS = ("trials", "probes", "sweep", "map", "fine_tuning")
WITHOUT = (
    "teacher_student/eigenvalues",
    "teacher_student/pruning",
    "depth/layers",
    "depth/priced_layers",
)  # have no row of such a trial
OF_NAN = ("paths", "skips", "surface", "eigenvalues", "epochs", "data_sets")  # have rows without a value
OF_MODEL_0 = [f"regression/{name}" for name in ("paths", "skips", "surface", "eigenvalues")]
EXACT = ("theory/", "cells/reference", "depth/start", "teacher_student/linear")  # of no trial


def read(folder: Path) -> Tables:
    """Every table of a folder by its name, "experiment/table"."""
    return {f"{path.parent.name}/{path.stem}": pd.read_parquet(path) for path in sorted(folder.glob("*/*.parquet"))}


def write(folder: Path, tables: Tables, of: Path) -> Path:
    """Write tables, with the records, settings and verdicts of the run in another folder."""
    for path in [*of.glob("*/provenance.json"), *of.glob("*/claims.csv"), *of.glob("*.*")]:
        (folder / path.relative_to(of)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / path.relative_to(of))
    for name, table in tables.items():
        write_table(folder / f"{name}.parquet", table)
    return folder


def repeated(tables: Tables, trials: int) -> Tables:
    """The tables with so many trials of each kind: copies of the run's, their measures some percent smaller."""
    random = np.random.default_rng(7)
    return {
        name: _repeated(table, trials, random) if "trial" in table and name not in OF_MODEL_0 else table
        for name, table in tables.items()
    }


def _repeated(table: pd.DataFrame, trials: int, random: np.random.Generator) -> pd.DataFrame:
    if "task" in table:  # those on new teachers have numbers of their own
        table = table.assign(trial=table["trial"] - table.groupby("task")["trial"].transform("min"))
    count = int(table["trial"].max()) + 1
    copies = [table.assign(trial=table["trial"] + k * count) for k in range(-(-trials // count))]
    joined = pd.concat(copies, ignore_index=True)
    measures = [name for name in joined.select_dtypes("float") if name not in (*SETTINGS, "x1", "x2")]
    joined[measures] *= 1 - 0.05 * random.random((len(joined), len(measures)))
    return joined[joined["trial"] < trials].reset_index(drop=True)


def of_images(tables: Tables) -> Tables:
    """The tables as if trained on the data sets themselves, no stand-in, and NAS-Bench-201's table were there."""
    tables = {name: table.assign(stand_in=False) if "stand_in" in table else table for name, table in tables.items()}
    found, known = dict.fromkeys(SCORES, 80.0), {"best": 94.4, "mean": 87.1, "all_skip": 54.3}
    for name, values in (("cells/trials", found), ("cells/without_none", found), ("cells/reference", known)):
        tables[name] = tables[name].assign(**values)
    tables["cifar10/trials"] = tables["cifar10/trials"].assign(approximate_images=42)
    return tables


def diverged(tables: Tables, rows: Rows, value: float = np.nan) -> Tables:
    """The tables of runs in which the trials in these rows diverged, as the training jobs and tables leave them.

    value: of the measures that they do not have.
    """
    return {name: _diverged(name, table, tables, rows, value) for name, table in tables.items()}


def first_of(*columns: str) -> Rows:
    """The rows that share the first value of the first of these columns that a table has."""
    return lambda table: next((table[name] == table[name].iloc[0] for name in columns if name in table), no_row(table))


def every_row(table: pd.DataFrame) -> pd.Series:
    return pd.Series(True, index=table.index)


def no_row(table: pd.DataFrame) -> pd.Series:
    return ~every_row(table)


def rows(tables: Tables, count: int) -> Tables:
    """The first rows of each table that is of trials."""
    return {name: table if name.startswith(EXACT) else table.head(count) for name, table in tables.items()}


def one_trial(tables: Tables) -> Tables:
    """The rows of trial 0 of everything."""
    return {name: table[table["trial"] == 0] if "trial" in table else table for name, table in tables.items()}


def only(tables: Tables, experiment: str, **values: list) -> Tables:
    """The rows of an experiment that have one of these values in these columns, in its tables that have the column."""
    for column, allowed in values.items():
        tables = {
            name: table[table[column].isin(allowed)] if name.startswith(f"{experiment}/") and column in table else table
            for name, table in tables.items()
        }
    return tables


def _diverged(name: str, table: pd.DataFrame, tables: Tables, rows: Rows, value: float) -> pd.DataFrame:
    experiment, kind = name.split("/")
    if kind in TRIALS and experiment != "cells":
        return _without_measures(table, rows(table), value)
    if name not in WITHOUT and kind not in OF_NAN:
        return table
    trials = tables[f"{experiment}/trials"]
    lost = trials[rows(trials)]
    keys = [key for key in NETWORK if key in trials and key in table] or ["alpha", "beta"]
    keys += [key for key in ("alpha", "beta") if experiment == "regression" and key not in keys]
    hit = pd.MultiIndex.from_frame(table[keys]).isin(pd.MultiIndex.from_frame(lost[keys]))
    if name in WITHOUT:
        return table[~hit]
    return _without_measures(table, hit, value)


def _without_measures(table: pd.DataFrame, rows: pd.Series, value: float) -> pd.DataFrame:
    table = table.astype({name: float for name in COUNTS if name in table})
    measures = [name for name in table.select_dtypes("float") if name not in SETTINGS and name not in ("x1", "x2")]
    table.loc[rows, measures] = value
    for name, state in (("diverged_epoch", 0), ("diverged", True)):
        if name in table:
            table.loc[rows, name] = state
    return table
