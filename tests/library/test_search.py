"""The search for the smallest network that is good enough: its calls, its result, its progress."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dense_networks import graded, inputs
from sparcs import SpectralNetwork
from sparcs.search import Step, first_good


def one_at_a_time(good, candidates):
    return next((k for k in range(candidates) if good(k)), None)


def counted(good):
    calls = []
    return calls, lambda k: calls.append(k) or good(k)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**5), st.integers(0, 10**5), st.integers(20, 100))
def test_a_monotone_curve_s_first_good_one_is_found(candidates, first, limit):
    calls, good = counted(lambda k: k >= first)
    expected = first if first < candidates else None
    assert first_good(good, candidates, limit) == expected
    assert len(calls) <= limit and len(set(calls)) == len(calls)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=59), st.sampled_from([59, None]))
def test_any_curve_of_fewer_networks_than_calls_is_searched_one_at_a_time(curve, limit):
    assert first_good(curve.__getitem__, len(curve), limit) == one_at_a_time(curve.__getitem__, len(curve))


@pytest.mark.parametrize("first", [0, 140, 150])
def test_a_smaller_network_than_the_first_that_the_rounds_find_is_looked_for(first):
    """One that is good alone: the smallest of all, or one just below."""
    calls, good = counted(lambda k: k == first or k >= 155)
    assert first_good(good, 300, 59) == first and len(calls) <= 59


@settings(max_examples=100, deadline=None)
@given(st.lists(st.booleans(), min_size=60, max_size=400), st.integers(1, 59))
def test_what_is_found_on_any_curve_was_tried_and_good(curve, limit):
    calls, good = counted(curve.__getitem__)
    k = first_good(good, len(curve), limit)
    assert len(calls) <= limit and len(set(calls)) == len(calls)
    assert k == 0 or len(calls) == limit or {*range(len(curve) if k is None else k)} <= {*calls}  # none is left over
    assert k is None or (curve[k] and k in calls and k == min(tried for tried in calls if curve[tried]))


@pytest.mark.parametrize("removal", ["weights", "eigenvalues"])
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_network_s_result_is_no_larger_than_one_at_a_time(removal, seed):
    """At most 60 calls of the loss for 300 neurons, each announced."""
    network = graded((5, 150, 150, 3), seed=seed)
    x = inputs(network, points=100)
    y = network(x).detach() + 0.1 * torch.randn(100, 3, generator=torch.Generator().manual_seed(seed)).double()

    def loss(module):
        return (module(x) - y).square().mean()

    steps = []
    small = network.compact(removal, loss=loss, budget=0.1, on_step=steps.append)
    oracle = network.compact(removal, loss=loss, budget=0.1, max_calls=None)
    assert sum(small.widths[1:-1]) <= sum(oracle.widths[1:-1])
    assert loss(small) <= 1.1 * loss(network)
    assert [step.call for step in steps] == list(range(2, len(steps) + 2)) and len(steps) < 60
    assert all(step.at_most == 60 and step.allowed == pytest.approx(1.1 * loss(network).item()) for step in steps)
    assert min(step.neurons for step in steps if step.value <= step.allowed) == sum(small.widths[1:-1])


def test_a_step_is_one_line():
    assert str(Step(3, 60, 12, 0.25, 0.5)) == "3/60: 12 neurons, 0.25 of 0.5 allowed"


@pytest.mark.parametrize("allowed", [{"absolute_budget": 0.01}, {"budget": 0.1, "absolute_budget": 0.002}])
def test_an_absolute_budget_stands_beside_the_relative_one(allowed):
    """From a loss of 0, of which any share is 0, and from another one."""
    network = graded(seed=3)
    x = inputs(network, points=200)
    whole = network(x).detach()
    for y in (whole, whole + 0.1):
        loss = lambda module, y=y: (module(x) - y).square().mean()  # noqa: E731
        limit = (1 + allowed.get("budget", 0)) * loss(network).item() + allowed["absolute_budget"]
        steps = []
        small = network.compact(loss=loss, on_step=steps.append, **allowed)
        assert loss(small).item() <= limit == pytest.approx(steps[0].allowed)
        assert 0 < sum(small.widths[1:-1]) < 22


def test_a_tolerance_is_searched_with_as_few_networks():
    network = graded((5, 150, 150, 3), seed=1)
    x, steps = inputs(network, points=100), []
    small = network.compact(inputs=x, tolerance=0.05, on_step=steps.append)
    oracle = network.compact(inputs=x, tolerance=0.05, max_calls=None)
    assert len(steps) < 60 and sum(small.widths[1:-1]) <= sum(oracle.widths[1:-1])
    few = network.compact(inputs=x, tolerance=0.05, max_calls=2)
    assert (few(x) - network(x)).abs().max() <= 0.05 * network(x).abs().max()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"absolute_budget": 0.1}, ValueError, "absolute_budget 0.1: it needs a loss"),
        ({"loss": lambda _: 1.0, "absolute_budget": -1}, ValueError, "absolute_budget -1: allowed are finite"),
        ({"loss": lambda _: 1.0, "absolute_budget": "1"}, TypeError, "absolute_budget '1': a number or None"),
        ({"max_calls": 1}, ValueError, "max_calls 1: allowed are None and integers from 2"),
        ({"max_calls": 2.5}, ValueError, "max_calls 2.5: allowed are None and integers"),
        ({"max_calls": np.nan}, ValueError, "max_calls nan: allowed are None and integers"),
        ({"on_step": 3}, TypeError, "on_step 3: a callable or None"),
    ],
)
def test_bad_limits_are_named(options, error, message):
    with pytest.raises(error, match=message):
        SpectralNetwork((3, 4, 2)).compact(**options)
