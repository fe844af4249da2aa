"""A tiny data set in the format of CIFAR's, and what must never be unpickled."""

from pathlib import Path

import numpy as np

SIZES = {"train": 80, "test": 20}


def arrays(classes=10, **changes):
    """The arrays of a file, with changes; None leaves one out."""
    random = np.random.default_rng(0)
    by_name = {}
    for split, size in SIZES.items():
        by_name[f"x_{split}"] = random.integers(0, 256, (size, 32, 32, 3), dtype=np.uint8)
        by_name[f"y_{split}"] = random.integers(0, classes, size, dtype=np.uint8)
    return {key: value for key, value in (by_name | changes).items() if value is not None}


class Trap:
    """An object that runs code when it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("trapped"),))
