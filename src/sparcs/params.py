"""The model of params.yaml: every field with its table, its meaning and what it allows.

Three layers make the settings of a run: the paper's values, the scale's overlay, the command line's overrides.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

SCALES = ("smoke", "laptop", "overnight", "paper")


class ParameterError(ValueError):
    """One sentence about a setting: its field, its value and what is allowed."""


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
CountOrZero = Annotated[int, Field(strict=True, ge=0, le=10**9)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]
Real = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Positive = Annotated[Real, Field(gt=0)]
NonNegative = Annotated[Real, Field(ge=0)]
Fraction = Annotated[Real, Field(ge=0, le=1)]
Penalty = Literal["l2", "l1", "l2_squared"]
Widths = Annotated[list[Count], Field(min_length=2)]


class Model(BaseModel):
    """Frozen, and no unknown key is accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainingSettings(Model):
    """The rows that Tables 3, 4 and 5 share."""

    epochs: Count = Field(description="passes over the training points")
    batch_size: Count = Field(description="points per optimiser step; the last, smaller batch is kept")
    learning_rate: Positive = Field(description="Adam's step size")
    penalty: Penalty = Field(description="Ω of (4.4): l2 is the unsquared norm per layer")
    rho: NonNegative = Field(description="strength ρ of the penalty in (4.4)")
    train_input_eigenvalues: bool = Field(description="train and penalise λ_1 too (experiment 1), or fix it at 0")


class Part(Model):
    """A settings class of which a job is given only a part: the leaves that its result depends on."""

    def part(self, model: type[Model]) -> str:
        """JSON text of the fields of ``model``, a base class of this one."""
        return self.model_dump_json(include=set(model.model_fields))

    def with_penalty(self, **changes: object) -> Self:
        """These settings with another penalty or ρ."""
        return self.model_copy(update={"training": self.training.model_copy(update=changes)})


class RegressionData(Model):
    """What the data sets of experiment 1 depend on."""

    points: Count = Field(description="training points, one x shared by all data sets")
    data_seed: Seed = Field(description="NumPy legacy seed of the training points")
    held_out_points: Count = Field(description="points to measure on")
    held_out_seed: Seed = Field(description="NumPy legacy seed of the held-out points")

    @model_validator(mode="after")
    def _seeds_differ(self) -> "RegressionData":
        if self.held_out_seed == self.data_seed:
            raise ValueError(f"held_out_seed = {self.held_out_seed}: it must differ from data_seed")
        return self


class RegressionTrial(Model):
    """What one trial of experiment 1 depends on, apart from its data set and its seed."""

    widths: Widths = Field(description="N_1, N_2, N_3 without the bias neuron: 2, any, 1")
    bias: Literal[True] = Field(description="a constant-1 neuron in the input layer; this experiment always has it")
    training: TrainingSettings
    backend: Literal["auto", "kernel", "torch"] = Field(
        description="kernel: fused, CPU only; torch: any device; auto: kernel on the CPU, torch elsewhere"
    )
    active_threshold: Positive = Field(description="path norm above which a hidden neuron counts as active")

    @model_validator(mode="after")
    def _widths_fit(self) -> "RegressionTrial":
        if len(self.widths) != 3 or self.widths[0] != 2 or self.widths[-1] != 1:
            raise ValueError(f"widths = {self.widths}: allowed are three layers, 2 inputs and 1 output")
        return self


class Regression(RegressionData, RegressionTrial, Part):
    """Experiment 1, the α/β family (Table 3)."""

    alphas: Annotated[list[Fraction], Field(min_length=1)] = Field(description="degrees of non-linearity α, distinct")
    betas: Annotated[list[Positive], Field(min_length=1)] = Field(description="sharpness β of the transition, distinct")
    trials: Count = Field(description="independent trainings per data set")
    chunk: Count = Field(description="trials per job; results do not depend on it")

    @model_validator(mode="after")
    def _fits(self) -> "Regression":
        _distinct("alphas", self.alphas)
        _distinct("betas", self.betas)
        _distinct_names("alphas, betas", [regression_name(alpha, beta) for beta in self.betas for alpha in self.alphas])
        return self

    def data_sets(self) -> dict[str, tuple[float, float]]:
        """Names of the data sets with their (α, β)."""
        return {regression_name(alpha, beta): (alpha, beta) for beta in self.betas for alpha in self.alphas}

    def chunks(self) -> list[str]:
        """Names of the jobs of one data set."""
        return chunk_names(range(self.trials), self.chunk)


