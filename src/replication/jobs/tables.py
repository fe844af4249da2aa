"""What jobs have written, gathered into an experiment's tidy tables."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from replication.experiment import Experiment, Stage
from replication.records.io import read_arrays, read_json, read_table, require_unique

Done = Mapping[str, Sequence[str]]  # names of finished jobs, by stage


def stem(folder: Path, stage: Stage, job: str) -> Path:
    """The stem of a job's files. folder: that of the experiment."""
    return folder / stage.name / job


def table_file(folder: Path, stage: Stage, job: str, table: str) -> Path:
    """A table that a job writes."""
    return _with(stem(folder, stage, job), f"_{table}.parquet")


def record_file(folder: Path, stage: Stage, job: str) -> Path:
    """The record of a job: what it was made from, where and when."""
    return _with(stem(folder, stage, job), ".provenance.json")


def parameters_file(folder: Path, stage: Stage, job: str) -> Path:
    """The final parameters of a job's trials."""
    return _with(stem(folder, stage, job), ".safetensors")


def written(folder: Path, stage: Stage, job: str, table: str) -> pd.DataFrame:
    """A table as a job has written it."""
    return read_table(table_file(folder, stage, job, table))


def gather(
    experiment: Experiment, folder: Path, done: Done, settings: Mapping[str, Any], read: Callable = written
) -> dict[str, pd.DataFrame]:
    """The experiment's tables of the given jobs; a table of a stage without jobs is left out.

    settings: its own; read: a job's table, as ``written`` does.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for stage in (stage for stage in experiment.stages if done.get(stage.name)):
        for name in stage.tables:
            parts.setdefault(name, []).extend(read(folder, stage, job, name) for job in done[stage.name])
    tables = {name: joined(tables, experiment.tables[name], folder / name) for name, tables in parts.items()}
    if not experiment.finish:
        return tables
    with_parameters = [
        (read_json(record_file(folder, stage, job))["keys"], partial(read_arrays, parameters_file(folder, stage, job)))
        for stage in experiment.stages
        if stage.parameters
        for job in done.get(stage.name, ())
    ]
    return experiment.load(experiment.finish)(tables, with_parameters, settings)


def records(experiment: Experiment, folder: Path, done: Done) -> list[Path]:
    """The records of the given jobs."""
    return [record_file(folder, stage, job) for stage in experiment.stages for job in done.get(stage.name, ())]


def joined(tables: Sequence[pd.DataFrame], key: Sequence[str], what: Path) -> pd.DataFrame:
    """One table, its rows in the order of what tells them apart: the same whatever jobs there were."""
    full = [table for table in tables if len(table)] or tables[:1]
    table = pd.concat(full, ignore_index=True)
    require_unique(table, key, what)
    return table.sort_values(list(key), kind="stable").reset_index(drop=True)


def _with(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)
