"""Published heads of experiment 3, loaded in the report with the features of some test images."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from sparcs import SpectralNetwork


def published_head(published: str | Path, head: str) -> tuple[SpectralNetwork, torch.Tensor, torch.Tensor] | None:
    """A head, and features (images, 400) and classes (images,) of test images; None if it is not published."""
    path = Path(published, "networks", f"cifar10_{head}.safetensors")
    sample = path.with_name(f"cifar10_{head}_sample.safetensors")
    if not (path.exists() and sample.exists()):
        return None
    points = load_file(sample)
    return SpectralNetwork.load(path).float(), points["inputs"], points["targets"]  # stored in half precision