class Ensemble(Model):
    """Trials of experiment 2 that share a penalty and a kind of teacher."""

    trials: CountOrZero = Field(description="independent trainings; 0 leaves the ensemble out")
    new_teacher_every: CountOrZero = Field(
        description="m: every m-th trial gets a teacher of its own, the others the paper's; 0: none does"
    )
    penalty: Penalty | None = Field(None, description="instead of training.penalty")
    rho: NonNegative | None = Field(None, description="instead of training.rho")
    rotations: Literal[1, 2] = Field(2, description="2: W¹ and W² are drawn apart; 1: one matrix serves as both")


class TeacherData(Model):
    """What a teacher's data set depends on, apart from its seed and number of rotations."""

    points: Count = Field(description="training points")
    test_points: Count = Field(description="held-out points, those for choosing included")


class TeacherTrial(Model):
    """What one trial of experiment 2 depends on, apart from its teacher and its seed."""

    widths: Widths = Field(description="N_1 … N_4; input and output are n of SO(n)")
    bias: Literal[False] = Field(description="no bias neuron in this experiment")
    training: TrainingSettings
    selection_points: Count = Field(description="held-out points on which pruning is chosen; the rest report")
    loss_budget: Positive = Field(description="relative increase of the loss that pruning may cost")

    @model_validator(mode="after")
    def _widths_fit(self) -> "TeacherTrial":
        if len(self.widths) != 4 or self.widths[0] != self.widths[-1] or self.widths[0] < 2:
            raise ValueError(f"widths = {self.widths}: allowed are four layers with input = output >= 2")
        if self.training.train_input_eigenvalues:
            raise ValueError("training.train_input_eigenvalues = true: allowed is false in this experiment")
        return self


class TeacherStudent(TeacherData, TeacherTrial, Part):
    """Experiment 2, the SO(n) teacher (Table 4)."""

    data_seed: Seed = Field(description="NumPy legacy seed of the paper's teacher and points; others count up from it")
    linear_teachers: Count = Field(description="teachers on which linear regression is tried (claim D1)")
    chunk: Count = Field(description="trials per job; results do not depend on it")
    ensembles: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Ensemble], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits(self) -> "TeacherStudent":
        if not any(ensemble.trials for ensemble in self.ensembles.values()):
            raise ValueError("ensembles: allowed is at least one with trials > 0")
        if self.selection_points >= self.test_points:
            raise ValueError(f"selection_points = {self.selection_points}: allowed are fewer than test_points")
        return self

    def of_ensemble(self, ensemble: str) -> "TeacherStudent":
        """These settings with the penalty of one ensemble."""
        chosen = self.ensembles[ensemble]
        changes = {"penalty": chosen.penalty, "rho": chosen.rho}
        return self.with_penalty(**{name: value for name, value in changes.items() if value is not None})

    def teacher_of(self, ensemble: str, trial: int) -> str:
        """Name of the teacher that a trial learns from."""
        chosen = self.ensembles[ensemble]
        own = chosen.new_teacher_every > 0 and trial % chosen.new_teacher_every == chosen.new_teacher_every - 1
        return teacher_name(self.data_seed + (trial + 1 if own else 0), chosen.rotations)

    def jobs(self) -> dict[tuple[str, str, str], list[int]]:
        """(ensemble, teacher, chunk) of every job, with its trials."""
        jobs = {}
        for name, ensemble in self.ensembles.items():
            of_teacher: dict[str, list[int]] = {}
            for trial in range(ensemble.trials):
                of_teacher.setdefault(self.teacher_of(name, trial), []).append(trial)
            for teacher, trials in of_teacher.items():
                for k in range(0, len(trials), self.chunk):
                    part = trials[k : k + self.chunk]
                    jobs[name, teacher, "-".join(map(str, part))] = part
        return jobs


class Hyperparameters(Model):
    """The sweep behind claim G1: penalty kinds × strengths."""

    alphas: Annotated[list[Fraction], Field(min_length=1)] = Field(description="α of the data sets of experiment 1")
    beta: Positive = Field(description="β of the data sets of experiment 1")
    penalties: Annotated[list[Penalty], Field(min_length=1)] = Field(description="kinds of Ω")
    rhos: Annotated[list[NonNegative], Field(min_length=1)] = Field(description="strengths ρ, distinct")
    trials: Count = Field(description="trials of experiment 1 for each kind, ρ and α")
    teacher_trials: CountOrZero = Field(description="trials of experiment 2 for each kind and ρ; 0 leaves it out")

    @model_validator(mode="after")
    def _fits(self) -> "Hyperparameters":
        for name in ("alphas", "penalties", "rhos"):
            _distinct(name, getattr(self, name))
        _distinct_names("alphas", [regression_name(alpha, self.beta) for alpha in self.alphas])
        return self


