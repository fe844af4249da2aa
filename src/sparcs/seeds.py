"""Seeds: every trial's random numbers depend on its own name alone, never on chunking, order, cores or a restart."""

import hashlib
import json

import numpy as np

STREAMS = ("initial", "batches")


def trial_seed(root: int, experiment: str, data_set: str, trial: int) -> int:
    """The seed of one trial: the first 48 bits of SHA-256 over its name (fits a float64 and an int64 exactly)."""
    name = json.dumps([root, experiment, data_set, trial])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")


def generator(seed: int, stream: str) -> np.random.Generator:
    """An independent PCG64 generator for one purpose of a trial.

    stream: one of STREAMS: ``initial`` values or ``batches``, the order of the training points.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, STREAMS.index(stream)])))
