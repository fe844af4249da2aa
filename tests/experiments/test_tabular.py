"""Real tables: their loaders, splits and searches against scikit-learn, plain PyTorch and SpectralNetwork."""

import json
from dataclasses import replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from baseline_tasks import outputs, tiny
from command_lines import BASE, ROOT
from replication.baselines.network import mean_square
from replication.data import tabular
from replication.data.table_names import FRIEDMAN, NAMES, SHIPPED
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import resolve_settings
from replication.experiments.tabular import comparison, findings, searches
from replication.experiments.tabular.compaction import median_microseconds, module, relu, size_of, smallest
from replication.experiments.tabular.description import PACKAGES
from replication.experiments.tabular.figures import (
    fig_tabular,
    fig_tabular_caption,
    fig_tabular_ratio,
    fig_tabular_ratio_caption,
    fig_tabular_ratio_table,
    fig_tabular_table,
)
from replication.experiments.tabular.train import loss_of
from replication.jobs.carry_out import carry_out
from replication.report.template import sections
from replication.training.seeds import generator
from replication.training.work import WorkError
from sparcs import SpectralNetwork, pruning
from sparcs.pruning import Graph

EXPERIMENT = EXPERIMENTS["tabular"]
REPORT = sections(EXPERIMENT.package)
QUICK = {"steps": 30, "trials": 2, "chunk": 2, "repeats": 1, "friedman_points": 60}


def run_of(**changes):
    return resolve_settings(BASE, {"scale": "overnight", "tabular": QUICK | changes})


def tables_of(run, stage="trials"):
    """The tables of all jobs of a run, one after the other."""
    of_stage = EXPERIMENT.stage(stage)
    parts = [carry_out(EXPERIMENT, of_stage, job, run.root_seed, {})[0] for job in of_stage.jobs(run)]
    return {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in of_stage.tables}


@pytest.fixture(scope="module")
def tables():
    return tables_of(run_of(data_sets=["wine", "friedman1"], methods=["linear", "mlp", "mlp_pruned", "sparcs_rows"]))


@pytest.mark.parametrize("name", ["digits", "breast_cancer", "wine", "diabetes"])
def test_what_scikit_learn_ships_is_what_its_own_loader_gives(name):
    table, shipped = tabular.load(name, 0, 0), getattr(datasets, f"load_{name}")()
    assert table.outputs == (1 if name == "diabetes" else len(shipped.target_names))
    assert np.array_equal(table.y, shipped.target)
    scaled = StandardScaler().fit_transform(table.x) / len(table.x) ** 0.5 if name == "diabetes" else table.x
    assert np.allclose(scaled, shipped.data)


def test_diamonds_are_plotnines_with_their_categories_one_hot():
    file = Path(find_spec("plotnine").submodule_search_locations[0]) / "data/diamonds.csv"
    shipped, table = pd.read_csv(file), tabular.load("diamonds", 0, 0)
    expected = pd.get_dummies(shipped.drop(columns="price"), dtype=float)
    assert table.task == tabular.REGRESSION and table.numbers == 6
    assert np.array_equal(table.x, expected.to_numpy()) and np.allclose(np.exp(table.y), shipped["price"])


@pytest.mark.parametrize("name", FRIEDMAN)
def test_friedmans_tables_follow_his_formulas(name, monkeypatch):
    monkeypatch.setitem(FRIEDMAN, name, 0.0)
    table = tabular.load(name, 50, 7)
    a, b, c, d, *_ = table.x.T
    expected = {
        "friedman1": lambda: 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * table.x[:, 4],
        "friedman2": lambda: np.hypot(a, b * c - 1 / (b * d)),
        "friedman3": lambda: np.arctan((b * c - 1 / (b * d)) / a),
    }[name]()
    assert np.allclose(table.y, expected)


def test_another_table_under_a_known_name_is_refused(monkeypatch):
    monkeypatch.setitem(SHIPPED, "wine", "0" * 64)
    with pytest.raises(tabular.DataError, match="wine is not the table that this project knows"):
        tabular.load("wine", 0, 0)
    with pytest.raises(WorkError, match="wine is not"):
        tables_of(run_of(data_sets=["wine"], methods=["linear"]))


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(tabular, "find_spec", lambda name: None)
    with pytest.raises(tabular.DataError, match="plotnine is missing"):
        tabular.load("diamonds", 0, 0)


@settings(deadline=None)
@given(
    points=st.integers(30, 200),
    seed=st.integers(0, 99),
    validation=st.floats(0.01, 0.45),
    test=st.floats(0.01, 0.45),
    most=st.one_of(st.none(), st.integers(30, 250)),
)
def test_a_split_shares_out_the_points(points, seed, validation, test, most):
    rows = tabular.split_rows(points, generator(seed, "split"), validation, test, most)
    joined = np.concatenate(rows)
    assert len(joined) == len({*joined}) == min(points, most or points) and {*joined} <= {*range(points)}
    assert all(len(part) for part in rows)
    assert abs(len(rows[1]) - validation * len(joined)) <= 1 and abs(len(rows[2]) - test * len(joined)) <= 1


