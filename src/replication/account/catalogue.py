"""Every claim of the paper that this project tests: what it says, its region, how it is measured.

The regions were fixed before the runs. :mod:`replication.judging.verdicts` says how a verdict follows.
"""

from collections.abc import Iterable

from replication.experiments import EXPERIMENTS
from replication.records.io import ArtifactError

TESTED = (claim for each in EXPERIMENTS.values() if each.claims for claim in each.load(each.claims))
CLAIMS = sorted(TESTED, key=lambda claim: claim.id)  # the paper's order
IDS = tuple(claim.id for claim in CLAIMS)


def require_every_claim(ids: Iterable[str]) -> None:
    """Raise ArtifactError unless each of IDS is among the rows' ids."""
    missing = sorted(set(IDS) - set(ids))
    if missing:
        raise ArtifactError(f"claims without a row: {', '.join(missing)}")
