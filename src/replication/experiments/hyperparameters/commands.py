"""Verbs of the sweep over kinds and strengths of the penalty."""

from pathlib import Path
from typing import Annotated

import click
import pandas as pd
from pydantic import Field

from replication.experiments.hyperparameters import train as hyperparameters
from replication.experiments.regression.commands import read_data
from replication.experiments.regression.settings import RegressionTrial
from replication.experiments.teacher_student import train as teacher_student
from replication.experiments.teacher_student.commands import read_teacher
from replication.experiments.teacher_student.settings import TeacherTrial
from replication.params.fields import NonNegative
from replication.records.io import ArtifactError, read_table, sha256, write_table
from replication.records.verbs import (
    COUNT,
    FILE,
    INPUT,
    DataSets,
    Json,
    Settings,
    device_option,
    progress,
    recorded,
    report_divergence,
    root_seed_option,
    sidecar,
    sizes,
)


@click.command()
@click.option("--folder", type=INPUT, required=True, help="folder of experiment 1's data sets")
@click.option("--data-sets", type=Json(DataSets), required=True, help="{name: [alpha, beta]}")
@click.option("--rhos", type=Json(Annotated[list[NonNegative], Field(min_length=1)]), required=True)
@click.option("--trials", type=COUNT, required=True)
@click.option("--settings", type=Settings(RegressionTrial), required=True)
@root_seed_option
@device_option
@click.option("--output", type=FILE, required=True)
def sweep_regression(
    folder: Path,
    data_sets: dict,
    rhos: list[float],
    trials: int,
    settings: RegressionTrial,
    root_seed: int,
    device: str,
    output: Path,
) -> None:
    """Experiment 1 at one kind of penalty and several strengths."""
    points = folder / "points.safetensors"
    read = {(*keys,): (name, read_data(points, folder / f"{name}.safetensors")) for name, keys in data_sets.items()}
    total = len(read) * len(rhos) * trials
    inputs = [points, *(folder / f"{name}.safetensors" for name in data_sets)]
    with recorded(sidecar(output), settings, root_seed, device, total, inputs, sha256(points)):
        with progress(total * settings.training.epochs, settings.training.penalty) as on_epoch:
            table = hyperparameters.sweep_regression(read, rhos, range(trials), root_seed, settings, device, on_epoch)
        for (alpha, rho), rows in table.groupby(["alpha", "rho"]):
            if (rows["diverged_epoch"] >= 0).any():
                click.echo(f"alpha = {alpha}, rho = {rho}:", err=True)
                report_divergence(rows["trial"], rows["seed"], rows["diverged_epoch"].to_numpy())
        write_table(output, table)


@click.command()
@click.option("--teacher", type=INPUT, required=True)
@click.option("--trials", type=COUNT, required=True)
@click.option("--settings", type=Settings(TeacherTrial), required=True)
@root_seed_option
@device_option
@click.option("--output", type=FILE, required=True)
def sweep_teacher_student(
    teacher: Path, trials: int, settings: TeacherTrial, root_seed: int, device: str, output: Path
) -> None:
    """Experiment 2 at one kind and strength of penalty."""
    data = read_teacher(teacher, settings)
    seeds = teacher_student.seeds(root_seed, teacher.stem, range(trials))
    with recorded(sidecar(output), settings, root_seed, device, trials, [teacher], sizes(data)):
        with progress(trials * settings.training.epochs, settings.training.penalty) as on_epoch:
            trained = teacher_student.train(data, seeds, settings, device, on_epoch)
        report_divergence(range(trials), seeds, trained.diverged_epoch)
        table = hyperparameters.teacher_rows(trained, data, seeds, settings)
        write_table(output, table)


@click.command()
@click.argument("tables", nargs=-1, type=INPUT, required=True)
@click.option("--output", type=FILE, required=True)
def tabulate_hyperparameters(tables: tuple[Path, ...], output: Path) -> None:
    """Gather the sweep into one tidy table."""
    order = ["experiment", "penalty", "rho", "alpha", "beta", "trial"]
    read = {path: read_table(path) for path in tables}
    for path, table in read.items():
        if missing := [name for name in order if name not in table]:
            raise ArtifactError(f"{path} is not a table of the sweep: {missing[0]} is missing")
    write_table(output, pd.concat(read.values()).sort_values(order).reset_index(drop=True))
