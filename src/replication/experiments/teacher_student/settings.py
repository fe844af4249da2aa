"""The settings of experiment 2, the SO(n) teacher (Table 4)."""

from collections.abc import Iterator
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from replication.data.settings import TeacherData
from replication.experiment import Data, Job
from replication.params.fields import (
    MOST_TRIALS,
    NAMED,
    Count,
    CountOrZero,
    Model,
    NonNegative,
    Part,
    Penalty,
    PenaltyOfWeights,
    Positive,
    PricedTraining,
    Seed,
    Trials,
    TrialsOrZero,
    Width,
    Widths,
    chunks,
    distinct,
    distinct_names,
    span,
)
from replication.params.loading import shown

FirstSeed = Annotated[Seed, Field(lt=2**32 - MOST_TRIALS)]  # others count up from it


def _strengths(value: Any) -> Any:
    each = value if isinstance(value, list) and value else [value]
    try:
        numbers = TypeAdapter(list[NonNegative]).validate_python(each)
    except ValidationError:
        which = f"{shown(value)}: " if isinstance(value, list) else ""  # which is named there otherwise
        allowed = "allowed are a number >= 0, or a list of such numbers, one for each hidden layer"
        raise ValueError(f"{which}{allowed}") from None
    return numbers if isinstance(value, list) else numbers[0]


Rho = Annotated[float | list[float], BeforeValidator(_strengths)]
Sign = Literal[1, -1]
HIDDEN = 2  # hidden layers of the paper's student


class TeacherTraining(PricedTraining):
    """The rows of Table 4, and what the authors' notebooks vary besides."""

    rho: Rho = Field(description="strength ρ of the penalty in (4.4), or one for each hidden layer")
    orthonormality: NonNegative = Field(
        description="strength of the authors' later penalty on φ: Σ_i ‖φ_iφ_iᵀ − I‖_F + ‖(‖φ_i[:,m]‖ − 1)_m‖₂"
    )
    drop_last_batch: bool = Field(description="leave an epoch's last, smaller batch out")


class Ensemble(Model):
    """Trials of experiment 2 that share a kind of teacher, and what they have in place of Table 4's settings."""

    trials: TrialsOrZero = Field(description="independent trainings; 0 leaves the ensemble out")
    new_teacher_every: CountOrZero = Field(
        description="m: every m-th trial gets a teacher of its own, the others the paper's; 0: none does"
    )
    rotations: Literal[1, 2] = Field(2, description="2: W¹ and W² are drawn apart; 1: one matrix serves as both")
    hidden: Annotated[list[Width], Field(min_length=1, max_length=98)] | None = Field(
        None, description="neurons of the hidden layers, instead of those in widths"
    )
    output_eigenvalue: Sign | None = Field(None, description="instead of output_eigenvalue")
    epochs: Count | None = Field(None, description="instead of training.epochs")
    penalty: Literal[Penalty, PenaltyOfWeights] | None = Field(None, description="instead of training.penalty")
    rho_skip: NonNegative | None = Field(None, description="instead of training.rho_skip")
    rho: Rho | None = Field(None, description="instead of training.rho")
    orthonormality: NonNegative | None = Field(None, description="instead of training.orthonormality")
    drop_last_batch: bool | None = Field(None, description="instead of training.drop_last_batch")


class TeacherTrial(Model):
    """What one trial of experiment 2 depends on, apart from its teacher and its seed."""

    widths: Annotated[Widths, Field(min_length=3)] = Field(description="N_1 … N_ℓ; input and output are n of SO(n)")
    bias: Literal[False] = Field(description="no bias neuron in this experiment")
    output_eigenvalue: Sign = Field(description="λ_ℓ at the start; the authors' image scripts start at −1")
    training: TeacherTraining
    selection_points: Count = Field(description="held-out points on which pruning is chosen; the rest report")
    loss_budget: Positive = Field(description="relative increase of the loss that pruning may cost")

    @model_validator(mode="after")
    def _widths_fit(self) -> "TeacherTrial":
        if self.widths[0] != self.widths[-1] or self.widths[0] < 2:
            raise ValueError(f"widths = {self.widths}: allowed are three layers or more with input = output >= 2")
        if self.training.train_input_eigenvalues:
            raise ValueError("training.train_input_eigenvalues = true: allowed is false in this experiment")
        self.check_rho()
        return self

    def check_rho(self) -> None:
        """Raise ValueError if there are several strengths, but not one for each hidden layer."""
        rho, hidden = self.training.rho, len(self.widths) - 2
        if isinstance(rho, list) and len(rho) != hidden:
            raise ValueError(f"rho = {rho}: allowed are one number, or one for each hidden layer, here {hidden}")


