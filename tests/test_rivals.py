"""The rivals' update rules, their search space and the protocol, against closed forms, autograd and plain networks."""

import json
import random
from dataclasses import replace
from pathlib import Path

import neat
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import nn
from torch.nn.utils import prune

import rival_tables
from sparcs import cli, comparison, files, params, pruning
from sparcs.claims.rivals import finds_smaller_networks
from sparcs.commands import rivals as commands
from sparcs.experiments import rivals as experiment
from sparcs.figures import rivals_prose
from sparcs.rivals import (
    bayesian,
    candidates,
    darts,
    evolution,
    fairdarts,
    gaea,
    gated,
    gdas,
    group_lasso,
    linear,
    magnitude_pruning,
    pc_darts,
    random_search,
    reinforce,
    spectral_search,
)
from sparcs.rivals.supernet import Gates, Supernet
from sparcs.rivals.task import Found, Task, mean_square

ROOT = Path(__file__).parents[1]
WIDTHS = (3, 5, 4, 2)
PROTOCOL = {
    "validation_share": 0.2,
    "test_points": 60,
    "learning_rate": 0.001,
    "strengths": [0.01, 0.1],
    "loss_budget": 0.05,
    "good_r2": 0.5,
    "few_neurons": 3,
    "retraining_steps": 3,
    "tuning_trials": 2,
}


def tiny(steps=6, widths=WIDTHS, bias=False):
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(40, widths[0], generator=generator) * 2 - 1
    if bias:
        x[:, -1] = 1
    y = torch.relu(x @ torch.rand(widths[0], widths[-1], generator=generator)) + x[:, :1]
    return Task(x[:30], y[:30], x[30:], y[30:], widths, bias, steps, 8, 1e-2)


def random_gates(runs, seed=0, widths=WIDTHS):
    generator = torch.Generator().manual_seed(seed)
    pairs, hidden = len(widths) * (len(widths) - 1) // 2, sum(widths[1:-1])
    return Gates.of_choices(
        torch.rand(runs, pairs, 2, generator=generator).softmax(-1),
        torch.rand(runs, hidden, 3, generator=generator).softmax(-1),
    )


def gated_by_hand(net, gates, x):
    """The supernet with its gates on bundles and activities, one run, as its docstring has it."""
    activities, bundle, neuron = [x], 0, 0
    for i, weight in enumerate(net.normalised(), start=2):
        z = 0
        for j, block in enumerate(weight[0].split(list(net.widths[: i - 1]), dim=-1)):
            z = z + gates.bundles[0, bundle] * activities[j] @ block.T
            bundle += 1
        if i < len(net.widths):
            own = slice(neuron, neuron + net.widths[i - 1])
            z = gates.identity[0, own] * z + gates.relu[0, own] * torch.relu(z)
            neuron = own.stop
        activities.append(z)
    return activities[-1]


def outputs(graph, x):
    """The graph's function in float64."""
    activities = {1: x.double().numpy()}
    for i in range(2, graph.layers + 1):
        z = sum(activities[j] @ graph.weights[i, j].T for j in range(1, i)) + graph.biases[i]
        activities[i] = np.maximum(z, 0) if i < graph.layers else z
    return activities[graph.layers]


def test_the_supernet_is_its_formula_and_folds_into_relu_neurons_and_skips():
    task = tiny()
    net, gates = Supernet(task, [0]), random_gates(1)
    expected = gated_by_hand(net, gates, task.x).detach()
    torch.testing.assert_close(net(task.x, gates)[0].detach(), expected)
    np.testing.assert_allclose(outputs(net.graphs(gates)[0], task.x), expected, rtol=1e-4, atol=1e-5)


def test_a_gate_switched_off_is_the_network_without_the_bundle():
    task = tiny()
    net, gates = Supernet(task, [0]), random_gates(1)
    pair = task.pairs.index((4, 2))
    closed = Gates(gates.bundles.clone(), gates.identity, gates.relu, gates.alive)
    closed.bundles[0, pair] = 0
    weights = net.normalised()
    weights[2] = weights[2].clone()
    weights[2][..., 3:8] = 0  # the columns of layer 2 in the weights of layer 4
    torch.testing.assert_close(net(task.x, closed), net(task.x, gates, weights))
    assert not torch.allclose(net(task.x, closed), net(task.x, gates))
    off = Gates(gates.bundles, gates.identity.clone(), gates.relu.clone(), gates.alive.clone())
    for values in (off.identity, off.relu, off.alive):
        values[0, 0] = 0
    first = net.graphs(off)[0]
    assert not first.weights[3, 2][:, 0].any() and not first.weights[4, 2][:, 0].any()


def test_weights_cannot_take_over_the_scale_of_a_gate():
    task = tiny()
    net, gates = Supernet(task, [0]), random_gates(1)
    before = net(task.x, gates)
    with torch.no_grad():
        for weight in net.weights:
            weight *= 7
    torch.testing.assert_close(net(task.x, gates), before)


