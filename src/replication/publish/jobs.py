"""The training jobs of a run: what their files are called, their trials, and what they depend on."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from replication.experiments.baselines.settings import Baselines
from replication.experiments.cells.settings import CellSearch
from replication.experiments.cifar10.settings import Cifar10, Cifar10Trial
from replication.experiments.cifar100.settings import Cifar100, Cifar100Trial
from replication.experiments.depth.settings import Depth, DepthTrial
from replication.experiments.regression.settings import Regression, RegressionData, RegressionTrial
from replication.experiments.settings import Settings
from replication.experiments.teacher_student.settings import TeacherData, TeacherStudent, TeacherTrial, teacher_parts

TABLES = {  # ends of a job's tables, and the published ones that hold their rows
    "regression": {"": "regression/trials"},
    "teacher_student": {f"_{name}": f"teacher_student/{name}" for name in ("trials", "eigenvalues", "pruning")},
    "hyperparameters": {"": "hyperparameters/trials"},
    "depth": {f"_{name}": f"depth/{name}" for name in ("trials", "layers")},
    "baselines": {f"_{name}": f"baselines/{name}" for name in ("trials", "costs", "history")},
    "tuning": {"": "baselines/tuning"},
    "cifar10": {f"_{name}": f"cifar10/{name}" for name in ("trials", "epochs", "eigenvalues", "costs")},
    "cifar10_sweep": {"_trials": "cifar10_sweep/trials"},
    "cifar100": {f"_{name}": f"cifar100/{name}" for name in ("trials", "eigenvalues", "losses", "costs")},
    "probes": {"": "cifar100/probes"},
    "cells": {f"_{name}": f"cells/{name}" for name in ("trials", "history", "costs")},
}
FOLDERS = {"hyperparameters": "hyperparameters/sweeps", "tuning": "baselines/tuning", "probes": "cifar100/probes"}
VERBS = {  # in whose room they are
    "tuning": "baselines",
    "cifar10_sweep": "cifar10",
    "probes": "cifar100",
}
# on data that the run generates
GENERATED = {"regression", "teacher_student", "hyperparameters", "depth", "baselines", "tuning"}


class Job(NamedTuple):
    """A training job.

    key: its name among those of its kind, part by part; where: columns of the tables, and the values of its rows;
    settings: what it is made from, as JSON; modules: whose sources its result depends on.
    """

    kind: str
    key: tuple
    where: dict[str, list]
    settings: str
    modules: tuple[str, ...]

    @property
    def stem(self) -> str:
        """The stem of its files, below results/<scale>."""
        folder = FOLDERS.get(self.kind, f"{self.kind}/trials")
        return "/".join([folder, *map(str, self.key)])

    @property
    def record(self) -> str:
        """The file that says what its result was made from."""
        return f"{self.stem}.provenance.json"

    def files(self) -> dict[str, str]:
        """Its tables below results/<scale>, with the published tables that hold their rows."""
        return {f"{self.stem}{end}.parquet": f"{table}.parquet" for end, table in TABLES[self.kind].items()}

    def alike(self) -> tuple:
        """The same for jobs of one kind that differ in their trials alone."""
        others = sorted((name, tuple(values)) for name, values in self.where.items() if name != "trial")
        return self.kind, *others


def data_of(run: Mapping[str, Any]) -> tuple:
    """The settings from which a run's data are generated; its jobs say which teacher each of them has.

    run: its settings, as plain values; older ones may lack some.
    """
    regression, teacher_student = run["regression"], run["teacher_student"]
    points = [regression.get(name) for name in RegressionData.model_fields]
    return (
        *points,
        *[teacher_student.get(name) for name in TeacherData.model_fields],
        teacher_student["data_seed"],
        teacher_student["widths"][0],
    )


def jobs(run: Settings) -> Iterator[Job]:
    """The jobs of a run, experiment by experiment."""
    yield from _regression(run.regression)
    yield from _teacher_student(run.teacher_student)
    yield from _sweeps(run)
    yield from _depth(run.depth)
    yield from _baselines(run.baselines)
    yield from _cifar10(run.cifar10)
    yield from _cifar100(run.cifar100)
    for method, trial in run.cells.jobs():
        settings = run.cells.part(CellSearch)
        yield _job("cells", (method, trial), {"method": [method], "trial": [trial]}, settings)


def _regression(regression: Regression) -> Iterator[Job]:
    for name, (alpha, beta) in regression.data_sets().items():
        for chunk in regression.chunks():
            where = {"alpha": [alpha], "beta": [beta], "trial": _trials(chunk)}
            yield _job("regression", (name, chunk), where, regression.part(RegressionTrial))


def _teacher_student(teacher_student: TeacherStudent) -> Iterator[Job]:
    for (ensemble, teacher, chunk), trials in teacher_student.jobs().items():
        seed, rotations = teacher_parts(teacher)
        where = {"ensemble": [ensemble], "teacher": [seed], "rotations": [rotations], "trial": trials}
        settings = teacher_student.of_ensemble(ensemble).part(TeacherTrial)
        yield _job("teacher_student", (ensemble, teacher, chunk), where, settings)


def _sweeps(run: Settings) -> Iterator[Job]:
    """The jobs of the sweep: one per penalty on experiment 1, one per penalty and strength on experiment 2."""
    sweep = run.hyperparameters
    for name, settings in run.sweeps().items():
        training = settings.training
        if isinstance(settings, Regression):
            swept = {"experiment": ["regression"], "rho": sweep.rhos, "alpha": sweep.alphas}
            trials, part = sweep.trials, settings.part(RegressionTrial)
        else:
            swept = {"experiment": ["teacher_student"], "rho": [training.rho]}
            trials, part = sweep.teacher_trials, settings.part(TeacherTrial)
        where = {**swept, "penalty": [training.penalty], "trial": list(range(trials))}
        yield _job("hyperparameters", (name,), where, part)


def _depth(depth: Depth) -> Iterator[Job]:
    for data_set, layers, gain, chunk in depth.jobs():
        where = {"data_set": [data_set], "depth": [int(layers)], "gain": [float(gain)], "trial": _trials(chunk)}
        settings = depth.task_of(data_set).part(DepthTrial)
        yield _job("depth", (data_set, layers, gain, chunk), where, settings)


def _baselines(baselines: Baselines) -> Iterator[Job]:
    for data_set, method, chunk in baselines.jobs():
        settings = baselines.of_job(data_set, method)
        where = {"task": [data_set], "method": [method], "strength": settings.strengths, "trial": _trials(chunk)}
        search = f"replication.baselines.{settings.method.search}"
        yield _job("baselines", (data_set, method, chunk), where, settings.model_dump_json(), search)
    for data_set, method in baselines.tuning_jobs():
        settings, where = baselines.of_job(data_set, method), {"task": [data_set], "method": [method]}
        search = f"replication.baselines.{settings.method.search}"
        yield _job("tuning", (data_set, method), where, settings.model_dump_json(), search)


def _cifar10(cifar10: Cifar10) -> Iterator[Job]:
    for head, trial in cifar10.jobs():
        where = {"head": [head], "trial": [trial]}
        yield _job("cifar10", (head, trial), where, cifar10.part(Cifar10Trial))
    for point, trial in cifar10.sweep_jobs():
        head, settings = cifar10.sweep_points()[point]
        training = settings.training
        penalty = "none" if head == "linear" else training.penalty
        where = {"head": [head], "penalty": [penalty], "rho": [training.rho], "trial": [trial]}
        yield _job("cifar10_sweep", (point, trial), where, settings.part(Cifar10Trial))


def _cifar100(cifar100: Cifar100) -> Iterator[Job]:
    for head, trial in cifar100.jobs():
        where = {"head": [head], "trial": [trial]}
        yield _job("cifar100", (head, trial), where, cifar100.part(Cifar100Trial))
    for chunk in cifar100.probes.chunks():
        where = {"head": ["linear", "spectral", "mlp"], "trial": _trials(chunk)}
        yield _job("probes", (chunk,), where, cifar100.probe_trial().model_dump_json())


def modules(kind: str, *searches: str) -> tuple[str, ...]:
    """The modules whose sources a job's result depends on; searches: those of the methods that it runs."""
    experiments = "replication.experiments"
    data = [f"{experiments}.{name}.data" for name in ("regression", "teacher_student")] if kind in GENERATED else []
    return f"{experiments}.{VERBS.get(kind, kind)}.commands", *searches, *data


def _job(kind: str, key: tuple, where: dict, settings: str, *searches: str) -> Job:
    return Job(kind, key, where, settings, modules(kind, *searches))


def _trials(chunk: str) -> list[int]:
    first, last = map(int, chunk.split("-"))
    return list(range(first, last + 1))
