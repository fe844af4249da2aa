"""Finite parameters whose products are not: an error that advises a wider dtype, and never a network of NaN."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dense_networks import graded, inputs, seeded
from sparcs import SpectralNetwork, convert

WIDER = {
    torch.float16: "float32 may hold it, float64 more",
    torch.bfloat16: "float32 may hold it, float64 more",
    torch.float32: "float64 may hold it",
    torch.float64: "what it is made of is too large",
}
ASKED = {
    "exact zeros": lambda network, x: network.compact(),
    "eigenvalues": lambda network, x: network.compact("eigenvalues", threshold=0.1),
    "tolerance": lambda network, x: network.compact(inputs=x, tolerance=0.05),
    "loss": lambda network, x: network.compact(loss=lambda module: float(module(x).isnan().any())),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
@pytest.mark.parametrize("dtype", WIDER)
def test_products_that_overflow_are_refused(dtype, activation, ask):
    network = graded(dtype=dtype, activation=activation, bias=True)
    large = torch.finfo(dtype).max / 10
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(large)
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ValueError, match=rf" is not finite in torch\.(float64|{str(dtype)[6:]}): {WIDER[dtype]}"):
        ask(network, inputs(network).to(dtype))
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    network.active_neurons()


def test_an_output_that_overflows_is_no_output_to_keep():
    """Its distance from any other, ∞ or NaN, is not below a tolerance of the largest, which is ∞."""
    network = graded(dtype=torch.float32)
    x = inputs(network).float()
    with torch.no_grad():
        network.eigenvectors[2].mul_(3e4 / network(x).abs().max())
    assert network(x).half().isfinite().all()
    with pytest.raises(
        ValueError, match=r"an output of the network for inputs is not finite in torch.float16: float32"
    ):
        network.half().compact(inputs=10 * x, tolerance=0.05)
    assert len(network.float().compact(inputs=10 * x, tolerance=0.05).widths) > 2


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([*WIDER]), st.floats(0, 1), st.sampled_from(["weights", "eigenvalues"]))
def test_within_a_tolerance_is_a_number(seed, dtype, size, removal):
    """Parameters of any size up to what their dtype holds: the network is refused, or its deviation is small."""
    network = graded(seed=seed, dtype=dtype)
    x = inputs(network).to(dtype)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(torch.finfo(dtype).max ** (size / 2))
        expected = network(x)
        try:
            small = network.compact(removal, inputs=x, tolerance=0.3)
        except ValueError as error:
            assert "not finite" in str(error) or "through the rounding" in str(error)
            return
        assert (small(x) - expected).abs().max() <= 0.3 * expected.abs().max() < torch.inf


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64])
def test_parameters_without_arithmetic_are_refused(dtype):
    network = SpectralNetwork((3, 4, 2), generator=seeded())
    network._apply(lambda value: value.to(dtype))
    for read in (network.compact, network.active_neurons):
        with pytest.raises(ValueError, match=rf"parameter eigenvectors.0 is of {dtype}: allowed are torch.float16, "):
            read()


def test_a_quantised_layer_elsewhere_in_a_model_is_no_obstacle():
    model, gates = gated(weight=1.0, eigenvalues=[0, 0, 0, 1, 1, 1])
    model.more = nn.Parameter(torch.ones(3).to(torch.float8_e4m3fn), requires_grad=False)
    assert gates.compact() == {"0": 3, "2": 5}


def test_a_constant_that_is_not_finite_is_refused():
    """f(0) = ∞ of a silent neuron; the network's own output is not finite either."""
    network = SpectralNetwork((3, 4, 2), activation=torch.reciprocal, generator=seeded())
    with pytest.raises(ValueError, match=r"layers.0.bias of the compact network is not finite in torch.float32"):
        network.compact()


def gated(**values):
    """A converted float16 model of 6 hidden neurons, with eigenvalues and weights of the first layer as given."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.Sigmoid(), nn.Linear(5, 2)).half()
    gates = convert(model)
    with torch.no_grad():
        model[0].linear.weight.fill_(values["weight"])
        model[0].eigenvalues.copy_(torch.as_tensor(values["eigenvalues"]))
    return model, gates


@pytest.mark.parametrize(("weight", "left"), [(6e4, 3), (1e-4, 3), (1.0, 3)])
def test_converted_layers_are_ranked_in_float64(weight, left):
    """Squares of 6·10⁴ and of 10⁻⁴ are ∞ and 0 in float16."""
    _, gates = gated(weight=weight, eigenvalues=[0, 0, 0, 1e-3, 1e-3, 1e-3])
    assert gates.compact() == {"0": left, "2": 5}


def test_a_converted_model_whose_weights_overflow_is_left_as_it_was():
    model, gates = gated(weight=100.0, eigenvalues=6e4)
    model[2].eigenvalues.data[0] = 0
    layers, state = [*model], copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r"weight of the smaller layer '0' is not finite in torch.float16"):
        gates.compact()
    assert all(layer is before for layer, before in zip(model, layers, strict=True))
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    model.float()
    assert gates.compact() == {"0": 6, "2": 4}
    assert model[0].weight.isfinite().all()
