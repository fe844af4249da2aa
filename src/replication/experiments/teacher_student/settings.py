"""The settings of experiment 2, the SO(n) teacher (Table 4)."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

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
    Positive,
    Seed,
    TrainingSettings,
    Trials,
    TrialsOrZero,
    Width,
    Widths,
)

FirstSeed = Annotated[Seed, Field(lt=2**32 - MOST_TRIALS)]  # others count up from it


class Ensemble(Model):
    """Trials of experiment 2 that share a penalty and a kind of teacher."""

    trials: TrialsOrZero = Field(description="independent trainings; 0 leaves the ensemble out")
    new_teacher_every: CountOrZero = Field(
        description="m: every m-th trial gets a teacher of its own, the others the paper's; 0: none does"
    )
    penalty: Penalty | None = Field(None, description="instead of training.penalty")
    rho: NonNegative | None = Field(None, description="instead of training.rho")
    rotations: Literal[1, 2] = Field(2, description="2: W¹ and W² are drawn apart; 1: one matrix serves as both")


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
            keys |= {"penalty": settings.training.penalty, "rho": settings.training.rho}
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


def linear_jobs(run: Any) -> Iterator[Job]:
    """Linear regression on several teachers, the paper's first (claim D1)."""
    student = run.teacher_student
    data = papers_teacher(run).settings
    teachers = {"first_seed": student.data_seed, "teachers": student.linear_teachers}
    yield Job(name="all", settings=dict(data) | teachers, modules=("replication.data.teacher",))