@pytest.mark.parametrize("search", [gdas.search, reinforce.search])
def test_a_method_that_draws_its_gates_can_keep_a_weak_bundle(search):
    task = tiny(600, widths=(3, 2, 1))
    weak = replace(task, y=task.x[:, :1] / 2, y_choose=task.x_choose[:, :1] / 2)
    direct = search(weak, [0.0], [0], rate=0.01)[0].graph.weights[3, 1]
    np.testing.assert_allclose(direct, [[0.5, 0, 0]], atol=0.03)


def test_expected_size_counts_the_parameters_of_a_decided_network():
    task = tiny()
    net = Supernet(task, [0])
    pairs = torch.ones(1, len(task.pairs))
    pairs[0, task.pairs.index((4, 1))] = 0
    alive = torch.tensor([[1.0, 1, 0, 0, 0, 1, 0, 0, 0]])  # 2 of 5, 1 of 4
    size = net.size(Gates(pairs, torch.zeros_like(alive), alive, alive))
    assert size.item() * task.parameters == pytest.approx(3 * 2 + 3 * 1 + 2 * 1 + 2 * 2 + 1 * 2)


def test_exponentiated_gradient_is_its_closed_form_and_stays_on_the_simplex():
    theta = torch.tensor([[0.2, 0.3, 0.5], [1e-5, 0.4, 1 - 0.4 - 1e-5]])
    gradient = torch.tensor([[1.0, -2.0, 0.5], [300.0, -200.0, 0.0]])
    found = gaea.exponentiated(theta, gradient, 0.1)
    by_hand = theta.double() * torch.exp(-0.1 * gradient.double())
    by_hand = (by_hand / by_hand.sum(-1, keepdim=True)).clamp(min=1e-5)
    by_hand = by_hand / by_hand.sum(-1, keepdim=True)
    torch.testing.assert_close(found.double(), by_hand, rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(found.sum(-1), torch.ones(2))
    assert (found >= 0.99e-5).all()
    large = gaea.exponentiated(theta, 1e6 * gradient, 10.0)
    assert torch.isfinite(large).all()


def test_gaea_keeps_its_mixtures_on_the_simplex_through_a_search():
    task = tiny(20)
    mixtures = gaea.Simplex(task, 2, 10.0)
    gated.search(task, [0.01, 0.1], [0, 0], mixtures, 1)
    for theta in mixtures.trained:
        torch.testing.assert_close(theta.detach().sum(-1), torch.ones(theta.shape[:-1]))
        assert (theta > 0).all()
    assert not torch.equal(mixtures.trained[1][0], mixtures.trained[1][1])  # the strengths differ


@pytest.mark.parametrize("neurons", [4, 400])
def test_a_gate_of_gaea_moves_as_fast_among_many_as_among_few(neurons):
    mixtures = gaea.Simplex(tiny(widths=(3, neurons, 2)), 1, 0.5)
    mixtures.update(lambda gates: gates.relu.mean(-1) + 0 * gates.bundles.sum(-1))  # ∂L/∂θ of "ReLU": 1 / neurons
    expected = torch.tensor([0.0, 0.0, -0.5]).exp()
    torch.testing.assert_close(mixtures.trained[1].data, (expected / expected.sum()).expand(1, neurons, 3))


def test_the_gradient_of_darts_is_autograds_of_the_plain_formula():
    task = tiny()
    net, mixture = Supernet(task, [0]), darts.Softmax(task, 1, 0.1)
    with torch.no_grad():
        for logits in mixture.trained:
            logits.copy_(torch.randn(logits.shape, generator=torch.Generator().manual_seed(3)))
    found = gated.gradients(mixture, lambda gates: mean_square(net(task.x, gates), task.y) + 0.1 * net.size(gates))
    gates = mixture.gates()
    widths = [3.0, gates.alive[0, :5].sum(), gates.alive[0, 5:].sum(), 2.0]
    size = sum(gates.bundles[0, k] * widths[i - 1] * widths[j - 1] for k, (i, j) in enumerate(task.pairs))
    loss = (gated_by_hand(net, gates, task.x) - task.y).square().mean() + 0.1 * size / task.parameters
    for own, other in zip(found, torch.autograd.grad(loss, mixture.trained), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("start", ["zero", "half"])
def test_group_lasso_starts_as_a_perceptron_and_leaves_it_only_with_random_incoming_weights(start):
    task = tiny(50)
    before = group_lasso.initial(task, [0], start)
    skip = before[4, 1][0].detach()
    assert not any(before[4, j].any() for j in (2, 3))
    graph = group_lasso.search(task, [1e-4], [0], start=start)[0].graph
    hidden = [graph.weights[pair] for pair in graph.weights if pair != (4, 1)]
    assert any(weight.any() for weight in hidden) == (start == "half")
    assert not np.allclose(graph.weights[4, 1], skip)


def test_the_linear_model_is_least_squares():
    task = tiny(widths=(3, 5, 1))
    found = linear.search(task, [0.1], [0])[0].graph
    expected = np.linalg.lstsq(task.x.double().numpy(), task.y.double().numpy(), rcond=None)[0]
    np.testing.assert_allclose(found.weights[2, 1], expected.T, rtol=1e-6, atol=1e-9)


def test_magnitude_pruning_leaves_the_share_that_was_asked_for():
    task = tiny(100, widths=(3, 20, 10, 2))
    graph = magnitude_pruning.search(task, [1e-4], [0], pruned=0.7)[0].graph
    assert [int(graph.weights[i, i - 1].any(axis=1).sum()) for i in (2, 3)] == [6, 3]
    assert not graph.weights[4, 1].any()


def test_sparcs_starts_as_a_perceptron_and_agrees_with_its_own_graph():
    task = tiny(0)
    graph = spectral_search.search(task, [0.1], [5])[0].graph
    assert not any(graph.weights[i, j].any() for i in (2, 3) for j in range(1, i))
    assert graph.weights[4, 1].any()


def numbers(found):
    """All weights, and the history."""
    rows = [list(row.values()) for row in found.history]
    return np.concatenate([*(weight.ravel() for weight in found.graph.weights.values()), np.ravel(rows)])


METHODS = params.resolve(params.read_yaml(ROOT / "params.yaml"), {"scale": "overnight"}).rivals.catalogue
SHORT = {
    "random_search": {"candidates": 2},
    "bayesian": {"candidates": 2},
    "evolution": {"population": 10, "generations": 3},
}
SIDE_BY_SIDE = [name for name, method in METHODS.items() if method.search not in SHORT and method.search != "linear"]


def short(name):
    """A method of the catalogue, its search a short one in which gates move far."""
    method = METHODS[name]
    far = {"rate": 1.0} if "rate" in method.options else {}
    return method.model_copy(update={"options": method.options | far | SHORT.get(method.search, {})})


@pytest.mark.parametrize(
    ("name", "widths"),
    [(name, (3, 300, 1)) for name in METHODS]
    + [(name, (5, 40, 33, 6)) for name, method in METHODS.items() if not method.only],
)
def test_a_search_is_the_same_to_the_bit_whatever_stands_beside_it(name, widths):
    method, task, strengths, seeds = short(name), tiny(8, widths, bias=True), [0.01, 0.1], [1, 2, 3]
    together = experiment.search(method, task, strengths, seeds)
    for seed, ones in zip(seeds, together, strict=True):
        [of_seed] = experiment.search(method, task, strengths, [seed])
        for strength, one, other in zip(strengths, ones, of_seed, strict=True):
            [[alone]] = experiment.search(method, task, [strength], [seed])
            np.testing.assert_array_equal(numbers(one), numbers(other))
            np.testing.assert_array_equal(numbers(one), numbers(alone))
    mixed = experiment.function_of(method)(task, [0.1, 0.01, 0.1], [3, 2, 2])
    for one, other in zip(mixed, (together[2][1], together[1][0], together[1][1]), strict=True):
        np.testing.assert_array_equal(numbers(one), numbers(other))
    assert np.array_equal(numbers(together[0][0]), numbers(together[1][0])) == (name == "linear")


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_a_search_that_diverges_leaves_those_beside_it_alone(name):
    method, task = short(name), tiny(8, (3, 6, 2), bias=True)
    one, lost, other = experiment.function_of(method)(task, [0.01, np.nan, 0.1], [1, 1, 2])
    assert not np.isfinite(numbers(lost)).all()
    expected = experiment.function_of(method)(task, [0.01, 0.1], [1, 2])
    np.testing.assert_array_equal(numbers(one), numbers(expected[0]))
    np.testing.assert_array_equal(numbers(other), numbers(expected[1]))


def test_every_epoch_is_a_shuffle_of_its_own_that_runs_of_one_seed_share():
    task = tiny(12)
    batches = list(task.batches([1, 2, 1]))
    assert [batch.shape for batch in batches] == [(3, 8), (3, 8), (3, 8), (3, 6)] * 3
    epochs = [torch.cat(batches[first : first + 4], dim=-1) for first in (0, 4, 8)]  # (runs, points)
    for epoch in epochs:
        assert torch.equal(epoch.sort(dim=-1).values, torch.arange(30).expand(3, 30))
        assert torch.equal(epoch[0], epoch[2]) and not torch.equal(epoch[0], epoch[1])
    assert not torch.equal(epochs[0], epochs[1])


@pytest.mark.parametrize("search", [random_search.search, bayesian.search])
def test_a_black_box_search_spends_the_steps_it_is_given(search):
    for found in search(tiny(240), [0.01, 1.0], [0, 0], candidates=4):
        assert found.steps == found.gradient_evaluations == 240 and found.trainings == 4


def test_a_genome_becomes_the_network_that_the_library_evaluates():
    task = tiny(30, widths=(3, 6, 1), bias=True)
    config = evolution.configuration(task, 30)
    genomes = []
    population = neat.Population(config, seed=5)
    population.run(
        lambda found, config: genomes.extend(one for _, one in found if not setattr(one, "fitness", 0.0)), 25
    )
    x = task.x[:, :-1]
    several = [one for one in genomes[-30:] if max(evolution.layers_of(one, config)[0].values()) > 2]
    assert several
    for genome in several[:5]:
        network = neat.nn.FeedForwardNetwork.create(genome, config)
        network.node_evals = [
            (node, (lambda z: z) if node == 0 else (lambda z: max(z, 0.0)), *rest)
            for node, _, *rest in network.node_evals
        ]
        expected = np.array([network.activate(point.tolist()) for point in task.x.double()])
        found = evolution.graph_of(genome, config, True)
        np.testing.assert_allclose(outputs(found, x), expected, rtol=1e-6, atol=1e-6)
        loss = evolution.loss_of(genome, config, task.x.double().numpy(), task.y.double().numpy())
        assert loss == pytest.approx(np.square(expected - task.y.double().numpy()).mean())


def test_neat_gives_one_result_for_a_seed_and_leaves_the_global_generator_alone():
    task = tiny(5, widths=(3, 6, 1), bias=True)
    state = random.getstate()
    one, same = (evolution.search(task, [0.01], [3], population=20)[0] for _ in range(2))
    assert random.getstate() == state and one.trainings == 100 and one.gradient_evaluations == 0
    np.testing.assert_array_equal(numbers(one), numbers(same))
    with pytest.raises(ValueError, match="allowed is one"):
        evolution.search(tiny(), [0.01], [3])


def test_a_candidate_without_a_layer_is_the_network_without_it():
    task = tiny(widths=(3, 5, 4, 2))
    shape = candidates.Shape((5, 0), ((2, 1), (4, 2)))
    assert candidates.size(task, shape) * task.parameters == 3 * 5 + 5 * 2
    candidate = candidates.Candidate(task, shape, 0)
    before = candidate(task.x[None])[0].detach()
    one, two = candidate.weights[2, 1][0], candidate.weights[4, 2][0]
    torch.testing.assert_close(before, (torch.relu(task.x @ one.T) @ two.T).detach())
    candidate.train(3)
    assert experiment.size_of(pruning.reduced(candidate.graph, experiment.relu))["bundles"] == 2


def test_the_first_of_several_shapes_that_are_equally_good_is_smaller_at_a_larger_strength():
    small, large = random_search.search(tiny(200), [1e3, 1e-9], [3, 3], candidates=8)
    assert small.trained <= large.trained


def test_bi_level_and_single_level_count_two_gradients_a_step():
    task = tiny(8)
    for search, options in ((darts.search, {}), (gaea.search, {"levels": 1}), (gaea.search, {"levels": 2})):
        assert search(task, [0.1], [0], **options)[0].gradient_evaluations == 16
    assert spectral_search.search(task, [0.1], [0])[0].gradient_evaluations == 8


def test_gdas_draws_one_choice_each_and_passes_the_gradient_of_the_softmax():
    task = tiny()
    drawn = gdas.Gumbel(task, [0], 0.1)
    drawn.at(0.5)
    assert drawn.temperature == pytest.approx(5.05)
    gates = drawn.gates()
    for values in (gates.bundles, gates.identity, gates.relu):
        assert ((values < 1e-6) | (values > 1 - 1e-6)).all()
    gradient = torch.autograd.grad(gates.relu.sum(), drawn.trained[1])[0]
    torch.testing.assert_close(gradient.sum(-1), torch.zeros(1, 9), atol=1e-6, rtol=0)  # of a softmax
    assert gradient.any()


def test_the_controllers_gradient_is_the_score_function_times_the_advantage():
    task = tiny()
    controller = reinforce.Controller(task, [0], 0.1)
    controller.mean = torch.zeros(1)
    seen = []
    controller.update(lambda gates: seen.append(gates) or torch.ones(1))
    mean = -0.05  # of the rewards 0 and −1
    picked = torch.stack([1 - seen[0].bundles, seen[0].bundles], dim=-1)
    expected = (1 + mean) * (picked - 0.5)  # −(R − b) (one-hot − π), R = −1
    torch.testing.assert_close(controller.optimizer.vector.grad[: expected.numel()].view_as(expected), expected)
    assert reinforce.search(task, [0.1], [0])[0].gradient_evaluations == 6


def test_fairdarts_pushes_a_gate_away_from_a_half_by_its_closed_form():
    task = tiny()
    gates = fairdarts.Sigmoids(task, 1, 0.1, 2.0)
    with torch.no_grad():
        for alpha in gates.trained:
            alpha.fill_(0.3)
    gates.update(lambda found: 0 * found.relu.sum(-1))
    value = torch.tensor(0.3).sigmoid()
    count = len(task.pairs) + 2 * 9
    expected = -2.0 * 2 * (value - 0.5) * value * (1 - value) / count
    torch.testing.assert_close(gates.optimizer.vector.grad[:count], torch.full((count,), float(expected)))
    found = gates.gates()
    torch.testing.assert_close(found.alive, 1 - (1 - found.identity) * (1 - found.relu))


def test_pc_darts_gates_a_part_of_the_neurons_and_leaves_the_others_relu():
    task = tiny(widths=(3, 400, 2))
    partial = pc_darts.Partial(task, [0], 0.1, 4)
    gates = partial.gates()
    ungated = (gates.relu == 1).float().mean().item()
    assert 0.65 < ungated < 0.85 and gates.relu.min().item() == pytest.approx(1 / 3)
    torch.testing.assert_close(gates.bundles, torch.full((1, 3), 0.5))  # β is uniform, and counts its bundles


def random_graph(seed=0, widths=(3, 6, 5, 2)):
    generator = np.random.default_rng(seed)
    weights = {(i, j): generator.normal(size=(widths[i - 1], widths[j - 1])) for i in range(2, 5) for j in range(1, i)}
    return pruning.Graph(weights, {i: np.zeros(widths[i - 1]) for i in range(2, 5)})


def test_compaction_keeps_the_outputs_of_neurons_that_do_nothing():
    graph = random_graph()
    weights = dict(graph.weights)
    for k in (3, 4):
        weights[k, 2] = weights[k, 2] * (np.arange(6) < 4)  # two neurons that nothing hears
    weights[4, 3] = 0 * weights[4, 3]  # a layer that nothing hears
    x = torch.rand(50, 3) * 2 - 1
    expected = outputs(pruning.Graph(weights, graph.biases), x)
    points = x, torch.from_numpy(expected).float() + 0.1 * torch.randn(50, 2)
    loss = experiment.loss_of(pruning.Graph(weights, graph.biases), points)
    small = experiment.fewest_neurons(pruning.Graph(weights, graph.biases), points, loss * (1 + 1e-6))
    assert experiment.size_of(small)["neurons"] == 4 and experiment.size_of(small)["hidden_layers"] == 1
    np.testing.assert_allclose(outputs(small, x), expected, rtol=1e-9)


def test_a_good_fit_needs_the_first_neurons_that_reach_its_r_squared():
    task, x_test, y_test = experiment.task_of(data(), settings())
    graph = random_graph(5, (3, 5, 4, 3))
    y_choose = torch.from_numpy(outputs(graph, task.x_choose)).float()  # the whole network fits without an error
    points = replace(task, y_choose=y_choose), x_test, y_test
    row = experiment.measure(Found(graph, 1, 1, 1), *points, settings(), 1, "teacher")
    order = np.argsort(-np.concatenate(list(pruning.importance(graph).values())))
    unexplained = []
    for kept in range(10):
        off = np.isin(np.arange(9), order[kept:])
        small = outputs(pruning.cut(graph, {2: off[:5], 3: off[5:]}), task.x_choose)
        unexplained.append(np.square(small - y_choose.numpy()).mean() / y_choose.numpy().var(axis=0).mean())
    enough = [kept for kept, share in enumerate(unexplained) if share <= 1 - PROTOCOL["good_r2"]]
    assert row["good_neurons"] == enough[0] < row["budget_neurons"]
    assert row["good_validation_mse"] <= (1 - PROTOCOL["good_r2"]) * y_choose.numpy().var(axis=0).mean() * (1 + 1e-5)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 3), min_size=1, max_size=3))
