"""Claim D2's rule, for measuring and judging alike."""

SURVIVES = 100  # a layer's largest |λ| is at least this many times the other's
