"""The baselines' update rules, against closed forms, autograd and plain networks."""

import random
from dataclasses import replace
from pathlib import Path

import neat
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from baseline_tasks import outputs, tiny
from replication import params
from replication.baselines import (
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
from replication.baselines.network import forward
from replication.experiments.baselines import measures
from replication.experiments.baselines import train as experiment
from replication.experiments.baselines.settings import PRICED
from replication.experiments.settings import resolve_settings
from replication.training.work import plain
from sparcs import pruning

ROOT = Path(__file__).parents[2]
DETERMINISTIC = ("linear",)  # methods that draw nothing


@pytest.mark.parametrize("search", [gdas.search, reinforce.search])
def test_a_method_that_draws_its_gates_can_keep_a_weak_bundle(search):
    task = tiny(600, widths=(3, 2, 1))
    weak = replace(task, y=task.x[:, :1] / 2, y_choose=task.x_choose[:, :1] / 2)
    direct = search(weak, [0.0], [0], rate=0.01)[0].graph.weights[3, 1]
    np.testing.assert_allclose(direct, [[0.5, 0, 0]], atol=0.03)


def test_exponentiated_gradient_is_its_closed_form_and_stays_on_the_simplex():
    theta = torch.tensor([[0.2, 0.3, 0.5], [1e-5, 0.4, 1 - 0.4 - 1e-5]]).T  # (choices, gates)
    gradient = torch.tensor([[1.0, -2.0, 0.5], [300.0, -200.0, 0.0]]).T
    updated = gaea.exponentiated(theta, gradient, 0.1)
    by_hand = theta.double() * torch.exp(-0.1 * gradient.double())
    by_hand = (by_hand / by_hand.sum(0)).clamp(min=1e-5)
    by_hand = by_hand / by_hand.sum(0)
    torch.testing.assert_close(updated.double(), by_hand, rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(updated.sum(0), torch.ones(2))
    assert (updated >= 0.99e-5).all()
    large = gaea.exponentiated(theta, 1e6 * gradient, 10.0)
    assert torch.isfinite(large).all()


def test_gaea_keeps_its_mixtures_on_the_simplex_through_a_search():
    task = tiny(20)
    mixtures = gaea.Simplex(task, 2, 10.0)
    gated.search(task, [0.01, 0.1], [0, 0], mixtures, 1)
    for theta in mixtures.trained:
        torch.testing.assert_close(theta.detach().sum(1), torch.ones(2, theta.shape[-1]))
        assert (theta > 0).all()
    assert not torch.equal(mixtures.trained[1][0], mixtures.trained[1][1])  # the strengths differ


@pytest.mark.parametrize("neurons", [4, 400])
def test_a_gate_of_gaea_moves_as_fast_among_many_as_among_few(neurons):
    mixtures = gaea.Simplex(tiny(widths=(3, neurons, 2)), 1, 0.5)
    mixtures.update(lambda gates: gates.relu.mean(-1) + 0 * gates.bundles.sum(-1))  # ∂L/∂θ of "ReLU": 1 / neurons
    expected = torch.tensor([0.0, 0.0, -0.5]).exp()
    torch.testing.assert_close(mixtures.trained[1].data, (expected / expected.sum())[:, None].expand(1, 3, neurons))


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
    graph = linear.search(task, [0.1], [0])[0].graph
    expected = np.linalg.lstsq(task.x.double().numpy(), task.y.double().numpy(), rcond=None)[0]
    np.testing.assert_allclose(graph.weights[2, 1], expected.T, rtol=1e-6, atol=1e-9)


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


def numbers(result):
    """All weights, and the history."""
    rows = [list(row.values()) for row in result.history]
    return np.concatenate([*(weight.ravel() for weight in result.graph.weights.values()), np.ravel(rows)])


METHODS = resolve_settings(params.read_yaml(ROOT / "params.yaml"), {"scale": "overnight"}).baselines.catalogue
SHORT = {
    "random_search": {"candidates": 2},
    "bayesian": {"candidates": 2},
    "evolution": {"population": 10, "generations": 3},
}
SIDE_BY_SIDE = [name for name, method in METHODS.items() if method.search not in SHORT and method.search != "linear"]


def short(name):
    """A method of the catalogue with a short search in which gates move far."""
    method = METHODS[name]
    far = {"rate": 1.0} if "rate" in method.options else {}
    return plain({"search": method.search, "options": method.options | far | SHORT.get(method.search, {})})


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
        for strength, result, other in zip(strengths, ones, of_seed, strict=True):
            [[alone]] = experiment.search(method, task, [strength], [seed])
            np.testing.assert_array_equal(numbers(result), numbers(other))
            np.testing.assert_array_equal(numbers(result), numbers(alone))
    mixed = experiment.function_of(method)(task, [0.1, 0.01, 0.1], [3, 2, 2])
    for result, other in zip(mixed, (together[2][1], together[1][0], together[1][1]), strict=True):
        np.testing.assert_array_equal(numbers(result), numbers(other))
    assert np.array_equal(numbers(together[0][0]), numbers(together[1][0])) == (name in DETERMINISTIC)


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_a_search_that_diverges_leaves_those_beside_it_alone(name):
    method, task = short(name), tiny(8, (3, 6, 2), bias=True)
    result, lost, other = experiment.function_of(method)(task, [0.01, np.nan, 0.1], [1, 1, 2])
    assert not np.isfinite(numbers(lost)).all()
    expected = experiment.function_of(method)(task, [0.01, 0.1], [1, 2])
    np.testing.assert_array_equal(numbers(result), numbers(expected[0]))
    np.testing.assert_array_equal(numbers(other), numbers(expected[1]))


@pytest.mark.parametrize("bias", [False, True])
def test_sparcs_from_the_other_start_is_the_perceptron_with_the_other_sign(bias):
    task = tiny(0, (3, 5, 4, 2), bias)
    [start], [other] = (spectral_search.search(task, [0.1], [7], output_eigenvalue=sign) for sign in (1, -1))
    for pair, weight in start.graph.weights.items():
        np.testing.assert_array_equal(other.graph.weights[pair], -weight)
        assert weight.any() == (pair[0] == 4)  # all else is closed
    with pytest.raises(ValueError, match="output_eigenvalue = 0: allowed are 1 and -1"):
        spectral_search.search(task, [0.1], [7], output_eigenvalue=0)


@pytest.mark.parametrize("penalty", spectral_search.PENALTIES)
def test_a_price_changes_the_networks_of_the_penalties_that_settings_allow_it_with(penalty):
    task = tiny(20)
    [cheap], [dear] = (spectral_search.search(task, [0.1], [7], penalty=penalty, price=price) for price in (1.0, 100.0))
    assert np.array_equal(numbers(cheap), numbers(dear)) == (penalty not in PRICED)


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
    for result in search(tiny(240), [0.01, 1.0], [0, 0], candidates=4):
        assert result.steps == result.gradient_evaluations == 240 and result.trainings == 4


def test_a_genome_becomes_the_network_that_the_library_evaluates():
    task = tiny(30, widths=(3, 6, 1), bias=True)
    config = evolution.configuration(task, 30)
    genomes = []
    population = neat.Population(config, seed=5)
    population.run(
        lambda members, config: genomes.extend(member for _, member in members if not setattr(member, "fitness", 0.0)),
        25,
    )
    x = task.x[:, :-1]
    several = [member for member in genomes[-30:] if max(evolution.layers_of(member, config)[0].values()) > 2]
    assert several
    for genome in several[:5]:
        network = neat.nn.FeedForwardNetwork.create(genome, config)
        network.node_evals = [
            (node, (lambda z: z) if node == 0 else (lambda z: max(z, 0.0)), *rest)
            for node, _, *rest in network.node_evals
        ]
        expected = np.array([network.activate(point.tolist()) for point in task.x.double()])
        graph = evolution.graph_of(genome, config, True)
        np.testing.assert_allclose(outputs(graph, x), expected, rtol=1e-6, atol=1e-6)
        loss = evolution.loss_of(genome, config, task.x.double().numpy(), task.y.double().numpy())
        assert loss == pytest.approx(np.square(expected - task.y.double().numpy()).mean())


def test_neat_gives_one_result_for_a_seed_and_leaves_the_global_generator_alone():
    task = tiny(5, widths=(3, 6, 1), bias=True)
    state = random.getstate()
    result, same = (evolution.search(task, [0.01], [3], population=20)[0] for _ in range(2))
    assert random.getstate() == state and result.trainings == 100 and result.gradient_evaluations == 0
    np.testing.assert_array_equal(numbers(result), numbers(same))
    with pytest.raises(ValueError, match="allowed is one"):
        evolution.search(tiny(), [0.01], [3])


def test_a_candidate_without_a_layer_is_the_network_without_it():
    task = tiny(widths=(3, 5, 4, 2))
    shape = candidates.Shape((5, 0), ((2, 1), (4, 2)))
    assert candidates.size(task, shape) * task.parameters == 3 * 5 + 5 * 2
    candidate = candidates.Candidate(task, shape, 0)
    before = forward(candidate.weights, task.x[None])[0].detach()
    hidden, out = candidate.weights[2, 1][0], candidate.weights[4, 2][0]
    torch.testing.assert_close(before, (torch.relu(task.x @ hidden.T) @ out.T).detach())
    candidate.train(3)
    assert measures.size_of(pruning.reduced(candidate.graph, measures.relu))["bundles"] == 2


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
    torch.testing.assert_close(gradient.sum(1), torch.zeros(1, 9), atol=1e-6, rtol=0)  # of a softmax
    assert gradient.any()


def first_gradient(optimizer):
    """The gradient of the first step, from Adam's running mean after it."""
    return optimizer.optimizer.means[0] / (1 - darts.BETAS[0])


def test_the_controllers_gradient_is_the_score_function_times_the_advantage():
    task = tiny()
    controller = reinforce.Controller(task, [0], 0.1)
    controller.mean = torch.zeros(1)
    seen = []
    controller.update(lambda gates: seen.append(gates) or torch.ones(1))
    mean = -0.05  # of the rewards 0 and −1
    picked = torch.stack([1 - seen[0].bundles, seen[0].bundles], dim=1)
    expected = (1 + mean) * (picked - 0.5)  # −(R − b) (one-hot − π), R = −1
    gradient = first_gradient(controller.optimizer)[: expected.numel()]
    torch.testing.assert_close(gradient.view_as(expected), expected)
    assert reinforce.search(task, [0.1], [0])[0].gradient_evaluations == 6


def test_fairdarts_pushes_a_gate_away_from_a_half_by_its_closed_form():
    task = tiny()
    gates = fairdarts.Sigmoids(task, 1, 0.1, 2.0)
    with torch.no_grad():
        for alpha in gates.trained:
            alpha.fill_(0.3)
    gates.update(lambda values: 0 * values.relu.sum(-1))
    value = torch.tensor(0.3).sigmoid()
    count = len(task.pairs) + 2 * 9
    expected = -2.0 * 2 * (value - 0.5) * value * (1 - value) / count
    torch.testing.assert_close(first_gradient(gates.optimizer)[:count], torch.full((count,), float(expected)))
    values = gates.gates()
    torch.testing.assert_close(values.alive, 1 - (1 - values.identity) * (1 - values.relu))


def test_pc_darts_gates_a_part_of_the_neurons_and_leaves_the_others_relu():
    task = tiny(widths=(3, 400, 2))
    partial = pc_darts.Partial(task, [0], 0.1, 4)
    gates = partial.gates()
    ungated = (gates.relu == 1).float().mean().item()
    assert 0.65 < ungated < 0.85 and gates.relu.min().item() == pytest.approx(1 / 3)
    torch.testing.assert_close(gates.bundles, torch.full((1, 3), 0.5))  # β is uniform, and counts its bundles


def test_the_plain_perceptron_has_no_skips():
    assert set(magnitude_pruning.initial(tiny(), [0])) == {(2, 1), (3, 2), (4, 3)}


def test_magnitude_pruning_takes_out_the_neurons_that_pytorch_prunes():
    weight = torch.randn(2, 20, 7, generator=torch.Generator().manual_seed(0))
    mask, layers = torch.ones(2, 20, 1), [nn.Linear(7, 20, bias=False) for _ in range(2)]
    for layer, rows in zip(layers, weight, strict=True):
        layer.weight.data = rows
    for gone, more in ((3, 3), (8, 5)):
        magnitude_pruning.take_out(weight * mask, mask, gone)
        for layer, kept in zip(layers, mask, strict=True):
            prune.ln_structured(layer, "weight", amount=more, n=2, dim=0)
            torch.testing.assert_close(kept.expand(20, 7), layer.weight_mask)
