"""Heads on fixed features: what each can find, and one that diverged."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from replication import params
from replication.experiments.cifar100 import probes
from replication.experiments.cifar100.settings import ProbeTrial
from replication.experiments.settings import resolve_settings
from replication.judging.heads import OTHER_SIGN, SPARCS
from replication.training import classifiers
from sparcs.network import SpectralNetwork

ROOT = Path(__file__).parents[2]
TRAINING = resolve_settings(params.read_yaml(ROOT / "params.yaml"), {"scale": "smoke"}).cifar100.probes.training


def features_of_rings(points=400):
    """Classes that only a non-linear head can tell: the sign of a product."""
    x = np.random.default_rng(0).standard_normal((points, 2)).astype(np.float32)
    y = (x.prod(axis=1) > 0).astype(np.int64)
    half = points // 2
    return {"x_train": x[:half].astype(np.float16), "y_train": y[:half], "x_test": x[half:], "y_test": y[half:]}


def test_a_control_with_hidden_neurons_finds_what_a_linear_probe_cannot():
    update = {"epochs": 200, "batch_size": 20, "learning_rate": 0.01, "rho": 0.0}
    training = TRAINING.model_copy(update=update)
    settings = ProbeTrial.model_construct(widths=[2, 16, 2], bias=True, validation_share=0.1, training=training)
    split = probes.split_of(features_of_rings(), settings, 3)
    assert len(split.train[1]) == 180 and len(split.validation[1]) == 20 and split.train[0].dtype == torch.float32
    measures = {}
    for kind in probes.HEADS:
        measures[kind] = probes.measure(kind, split, settings, 3, probes.train(kind, split, settings, 3))
    assert measures["linear"]["test_accuracy"] < 70 < 90 < measures["mlp"]["test_accuracy"]
    for kind in (SPARCS, OTHER_SIGN):
        assert measures[kind]["test_accuracy"] > 90 and measures[kind]["recruited_neurons"] > 0
    assert [measures[kind]["parameters"] for kind in ("linear", "mlp")] == [6, 3 * 16 + 17 * 2]
    wild = settings.model_copy(update={"training": training.model_copy(update={"learning_rate": 1e30})})
    assert probes.train("mlp", split, wild, 3) is None
    lost = classifiers.new_head("mlp", (2, 16, 2), True, 0)
    nn.init.constant_(lost[0].bias, -torch.inf)  # no neuron is active, and the loss is finite
    for head in (None, lost):
        row = probes.measure("mlp", split, settings, 3, head)
        assert row["diverged"] and np.isnan(row["test_accuracy"])


def test_the_other_start_differs_by_the_sign_of_the_last_eigenvalues_alone():
    """Its function is the negative one, as that of (4.3) at λ_3 = −1; the names are those that judge them."""
    settings = ProbeTrial.model_construct(widths=[4, 6, 3], bias=True)
    assert probes.HEADS[1:3] == (SPARCS, OTHER_SIGN)
    plus, minus = (probes.new_head(kind, settings, 5) for kind in (SPARCS, OTHER_SIGN))
    for one, other in zip(plus.eigenvectors, minus.eigenvectors, strict=True):
        assert torch.equal(one, other)
    assert minus.eigenvalues[-1].tolist() == [-1, -1, -1] and plus.eigenvalues[-1].tolist() == [1, 1, 1]
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(minus(x), -plus(x), rtol=0, atol=0)
    expected = SpectralNetwork((4, 6, 3), bias=True, output_eigenvalue=-1)
    expected.load_state_dict(minus.state_dict())
    torch.testing.assert_close(expected(x), minus(x), rtol=0, atol=0)
