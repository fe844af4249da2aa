"""On how much the theory is checked: the same at every scale."""

from collections.abc import Iterator
from typing import Any

from replication.experiment import Job


def jobs(run: Any) -> Iterator[Job]:
    """Everything in one job.

    networks: random ones; direct_networks: networks in direct space, with as many steps of the optimiser; bundles: the
    largest B of the matrix identities.
    """
    yield Job(name="all", settings={"networks": 200, "direct_networks": 6, "steps": 1000, "bundles": 7})
