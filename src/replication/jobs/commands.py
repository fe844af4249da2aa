"""The verbs that carry out a job of any experiment and gather an experiment's tables."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import click
import pandas as pd
from pydantic import Field

from replication import params
from replication.experiment import Data, Experiment, Job, Stage
from replication.experiments import EXPERIMENTS
from replication.jobs import tables
from replication.jobs.carry_out import carry_out, diverged, is_stand_in, progress_bars, read_before, read_data, seeds_of
from replication.jobs.checkpoints import FileCheckpoint
from replication.jobs.core_time import CoreTime
from replication.params.fields import CountOrZero, Model, Real, Seed
from replication.records import provenance
from replication.records.io import ArtifactError, read_json, sha256, write_arrays, write_json, write_table
from replication.records.verbs import INPUT, LONGEST_NAME, PATH, Json, device_option
from replication.training.work import WorkError

PART = r"[A-Za-z0-9][A-Za-z0-9_.+-]*"  # of a job's name: a file or folder
JobName = Annotated[str, Field(pattern=rf"^{PART}(/{PART})*$", max_length=LONGEST_NAME)]


class JobText(Model):
    """A job as a rule hands it to the verb."""

    name: JobName
    settings: dict[str, Any]
    keys: dict[str, str | int | Real | list[str] | None]
    trials: list[params.Trial]
    files: list[str] = Field(description="its data, below data/<scale>")
    data_set: str
    seeds: str
    after: list[str] = Field(description="tables of other jobs, below results/<scale>")
    every: CountOrZero
    root_seed: Seed
    fingerprint: str


class StageName(click.ParamType):
    """An experiment and one of its stages, "regression.trials"."""

    name = "stage"

    def convert(self, value, param, ctx):
        """Both objects."""
        if isinstance(value, tuple):
            return value
        known = {f"{name}.{stage.name}": (each, stage) for name, each in EXPERIMENTS.items() for stage in each.stages}
        if value not in known:
            self.fail(f"{params.shown(value)}: allowed are {', '.join(known)}", param, ctx)
        return known[value]


def as_text(experiment: Experiment, stage: Stage, job: Job, root_seed: int, fingerprint: str) -> str:
    """A job as JSON text, for ``train``. Settings keep their order: tables say what a method's options were."""
    fields = {
        "name": job.name,
        "settings": job.settings,
        "keys": job.keys,
        "trials": job.trials,
        "files": job.files,
        "data_set": job.data.name if job.data else "",
        "seeds": job.seeds,
        "after": experiment.tables_before(job),
        "every": job.every,
        "root_seed": root_seed,
        "fingerprint": fingerprint,
    }
    return json.dumps(fields, ensure_ascii=False)


def job_of(text: JobText, experiment: Experiment, stage: Stage) -> Job:
    """The job of a text, whose trials, settings and data are allowed. Raises ParameterError for others."""
    settings = text.settings
    for file in text.files:
        if Path(file).parts[:-1] not in {(name,) for name in experiment.data}:
            allowed = ", ".join(experiment.data) or "none"
            raise params.ParameterError(f"files: {params.shown(file)}: allowed are those of data/<scale>, {allowed}")
    if "trial" in next(iter(stage.tables.values())) and not text.trials:
        raise params.ParameterError("trials: allowed is at least one")
    if stage.settings:
        settings = params.validate(stage.settings, settings).model_dump(mode="json")
    return Job(
        name=text.name,
        settings=settings,
        keys={name: tuple(value) if isinstance(value, list) else value for name, value in text.keys.items()},
        trials=tuple(text.trials),
        data=Data(text.data_set, tuple(text.files)) if text.files else None,
        seeds=text.seeds,
        every=text.every,
    )


