"""Every claim of the paper that this project tests: what it says, its region, how it is measured.

The regions were fixed before the runs. :mod:`sparcs.verdicts` says how a verdict follows.
"""

from sparcs.claims.catalogue import CLAIMS, IDS, require_every_claim
from sparcs.claims.extent import run_too_small, why_untested
from sparcs.claims.networks import tanh_fit
from sparcs.claims.origin import claim_of, with_origins

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
