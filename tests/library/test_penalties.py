"""Penalties on weights against A = ΦΛΦ⁻¹ by explicit linear algebra: formulas, gradients, what each sees through."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from dense_networks import randomised
from sparcs import SpectralNetwork, metrics, penalties, spectral

WIDTHS = st.lists(st.integers(1, 6), min_size=2, max_size=6)


def blocks_of(network):
    """Every W_ij, cut out of A = ΦΛΦ⁻¹, whose Φ⁻¹ is a general inverse."""
    phi, lam = ([block.detach().double() for block in blocks] for blocks in (network.eigenvectors, network.eigenvalues))
    matrix = spectral.eigenvector_matrix(phi)
    whole = (matrix @ torch.diag(torch.cat(lam)) @ torch.linalg.inv(matrix)).numpy()
    ends = np.cumsum([0, *network.widths])
    return lambda i, j: whole[ends[i - 1] : ends[i], ends[j - 1] : ends[j]]


def by_loops(network, kind, prices):
    """The penalty, a neuron at a time."""
    block, layers, total = blocks_of(network), len(network.widths), 0.0
    for i, price in zip(range(2, layers), prices, strict=True):
        for h in range(network.widths[i - 1]):
            into = [block(i, j)[h] for j in ([i - 1] if kind == "nearest" else range(1, i))]
            out = [block(k, i)[:, h] for k in range(i + 1, layers + 1)] if kind == "paths" else [[1.0]]
            total += price * np.linalg.norm(np.concatenate(into)) * np.linalg.norm(np.concatenate(out))
    return total


@settings(max_examples=40, deadline=None)
@given(WIDTHS, st.sampled_from(penalties.KINDS), st.booleans(), st.booleans(), st.integers(0, 10**6))
def test_a_penalty_is_the_sum_over_neurons(widths, kind, bias, train_input, seed):
    network = randomised(widths, seed, bias=bias, train_input_eigenvalues=train_input)
    prices = np.random.default_rng(seed).uniform(0, 3, len(widths) - 2).tolist()
    expected = by_loops(network, kind, prices)
    assert network.penalty(kind, prices).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)
    skip = np.linalg.norm(blocks_of(network)(len(widths), 1))
    assert network.penalty(kind, prices, skip=True).item() == pytest.approx(expected + skip, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", penalties.KINDS)
@pytest.mark.parametrize("widths", [(3, 4, 2), (2, 3, 4, 3, 2)])
def test_gradients_by_finite_differences(widths, kind):
    network = randomised(widths, train_input_eigenvalues=True)
    count = len(widths) - 1

    def value(*blocks):
        return penalties.penalty(blocks[:count], blocks[count:], kind, [1.0] * (len(widths) - 2))

    assert torch.autograd.gradcheck(value, [*network.eigenvectors, *network.eigenvalues])


@pytest.mark.parametrize("kind", penalties.KINDS)
def test_the_gradient_is_zero_where_every_neuron_is_closed(kind):
    network = SpectralNetwork((3, 5, 4, 2), generator=torch.Generator().manual_seed(0))
    network.penalty(kind).backward()
    assert not any(block.grad.any() for block in network.hidden_eigenvalues())
    assert not any(block.grad.any() for block in network.eigenvectors if block.grad is not None)


def test_the_price_of_a_neuron_is_how_many_it_makes_live():
    """Its eigenvalue alone leaves zero, and the live neurons are counted in A itself."""
    widths = (3, 4, 6, 5, 2)
    for i, price in enumerate(penalties.prices(widths), start=2):
        network = SpectralNetwork(widths, dtype=torch.float64)
        with torch.no_grad():
            network.eigenvalues[i - 1][0] = 0.3
        block = blocks_of(network)
        rows = {k: np.hstack([block(k, j) for j in range(1, k)]) for k in range(2, len(widths))}
        assert sum((np.abs(row) > 1e-12).any(axis=1).sum() for row in rows.values()) == price
    assert penalties.prices((3, 2)) == []


@pytest.mark.parametrize("kind", ["rows", "nearest"])
def test_the_prices_are_those_of_what_opens_by_default(kind):
    network = randomised((3, 4, 6, 2))
    torch.testing.assert_close(network.penalty(kind), network.penalty(kind, [7.0, 1.0]))
    torch.testing.assert_close(network.penalty("paths"), network.penalty("paths", [1.0, 1.0]))


@settings(max_examples=20, deadline=None)
@given(st.floats(1.5, 20), st.integers(0, 10**6))
def test_what_an_exchange_of_scales_evades(factor, seed):
    """λ_2/c with cφ_1 leaves W_21; φ_1/c with cφ_2 is the same function of a homogeneous f."""
    network = randomised((4, 5, 3), seed)
    phi, lam = [block.detach() for block in network.eigenvectors], [block.detach() for block in network.eigenvalues]
    evaded = [phi[0] * factor, phi[1]], [lam[0], lam[1] / factor, lam[2]]
    for kind in ("rows", "nearest"):
        torch.testing.assert_close(*(penalties.penalty(*each, kind, [1.0]) for each in (evaded, (phi, lam))))
    assert penalties.penalty(*evaded, "l2", [1.0]) < 0.7 * penalties.penalty(phi, lam, "l2", [1.0])
    moved = [phi[0] / factor, phi[1] * factor], lam
    x = torch.randn(7, 4, dtype=torch.float64)
    torch.testing.assert_close(
        *(spectral.forward_bundles(*each, x, torch.relu) for each in (moved, (phi, lam))), rtol=1e-9, atol=1e-9
    )
    for kind, lower in (("rows", factor), ("nearest", factor), ("paths", 1.0)):
        before, after = (penalties.penalty(*each, kind, [1.0]) for each in ((phi, lam), moved))
        torch.testing.assert_close(after * lower, before)


def test_the_nearest_bundles_take_no_product_and_tell_the_same_neurons_open():
    network = randomised((6, 5, 5, 5, 5, 2))
    with torch.no_grad():
        network.eigenvalues[2].zero_()
        network.eigenvalues[1].zero_()
    with FlopCounterMode(display=False) as counter:
        network.penalty("nearest").backward()
    assert counter.get_total_flops() == 0
    arrays = metrics.blocks_of({name: value.detach().numpy() for name, value in network.state_dict().items()})
    opened = [mask.any() for mask in metrics.live(*arrays)]
    for i, is_open in enumerate(opened):
        one = [float(k == i) for k in range(len(opened))]
        assert all((network.penalty(kind, one) > 0) == is_open for kind in ("nearest", "rows"))


def test_what_cannot_be_a_penalty_is_refused():
    network = SpectralNetwork((2, 3, 1), train_input_eigenvalues=True)
    with pytest.raises(ValueError, match="penalty 'columns': allowed are l2, l1, l2_squared, rows, nearest, paths"):
        network.penalty("columns")
    with pytest.raises(ValueError, match="one for each of the 1 layers"):
        network.penalty("rows", [1, 1])
    with pytest.raises(TypeError, match="skip 'yes': True or False is needed"):
        network.penalty("rows", skip="yes")
    alone = SpectralNetwork((2, 3))
    assert alone.penalty("rows").item() == 0
    torch.testing.assert_close(alone.penalty("paths", skip=True), alone.bundle(2, 1).norm())