@click.command()
@click.argument("stage", type=StageName())
@click.option("--job", "text", type=Json(JobText), required=True, help="what the workflow says of the job, as JSON")
@click.option("--data", type=PATH, required=True, help="data/<scale>; not every job needs any")
@click.option("--results", type=PATH, required=True, help="results/<scale>: the job's files go there")
@device_option
def train(stage: tuple[Experiment, Stage], text: JobText, data: Path, results: Path, device: str) -> None:
    """Carry out one job of a STAGE: train its trials, measure them, and write tables, parameters and record."""
    experiment, of_kind = stage
    job, folder, clock = job_of(text, experiment, of_kind), results / experiment.name, CoreTime()
    loaded = read_data(text.files, data, job.settings.get("widths", [0])[0])
    inputs = {file: sha256(data / file) for file in text.files}
    identity = [text.fingerprint, job.keys, seeds_of(experiment, of_kind, job, text.root_seed), device, inputs]
    name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    path = tables.stem(folder, of_kind, job.name)
    checkpoint = FileCheckpoint(path.with_name(f"{path.name}.checkpoint.safetensors"), name, job.every, clock)
    with progress_bars(f"{experiment.name} {job.name}") as progress:
        before = read_before(text.after, results)
        try:
            made, parameters = carry_out(
                experiment, of_kind, job, text.root_seed, loaded, device, before, progress, checkpoint
            )
        except WorkError as error:  # whatever else it raises is a bug, and keeps its traceback
            raise params.ParameterError(str(error)) from error
    for sentence in diverged(next(iter(made.values()))):
        click.echo(sentence, err=True)
    if of_kind.parameters:
        write_arrays(tables.parameters_file(folder, of_kind, job.name), parameters)
    for table, rows in made.items():
        write_table(tables.table_file(folder, of_kind, job.name, table), rows)
    record = provenance.of_job(clock.spent(), device, job.trainings)
    record |= made_from(text, job, inputs, is_stand_in(loaded))
    write_json(tables.record_file(folder, of_kind, job.name), record)
    checkpoint.path.unlink(missing_ok=True)


def made_from(text: JobText, job: Job, inputs: dict[str, str], stand_in: bool) -> dict[str, Any]:
    """What a job was made from, for its record. inputs: SHA-256 of its data; stand_in: whether those are stand-ins."""
    return {
        "fingerprint": text.fingerprint,
        "settings": job.settings,
        "keys": job.keys,
        "root_seed": text.root_seed,
        "inputs": inputs,
        "stand_in": stand_in,
    }


Names = Annotated[dict[str, list[str]], Field(min_length=1)]


@click.command()
@click.argument("experiment", type=click.Choice(list(EXPERIMENTS)))
@click.option("--jobs", type=Json(Names), required=True, help="names of the jobs by stage, as JSON")
@click.option("--results", type=INPUT, required=True, help="results/<scale>")
@click.option("--settings", type=Json(dict[str, Any]), default="{}", help="the experiment's own")
def tabulate(experiment: str, jobs: Names, results: Path, settings: dict) -> None:
    """Gather the tables of an EXPERIMENT's jobs into tidy ones, and their records into one.

    A table that these jobs do not make, of a run that had others, is taken away: a report would show it.
    """
    folder, of = results / experiment, EXPERIMENTS[experiment]
    records = [record_of(path) for path in tables.records(of, folder, jobs)]
    rows = pd.DataFrame(records).assign(scale=results.name)
    gathered = tables.gather(of, folder, jobs, settings)
    origin = provenance.summary(rows.assign(minutes=rows["seconds"] / 60))
    for name, table in gathered.items():
        write_table(folder / f"{name}.parquet", table)
    for name in of.tables.keys() - gathered.keys():
        (folder / f"{name}.parquet").unlink(missing_ok=True)
    write_json(folder / "provenance.json", origin)


def record_of(path: Path) -> dict[str, Any]:
    """A job's record. Raises ArtifactError if the file is something else."""
    record = read_json(path)
    for name in ("commit", "machine", "device", "finished", "seconds", "trials", "fingerprint"):
        if name not in record:
            raise ArtifactError(f"{path} is not a record of a job: {name} is missing")
    return record
