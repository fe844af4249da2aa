"""The settings of the depth experiment: networks with one to ten hidden layers on the data of experiments 1 and 2."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from replication.data.names import ALPHA_BETA, TEACHER
from replication.experiment import Data, Job
from replication.experiments.regression.settings import DataSets, alpha_beta
from replication.experiments.teacher_student.settings import papers_teacher
from replication.params.fields import (
    Count,
    Model,
    NonNegative,
    Part,
    PenaltyOfWeights,
    Positive,
    PricedTraining,
    TrialsOrZero,
    Width,
    chunks,
    distinct,
    distinct_names,
    span,
)

MOST_DEPTH = 50
Depths = Annotated[list[Annotated[Count, Field(le=MOST_DEPTH)]], Field(min_length=1)]


class DepthTrial(Model):
    """What one trial depends on, apart from its data set, its depth, its initial scale and its seed."""

    hidden: Width = Field(description="neurons of every hidden layer")
    bias: bool = Field(description="a constant-1 neuron in the input layer")
    points: Count = Field(description="training points, the first of the data set's")
    test_points: Count = Field(description="held-out points, the first of the data set's, those for choosing included")
    selection_points: Count = Field(description="held-out points on which compaction is chosen; the rest report")
    loss_budget: Positive = Field(description="relative increase of the loss that compaction may cost")
    training: PricedTraining

    @model_validator(mode="after")
    def _points_fit(self) -> "DepthTrial":
        if self.selection_points >= self.test_points:
            raise ValueError(f"selection_points = {self.selection_points}: allowed are fewer than test_points")
        return self


class DepthStart(DepthTrial):
    """What the measures of networks before training depend on, apart from their seeds."""

    depths: Depths = Field(description="numbers of hidden layers")
    gains: Annotated[list[Positive], Field(min_length=1)] = Field(description="φ starts at gain × Xavier")


class DepthTask(DepthTrial, Part):
    """Trials at several depths on one kind of data."""

    depths: Depths = Field(description="numbers of hidden layers, distinct")
    trials: TrialsOrZero = Field(description="independent trainings per data set and depth; 0 leaves the task out")

    @model_validator(mode="after")
    def _depths_differ(self) -> "DepthTask":
        distinct("depths", self.depths)
        return self


class DepthTeacher(DepthTask):
    """The teacher of experiment 2."""

    bias: Literal[False] = Field(description="no bias neuron, as in experiment 2")


class DepthAlphaBeta(DataSets, DepthTask):
    """Data sets of experiment 1."""

    bias: Literal[True] = Field(description="a constant-1 neuron in the input layer, as in experiment 1")


class InitialScale(Model):
    """Trials on the teacher that start from other gains than Xavier's 1."""

    xavier_gains: Annotated[list[Positive], Field(min_length=1)] = Field(
        description="φ starts at gain × Xavier; distinct, 1 left out: it is the default of all other trials"
    )
    depths: Depths = Field(description="numbers of hidden layers to train at these gains, distinct")
    trials: TrialsOrZero = Field(description="independent trainings per gain and depth; 0 leaves them out")

    @model_validator(mode="after")
    def _fits(self) -> "InitialScale":
        distinct("depths", self.depths)
        distinct_names("xavier_gains", [gain_name(gain) for gain in [1.0, *self.xavier_gains]])
        return self

    def all_gains(self) -> list[float]:
        """Xavier's 1 and the others, in ascending order."""
        return sorted([1.0, *self.xavier_gains])


class OtherPenalty(Model):
    """Trials on the teacher without a penalty, or with another one."""

    depths: Depths = Field(description="numbers of hidden layers, distinct")
    trials: TrialsOrZero = Field(description="independent trainings per depth; 0 leaves them out")

    @model_validator(mode="after")
    def _depths_differ(self) -> "OtherPenalty":
        distinct("depths", self.depths)
        return self


class Priced(OtherPenalty):
    """Trials on the teacher that pay for the weights which a neuron opens."""

    penalty: PenaltyOfWeights = Field(description="of sparcs.penalties, with its default prices")
    rho: Positive = Field(description="its strength")
    rho_skip: NonNegative = Field(description="strength of ‖W_ℓ1‖, the skip from input to output")