@pytest.mark.parametrize("name", ["wine", "diabetes", "friedman2"])
def test_only_training_rows_standardise(name):
    table = tabular.load(name, 100, 1)
    rows = tabular.split_rows(len(table.x), generator(3, "split"), 0.2, 0.2)
    arrays = tabular.prepare(table, rows)
    scaler = StandardScaler().fit(table.x[rows[0]])
    for split, of in zip(tabular.SPLITS, rows, strict=True):
        assert np.allclose(arrays[f"x_{split}"][:, :-1], scaler.transform(table.x[of]), atol=1e-5)
        assert (arrays[f"x_{split}"][:, -1] == 1).all()
    others = np.concatenate(rows[1:])
    x, y = table.x.copy(), table.y.copy()
    x[others], y[others] = 1e3 * x[others] + 7, (0 if table.classes else 1e3 * y[others])
    changed = tabular.prepare(replace(table, x=x, y=y), rows)
    assert all(np.array_equal(changed[f"{axis}_train"], arrays[f"{axis}_train"]) for axis in "xy")


def test_a_constant_column_stays_finite_and_classes_are_one_hot():
    table = tabular.load("digits", 0, 0)
    arrays = tabular.prepare(table, tabular.split_rows(200, generator(0, "split"), 0.2, 0.2))
    assert np.isfinite(arrays["x_test"]).all() and np.abs(arrays["x_train"][:, 0]).max() == 0
    assert arrays["y_train"].shape[1] == 10 and (arrays["y_train"].sum(axis=1) == 1).all()


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


def test_rows_have_keys_of_their_own_and_every_method_tries_as_many_values(tables):
    for name, key in EXPERIMENT.stage("trials").tables.items():
        assert not tables[name].duplicated([*key]).any()
    counts = tables["tuning"].groupby(["data_set", "method", "trial"]).size()
    assert len(counts) == 2 * 4 * 2 and {*counts} == {6}
    assert len({method.budget for method in run_of().tabular.catalogue.values()}) == 1


def test_what_is_chosen_is_the_smallest_within_the_limit(tables):
    for keys, tried in tables["tuning"].groupby(["data_set", "method", "trial"]):
        rows = tables["trials"].set_index(["data_set", "method", "trial"]).loc[[keys]]
        limit = rows["limit"].iloc[0]
        spare = 0.01 if keys[0] == "wine" else 0
        assert limit == pytest.approx(1.05 * tried["validation_loss"].min() + spare)
        assert (tried["parameters"].notna() == (tried["validation_loss"] <= limit)).all()
        for flips, parameters, chosen in (
            (False, "parameters", "chosen"),
            (True, "flipped_parameters", "chosen_with_flips"),
        ):
            row = rows[rows["flips"] == flips].iloc[0]
            assert tried[chosen].sum() == 1 and tried.loc[tried[chosen], parameters].item() == tried[parameters].min()
            assert row["parameters"] == tried[parameters].min() and row["validation_loss"] <= limit
            assert row["bytes"] == 4 * row["parameters"] <= row["dense_bytes"]
            assert tried.loc[tried[chosen], "value"].item() == row["value"] == json.dumps(json.loads(row["value"]))


def test_results_do_not_depend_on_chunks_and_the_same_seed_gives_the_same(tables):
    again = tables_of(
        run_of(data_sets=["wine", "friedman1"], methods=["linear", "mlp", "mlp_pruned", "sparcs_rows"], chunk=1)
    )
    for name in ("trials", "tuning"):
        key = [*EXPERIMENT.stage("trials").tables[name]]
        one, other = (each[name].sort_values(key, ignore_index=True) for each in (tables, again))
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_splits_pair_across_methods_and_differ_from_each_other(tables):
    seeds = tables["trials"].groupby(["data_set", "trial"])["seed"].agg(["nunique", "first"])
    assert (seeds["nunique"] == 1).all() and seeds["first"].is_unique


def test_trainings_that_diverge_are_recorded_and_reported():
    run = run_of(data_sets=["friedman1"], methods=["mlp", "sparcs_l1"], catalogue={
        "mlp": {"search": "mlp", "tuned": {"rate": [1e30], "hidden": [[5 + k] for k in range(6)]}},
    })  # fmt: skip
    tables = tables_of(run)
    lost = tables["trials"]["method"] == "mlp"
    assert tables["trials"].loc[lost, ["score", "parameters", "validation_loss"]].isna().all(axis=None)
    assert (tables["trials"].loc[lost, "diverged_values"] == 6).all() and tables["tuning"]["diverged"].sum() == 12
    assert tables["trials"].loc[~lost, "score"].notna().all()
    size = findings.size(tables["trials"], tables["tuning"], run.tabular.model_dump())
    assert "12 of 24 trainings diverged" in REPORT.size(**size)
    assert {*comparison.finished(tables["trials"])["method"]} == {"sparcs_l1"}


