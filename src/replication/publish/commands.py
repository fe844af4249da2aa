"""The verbs that copy what is finished at a scale to where Git tracks it, and from there in place of training."""

from functools import partial
from pathlib import Path
from typing import Any

import click
import pandas as pd

from replication import params
from replication.account.core_minutes import merged_core_minutes
from replication.experiment import Experiment, Stage
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import Settings
from replication.jobs.commands import JobText, StageName, job_of, made_from, record_of
from replication.jobs.tables import gather, record_file, table_file, written
from replication.publish.rows import PENDING, RANK, RECORDED, STAND_IN, Tables, merged, places, standing
from replication.records import provenance
from replication.records.fingerprints import jobs_of
from replication.records.io import ArtifactError, write_csv, write_json, write_table
from replication.records.verbs import INPUT, PATH, Json, read_settings
from replication.report.text import counted


@click.command()
@click.option("--results", type=INPUT, required=True, help="results/<scale>")
@click.option("--lock", type=INPUT, required=True, help="requirements.lock")
@click.option("--published", type=PATH, required=True, help="output folder")
@click.option("--replace", is_flag=True, help="also where published rows would be lost")
def publish(results: Path, lock: Path, published: Path, replace: bool) -> None:
    """Copy the rows of finished jobs, each with scale, commit, machine, minutes and fingerprint, and their settings.

    Rows of another fingerprint than those published replace them only as a complete ensemble of no smaller scale and of
    real images. Until then they wait in ``pending``. Nothing is written if anything fails; one that is stopped while it
    writes is done by the next, for trials are written after their other tables, and what waited goes last. Settings,
    also those of the paper's sizes that a run is compared with, stay as they were when the experiment was published.
    """
    settings = read_settings(results / "settings.json")
    run = params.validate(Settings, settings["run"])
    if run.scale == "smoke":
        raise params.ParameterError("scale = 'smoke': allowed to be published are laptop, overnight, paper")
    file = published / "settings.json"
    described = read_settings(file) if file.exists() else settings
    tables, origins, blocks = {}, {}, {}
    for name, experiment in EXPERIMENTS.items():
        before = places(published, experiment)
        after = of_experiment(experiment, run, results, before, replace)
        for folder, old, new in zip((name, f"{PENDING}/{name}"), before, after, strict=True):
            tables |= {f"{folder}/{key}": new[key] for key in reversed(new) if not new[key].equals(old.get(key))}
        trials = [table for table in after[0].values() if {*RECORDED} <= {*table}]
        if trials:
            rows = pd.concat([table[[*RECORDED]].assign(trials=int("seed" in table)) for table in trials])
            origins[name] = provenance.summary(rows)
        if any(key.startswith(f"{name}/") for key in tables) and RANK[run.scale] >= rows["scale"].map(RANK).max():
            own = {name, *{"images"} & {*experiment.data}} & {*settings["run"]}
            blocks |= {block: settings["run"][block] for block in own}
    if not tables:
        click.echo("nothing new is finished: nothing is published")
        return
    for name, origin in origins.items():
        write_json(published / name / "provenance.json", origin)
    write_json(published / "provenance.json", provenance.together(origins, lock))
    whole = settings["paper"] | described["paper"] | {block: settings["paper"][block] for block in blocks}
    write_json(file, described | {"paper": whole, "run": described["run"] | blocks})
    minutes = merged_core_minutes(published / "core_minutes.csv", results / "core_minutes.csv")
    if len(minutes):
        write_csv(published / "core_minutes.csv", minutes)
    for name, table in tables.items():
        if name == "baselines/trials":  # as text, too, for readers without this project; the other has all digits
            write_csv(published / f"{name}.csv", table, float_format="%.9g")
        if name.startswith(PENDING) and table.empty:
            (published / f"{name}.parquet").unlink(missing_ok=True)
        else:
            write_table(published / f"{name}.parquet", table)


def of_experiment(experiment: Experiment, run: Any, results: Path, before: list[Tables], replace: bool) -> tuple:
    """The tables that are published and those that wait, with what is finished; says what is done, and what not."""
    (old, waiting), folder = before, results / experiment.name
    settings = run.model_dump(mode="json").get(experiment.name, {})
    for stage in experiment.stages:
        what = f"{experiment.name}, {stage.name}"
        jobs = {job.name: here for _, job, here in jobs_of(experiment, run, stage)}
        files = {name: file for name in jobs if (file := record_file(folder, stage, name)).exists()}
        done = [name for name, file in files.items() if record_of(file)["fingerprint"] == jobs[name]]
        if others := len(files) - len(done):
            click.echo(f"{what}: {counted(others, 'job')} of other settings or sources than here: not published")
        if not done:
            continue
        click.echo(f"{what}: {counted(len(done), 'finished job')}")
        keys = {**stage.tables, **experiment.extra} if stage is experiment.stages[0] else stage.tables
        new = gather(experiment, folder, {stage.name: done}, settings, partial(with_origin, scale=run.scale))
        prints = "; ".join(sorted({*new[next(iter(keys))]["fingerprint"]}))
        new |= {name: new[name].assign(fingerprint=prints) for name in experiment.extra if name in new}
        old, waiting, told = merged(new, old, waiting, keys, stage.ensemble, replace)
        for sentence, ensembles in told.items():
            click.echo(f"{', '.join(filter(None, [what, '; '.join(ensembles)]))}: {sentence}")
    return old, waiting


def with_origin(folder: Path, stage: Stage, job: str, name: str, scale: str) -> pd.DataFrame:
    """A table of a finished job, each row with its origin."""
    table, record = written(folder, stage, job, name), record_of(record_file(folder, stage, job)) | {"scale": scale}
    record["minutes"] = record["seconds"] / 60 / max(len(table), 1)  # the rows of its trials share them
    record["fingerprint"] += STAND_IN * record.get("stand_in", False)
    timed = ["commit", "machine", "finished"] * ("device" in stage.tables[name])  # kept for each device that was timed
    columns = RECORDED if name == next(iter(stage.tables)) else [*timed, "fingerprint"]
    return table.assign(**{column: record[column] for column in columns})


@click.command()
@click.argument("stage", type=StageName())
@click.option("--job", "text", type=Json(JobText), required=True, help="what the workflow says of the job, as JSON")
@click.option("--published", type=INPUT, required=True, help="results/published")
@click.option("--results", type=PATH, required=True, help="results/<scale>: the job's files go there")
def take_published(stage: tuple[Experiment, Stage], text: JobText, published: Path, results: Path) -> None:
    """Write the files of a job of a STAGE from published trials, with the record of where and when it was trained."""
    experiment, of_kind = stage
    job, folder = job_of(text, experiment, of_kind), results / experiment.name
    tables, why = standing(places(published, experiment), of_kind, job, text.fingerprint)
    if why:
        raise ArtifactError(f"{published}: {experiment.name}, {job.name} of fingerprint {text.fingerprint}: {why}")
    for name, key in of_kind.tables.items():
        added = {*RECORDED} & {*tables[name]} - {*key}
        write_table(table_file(folder, of_kind, job.name, name), tables[name].drop(columns=added))
    trials = tables[next(iter(of_kind.tables))]
    record = {name: "; ".join(sorted(set(trials[name]))) for name in ("commit", "machine", "device")}
    record |= {"finished": trials["finished"].max(), "seconds": 60 * float(trials["minutes"].sum())}
    record |= {"trials": job.trainings, **made_from(text, job, inputs={}, stand_in=False)}
    write_json(record_file(folder, of_kind, job.name), record)
