"""Published networks of experiment 2, loaded and evaluated anew in the report."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open

from replication.data import teacher
from sparcs import SpectralNetwork
from sparcs.metrics import bundles_of, forward

Points = tuple[np.ndarray, np.ndarray]
BLOCK = 1000  # points at a time


def published_network(published: str | Path, ensemble: str) -> tuple[SpectralNetwork, Points] | None:
    """A network of an ensemble and its teacher's test points, (points, n) each; None if none is published.

    The points are drawn again from what the network's card says of its data.
    """
    path = Path(published) / "networks" / f"teacher_student_{ensemble}.safetensors"
    if not path.exists():
        return None
    with safe_open(path, framework="numpy") as file:
        data = json.loads(file.metadata()["card"])["data"]
    size, *counts = (data["settings"][name] for name in ("size", "points", "test_points"))
    drawn = teacher.draw(size, *counts, **data["keys"])
    return SpectralNetwork.load(path), (drawn["x_test"], drawn["y_test"])


def loss(phi: Sequence[np.ndarray], lam: Sequence[np.ndarray], points: Points, deleted: int | None = None) -> float:
    """Mean squared error on points, with a hidden layer deleted in weight space, removal (ii), if one is named."""
    x, y = points
    bundles = bundles_of(phi, lam)
    keep = {} if deleted is None else {deleted: np.zeros(len(lam[deleted - 1]))}
    outputs = [forward(bundles, x[k : k + BLOCK], keep) for k in range(0, len(x), BLOCK)]
    return float(np.square(y - np.concatenate(outputs), dtype=np.float64).mean())


def without_eigenvalues(lam: Sequence[np.ndarray], layer: int) -> list[np.ndarray]:
    """λ with those of a layer set to 0: removal (i). It changes skips too, and closes no neuron if others stay."""
    return [np.zeros_like(block) if k == layer else block for k, block in enumerate(lam, start=1)]
