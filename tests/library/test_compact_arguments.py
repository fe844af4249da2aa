"""compact() with arguments, networks and devices that cannot be: one sentence that names them."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from dense_networks import graded, inputs, seeded
from sparcs import SpectralNetwork
from sparcs.compact import compact

INPUTS = torch.zeros(2, 3)
BAD = [
    ({"removal": "neurons"}, ValueError, "removal 'neurons': allowed are weights, eigenvalues"),
    ({"threshold": 1.5}, ValueError, "threshold 1.5: allowed are 0 to 1"),
    ({"threshold": float("nan")}, ValueError, "threshold nan"),
    ({"threshold": "0.1"}, TypeError, "threshold '0.1': a number or None"),
    ({"inputs": INPUTS}, ValueError, "give both or neither"),
    ({"tolerance": 0.1}, ValueError, "give both or neither"),
    ({"inputs": INPUTS, "tolerance": 0.0}, ValueError, "tolerance 0.0: allowed are values between 0 and 1"),
    ({"inputs": [[1.0]], "tolerance": 0.1}, TypeError, "inputs of type list"),
    ({"inputs": INPUTS[:0], "tolerance": 0.1}, ValueError, r"inputs of shape \(0, 3\): at least one sample"),
    ({"inputs": INPUTS / 0, "tolerance": 0.1}, ValueError, "all numbers finite"),
    ({"inputs": INPUTS[:, :2], "tolerance": 0.1}, ValueError, "last dimension must be 3"),
    ({"inputs": INPUTS, "tolerance": 0.1, "loss": torch.sum}, ValueError, "at most one"),
    ({"loss": 0.3}, TypeError, "loss 0.3: a callable"),
    ({"budget": 0.1}, ValueError, "budget 0.1: it needs a loss"),
    ({"loss": lambda _: 1.0, "budget": -0.1}, ValueError, "budget -0.1: allowed are finite numbers of at least 0"),
    ({"loss": lambda _: float("nan")}, ValueError, "loss of the network is nan"),
    ({"loss": lambda _: -1.0}, ValueError, "loss returned -1.0: a number of at least 0 is needed"),
    (
        {"loss": lambda module: 1.0 if isinstance(module, SpectralNetwork) else -2.0},
        ValueError,
        "loss returned -2.0: a number of at least 0 is needed",
    ),
    ({"loss": lambda _: None}, TypeError, "loss returned a NoneType: a number is needed"),
    ({"loss": lambda _: torch.zeros(2)}, TypeError, r"loss returned a tensor of shape \(2,\): a number is needed"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        SpectralNetwork((3, 4, 2), generator=seeded()).compact(**arguments)


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match="network is a Linear: a SpectralNetwork is needed"):
        compact(torch.nn.Linear(3, 2))


def test_a_tolerance_below_rounding_and_a_broken_network_are_refused():
    network = graded(dtype=torch.float32)
    with pytest.raises(ValueError, match=r"tolerance 1e-12: .*rounding of torch.float32"):
        network.compact(inputs=inputs(network), tolerance=1e-12)
    with torch.no_grad():
        network.eigenvalues[2][0] = float("nan")
    with pytest.raises(ValueError, match=r"eigenvalues.2 is not finite"):
        network.compact()


def test_a_network_without_values_is_refused():
    with pytest.raises(ValueError, match=r'parameter eigenvectors.0 is on the device "meta"'):
        SpectralNetwork((3, 4, 2), device="meta").compact()


READERS = {
    "compact": lambda network: network.compact(),
    "compact, loss": lambda network: network.compact(loss=lambda module: module(torch.zeros(1, 3)).sum()),
    "active_neurons": lambda network: network.active_neurons(),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_fake_tensors_have_no_values_to_read(read):
    """Made under FakeTensorMode and read there or later, and real ones read there."""
    real = SpectralNetwork((3, 4, 2))
    with FakeTensorMode():
        fake = SpectralNetwork((3, 4, 2))
        for network in (real, fake):
            with pytest.raises(
                ValueError, match=r"parameter eigenvectors.0 is fake, or FakeTensorMode is on: there are"
            ):
                read(network)
    with pytest.raises(ValueError, match=r"parameter eigenvectors.0 is fake"):
        read(fake)