class Classification(Model):
    """Experiments 3 and 4, a SPARCS head on images (Table 5)."""

    widths: Widths = Field(description="features, hidden neurons, classes")
    bias: bool = Field(description="a constant-1 neuron in the input layer of the head")
    training: TrainingSettings
    trials: Count = Field(description="independent trainings of each head")


class Settings(Model):
    """Everything that a run depends on, at one scale."""

    scale: Literal["smoke", "laptop", "overnight", "paper"] = Field(description="which overlay of `scales` is used")
    root_seed: Seed = Field(description="the seed from which every trial's seed is derived")
    device: Literal["cpu", "cuda"] = Field(description="where experiments with a torch backend train")
    regression: Regression
    teacher_student: TeacherStudent
    hyperparameters: Hyperparameters
    cifar10: Classification
    cifar100: Classification

    def regression_data_sets(self) -> dict[str, tuple[float, float]]:
        """Names of the data sets that experiment 1 and the sweep need, with their (α, β)."""
        swept = {
            regression_name(alpha, self.hyperparameters.beta): (alpha, self.hyperparameters.beta)
            for alpha in self.hyperparameters.alphas
        }
        return self.regression.data_sets() | swept

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


def regression_name(alpha: float, beta: float) -> str:
    """Name of a data set of experiment 1."""
    return f"beta{beta:g}_alpha{alpha:g}"


def teacher_name(seed: int, rotations: int) -> str:
    """Name of a teacher data set of experiment 2."""
    return f"teacher{seed}_rotations{rotations}"


def teacher_parts(name: str) -> tuple[int, int]:
    """(seed, rotations) of a teacher named by :func:`teacher_name`."""
    seed, rotations = name.removeprefix("teacher").split("_rotations")
    return int(seed), int(rotations)


def chunk_names(trials: range, chunk: int) -> list[str]:
    """Names "first-last" of consecutive chunks of trials."""
    starts = range(trials.start, trials.stop, chunk)
    return [f"{start}-{min(start + chunk, trials.stop) - 1}" for start in starts]


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
        return yaml.safe_load(value)
    except yaml.YAMLError:
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
        raise ParameterError(f"scale = {scale!r}: allowed are {', '.join(SCALES)}")
    overlays = base.get("scales")
    if not isinstance(overlays, Mapping) or set(overlays) != set(SCALES):
        raise ParameterError(f"scales: allowed is one overlay for each of {', '.join(SCALES)}, and nothing else")
    if not isinstance(overlays[scale], Mapping):
        raise ParameterError(f"scales.{scale} = {overlays[scale]!r}: allowed is a mapping of field names")
    values = merge({k: v for k, v in base.items() if k != "scales"}, overlays[scale], overrides)
    return validate(Settings, values)


def paper_settings(base: Mapping) -> Settings:
    """The settings at the paper's values."""
    return resolve(base, {"scale": "paper"})


def validate(model: type[Model], values: Any) -> Any:
    """``model`` made from ``values``; raises ParameterError with one sentence for the first thing that is wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ParameterError(_sentence(error.errors()[0])) from None


def from_json(model: type[Model], text: str) -> Any:
    """``model`` from its JSON text, as a rule passes it to a command."""
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ParameterError(f"settings are not JSON: {error}") from None
    return validate(model, values)


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
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ParameterError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None


def _distinct(name: str, values: list) -> None:
    repeated = [value for k, value in enumerate(values) if value in values[:k]]
    if repeated:
        raise ValueError(f"{name} = {values}: allowed are distinct values, {repeated[0]} stands there twice")


def _distinct_names(field: str, names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise ValueError(f"{field}: allowed are values that differ in their first six digits")


def _sentence(error: Mapping) -> str:
    field = ".".join(map(str, error["loc"])) or "params"
    if error["type"] == "extra_forbidden":
        return f"{field} is an unknown field (see `sparcs describe-params` for those allowed)"
    if error["type"] == "missing":
        return f"{field} is missing"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error" and not isinstance(error["input"], (int, float, str, bool)):
        return f"{field}: {message}"
    value = repr(error["input"])
    shown = value if len(value) <= 60 else value[:57] + "..."
    return f"{field} = {shown}: {message[0].lower()}{message[1:]}"