class Depth(Model):
    """The depth experiment: does the search still stop at one hidden layer?"""

    chunk: Count = Field(description="trials per job; results do not depend on it")
    teacher: DepthTeacher
    initial_scale: InitialScale
    without_penalty: OtherPenalty
    priced: Priced
    alpha_beta: DepthAlphaBeta

    @model_validator(mode="after")
    def _something_runs(self) -> "Depth":
        if not self.teacher.trials:
            raise ValueError(f"teacher.trials = {self.teacher.trials}: allowed are 1 or more")
        return self

    def task_of(self, data_set: str) -> DepthTask:
        """The settings of a data set's trials."""
        return self.teacher if data_set == TEACHER else self.alpha_beta


def gain_name(gain: float) -> str:
    """A gain as it stands in file names."""
    return f"{gain:g}"


def jobs(run: Any) -> Iterator[Job]:
    """Chunks of trials on every data set, at every depth and gain; networks that differ in these alone share seeds."""
    depth, scale = run.depth, run.depth.initial_scale
    for layers in depth.teacher.depths:
        yield from _chunks(run, TEACHER, layers, 1.0, depth.teacher.trials)
    for gain in scale.xavier_gains:
        for layers in scale.depths:
            yield from _chunks(run, TEACHER, layers, gain, scale.trials)
    for name in depth.alpha_beta.named():
        for layers in depth.alpha_beta.depths:
            yield from _chunks(run, name, layers, 1.0, depth.alpha_beta.trials)


def jobs_without_penalty(run: Any) -> Iterator[Job]:
    """Chunks of trials on the teacher at ρ = 0; a trial has the seed that it has with the penalty."""
    yield from _with_penalty(run, run.depth.without_penalty, rho=0.0)


def jobs_priced(run: Any) -> Iterator[Job]:
    """Chunks of trials on the teacher with a price on weights; a trial has the seed that it has without one."""
    priced = run.depth.priced
    yield from _with_penalty(run, priced, penalty=priced.penalty, rho=priced.rho, rho_skip=priced.rho_skip)


def _with_penalty(run: Any, other: OtherPenalty, **changes: object) -> Iterator[Job]:
    teacher = run.depth.teacher.with_penalty(**changes)
    changed = run.model_copy(update={"depth": run.depth.model_copy(update={"teacher": teacher})})
    for layers in other.depths:
        yield from _chunks(changed, TEACHER, layers, 1.0, other.trials)


def _chunks(run: Any, data_set: str, layers: int, gain: float, count: int) -> Iterator[Job]:
    depth = run.depth
    alpha, task = depth.alpha_beta.named().get(data_set), depth.task_of(data_set)
    data = data_of(run, alpha, depth.alpha_beta.beta)
    for trials in chunks(range(count), depth.chunk):
        yield Job(
            name=f"{data_set}/{layers}/{gain_name(gain)}/{span(trials)}",
            settings=task.part(DepthTrial),
            keys={"data_set": data_set, "alpha": alpha, "depth": layers, "gain": gain},
            trials=tuple(trials),
            data=data,
            seeds=data.name,
        )


def start_jobs(run: Any) -> Iterator[Job]:
    """Networks on the teacher at every depth and gain, before training."""
    teacher, data = run.depth.teacher, papers_teacher(run)
    sweep = {"depths": teacher.depths, "gains": run.depth.initial_scale.all_gains()}
    yield Job(
        name="all",
        settings=teacher.part(DepthTrial) | sweep,
        trials=tuple(range(teacher.trials)),
        data=data,
        seeds=data.name,
    )


def data_of(run: Any, alpha: float | None, beta: float) -> Data:
    """One data set of experiment 1, or the paper's teacher, which has no α."""
    return papers_teacher(run) if alpha is None else alpha_beta(run, alpha, beta)


def points_of(run: Any) -> dict[str, tuple[int, int]]:
    """Training and test points of each kind of data."""
    return {
        TEACHER: (run.teacher_student.points, run.teacher_student.test_points),
        ALPHA_BETA: (run.regression.points, run.regression.held_out_points),
    }


def check(run: Any) -> None:
    """Raise ValueError if a task takes more points than its data has."""
    for kind, (train, test) in points_of(run).items():
        task = getattr(run.depth, kind)
        if task.trials:
            at_most(f"depth.{kind}.points", task.points, train)
            at_most(f"depth.{kind}.test_points", task.test_points, test)


def at_most(field: str, value: int, most: int) -> None:
    """Raise ValueError, naming the field, if a number of points is larger than that of the data."""
    if value > most:
        raise ValueError(f"{field} = {value}: allowed are at most the {most} of its data")
