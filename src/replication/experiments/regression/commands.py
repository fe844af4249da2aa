"""Verbs of experiment 1."""

from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np
import pandas as pd

from replication.data.regression import target
from replication.experiments.regression import train as regression
from replication.experiments.regression.settings import Regression, RegressionTrial
from replication.records.io import read_arrays, read_table, sha256, write_arrays, write_table
from replication.records.verbs import (
    FILE,
    INPUT,
    PATH,
    Settings,
    Trials,
    device_option,
    progress,
    recorded,
    report_divergence,
    require_arrays,
    root_seed_option,
    sidecar,
)


def read_data(points: Path, targets: Path) -> dict[str, np.ndarray]:
    """x_train, x_held_out, y_train, y_held_out of one data set; raises ArtifactError for other files."""
    x, y = read_arrays(points), read_arrays(targets)
    require_arrays(points, x, {"x_train": (2,), "x_held_out": (2,)})
    require_arrays(targets, y, {"y_train": (), "y_held_out": ()})
    return x | y


@click.command()
@click.option("--points", type=INPUT, required=True)
@click.option("--targets", type=INPUT, required=True)
@click.option("--trials", type=Trials(), required=True)
@click.option("--settings", type=Settings(RegressionTrial), required=True)
@root_seed_option
@device_option
@click.option("--parameters", type=FILE, required=True, help="output: final parameters, safetensors")
@click.option("--table", type=FILE, required=True, help="output: a row per trial, parquet")
def train_regression(
    points: Path,
    targets: Path,
    trials: list[int],
    settings: RegressionTrial,
    root_seed: int,
    device: str,
    parameters: Path,
    table: Path,
) -> None:
    """Train trials of experiment 1 on one α/β data set and measure them."""
    data, name = read_data(points, targets), targets.stem
    seeds = regression.seeds(root_seed, name, trials)
    with recorded(sidecar(table), settings, root_seed, device, len(trials), [points, targets], sha256(points)):
        with progress(len(trials) * settings.training.epochs, name) as on_epoch:
            trained = regression.train(data, seeds, settings, device, on_epoch)
        report_divergence(trials, seeds, trained.diverged_epoch)
        measures = regression.measure(trained, data, settings.active_threshold)
        write_arrays(parameters, trained.parameters)
        write_table(table, measures.assign(trial=trials, seed=seeds))


@click.command()
@click.option("--settings", type=Settings(Regression), required=True)
@click.option("--folder", type=INPUT, required=True, help="the jobs' results, data set by data set")
@click.option("--output", type=PATH, required=True, help="folder of the tables")
def tabulate_regression(settings: Regression, folder: Path, output: Path) -> None:
    """Gather experiment 1 into tidy tables: trials, data sets, and model 0's paths, skips, eigenvalues, surface."""
    for name, table in gather(settings, folder, all_jobs(settings, folder)).items():
        write_table(output / f"{name}.parquet", table)


def all_jobs(settings: Regression, folder: Path) -> dict[str, list[Path]]:
    """Stems of the jobs' results, by data set."""
    return {name: [folder / name / chunk for chunk in settings.chunks()] for name in settings.data_sets()}


def gather(settings: Regression, folder: Path, jobs: Mapping[str, list[Path]]) -> dict[str, pd.DataFrame]:
    """The tables of the given jobs; those of model 0 only where its job is among them."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for name, chunks in jobs.items():
        keys = dict(zip(("alpha", "beta"), settings.data_sets()[name], strict=True))
        rows = [read_table(chunk.with_suffix(".parquet")) for chunk in chunks]
        parameters = [read_arrays(chunk.with_suffix(".safetensors")) for chunk in chunks]
        norm = regression.norm_of_mean_gamma(parameters)
        of_data_set = {
            "trials": pd.concat(rows),
            "data_sets": pd.DataFrame({"trials": [sum(map(len, rows))], "norm_of_mean_gamma": [norm]}),
        }
        if rows[0]["trial"].iloc[0] == 0:
            of_data_set |= {
                table: model.assign(trial=0) for table, model in model_tables(parameters[0], **keys).items()
            }
        for table, part in of_data_set.items():
            tables.setdefault(table, []).append(part.assign(**keys))
    return {table: _ordered(pd.concat(parts)) for table, parts in tables.items()}


def model_tables(parameters: Mapping[str, np.ndarray], alpha: float, beta: float) -> dict[str, pd.DataFrame]:
    """Model 0 of one data set, as tidy tables."""
    surface = regression.surface(parameters, 0, lambda x: target(x, alpha, beta))
    return {**regression.architecture(parameters, 0), "surface": surface}


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Sorted by data set and trial, those columns first: the same for any chunking."""
    first = [column for column in ("beta", "alpha", "trial", "seed") if column in table.columns]
    table = table.sort_values(first[:3], kind="stable").reset_index(drop=True)
    return table[[*first, *table.columns.difference(first, sort=False)]]
