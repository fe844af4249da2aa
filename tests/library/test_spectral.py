"""The spectral parametrization against explicit dense linear algebra."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparcs import spectral

WIDTHS = st.lists(st.integers(1, 7), min_size=2, max_size=8)


def random_blocks(widths, seed, batch_shape=()):
    random = np.random.default_rng(seed)
    phi = [random.normal(size=(*batch_shape, b, a)) for a, b in pairwise(widths)]
    lam = [random.normal(size=(*batch_shape, width)) for width in widths]
    return phi, lam


def dense(phi, lam):
    """Φ, Λ and A by writing blocks into zeros and inverting numerically."""
    widths = [len(block) for block in lam]
    offsets = np.concatenate([[0], np.cumsum(widths)])
    matrix = np.eye(sum(widths))
    for k, block in enumerate(phi):
        matrix[offsets[k + 1] : offsets[k + 2], offsets[k] : offsets[k + 1]] = block
    eigenvalues = np.diag(np.concatenate(lam))
    return matrix, eigenvalues, matrix @ eigenvalues @ np.linalg.inv(matrix), offsets


def block(matrix, offsets, i, j):
    return matrix[offsets[i - 1] : offsets[i], offsets[j - 1] : offsets[j]]


def close(computed, expected):
    np.testing.assert_allclose(computed, expected, rtol=0, atol=1e-10 * max(1.0, np.abs(expected).max()))


@settings(max_examples=200, deadline=None)
@given(WIDTHS, st.integers(0, 2**32 - 1))
def test_matrices_agree_with_dense_algebra(widths, seed):
    phi, lam = random_blocks(widths, seed)
    matrix, eigenvalues, adjacency, offsets = dense(phi, lam)
    close(spectral.eigenvector_matrix(phi), matrix)
    close(spectral.eigenvalue_matrix(lam), eigenvalues)
    inverse = np.linalg.inv(matrix)
    close(spectral.inverse_eigenvector_matrix(phi), inverse)
    close(spectral.adjacency(phi, lam), adjacency)
    for i in range(1, len(widths) + 1):
        for j in range(1, len(widths) + 1):
            close(spectral.inverse_block(phi, i, j), block(inverse, offsets, i, j))
            if j < i:
                close(spectral.bundle_weight(phi, lam, i, j), block(adjacency, offsets, i, j))


@pytest.mark.parametrize(("layers", "dtype", "tolerance"), [(24, np.float32, 1e-5), (70, np.float64, 1e-12)])
def test_the_adjacency_of_a_deep_network(layers, dtype, tolerance):
    """Equal eigenvalues make A = λI; others make the blocks that each W_ij, formed by itself, says."""
    phi, lam = random_blocks([4] * layers, layers)
    phi = [(block / 2).astype(dtype) for block in phi]
    ones = [np.ones(4, dtype) for _ in lam]
    np.testing.assert_allclose(spectral.adjacency(phi, ones), np.eye(4 * layers), rtol=0, atol=tolerance)
    lam = [values.astype(dtype) for values in lam]
    adjacency, offsets = spectral.adjacency(phi, lam), np.arange(0, 4 * layers + 1, 4)
    assert adjacency.dtype == dtype
    for i, j in [(2, 1), (layers, 1), (layers, layers - 2), (layers // 2, 3)]:
        weight = spectral.bundle_weight(phi, lam, i, j)
        np.testing.assert_allclose(block(adjacency, offsets, i, j), weight, rtol=tolerance)


@settings(max_examples=100, deadline=None)
@given(WIDTHS, st.integers(0, 2**32 - 1))
def test_both_forward_forms_agree_with_the_dense_adjacency(widths, seed):
    phi, lam = random_blocks(widths, seed)
    x = np.random.default_rng(seed + 1).normal(size=(5, widths[0]))
    _, _, adjacency, offsets = dense(phi, lam)
    activities = [x]
    for i in range(2, len(widths) + 1):
        z = sum(activities[j - 1] @ block(adjacency, offsets, i, j).T for j in range(1, i))
        activities.append(np.tanh(z) if i < len(widths) else z)
    for forward in (spectral.forward_bundles, spectral.forward_eigenbasis):
        y = forward(phi, lam, x, np.tanh)
        np.testing.assert_allclose(y, activities[-1], rtol=0, atol=1e-9 * max(1.0, np.abs(activities[-1]).max()))


@settings(max_examples=50, deadline=None)
@given(WIDTHS, st.integers(0, 2**32 - 1), st.floats(-3, 3))
def test_a_constant_added_to_every_eigenvalue_changes_no_weight(widths, seed, constant):
    phi, lam = random_blocks(widths, seed)
    shifted = [values + constant for values in lam]
    for i in range(2, len(widths) + 1):
        close(spectral.bundle_weight(phi, shifted, i, 1), spectral.bundle_weight(phi, lam, i, 1))


def test_leading_dimensions_are_independent_networks():
    widths = [3, 4, 2, 5]
    phi, lam = random_blocks(widths, 0, batch_shape=(6,))
    x = np.random.default_rng(1).normal(size=(6, 7, 3))
    together = spectral.forward_bundles(phi, lam, x, np.tanh)
    recursive = spectral.forward_eigenbasis(phi, lam, x, np.tanh)
    adjacency = spectral.adjacency(phi, lam)
    for t in range(6):
        blocks = [block[t] for block in phi], [block[t] for block in lam]
        close(together[t], spectral.forward_bundles(*blocks, x[t], np.tanh))
        close(recursive[t], together[t])
        close(adjacency[t], spectral.adjacency(*blocks))


@pytest.mark.parametrize(("i", "j"), [(1, 1), (2, 2), (1, 2), (2, 0), (4, 1)])
def test_a_bundle_that_does_not_exist_is_refused(i, j):
    phi, lam = random_blocks([2, 3, 2], 0)
    with pytest.raises(ValueError, match=rf"\({i}, {j}\).*1 <= j < i <= 3"):
        spectral.bundle_weight(phi, lam, i, j)


def test_a_block_of_the_inverse_outside_the_network_is_refused():
    phi, _ = random_blocks([2, 3, 2], 0)
    with pytest.raises(ValueError, match="layers 1 to 3"):
        spectral.inverse_block(phi, 4, 1)


def test_penalties_by_hand():
    blocks = [np.array([3.0, -4.0]), np.array([0.0, 2.0])]
    assert spectral.penalty(blocks, "l2") == pytest.approx(5 + 2)
    assert spectral.penalty(blocks, "l1") == pytest.approx(9)
    assert spectral.penalty(blocks, "l2_squared") == pytest.approx(29)
    with pytest.raises(ValueError, match=r"l3.*l2, l1, l2_squared"):
        spectral.penalty(blocks, "l3")


def test_multiplications_of_the_paper_s_networks():
    """Worked out by hand from the definitions, the bias column left out."""
    count = spectral.multiplications
    assert count((20, 200, 200, 20), 1024, "eigenbasis") == 1024 * (20 * 200 + 2 * 200 * 200 + 200 * 20)
    assert count((20, 200, 200, 20), 1024, "bundles") == pytest.approx(59.4e6, rel=1e-3)
    assert count((400, 526, 10), 128, "eigenbasis") == 128 * (400 * 526 + 526 * 10)
    assert count((400, 526, 10), 128, "eigenbasis", input_is_zero=False) == 128 * (2 * 400 * 526 + 526 * 10)
    assert count((400, 526, 10), 128, "bundles") == pytest.approx(30.2e6, rel=1e-2)
    assert count((1280, 526, 100), 128, "bundles") == pytest.approx(176.6e6, rel=1e-2)
    assert spectral.cheaper_form((20, 200, 200, 20), 1024) == "bundles"
    assert spectral.cheaper_form((400, 526, 10), 128) == "eigenbasis"


@settings(max_examples=100, deadline=None)
@given(WIDTHS, st.integers(0, 10**6))
def test_multiplications_count_every_bundle(widths, batch):
    """Pair by pair: W_ij is formed as W_{i,j+1} φ_j for j < i−1, and applied to the batch."""
    layers = range(len(widths))
    formed = sum(widths[i] * widths[j + 1] * widths[j] for i in layers for j in range(i - 1))
    applied = sum(widths[i] * widths[j] for i in layers for j in range(i))
    assert spectral.multiplications(widths, batch, "bundles") == formed + batch * applied


@settings(max_examples=100, deadline=None)
@given(WIDTHS, st.integers(1, 10**6))
def test_the_cheaper_form_settles_as_the_batch_grows(widths, batch):
    endless = spectral.cheaper_form(widths, None)
    costs = {form: spectral.multiplications(widths, 10**9, form) for form in spectral.FORMS}
    assert costs[endless] <= min(costs.values()) * (1 + 1e-6)
    chosen = spectral.cheaper_form(widths, batch)
    assert all(
        spectral.multiplications(widths, batch, chosen) <= spectral.multiplications(widths, batch, form)
        for form in spectral.FORMS
    )


@settings(max_examples=100, deadline=None)
@given(WIDTHS, st.integers(0, 2**32 - 1))
def test_zero_input_eigenvalues_save_a_product_and_change_nothing(widths, seed):
    phi, lam = random_blocks(widths, seed)
    lam[0][:] = 0
    x = np.random.default_rng(seed + 1).normal(size=(5, widths[0]))
    y = spectral.forward_eigenbasis(phi, lam, x, np.tanh, input_is_zero=True)
    close(y, spectral.forward_eigenbasis(phi, lam, x, np.tanh))


def padded(x, widths):
    """a = (x, 0, …, 0) as one vector per sample, (batch, N)."""
    return np.concatenate([x, np.zeros((len(x), sum(widths[1:])))], axis=1)


@settings(max_examples=100, deadline=None)
@given(WIDTHS, st.integers(0, 2**32 - 1))
def test_the_recursive_rule_is_a_power_of_dense_applications(widths, seed):
    """Section 4's a ← f(A a) with A as one dense matrix."""
    phi, lam = random_blocks(widths, seed)
    x = np.random.default_rng(seed + 1).normal(size=(5, widths[0]))
    adjacency, offsets = dense(phi, lam)[2:]
    a = padded(x, widths)
    once = spectral.apply_adjacency(phi, lam, np.split(a, offsets[1:-1], axis=1))
    close(np.concatenate(once, axis=1), a @ adjacency.T)
    for application in range(1, len(widths)):
        a = a @ adjacency.T
        if application < len(widths) - 1:
            a = np.tanh(a)
    close(spectral.forward_recursive(phi, lam, x, np.tanh), a[:, offsets[-2] :])


