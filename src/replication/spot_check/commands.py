"""The verb that trains some published trials again from their seeds and judges whether they are the same."""

import sys
from pathlib import Path

import click
import pandas as pd

from replication.data import images
from replication.params.loading import ParameterError
from replication.publish.published_tables import TRIAL
from replication.records import provenance
from replication.records.io import ArtifactError, read_table, write_csv
from replication.records.sources import sources, unchanged_since
from replication.records.verbs import COUNT, FILE, INPUT, PATH, SEED, progress
from replication.spot_check.compare_runs import (
    CHANGED,
    DIFFERS,
    ELSEWHERE,
    IDENTICAL,
    TOLERANCE,
    Pair,
    Row,
    broken,
    differences,
    means_of,
    pair_of,
    spread_of,
)
from replication.spot_check.retrain import AGAIN, IMAGES, SETTINGS, Run, modules_of, train_again

KEYS = TRIAL | {"probes": ["head", "trial"]}
TABLES = {name: f"{name}/trials.parquet" for name in TRIAL} | {"probes": "cifar100/probes.parquet"}
MINUTES = ("regression", "teacher_student", "hyperparameters", "depth", "baselines", "probes")  # that a trial takes
HOURS = tuple(name for name in AGAIN if name not in MINUTES)


@click.command()
@click.option("--published", type=INPUT, required=True, help="results/published")
@click.option("--images", "records", type=PATH, required=True, help="folder with the records of the images")
@click.option("--also", type=click.Choice(HOURS), multiple=True, help="an experiment whose trials take up to hours")
@click.option("--sample", type=COUNT, default=3, show_default=True, help="trials of each experiment")
@click.option("--seed", type=SEED, default=0, show_default=True, help="of the draw")
@click.option("--output", type=FILE, required=True, help="a row per trial, CSV; the means go to <its name>_means.csv")
def spot_check(published: Path, records: Path, also: tuple[str, ...], sample: int, seed: int, output: Path) -> None:
    """Draw published trials, train them again from their seeds and compare; exit code 1 if they do not agree.

    All measures must be the same to the last bit on the type of processor that a trial was published from. For trials
    from another type, the mean of every measure over an experiment's sample must be within a tolerance. Trials that
    differ, and their means, are only reported if a source that they depend on has changed since their commit.
    """
    run = Run(published / "settings.json", records)
    drawn = [
        (name, row, spread)
        for name in (*MINUTES, *also)
        for row, spread in draw(run, name, published / TABLES[name], sample, seed, name in also)
    ]
    if not drawn:
        raise ArtifactError(f"{published} has no trials that can be trained again here")
    pairs, machine = [], provenance.machine()
    with progress(len(drawn), "trials", unit="trials") as on_trial:
        for name, row, spread in drawn:
            again = train_again(run, name, row)
            unchanged = unchanged_since(row["commit"], sources(*modules_of(run, name, row)))
            pairs.append(pair_of(name, row, again, spread, KEYS[name], machine, unchanged))
            on_trial(1)
    trials = pd.DataFrame([reported(pair, row) for pair, (_, row, _) in zip(pairs, drawn, strict=True)])
    means = means_of(pairs)
    write_csv(output, trials.assign(checked_by=provenance.commit(), checked_on=machine))
    write_csv(output.with_name(f"{output.stem}_means.csv"), means)
    click.echo(summary(trials["verdict"], means))
    failures = list(broken(pairs, trials["trial"], means))
    for sentence in failures:
        click.echo(f"replication: {sentence}", err=True)
    sys.exit(int(bool(failures)))


def draw(run: Run, name: str, path: Path, sample: int, seed: int, asked: bool) -> list[tuple[Row, Row]]:
    """Random rows of a published table, in their order, with its spread; says what is left out and why.

    Raises ArtifactError instead if the experiment was asked for and cannot be trained again.
    """
    if not path.exists():
        return []
    every = read_table(path)
    table = every.query("device == 'cpu'")
    if len(table) < len(every):
        click.echo(f"{name}: {len(every) - len(table)} of {len(every)} trials are left out, for a GPU trained them")
    reason = hindrance(run, name, table)
    if reason and asked:
        raise ArtifactError(reason)
    if reason:
        click.echo(f"{name}: left out: {reason}")
        return []
    chosen = table.sample(min(sample, len(table)), random_state=seed).sort_index()
    spread = spread_of(table, [key for key in KEYS[name] if key != "trial"])
    return [(row, spread) for _, row in chosen.iterrows()]


def hindrance(run: Run, name: str, table: pd.DataFrame) -> str:
    """The reason why an experiment's trials can't be trained again here; empty if they can."""
    try:
        run.of(SETTINGS.get(name, name))
        loaded = images.load(run.record(IMAGES[name])) if name in IMAGES else None
    except (ArtifactError, ParameterError) as error:
        return str(error)
    if loaded is not None and (table["stand_in"] != loaded.stand_in).any():
        kinds = {True: "stand-in images", False: "CIFAR's images"}
        return (
            f"{run.record(IMAGES[name])} names {kinds[loaded.stand_in]}, the trials are of {kinds[not loaded.stand_in]}"
        )
    if (
        loaded is not None
        and "approximate_images" in table
        and (table["approximate_images"] != loaded.approximate).any()
    ):
        counts = f"{loaded.approximate}, of those of the trials {int(table['approximate_images'].max())}"
        return f"of the images that {run.record(IMAGES[name])} names, only close to the official pixels are {counts}"
    return ""


def reported(pair: Pair, row: Row) -> dict[str, object]:
    """A trial's row in the report: its keys, its origin, the verdict, and its largest relative difference."""
    relative = differences(pair.published, pair.again)
    return {
        "experiment": pair.experiment,
        "trial": ", ".join(f"{key} {row[key]}" for key in KEYS[pair.experiment]),
        "seed": row["seed"],
        "published_by": row["commit"],
        "published_on": row["machine"],
        "measures": len(relative),
        "verdict": pair.verdict,
        "largest_difference": relative.max(),
        "measure": relative.idxmax(),
    }


def summary(verdicts: pd.Series, means: pd.DataFrame) -> str:
    """The number of trials of each verdict, and what is allowed."""
    count = {verdict: int((verdicts == verdict).sum()) for verdict in (IDENTICAL, ELSEWHERE, CHANGED, DIFFERS)}
    judged, others = (
        f"of {len(group)} means {int(group['within'].sum())} are within the tolerance"
        for group in (means[means["sources_changed"] == changed] for changed in (False, True))
    )
    return (
        f"{len(verdicts)} trials trained again: {count[IDENTICAL]} identical, {count[ELSEWHERE]} from another type of "
        f"processor differ ({judged}, {TOLERANCE:g} standard deviations between seeds), {count[CHANGED]} differ and "
        f"their sources changed since ({others}, which is not judged), {count[DIFFERS]} differ though nothing changed"
    )
