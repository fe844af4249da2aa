"""The verb that copies what is finished at a scale to where Git tracks it."""

import shutil
from pathlib import Path
from typing import Any

import click
import pandas as pd

from replication import params
from replication.account.core_minutes import merged_core_minutes
from replication.experiment import Experiment, Stage
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import Settings
from replication.jobs.commands import record_of
from replication.jobs.tables import gather, joined, record_file, table_file
from replication.publish.rows import PENDING, RANK, RECORDED, STAND_IN, Tables, merged, read
from replication.records import provenance
from replication.records.fingerprints import jobs_of, numerics
from replication.records.io import read_json, read_table, write_csv, write_json, write_table
from replication.records.verbs import INPUT, PATH, read_settings

AS_CSV = ("baselines/trials",)  # published as text too, for readers without this project
NEXT, WHOLE = "next", "whole.json"  # folder of files to be put in place together; the record that all are there


@click.command()
@click.option("--results", type=INPUT, required=True, help="results/<scale>")
@click.option("--lock", type=INPUT, required=True, help="requirements.lock")
@click.option("--published", type=PATH, required=True, help="output folder")
@click.option("--replace", is_flag=True, help="also where published rows would be lost")
def publish(results: Path, lock: Path, published: Path, replace: bool) -> None:
    """Copy the rows of finished jobs, each with scale, commit, machine, minutes and fingerprint, and their settings.

    Rows of another fingerprint than those published replace them only as a complete ensemble of no smaller scale and of
    real images. Until then they wait in ``pending``. Nothing is written if anything fails.
    """
    settings = read_settings(results / "settings.json")
    run = params.validate(Settings, settings["run"])
    if run.scale == "smoke":
        raise params.ParameterError("scale = 'smoke': allowed to be published are laptop, overnight, paper")
    put_in_place(published)  # what one that was stopped has left
    tables, origins, described = {}, {}, set()
    for name, experiment in EXPERIMENTS.items():
        before = [read(folder / name, experiment.tables) for folder in (published, published / PENDING)]
        *after, taken = of_experiment(experiment, run, results, *before, replace)
        for folder, old, new in zip((name, f"{PENDING}/{name}"), before, after, strict=True):
            tables |= {f"{folder}/{table}": rows for table, rows in new.items() if not rows.equals(old.get(table))}
        firsts = dict.fromkeys(next(iter(stage.tables)) for stage in experiment.stages)  # stages may share a table
        trials = [after[0][first] for first in firsts if first in after[0]]
        trials = [table[[*RECORDED]].assign(trials=int("seed" in table)) for table in trials if {*RECORDED} <= {*table}]
        if trials:
            origins[name] = provenance.summary(pd.concat(trials))
        if taken and RANK[run.scale] >= pd.concat(trials)["scale"].map(RANK).max():
            described.add(name)
    if not tables:
        click.echo("nothing new is finished: nothing is published")
        return
    path = published / "settings.json"
    before = read_settings(path) if path.exists() else settings
    blocks = described | {name for each in described for name in EXPERIMENTS[each].data if name == "images"}
    run_now = {name: settings["run"][name] for name in blocks if name in settings["run"]}
    records = {f"{name}/provenance": origin for name, origin in origins.items()}
    records["provenance"] = provenance.together(origins, lock)
    records["settings"] = before | {"paper": settings["paper"], "run": before["run"] | run_now}
    minutes = merged_core_minutes(published / "core_minutes.csv", results / "core_minutes.csv")
    gone = [name for name, table in tables.items() if name.startswith(PENDING) and table.empty]
    for name in tables.keys() - gone:
        write_table(published / NEXT / f"{name}.parquet", tables[name])
        if name in AS_CSV:  # all digits are in the other one
            write_csv(published / NEXT / f"{name}.csv", tables[name], float_format="%.9g")
    for name, record in records.items():
        write_json(published / NEXT / f"{name}.json", record)
    if len(minutes):
        write_csv(published / NEXT / "core_minutes.csv", minutes)
    write_json(published / NEXT / WHOLE, {"gone": [f"{name}.parquet" for name in gone]})
    put_in_place(published)