def test_data_sets_are_described():
    table = tables_of(run_of(data_sets=["wine", "diamonds", "friedman3"]), "data")["data"].set_index("data_set")
    assert table.loc["wine", ["points", "inputs", "classes"]].tolist() == [178, 13, 3]
    assert table.loc["diamonds", ["points", "inputs", "classes"]].tolist() == [53940, 26, 0]
    assert table.loc["friedman3", "points"] == 60 and table["package"].tolist() == [
        "scikit-learn",
        "plotnine",
        "scikit-learn",
    ]
    assert table.loc["wine", "sha256"] == SHIPPED["wine"]


def test_the_page_of_the_data_sets_names_them_all_with_the_versions_that_are_locked():
    page, lock = (ROOT / "docs/tables.md").read_text(), (ROOT / "requirements.lock").read_text().splitlines()
    locked = dict(line.split(" ;")[0].split("==") for line in lock if "==" in line)
    for name in NAMES:
        package = PACKAGES.get(name, "scikit-learn")
        [row] = [line for line in page.splitlines() if line.startswith(f"| {comparison.title_of(name)} |")]
        assert f"{package} {locked[package].strip()}" in row and comparison.LICENCES[name] in row
        assert SHIPPED.get(name, "drawn")[:12] in row


def made_up(splits=3, methods=tuple(comparison.METHODS), sets=tuple(NAMES)):
    """Trials with sizes and scores at will."""
    random = np.random.default_rng(0)
    rows = [
        {"data_set": name, "method": method, "trial": trial, "flips": flips, "kind": tabular.CLASSIFICATION
         if name in tabular.CLASSES else tabular.REGRESSION, "score": 0.9 + 0.08 * random.random(),
         "parameters": float(random.integers(20, 2000))}
        for name, method, trial, flips in product(sets, methods, range(splits), (False, True))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_ratios_pair_splits():
    trials = made_up(splits=4, methods=("mlp_pruned", "sparcs_rows"), sets=("wine",))
    [row] = comparison.paired(trials, flips=True).itertuples()
    sizes = trials[trials["flips"]].pivot(index="trial", columns="method", values="parameters")
    logs = np.log(sizes["sparcs_rows"] / sizes["mlp_pruned"])
    half = 3.182446 * logs.std() / 2
    assert (row.n, row.ratio) == (4, pytest.approx(np.exp(logs.mean())))
    assert (row.low, row.high) == pytest.approx((np.exp(logs.mean() - half), np.exp(logs.mean() + half)), rel=1e-5)
    fewer = trials[(trials["trial"] < 2) | (trials["method"] == "mlp_pruned")]
    assert comparison.paired(fewer, flips=True)["n"].item() == 2
    assert comparison.paired(trials.head(0), flips=True).empty


@pytest.mark.parametrize("splits", [1, 2, 4])
@pytest.mark.parametrize("sets", [NAMES, ("wine",), ("friedman1", "wine", "digits")])
@pytest.mark.parametrize("methods", [tuple(comparison.METHODS), ("linear",), ("mlp_pruned", "sparcs_l1"), ("own",)])
def test_figures_take_any_part_of_a_run(splits, sets, methods):
    trials = made_up(splits, methods, sets)
    drawn = fig_tabular_table(trials)
    assert len(drawn) == (splits + 1) * len(sets) * len(methods)
    fig_tabular(drawn)
    assert fig_tabular_caption(drawn).startswith("**Real tables.** ")
    ratios = fig_tabular_ratio_table(trials)
    if len(ratios):
        fig_tabular_ratio(ratios)
        assert fig_tabular_ratio_caption(ratios).startswith("**SPARCS against a pruned MLP.** SPARCS has fewer")


def test_an_answer_says_where_it_is_smaller():
    trials = made_up(3, ("mlp_pruned", "sparcs_rows"), ("wine", "friedman1"))
    ours = trials["method"] == "sparcs_rows"
    trials["parameters"] = np.where(ours, 50.0, 500.0) + trials["trial"]
    trials["score"] = np.where(ours, 0.95, 0.94) + 0.001 * trials["trial"]
    said = REPORT.answer(**findings.answer(trials))
    assert said.strip().startswith("**Answer: yes.**") and "| fewer parameters | two: Wine and Friedman 1 |" in said
    trials.loc[ours, "parameters"] = 900.0
    assert findings.answer(trials)["verdict"] == "no"
    for few in (trials[trials["trial"] == 0], trials.head(0)):
        assert REPORT.answer(**findings.answer(few)).strip().startswith("**Answer: untested.**")