def test_the_longest_path_is_the_last_power_of_the_adjacency_matrix_that_reaches_the_output(seed, hidden):
    generator, widths = np.random.default_rng(seed), (2, *hidden, 2)
    pairs = [(i, j) for i in range(2, len(widths) + 1) for j in range(1, i)]
    there = {(i, j): generator.random((widths[i - 1], widths[j - 1])) < 0.3 for i, j in pairs}
    weights = {pair: own * generator.normal(size=own.shape) for pair, own in there.items()}
    graph = pruning.reduced(
        pruning.Graph(weights, {i: np.zeros(widths[i - 1]) for i in range(2, len(widths) + 1)}), experiment.relu
    )
    starts = np.cumsum([0, 2, *(len(graph.biases[i]) for i in graph.hidden), 2])
    adjacency = np.zeros((starts[-1],) * 2, dtype=int)
    for (i, j), weight in graph.weights.items():
        adjacency[starts[i - 1] : starts[i], starts[j - 1] : starts[j]] = weight != 0
    edges = [k for k in range(1, len(widths)) if np.linalg.matrix_power(adjacency, k)[-2:, :2].any()]
    assert pruning.longest_path(graph) == max(edges, default=1) - 1


def test_layers_side_by_side_are_one():
    graph = random_graph()
    assert experiment.size_of(graph)["hidden_layers"] == 2
    apart = pruning.Graph({**graph.weights, (3, 2): 0 * graph.weights[3, 2]}, graph.biases)
    assert experiment.size_of(apart)["hidden_layers"] == 1 and experiment.size_of(apart)["neurons"] == 11


