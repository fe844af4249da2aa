"""The searches on real tables against scikit-learn, plain PyTorch and SpectralNetwork."""

from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from baseline_tasks import outputs, tiny
from replication.baselines.network import mean_square
from replication.data import tabular
from replication.experiments.tabular import searches
from replication.experiments.tabular.compaction import median_microseconds, module, relu, size_of, smallest
from replication.experiments.tabular.train import loss_of
from replication.training.seeds import generator
from sparcs import SpectralNetwork, pruning
from sparcs.pruning import Graph


@pytest.mark.parametrize("strength", [0.0, 0.01, 1.0])
def test_ridge_is_scikit_learns(strength):
    task = tiny(bias=True)
    found = searches.ridge(task.x, task.y, strength)
    x, y = task.x[:, :-1].double().numpy(), task.y.double().numpy()
    oracle = Ridge(alpha=strength * len(x) * y.shape[1]).fit(x, y)
    assert np.allclose(found[:, :-1], oracle.coef_, atol=1e-8) and np.allclose(
        found[:, -1], oracle.intercept_, atol=1e-8
    )


def test_ridge_takes_columns_that_depend_on_each_other():
    x = torch.eye(3)[torch.arange(12) % 3]
    x = torch.cat([x, torch.ones(12, 1)], dim=1)
    y = torch.arange(12.0)[:, None]
    found = searches.ridge(x, y, 0.0)
    assert np.allclose(x.double() @ found.T, x.double() @ torch.linalg.pinv(x.double()) @ y.double())


def test_logistic_regression_is_scikit_learns():
    table = tabular.load("wine", 0, 0)
    arrays = tabular.prepare(table, [np.arange(178)] * 3)
    x, y = torch.from_numpy(arrays["x_train"]), torch.from_numpy(arrays["y_train"])
    task = replace(tiny(bias=True), x=x, y=y, x_choose=x, y_choose=y, widths=(14, 3), steps=1500, batch_size=178)
    found = searches.search(
        SimpleNamespace(search="linear"), task, searches.cross_entropy, [{"strength": s} for s in (0.01, 0.1)], seed=0
    )
    for graph, strength in zip(found, (0.01, 0.1), strict=True):
        oracle = LogisticRegression(C=1 / (2 * strength * 178), tol=1e-8, max_iter=10**4).fit(x[:, :-1], table.y)
        shares = torch.from_numpy(outputs(graph, x[:, :-1])).softmax(dim=-1)
        assert np.allclose(shares, oracle.predict_proba(x[:, :-1]), atol=2e-3)


def plain_training(task, network, parameters, objective):
    """Adam as PyTorch has it, on the batches of a task; the weights of the best moment."""
    optimizer, least, kept = torch.optim.Adam(parameters, task.learning_rate), np.inf, None
    for step, batch in enumerate(task.batches([0])):
        optimizer.param_groups[0]["lr"] = task.learning_rate * (1 - step / task.steps)
        optimizer.zero_grad()
        objective(network, task.x[batch[0]], task.y[batch[0]]).backward()
        optimizer.step()
        with torch.no_grad():
            value = float(objective(network, task.x_choose, task.y_choose))
        if value < least:
            least, kept = value, [parameter.detach().clone() for parameter in parameters]
    return kept


@pytest.mark.parametrize(
    ("penalty", "scale", "sign"), [*product(("l1", "l2", "rows"), (0.0, 0.1), (1,)), ("rows", 0.1, -1)]
)
def test_sparcs_is_a_spectral_network_trained_by_pytorch(penalty, scale, sign):
    task = tiny(steps=12, bias=True)
    method = SimpleNamespace(search="spectral", penalty=penalty, initial_scale=scale, output_eigenvalue=sign)
    found = searches.search(method, task, mean_square, [{"strength": s, "rate": 0.02} for s in (0.001, 0.1)], seed=0)
    untrained = searches.search(
        method, replace(task, steps=1), mean_square, [{"strength": 0.0, "rate": 1e-12}], seed=0
    )[0]
    for graph, strength in zip(found, (0.001, 0.1), strict=True):
        network = SpectralNetwork((task.widths[0] - 1, *task.widths[1:]), bias=True, output_eigenvalue=sign)
        start(network, task.widths, scale)
        assert np.allclose(network(task.x[:, :-1]).detach(), outputs(untrained, task.x[:, :-1]), atol=1e-5)

        def objective(network, x, y, strength=strength):
            error = torch.nn.functional.mse_loss(network(x[:, :-1]), y)
            return error + strength * network.penalty(penalty)

        parameters = [*network.eigenvectors, *list(network.eigenvalues)[1:]]
        kept = plain_training(replace(task, learning_rate=0.02), network, parameters, objective)
        with torch.no_grad():
            for parameter, value in zip(parameters, kept, strict=True):
                parameter.copy_(value)
        assert np.allclose(network(task.x_choose[:, :-1]).detach(), outputs(graph, task.x_choose[:, :-1]), atol=2e-4)


def start(network, widths, scale):
    """Set a network to the start of the search with seed 0, drawn anew from its generators."""
    random, noise = generator(0, "initial"), generator(0, "initial", 1)
    with torch.no_grad():
        for block in network.eigenvectors:
            after, before = block.shape
            drawn = random.uniform(-1, 1, (after, before)) * np.sqrt(6 / (before + after))
            block.copy_(torch.from_numpy(drawn))
        for block, width in zip(list(network.eigenvalues)[1:-1], widths[1:-1], strict=True):
            block.copy_(scale * torch.from_numpy(noise.standard_normal(width)))