@settings(max_examples=100, deadline=None)
@given(WIDTHS, st.integers(0, 2**32 - 1))
def test_when_the_recursive_rule_is_the_layered_one(widths, seed):
    """Without self-loops and with the input set back before each application, and not before; always for ℓ = 2."""
    phi, lam = random_blocks(widths, seed)
    x = np.random.default_rng(seed + 1).normal(size=(5, widths[0]))
    expected = spectral.forward_bundles(phi, lam, x, np.tanh)
    adjacency, offsets = dense(phi, lam)[2:]
    for i in range(len(widths)):
        layer = slice(offsets[i], offsets[i + 1])
        adjacency[layer, layer] = 0
    a = padded(x, widths)
    for _ in range(1, len(widths)):
        a[:, : widths[0]] = x
        z = a @ adjacency.T
        a = np.tanh(z)
    close(z[:, offsets[-2] :], expected)
    if len(widths) == 2:
        close(spectral.forward_recursive(phi, lam, x, np.tanh), expected)


def test_the_recursive_rule_is_another_function():
    phi, lam = random_blocks([3, 4, 2], 0)
    x = np.random.default_rng(1).normal(size=(5, 3))
    other = spectral.forward_recursive(phi, lam, x, np.tanh)
    assert np.abs(other - spectral.forward_bundles(phi, lam, x, np.tanh)).max() > 0.1


def test_parameter_counts_of_figure_8():
    for layers in range(2, 20):
        direct = sum(100 * 100 for i in range(layers) for _ in range(i))
        spectral_count = sum(100 * 100 for _ in range(layers - 1)) + 100 * layers
        assert spectral.count_parameters(layers, 100, "direct") == direct
        assert spectral.count_parameters(layers, 100, "spectral") == spectral_count
