"""The settings of the toy experiment."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from replication.experiment import Job
from replication.experiments.regression.settings import alpha_beta
from replication.params.fields import Count, Part, Trials


class ToyTrial(Part):
    """What a trial depends on, apart from its data and its seed."""

    points: Count = Field(description="points of a resample")


class Toy(ToyTrial):
    """Means of resampled targets."""

    trials: Trials = Field(description="resamples")


def jobs(run: Any) -> Iterator[Job]:
    """All trials on one data set."""
    data = alpha_beta(run, alpha=1.0, beta=5.0)
    yield Job(
        name=data.name,
        settings=run.toy.part(ToyTrial),
        keys=data.keys,
        trials=tuple(range(run.toy.trials)),
        data=data,
        seeds=data.name,
    )
