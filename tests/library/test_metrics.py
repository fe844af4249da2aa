"""Measures of trained networks against tensors written out."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication.experiments.regression import train as regression
from replication.experiments.teacher_student import train as teacher_student
from replication.training.ensemble.training import Trained
from sparcs import metrics, spectral


def random_network(widths, seed):
    random = np.random.default_rng(seed)
    phi = [random.normal(size=(b, a)) for a, b in pairwise(widths)]
    return phi, [random.normal(size=width) for width in widths]


def as_parameters(phi, lam, trials=1):
    named = {f"eigenvectors.{k}": block for k, block in enumerate(phi)}
    named |= {f"eigenvalues.{k}": block for k, block in enumerate(lam)}
    return {name: np.stack([array] * trials).astype(np.float32) for name, array in named.items()}


def test_r_squared_is_of_two_arrays_of_one_shape():
    target, prediction = np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.5, 3.5])
    assert metrics.r_squared(target, prediction) == pytest.approx(1 - 0.5 / (14 / 3))
    with pytest.raises(ValueError, match=r"target \(3,\), prediction \(3, 1\): the same shape is needed"):
        metrics.r_squared(target, prediction[:, None])


def test_gamma_norm_against_the_tensor():
    phi, lam = random_network([3, 6, 2], 0)
    bundles = metrics.bundles_of(phi, lam)
    gamma = np.einsum("ij,jk->ijk", bundles[3, 2], bundles[2, 1])
    norms = metrics.path_norms(bundles[2, 1], bundles[3, 2])
    assert np.sqrt(np.square(norms).sum()) == pytest.approx(np.sqrt(np.square(gamma).sum()))
    np.testing.assert_allclose(norms, np.sqrt(np.square(gamma).sum(axis=(0, 2))))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_live_neurons_by_function(seed):
    """A neuron is silent iff its pre-activation is 0 for every input; zeros are planted in λ and φ."""
    random = np.random.default_rng(seed)
    widths = [3, 5, 4, 2]
    phi, lam = random_network(widths, seed)
    lam[0][:] = 0
    for block in (*phi, *lam[1:3]):
        block[random.random(block.shape) < 0.5] = 0
    x = random.normal(size=(40, 3))
    bundles, activities = metrics.bundles_of(phi, lam), [x]
    for i, mask in enumerate(metrics.live(phi, lam), start=2):
        z = sum(activities[j - 1] @ bundles[i, j].T for j in range(1, i))
        assert not z[:, ~mask].any()
        activities.append(np.maximum(z, 0))
        # a live neuron's row of W_{i,i-1} is not zero: driven on its own it answers
        probe = random.normal(size=(40, widths[i - 2])) @ bundles[i, i - 1].T
        assert probe[:, mask].any(axis=0).all()


def test_forward_from_bundles_is_the_network_s():
    phi, lam = random_network([4, 5, 3, 2], 1)
    x = np.random.default_rng(2).normal(size=(9, 4))
    expected = spectral.forward_eigenbasis(phi, lam, x, lambda z: np.maximum(z, 0))
    np.testing.assert_allclose(metrics.forward(metrics.bundles_of(phi, lam), x), expected, atol=1e-10)


def test_deleting_in_weight_space_removes_rows_and_columns():
    phi, lam = random_network([4, 5, 3, 2], 1)
    x = np.random.default_rng(2).normal(size=(9, 4))
    bundles = metrics.bundles_of(phi, lam)
    y = metrics.forward(bundles, x, {2: np.array([1, 0, 1, 1, 0])})
    stay = [0, 2, 3]
    smaller = {
        key: weight[
            np.ix_(stay if key[0] == 2 else range(len(weight)), stay if key[1] == 2 else range(weight.shape[1]))
        ]
        for key, weight in bundles.items()
    }
    np.testing.assert_allclose(y, metrics.forward(smaller, x), atol=1e-12)


def test_regression_measures_of_a_known_network():
    phi, lam = random_network([3, 4, 1], 3)
    x = np.random.default_rng(0).uniform(-1, 1, (50, 2)).astype(np.float32)
    full = np.concatenate([x, np.ones((50, 1))], axis=1)
    y = spectral.forward_bundles(phi, lam, full, lambda z: np.maximum(z, 0))[:, 0].astype(np.float32)
    data = {"x_train": x, "y_train": y, "x_held_out": x, "y_held_out": y + 0.1 * np.sign(np.arange(50) - 24.5)}
    table = regression.measure(
        Trained(as_parameters(phi, lam, 2), np.array([-1, 4]), np.array([0.25, np.nan])), data, active_threshold=1e-9
    )
    row = table.iloc[0]
    assert row["mse"] == pytest.approx(0.01, rel=1e-3)
    assert row["r2"] == pytest.approx(1 - 0.01 / np.var(data["y_held_out"]), rel=1e-3)
    assert row["train_mse"] == 0.25
    assert row["mean_abs_eigenvalue"] == pytest.approx(np.abs(np.concatenate(lam[:2])).mean(), rel=1e-6)
    assert row["active_neurons"] == 4
    assert table.drop(columns="diverged_epoch").iloc[1].isna().all()
    assert table["diverged_epoch"].tolist() == [-1, 4]


def test_norm_of_mean_gamma_over_chunks():
    networks = [random_network([3, 4, 1], seed) for seed in range(4)]
    gammas = []
    for phi, lam in networks:
        bundles = metrics.bundles_of(phi, lam)
        gammas.append(np.einsum("ij,jk->ijk", bundles[3, 2], bundles[2, 1]))
    chunks = [as_parameters(*network) for network in networks]
    expected = np.sqrt(np.square(np.mean(gammas, axis=0)).sum())
    assert regression.norm_of_mean_gamma(chunks) == pytest.approx(expected, rel=1e-5)
    broken = {name: np.full_like(array, np.nan) for name, array in chunks[0].items()}
    assert regression.norm_of_mean_gamma([*chunks, broken]) == pytest.approx(expected, rel=1e-5)


def test_architecture_tables_hold_every_path():
    phi, lam = random_network([3, 4, 1], 5)
    tables = regression.architecture(as_parameters(phi, lam), 0)
    bundles = metrics.bundles_of(phi, lam)
    for _, row in tables["paths"].iterrows():
        hidden, k = int(row["hidden"]) - 1, int(row["input"]) - 1
        assert row["gamma"] == pytest.approx(bundles[3, 2][0, hidden] * bundles[2, 1][hidden, k], rel=1e-4)
    np.testing.assert_allclose(tables["skips"]["w31"], bundles[3, 1][0], rtol=1e-4)
    assert len(tables["eigenvalues"]) == 8


def test_pruning_by_brute_force():
    phi, lam = random_network([3, 4, 3, 3], 8)
    lam[0][:] = 0
    random = np.random.default_rng(1)
    x, y = random.normal(size=(30, 3)), random.normal(size=(30, 3))
    order = teacher_student.pruning_order(lam)
    values = [abs(lam[layer - 1][h]) for layer, h in order]
    assert values == sorted(values) and len(set(order)) == 7
    first = teacher_student.by_eigenvalue(phi, lam, x, y)
    second = teacher_student.by_weight_space(phi, lam, x, y)

    def mse(output):
        return np.square(y - output).mean()

    full = mse(metrics.forward(metrics.bundles_of(phi, lam), x))
    for removed in range(8):
        left = [block.copy() for block in lam]
        keep = {2: np.ones(4), 3: np.ones(3)}
        for layer, h in order[:removed]:
            left[layer - 1][h] = 0
            keep[layer][h] = 0
        by_i = mse(spectral.forward_eigenbasis(phi, left, x, lambda z: np.maximum(z, 0)))
        by_ii = mse(metrics.forward(metrics.bundles_of(phi, lam), x, keep))
        assert first["relative_increase"][removed] == pytest.approx(by_i / full - 1, abs=1e-9)
        assert second["relative_increase"][removed] == pytest.approx(by_ii / full - 1, abs=1e-9)
    assert first["kept"].tolist() == list(range(7, -1, -1))
    assert first["live"].iloc[-1] == 0
    assert second["live"].tolist() == list(range(7, -1, -1))


def test_all_neurons_are_kept_if_no_loss_is_within_the_budget():
    curve = pd.DataFrame({"kept": [2, 1, 0], "live": [2, 0, 0], "relative_increase": [0.0, 0.01, 0.1]})
    assert teacher_student.fewest_within(curve, 0.05) == {"kept": 1, "live": 0}
    assert teacher_student.fewest_within(curve.assign(relative_increase=np.nan), 0.05) == {"kept": 2, "live": 2}


def test_a_silent_second_layer_still_leaves_the_third_alive():
    """λ_3 = 0 everywhere and λ_2 ≠ 0: every neuron of layer 3 is live; and the other way round, layer 2 is silent."""
    phi, lam = random_network([3, 4, 5, 3], 2)
    lam[0][:] = 0
    lam[2][:] = 0
    assert [int(mask.sum()) for mask in metrics.live(phi, lam)] == [4, 5]
    phi, lam = random_network([3, 4, 5, 3], 2)
    lam[0][:] = 0
    lam[1][:] = 0
    assert [int(mask.sum()) for mask in metrics.live(phi, lam)] == [0, 5]


def test_layer_survival_by_hand():
    phi, lam = random_network([3, 4, 5, 3], 2)
    lam[0][:] = 0
    lam[2] *= 1e-4
    bundles = metrics.bundles_of(phi, lam)
    random = np.random.default_rng(0)
    x, y = random.normal(size=(30, 3)), random.normal(size=(30, 3))
    survival = teacher_student.layer_survival(lam, bundles, x, y)
    assert survival["surviving_layer"] == 2
    full = np.square(y - metrics.forward(bundles, x)).mean()
    without = np.square(y - metrics.forward(bundles, x, {3: np.zeros(5)})).mean()
    assert survival["other_layer_loss_increase"] == pytest.approx(without / full - 1)
    assert survival["eigenvalue_ratio"] == pytest.approx(np.abs(lam[1]).max() / np.abs(lam[2]).max())
