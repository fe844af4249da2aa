"""Published trials trained again from their seeds, with the published settings, as their verbs train them."""

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import pandas as pd

from replication import params
from replication.data import images, teacher
from replication.experiments.cells import commands as cells
from replication.experiments.cells.settings import CellSearch
from replication.experiments.cifar10 import commands as cifar10
from replication.experiments.cifar10.settings import Cifar10Trial
from replication.experiments.cifar100 import commands as cifar100
from replication.experiments.cifar100.settings import Cifar100Features, Cifar100Trial
from replication.experiments.depth import commands as depth
from replication.experiments.depth import train as depth_experiment
from replication.experiments.depth.settings import TEACHER, DepthTrial
from replication.experiments.hyperparameters import train as sweep_experiment
from replication.experiments.regression import train as regression_experiment
from replication.experiments.regression.data import regression_arrays
from replication.experiments.regression.settings import RegressionData, RegressionTrial, regression_name
from replication.experiments.settings import Settings
from replication.experiments.teacher_student import commands as teacher_student
from replication.experiments.teacher_student import train as teacher_experiment
from replication.experiments.teacher_student.settings import TeacherTrial, teacher_name
from replication.publish.jobs import modules
from replication.records.io import ArtifactError, read_json, read_table

Row = pd.Series  # of a table of trials
Arrays = dict[str, np.ndarray]


class Run:
    """The published settings, checked experiment by experiment, since one may be older than what it asks for today.

    settings: results/published/settings.json; records: the folder with the records of the images.
    """

    def __init__(self, settings: Path, records: Path) -> None:
        self._settings, self._values, self._records = settings, read_json(settings).get("run", {}), records

    def of(self, name: str) -> Any:
        """One field of the settings. Raises ArtifactError if it is missing, ParameterError if it is not valid."""
        if name not in self._values:
            raise ArtifactError(f"{self._settings} has no settings of the published run: {name} is missing")
        return params.validate(Settings.model_fields[name].annotation, self._values[name])

    @property
    def root_seed(self) -> int:
        """The seed that all others come from."""
        return self.of("root_seed")

    def record(self, data_set: str) -> Path:
        """The record of a data set of images."""
        return self._records / f"{data_set}.json"

    @cached_property
    def features(self) -> Arrays:
        """The pre-trained network's features of CIFAR-100, on which the probes are trained."""
        from replication.data.backbones import pretrained  # these load torch
        from replication.experiments.cifar100 import train as cifar100

        settings = _part(self.of("cifar100"), Cifar100Features)
        return cifar100.features(pretrained(settings.backbone), images.load(self.record("cifar100")), settings, "cpu")

    def alpha_beta(self, alpha: float, beta: float) -> Arrays:
        """One data set of experiment 1."""
        return regression_arrays(_part(self.of("regression"), RegressionData), alpha, beta)

    def teacher(self, seed: int, rotations: int) -> Arrays:
        """One teacher's data set."""
        settings = self.of("teacher_student")
        return teacher.draw(settings.widths[0], settings.points, settings.test_points, seed, rotations)

    def task(self, name: str, alpha: float, beta: float) -> tuple[str, Arrays]:
        """The name in the seeds and the data of a task: experiment 2's teacher, or a data set of experiment 1."""
        if name != TEACHER:
            return name, self.alpha_beta(alpha, beta)
        seed = self.of("teacher_student").data_seed
        return teacher_name(seed, 2), self.teacher(seed, 2)


def _regression(run: Run, row: Row) -> Row:
    settings = _part(run.of("regression"), RegressionTrial)
    data = run.alpha_beta(row["alpha"], row["beta"])
    name = regression_name(row["alpha"], row["beta"])
    seeds = regression_experiment.seeds(run.root_seed, name, [row["trial"]])
    trained = regression_experiment.train(data, seeds, settings, "cpu")
    return regression_experiment.measure(trained, data, settings.active_threshold).assign(seed=seeds).iloc[0]


def _teacher_student(run: Run, row: Row) -> Row:
    settings = _part(run.of("teacher_student").of_ensemble(row["ensemble"]), TeacherTrial)
    name, data = teacher_name(row["teacher"], row["rotations"]), run.teacher(row["teacher"], row["rotations"])
    seeds = teacher_experiment.seeds(run.root_seed, name, [row["trial"]])
    trained = teacher_experiment.train(data, seeds, settings, "cpu")
    return teacher_student.measure_trials(trained, data, settings, [row["trial"]], seeds)["trials"].iloc[0]


def _hyperparameters(run: Run, row: Row) -> Row:
    swept = run.of(row["experiment"]).with_penalty(penalty=row["penalty"], rho=row["rho"])
    if row["experiment"] == "regression":
        keys = row["alpha"], row["beta"]
        data = {keys: (regression_name(*keys), run.alpha_beta(*keys))}
        trial, settings = ([row["rho"]], [row["trial"]], run.root_seed), _part(swept, RegressionTrial)
        return sweep_experiment.sweep_regression(data, *trial, settings, "cpu").iloc[0]
    settings = _part(swept, TeacherTrial)
    name, data = run.task(TEACHER, np.nan, np.nan)
    seeds = teacher_experiment.seeds(run.root_seed, name, [row["trial"]])
    trained = teacher_experiment.train(data, seeds, settings, "cpu")
    return sweep_experiment.teacher_rows(trained, data, seeds, settings).iloc[0]


