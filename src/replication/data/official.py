"""Whether images are those of the official archives, as far as public copies show: decided by the arrays alone.

No official archive was at hand when these digests were made, but copies of both data sets. Of CIFAR-10's 60,000 images
the copies hold 98 after a passage through JPEG; the official pixels of those are not known here.
"""

import hashlib
from collections.abc import Mapping

import numpy as np

# fmt: off
UNKNOWN = {  # the numbers of those 98
    "cifar10": {
        "train": (
            4298, 5949, 7066, 7237, 7248, 7630, 8006, 8831, 8968, 9415, 10336, 10408, 12762, 12834,
            13546, 21493, 25728, 26098, 26927, 27621, 28435, 28728, 29694, 29747, 30329, 31066, 31367,
            31462, 31625, 31663, 32777, 33641, 33661, 34067, 34276, 34387, 34825, 35160, 35646, 36733,
            37329, 37474, 37567, 38384, 38925, 39358, 39385, 39613, 39840, 39888, 39971, 40805, 41779,
            42004, 42389, 42611, 43357, 43883, 44882, 45168, 45240, 46175, 46435, 46538, 46624, 47393,
            47597, 48081, 48124, 48333, 48821, 48836, 49321, 49429, 49631, 49830, 49857,
        ),
        "test": (
            722, 1259, 1369, 1422, 2245, 2737, 2935, 3695, 3718, 4085, 4496, 5791, 5896, 6286, 7580,
            7707, 7724, 7832, 8117, 8551, 9254,
        ),
    },
    "cifar100": {"train": (), "test": ()},
}
# fmt: on
KNOWN = {  # SHA-256 of all other images, and of all labels as uint8
    "cifar10": {
        "x_train": "72cce59ffeb64e6ed80e1ec453810641e707e56d224fd1e07b34c169c38182f9",
        "y_train": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
        "x_test": "5993e9031f207848c0c17f9ac827c7cc11d8d6679a6d7134e109b4d6e9791955",
        "y_test": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    },
    "cifar100": {
        "x_train": "4e457917601a66aed021f5fa37957b56c6319557c0a8ed5484de3c390af45430",
        "y_train": "9f11b9f97aad759ba6df0a33e3218b01d8deaf4ed3a14aa1185d69b9ad7ebcb3",
        "x_test": "4cb8e5d9309da489bf6b19cc10cd96c3ae6f8daf225380b605aaee4c0d6aee19",
        "y_test": "4dad7d09c7c97d33f6cb928d705cf4196221316fd6e31bdd978a08ed9103ee0b",
    },
}
JPEG = {  # SHA-256 of the 98 as the copies have them
    "cifar10": {
        "x_train": "6b5b4c721033528a27d989ece42528c399be54861e7b9b6df1079b7a96455a5f",
        "x_test": "b27ce3c08574de00f1bccbd1f5e6c8ac0a1edff6e7ca6094ad5349c45cea5c26",
    },
    "cifar100": {},
}


def has_known_pixels(name: str, arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether every label is the official one, and so is every pixel except those of ``UNKNOWN`` images."""
    return all(_digest(name, arrays, key, unknown=False) == known for key, known in KNOWN[name].items())


def has_jpeg_pixels(name: str, arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether the ``UNKNOWN`` images, those of a split at least, are the ones that went through JPEG."""
    return any(_digest(name, arrays, key, unknown=True) == jpeg for key, jpeg in JPEG[name].items())


def lists_unknown(name: str, arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether the arrays list exactly the ``UNKNOWN`` images as approximate."""
    return all(sorted(arrays.get(f"lossy_{split}", ())) == [*numbers] for split, numbers in UNKNOWN[name].items())


def _digest(name: str, arrays: Mapping[str, np.ndarray], key: str, unknown: bool) -> str:
    """The SHA-256 of an array: of its ``UNKNOWN`` images or of all others; of all labels."""
    axis, split = key.split("_")
    array = arrays[key]
    if axis == "x":
        array = array[np.isin(np.arange(len(array)), UNKNOWN[name][split]) == unknown]
    return hashlib.sha256(np.ascontiguousarray(array, dtype=np.uint8)).hexdigest()