def test_the_strongest_neurons_are_those_of_largest_path_norm():
    graph = random_graph(2)
    kept = experiment.strongest(graph, 3)
    norms = np.sort(np.concatenate(list(pruning.importance(graph).values())))
    assert experiment.size_of(kept)["neurons"] == 3
    importance = np.concatenate(list(pruning.importance(graph).values()))
    assert (importance >= norms[-3]).sum() == 3


def test_retraining_leaves_out_what_is_not_there():
    graph = random_graph(3, (3, 5, 4, 2))
    sparse = {pair: weight * (np.abs(weight) > 0.7) for pair, weight in graph.weights.items()}
    network = experiment.module(pruning.Graph(sparse, graph.biases))
    before = [parameter.detach().clone() for parameter in network.parameters()]
    experiment.retrain(network, tiny(), 20, 1)
    for old, new in zip(before, network.parameters(), strict=True):
        assert not new[old == 0].any() and ((new != old).any() or not old.any())


def settings(search="gaea", **options):
    task = {"hidden": [5, 4], "bias": False, "points": 100, "batch_size": 10, "steps": 12}
    return params.RivalTrial(**PROTOCOL, task=task, method={"search": search, "options": options})


def data():
    generator = np.random.default_rng(0)
    x, x_test = generator.uniform(-1, 1, (100, 3)), generator.uniform(-1, 1, (60, 3))
    w = generator.normal(size=(3, 3))
    return {"x_train": x, "y_train": np.maximum(x @ w, 0), "x_test": x_test, "y_test": np.maximum(x_test @ w, 0)}


