"""Every claim of the paper that this project tests: what it says, its region, how it is measured.

The regions were fixed before the results. :mod:`sparcs.verdicts` says how a verdict follows.
"""

from sparcs.claims.catalogue import CLAIMS
from sparcs.claims.extent import run_too_small, why_untested
from sparcs.claims.networks import tanh_fit

__all__ = ["CLAIMS", "run_too_small", "tanh_fit", "why_untested"]
