"""The settings of the paper's experiments (Tables 3, 4 and 5) and of the sweep over penalties."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from replication.params.fields import (
    MOST_TRIALS,
    NAMED,
    Count,
    CountOrZero,
    Fraction,
    Model,
    NonNegative,
    Part,
    Penalty,
    Positive,
    Seed,
    TrainingSettings,
    Trials,
    TrialsOrZero,
    Widths,
    distinct,
    distinct_names,
)


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
    trials: Trials = Field(description="independent trainings per data set")
    chunk: Count = Field(description="trials per job; results do not depend on it")

    @model_validator(mode="after")
    def _fits(self) -> "Regression":
        distinct("alphas", self.alphas)
        distinct("betas", self.betas)
        distinct_names("alphas, betas", [regression_name(alpha, beta) for beta in self.betas for alpha in self.alphas])
        return self

    def data_sets(self) -> dict[str, tuple[float, float]]:
        """Names of the data sets with their (α, β)."""
        return {regression_name(alpha, beta): (alpha, beta) for beta in self.betas for alpha in self.alphas}

    def chunks(self) -> list[str]:
        """Names of the jobs of one data set."""
        return chunk_names(range(self.trials), self.chunk)


class Ensemble(Model):
    """Trials of experiment 2 that share a penalty and a kind of teacher."""

    trials: TrialsOrZero = Field(description="independent trainings; 0 leaves the ensemble out")
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

    data_seed: Annotated[Seed, Field(lt=2**32 - MOST_TRIALS)] = Field(
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
    trials: Trials = Field(description="trials of experiment 1 for each kind, ρ and α")
    teacher_trials: TrialsOrZero = Field(description="trials of experiment 2 for each kind and ρ; 0 leaves it out")

    @model_validator(mode="after")
    def _fits(self) -> "Hyperparameters":
        for name in ("alphas", "penalties", "rhos"):
            distinct(name, getattr(self, name))
        distinct_names("alphas", [regression_name(alpha, self.beta) for alpha in self.alphas])
        return self


def regression_name(alpha: float, beta: float) -> str:
    """Name of a data set of experiment 1."""
    return f"beta{beta:g}_alpha{alpha:g}"


def teacher_name(seed: int, rotations: int) -> str:
    """Name of a teacher data set of experiment 2."""
    return f"teacher{seed}_rotations{rotations}"


def teacher_parts(name: str) -> tuple[int, int]:
    """(seed, rotations) of a teacher named by ``teacher_name``."""
    seed, rotations = name.removeprefix("teacher").split("_rotations")
    return int(seed), int(rotations)


def chunk_names(trials: range, chunk: int) -> list[str]:
    """Names "first-last" of consecutive chunks of trials."""
    starts = range(trials.start, trials.stop, chunk)
    return [f"{start}-{min(start + chunk, trials.stop) - 1}" for start in starts]