def test_a_job_measures_every_trial_at_every_strength_and_does_not_depend_on_chunks():
    both = experiment.run(data(), settings(), "teacher", [0, 1], 7)
    second = experiment.run(data(), settings(), "teacher", [1], 7)
    trials = both["trials"]
    assert trials[["trial", "strength"]].to_numpy().tolist() == [[0, 0.01], [0, 0.1], [1, 0.01], [1, 0.1]]
    pd.testing.assert_frame_equal(trials[trials["trial"] == 1].reset_index(drop=True), second["trials"])
    assert trials["budget_parameters"].le(trials["maximal_parameters"]).all()
    assert (trials["few_neurons"] <= 3).all() and comparison.TARGETS == experiment.TARGETS
    assert {"entropy", "expected_size"} <= set(both["history"]) and both["history"]["entropy"].between(0, 1.001).all()
    assert (both["costs"]["core_seconds"] > 0).all()
    alone = both["costs"][["alone_seconds", "peak_mib"]]
    assert (alone.iloc[0] > 0).all() and alone.iloc[1:].isna().all(axis=None)


def test_an_option_that_a_method_does_not_have_is_one_sentence():
    with pytest.raises(params.ParameterError, match=r"options .* of gaea"):
        experiment.run(data(), settings(speed=3), "teacher", [0], 7)
    with pytest.raises(ValueError, match=r"there is no file src/sparcs/rivals/magic\.py"):
        settings("magic")


