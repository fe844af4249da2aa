"""Every claim of the paper that this project tests: what it says, its region, how it is measured.

The regions were fixed before the runs. :mod:`replication.verdicts` says how a verdict follows.
"""

from replication.claims.catalogue import CLAIMS, IDS, require_every_claim
from replication.claims.networks import tanh_fit
from replication.claims.provenance_text import claim_of, with_origins
from replication.claims.testability import run_too_small, why_untested

__all__ = [
    "CLAIMS",
    "IDS",
    "claim_of",
    "require_every_claim",
    "run_too_small",
    "tanh_fit",
    "why_untested",
    "with_origins",
]
