"""The settings of the depth experiment: networks with one to ten hidden layers on the data of experiments 1 and 2."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from replication.experiments.regression.settings import regression_name
from replication.params.fields import (
    Count,
    Fraction,
    Model,
    Part,
    Positive,
    TrainingSettings,
    TrialsOrZero,
    Width,
    chunk_names,
    distinct,
    distinct_names,
)

MOST_DEPTH = 50
Depths = Annotated[list[Annotated[Count, Field(le=MOST_DEPTH)]], Field(min_length=1)]
TEACHER = "teacher"  # the data set's name in tables and paths


class DepthTrial(Model):
    """What one trial depends on, apart from its data set, its depth, its initial scale and its seed."""

    hidden: Width = Field(description="neurons of every hidden layer")
    bias: bool = Field(description="a constant-1 neuron in the input layer")
    points: Count = Field(description="training points, the first of the data set's")
    test_points: Count = Field(description="held-out points, the first of the data set's, those for choosing included")
    selection_points: Count = Field(description="held-out points on which compaction is chosen; the rest report")
    loss_budget: Positive = Field(description="relative increase of the loss that compaction may cost")
    training: TrainingSettings

    @model_validator(mode="after")
    def _points_fit(self) -> "DepthTrial":
        if self.selection_points >= self.test_points:
            raise ValueError(f"selection_points = {self.selection_points}: allowed are fewer than test_points")
        return self


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


class DepthAlphaBeta(DepthTask):
    """Data sets of experiment 1."""

    bias: Literal[True] = Field(description="a constant-1 neuron in the input layer, as in experiment 1")
    alphas: Annotated[list[Fraction], Field(min_length=1)] = Field(description="α of the data sets, distinct")
    beta: Positive = Field(description="β of the data sets")

    @model_validator(mode="after")
    def _alphas_differ(self) -> "DepthAlphaBeta":
        distinct("alphas", self.alphas)
        distinct_names("alphas", [regression_name(alpha, self.beta) for alpha in self.alphas])
        return self


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


class Depth(Model):
    """The depth experiment: does the search still stop at one hidden layer?"""

    chunk: Count = Field(description="trials per job; results do not depend on it")
    teacher: DepthTeacher
    initial_scale: InitialScale
    alpha_beta: DepthAlphaBeta

    @model_validator(mode="after")
    def _something_runs(self) -> "Depth":
        if not self.teacher.trials:
            raise ValueError(f"teacher.trials = {self.teacher.trials}: allowed are 1 or more")
        return self

    def jobs(self) -> list[tuple[str, str, str, str]]:
        """(data set, depth, gain, chunk) of every job, as they stand in file names."""
        unit_gain = gain_name(1.0)
        runs = [(TEACHER, depth, unit_gain, self.teacher.trials) for depth in self.teacher.depths]
        scale = self.initial_scale
        runs += [
            (TEACHER, depth, gain_name(gain), scale.trials) for gain in scale.xavier_gains for depth in scale.depths
        ]
        runs += [
            (name, depth, unit_gain, self.alpha_beta.trials)
            for name in self.alpha_beta_sets()
            for depth in self.alpha_beta.depths
        ]
        return [
            (data_set, str(depth), gain, chunk)
            for data_set, depth, gain, trials in runs
            for chunk in chunk_names(range(trials), self.chunk)
        ]

    def alpha_beta_sets(self) -> dict[str, float]:
        """Names of experiment 1's data sets that are used, with their α."""
        return {regression_name(alpha, self.alpha_beta.beta): alpha for alpha in self.alpha_beta.alphas}

    def task_of(self, data_set: str) -> DepthTask:
        """The settings of a data set's trials."""
        return self.teacher if data_set == TEACHER else self.alpha_beta


def gain_name(gain: float) -> str:
    """A gain as it stands in file names."""
    return f"{gain:g}"
