"""The probes of experiment 4 that are published: SPARCS and a linear head on fixed features.

No job keeps them. They are trained again from their row's seed. A plain hidden layer and the other start of SPARCS are
as large as SPARCS, and would make all published networks together too large.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

from replication.experiment import Network
from replication.experiments.cifar10.network import accuracy
from replication.experiments.cifar100.probes import measure, new_head, split_of, train
from replication.training.torch_threads import one_thread
from replication.training.trained import network_of
from replication.training.work import plain

HEADS = ("linear", "spectral")


def label(keys: Mapping[str, Any]) -> str:
    """The head; sizes of images come in ascending order."""
    return f"probe_{keys['head']}"


@one_thread()
def again(
    features: Mapping[str, np.ndarray], settings: Mapping[str, Any], row: Mapping[str, Any]
) -> tuple[nn.Module, dict[str, float]]:
    """The head of a row, trained again, and what is reported of it; one that diverges here is at its start."""
    names, head, seed = plain(settings), row["head"], row["seed"]
    split = split_of(features, names, seed)
    trained = train(head, split, names, seed)
    there = new_head(head, names, seed) if trained is None else trained
    state = {name: value.numpy() for name, value in there.state_dict().items()}
    return network_of(state, settings), measure(head, split, names, seed, trained)


def points(features: Mapping[str, np.ndarray], settings: Mapping[str, Any], nothing: None) -> tuple:
    """The features of the test images, float16 (n, 1280), and their classes, (n,)."""
    return features["x_test"], features["y_test"]


NETWORK = Network(
    label=label,
    several={"head": HEADS},
    rule="the first trial at the smallest size of images that did not diverge",
    again=again,
    points=points,
    draw=None,
    metric="test_accuracy",
    score=accuracy,
    tolerance=0.1,  # ten images of 10,000: rounding may turn a tie
    on="the plain test images",
    inputs="features that the pre-trained network makes of an image, float32 (batch, 1280); outputs are logits",
    stored="float16",
)
