"""The network that the gated methods share, its error and its gradients, against plain formulas."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from baseline_tasks import WIDTHS, outputs, tiny
from replication.baselines import darts, gated
from replication.baselines.network import forward, mean_square, squared_error
from replication.baselines.supernet import Gates, Supernet


def random_gates(runs, seed=0, widths=WIDTHS):
    generator = torch.Generator().manual_seed(seed)
    pairs, hidden = len(widths) * (len(widths) - 1) // 2, sum(widths[1:-1])
    return Gates.of_choices(
        torch.rand(runs, 2, pairs, generator=generator).softmax(1),
        torch.rand(runs, 3, hidden, generator=generator).softmax(1),
    )


def gated_by_hand(net, gates, x):
    """The supernet with its gates on bundles and activities, one run, as its docstring has it."""
    activities, neuron, weights = [x], 0, net.normalised()
    for i in range(2, len(net.widths) + 1):
        z = 0
        for j in range(1, i):
            z = z + gates.bundles[0, net.pairs.index((i, j))] * activities[j - 1] @ weights[i, j][0].T
        if i < len(net.widths):
            neurons = slice(neuron, neuron + net.widths[i - 1])
            z = gates.identity[0, neurons] * z + gates.relu[0, neurons] * torch.relu(z)
            neuron = neurons.stop
        activities.append(z)
    return activities[-1]


def output(net, gates, x, weights=None):
    return forward(net.effective(gates, weights), x[None])[0].detach()


def test_the_supernet_is_its_formula_and_folds_into_relu_neurons_and_skips():
    task = tiny()
    net, gates = Supernet(task, [0]), random_gates(1)
    expected = gated_by_hand(net, gates, task.x).detach()
    torch.testing.assert_close(output(net, gates, task.x), expected)
    np.testing.assert_allclose(outputs(net.graphs(gates)[0], task.x), expected, rtol=1e-4, atol=1e-5)


@given(
    widths=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    bundles=st.lists(st.booleans(), min_size=10, max_size=10),
)
def test_the_error_and_its_gradient_are_autograds(widths, bundles):
    generator = torch.Generator().manual_seed(0)
    pairs = [(i, j) for i in range(2, len(widths) + 1) for j in range(1, i)]
    left = [pair for pair, there in zip(pairs, bundles, strict=False) if there or pair[1] == 1]
    weights = {(i, j): torch.randn(2, widths[i - 1], widths[j - 1], generator=generator).double() for i, j in left}
    trained = [weight.requires_grad_() for pair, weight in weights.items() if pair[1] == 1 or pair[0] == len(widths)]
    x, y = (torch.randn(2, 7, width, generator=generator).double() for width in (widths[0], widths[-1]))
    scale = torch.tensor([1.0, -3.0])
    plain = mean_square(forward(weights, x), y)
    error = squared_error(weights, x, y)
    torch.testing.assert_close(error, plain)
    expected = torch.autograd.grad((scale * plain).sum(), trained, materialize_grads=True)
    torch.testing.assert_close(torch.autograd.grad((scale * error).sum(), trained), expected)


def test_a_gate_switched_off_is_the_network_without_the_bundle():
    task = tiny()
    net, gates = Supernet(task, [0]), random_gates(1)
    pair = task.pairs.index((4, 2))
    closed = Gates(gates.bundles.clone(), gates.identity, gates.relu, gates.alive)
    closed.bundles[0, pair] = 0
    weights = net.normalised()
    weights[4, 2] = torch.zeros_like(weights[4, 2])
    torch.testing.assert_close(output(net, closed, task.x), output(net, gates, task.x, weights))
    assert not torch.allclose(output(net, closed, task.x), output(net, gates, task.x))
    off = Gates(gates.bundles, gates.identity.clone(), gates.relu.clone(), gates.alive.clone())
    for values in (off.identity, off.relu, off.alive):
        values[0, 0] = 0
    first = net.graphs(off)[0]
    assert not first.weights[3, 2][:, 0].any() and not first.weights[4, 2][:, 0].any()


def test_weights_cannot_take_over_the_scale_of_a_gate():
    task = tiny()
    net, gates = Supernet(task, [0]), random_gates(1)
    before = output(net, gates, task.x)
    with torch.no_grad():
        for weight in net.weights:
            weight *= 7
    torch.testing.assert_close(output(net, gates, task.x), before)


def test_expected_size_counts_the_parameters_of_a_decided_network():
    task = tiny()
    net = Supernet(task, [0])
    pairs = torch.ones(1, len(task.pairs))
    pairs[0, task.pairs.index((4, 1))] = 0
    alive = torch.tensor([[1.0, 1, 0, 0, 0, 1, 0, 0, 0]])  # 2 of 5, 1 of 4
    size = net.size(Gates(pairs, torch.zeros_like(alive), alive, alive))
    assert size.item() * task.parameters == pytest.approx(3 * 2 + 3 * 1 + 2 * 1 + 2 * 2 + 1 * 2)


def test_the_gradient_of_darts_is_autograds_of_the_plain_formula():
    task = tiny()
    net, mixture = Supernet(task, [0]), darts.Softmax(task, 1, 0.1)
    with torch.no_grad():
        for logits in mixture.trained:
            logits.copy_(torch.randn(logits.shape, generator=torch.Generator().manual_seed(3)))
    gradients = gated.gradients(mixture, lambda gates: net.error(task.x, task.y, gates) + 0.1 * net.size(gates))
    gates = mixture.gates()
    widths = [3.0, gates.alive[0, :5].sum(), gates.alive[0, 5:].sum(), 2.0]
    size = sum(gates.bundles[0, k] * widths[i - 1] * widths[j - 1] for k, (i, j) in enumerate(task.pairs))
    loss = (gated_by_hand(net, gates, task.x) - task.y).square().mean() + 0.1 * size / task.parameters
    for gradient, other in zip(gradients, torch.autograd.grad(loss, mixture.trained), strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-6)
