"""The verb that trains some published trials again from their seeds and judges whether they are the same."""

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click
import pandas as pd

from replication import params
from replication.experiment import Experiment, Job, Stage
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import Settings
from replication.jobs.carry_out import carry_out, is_stand_in, read_data
from replication.judging.agreement import differences, means_apart, spread_of, values
from replication.publish.rows import Tables, job_tables, of_job, own, read
from replication.records import provenance
from replication.records.fingerprints import fingerprint, jobs_of
from replication.records.io import ArtifactError, write_csv
from replication.records.provenance import processor
from replication.records.verbs import COUNT, FILE, INPUT, PATH, SEED, read_settings

LONG = 10.0  # minutes of a trial: an experiment with longer ones is checked only if asked for


@click.command()
@click.option("--settings", type=INPUT, required=True, help="settings.json of a run at the scale that is checked")
@click.option("--data", type=PATH, required=True, help="data/<scale>")
@click.option("--published", type=INPUT, required=True, help="results/published")
@click.option("--also", type=click.Choice(list(EXPERIMENTS)), multiple=True, help="even if its trials take hours")
@click.option("--sample", type=COUNT, default=3, show_default=True, help="trials of each stage")
@click.option("--seed", type=SEED, default=0, show_default=True, help="of the draw")
@click.option("--output", type=FILE, required=True, help="a row per trial, CSV")
def spot_check(
    settings: Path, data: Path, published: Path, also: tuple[str, ...], sample: int, seed: int, output: Path
) -> None:
    """Draw published trials of this checkout's fingerprints, train them again and compare; exit code 1 if they differ.

    All measures must be the same to the last bit on the type of processor that a trial was published from. For trials
    from another type, the mean of every measure over a stage's sample must be within a tolerance.
    """
    run, machine = params.validate(Settings, read_settings(settings)["run"]), provenance.machine()
    rows, wrong = [], []
    for experiment, stage, table, jobs in draw(run, published, sample, seed, also, click.echo):
        pairs = list(trained_again(run, experiment, stage, jobs, data, published))
        rows += [reported(experiment, stage, pair, machine) for pair in pairs]
        first, key = next(iter(stage.tables.items()))
        others = [pair for pair in pairs if processor(pair.origin["machine"]) != processor(machine)]
        if others:
            sides = (pd.concat([pair[side][first].sort_values([*key]) for pair in others]) for side in (1, 2))
            wrong += [f"{experiment.name}: {sentence}" for sentence in means_apart(*sides, spread_of(table, key))]
    if not rows:
        raise ArtifactError(f"{published} has no trials that can be trained again here")
    write_csv(output, pd.DataFrame(rows).assign(checked_by=provenance.commit(), checked_on=machine))
    text = "{experiment}, {trial}: not as published on this type of processor: {measure} by {largest_difference:.3g}"
    wrong += [text.format(**row) for row in rows if row["verdict"] == "differs"]
    click.echo("".join(f"replication: {sentence}\n" for sentence in wrong), err=True, nl=False)
    sys.exit(int(bool(wrong)))


class Pair(NamedTuple):
    """A job whose trials were trained again: its tables as published and as they are here."""

    job: Job
    there: Tables
    here: Tables
    origin: pd.Series


def trained_again(
    run: Any, experiment: Experiment, stage: Stage, jobs: Sequence[tuple[Job, str]], data: Path, published: Path
) -> Iterator[Pair]:
    """Each job carried out; one whose images are missing here is left out, with a sentence."""
    first = next(iter(stage.tables))
    for job, here in jobs:
        content = read_data(job.data.files if job.data else (), data)
        if is_stand_in(content):
            click.echo(f"{experiment.name}, {job.name}: left out, for here are stand-in images only")
            continue
        before = [table_of(run, published, experiment, *each) for each in job.after]
        made, _ = carry_out(experiment, stage, job, run.root_seed, content, before=before)
        tables = job_tables(published, experiment, stage, job, here)
        old = {name: own(tables[name], key) for name, key in stage.tables.items()}
        yield Pair(job, old, made, tables[first].iloc[0])


def reported(experiment: Experiment, stage: Stage, pair: Pair, machine: str) -> dict[str, Any]:
    """A trial's row in the report: its origin, the verdict, its largest relative difference."""
    relative = differences(values(pair.there, stage.tables), values(pair.here, stage.tables))
    same_seeds = not relative.get(f"{next(iter(stage.tables))}.seed", pd.Series([0])).any()
    other = "other processor" if processor(pair.origin["machine"]) != processor(machine) and same_seeds else "differs"
    row = {
        "experiment": experiment.name,
        "trial": f"{pair.job.name}: {'-'.join(map(str, pair.job.trials)) or 'all'}",
        "published_by": pair.origin["commit"],
        "published_on": pair.origin["machine"],
        "verdict": other if relative.any() else "identical",
        "largest_difference": relative.max(),
        "measure": relative.idxmax()[0],
    }
    click.echo("{experiment}, {trial}: {verdict}".format(**row))
    return row


def draw(
    run: Any, published: Path, sample: int, seed: int, also: Sequence[str], tell: Callable[[str], object]
) -> Iterator[tuple[Experiment, Stage, pd.DataFrame, list[tuple[Job, str]]]]:
    """Random trials of each stage that this checkout would train as they were; tell: what is left out, and why."""
    for experiment, stage in ((each, stage) for each in EXPERIMENTS.values() for stage in each.stages):
        table = read(published / experiment.name, stage.tables).get(next(iter(stage.tables)), pd.DataFrame())
        every, what, total = [], f"{experiment.name}, {stage.name}", 0
        for _, job, here in jobs_of(experiment, run, stage) if len(table) else ():
            rows = of_job(table, job)
            total += len(rows)
            rows = rows[(rows["fingerprint"] == here) & (rows.get("device", "") == "cpu")]
            each = [replace(job, trials=(trial,)) for trial in job.trials if "trial" in table] or [job]
            every += [((one, here), trials) for one in each if len(trials := of_job(rows, one))]
        if others := total - sum(len(trials) for _, trials in every):
            tell(f"{what}: {others} of {total} rows are of another fingerprint than here, or trained on a GPU")
        longest = max((trials["minutes"].sum() for _, trials in every), default=0.0)
        if longest > LONG and experiment.name not in also:
            tell(f"{what}: left out, for a trial took {longest:.0f} minutes (also={experiment.name} checks it)")
        elif every:
            chosen = random.Random(f"{seed} {what}").sample(every, min(sample, len(every)))
            yield experiment, stage, table, [job for job, _ in chosen]


def data_files(run: Any, published: Path, sample: int, seed: int, also: Sequence[str]) -> list[str]:
    """The data of the trials that are drawn, below data/<scale>."""
    drawn = [job for *_, jobs in draw(run, published, sample, seed, also, lambda sentence: None) for job, _ in jobs]
    return sorted({file for job in drawn if job.data for file in job.data.files})


def table_of(run: Any, published: Path, experiment: Experiment, name: str, job: Job) -> pd.DataFrame:
    """The published first table of a job; name: of its stage."""
    stage = experiment.stage(name)
    table, key = next(iter(stage.tables.items()))
    here = fingerprint(experiment, stage, job, run.root_seed)
    return own(job_tables(published, experiment, stage, job, here)[table], key)
