"""The verbs that draw the data sets of experiments 1 and 2, and find, fetch or make the images of 3 and 4."""

from pathlib import Path

import click
import numpy as np

from replication import params
from replication.data import regression, teacher
from replication.data.image_sources import place, prepare
from replication.data.images import CLASSES
from replication.data.settings import ImageSources, RegressionData, TeacherData
from replication.records.io import sha256, write_arrays, write_json
from replication.records.verbs import FILE, PATH, SEED, SIZE, Json, Settings


@click.command()
@click.option("--settings", type=Settings(RegressionData), required=True)
@click.option("--alpha", type=Json(params.Fraction), help="of the data set whose targets are made; none: the points")
@click.option("--beta", type=Json(params.Positive), help="of that data set")
@click.option("--output", type=FILE, required=True)
@click.option("--metadata", type=FILE, required=True)
def generate_regression_data(
    settings: RegressionData, alpha: float | None, beta: float | None, output: Path, metadata: Path
) -> None:
    """The points x of all α/β data sets or, with --alpha and --beta, the targets of one."""
    if (alpha is None) != (beta is None):
        raise params.ParameterError("alpha and beta: allowed are both, for targets, or none, for the points")
    keys = {} if alpha is None else {"alpha": alpha, "beta": beta}
    x = {
        "train": regression.points(settings.points, settings.data_seed),
        "held_out": regression.points(settings.held_out_points, settings.held_out_seed),
    }
    drawn = {split: regression.target(value, **keys) for split, value in x.items()} if keys else x
    axis = "y" if keys else "x"
    write_arrays(output, {f"{axis}_{split}": value.astype(np.float32) for split, value in drawn.items()})
    write_json(
        metadata,
        {
            "what": "f(x) = 1/4 [1 - tanh b(a-1/2)] w.x + 1/4 [1 + tanh b(a-1/2)] x.x, w = (1, 1), x ~ U([-1,1]^2)",
            "drawn": "numpy RandomState(seed).uniform(-1, 1, (points, 2)); targets in float64, stored in float32",
            **settings.model_dump(),
            **keys,
            "sha256": {output.name: sha256(output)},
        },
    )


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
