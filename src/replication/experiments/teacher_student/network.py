"""The networks of experiment 2 that are published: with the paper's penalty, and with one that differs by layer."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from replication.data import teacher
from replication.experiment import Job, Network
from replication.training.trained import network_of, of_trial
from sparcs.metrics import r_squared
from sparcs.network import SpectralNetwork

ENSEMBLES = ("l2", "graded")


def label(keys: Mapping[str, Any]) -> str:
    """The ensemble."""
    return keys["ensemble"] if keys["ensemble"] in ENSEMBLES else ""


def build(parameters: Mapping[str, np.ndarray], job: Job, keys: Mapping[str, Any]) -> tuple[SpectralNetwork, None]:
    """The student of a trial."""
    return network_of(of_trial(parameters, job.trials.index(keys["trial"])), job.settings), None


def points(data: Mapping[str, np.ndarray], settings: Mapping[str, Any], features: None) -> tuple:
    """The test points, both (points, n)."""
    return data["x_test"], data["y_test"]


def draw(data: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """A teacher's points, as ``generate-teacher-data`` stores them."""
    size, points, test_points = (data["settings"][name] for name in ("size", "points", "test_points"))
    return teacher.draw(size, points, test_points, **data["keys"])


NETWORK = Network(
    label=label,
    build=build,
    points=points,
    draw=draw,
    metric="test_r2",
    score=r_squared,
    tolerance=1e-5,
    on="the test points",
    inputs="points x of [−1, 1]ⁿ, n = 20 in the paper, float32 (batch, n)",
)
