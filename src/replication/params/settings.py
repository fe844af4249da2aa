"""All settings of a run, and how params.yaml, a scale's overlay and overrides are merged into them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator
from yaml.constructor import ConstructorError

from replication.params.baselines import Rivals
from replication.params.cells import NasBench
from replication.params.cifar10 import Cifar10
from replication.params.cifar100 import Cifar100
from replication.params.depth import Depth
from replication.params.experiments import Hyperparameters, Regression, TeacherStudent, regression_name
from replication.params.fields import Model, Seed
from replication.params.images import ImageSources

UNREADABLE = (yaml.YAMLError, ValueError, RecursionError)  # a date or a number that is none, too deep a nesting
SCALES = ("smoke", "laptop", "overnight", "paper")


class ParameterError(ValueError):
    """One sentence about a setting: its field, its value and what is allowed."""

    def __init__(self, sentence: str) -> None:
        super().__init__(" ".join(sentence.split()))


class _Loader(yaml.SafeLoader):
    """YAML without aliases, which can make a small file large without bound, and with no key twice."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The next node; raises ConstructorError if it is an alias."""
        if self.check_event(yaml.AliasEvent):
            alias = self.peek_event()
            raise ConstructorError(None, None, f"allowed is no alias (*{alias.anchor})", alias.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """The mapping; raises ConstructorError if a key stands there twice."""
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            raise ConstructorError(None, None, "a key stands twice in one mapping", node.start_mark)
        return mapping


class Settings(Model):
    """Everything that a run depends on, at one scale."""

    scale: Literal["smoke", "laptop", "overnight", "paper"] = Field(description="which overlay of `scales` is used")
    root_seed: Seed = Field(description="the seed from which every trial's seed is derived")
    device: Literal["cpu", "cuda"] = Field(description="where experiments with a torch backend train")
    regression: Regression
    teacher_student: TeacherStudent
    hyperparameters: Hyperparameters
    depth: Depth
    rivals: Rivals
    images: ImageSources
    cifar10: Cifar10
    cifar100: Cifar100
    nasbench: NasBench

    @model_validator(mode="after")
    def _others_have_their_points(self) -> "Settings":
        one, two = self.regression, self.teacher_student
        most = {"teacher": (two.points, two.test_points), "alpha_beta": (one.points, one.held_out_points)}
        for kind, (train, test) in most.items():
            depth, rivals = getattr(self.depth, kind), getattr(self.rivals, kind)
            if depth.trials:
                _at_most(f"depth.{kind}.points", depth.points, train)
                _at_most(f"depth.{kind}.test_points", depth.test_points, test)
            if rivals.trials:
                _at_most(f"rivals.{kind}.points", rivals.points, train)
                _at_most("rivals.test_points", self.rivals.test_points, test)
        return self

    def regression_data_sets(self) -> dict[str, tuple[float, float]]:
        """Names of the α/β data sets of experiment 1 and of all that use others like them, with their (α, β)."""
        others = [(alpha, self.hyperparameters.beta) for alpha in self.hyperparameters.alphas]
        for task in (self.depth.alpha_beta, self.rivals.alpha_beta):
            if task.trials:
                others += [(alpha, task.beta) for alpha in task.alphas]
        return self.regression.data_sets() | {regression_name(*keys): keys for keys in others}

    def sweeps(self) -> dict[str, Regression | TeacherStudent]:
        """The jobs of the sweep: one per kind of penalty on experiment 1, one per kind and ρ on experiment 2.

        By name, each with its experiment's settings at that penalty; experiment 1's jobs go through every ρ.
        """
        sweep = self.hyperparameters
        jobs = {f"regression_{kind}": self.regression.with_penalty(penalty=kind) for kind in sweep.penalties}
        if sweep.teacher_trials:
            for kind in sweep.penalties:
                for rho in sweep.rhos:
                    jobs[f"teacher_student_{kind}_{rho!r}"] = self.teacher_student.with_penalty(penalty=kind, rho=rho)
        return jobs


def merge(base: Mapping, *overlays: Mapping) -> dict:
    """Nested mappings merged leaf by leaf, later ones first; anything but a mapping is replaced whole."""
    merged = dict(base)
    for overlay in overlays:
        for key, value in overlay.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = merge(merged[key], value) if both else value
    return merged


def typed(value: Any) -> Any:
    """Overrides with numbers for numbers: Snakemake's --config hands every nested leaf on as text."""
    if isinstance(value, Mapping):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    if not isinstance(value, str):
        return value
    try:
        return _parsed(value)
    except UNREADABLE:
        return value


def resolve(base: Mapping, overrides: Mapping | None = None) -> Settings:
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
    return resolve(base, {"scale": "paper"})


def validate(kind: Any, values: Any) -> Any:
    """A model or another type made from ``values``; raises ParameterError, one sentence, for the first mistake."""
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise ParameterError(_sentence(error.errors()[0])) from None


def from_json(kind: Any, text: str) -> Any:
    """A model or another type from its JSON text, as a rule passes it to a command."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ParameterError(f"{shown(text)} is not JSON: {error}") from None
    return validate(kind, values)


def load(path: Path, overrides: Mapping | None = None) -> Settings:
    """Settings from a params.yaml file, every scale of which must be valid."""
    base = read_yaml(path)
    settings = resolve(base, overrides)
    for scale in SCALES:
        try:
            resolve(base, {"scale": scale})
        except ParameterError as error:
            raise ParameterError(f"scales.{scale}: {error}") from None
    return settings


def read_yaml(path: Path) -> Any:
    """The file's content; raises ParameterError if it can't be read as YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} cannot be read: {error}") from None
    try:
        return _parsed(text)
    except UNREADABLE as error:
        raise ParameterError(f"{path} is not valid YAML: {error}") from None


def shown(value: Any) -> str:
    """A value as it stands in a sentence: its first characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _parsed(text: str) -> Any:
    return _Loader(text).get_single_data()


def _at_most(field: str, value: int, most: int) -> None:
    if value > most:
        raise ValueError(f"{field} = {value}: allowed are at most the {most} of its data")


def _sentence(error: Mapping) -> str:
    field = ".".join(map(str, error["loc"])) or "params"
    if error["type"] == "extra_forbidden":
        return f"{field} is an unknown field (see `python -m replication describe-params` for those allowed)"
    if error["type"] == "missing":
        return f"{field} is missing"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error" and not isinstance(error["input"], (int, float, str, bool)):
        return f"{field}: {message}"
    return f"{field} = {shown(error['input'])}: {message[0].lower()}{message[1:]}"
