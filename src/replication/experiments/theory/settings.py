"""On how much the theory is checked: the same at every scale."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from replication.experiment import Job
from replication.params.fields import Count, Model


class Checks(Model):
    """On how much the theory is checked."""

    networks: Count = Field(description="random ones")
    direct_networks: Count = Field(description="networks in direct space")
    steps: Count = Field(description="of the optimiser, in direct space")
    watched: Count = Field(description="networks of each depth that are watched in training")
    watched_steps: Count = Field(description="of the optimiser, while they are watched")
    bundles: Annotated[Count, Field(ge=2, le=20)] = Field(description="the largest B of the matrix identities")


def jobs(run: Any) -> Iterator[Job]:
    """Everything in one job."""
    yield Job(
        name="all",
        settings={
            "networks": 200,
            "direct_networks": 6,
            "steps": 1000,
            "bundles": 7,
            "watched": 3,
            "watched_steps": 300,
        },
    )
