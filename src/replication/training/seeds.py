"""Seeds: every trial's random numbers depend on its own name alone, never on chunking, order, cores or a restart."""

import hashlib
import json

import numpy as np

STREAMS = ("initial", "batches", "split", "augmentation", "validation", "gates", "search")


def trial_seed(root: int, experiment: str, data_set: str, trial: int) -> int:
    """The seed of one trial: the first 48 bits of SHA-256 over its name (fits a float64 and an int64 exactly)."""
    name = json.dumps([root, experiment, data_set, trial])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")


def generator(seed: int, stream: str, *index: int) -> np.random.Generator:
    """An independent PCG64 generator for one purpose of a trial.

    stream: one of STREAMS: ``initial`` values; ``batches``, the order of the training points; the ``split`` into
    training and validation points; ``augmentation`` of the training images and of those of the ``validation``;
    batches on which ``gates`` are trained, and random cells in their place; what a ``search`` draws while it runs.
    index: for instance of an epoch. Each has its own generator, so that a checkpoint need not keep any state.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, STREAMS.index(stream), *index])))
