"""compact() with a threshold, a tolerance or a budget: the fewest neurons of the whole pruning curve."""

import copy
import itertools

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dense_networks import brute_force, deviation, evaluated, graded, inputs, reference


def hidden_neurons(compacted):
    return sum(compacted.widths[1:-1])


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["weights", "eigenvalues"]), st.sampled_from([0.3, 0.05, 1e-3, 1e-5]))
def test_tolerance_holds_with_the_fewest_neurons_of_the_whole_curve(seed, removal, tolerance):
    network = graded(seed=seed)
    x = inputs(network, points=300)
    compacted = network.compact(removal, inputs=x, tolerance=tolerance)
    full = reference(network, x.numpy())
    curve = brute_force(network, removal, x.numpy())
    most = max(removed for removed, output in curve.items() if deviation(output, full) <= tolerance)
    assert deviation(evaluated(compacted, x), full) <= tolerance
    assert deviation(evaluated(compacted, x), curve[most]) <= 1e-12
    if removal == "weights":
        assert hidden_neurons(compacted) <= 22 - most


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["weights", "eigenvalues"]), st.sampled_from([None, 0.0, 0.5]))
def test_the_loss_budget_holds_with_the_fewest_neurons_of_the_whole_curve(seed, removal, budget):
    """Against targets that the full network misses a little, so that its loss is not zero."""
    network = graded(seed=seed)
    x = inputs(network, points=200)
    full = reference(network, x.numpy())
    target = full + 0.3 * np.random.default_rng(seed).normal(size=full.shape) * full.std()

    def loss(module):
        assert not torch.is_grad_enabled()
        return torch.nn.functional.mse_loss(module(x), torch.from_numpy(target))

    compacted = network.compact(removal, loss=loss, budget=budget)
    curve = brute_force(network, removal, x.numpy())
    errors = {removed: np.square(output - target).mean() for removed, output in curve.items()}
    allowed = (1 + (0.05 if budget is None else budget)) * errors[0] * (1 + 1e-12)
    most = max(removed for removed, error in errors.items() if error <= allowed)
    assert np.square(evaluated(compacted, x) - target).mean() <= allowed
    assert deviation(evaluated(compacted, x), curve[most]) <= 1e-12


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["weights", "eigenvalues"]), st.floats(0, 1))
def test_a_threshold_removes_every_neuron_up_to_its_share_of_the_largest(seed, removal, threshold):
    network = graded((4, 9, 3), seed=seed)
    lam = np.abs(network.eigenvalues[1].detach().numpy())
    if removal == "weights":  # the path norms of a network with one hidden layer
        w21, w32 = network.bundle(2, 1).detach().numpy(), network.bundle(3, 2).detach().numpy()
        lam = np.linalg.norm(w21, axis=1) * np.linalg.norm(w32, axis=0)
    compacted = network.compact(removal, threshold=threshold)
    assert hidden_neurons(compacted) == (lam > threshold * lam.max()).sum()


def test_a_threshold_limits_a_search():
    network = graded(seed=5)
    x = inputs(network)
    free = network.compact(inputs=x, tolerance=0.5)
    limited = network.compact(inputs=x, tolerance=0.5, threshold=1e-3)
    assert hidden_neurons(free) < hidden_neurons(limited) == hidden_neurons(network.compact(threshold=1e-3))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.floats(-2, 2), st.sampled_from([0.0, 0.01, 0.2]))
def test_no_removal_depends_on_the_gauge(seed, shift, threshold):
    """One constant added to every eigenvalue, trained input ones included, changes no weight."""
    network = graded(seed=seed, train_input_eigenvalues=True)
    shifted = copy.deepcopy(network)
    with torch.no_grad():
        for block in shifted.eigenvalues:
            block += shift
    x = inputs(network)
    for removal in ("weights", "eigenvalues"):
        small, of_shifted = (module.compact(removal, threshold=threshold) for module in (network, shifted))
        assert small.widths == of_shifted.widths
        assert deviation(evaluated(of_shifted, x), evaluated(small, x)) <= 1e-9


def test_rounding_in_the_loss_leaves_exact_removal():
    """A loss that only the very network reaches: nothing but exact zeros may go."""
    network = graded(seed=4)
    losses = itertools.chain([1.0], itertools.repeat(2.0))
    assert hidden_neurons(network.compact(loss=lambda _: next(losses))) == 22