def put_in_place(published: Path) -> None:
    """Move what is to be published together, if it was written whole; else drop it. Can be stopped and done again."""
    whole = published / NEXT / WHOLE
    if whole.exists():
        for name in read_json(whole)["gone"]:
            (published / name).unlink(missing_ok=True)
        for path in sorted(whole.parent.rglob("*.*")):
            if path != whole and path.is_file():
                place = published / path.relative_to(whole.parent)
                place.parent.mkdir(parents=True, exist_ok=True)
                path.replace(place)
    shutil.rmtree(whole.parent, ignore_errors=True)


def of_experiment(experiment: Experiment, run: Any, results: Path, old: Tables, waiting: Tables, replace: bool) -> list:
    """Tables that are published and that wait, and whether new rows are published; says what is done, and what not."""
    done, others, said, taken = {}, 0, {}, False
    for stage, job, here in jobs_of(experiment, run):
        if (path := record_file(results / experiment.name, stage, job.name)).exists():
            same = record_of(path)["fingerprint"] == here
            done |= {stage.name: [*done.get(stage.name, []), job.name]} if same else {}
            others += not same
    settings = run.model_dump(mode="json").get(experiment.name, {})
    tables = gather(experiment, results / experiment.name, done, settings)
    for stage in (stage for stage in experiment.stages if stage.name in done):
        new = with_origin(experiment, stage, tables, done[stage.name], results / experiment.name, run.scale)
        click.echo(f"{experiment.name}, {stage.name}: {len(done[stage.name])} finished job(s)")
        keys = {**stage.tables, **experiment.extra} if stage is experiment.stages[0] else stage.tables
        old, waiting, told, added = merged(new, old, waiting, keys, stage.ensemble, replace)
        taken |= added
        for ensemble, sentence in told:
            said.setdefault(sentence, []).append(ensemble)
    if others:
        said[f"{others} job(s) of other settings or sources than here: not published"] = [""]
    for sentence, ensembles in said.items():
        click.echo(f"{', '.join(filter(None, [experiment.name, '; '.join(ensembles)]))}: {sentence}")
    return [old, waiting, taken]


def with_origin(
    experiment: Experiment, stage: Stage, made: Tables, jobs: list[str], folder: Path, scale: str
) -> Tables:
    """A stage's tables, each row with its origin; made: the same, with columns and tables that finish adds."""
    (first, key), parts = next(iter(stage.tables.items())), {name: [] for name in stage.tables}
    for job in jobs:
        tables = {name: read_table(table_file(folder, stage, job, name)) for name in stage.tables}
        record = {"scale": scale, "stand_in": False} | record_of(record_file(folder, stage, job))
        record["minutes"] = record["seconds"] / 60 / max(len(tables[first]), 1)  # its rows share them
        if record["stand_in"] or any(tables[first].get("stand_in", [])):
            record["fingerprint"] += STAND_IN
        for name, table in tables.items():  # what a device took is kept for each, so it says where and when
            timed = ["commit", "machine", "finished"] * ("device" in stage.tables[name])
            columns = RECORDED if name == first else [*timed, "fingerprint"]
            parts[name].append(table.assign(**{column: record[column] for column in columns}))
    new = {name: joined(parts[name], key, folder / name) for name, key in stage.tables.items()}
    added = made[first].columns.difference(new[first].columns, sort=False)
    if len(added):
        new[first] = new[first].merge(made[first][[*key, *added]], on=list(key), validate="1:1")
    prints = set(new[first]["fingerprint"])
    one = prints.pop() if len(prints) == 1 else numerics(experiment.module(experiment.finish or stage.train))[:16]
    extra = experiment.extra if stage is experiment.stages[0] else {}
    return new | {name: made[name].assign(fingerprint=one) for name in extra if name in made}
