"""Verbs of the depth experiment."""

from pathlib import Path
from typing import Annotated

import click
import numpy as np
import pandas as pd
from pydantic import Field

from replication.experiments.depth import train as experiment
from replication.experiments.depth.settings import MOST_DEPTH, Depth, Depths, DepthTrial
from replication.params.fields import Positive
from replication.records.io import read_table, write_arrays, write_table
from replication.records.verbs import (
    COUNT,
    FILE,
    INPUT,
    PATH,
    Json,
    Settings,
    Trials,
    arrays_of,
    device_option,
    progress,
    recorded,
    report_divergence,
    root_seed_option,
    sidecar,
    sizes,
)
from replication.training.ensemble.training import Trained

TABLES = ("trials", "layers")
LAYER_COLUMNS = [
    "layer",
    "largest_eigenvalue",
    "active_eigenvalues",
    "live_neurons",
    "deleted_increase",
    "survives_by_eigenvalue",
    "survives_by_function",
    "trial",
]
KEYS = ["data_set", "alpha", "depth", "gain", "trial"]


@click.command()
@click.argument("data", nargs=-1, type=INPUT, required=True)
@click.option("--depth", type=click.IntRange(1, MOST_DEPTH), required=True, help="hidden layers")
@click.option("--gain", type=Json(Positive), required=True, help="φ starts at gain × Xavier")
@click.option("--trials", type=Trials(), required=True)
@click.option("--settings", type=Settings(DepthTrial), required=True)
@root_seed_option
@device_option
@click.option("--output", type=PATH, required=True, help="stem of the outputs")
def train_depth(
    data: tuple[Path, ...],
    depth: int,
    gain: float,
    trials: list[int],
    settings: DepthTrial,
    root_seed: int,
    device: str,
    output: Path,
) -> None:
    """Train networks of one depth from one initial scale and measure which layers they use.

    DATA is a teacher's file, or experiment 1's points and the targets of one of its data sets.
    """
    read = read_data(data, settings)
    seeds = experiment.seeds(root_seed, data[-1].stem, trials)
    with recorded(sidecar(output), settings, root_seed, device, len(trials), data, sizes(read)):
        with progress(len(trials) * settings.training.epochs, f"{depth} hidden layers") as on_epoch:
            trained = experiment.train(read, settings, depth, gain, seeds, device, on_epoch)
        tables = measure_trials(trained, read, settings, trials, seeds)
        report_divergence(trials, seeds, tables["trials"]["diverged_epoch"])
        write_arrays(output.with_name(f"{output.name}.safetensors"), trained.parameters)
        for name, table in tables.items():
            write_table(output.with_name(f"{output.name}_{name}.parquet"), table)


def read_data(paths: tuple[Path, ...], settings: DepthTrial) -> dict[str, np.ndarray]:
    """The points that the experiment uses, from one or several files."""
    return experiment.used_points(arrays_of(paths), settings)


def measure_trials(
    trained: Trained, data: dict[str, np.ndarray], settings: DepthTrial, trials: list[int], seeds: list[int]
) -> dict[str, pd.DataFrame]:
    """The tables of one job; a trial that diverged has its row alone, with NaN measures.

    One whose loss on the test points is not finite has diverged by its last step, which no training loss tells.
    """
    from replication.experiments.depth import compaction  # loads torch

    rows, layers = [], []
    for index, (trial, seed, diverged) in enumerate(zip(trials, seeds, trained.diverged_epoch, strict=True)):
        row = {"trial": trial, "seed": seed, "diverged_epoch": int(diverged)}
        row |= dict.fromkeys([*experiment.MEASURES, *compaction.COLUMNS], np.nan)
        if diverged < 0:
            parameters = {name: array[index] for name, array in trained.parameters.items()}
            scalars, of_layers = experiment.measure(parameters, data, settings)
            scalars |= compaction.measure(parameters, data, settings)
            if np.isfinite([scalars["test_mse"], scalars["compact_neurons"]]).all():
                row |= scalars
                layers.append(of_layers.assign(trial=trial))
            else:
                row["diverged_epoch"] = settings.training.epochs - 1
        rows.append(row)
    empty = pd.DataFrame(columns=LAYER_COLUMNS, dtype=float)
    return {"trials": pd.DataFrame(rows), "layers": pd.concat(layers) if layers else empty}


@click.command()
@click.argument("teacher", type=INPUT)
@click.option("--depths", type=Json(Depths), required=True)
@click.option("--gains", type=Json(Annotated[list[Positive], Field(min_length=1)]), required=True)
@click.option("--trials", type=COUNT, required=True)
@click.option("--settings", type=Settings(DepthTrial), required=True)
@root_seed_option
@click.option("--output", type=FILE, required=True)
def measure_depth_start(
    teacher: Path,
    depths: list[int],
    gains: list[float],
    trials: int,
    settings: DepthTrial,
    root_seed: int,
    output: Path,
) -> None:
    """Measure networks of several depths and initial scales before they are trained."""
    seeds = experiment.seeds(root_seed, teacher.stem, range(trials))
    data = read_data((teacher,), settings)
    write_table(output, experiment.measure_start(data, settings, depths, gains, seeds))


@click.command()
@click.option("--settings", type=Settings(Depth), required=True)
@click.option("--folder", type=INPUT, required=True, help="the jobs' results")
@click.option("--output", type=PATH, required=True, help="folder of the tables")
def tabulate_depth(settings: Depth, folder: Path, output: Path) -> None:
    """Gather the depth experiment into tidy tables: trials and layers."""
    for name, table in gather(settings, folder, settings.jobs()).items():
        write_table(output / f"{name}.parquet", table)


def gather(settings: Depth, folder: Path, jobs: list[tuple[str, str, str, str]]) -> dict[str, pd.DataFrame]:
    """The tables of the given jobs (data set, depth, gain, chunk); α is NaN for the teacher."""
    alphas, tables = settings.alpha_beta_sets(), {}
    for name in TABLES:
        parts = [
            read_table(folder.joinpath(*job[:3], f"{job[3]}_{name}.parquet")).assign(
                data_set=job[0], alpha=alphas.get(job[0], np.nan), depth=int(job[1]), gain=float(job[2])
            )
            for job in jobs
        ]
        table = pd.concat(parts).sort_values(KEYS, kind="stable").reset_index(drop=True)
        tables[name] = table[[*KEYS, *table.columns.difference(KEYS, sort=False)]]
    return tables
