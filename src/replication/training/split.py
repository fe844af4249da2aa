"""How a trial shares out a data set of images."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from replication.data.augmentation import channels_first
from replication.data.image_arrays import Images
from replication.training.classifiers import split_rows


@dataclass(frozen=True)
class Split:
    """Training, validation and test images, uint8 (n, 3, height, width), and their classes, int64 (n,)."""

    x_train: Tensor
    y_train: Tensor
    x_validation: Tensor
    y_validation: Tensor
    x_test: Tensor
    y_test: Tensor


def split_of(images: Images, settings: SimpleNamespace, seed: int) -> Split:
    """The trial's split: of the first images in a seeded order, a share validates and the others train."""
    validation, train = split_rows(len(images.y_train), settings.images, settings.validation_share, seed)
    test = slice(settings.test_images)
    return Split(
        *_tensors(images.x_train[train], images.y_train[train]),
        *_tensors(images.x_train[validation], images.y_train[validation]),
        *_tensors(images.x_test[test], images.y_test[test]),
    )


def _tensors(x: np.ndarray, y: np.ndarray) -> tuple[Tensor, Tensor]:
    return channels_first(x), torch.from_numpy(y.astype(np.int64))