class MapTrial(TeacherTrial):
    """What one trial of the map of strengths depends on, apart from its seed."""

    points: Count = Field(description="training points, the first of the data set's")
    test_points: Count = Field(description="held-out points, the first of the data set's")


class SurvivalMap(Model):
    """Students with a strength for each of two hidden layers, every pair of several strengths."""

    strengths: Annotated[list[Positive], Field(min_length=1)] = Field(description="ρ_2 and ρ_3, distinct")
    hidden: Width = Field(description="neurons of both hidden layers at the reduced size")
    points: Count = Field(description="training points, the first of the data set's, at the reduced size")
    test_points: Count = Field(description="held-out points, the first of the data set's, at the reduced size")
    selection_points: Count = Field(description="of these, on which pruning is chosen; the rest report")
    epochs: Count = Field(description="passes over the training points at the reduced size")
    batch_size: Count = Field(description="points per optimiser step at the reduced size")
    trials: TrialsOrZero = Field(description="trainings of each pair at the reduced size")
    full_trials: TrialsOrZero = Field(description="trainings of each pair of equal strengths at the experiment's size")
    chunk: Count = Field(description="trials of the reduced size per job; results do not depend on it")

    @model_validator(mode="after")
    def _fits(self) -> "SurvivalMap":
        distinct("strengths", self.strengths)
        distinct_names("strengths", [f"{rho:g}" for rho in self.strengths])
        if self.selection_points >= self.test_points:
            raise ValueError(f"selection_points = {self.selection_points}: allowed are fewer than test_points")
        return self


class LinearBaseline(TeacherData):
    """Linear regression on several teachers (claim D1)."""

    size: Annotated[Width, Field(ge=2)] = Field(description="n of SO(n)")
    first_seed: FirstSeed
    teachers: Trials


class TeacherStudent(TeacherData, TeacherTrial, Part):
    """Experiment 2, the SO(n) teacher (Table 4)."""

    data_seed: FirstSeed = Field(
        description="NumPy legacy seed of the paper's teacher and points; others count up from it"
    )
    linear_teachers: Trials = Field(description="teachers on which linear regression is tried (claim D1)")
    chunk: Annotated[Count, Field(le=20)] = Field(  # all of them stand in the names of a job's files
        description="trials per job, at most 20; results do not depend on it"
    )
    ensembles: Annotated[dict[Annotated[str, Field(pattern=NAMED)], Ensemble], Field(min_length=1)]
    map: SurvivalMap

    @model_validator(mode="after")
    def _fits(self) -> "TeacherStudent":
        if not any(ensemble.trials for ensemble in self.ensembles.values()):
            raise ValueError("ensembles: allowed is at least one with trials > 0")
        if self.selection_points >= self.test_points:
            raise ValueError(f"selection_points = {self.selection_points}: allowed are fewer than test_points")
        for name in (name for name, ensemble in self.ensembles.items() if ensemble.trials):
            try:
                self.of_ensemble(name).check_rho()
                self.of_ensemble(name).check_batches()
            except ValueError as error:
                raise ValueError(f"ensembles.{name}: {error}") from None
        self._check_map()
        return self

    def _check_map(self) -> None:
        for name in ("points", "test_points") if self.map.trials else ():
            asked, most = getattr(self.map, name), getattr(self, name)
            if asked > most:
                raise ValueError(f"map.{name} = {asked}: allowed are at most the {most} of the data")
        self.reduced().check_batches()
        if self.map.full_trials and len(self.widths) != HIDDEN + 2:
            raise ValueError(f"map.full_trials = {self.map.full_trials}: allowed is 0 unless two layers are hidden")

    def check_batches(self) -> None:
        """Raise ValueError if no batch is left."""
        size = self.training.batch_size
        if self.training.drop_last_batch and size > self.points:
            raise ValueError(f"drop_last_batch = true: allowed with at least {size} points, one batch")

    def of_ensemble(self, ensemble: str) -> "TeacherStudent":
        """These settings with what one ensemble has in their place."""
        chosen = self.ensembles[ensemble].model_dump(exclude_none=True)
        training = {name: value for name, value in chosen.items() if name in TeacherTraining.model_fields}
        hidden = chosen.get("hidden", self.widths[1:-1])
        changes = {
            "widths": [self.widths[0], *hidden, self.widths[-1]],
            "output_eigenvalue": chosen.get("output_eigenvalue", self.output_eigenvalue),
        }
        return self.with_penalty(**training).model_copy(update=changes)

    def reduced(self) -> "TeacherStudent":
        """These settings at the reduced size of the map."""
        changes = {name: getattr(self.map, name) for name in ("points", "test_points", "selection_points")}
        changes["widths"] = [self.widths[0], self.map.hidden, self.map.hidden, self.widths[-1]]
        return self.with_penalty(epochs=self.map.epochs, batch_size=self.map.batch_size).model_copy(update=changes)

    def teacher_of(self, ensemble: str, trial: int) -> str:
        """Name of the teacher that a trial learns from."""
        chosen = self.ensembles[ensemble]
        new_teacher = chosen.new_teacher_every > 0 and trial % chosen.new_teacher_every == chosen.new_teacher_every - 1
        return teacher_name(self.data_seed + (trial + 1 if new_teacher else 0), chosen.rotations)


