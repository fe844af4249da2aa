"""Images in memory: what a training on images is given."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Images:
    """A data set of 32×32 colour images.

    x_train (points, 32, 32, 3) and x_test (test points, 32, 32, 3) are uint8, y_train (points,) and y_test (test
    points,) int64. stand_in: these are not CIFAR's images, and whatever is made from them must say so. source: "file",
    "download" or "stand-in". note: what else is known of the images. approximate: how many are not the official pixels.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    stand_in: bool
    source: str
    note: str
    approximate: int = 0