def _depth(run: Run, row: Row) -> Row:
    experiment = run.of("depth")
    settings = _part(experiment.task_of(row["data_set"]), DepthTrial)
    name, arrays = run.task(row["data_set"], row["alpha"], experiment.alpha_beta.beta)
    data = depth_experiment.used_points(arrays, settings)
    seeds = depth_experiment.seeds(run.root_seed, name, [row["trial"]])
    trained = depth_experiment.train(data, settings, row["depth"], row["gain"], seeds, "cpu")
    return depth.measure_trials(trained, data, settings, [row["trial"]], seeds)["trials"].iloc[0]


def _baselines(run: Run, row: Row) -> Row:
    """Search at every strength of the trial, because some methods search for all of them at once."""
    from replication.experiments.baselines import train as baselines  # loads torch

    experiment = run.of("baselines")
    settings = experiment.of_job(row["task"], row["method"])
    tuned = settings.method.model_copy(update={"options": json.loads(row["options"])})
    _, data = run.task(row["task"], row["alpha"], experiment.alpha_beta.beta)
    settings = settings.model_copy(update={"method": tuned})
    table = baselines.run(data, settings, row["task"], [row["trial"]], run.root_seed)["trials"]
    return table[table["strength"] == row["strength"]].iloc[0]


def _probe(run: Run, row: Row) -> Row:
    from replication.experiments.cifar100 import probes  # loads torch

    settings = run.of("cifar100").probe_trial()
    [seed] = probes.seeds(run.root_seed, [row["trial"]])
    split = probes.split_of(run.features, settings, seed)
    points = {"training_points": len(split.train[1]), "test_points": len(split.test[1])}
    trained = probes.train(row["head"], split, settings, seed)
    return pd.Series({"seed": seed} | points | probes.measure(row["head"], split, settings, seed, trained))


def _cifar10(run: Run, row: Row) -> Row:
    experiment = run.of("cifar10")
    options = {"settings": _part(experiment, Cifar10Trial), "checkpoint_every": experiment.checkpoint_every}
    return _by_verb(cifar10.train_cifar10, run, row, "cifar10", head=row["head"], **options)


def _cifar10_sweep(run: Run, row: Row) -> Row:
    experiment = run.of("cifar10")
    points = {
        (head, point.training.rho, point.training.penalty): point for head, point in experiment.sweep_points().values()
    }
    penalty = experiment.training.penalty if row["head"] == "linear" else row["penalty"]
    settings = _part(points[row["head"], row["rho"], penalty], Cifar10Trial)
    options = {"settings": settings, "checkpoint_every": experiment.checkpoint_every}
    return _by_verb(cifar10.train_cifar10, run, row, "cifar10", head=row["head"], **options)


def _cifar100(run: Run, row: Row) -> Row:
    experiment = run.of("cifar100")
    options = {"settings": _part(experiment, Cifar100Trial), "checkpoint_every": experiment.checkpoint_every}
    return _by_verb(cifar100.train_cifar100, run, row, "cifar100", head=row["head"], **options)


def _cells(run: Run, row: Row) -> Row:
    settings = _part(run.of("cells"), CellSearch)
    return _by_verb(cells.search_cells, run, row, "cifar10", method=row["method"], settings=settings)


def _by_verb(verb: click.Command, run: Run, row: Row, data_set: str, **options: object) -> Row:
    """The row that a verb writes of a trial on images."""
    shared = {"record": run.record(data_set), "trial": int(row["trial"]), "root_seed": run.root_seed, "device": "cpu"}
    with TemporaryDirectory() as folder:
        verb.callback(**shared, **options, output=Path(folder, "again"))
        return read_table(Path(folder, "again_trials.parquet")).iloc[0]


def _part(settings: params.Model, model: type[params.Model]) -> params.Model:
    return params.from_json(model, settings.part(model))


AGAIN: Mapping[str, Callable[[Run, Row], Row]] = {
    "regression": _regression,
    "teacher_student": _teacher_student,
    "hyperparameters": _hyperparameters,
    "depth": _depth,
    "baselines": _baselines,
    "probes": _probe,
    "cifar10": _cifar10,
    "cifar10_sweep": _cifar10_sweep,
    "cifar100": _cifar100,
    "cells": _cells,
}
IMAGES = {  # which images an experiment is on
    "probes": "cifar100",
    "cifar10": "cifar10",
    "cifar10_sweep": "cifar10",
    "cifar100": "cifar100",
    "cells": "cifar10",
}
SETTINGS = {"probes": "cifar100", "cifar10_sweep": "cifar10"}  # whose settings it has, where not its own


def train_again(run: Run, experiment: str, row: Row) -> Row:
    """The measures of a published trial, trained again."""
    return AGAIN[experiment](run, row)


def modules_of(run: Run, experiment: str, row: Row) -> tuple[str, ...]:
    """The modules whose sources a trial depends on."""
    if experiment != "baselines":
        return modules(experiment)
    return modules(experiment, f"replication.baselines.{run.of('baselines').catalogue[row['method']].search}")