def teacher_name(seed: int, rotations: int) -> str:
    """Name of a teacher data set of experiment 2."""
    return f"teacher{seed}_rotations{rotations}"


def teacher_parts(name: str) -> tuple[int, int]:
    """(seed, rotations) of a teacher named by ``teacher_name``."""
    seed, rotations = name.removeprefix("teacher").split("_rotations")
    return int(seed), int(rotations)


def teacher(run: Any, name: str) -> Data:
    """One teacher's data set."""
    student, (seed, rotations) = run.teacher_student, teacher_parts(name)
    return Data(
        name=name,
        files=(f"teacher_student/{name}.safetensors",),
        settings=student.part(TeacherData) | {"size": student.widths[0]},
        keys={"seed": seed, "rotations": rotations},
        modules=("replication.data.teacher",),
    )


def papers_teacher(run: Any) -> Data:
    """The paper's teacher, of two rotations."""
    return teacher(run, teacher_name(run.teacher_student.data_seed, 2))


def jobs(run: Any) -> Iterator[Job]:
    """Chunks of each ensemble's trials, teacher by teacher."""
    student = run.teacher_student
    for name, ensemble in student.ensembles.items():
        settings = student.of_ensemble(name)
        of_teacher: dict[str, list[int]] = {}
        for trial in range(ensemble.trials):
            of_teacher.setdefault(student.teacher_of(name, trial), []).append(trial)
        for of, trials in of_teacher.items():
            data = teacher(run, of)
            keys = {"ensemble": name, "teacher": data.keys["seed"], "rotations": data.keys["rotations"]}
            keys |= {"penalty": settings.training.penalty} | strengths(settings.training.rho)
            for k in range(0, len(trials), student.chunk):
                chunk = trials[k : k + student.chunk]
                yield Job(
                    name=f"{name}/{of}/{'-'.join(map(str, chunk))}",
                    settings=settings.part(TeacherTrial),
                    keys=keys,
                    trials=tuple(chunk),
                    data=data,
                    seeds=of,
                )


def strengths(rho: float | list[float]) -> dict[str, float | None]:
    """ρ as columns: "rho" where it is one for all layers, else none there and "rho_2", "rho_3", … ."""
    if not isinstance(rho, list):
        return {"rho": rho}
    return {"rho": None} | {f"rho_{layer}": each for layer, each in enumerate(rho, start=2)}


def map_jobs(run: Any) -> Iterator[Job]:
    """Every pair of strengths at a reduced size, and pairs of equal ones at the experiment's own, on a new teacher."""
    student, of_map = run.teacher_student, run.teacher_student.map
    data = teacher(run, teacher_name(student.data_seed + 1, 2))
    every, equal = product(of_map.strengths, repeat=2), zip(of_map.strengths, of_map.strengths, strict=True)
    for size, settings, pairs, count, chunk in (
        ("reduced", student.reduced(), every, of_map.trials, of_map.chunk),
        ("full", student, equal, of_map.full_trials, student.chunk),
    ):
        for first, second in pairs:
            each = settings.with_penalty(rho=[first, second])
            for trials in chunks(range(count), chunk):
                yield Job(
                    name=f"{size}/{first:g}-{second:g}/{span(trials)}",
                    settings=each.part(MapTrial),
                    keys={"size": size, "teacher": data.keys["seed"], "rho_2": first, "rho_3": second},
                    trials=tuple(trials),
                    data=data,
                    seeds=data.name,
                )


def linear_jobs(run: Any) -> Iterator[Job]:
    """Linear regression on several teachers, the paper's first (claim D1)."""
    student = run.teacher_student
    data = papers_teacher(run).settings
    teachers = {"first_seed": student.data_seed, "teachers": student.linear_teachers}
    yield Job(name="all", settings=dict(data) | teachers, modules=("replication.data.teacher",))
