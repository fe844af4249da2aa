"""All settings of a run: params.yaml, the overlay of a scale, overrides."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from replication.data.settings import ImageSources
from replication.experiments.baselines.settings import Baselines
from replication.experiments.cells.settings import Cells
from replication.experiments.cifar10.settings import Cifar10
from replication.experiments.cifar100.settings import Cifar100
from replication.experiments.depth.settings import Depth
from replication.experiments.hyperparameters.settings import Hyperparameters
from replication.experiments.regression.settings import Regression, regression_name
from replication.experiments.teacher_student.settings import TeacherStudent
from replication.params.fields import Model, Seed
from replication.params.loading import ParameterError, merge, read_yaml, shown, validate

SCALES = ("smoke", "laptop", "overnight", "paper")


class Settings(Model):
    """Everything that a run depends on, at one scale."""

    scale: Literal["smoke", "laptop", "overnight", "paper"] = Field(description="which overlay of `scales` is used")
    root_seed: Seed = Field(description="the seed from which every trial's seed is derived")
    device: Literal["cpu", "cuda"] = Field(description="where experiments with a torch backend train")
    regression: Regression
    teacher_student: TeacherStudent
    hyperparameters: Hyperparameters
    depth: Depth
    baselines: Baselines
    images: ImageSources
    cifar10: Cifar10
    cifar100: Cifar100
    cells: Cells

    @model_validator(mode="after")
    def _others_have_their_points(self) -> "Settings":
        regression, teacher_student = self.regression, self.teacher_student
        most = {
            "teacher": (teacher_student.points, teacher_student.test_points),
            "alpha_beta": (regression.points, regression.held_out_points),
        }
        for kind, (train, test) in most.items():
            depth, baselines = getattr(self.depth, kind), getattr(self.baselines, kind)
            if depth.trials:
                _at_most(f"depth.{kind}.points", depth.points, train)
                _at_most(f"depth.{kind}.test_points", depth.test_points, test)
            if baselines.trials:
                _at_most(f"baselines.{kind}.points", baselines.points, train)
                _at_most("baselines.test_points", self.baselines.test_points, test)
        return self

    def regression_data_sets(self) -> dict[str, tuple[float, float]]:
        """Names of the α/β data sets of experiment 1 and of all that use others like them, with their (α, β)."""
        others = [(alpha, self.hyperparameters.beta) for alpha in self.hyperparameters.alphas]
        for task in (self.depth.alpha_beta, self.baselines.alpha_beta):
            if task.trials:
                others += [(alpha, task.beta) for alpha in task.alphas]
        return self.regression.data_sets() | {regression_name(*keys): keys for keys in others}

    def sweeps(self) -> dict[str, Regression | TeacherStudent]:
        """The jobs of the sweep: one per kind of penalty on experiment 1, one per kind and ρ on experiment 2.

        They go by name, each with its experiment's settings at that penalty; experiment 1's jobs go through every ρ.
        """
        sweep = self.hyperparameters
        jobs = {f"regression_{kind}": self.regression.with_penalty(penalty=kind) for kind in sweep.penalties}
        if sweep.teacher_trials:
            for kind in sweep.penalties:
                for rho in sweep.rhos:
                    jobs[f"teacher_student_{kind}_{rho!r}"] = self.teacher_student.with_penalty(penalty=kind, rho=rho)
        return jobs


def resolve_settings(base: Mapping, overrides: Mapping | None = None) -> Settings:
    """The settings of a run: ``base`` (params.yaml), its overlay for the chosen scale, then ``overrides``.

    Raises ParameterError with one sentence for the first thing that is wrong.
    """
    if not isinstance(base, Mapping):
        raise ParameterError(f"params.yaml holds a {type(base).__name__}: allowed is a mapping of field names")
    overrides = overrides or {}
    scale = overrides.get("scale", base.get("scale"))
    if scale not in SCALES:
        raise ParameterError(f"scale = {shown(scale)}: allowed are {', '.join(SCALES)}")
    overlays = base.get("scales")
    if not isinstance(overlays, Mapping) or set(overlays) != set(SCALES):
        raise ParameterError(f"scales: allowed is one overlay for each of {', '.join(SCALES)}, and nothing else")
    if not isinstance(overlays[scale], Mapping):
        raise ParameterError(f"scales.{scale} = {shown(overlays[scale])}: allowed is a mapping of field names")
    values = merge({k: v for k, v in base.items() if k != "scales"}, overlays[scale], overrides)
    return validate(Settings, values)


def paper_settings(base: Mapping) -> Settings:
    """The settings at the paper's values."""
    return resolve_settings(base, {"scale": "paper"})


def load_settings(path: Path, overrides: Mapping | None = None) -> Settings:
    """Settings from a params.yaml file, every scale of which must be valid."""
    base = read_yaml(path)
    settings = resolve_settings(base, overrides)
    for scale in SCALES:
        try:
            resolve_settings(base, {"scale": scale})
        except ParameterError as error:
            raise ParameterError(f"scales.{scale}: {error}") from None
    return settings


def _at_most(field: str, value: int, most: int) -> None:
    if value > most:
        raise ValueError(f"{field} = {value}: allowed are at most the {most} of its data")
