"""The networks of experiment 1 that are published: at β = 5, for α = 0, ½ and 1."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from replication.data import regression
from replication.experiment import Job, Network
from replication.training.trained import network_of, of_trial
from sparcs.metrics import r_squared
from sparcs.network import SpectralNetwork

ALPHAS, BETA = (0, 0.5, 1), 5


def label(keys: Mapping[str, Any]) -> str:
    """The degree of non-linearity."""
    return f"alpha{keys['alpha']:g}" if keys["beta"] == BETA and keys["alpha"] in ALPHAS else ""


def build(parameters: Mapping[str, np.ndarray], job: Job, keys: Mapping[str, Any]) -> tuple[SpectralNetwork, None]:
    """The network of a trial."""
    return network_of(of_trial(parameters, job.trials.index(keys["trial"])), job.settings), None


def points(data: Mapping[str, np.ndarray], settings: Mapping[str, Any], features: None) -> tuple:
    """The held-out points, (points, 2) and (points, 1)."""
    return data["x_held_out"], data["y_held_out"][:, None]


def draw(data: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The held-out points of a data set, as ``generate-regression-data`` stores them."""
    settings = data["settings"]
    x = regression.points(settings["held_out_points"], settings["held_out_seed"])
    return {"x_held_out": np.float32(x), "y_held_out": np.float32(regression.target(x, **data["keys"]))}


NETWORK = Network(
    label=label,
    build=build,
    points=points,
    draw=draw,
    metric="r2",
    score=r_squared,
    tolerance=1e-5,
    on="the held-out points",
    inputs="points x of [−1, 1]², float32 (batch, 2)",
)
