"""The finished jobs of a scale, and their tables, each trial with the record of its job."""

import hashlib
import json
from pathlib import Path

import pandas as pd

from replication.experiments.baselines import commands as baselines
from replication.experiments.cells import commands as cells
from replication.experiments.cifar10 import commands as cifar10
from replication.experiments.cifar100 import commands as cifar100
from replication.experiments.depth import commands as depth
from replication.experiments.regression import commands as regression
from replication.experiments.settings import Settings
from replication.experiments.teacher_student import commands as teacher_student
from replication.publish.jobs import Job, jobs
from replication.publish.published_tables import OTHERS, TRIAL
from replication.records.io import ArtifactError, read_json, read_table

ORIGIN = ["commit", "machine", "finished"]  # columns of what a device took


def finished(kind: str, run: Settings, results: Path) -> dict[str, pd.DataFrame]:
    """The tables of the finished jobs of one kind, with their records on the trials; none if no job is finished."""
    done = finished_jobs(kind, run, results)
    if not done:
        return {}
    tables = GATHERERS[kind](run, results / kind, [job.key for job in done])
    records = pd.concat(_records(job, results) for job in done)
    recorded = {"trials": tables["trials"].merge(records, on=TRIAL[kind], validate="1:1")}
    if "costs" in tables:  # they are kept when trials are trained again elsewhere, so they say themselves where
        # those of another device than the trial's came with a published trial, and are published already
        keys = [*TRIAL[kind], *(["device"] if "device" in tables["costs"] else [])]
        recorded["costs"] = tables["costs"].merge(records[[*keys, *ORIGIN]], on=keys, validate="1:1")
    return tables | recorded


def _regression(run: Settings, folder: Path, done: list[tuple]) -> dict[str, pd.DataFrame]:
    chunks: dict[str, list[Path]] = {}
    for name, chunk in done:
        chunks.setdefault(name, []).append(folder / "trials" / name / chunk)
    return regression.gather(run.regression, folder / "trials", chunks)


def _hyperparameters(run: Settings, folder: Path, done: list[tuple]) -> dict[str, pd.DataFrame]:
    return {"trials": pd.concat([read_table(folder / "sweeps" / f"{name}.parquet") for (name,) in done])}


def with_minutes(tuning: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The tuning trials with the records of their jobs; the values that a job tried share its minutes."""
    return pd.concat(
        of_method.assign(**columns_of(folder / task / f"{method}.provenance.json", len(of_method)))
        for (task, method), of_method in tuning.groupby(["task", "method"], sort=False)
    )


def _cells(run: Settings, folder: Path, done: list[tuple]) -> dict[str, pd.DataFrame]:
    tables = cells.gather(folder / "trials", done, Path(run.cells.table) if run.cells.table else None)
    return {name: tables[name] for name in ("trials", *OTHERS["cells"])}


GATHERERS = {  # tables of the given jobs, by their keys
    "regression": _regression,
    "teacher_student": lambda run, folder, done: teacher_student.gather(run.teacher_student, folder / "trials", done),
    "hyperparameters": _hyperparameters,
    "depth": lambda run, folder, done: depth.gather(run.depth, folder / "trials", done),
    "baselines": lambda run, folder, done: baselines.gather(run.baselines, folder / "trials", done),
    "cifar10": lambda run, folder, done: cifar10.gather(folder / "trials", done),
    "cifar10_sweep": lambda run, folder, done: {"trials": cifar10.gather_sweep(folder / "trials", done)},
    "cifar100": lambda run, folder, done: cifar100.gather(folder / "trials", done),
    "cells": _cells,
}


def finished_jobs(kind: str, run: Settings, results: Path) -> list[Job]:
    """The jobs of one kind that are finished, made with the run's settings."""
    return [job for job in jobs(run) if job.kind == kind and made_with(job, results, run)]


def made_with(job: Job, results: Path, run: Settings) -> bool:
    """Whether a job is finished and was made with its settings and the run's root seed."""
    if not (results / job.record).exists():
        return False
    record = read_json(results / job.record)
    return (record.get("settings"), record.get("root_seed")) == (json.loads(job.settings), run.root_seed)


def fingerprint(record: dict) -> str:
    """Twelve hexadecimal digits that change with the settings, the root seed or the data that a job was made from."""
    text = json.dumps([record["settings"], record["root_seed"], record["data"]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _records(job: Job, results: Path) -> pd.DataFrame:
    """A job's record on each of its trials."""
    table = read_table(results / next(iter(job.files())))
    table = table.assign(**{name: values[0] for name, values in job.where.items() if name not in table})
    return table[TRIAL[job.kind]].assign(**columns_of(results / job.record))


def columns_of(path: Path, rows: int | None = None) -> dict[str, object]:
    """A job's record as columns of its rows, one for each trial if nothing else is said."""
    record = read_json(path)
    try:
        minutes = record["seconds"] / 60 / (rows or record["trials"])
        where = {name: record[name] for name in ("commit", "machine", "device", "finished")}
        return where | {"minutes": minutes, "made_from": record.get("made_from") or fingerprint(record)}
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is not a record of a training job: {error} is missing") from None
