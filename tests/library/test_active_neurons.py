"""active_neurons(): recruited by eigenvalue, needed by the function, never more than compact() keeps."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dense_networks import randomised, seeded
from sparcs import SpectralNetwork
from sparcs.activations import ACTIVATIONS


def test_active_neurons_are_recruited_and_live():
    network = SpectralNetwork((2, 3, 4, 1), generator=seeded())
    assert network.active_neurons() == (0, 0)
    with torch.no_grad():
        network.eigenvalues[1].copy_(torch.tensor([1.0, 0.001, 0]))
        network.eigenvalues[2][0] = -2
    assert network.active_neurons() == (1, 1)
    shifted = SpectralNetwork((2, 20, 1), train_input_eigenvalues=True, generator=seeded())
    with torch.no_grad():
        for block, value in zip(shifted.eigenvalues, (5.0, 5.001, 7.0), strict=True):
            block.fill_(value)
        shifted.eigenvalues[1][0] = 6
    assert shifted.active_neurons() == (1,)  # as differences from λ_1 count, and not λ


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_neuron_is_active_where_the_function_needs_none(dtype):
    """Paths far below the skip, one or two layers of them, or an f that makes all of it linear."""
    for widths in ((8, 40, 3), (8, 40, 30, 3)):
        network = SpectralNetwork(widths, generator=seeded(), dtype=dtype)
        for scale, counted in ((1e-12, False), (1e-5, False), (0.5, True)):
            with torch.no_grad():
                for block in network.eigenvalues[1:-1]:
                    block.uniform_(scale / 2, scale, generator=seeded())
            assert network.active_neurons() == (widths[1:-1] if counted else (0,) * len(widths[1:-1]))
            assert network.active_neurons(floor=0) == widths[1:-1]
            x = torch.randn(100, 8, generator=seeded(), dtype=dtype)
            small = network.compact(inputs=x, tolerance=0.01)
            assert (small.after.hidden_layers > 0) == counted
        network.activation = ACTIVATIONS["identity"]
        assert sum(network.active_neurons()) == 0 == network.compact().after.hidden_layers


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=3, max_size=5), st.integers(0, 10**6))
def test_no_neuron_is_active_that_compact_removes(widths, seed):
    """Exact zeros planted in φ and λ, so that some neurons have no path from input to output."""
    network = randomised(widths, seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= torch.rand(parameter.shape, generator=seeded(seed)) < 0.5
    small = network.compact()
    assert sum(network.active_neurons(floor=0)) <= sum(small.widths[1:-1])


def test_active_neurons_of_broken_networks_are_refused():
    network = SpectralNetwork((3, 4, 2))
    for value in (float("nan"), float("inf")):
        with torch.no_grad():
            network.eigenvalues[1][0] = value
        with pytest.raises(ValueError, match=r"parameter eigenvalues.1 is not finite"):
            network.active_neurons()
    with pytest.raises(ValueError, match=r'on the device "meta"'):
        SpectralNetwork((3, 4, 2), device="meta").active_neurons()
    for floor in (-0.1, float("nan"), True):
        with pytest.raises(ValueError, match=f"floor {floor}: allowed are numbers of at least 0"):
            network.active_neurons(floor)