def test_tuning_takes_the_value_of_the_fewest_parameters_on_seeds_of_its_own():
    method = {"search": "magnitude_pruning", "tuned": {"pruned": [0.0, 0.5, 0.9]}}
    chosen = settings().model_copy(update={"method": params.RivalMethod(**method)})
    table = experiment.tune(data(), chosen, "teacher", 7)
    assert table[["value", "tuning_trial"]].to_numpy().tolist() == [
        [v, t] for v in ("0.0", "0.5", "0.9") for t in (0, 1)
    ]
    assert table["seed"].nunique() == 2 and not set(table["seed"]) & set(experiment.seeds(7, "teacher", range(100)))
    means = table.groupby("value")[["parameters", "validation_mse"]].agg(stats.gmean)
    best = means[means["parameters"] == means["parameters"].min()]["validation_mse"].idxmin()
    assert set(table.loc[table["chosen"], "value"]) == {best}

    rows = []
    for value, seed in zip((0.0, 0.5, 0.9), [table["seed"][0]] * 3, strict=True):
        points = experiment.task_of(data(), chosen)
        for found in magnitude_pruning.search(points[0], chosen.strengths, [seed] * 2, pruned=value):
            row = experiment.measure(found, *points, chosen, seed, "teacher")
            small = [row[f"{name}_{kind}validation_mse"] for name in experiment.TARGETS for kind in ("", "retrained_")
                     if row[f"{name}_neurons"] <= 3]  # fmt: skip
            unexplained = {name: row[f"{name}_validation_mse"] / points[0].y_choose.numpy().var(axis=0).mean()
                           for name in experiment.TARGETS}  # fmt: skip
            fits = [
                row[f"{name}_parameters"] for name, share in unexplained.items() if share <= 1 - PROTOCOL["good_r2"]
            ]
            rows.append((json.dumps(value), min(fits, default=points[0].parameters), min(small)))
    expected = pd.DataFrame(rows, columns=["value", "parameters", "validation_mse"]).groupby("value").min()
    found = table[table["tuning_trial"] == 0].set_index("value")[["parameters", "validation_mse"]]
    pd.testing.assert_frame_equal(found.sort_index(), expected, check_dtype=False)


