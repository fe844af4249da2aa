"""The experiments, a room each: what it declares, its settings, training, claims, figures, findings, report."""

from importlib import import_module

from replication.experiment import Experiment
from replication.params.loading import ParameterError

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
    "tabular",
    "choosing",
)


def declared(name: str) -> Experiment:
    """What an experiment's folder declares. Raises ParameterError, naming the folder, if that can't be read."""
    try:
        return import_module(f"{__name__}.{name}").EXPERIMENT
    except Exception as error:  # a broken file may raise anything
        sentence = f"src/replication/experiments/{name} declares no experiment: {type(error).__name__}: {error}"
        raise ParameterError(sentence) from error


EXPERIMENTS: dict[str, Experiment] = {name: declared(name) for name in NAMES}