def test_the_mlp_is_one_of_linear_layers_trained_by_pytorch():
    task = tiny(steps=12, bias=True)
    found = searches.search(SimpleNamespace(search="mlp"), task, mean_square, [{"rate": 0.02}], seed=0)[0]
    layers = [torch.nn.Linear(before, after) for before, after in ((2, 5), (5, 4), (4, 2))]
    first = searches.magnitude_pruning.initial(task, [0])
    with torch.no_grad():
        for i, layer in enumerate(layers, start=2):
            weight = first[i, i - 1][0].detach()
            layer.weight.copy_(weight[:, :-1] if i == 2 else weight)
            layer.bias.copy_(weight[:, -1] if i == 2 else torch.zeros(len(weight)))
    network = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
    parameters = [*network.parameters()]
    kept = plain_training(
        replace(task, learning_rate=0.02),
        network,
        parameters,
        lambda network, x, y: torch.nn.functional.mse_loss(network(x[:, :-1]), y),
    )
    with torch.no_grad():
        for parameter, value in zip(parameters, kept, strict=True):
            parameter.copy_(value)
    assert np.allclose(network(task.x_choose[:, :-1]).detach(), outputs(found, task.x_choose[:, :-1]), atol=1e-4)


def test_cross_entropy_is_pytorchs():
    random = torch.Generator().manual_seed(0)
    output, places = torch.randn(3, 8, 4, generator=random), torch.arange(8) % 4
    expected = [torch.nn.functional.cross_entropy(each, places) for each in output]
    assert torch.allclose(searches.cross_entropy(output, torch.eye(4)[places]), torch.stack(expected))


@pytest.mark.parametrize("pruned", [0.4, 0.8])
def test_so_many_neurons_are_pruned_and_a_run_does_not_see_the_others(pruned):
    task, method = tiny(steps=40, widths=(3, 10, 5, 2), bias=True), SimpleNamespace(search="mlp")
    graph, other = searches.search(method, task, mean_square, [{"pruned": pruned}, {"pruned": 0.0}], seed=0)
    left = pruning.reduced(graph, relu)
    assert [len(left.biases[i]) for i in left.hidden] == [round(10 * (1 - pruned)), round(5 * (1 - pruned))]
    assert all(len(other.biases[i]) == width for i, width in zip(other.hidden, (10, 5), strict=True))
    again = searches.search(method, task, mean_square, [{"pruned": pruned}, {"pruned": 0.5}], seed=0)[0]
    assert all(np.array_equal(graph.weights[pair], again.weights[pair]) for pair in graph.weights)


def test_weights_are_those_of_the_best_moment_and_never_what_is_not_finite():
    task, weight = replace(tiny(steps=30), learning_rate=0.5), torch.zeros(2, 1)
    seen = []

    def objective(x, y):
        value = (weight[:, 0] - 1) ** 2 + torch.tensor([0.0, 1.0]) * torch.log(2.2 - weight[:, 0])
        if not value.requires_grad:
            seen.append((value.clone(), weight.detach().clone()))
        return value

    searches.train(task, [0, 0], [weight.requires_grad_()], objective, first=3)
    values = torch.stack([value for value, _ in seen]).nan_to_num(nan=torch.inf)
    best = values.argmin(dim=0)
    assert len(seen) == 27 and torch.equal(weight.detach()[0], seen[best[0]][1][0])
    assert torch.equal(weight.detach()[1], seen[best[1]][1][1])


@pytest.mark.parametrize("budget", [0.01, 0.2, 1.0])
def test_compaction_is_that_of_the_library_and_keeps_to_the_budget(budget):
    task = tiny(steps=200, bias=True)
    network = SpectralNetwork((2, 5, 4, 2), bias=True, generator=torch.Generator().manual_seed(3), initial_scale=0.3)
    kept = plain_training(task, network, [*network.parameters()], lambda n, x, y: ((n(x[:, :-1]) - y) ** 2).mean())
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), kept, strict=True):
            parameter.copy_(value)

    def loss(module):
        with torch.no_grad():
            return float(((module(task.x_choose[:, :-1]) - task.y_choose) ** 2).mean())

    phi, lam = (
        [block.detach().double().numpy() for block in part] for part in (network.eigenvectors, network.eigenvalues)
    )
    limit = (1 + budget) * loss(network)
    found = smallest(pruning.graph_of(phi, lam, True), loss, limit)
    library = network.compact(loss=loss, budget=budget, flips=True)
    assert module(found[True]).after == library.after
    sizes = {flips: size_of(graph) for flips, graph in found.items()}
    assert sizes[True]["parameters"] <= sizes[False]["parameters"]
    assert all(loss(module(graph)) <= limit for graph in found.values())


def test_a_size_is_that_of_the_module():
    weights = {(2, 1): np.ones((4, 3)), (3, 2): np.ones((2, 4)), (3, 1): np.zeros((2, 3))}
    graph = Graph(weights, {2: np.ones(4), 3: np.zeros(2)})
    assert size_of(graph) == {"parameters": 26.0, "bytes": 104.0, "neurons": 4.0, "hidden_layers": 1.0}
    assert median_microseconds(module(graph), torch.zeros(1, 3), 3) > 0


def test_a_graph_that_is_not_finite_has_no_loss():
    graph = Graph({(2, 1): np.full((1, 1), np.nan)}, {2: np.zeros(1)})
    assert loss_of(graph, lambda network: 0.0) == np.inf
    assert loss_of(Graph({(2, 1): np.ones((1, 1))}, {2: np.zeros(1)}), lambda network: np.nan) == np.inf
