"""Augmentation of image batches: random crops of padded images, horizontal flips, normalisation per channel.

It works on a whole batch of uint8 images at a time. A seeded generator draws what is random beforehand.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of CIFAR-10's training images, per channel
PADDING = 4  # black pixels on every side, before the crop to the old size


@dataclass(frozen=True)
class Draws:
    """What is random in the augmentation of some images: corners of the crops and flips, (images,) each."""

    top: Tensor
    left: Tensor
    flip: Tensor

    def at(self, part: slice) -> "Draws":
        """The draws of some of the images."""
        return Draws(self.top[part], self.left[part], self.flip[part])

    def to(self, device: torch.device) -> "Draws":
        """The same draws on a device."""
        return Draws(self.top.to(device), self.left.to(device), self.flip.to(device))


def draw(images: int, generator: np.random.Generator) -> Draws:
    """Uniform corners in 0 … 2·PADDING and flips with probability ½."""
    corners = generator.integers(0, 2 * PADDING + 1, (2, images))
    flips = generator.integers(0, 2, images).astype(bool)
    return Draws(*(torch.from_numpy(array) for array in (corners[0], corners[1], flips)))


def channels_first(images: np.ndarray) -> Tensor:
    """uint8 (images, height, width, 3) -> (images, 3, height, width)."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def padded(images: Tensor) -> Tensor:
    """Black pixels around each image, (images, 3, s, s) -> (images, 3, s + 2·PADDING, s + 2·PADDING)."""
    return torch.nn.functional.pad(images, (PADDING,) * 4)


def augmented(images: Tensor, rows: Tensor, draws: Draws) -> Tensor:
    """Crops and flips of the padded images in ``rows``.

    images: uint8 (images, 3, s + 2·PADDING, s + 2·PADDING); rows, draws: (batch,). Returns uint8 (batch, 3, s, s).
    """
    size = images.shape[-1] - 2 * PADDING
    windows = images.unfold(2, size, 1).unfold(3, size, 1)  # (images, 3, 9, 9, s, s), a view
    crops = windows[rows, :, draws.top, draws.left]  # (batch, 3, s, s)
    return torch.where(draws.flip[:, None, None, None], crops.flip(-1), crops)


class Normalisation:
    """(x/255 − mean) / standard deviation of each channel, uint8 -> float32, on one device."""

    def __init__(
        self,
        mean: tuple[float, float, float],
        deviation: tuple[float, float, float],
        device: torch.device | str = "cpu",
    ) -> None:
        self.scale = (1 / (255 * torch.tensor(deviation)))[:, None, None].to(device)  # (3, 1, 1)
        self.shift = (-(torch.tensor(mean) / torch.tensor(deviation)))[:, None, None].to(device)  # (3, 1, 1)

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 (…, 3, s, s) -> float32 of the same shape."""
        return images.float().mul_(self.scale).add_(self.shift)
