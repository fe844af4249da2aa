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
from replication.data.images import Images
from replication.experiment import Experiment, Job, Stage
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import Settings
from replication.jobs.carry_out import carry_out, read_data
from replication.publish.rows import Tables, job_tables, of_job, own, read
from replication.records import provenance
from replication.records.fingerprints import fingerprint
from replication.records.io import ArtifactError, write_csv
from replication.records.verbs import COUNT, FILE, INPUT, PATH, SEED, read_settings

LONG = 10.0  # minutes of a trial: an experiment with longer ones is checked only if asked for
IDENTICAL, ELSEWHERE, DIFFERS = "identical", "other processor", "differs"  # verdicts
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
    run, here = params.validate(Settings, read_settings(settings)["run"]), provenance.machine()
    rows, wrong = [], []
    for experiment, stage, jobs in draw(run, published, sample, seed, also, click.echo):
        pairs = []
        for job in jobs:
            content = read_data(job.data.files if job.data else (), data)
            about = content.get("about", {}) if isinstance(content, dict) else {}
            if content.stand_in if isinstance(content, Images) else about.get("stand_in"):
                click.echo(f"{experiment.name}, {job.name}: left out, for here are stand-in images only")
                continue
            before = [table_before(run, published, stem) for stem in job.after]
            made, _ = carry_out(experiment, stage, job, run.root_seed, content, before=before)
            there = job_tables(published, experiment, stage, job, fingerprint(experiment, stage, job, run.root_seed))
            trials = there[next(iter(stage.tables))]
            elsewhere = trials["machine"].iloc[0].split(", ")[0] != here.split(", ")[0]
            pairs += [(trials, made[next(iter(stage.tables))])] * elsewhere
            name = {"experiment": experiment.name, "trial": f"{job.name}: {'-'.join(map(str, job.trials)) or 'all'}"}
            origin = {"published_by": trials["commit"].iloc[0], "published_on": trials["machine"].iloc[0]}
            rows.append(name | origin | compared(stage, there, made, elsewhere))
            click.echo("{experiment}, {trial}: {verdict}".format(**rows[-1]))
        table = read(published / experiment.name, stage.tables)[next(iter(stage.tables))]
        wrong += [f"{experiment.name}: {sentence}" for sentence in means_apart(stage, pairs, table)]
    if not rows:
        raise ArtifactError(f"{published} has no trials that can be trained again here")
    write_csv(output, pd.DataFrame(rows).assign(checked_by=provenance.commit(), checked_on=here))
    text = "{experiment}, {trial}: not as published on this type of processor: {measure} by {largest_difference:.3g}"
    wrong += [text.format(**row) for row in rows if row["verdict"] == DIFFERS]
    click.echo("".join(f"replication: {sentence}\n" for sentence in wrong), err=True, nl=False)
    sys.exit(int(bool(wrong)))


def draw(
    run: Any, published: Path, sample: int, seed: int, also: Sequence[str], tell: Callable[[str], object]
) -> Iterator[tuple[Experiment, Stage, list[Job]]]:
    """Random trials of each stage that this checkout would train as they were; tell: what is left out, and why."""
    for experiment, stage in ((each, stage) for each in EXPERIMENTS.values() for stage in each.stages):
        table = read(published / experiment.name, stage.tables).get(next(iter(stage.tables)), pd.DataFrame())
        every, what = [], f"{experiment.name}, {stage.name}"
        for job in stage.jobs(run) if len(table) else ():
            rows = of_job(table, job)
            same = rows["fingerprint"] == fingerprint(experiment, stage, job, run.root_seed)
            rows = rows[same & (rows.get("device", "") == "cpu")]
            each = [replace(job, trials=(trial,)) for trial in job.trials] or [job]
            every += [(one, trials) for one in each if len(trials := of_job(rows, one))]
        others = len(table) - sum(len(trials) for _, trials in every)
        longest = max((trials["minutes"].sum() for _, trials in every), default=0.0)
        if others:
            tell(f"{what}: {others} of {len(table)} rows are of another fingerprint than here, or trained on a GPU")
        if longest > LONG and experiment.name not in also:
            tell(f"{what}: left out, for a trial took {longest:.0f} minutes (also={experiment.name} checks it)")
        elif every:
            chosen = random.Random(f"{seed} {what}").sample(every, min(sample, len(every)))
            yield experiment, stage, [job for job, _ in chosen]


