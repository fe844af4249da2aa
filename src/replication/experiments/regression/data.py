"""The verb that draws the data sets of experiment 1."""

from pathlib import Path

import click
import numpy as np

from replication.data import regression
from replication.experiments.regression.settings import RegressionData
from replication.records.io import sha256, write_arrays, write_json
from replication.records.verbs import PATH, DataSets, Json, Settings


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


def regression_arrays(settings: RegressionData, alpha: float, beta: float) -> dict[str, np.ndarray]:
    """x_train, x_held_out, y_train, y_held_out of one α/β data set, as its files hold them."""
    x = regression_points(settings)
    return stored("x", x) | stored("y", regression_targets(x, alpha, beta))


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
