"""The data of an experiment, in words."""

from collections.abc import Mapping

import pandas as pd

OFFICIAL_IMAGES = 60_000
IMAGES = {
    "cifar10": "CIFAR-10",
    "cifar10_sweep": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "cells": "CIFAR-10",
}
GENERATED = {
    "theory": "generated: random networks",
    "regression": "generated: α/β family",
    "teacher_student": "generated: rotations as teacher",
    "baselines": "generated: as in experiments 1 and 2",
    "hyperparameters": "generated: as in experiments 1 and 2",
    "depth": "generated: as in experiments 1 and 2",
}


def data_of(experiment: str, trials: pd.DataFrame, run: Mapping) -> str:
    """The data that an experiment's trials were trained on; run: the settings as nested mappings."""
    if experiment in IMAGES:
        return _images(IMAGES[experiment], trials)
    text = GENERATED[experiment]
    return f"{text}, {run[experiment]['points']:,} points" if experiment in ("regression", "teacher_student") else text


def _images(name: str, trials: pd.DataFrame) -> str:
    if trials.empty:
        return ""
    if trials["stand_in"].any():
        return f"stand-in images, not {name}"
    count = int(trials["approximate_images"].max()) if "approximate_images" in trials else 0  # CIFAR-100 has none
    return f"{name}, {count or 'no'} image{'s' * (count > 1)} of {OFFICIAL_IMAGES:,} marked as approximate"
