"""Sign flips: the same function by dense linear algebra, where f allows it, and the skips that they save."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from dense_networks import NUMPY, deviation, evaluated, inputs, planted, randomised, reference
from sparcs import SpectralNetwork, pruning
from sparcs.compact import arrays_of

SLOPES = {"relu": 1.0, "gelu": 1.0, "silu": 1.0, "leaky_relu": 1.01}
ALLOWED = [nn.ReLU(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Softplus(), nn.Hardswish(), nn.LeakyReLU(0.3)]
REFUSED = [nn.ELU(), nn.SELU(), nn.Mish(), nn.ReLU6(), nn.Tanh(), nn.Sigmoid(), nn.Hardtanh()]


def function(f):
    return lambda z: f(torch.as_tensor(z)).numpy()


@pytest.mark.parametrize("f", ALLOWED, ids=str)
def test_of_these_the_odd_part_is_linear(f):
    expected = 1.3 if isinstance(f, nn.LeakyReLU) else 1.0
    assert pruning.slope_of(function(f)) == pytest.approx(expected)
    single = pruning.slope_of(lambda z: f(torch.as_tensor(z).float()).double().numpy())
    assert single == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("f", REFUSED, ids=str)
def test_of_these_it_is_not(f):
    assert pruning.slope_of(function(f)) is None
    assert pruning.slope_of(function(f), rounding=0.06) is None  # that of bfloat16


@pytest.mark.parametrize("f", [torch.abs, torch.square, torch.cos], ids=lambda f: f.__name__)
def test_flips_of_an_even_function_change_no_skip(f):
    assert pruning.slope_of(function(f)) == 0
    network = randomised((3, 4, 2), activation=f)
    x = inputs(network)
    plain, small = (network.compact(inputs=x, tolerance=0.1, flips=flips) for flips in (False, True))
    assert small.after.parameters <= plain.after.parameters
    assert deviation(evaluated(small, x), evaluated(network, x)) <= 0.1 * (1 + 1e-9)


def of_graph(graph, f, x):
    """(4.5) over all weights of a graph."""
    activities = {1: x}
    for i in (*graph.hidden, graph.layers):
        z = sum(activities[j] @ graph.weights[i, j].T for j in range(1, i)) + graph.biases[i]
        activities[i] = f(z) if i < graph.layers else z
    return activities[graph.layers]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=3, max_size=5), st.sampled_from(sorted(SLOPES)), st.booleans(), st.integers(0)
)
def test_any_flip_leaves_the_function(widths, name, bias, seed):
    network = randomised(widths, seed % 10**6, activation=name, bias=bias)
    graph, random = pruning.graph_of(*arrays_of(network), bias), np.random.default_rng(seed)
    x = inputs(network)
    expected = reference(network, x.numpy())
    for _ in range(4):
        i = int(random.choice(graph.hidden))
        graph = pruning.flipped(graph, i, int(random.integers(widths[i - 1])), SLOPES[name])
    assert deviation(of_graph(graph, NUMPY[name], x.numpy()), expected) < 1e-9
    assert deviation(of_graph(pruning.with_signs(graph, SLOPES[name]), NUMPY[name], x.numpy()), expected) < 1e-9


def size_of_skips(graph):
    return sum(np.linalg.norm(weight) for (k, j), weight in graph.weights.items() if k > j + 1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(4, 7, 3), (3, 5, 4, 2)]))
def test_signs_are_flipped_until_no_single_flip_makes_the_skips_smaller(seed, widths):
    graph = pruning.graph_of(*arrays_of(randomised(widths, seed)), False)
    after = pruning.with_signs(graph, 1.0)
    assert size_of_skips(after) <= size_of_skips(graph)
    for i in after.hidden:
        for h in range(widths[i - 1]):
            assert size_of_skips(pruning.flipped(after, i, h, 1.0)) >= size_of_skips(after) * (1 - 1e-9)


def with_needless_skip(seed, bias, hidden=6):
    """A network f(W_21 x) whose skip is −W_32 W_21."""
    random = np.random.default_rng(seed)
    network = SpectralNetwork((4, hidden, 3), bias=bias, dtype=torch.float64)
    into, out = random.normal(size=(hidden, network.widths[0])), random.normal(size=(3, hidden))
    with torch.no_grad():  # λ_2 = −1, λ_3 = 0: W_21 = φ_1, W_32 = −φ_2, W_31 = φ_2 φ_1 (4.3)
        network.eigenvectors[0].copy_(torch.from_numpy(into))
        network.eigenvectors[1].copy_(torch.from_numpy(-out))
        network.eigenvalues[1].fill_(-1.0)
        network.eigenvalues[2].fill_(0.0)
    return network


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_a_skip_that_only_makes_up_for_signs_goes(seed, bias):
    """W_31 = −W_32 W_21 is that of every neuron turned round: f(z) − z = f(−z) without any skip."""
    network = with_needless_skip(seed, bias)
    x = inputs(network, points=200)
    z = torch.cat([x, x.new_ones(len(x), int(bias))], dim=-1) @ network.eigenvectors[0].detach().T
    assume(((z > 0).any(dim=0) & (z < 0).any(dim=0)).all())  # a neuron without a kink needs no neuron
    expected = network(x).detach()

    def loss(module):
        return nn.functional.mse_loss(module(x), expected)

    plain = network.compact(loss=loss, absolute_budget=1e-20)
    small = network.compact(loss=loss, absolute_budget=1e-20, flips=True)
    assert plain.sources == ((1,), (1, 2)) and small.sources == ((1,), (2,))
    assert small.after.parameters == plain.after.parameters - (4 * 3)
    assert deviation(evaluated(small, x), expected.numpy()) < 1e-9


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.05, 0.5]))
def test_the_budget_holds_and_no_weight_is_added(seed, budget):
    network = planted((5, 8, 6, 3), ("trained", "some zero"), seed)
    x = inputs(network, points=100)
    target = network(x).detach() + 0.3 * torch.randn(100, 3, dtype=torch.float64)

    def loss(module):
        return nn.functional.mse_loss(module(x), target)

    plain, small = (network.compact(loss=loss, budget=budget, flips=flips) for flips in (False, True))
    assert loss(small) <= (1 + budget) * loss(network) * (1 + 1e-9)
    assert small.after.parameters <= plain.after.parameters
    within = network.compact(inputs=x, tolerance=0.1, flips=True)
    assert deviation(evaluated(within, x), evaluated(network, x)) <= 0.1 * (1 + 1e-9)


def test_calls_are_limited_and_shown():
    network, steps = randomised((4, 9, 7, 3)), []
    x = inputs(network)
    target = network(x).detach() + 1
    loss = lambda module: nn.functional.mse_loss(module(x), target)  # noqa: E731
    network.compact(loss=loss, flips=True, max_calls=5, on_step=steps.append)
    calls = [step.call for step in steps]
    again = calls.index(1) if 1 in calls else len(calls)  # the network's own call is not shown
    assert calls[again:] == [*range(1, len(calls) - again + 1)] and len(calls) - again <= 5 and again <= 4
    assert again < len(calls)


def test_flips_that_cannot_be_are_refused():
    network = randomised((3, 4, 2), activation="tanh")
    x = inputs(network)
    called = []
    with pytest.raises(ValueError, match="flips: f\\(z\\) − f\\(−z\\) is no multiple of z for activation"):
        network.compact(loss=lambda module: called.append(1) or 1.0, flips=True)
    assert not called
    with pytest.raises(ValueError, match="flips True: it needs a loss, or inputs and a tolerance"):
        randomised((3, 4, 2)).compact(flips=True)
    with pytest.raises(TypeError, match="flips 'yes': True or False is needed"):
        randomised((3, 4, 2)).compact(inputs=x, tolerance=0.1, flips="yes")


def test_weights_whose_squares_overflow_are_still_compacted():
    network = randomised((3, 4, 2))
    with torch.no_grad():
        network.eigenvectors[0].mul_(1e100)
        network.eigenvectors[1].mul_(1e100)
    x = inputs(network) * 1e-3
    small = network.compact(inputs=x, tolerance=0.1, flips=True)
    assert deviation(evaluated(small, x), evaluated(network, x)) <= 0.1 * (1 + 1e-9)
