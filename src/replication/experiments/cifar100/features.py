"""A pre-trained backbone's features of images, as they are given to it: enlarged and normalised."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replication.data.augmentation import Normalisation, channels_first
from replication.data.backbones import V2_S, Backbone
from replication.data.image_arrays import Images

EVALUATED = 50  # images at a time: larger activities go back to the system after each layer, at twice the cost


@dataclass
class Extractor:
    """A backbone on a device, and how images are prepared for it."""

    backbone: nn.Module
    normalise: Normalisation
    input_size: int
    device: str


def features(backbone: Backbone, images: Images, settings: SimpleNamespace, device: str) -> dict[str, np.ndarray]:
    """The backbone's features of the first plain images, as it is: x_train, x_test float16 (n, features), classes.

    float16 keeps three digits of values that go from 0 to 6 or so, at half the size.
    """
    normalise = Normalisation(backbone.mean, backbone.deviation, device)
    extractor = Extractor(backbone.module.to(device), normalise, settings.input_size, device)
    arrays = {}
    for name, x, y, most in (
        ("train", images.x_train, images.y_train, settings.images),
        ("test", images.x_test, images.y_test, settings.test_images),
    ):
        arrays[f"x_{name}"] = activities(extractor, channels_first(x[:most])).half().cpu().numpy()  # (n, features)
        arrays[f"y_{name}"] = y[:most]
    return arrays


def about(settings: SimpleNamespace, images: Images) -> dict[str, object]:
    """What every row says of the images and the backbone that it was made from; any but the paper's is a substitute."""
    return {
        "backbone": settings.backbone,
        "substitute_backbone": settings.backbone != V2_S,
        "input_size": settings.input_size,
        "stand_in": images.stand_in,
    }


@torch.no_grad()
def activities(extractor: Extractor, images: Tensor) -> Tensor:
    """The backbone's features of images in evaluation mode, (n, 3, 32, 32) -> (n, features)."""
    extractor.backbone.eval()
    parts = images.split(EVALUATED)
    return torch.cat([extractor.backbone(enlarged(extractor, part.to(extractor.device))) for part in parts])


def enlarged(extractor: Extractor, images: Tensor) -> Tensor:
    """uint8 (n, 3, 32, 32) -> float32 (n, 3, s, s), bilinear as torchvision enlarges images, then normalised."""
    size = (extractor.input_size, extractor.input_size)
    x = F.interpolate(images.float(), size=size, mode="bilinear", antialias=True, align_corners=False)
    return extractor.normalise(x)