def test_the_verbs_search_with_the_value_that_was_chosen(tmp_path, capsys):
    files.write_arrays(tmp_path / "data.safetensors", data())
    method = params.RivalMethod(search="gaea", options={"levels": 1}, tuned={"rate": [1.0, 3.0]})
    own = settings().model_copy(update={"method": method})
    common = ["--data-set", "teacher", "--settings", own.model_dump_json(), "--root-seed", "7", "--output"]
    table, stem = tmp_path / "gaea.parquet", tmp_path / "0-0"
    for command in (
        ["tune-rivals", tmp_path / "data.safetensors", *common, tmp_path / "gaea"],
        ["search-rivals", tmp_path / "data.safetensors", "--trials", "0-0", "--tuned", table, *common, stem],
    ):
        with pytest.raises(SystemExit) as stopped:
            cli.main(list(map(str, command)))
        assert not stopped.value.code, capsys.readouterr().err
    [value] = set(pd.read_parquet(table).query("chosen")["value"])
    trials = pd.read_parquet(tmp_path / "0-0_trials.parquet")
    assert set(trials["options"]) == {json.dumps({"levels": 1, "rate": json.loads(value)})}
    direct = experiment.run(data(), settings(levels=1, rate=json.loads(value)), "teacher", [0], 7)["trials"]
    pd.testing.assert_frame_equal(trials.drop(columns="options"), direct)


def test_the_error_that_tuning_compares_is_that_of_networks_with_finite_outputs():
    row = {f"{target}_{state}validation_mse": 1.0 for target in experiment.TARGETS for state in ("", "retrained_")}
    row |= {
        "budget_neurons": 40,
        "good_neurons": 40,
        "few_neurons": 30,
        "budget_validation_mse": 0.1,
        "few_validation_mse": np.nan,
    }
    assert experiment.smallest_error(row, 30) == 1
    assert experiment.smallest_error(row, 40) == 0.1
    assert experiment.smallest_error(row, 20) == np.inf


@pytest.mark.parametrize(
    "changed",
    [
        lambda table: table.drop(columns="chosen"),
        lambda table: table.assign(chosen=False),
        lambda table: table.assign(chosen=True),
        lambda table: table.assign(value="nope"),
        lambda table: table.assign(option="speed"),
        lambda table: table.assign(task="beta5_alpha0"),
    ],
)
def test_a_file_of_another_tuning_is_named(tmp_path, changed):
    method = params.RivalMethod(search="gaea", tuned={"rate": [1.0, 3.0]})
    rows = {"task": "teacher", "option": "rate", "value": ["1.0", "3.0"], "tuning_trial": 0, "seed": 7}
    measured = {"parameters": [9.0, 8.0], "validation_mse": [0.2, 0.1]}
    table = pd.DataFrame(rows | measured | {"chosen": [False, True]})
    files.write_table(tmp_path / "tuned.parquet", table)
    assert commands.with_tuned(method, tmp_path / "tuned.parquet", "teacher").options == {"rate": 3.0}
    files.write_table(tmp_path / "tuned.parquet", changed(table))
    with pytest.raises(files.ArtifactError, match=r"tuned\.parquet does not say"):
        commands.with_tuned(method, tmp_path / "tuned.parquet", "teacher")


def test_every_method_has_the_same_tuning_budget():
    values = params.read_yaml(ROOT / "params.yaml")
    rivals = params.resolve(values, {"scale": "overnight"}).rivals
    tuned = {method for _, method in rivals.tuning_jobs()}
    assert tuned == {name for name, method in rivals.catalogue.items() if method.tuned} and len(tuned) == 8
    assert not params.resolve(values, {"scale": "smoke"}).rivals.tuning_jobs()
    with pytest.raises(params.ParameterError, match=r"as many values as any other.*gaea 2"):
        params.resolve(values, {"rivals": {"catalogue": {"gaea": {"tuned": {"rate": [1.0, 3.0]}}}}})


