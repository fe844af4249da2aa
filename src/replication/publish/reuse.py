"""Published trials in place of a run's jobs, on request: which jobs they stand for, and the files of such a job."""

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import click
import pandas as pd

from replication import params
from replication.experiments.cells.table import SCORES
from replication.experiments.settings import Settings
from replication.publish.jobs import GENERATED, TABLES, Job, data_of, jobs
from replication.records.io import ArtifactError, read_table, write_json, write_table
from replication.records.sources import sources, unchanged_since
from replication.records.verbs import INPUT, PATH, SEED, Json, read_settings

RECORDED = ["commit", "machine", "device", "finished", "minutes", "made_from", "scale"]  # columns of a published trial
TRIALS = {kind: next(iter(ends.values())) for kind, ends in TABLES.items()}
del TRIALS["regression"]  # whose tables are made from parameters, which are not published

Where = Mapping[str, Sequence]  # columns of a table, and the values of the rows that are meant


def reusable(run: Settings, published: Path) -> list[Job]:
    """The jobs of a run whose trials are all published, from the same settings and with sources as they are now.

    Trials on images must be of real ones. Those of a checkout with changes, or whose commit Git does not know here,
    are trained again. Raises ArtifactError if nothing is published.
    """
    if not (published / "settings.json").exists():
        raise ArtifactError(f"{published}: nothing is published there, so reuse=published has nothing to take")
    before = params.validate(Settings, read_settings(published / "settings.json")["run"])
    if before.root_seed != run.root_seed:
        return []
    known = {job.alike(): job.settings for job in jobs(before)}
    tables = {kind: published / f"{table}.parquet" for kind, table in TRIALS.items()}
    trials = {kind: read_table(path) for kind, path in tables.items() if path.exists()}
    return [
        job
        for job in jobs(run)
        if job.kind in trials
        and known.get(job.alike()) == job.settings
        and (job.kind not in GENERATED or data_of(before.model_dump()) == data_of(run.model_dump()))
        and all((published / table).exists() for table in job.files().values())
        and _holds(job, rows_of(trials[job.kind], job.where))
    ]


def _holds(job: Job, rows: pd.DataFrame) -> bool:
    """Whether these are all of the job's trials, of one commit, since which no source of theirs has changed."""
    complete = len(rows) > 0 if job.kind == "tuning" else len(rows) == prod(map(len, job.where.values()))
    if not complete or rows["commit"].nunique() != 1:
        return False
    real = not rows["stand_in"].any() if "stand_in" in rows else True
    return real and unchanged_since(rows["commit"].iloc[0], sources(*job.modules))


def rows_of(table: pd.DataFrame, where: Where) -> pd.DataFrame:
    """The rows with one of the values in every column that the table has."""
    for name, values in where.items():
        if name in table:
            table = table[table[name].isin(list(values))]
    return table


@click.command()
@click.option("--kind", type=click.Choice(list(TRIALS)), required=True)
@click.option("--where", type=Json(dict[str, list]), required=True, help="columns and values of the trials")
@click.option("--settings", type=Json(dict[str, Any]), required=True, help="what they were made from")
@click.option("--root-seed", type=SEED, required=True)
@click.option("--published", type=INPUT, required=True, help="results/published")
@click.option("--output", type=PATH, required=True, help="stem of the job's files")
def take_published(kind: str, where: Where, settings: dict, root_seed: int, published: Path, output: Path) -> None:
    """Write a job's files from published trials, with the record of where and when they were trained."""
    trials = rows_of(read_table(published / f"{TRIALS[kind]}.parquet"), where)
    if trials.empty:
        raise ArtifactError(f"{published}/{TRIALS[kind]}.parquet has no trial of {dict(where)}")
    for end, table in TABLES[kind].items():
        rows = rows_of(read_table(published / f"{table}.parquet"), where).reset_index(drop=True)
        plain = rows.drop(columns=[name for name in (*RECORDED, *SCORES.values()) if name in rows])
        if "device" in rows and end == "_costs":
            plain = plain.assign(device=rows["device"])
        write_table(output.with_name(f"{output.name}{end}.parquet"), plain)
    trial = trials.iloc[0]
    record = {name: trial[name] for name in ("commit", "machine", "device", "made_from")}
    record |= {"finished": trials["finished"].max(), "seconds": 60 * float(trials["minutes"].sum())}
    record |= {"trials": len(trials), "settings": settings, "root_seed": root_seed, "data": "published", "inputs": {}}
    write_json(output.with_name(f"{output.name}.provenance.json"), record)
