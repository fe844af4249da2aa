"""The settings of the sweep over penalties."""

from collections.abc import Iterator
from itertools import product
from typing import Annotated, Any

from pydantic import Field, model_validator

from replication.experiment import Job
from replication.experiments.regression.settings import DataSets, RegressionTrial, alpha_beta
from replication.experiments.teacher_student.settings import TeacherTrial, papers_teacher
from replication.params.fields import (
    NonNegative,
    Penalty,
    Trials,
    TrialsOrZero,
    distinct,
)


class Hyperparameters(DataSets):
    """The sweep behind claim G1: penalty kinds × strengths."""

    penalties: Annotated[list[Penalty], Field(min_length=1)] = Field(description="kinds of Ω")
    rhos: Annotated[list[NonNegative], Field(min_length=1)] = Field(description="strengths ρ, distinct")
    trials: Trials = Field(description="trials of experiment 1 for each kind, ρ and α")
    teacher_trials: TrialsOrZero = Field(description="trials of experiment 2 for each kind and ρ; 0 leaves it out")

    @model_validator(mode="after")
    def _fits(self) -> "Hyperparameters":
        for name in ("penalties", "rhos"):
            distinct(name, getattr(self, name))
        return self


def regression_jobs(run: Any) -> Iterator[Job]:
    """Experiment 1 at one kind and strength of penalty, data set by data set.

    A trial has the seed that it has in experiment 1, so that values of ρ pair.
    """
    sweep = run.hyperparameters
    for penalty, rho, alpha in product(sweep.penalties, sweep.rhos, sweep.alphas):
        data = alpha_beta(run, alpha, sweep.beta)
        yield Job(
            name=f"{penalty}_{rho!r}/{data.name}",
            settings=run.regression.with_penalty(penalty=penalty, rho=rho).part(RegressionTrial),
            keys={"experiment": "regression", "penalty": penalty, "rho": rho, "alpha": alpha, "beta": sweep.beta},
            trials=tuple(range(sweep.trials)),
            data=data,
            seeds=data.name,
        )


def teacher_jobs(run: Any) -> Iterator[Job]:
    """Experiment 2 at one kind and strength of penalty."""
    sweep = run.hyperparameters
    data = papers_teacher(run)
    for penalty, rho in product(sweep.penalties, sweep.rhos) if sweep.teacher_trials else ():
        yield Job(
            name=f"{penalty}_{rho!r}",
            settings=run.teacher_student.with_penalty(penalty=penalty, rho=rho).part(TeacherTrial),
            keys={"experiment": "teacher_student", "penalty": penalty, "rho": rho},
            trials=tuple(range(sweep.teacher_trials)),
            data=data,
            seeds=data.name,
        )
