"""The experiments, a room each: what it declares, its settings, training, claims, figures, prose."""

from importlib import import_module

from replication.experiment import Experiment

NAMES = (  # in the paper's order, then those beyond it
    "theory",
    "regression",
    "teacher_student",
    "hyperparameters",
    "depth",
    "baselines",
    "cifar10",
    "cifar100",
    "cells",
)
EXPERIMENTS: dict[str, Experiment] = {name: import_module(f"{__name__}.{name}").EXPERIMENT for name in NAMES}
