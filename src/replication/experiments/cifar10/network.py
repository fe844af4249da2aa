"""The networks of experiment 3 that are published: each head, with the convolutional network that it stands on."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from replication.data.augmentation import DEVIATION, MEAN, Normalisation, channels_first
from replication.data.image_arrays import Images
from replication.experiment import Job, Network
from replication.experiments.cifar10.backends import activities
from replication.experiments.cifar10.run import SmallCNN
from replication.training.trained import named, network_of

HEADS = ("linear", "spectral", "spectral_authors_sign")


def label(keys: Mapping[str, Any]) -> str:
    """The head."""
    return keys["head"] if keys["head"] in HEADS else ""


def build(parameters: Mapping[str, np.ndarray], job: Job, keys: Mapping[str, Any]) -> tuple[nn.Module, SmallCNN]:
    """The head of a trial, and its features; a job of several has the names of each begin with head and trial."""
    state = parameters if job.trainings == 1 else named(parameters, f"{keys['head']}.{keys['trial']}.")
    features = SmallCNN(torch.Generator())
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in named(state, "features.").items()}
    features.load_state_dict(tensors)
    return network_of(named(state, "head."), job.settings), features.eval()


def points(images: Images, settings: Mapping[str, Any], features: SmallCNN) -> tuple[np.ndarray, np.ndarray]:
    """The features of the test images, (n, 400), and their classes, (n,)."""
    chosen = slice(SimpleNamespace(**settings).test_images)
    x = activities(features, channels_first(images.x_test[chosen]), Normalisation(MEAN, DEVIATION))
    return x.numpy(), images.y_test[chosen]


def accuracy(classes: np.ndarray, logits: np.ndarray) -> float:
    """Per cent of the images that are classified correctly."""
    return 100 * float((logits.argmax(axis=1) == classes).mean())


NETWORK = Network(
    label=label,
    build=build,
    points=points,
    draw=None,
    metric="test_accuracy",
    score=accuracy,
    tolerance=0.1,  # ten images of 10,000: rounding may turn a tie
    on="the plain test images",
    inputs="features that the convolutional network makes of an image, float32 (batch, 400); outputs are logits "
    "of airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck",
    stored="float16",
    images=f"images as (x/255 − mean)/deviation of each channel, float32 (batch, 3, 32, 32), mean {MEAN}, deviation "
    f"{DEVIATION}; outputs are those features",
)
