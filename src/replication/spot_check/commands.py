"""The verb that trains some published trials again from their seeds and judges whether they are the same."""

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from replication import params
from replication.experiment import Experiment, Job, Stage
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import Settings
from replication.jobs.carry_out import carry_out, is_stand_in, read_data
from replication.publish.rows import Keys, Tables, job_tables, jobs_of, of_job, own, read
from replication.records import provenance
from replication.records.io import ArtifactError, write_csv
from replication.records.verbs import COUNT, FILE, INPUT, PATH, SEED, read_settings

LONG = 10.0  # minutes of a trial: an experiment with longer ones is checked only if asked for
TOLERANCE = 2.0  # of a mean, in standard deviations between trials that differ in their seed alone (docs/dvc.md)
ROUNDING = 1e-6  # of a mean, added to it: for measures that are the same for all seeds


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
        (first, key), pairs = next(iter(stage.tables.items())), []
        for job, here in jobs:
            content = read_data(job.data.files if job.data else (), data)
            if is_stand_in(content):
                click.echo(f"{experiment.name}, {job.name}: left out, for here are stand-in images only")
                continue
            before = [table_before(run, published, stem) for stem in job.after]
            made, _ = carry_out(experiment, stage, job, run.root_seed, content, before=before)
            there = job_tables(published, experiment, stage, job, here)
            old = {name: own(there[name], key) for name, key in stage.tables.items()}
            relative = differences(values(old, stage.tables), values(made, stage.tables))
            origin = there[first].iloc[0]
            elsewhere = origin["machine"].split(", ")[0] != machine.split(", ")[0]  # its type of processor
            may_differ = elsewhere and not relative.get(f"{first}.seed", pd.Series([0])).any()
            pairs += [[side[first].sort_values([*key]) for side in (old, made)]] * may_differ
            name = {"experiment": experiment.name, "trial": f"{job.name}: {'-'.join(map(str, job.trials)) or 'all'}"}
            name |= {"published_by": origin["commit"], "published_on": origin["machine"]}
            verdict = "identical" if not relative.any() else "other processor" if may_differ else "differs"
            difference = {"largest_difference": relative.max(), "measure": relative.idxmax()[0]}
            rows.append(name | {"verdict": verdict} | difference)
            click.echo("{experiment}, {trial}: {verdict}".format(**rows[-1]))
        if pairs:
            apart = means_apart(*map(pd.concat, zip(*pairs, strict=True)), spread_of(table, key))
            wrong += [f"{experiment.name}: {sentence}" for sentence in apart]
    if not rows:
        raise ArtifactError(f"{published} has no trials that can be trained again here")
    write_csv(output, pd.DataFrame(rows).assign(checked_by=provenance.commit(), checked_on=machine))
    text = "{experiment}, {trial}: not as published on this type of processor: {measure} by {largest_difference:.3g}"
    wrong += [text.format(**row) for row in rows if row["verdict"] == "differs"]
    click.echo("".join(f"replication: {sentence}\n" for sentence in wrong), err=True, nl=False)
    sys.exit(int(bool(wrong)))


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


def table_before(run: Any, published: Path, stem: str) -> pd.DataFrame:
    """The published table of another job, that a stem below results/<scale> names."""
    experiment = EXPERIMENTS[stem.partition("/")[0]]
    for stage, job, here in jobs_of(experiment, run):
        table, key = next(iter(stage.tables.items()))
        if stem == f"{experiment.name}/{stage.name}/{job.name}_{table}":
            return own(job_tables(published, experiment, stage, job, here)[table], key)
    raise ArtifactError(f"{stem} names no table of a job")


def values(tables: Tables, keys: Keys) -> pd.Series:
    """All values of a trial by table.column and row; times and memory are none: ``costs``, and tables by device."""
    names = [name for name, key in keys.items() if name != "costs" and "device" not in key]
    in_order = {name: tables[name].sort_values([*keys[name]], ignore_index=True).astype(object) for name in names}
    return pd.concat({f"{name}.{column}": table[column] for name, table in in_order.items() for column in table})


def differences(published: pd.Series, again: pd.Series) -> pd.Series:
    """The relative difference of every value; infinite where it is none of two finite numbers."""
    published, again = (side.astype(object) for side in published.align(again))
    same = (published == again) | (published.isna() & again.isna())
    one, other = (pd.to_numeric(side.where(~same), errors="coerce").astype(float) for side in (published, again))
    with np.errstate(invalid="ignore"):
        relative = (one - other).abs() / np.fmax(one.abs(), other.abs())
    return relative.where(np.isfinite(relative), np.inf).where(~same, 0.0)


def means_apart(published: pd.DataFrame, again: pd.DataFrame, spread: pd.Series) -> Iterator[str]:
    """A sentence for each mean over trials from other processors that is not within tolerance; missing are left out."""
    for measure, deviation in spread.loc[spread.index.isin(again.columns)].items():
        both = np.array([published[measure], again[measure]], float)  # (2, trials)
        both = both[:, ~np.isnan(both).all(axis=0)]
        old, new = both.mean(axis=1) if both.size else (0.0, 0.0)
        allowed = TOLERANCE * deviation + ROUNDING * abs(old)
        if not (old == new or abs(old - new) <= allowed < np.inf):
            yield f"the mean of {measure} is {old:.6g} published, {new:.6g} here: it may differ by {allowed:.2g}"


def spread_of(table: pd.DataFrame, key: Sequence[str]) -> pd.Series:
    """The root of the mean variance of every number between rows that differ in their trial alone; 0 without such."""
    numbers = table.select_dtypes(["number", "bool"]).astype(float).drop(columns=[*key, "seed"], errors="ignore")
    groups = [table[name] for name in key if "trial" not in name] or np.zeros(len(table))
    variance = numbers.where(np.isfinite(numbers)).groupby(groups, dropna=False).transform("var")
    return np.sqrt(variance.mean()).fillna(0.0)
