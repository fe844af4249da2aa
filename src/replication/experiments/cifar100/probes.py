"""Heads on fixed features: how much of what a non-linear head can give does SPARCS find?"""

from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from replication.training import classifiers
from replication.training.seeds import generator
from replication.training.torch_threads import subnormals_flushed
from replication.training.work import Results, Work

MINUS_ONE = "spectral_authors_sign"  # SPARCS started at λ_3 = −1, as the authors' image scripts do
HEADS = ("linear", "spectral", MINUS_ONE, "mlp")
Points = tuple[Tensor, Tensor]  # features (n, N_1), classes (n,)


class Split(NamedTuple):
    """Features and classes that train, validate and test."""

    train: Points
    validation: Points
    test: Points


def run(features: Mapping[str, Any], work: Work) -> Results:
    """Train every head on the features: a row for each and each trial. ``about``: what they were made from."""
    on_epoch = work.progress(len(work.trials) * len(HEADS) * work.settings.training.epochs, "epochs")
    rows = [
        {"head": head, "trial": trial, "seed": seed} | features["about"] | row
        for trial, seed in zip(work.trials, work.seeds, strict=True)
        for head, row in measured(features, work, seed, lambda _: on_epoch(1))
    ]
    return {"probes": pd.DataFrame(rows)}, {}


def measured(
    features: Mapping[str, np.ndarray], work: Work, seed: int, on_epoch: Callable[[nn.Module], object]
) -> Iterator[tuple[str, dict[str, float]]]:
    """Every head of one trial, and what is reported of it; all have the same split and batches."""
    split = split_of(features, work.settings, seed, work.device)
    points = {"training_points": len(split.train[1]), "test_points": len(split.test[1])}
    for head in HEADS:
        trained = train(head, split, work.settings, seed, on_epoch)
        yield head, points | measure(head, split, work.settings, seed, trained)


def split_of(features: Mapping[str, np.ndarray], settings: SimpleNamespace, seed: int, device: str = "cpu") -> Split:
    """The trial's split of the training points; x_train, x_test (n, N_1), y_train, y_test (n,)."""
    points = len(features["y_train"])
    validation, train = classifiers.split_rows(points, points, settings.validation_share, seed)

    def chosen(name: str, rows: np.ndarray | slice) -> Points:
        x = torch.from_numpy(features[f"x_{name}"][rows]).to(device).float()  # (n, N_1)
        return x, torch.from_numpy(features[f"y_{name}"][rows]).to(device)

    return Split(chosen("train", train), chosen("train", validation), chosen("test", slice(None)))


def new_head(kind: str, settings: SimpleNamespace, seed: int) -> nn.Module:
    """A head at its start, one of HEADS; SPARCS has the same φ from either λ_3."""
    head = classifiers.new_head("spectral" if kind == MINUS_ONE else kind, settings.widths, settings.bias, seed)
    if kind == MINUS_ONE:
        nn.init.constant_(head.eigenvalues[-1], -1)
    return head


@subnormals_flushed()
def train(
    kind: str, split: Split, settings: SimpleNamespace, seed: int, on_epoch: Callable[[nn.Module], object] | None = None
) -> nn.Module | None:
    """A head trained on the features with Adam, or None if its loss was no longer finite."""
    x, y = split.train
    training = settings.training
    head = new_head(kind, settings, seed).to(x.device)
    optimizer = torch.optim.Adam(head.parameters(), lr=training.learning_rate, fused=True)
    for epoch in range(training.epochs):
        order = torch.from_numpy(generator(seed, "batches", epoch).permutation(len(y))).to(x.device)
        for rows in order.split(training.batch_size):
            optimizer.zero_grad()
            _, loss = classifiers.losses(head, head(x[rows]), y[rows], training)
            loss.backward()
            optimizer.step()
        if not bool(loss.isfinite()):
            return None
        if on_epoch:
            on_epoch(head)
    return head


def measure(kind: str, split: Split, settings: SimpleNamespace, seed: int, head: nn.Module | None) -> dict[str, float]:
    """What is reported of a probe. One that diverged, by its last step or earlier (None), has NaN for what it lacks."""
    lost = head is None or classifiers.diverged(head, head, *split.validation)
    if lost:
        measures = classifiers.not_measured(new_head(kind, settings, seed))
    else:
        measures = classifiers.measure(head, split.validation, split.test)
    names = ("test_accuracy", "validation_accuracy", "recruited_neurons", "parameters")
    return {name: measures[name] for name in names} | {"diverged": lost}
