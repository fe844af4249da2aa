"""The verbs that draw the data sets of experiments 1 and 2, and find, fetch or make the images of 3 and 4."""

from pathlib import Path

import click
import numpy as np

from replication.data import regression, teacher
from replication.data.image_sources import place, prepare
from replication.data.images import CLASSES
from replication.data.settings import ImageSources, RegressionData, TeacherData
from replication.records.io import sha256, write_arrays, write_json
from replication.records.verbs import FILE, PATH, SEED, SIZE, DataSets, Json, Settings


@click.command()
@click.option("--settings", type=Settings(RegressionData), required=True)
@click.option("--data-sets", type=Json(DataSets), required=True, help="{name: [alpha, beta]}")
@click.option("--folder", type=PATH, required=True)
def generate_regression_data(settings: RegressionData, data_sets: dict, folder: Path) -> None:
    """The α/β family: one x for all data sets, a file of targets for each, held-out points from another seed."""
    x = regression_points(settings)
    write_arrays(folder / "points.safetensors", stored("x", x))
    for name, keys in data_sets.items():
        write_arrays(folder / f"{name}.safetensors", stored("y", regression_targets(x, *keys)))
    names = ["points", *data_sets]
    write_json(
        folder / "metadata.json",
        {
            "what": "f(x) = 1/4 [1 - tanh b(a-1/2)] w.x + 1/4 [1 + tanh b(a-1/2)] x.x, w = (1, 1), x ~ U([-1,1]^2)",
            "drawn": "numpy RandomState(seed).uniform(-1, 1, (points, 2)); targets in float64, stored in float32",
            **settings.model_dump(),
            "data_sets": {name: {"alpha": alpha, "beta": beta} for name, (alpha, beta) in data_sets.items()},
            "sha256": {f"{name}.safetensors": sha256(folder / f"{name}.safetensors") for name in names},
        },
    )


def regression_points(settings: RegressionData) -> dict[str, np.ndarray]:
    """The points of all α/β data sets, float64 (points, 2), of each split."""
    return {
        "train": regression.points(settings.points, settings.data_seed),
        "held_out": regression.points(settings.held_out_points, settings.held_out_seed),
    }


def regression_targets(x: dict[str, np.ndarray], alpha: float, beta: float) -> dict[str, np.ndarray]:
    """f(x) of one data set, float64 (points,), of each split."""
    return {split: regression.target(value, alpha, beta) for split, value in x.items()}


def stored(axis: str, splits: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of all splits in float32 under the names that they have in files."""
    return {f"{axis}_{split}": value.astype(np.float32) for split, value in splits.items()}


@click.command()
@click.option("--settings", type=Settings(TeacherData), required=True)
@click.option("--size", type=SIZE, required=True, help="n of SO(n)")
@click.option("--seed", type=SEED, required=True)
@click.option("--rotations", type=click.IntRange(1, 2), required=True)
@click.option("--output", type=FILE, required=True)
@click.option("--metadata", type=FILE, required=True)
def generate_teacher_data(
    settings: TeacherData, size: int, seed: int, rotations: int, output: Path, metadata: Path
) -> None:
    """A teacher made of rotations, with its training and test points."""
    write_arrays(output, teacher.draw(size, settings.points, settings.test_points, seed, rotations))
    write_json(
        metadata,
        {
            "what": "t(x) = W2 relu(W1 x), W1, W2 in SO(n), x ~ U([-1,1]^n)",
            "drawn": "numpy.random.RandomState(seed): W1, W2 (scipy.stats.special_ortho_group), x_train, x_test",
            **settings.model_dump(),
            "n": size,
            "seed": seed,
            "rotations": rotations,
            "sha256": {output.name: sha256(output)},
        },
    )


@click.command()
@click.argument("name", type=click.Choice(list(CLASSES)))
@click.argument("file", type=PATH, required=False)
@click.option("--settings", type=Settings(ImageSources), required=True)
@click.option("--output", type=FILE, required=True, help="where the record is written")
def prepare_images(name: str, file: Path | None, settings: ImageSources, output: Path) -> None:
    """The record of a data set NAME: its file, the file's SHA-256 and where it came from.

    FILE: that of the images, if it was there when the workflow was planned.
    """
    planned = file is not None and file == place(name, settings)
    write_json(output, prepare(name, settings, output, planned, lambda text: click.echo(text, err=True)))
