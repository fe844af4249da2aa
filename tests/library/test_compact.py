"""compact(): the same function with fewer layers and neurons, against dense linear algebra in NumPy."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dense_networks import PLANS, dense, deviation, evaluated, graded, inputs, planted, reference, seeded
from sparcs import SpectralNetwork
from sparcs.activations import ACTIVATIONS

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}


@st.composite
def networks(draw, dtype):
    widths = draw(st.lists(st.integers(1, 8), min_size=2, max_size=7))
    plans = draw(st.lists(st.sampled_from(PLANS), min_size=len(widths) - 2, max_size=len(widths) - 2))
    options = {
        "bias": draw(st.booleans()),
        "train_input_eigenvalues": draw(st.booleans()),
        "activation": draw(st.sampled_from([*ACTIVATIONS])),
    }
    return planted(widths, plans, draw(st.integers(0, 10**6)), dtype, **options)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([torch.float32, torch.float64]), st.sampled_from(["weights", "eigenvalues"]))
def test_exact_zeros_go_and_nothing_else_changes(data, dtype, removal):
    network = data.draw(networks(dtype))
    before = copy.deepcopy(network.state_dict())
    compacted = network.compact(removal)
    x = inputs(network).to(dtype).double()
    assert deviation(evaluated(compacted, x), reference(network, x.numpy())) <= TOLERANCE[dtype]
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


@settings(max_examples=100, deadline=None)
@given(networks(torch.float64))
def test_only_neurons_on_a_path_from_input_to_output_are_left(network):
    """Reachability over the entries of the dense A that are not zero."""
    adjacency, offsets = dense(network)
    edges = np.abs(np.tril(adjacency, -1)) > 1e-13
    layer_of = np.repeat(np.arange(len(network.widths)), network.widths)
    edges &= layer_of[:, None] > layer_of[None, :]
    fed = np.zeros(offsets[-1], bool)
    fed[: network.in_features] = True
    heard = layer_of == len(network.widths) - 1
    for _ in network.widths:
        fed |= (edges & fed).any(axis=1)
        heard |= (edges & heard[:, None]).any(axis=0)
    expected = [int((fed & heard)[layer_of == i].sum()) for i in range(1, len(network.widths) - 1)]
    if network.activation is ACTIVATIONS["identity"]:
        expected = []
    widths = (network.in_features, *(width for width in expected if width), network.out_features)
    assert network.compact().widths == widths


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_network_that_stayed_linear_is_one_linear(data):
    """At the start all hidden eigenvalues are zero; with f(z) = z they need not be."""
    widths = data.draw(st.lists(st.integers(1, 8), min_size=2, max_size=7))
    activation = data.draw(st.sampled_from([*ACTIVATIONS]))
    plan = data.draw(st.sampled_from(PLANS)) if activation == "identity" else "zero"
    network = planted(widths, [plan] * (len(widths) - 2), bias=data.draw(st.booleans()), activation=activation)
    compacted = network.compact()
    assert [type(module) for module in compacted.layers] == [torch.nn.Linear]
    assert compacted.after.hidden_layers == 0
    x = inputs(network)
    assert deviation(evaluated(compacted, x), reference(network, x.numpy())) <= 1e-12


def test_equal_eigenvalues_of_all_layers_leave_the_function_zero():
    network = planted((3, 4, 2), ["equal"], train_input_eigenvalues=True, dtype=torch.float32)
    with torch.no_grad():
        for block in network.eigenvalues:
            block.fill_(0.3)
    compacted = network.compact()
    assert compacted.widths == (3, 2) and not evaluated(compacted, inputs(network)).any()


def test_only_layer_2_survived_is_two_hidden_layers_and_only_layer_3_is_one():
    """By (4.3) λ_3 = 0 leaves layer 3 live, λ_2 = 0 closes layer 2."""
    assert planted((4, 6, 5, 3), ["trained", "zero"], seed=3).compact().after.hidden_layers == 2
    assert planted((4, 6, 5, 3), ["zero", "trained"], seed=3).compact().after.hidden_layers == 1


def test_deleting_silent_neurons_from_the_eigenvectors_would_lose_the_linear_path():
    network = SpectralNetwork((4, 6, 3), generator=seeded()).double()
    with torch.no_grad():
        network.eigenvalues[1][:3] = 0.5
    wrong = SpectralNetwork((4, 3, 3)).double()
    with torch.no_grad():
        wrong.eigenvectors[0].copy_(network.eigenvectors[0][:3])
        wrong.eigenvectors[1].copy_(network.eigenvectors[1][:, :3])
        wrong.eigenvalues[1].copy_(network.eigenvalues[1][:3])
    x = inputs(network)
    expected = reference(network, x.numpy())
    compacted = network.compact()
    assert compacted.widths == (4, 3, 3)
    assert deviation(evaluated(compacted, x), expected) <= 1e-12
    assert deviation(evaluated(wrong, x), expected) > 0.1


def test_a_removed_neuron_leaves_its_constant():
    """Sigmoid: f(0) = 0.5 goes into the biases, though the network itself has none."""
    network = graded(activation="sigmoid", seed=2)
    adjacency, _ = dense(network)
    x = inputs(network)
    adjacency[5:17, :5] = 0  # layer 2 without inputs
    compacted = network.compact(threshold=1.0)
    assert compacted.widths == (5, 3) and compacted.has_bias
    adjacency[17:27, :17] = 0
    assert deviation(evaluated(compacted, x), reference(network, x.numpy(), adjacency)) <= 1e-12


def test_a_custom_activation_is_copied():
    network = SpectralNetwork((4, 6, 3), activation=torch.nn.PReLU(init=0.1), generator=seeded())
    with torch.no_grad():
        network.eigenvalues[1][:2] = 0.5
    compacted = network.compact()
    assert compacted.widths == (4, 2, 3)
    x = torch.randn(9, 4, generator=seeded(1))
    torch.testing.assert_close(compacted(x), network(x), rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        compacted.activation.weight.fill_(0.9)
    assert network.activation.weight.item() == pytest.approx(0.1)


def test_sizes_by_hand():
    network = planted((4, 6, 5, 3), ["zero", "zero"], bias=True, seed=1)
    with torch.no_grad():
        network.eigenvectors[0].fill_(0.3)
        network.eigenvectors[1].fill_(0.2)
        network.eigenvectors[2].fill_(0.1)
        network.eigenvalues[1][:2] = 0.5
    compacted = network.compact()
    before, after = compacted.before, compacted.after
    assert before.neurons == (4, 6, 5, 3) and before.hidden_layers == 2
    assert before.parameters == 5 * 6 + 6 * 5 + 5 * 3 + 6 + 5 + 3 and before.buffers == 5
    assert before.multiply_adds == min(5 * 6 + 2 * 6 * 5 + 5 * 3, 6 * 5 + 5 * 11 + 3 * 16)
    assert after.neurons == (4, 2, 5, 3) and after.buffers == 0
    assert after.multiply_adds == 2 * 4 + 5 * (4 + 2) + 3 * (4 + 2 + 5)
    assert after.parameters == after.multiply_adds + 2 + 5 + 3
    assert f"before: {before}" in repr(compacted) and "4-2-5-3, 81 parameters" in repr(compacted)


class Noisy(torch.nn.Module):
    """An activation that is another function in training, and counts its calls there in a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, z):
        self.calls += 1
        return z.relu() + (torch.rand_like(z) + 1 if self.training else 1)


CALLS = {
    "exact zeros": lambda network, x: network.compact(),
    "threshold": lambda network, x: network.compact(threshold=0.5),
    "loss": lambda network, x: network.compact(loss=lambda module: module(x).square().mean()),
    "tolerance": lambda network, x: network.compact(inputs=x, tolerance=0.1),
    "eigenvalues": lambda network, x: network.compact("eigenvalues", threshold=0.5),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_network_in_training_is_judged_in_evaluation_and_left_as_it_was(call):
    """A bias makes silent neurons the constant f(b), which goes into the result."""
    network = graded((5, 12, 9, 3), bias=True, activation=Noisy(), dtype=torch.float32)
    with torch.no_grad():
        network.eigenvectors[0][:4, :-1] = 0
    x = torch.randn(50, 5, generator=seeded())
    expected = call(network.eval(), x)
    network.train()
    small = call(network, x)
    assert small.training and network.training and network.activation.training and not expected.training
    assert network.activation.calls == 0
    torch.testing.assert_close(small.eval()(x), expected(x))
    assert network.active_neurons() == network.eval().active_neurons()
    assert network.activation.calls == 0