def test_holm_is_the_step_down_rule():
    assert comparison.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert comparison.holm([0.5, np.nan, 0.9])[0] == 1.0 and np.isnan(comparison.holm([0.5, np.nan, 0.9])[1])


def judged(change=None):
    table = rival_tables.rivals(np.random.default_rng(3), rival_tables.FULL)["rivals/trials"]
    if change:
        change(table)
    return list(finds_smaller_networks({"rivals/trials": table}))


def better(table, mask):
    for column in [f"{target}_parameters" for target in comparison.TARGETS]:
        table.loc[mask, column] = table.loc[mask, column] / 1000
    for column in [name for name in table if name.endswith("mse")]:
        table.loc[mask, column] = table.loc[mask, column] / 1000


def test_g2_follows_its_rule():
    def sparcs_wins(table):
        for column in [name for name in table if name.endswith("test_r2")]:
            table[column] = 0.99
        better(table, table["method"] == "sparcs_l2")

    def gaea_wins(table):
        for column in [name for name in table if name.endswith("test_r2")]:
            table[column] = 0.99
        better(table, table["method"] == "gaea")

    assert [part.verdict for part in judged(sparcs_wins)] == ["replicated", "replicated"]
    assert [part.verdict for part in judged(gaea_wins)] == ["not replicated", "not replicated"]
    assert "strongest rival: GAEA, single-level" in judged(gaea_wins)[0].reason
    fewer = rival_tables.FULL | {"seeds": 9}
    parts = list(finds_smaller_networks(rival_tables.rivals(np.random.default_rng(3), fewer)))
    assert all(part.untested == "n = 9, fewer than 10" for part in parts)
    alone = rival_tables.rivals(np.random.default_rng(3), rival_tables.SMOKE)
    assert all("not run" in part.untested for part in finds_smaller_networks(alone))


def test_the_report_says_what_the_smallest_networks_are():
    table = rival_tables.rivals(np.random.default_rng(3), rival_tables.FULL)["rivals/trials"]
    for column in [name for name in table if name.endswith("test_r2")]:
        table[column] = 0.99
    winner, own = (table["method"].isin(names) for names in (["gaea"], comparison.OWN))
    better(table, winner)
    for target in comparison.TARGETS:
        table.loc[winner, [f"{target}_neurons", f"{target}_bundles"]] = (20.0, 4.0)
        table.loc[own, [f"{target}_neurons", f"{target}_bundles"]] = (30.0, 6.0)
    for rows, sizes in ((own, (5000, 1000, 2000)), (winner, (1, 2, 3))):
        table.loc[rows, [f"{target}_parameters" for target in comparison.TARGETS]] = sizes
    table.loc[table["method"] == "linear", "budget_neurons"] = 0.0
    said = rivals_prose.findings(table)
    assert "where its networks are not linear they keep 30 neurons on 1 hidden" in said
    assert "SPARCS, L2 30 in 6 (5,000)" in said and "GAEA, single-level 20 in 4 (1)" in said
    assert "**Linear in every search**, and counted as the maximal network: linear" in said
    assert "median over seeds: " in said and "SPARCS, L2 0.01" in said


def test_there_is_no_test_with_fewer_than_ten_seeds():
    few = rival_tables.rivals(np.random.default_rng(3), rival_tables.FULL | {"seeds": 9})["rivals/trials"]
    found = comparison.compare(few)
    assert found["p"].isna().all() and (found["result"] == "not tested").all() and found["ratio"].notna().all()
    assert "fewer than 10 seeds, no test:" in rivals_prose.findings(few)


def test_a_method_that_never_fits_counts_as_the_maximal_network():
    table = rival_tables.rivals(np.random.default_rng(3), rival_tables.FULL)["rivals/trials"]
    for column in [name for name in table if name.endswith("test_r2")]:
        table.loc[table["method"] == "linear", column] = 0.7
    found = comparison.scalars(table).query("method == 'linear' and task == 'teacher'")
    assert (found["parameters"] == 18400).all()


def test_the_plain_perceptron_has_no_skips():
    assert set(magnitude_pruning.initial(tiny(), [0])) == {(2, 1), (3, 2), (4, 3)}


def test_magnitude_pruning_takes_out_the_neurons_that_pytorch_prunes():
    weight = torch.randn(2, 20, 7, generator=torch.Generator().manual_seed(0))
    mask, layers = torch.ones(2, 20, 1), [nn.Linear(7, 20, bias=False) for _ in range(2)]
    for layer, own in zip(layers, weight, strict=True):
        layer.weight.data = own
    for gone, more in ((3, 3), (8, 5)):
        magnitude_pruning.take_out(weight * mask, mask, gone)
        for layer, own in zip(layers, mask, strict=True):
            prune.ln_structured(layer, "weight", amount=more, n=2, dim=0)
            torch.testing.assert_close(own.expand(20, 7), layer.weight_mask)
