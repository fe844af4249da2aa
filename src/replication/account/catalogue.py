"""Every claim of the paper that this project tests: what it says, its region, how it is measured.

The regions were fixed before the runs. :mod:`replication.judging.verdicts` says how a verdict follows.
"""

from collections.abc import Iterable

from replication.experiments.baselines.claims import CLAIMS as BASELINES
from replication.experiments.cifar10.claims import CLAIMS as CIFAR10
from replication.experiments.cifar100.claims import CLAIMS as CIFAR100
from replication.experiments.hyperparameters.claims import CLAIMS as HYPERPARAMETERS
from replication.experiments.regression.claims import CLAIMS as REGRESSION
from replication.experiments.teacher_student.claims import CLAIMS as TEACHER_STUDENT
from replication.experiments.theory.claims import CLAIMS as THEORY
from replication.records.io import ArtifactError

ROOMS = (THEORY, REGRESSION, TEACHER_STUDENT, CIFAR10, CIFAR100, HYPERPARAMETERS, BASELINES)
CLAIMS = sorted((claim for room in ROOMS for claim in room), key=lambda claim: claim.id)  # the paper's order
IDS = tuple(claim.id for claim in CLAIMS)


def require_every_claim(ids: Iterable[str]) -> None:
    """Raise ArtifactError unless each of IDS is among the rows' ids."""
    missing = sorted(set(IDS) - set(ids))
    if missing:
        raise ArtifactError(f"claims without a row: {', '.join(missing)}")
