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
from replication.records import git
from replication.records.io import ArtifactError, read_table, write_json, write_table
from replication.records.sources import knows, names_commit, sources, unchanged_since
from replication.records.verbs import INPUT, PATH, SEED, Json, read_settings

RECORDED = ["commit", "machine", "device", "finished", "minutes", "made_from", "scale"]  # columns of a published trial
TRIALS = {kind: next(iter(ends.values())) for kind, ends in TABLES.items()}
del TRIALS["regression"]  # whose tables are made from parameters, which are not published

Where = Mapping[str, Sequence]  # columns of a table, and the values of the rows that are meant


def reusable(run: Settings, published: Path) -> tuple[list[Job], str]:
    """The jobs of a run whose trials are all published, from the same settings and with sources as they are now.

    Trials on images must be of real ones. Those of a checkout with changes are trained again. So are those whose commit
    Git does not know here: the second value is a sentence on these, empty if there are none. Raises ArtifactError if
    nothing is published.
    """
    if not (published / "settings.json").exists():
        raise ArtifactError(f"{published}: nothing is published there, so reuse=published has nothing to take")
    before = params.validate(Settings, read_settings(published / "settings.json")["run"])
    if before.root_seed != run.root_seed:
        return [], ""
    known = {job.alike(): job.settings for job in jobs(before)}
    tables = {kind: published / f"{table}.parquet" for kind, table in TRIALS.items()}
    trials = {kind: read_table(path) for kind, path in tables.items() if path.exists()}
    wanted = list(jobs(run))
    offered = [
        (job, commit)
        for job in wanted
        if job.kind in trials
        and known.get(job.alike()) == job.settings
        and (job.kind not in GENERATED or data_of(before.model_dump()) == data_of(run.model_dump()))
        and all((published / table).exists() for table in job.files().values())
        and names_commit(commit := _commit(job, rows_of(trials[job.kind], job.where)))
    ]
    taken = [job for job, commit in offered if unchanged_since(commit, sources(*job.modules))]
    return taken, _untold(sum(not knows(commit) for _, commit in offered), len(wanted))


def _untold(jobs: int, of: int) -> str:
    if not jobs:
        return ""
    lacking = "this clone's history lacks the commits that made them (a shallow one gets them by git fetch --unshallow)"
    none = "there is no Git here to tell what has changed since the commits that made them"
    why = none if git.ask("rev-parse", "HEAD") is None else lacking
    return f"reuse=published does not take {jobs} of {of} jobs: {why}"


def _commit(job: Job, rows: pd.DataFrame) -> str:
    """The commit that made all the job's trials; nothing if some are missing, of another one or of no real images."""
    complete = len(rows) > 0 if job.kind == "tuning" else len(rows) == prod(map(len, job.where.values()))
    real = not rows["stand_in"].any() if "stand_in" in rows else True
    return rows["commit"].iloc[0] if complete and real and rows["commit"].nunique() == 1 else ""


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
