"""The verb that trains some published jobs again from their seeds and judges whether they are the same."""

import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import pandas as pd

from replication import params
from replication.experiment import Experiment, Job, Stage
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import Settings
from replication.jobs.carry_out import is_stand_in, read_data
from replication.jobs.commands import as_text
from replication.jobs.tables import written
from replication.judging.agreement import differences, means_apart, spread_of, values
from replication.publish.rows import Tables, Taken, jobs_taken, places
from replication.records import provenance
from replication.records.io import ArtifactError, write_csv
from replication.records.verbs import COUNT, FILE, INPUT, PATH, SEED, read_settings
from replication.report.text import counted

LONG = 10  # minutes: jobs that took longer are drawn only if asked for


@click.command()
@click.option("--settings", type=INPUT, required=True, help="settings.json of a run at the scale that is checked")
@click.option("--data", type=PATH, required=True, help="data/<scale>")
@click.option("--published", type=INPUT, required=True, help="results/published")
@click.option("--also", type=click.Choice(list(EXPERIMENTS)), multiple=True, help="even if its jobs take hours")
@click.option("--sample", type=COUNT, default=3, show_default=True, help="jobs of each stage")
@click.option("--seed", type=SEED, default=0, show_default=True, help="of the draw")
@click.option("--output", type=FILE, required=True, help="a row per job, CSV")
def spot_check(
    settings: Path, data: Path, published: Path, also: tuple[str, ...], sample: int, seed: int, output: Path
) -> None:
    """Draw published jobs of this checkout's fingerprints, train them again and compare; exit code 1 if they differ.

    All measures must be the same to the last bit on the type of processor that a job was published from. For jobs from
    another type, the mean of every measure over a stage's sample must be within a tolerance.
    """
    run, machine = params.validate(Settings, read_settings(settings)["run"]), provenance.machine()
    drawn, sentence = draw(run, published, sample, seed, also)
    click.echo(f"spot_check: {sentence}")
    rows, wrong, others = [], [], {}
    for experiment, stage, job, _, there in drawn:
        if is_stand_in(read_data(job.files, data)):
            click.echo(f"{experiment.name}, {job.name}: left out, for here are stand-in images only")
            continue
        with TemporaryDirectory() as folder:
            made = trained_again(run, experiment, stage, job, data, Path(folder))
        as_made = {name: table.reindex(columns=made[name].columns) for name, table in there.items()}
        found = differences(values(as_made, stage.tables), values(made, stage.tables))
        trials = next(iter(there.values()))
        other = provenance.processor(trials["machine"][0]) != provenance.processor(machine)
        rows.append(report(f"{experiment.name}, {stage.name}/{job.name}", trials, found["difference"], other))
        if other:
            others.setdefault((experiment.name, stage.name), []).append(found)
    for (name, of_kind), found in others.items():
        first, key = next(iter(EXPERIMENTS[name].stage(of_kind).tables.items()))
        trials = pd.concat([place[first] for place in places(published, EXPERIMENTS[name]) if first in place])
        apart = means_apart(pd.concat(found), spread_of(trials, key).add_prefix(f"{first}."))
        wrong += [f"{name}: {sentence}" for sentence in apart]
    if not rows:
        raise ArtifactError(f"{published} has no jobs that can be trained again here")
    write_csv(output, pd.DataFrame(rows).assign(checked_by=provenance.commit(), checked_on=machine))
    text = "{job}: not as published on this type of processor: {measure} by {largest_difference:.3g}"
    wrong += [text.format(**row) for row in rows if row["verdict"] == "differs"]
    click.echo("".join(f"replication: {sentence}\n" for sentence in wrong), err=True, nl=False)
    sys.exit(int(bool(wrong)))


def draw(run: Any, published: Path, sample: int, seed: int, also: Sequence[str]) -> tuple[list[Taken], str]:
    """Random published jobs, some of every stage; a sentence on how many there are, and which are left out."""
    taken, sentence = jobs_taken(run, published, parameters=False)
    stages, left_out, drawn = {}, [], []
    for each in taken:
        name, trials = each[0].name, next(iter(each[-1].values()))
        if {*trials["device"]} != {"cpu"} or (trials["minutes"].sum() > LONG and name not in also):
            left_out.append(name)
        else:
            stages.setdefault(f"{name}, {each[1].name}", []).append(each)
    for name, jobs in stages.items():
        drawn += random.Random(f"{seed} {name}").sample(jobs, min(sample, len(jobs)))
    if left_out:
        names = ",".join(dict.fromkeys(left_out))
        sentence += f"; left out: {counted(len(left_out), 'job')} of a GPU or over {LONG} minutes (also={names})"
    return drawn, sentence


def data_files(run: Any, published: Path, sample: int, seed: int, also: Sequence[str]) -> list[str]:
    """The data of the jobs that are drawn, and of those whose tables they take, below data/<scale>."""
    jobs = [taken[2] for taken in draw(run, published, sample, seed, also)[0]]
    jobs += [other for job in jobs for _, other in job.after]
    return sorted({file for job in jobs for file in job.files})


def trained_again(run: Any, experiment: Experiment, stage: Stage, job: Job, data: Path, results: Path) -> Tables:
    """The tables of a job, trained after those that it takes tables of, each in a process of its own, as in a run.

    The last bits may depend on what a process did before: MKL settles how it rounds at its first product, for good.
    A job that fails ends this process, too.
    """
    for name, other in job.after:
        trained_again(run, experiment, experiment.stage(name), other, data, results)
    text = as_text(experiment, stage, job, run.root_seed, fingerprint="")  # stands in the record alone
    verb = [sys.executable, "-m", "replication", "train", f"{experiment.name}.{stage.name}", "--job", text]
    done = subprocess.run([*verb, "--data", data, "--results", results], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        click.echo(done.stderr, err=True, nl=False)
        sys.exit(done.returncode)
    return {name: written(results / experiment.name, stage, job.name, name) for name in stage.tables}


def report(job: str, trials: pd.DataFrame, relative: pd.Series, other: bool) -> dict[str, Any]:
    """A job's row in the report: its origin, the verdict, its largest relative difference. other: processor."""
    same_seeds = not relative.groupby(level=0).max().filter(like=".seed").any()
    verdict = ("other processor" if other and same_seeds else "differs") if relative.any() else "identical"
    click.echo(f"{job}: {verdict}")
    origin = {"published_by": trials["commit"][0], "published_on": trials["machine"][0]}
    largest = {"largest_difference": relative.max(), "measure": relative.idxmax()[0]}
    return {"job": job, **origin, "verdict": verdict, **largest}
