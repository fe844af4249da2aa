"""The claim that the toy experiment tests."""

from collections.abc import Iterator

from replication.judging.statistics import mean_interval
from replication.judging.verdicts import Claim, Measured, Tables


def positive(tables: Tables) -> Iterator[Measured]:
    """The mean target is positive: a quadratic form has no negative values."""
    means = tables["toy/trials"]["mean"]
    yield Measured("", "mean target", mean_interval(means), len(means), (0, float("inf")))


CLAIMS = [
    Claim(
        id="T1",
        statement="At α = 1 the targets are positive on average.",
        source="an example",
        paper="",
        evidence="toy/trials",
        measure=positive,
        needs=("toy/trials",),
    )
]
