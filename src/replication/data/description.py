"""The data of an experiment, in words."""

from collections.abc import Mapping

import pandas as pd

from replication.experiment import Experiment

OFFICIAL_IMAGES = 60_000
GENERATED = "generated: "  # begins what no data set of images is
SHIPPED = "shipped by "  # begins what packages bring


def data_of(experiment: Experiment, trials: pd.DataFrame, run: Mapping) -> str:
    """The data that an experiment's trials were trained on, empty if it does not say; run: nested settings."""
    if not experiment.trained_on:
        return ""
    if not experiment.trained_on.startswith((GENERATED, SHIPPED)):
        return _images(experiment.trained_on, trials)
    points = run.get(experiment.name, {}).get("points")
    return f"{experiment.trained_on}, {points:,} points" if points else experiment.trained_on


def _images(name: str, trials: pd.DataFrame) -> str:
    if trials.empty:
        return ""
    if trials["stand_in"].any():
        return f"stand-in images, not {name}"
    count = int(trials["approximate_images"].max()) if "approximate_images" in trials else 0  # CIFAR-100 has none
    return f"{name}, {count or 'no'} image{'s' * (count > 1)} of {OFFICIAL_IMAGES:,} marked as approximate"