def data_files(run: Any, published: Path, sample: int, seed: int, also: Sequence[str]) -> list[str]:
    """The data of the trials that are drawn, below data/<scale>."""
    drawn = [job for *_, jobs in draw(run, published, sample, seed, also, lambda sentence: None) for job in jobs]
    return sorted({file for job in drawn if job.data for file in job.data.files})


def table_before(run: Any, published: Path, stem: str) -> pd.DataFrame:
    """The published table of another job, that a stem below results/<scale> names."""
    name, of_stage, rest = stem.split("/", 2)
    experiment, stage = EXPERIMENTS[name], EXPERIMENTS[name].stage(of_stage)
    table, key = next(iter(stage.tables.items()))
    job = next(job for job in stage.jobs(run) if f"{job.name}_{table}" == rest)
    there = job_tables(published, experiment, stage, job, fingerprint(experiment, stage, job, run.root_seed))
    return own(there[table], key)


def compared(stage: Stage, published: Tables, made: Tables, elsewhere: bool) -> dict[str, object]:
    """The verdict on a trial. Times and memory are no measures: tables with a device in the key, and ``costs``."""
    relative = {}
    for name, key in stage.tables.items():
        if "device" not in key and name != "costs":
            old, new = (side[name].sort_values([*key]).reset_index(drop=True) for side in (published, made))
            relative |= {f"{name}.{column}": difference(old.get(column), new[column]) for column in new}
    measure = max(relative, key=lambda name: relative[name])
    same_seed = not relative.get(f"{next(iter(stage.tables))}.seed")
    verdict = IDENTICAL if not relative[measure] else ELSEWHERE if elsewhere and same_seed else DIFFERS
    return {"verdict": verdict, "measures": len(relative), "largest_difference": relative[measure], "measure": measure}


def difference(published: pd.Series | None, again: pd.Series) -> float:
    """The largest relative difference of two columns; infinite where it is none of two finite numbers."""
    if published is None or len(published) != len(again):
        return np.inf if len(again) or published is not None else 0.0
    differ = ~((published == again) | (published.isna() & again.isna())).to_numpy(bool)
    try:
        one, other = (side[differ].to_numpy(float) for side in (published, again))
    except (TypeError, ValueError):  # text
        return np.inf
    with np.errstate(invalid="ignore"):
        relative = np.abs(one - other) / np.fmax(np.abs(one), np.abs(other))
    return float(np.where(np.isfinite(relative), relative, np.inf).max(initial=0))


def means_apart(stage: Stage, pairs: list[tuple[pd.DataFrame, pd.DataFrame]], table: pd.DataFrame) -> Iterator[str]:
    """A sentence for each mean over trials from other processors that is not within tolerance. table: all published."""
    key = next(iter(stage.tables.values()))
    spread = spread_of(table, [column for column in key if "trial" not in column])
    before, again = (pd.concat(side) for side in zip(*pairs, strict=True)) if pairs else (table, pd.DataFrame())
    for measure in spread.index.intersection(again.columns).difference([*key, "seed"]):
        *means, allowed, within = near(np.array([before[measure], again[measure]], float), spread[measure])
        if not within:
            yield "the mean of {} is {:.6g} published, {:.6g} here: it may differ by {:.2g}".format(
                measure, *means, allowed
            )


def near(both: np.ndarray, spread: float) -> tuple[float, float, float, bool]:
    """Two means, how much they may differ, and whether they differ by no more. both: (2, trials), NaN without."""
    both = both[:, ~np.isnan(both).all(axis=0)]
    old, new = both.mean(axis=1) if both.size else (0.0, 0.0)
    allowed = TOLERANCE * spread + ROUNDING * abs(old)
    return old, new, allowed, bool(old == new or abs(old - new) <= allowed < np.inf)


def spread_of(table: pd.DataFrame, alike: Sequence[str]) -> pd.Series:
    """The root of the mean variance of every number between rows alike; 0 where no row has another one like it."""
    numbers = table.select_dtypes(["number", "bool"]).astype(float)
    groups = [table[name] for name in alike] or np.zeros(len(table))
    variance = numbers.where(np.isfinite(numbers)).groupby(groups, dropna=False).transform("var")
    return np.sqrt(variance.mean()).fillna(0.0)
