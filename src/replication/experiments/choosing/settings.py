"""The settings of the guide's measurements: one task, and the choices that are varied on it."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from replication.experiment import Job
from replication.params.fields import (
    Count,
    CountOrZero,
    Model,
    NonNegative,
    Part,
    Penalty,
    Positive,
    Seed,
    TrialsOrZero,
    Width,
    distinct,
)


class ChoosingTask(Model):
    """The task, and what is the same for every network."""

    data_seed: Seed = Field(description="seed of Friedman's first function")
    points: Count = Field(description="training points")
    most_validation_points: Count = Field(description="points on which compaction is chosen, where they are not varied")
    test_points: Count = Field(description="points to measure on")
    batch_size: Count = Field(description="points per optimiser step; the last, smaller batch is kept")
    loss_budget: Positive = Field(description="relative increase of the validation loss that compaction may cost")
    fine_tuning_steps: CountOrZero = Field(description="optimiser steps after compaction")


class Varied(Model):
    """Values of each choice; every combination of them is trained."""

    width: Annotated[list[Width], Field(min_length=1)] = Field(default=[100], description="hidden neurons")
    penalty: Annotated[list[Literal[Penalty, "rows"]], Field(min_length=1)] = Field(
        default=["l1"], description="Ω of (4.4), or rows"
    )
    rho: Annotated[list[NonNegative], Field(min_length=1)] = Field(default=[0.001], description="its strength")
    initial_scale: Annotated[list[NonNegative], Field(min_length=1)] = Field(
        default=[0.0], description="hidden eigenvalues start from N(0, s²)"
    )
    learning_rate: Annotated[list[Positive], Field(min_length=1)] = Field(default=[0.003], description="Adam's step")
    steps: Annotated[list[Count], Field(min_length=1)] = Field(default=[4000], description="optimiser steps")
    shrunk: Annotated[list[bool], Field(min_length=1)] = Field(
        default=[False], description="L1 by soft thresholding after each step, in place of its gradient"
    )
    validation_points: Annotated[list[Count | None], Field(min_length=1)] = Field(
        default=[None], description="points on which compaction is chosen; null: all"
    )

    @model_validator(mode="after")
    def _fits(self) -> "Varied":
        for name in Varied.model_fields:
            distinct(name, getattr(self, name))
        if True in self.shrunk and self.penalty != ["l1"]:
            raise ValueError(f"shrunk = {self.shrunk}, penalty = {self.penalty}: soft thresholding is that of l1 alone")
        return self


class Sweep(ChoosingTask, Varied):
    """What the trials of one job depend on, apart from their seeds."""


class Choosing(ChoosingTask, Part):
    """The experiment: several sweeps of choices, each with the same seeds."""

    trials: TrialsOrZero = Field(description="networks of every combination; 0 leaves the experiment out")
    sweeps: dict[Literal["widths", "starts", "zeros", "validation"], Varied] = Field(
        description="choices that are varied together, by the section of the report that shows them"
    )

    @model_validator(mode="after")
    def _fits(self) -> "Choosing":
        for name, sweep in self.sweeps.items():
            for points in sweep.validation_points:
                if points is not None and points > self.most_validation_points:
                    raise ValueError(
                        f"sweeps.{name}.validation_points = {points}: allowed are at most the "
                        f"{self.most_validation_points} that there are"
                    )
        return self


def jobs(run: Any) -> Iterator[Job]:
    """A trial of every combination of one sweep; all networks of a trial share points, batches and first values."""
    choosing = run.choosing
    for name, sweep in choosing.sweeps.items():
        for trial in range(choosing.trials):
            yield Job(
                name=f"{name}/{trial}",
                settings=choosing.part(ChoosingTask) | sweep.model_dump(mode="json"),
                keys={"sweep": name},
                trials=(trial,),
                seeds="friedman1",
            )
