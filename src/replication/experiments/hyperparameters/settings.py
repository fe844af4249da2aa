"""The settings of the sweep over penalties."""

from typing import Annotated

from pydantic import Field, model_validator

from replication.experiments.regression.settings import regression_name
from replication.params.fields import (
    Fraction,
    Model,
    NonNegative,
    Penalty,
    Positive,
    Trials,
    TrialsOrZero,
    distinct,
    distinct_names,
)


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
