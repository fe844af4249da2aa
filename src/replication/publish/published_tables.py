"""The published tables: the columns that tell their rows apart, and how they are read back."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from pandas.api.types import is_numeric_dtype

from replication.records.io import ArtifactError, read_table

WHOLE = (  # tables that are not gathered from trials
    "theory/*.parquet",
    "theory/*.json",
    "teacher_student/linear.parquet",
    "depth/start.parquet",
    "cells/reference.parquet",
)
TRIAL = {
    "regression": ["beta", "alpha", "trial"],
    "teacher_student": ["ensemble", "teacher", "trial"],
    "hyperparameters": ["experiment", "penalty", "rho", "alpha", "trial"],
    "depth": ["data_set", "depth", "gain", "trial"],
    "baselines": ["task", "method", "trial", "strength"],
    "cifar10": ["head", "trial"],
    "cifar10_sweep": ["head", "penalty", "rho", "trial"],
    "cifar100": ["head", "trial"],
    "cells": ["method", "trial"],
}
UNIT = {  # of the other tables; one without some of these columns, of all trials that are alike in the others
    "regression": ["beta", "alpha"],
    "teacher_student": ["ensemble", "teacher", "trial"],
    "depth": ["data_set", "depth", "gain", "trial"],
    "baselines": ["task", "method", "trial", "strength"],
    "cifar10": ["head", "trial"],
    "cifar100": ["head", "trial"],
    "cells": ["method", "trial"],
}
ALIKE = {  # trials that must be made from the same settings and data to stand in one table
    "regression": [],
    "teacher_student": ["ensemble"],
    "hyperparameters": ["experiment", "penalty", "rho"],
    "depth": ["data_set"],
    "baselines": ["task", "method"],
    "cifar10": [],
    "cifar10_sweep": ["head", "penalty", "rho"],
    "cifar100": [],
    "cells": [],
}
OTHERS = {
    "regression": ["data_sets", "paths", "skips", "eigenvalues", "surface"],
    "teacher_student": ["eigenvalues", "pruning"],
    "hyperparameters": [],
    "depth": ["layers"],
    "baselines": ["costs", "history"],
    "cifar10": ["epochs", "eigenvalues", "costs"],
    "cifar10_sweep": [],
    "cifar100": ["eigenvalues", "losses", "costs"],
    "cells": ["history", "costs"],
}
KEYS = {f"{experiment}/trials": keys for experiment, keys in TRIAL.items()} | {
    "cifar100/probes": ["head", "trial"],
    "baselines/tuning": ["task", "method", "value", "tuning_trial"],
}
DATA = ["stand_in", "backbone", "substitute_backbone", "input_size", "training_points", "test_points"]  # of images
Table = pd.DataFrame | None


def read_published(published: Path, name: str, columns: Iterable[str] = (), like: Table = None) -> Table:
    """A published table by experiment and name, with ``require_columns``; None if there is none."""
    path = published / f"{name}.parquet"
    if not path.exists():
        return None
    table = read_table(path)
    require_columns(path, table, columns, like)
    return table


def require_columns(path: Path, table: pd.DataFrame, columns: Iterable[str], like: Table = None) -> None:
    """Raise ArtifactError unless a table has these columns, of numbers where those of ``like`` are of numbers."""
    for column in columns:
        if column not in table:
            raise ArtifactError(f"{path} has no column {column}: allowed is a table that publish has written")
        if like is not None and is_numeric_dtype(table[column]) != is_numeric_dtype(like[column]):
            kind = "numbers" if is_numeric_dtype(like[column]) else "text"
            raise ArtifactError(f"{path} has {table[column].dtype} in the column {column}: allowed is {kind}")
