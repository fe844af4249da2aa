"""The steps of every baseline: compaction, retraining, measuring, tuning, whatever the chunks."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from baseline_tasks import outputs, tiny
from replication import cli, params
from replication.baselines import magnitude_pruning
from replication.baselines.network import mean_square
from replication.baselines.task import SearchResult, train
from replication.experiment import Data, Job
from replication.experiments.baselines import EXPERIMENT, comparison, measures, tables, tuned
from replication.experiments.baselines import train as experiment
from replication.experiments.baselines.settings import BaselineTrial
from replication.experiments.settings import resolve_settings
from replication.jobs.commands import as_text
from replication.records import io
from replication.training.seeds import trial_seed
from replication.training.work import WorkError, plain
from sparcs import pruning

ROOT = Path(__file__).parents[2]
PROTOCOL = {
    "validation_share": 0.2,
    "test_points": 60,
    "learning_rate": 0.001,
    "strengths": [0.01, 0.1],
    "loss_budget": 0.05,
    "min_r2": 0.5,
    "max_neurons": 30,
    "retraining_steps": 3,
    "tuning_trials": 2,
}


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
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(50, 3, generator=generator) * 2 - 1
    expected = outputs(pruning.Graph(weights, graph.biases), x)
    points = x, torch.from_numpy(expected).float() + 0.1 * torch.randn(50, 2, generator=generator)
    loss = measures.loss_of(pruning.Graph(weights, graph.biases), points)
    small = measures.fewest_neurons(pruning.Graph(weights, graph.biases), measures.within(points, loss * (1 + 1e-6)))
    assert measures.size_of(small)["neurons"] == 4 and measures.size_of(small)["hidden_layers"] == 1
    np.testing.assert_allclose(outputs(small, x), expected, rtol=1e-9)


def test_a_good_fit_needs_the_first_neurons_that_reach_its_r_squared():
    task, x_test, y_test = experiment.task_of(data(), settings())
    graph = random_graph(5, (3, 5, 4, 3))
    y_choose = torch.from_numpy(outputs(graph, task.x_choose)).float()  # the whole network fits without an error
    points = replace(task, y_choose=y_choose), x_test, y_test
    row = measures.measure(SearchResult(graph, 1, 1, 1), *points, settings(), 1, "teacher")
    order = np.argsort(-np.concatenate(list(pruning.importance(graph).values())))
    unexplained = []
    for kept in range(10):
        off = np.isin(np.arange(9), order[kept:])
        small = outputs(pruning.cut(graph, {2: off[:5], 3: off[5:]}), task.x_choose)
        unexplained.append(np.square(small - y_choose.numpy()).mean() / y_choose.numpy().var(axis=0).mean())
    enough = [kept for kept, share in enumerate(unexplained) if share <= 1 - PROTOCOL["min_r2"]]
    assert row["min_r2_neurons"] == enough[0] < row["loss_budget_neurons"]
    assert row["min_r2_validation_mse"] <= (1 - PROTOCOL["min_r2"]) * y_choose.numpy().var(axis=0).mean() * (1 + 1e-5)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 3), min_size=1, max_size=3))
def test_the_longest_path_is_the_last_power_of_the_adjacency_matrix_that_reaches_the_output(seed, hidden):
    generator, widths = np.random.default_rng(seed), (2, *hidden, 2)
    pairs = [(i, j) for i in range(2, len(widths) + 1) for j in range(1, i)]
    there = {(i, j): generator.random((widths[i - 1], widths[j - 1])) < 0.3 for i, j in pairs}
    weights = {pair: mask * generator.normal(size=mask.shape) for pair, mask in there.items()}
    graph = pruning.reduced(
        pruning.Graph(weights, {i: np.zeros(widths[i - 1]) for i in range(2, len(widths) + 1)}), measures.relu
    )
    starts = np.cumsum([0, 2, *(len(graph.biases[i]) for i in graph.hidden), 2])
    adjacency = np.zeros((starts[-1],) * 2, dtype=int)
    for (i, j), weight in graph.weights.items():
        adjacency[starts[i - 1] : starts[i], starts[j - 1] : starts[j]] = weight != 0
    edges = [k for k in range(1, len(widths)) if np.linalg.matrix_power(adjacency, k)[-2:, :2].any()]
    assert pruning.longest_path(graph) == max(edges, default=1) - 1


def test_layers_side_by_side_are_one():
    graph = random_graph()
    assert measures.size_of(graph)["hidden_layers"] == 2
    apart = pruning.Graph({**graph.weights, (3, 2): 0 * graph.weights[3, 2]}, graph.biases)
    assert measures.size_of(apart)["hidden_layers"] == 1 and measures.size_of(apart)["neurons"] == 11


def test_the_strongest_neurons_are_those_of_largest_path_norm():
    graph = random_graph(2)
    kept = measures.strongest(graph, 3)
    norms = np.sort(np.concatenate(list(pruning.importance(graph).values())))
    assert measures.size_of(kept)["neurons"] == 3
    importance = np.concatenate(list(pruning.importance(graph).values()))
    assert (importance >= norms[-3]).sum() == 3


def test_retraining_leaves_out_what_is_not_there():
    graph = random_graph(3, (3, 5, 4, 2))
    sparse = {pair: weight * (np.abs(weight) > 0.2) for pair, weight in graph.weights.items()}
    before, other = pruning.Graph(sparse, graph.biases), random_graph(4, (3, 2, 7, 2))
    task = tiny(widths=(4, 5, 4, 2), bias=True)
    after, _ = measures.retrained([before, other], task, 20, 1)
    for pair, old in before.weights.items():
        assert not after.weights[pair][old == 0].any() and ((after.weights[pair] != old).any() or not old.any())


def test_retraining_is_that_of_the_plain_network_whatever_stands_beside_it():
    graph, other = random_graph(3, (3, 5, 4, 2)), random_graph(4, (3, 2, 7, 2))
    task = tiny(widths=(4, 5, 4, 2), bias=True)
    network = measures.module(graph)
    train(task, [1], list(network.parameters()), lambda x, y: mean_square(network(x[..., :-1]), y), 20)
    retrained, _ = measures.retrained([graph, other], task, 20, 1)
    expected = network(task.x[:, :-1]).detach()
    np.testing.assert_allclose(outputs(retrained, task.x[:, :-1]), expected, rtol=1e-3, atol=1e-4)


def resolved(search="gaea", tuned=None, **options):
    """The settings of a job on a small task, as a rule hands them on."""
    task = {"hidden": [5, 4], "bias": False, "points": 100, "batch_size": 10, "steps": 12}
    method = {"search": search, "options": options, "tuned": tuned or {}}
    return BaselineTrial(**PROTOCOL, task=task, method=method).model_dump(mode="json")


def settings(search="gaea", max_neurons=3, tuned=None, **options):
    """The same for numerics, and for networks that are so small that 30 neurons are no limit."""
    return plain(resolved(search, tuned, **options) | {"max_neurons": max_neurons})


def seeds(*trials, name="rivals"):
    return [trial_seed(7, name, "teacher", trial) for trial in trials]


def data():
    generator = np.random.default_rng(0)
    x, x_test = generator.uniform(-1, 1, (100, 3)), generator.uniform(-1, 1, (60, 3))
    w = generator.normal(size=(3, 3))
    return {"x_train": x, "y_train": np.maximum(x @ w, 0), "x_test": x_test, "y_test": np.maximum(x_test @ w, 0)}


def test_a_job_measures_every_trial_at_every_strength_and_does_not_depend_on_chunks():
    both = experiment.search_and_measure(data(), settings(), "teacher", [0, 1], seeds(0, 1))
    second = experiment.search_and_measure(data(), settings(), "teacher", [1], seeds(1))
    trials = both["trials"]
    assert trials[["trial", "strength"]].to_numpy().tolist() == [[0, 0.01], [0, 0.1], [1, 0.01], [1, 0.1]]
    pd.testing.assert_frame_equal(trials[trials["trial"] == 1].reset_index(drop=True), second["trials"])
    assert trials["loss_budget_parameters"].le(trials["maximal_parameters"]).all()
    assert (trials["max_30_neurons_neurons"] <= 3).all() and comparison.TARGETS == measures.TARGETS
    assert {"entropy", "expected_size"} <= set(both["history"]) and both["history"]["entropy"].between(0, 1.001).all()
    assert (both["costs"]["core_seconds"] > 0).all()
    alone = both["costs"][["alone_seconds", "peak_mib"]]
    assert (alone.iloc[0] > 0).all() and alone.iloc[1:].isna().all(axis=None)


def test_an_option_that_a_method_does_not_have_is_one_sentence():
    with pytest.raises(WorkError, match=r"options .* of gaea"):
        experiment.search_and_measure(data(), settings(speed=3), "teacher", [0], seeds(0))
    with pytest.raises(ValueError, match=r"there is no file src/replication/baselines/magic\.py"):
        settings("magic")
    with pytest.raises(ValueError, match=r"src/replication/baselines/task\.py has no function search"):
        settings("task")


def test_tuning_takes_the_value_of_the_fewest_parameters_on_seeds_of_its_own():
    chosen = settings("magnitude_pruning", tuned={"pruned": [0.0, 0.5, 0.9]})
    table = experiment.tune(data(), chosen, "teacher", [0, 1], seeds(0, 1, name="rivals_tuning"))
    assert table[["value", "tuning_trial"]].to_numpy().tolist() == [
        [v, t] for v in ("0.0", "0.5", "0.9") for t in (0, 1)
    ]
    assert table["seed"].nunique() == 2 and not set(table["seed"]) & set(seeds(*range(100)))
    means = table.groupby("value")[["parameters", "validation_mse"]].agg(stats.gmean)
    best = means[means["parameters"] == means["parameters"].min()]["validation_mse"].idxmin()
    assert set(table.loc[table["chosen"], "value"]) == {best}

    rows = []
    for value, seed in zip((0.0, 0.5, 0.9), [table["seed"][0]] * 3, strict=True):
        points = experiment.task_of(data(), chosen)
        for result in magnitude_pruning.search(points[0], chosen.strengths, [seed] * 2, pruned=value):
            row = measures.measure(result, *points, chosen, seed, "teacher")
            small = [row[f"{name}_{kind}validation_mse"] for name in measures.TARGETS for kind in ("", "retrained_")
                     if row[f"{name}_neurons"] <= 3]  # fmt: skip
            unexplained = {name: row[f"{name}_validation_mse"] / points[0].y_choose.numpy().var(axis=0).mean()
                           for name in measures.TARGETS}  # fmt: skip
            fits = [row[f"{name}_parameters"] for name, share in unexplained.items() if share <= 1 - PROTOCOL["min_r2"]]
            rows.append((json.dumps(value), min(fits, default=points[0].parameters), min(small)))
    expected = pd.DataFrame(rows, columns=["value", "parameters", "validation_mse"]).groupby("value").min()
    tuned = table[table["tuning_trial"] == 0].set_index("value")[["parameters", "validation_mse"]]
    pd.testing.assert_frame_equal(tuned.sort_index(), expected, check_dtype=False)


def train_verb(folder, stage, name, trials, settings, keys, after=()):
    """The exit code of a job on the small task, its files below the folder."""
    io.write_arrays(folder / "data/regression/toy.safetensors", data())
    job = Job(name, settings, keys, trials, Data("toy", ("regression/toy.safetensors",)), "teacher", after=after)
    text = as_text(EXPERIMENT, EXPERIMENT.stage(stage), job, 7, "fingerprint")
    command = ["train", f"baselines.{stage}", "--job", text, "--data", folder / "data", "--results", folder]
    with pytest.raises(SystemExit) as stopped:
        cli.main(list(map(str, command)))
    return stopped.value.code or 0


def test_the_verb_searches_with_the_value_that_was_chosen(tmp_path):
    gaea = resolved(levels=1, tuned={"rate": [1.0, 3.0]})
    keys = {"task": "teacher", "method": "gaea"}
    before = (("tuning", Job("teacher/gaea", gaea, keys, (0, 1), seeds="teacher")),)
    with_alpha = {**keys, "alpha": None}
    assert train_verb(tmp_path, "tuning", "teacher/gaea", (0, 1), gaea, keys) == 0
    assert train_verb(tmp_path, "trials", "teacher/gaea/0-0", (0,), gaea, with_alpha, before) == 0
    tuning = io.read_table(tmp_path / "baselines/tuning/teacher/gaea_tuning.parquet")
    assert tuning["seed"].tolist() == 2 * seeds(0, 1, name="rivals_tuning")
    [value] = set(tuning.query("chosen")["value"])
    trials = io.read_table(tmp_path / "baselines/trials/teacher/gaea/0-0_trials.parquet")
    assert set(trials["options"]) == {json.dumps({"levels": 1, "rate": json.loads(value)})}
    chosen = settings(max_neurons=30, levels=1, rate=json.loads(value))
    direct = experiment.search_and_measure(data(), chosen, "teacher", [0], seeds(0))["trials"]
    pd.testing.assert_frame_equal(trials[list(direct)], direct)
    assert set(trials) - set(direct) == {"options", "task", "method", "alpha"} and trials["alpha"].isna().all()


@pytest.mark.parametrize(
    ("stage", "options", "message"),
    [
        ("trials", {"speed": 3}, "options {'speed': 3} of gaea: "),
        ("tuning", {"tuned": {"speed": [3]}}, "options {'speed': 3} of gaea: "),
        ("tuning", {}, "there is nothing to tune"),
    ],
)
def test_the_verb_refuses_in_one_sentence(tmp_path, capsys, stage, options, message):
    keys = {"task": "teacher", "method": "gaea"}
    assert train_verb(tmp_path, stage, "teacher/gaea", (0,), resolved(**options), keys) == 2
    [sentence] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("replication: ")]
    assert message in sentence


def test_the_error_that_tuning_compares_is_that_of_networks_with_finite_outputs():
    row = {f"{target}_{state}validation_mse": 1.0 for target in measures.TARGETS for state in ("", "retrained_")}
    row |= {
        "loss_budget_neurons": 40,
        "min_r2_neurons": 40,
        "max_30_neurons_neurons": 30,
        "loss_budget_validation_mse": 0.1,
        "max_30_neurons_validation_mse": np.nan,
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
        lambda table: table.assign(method="darts"),
    ],
)
def test_the_table_of_another_tuning_is_refused(changed):
    method, keys = settings(tuned={"rate": [1.0, 3.0]}).method, {"task": "teacher", "method": "gaea", "alpha": None}
    rows = {"task": "teacher", "method": "gaea", "option": "rate", "value": ["1.0", "3.0"]}
    measured = {"tuning_trial": 0, "seed": 7, "parameters": [9.0, 8.0], "validation_mse": [0.2, 0.1]}
    table = pd.DataFrame(rows | measured | {"chosen": [False, True]})
    assert vars(tuned.with_tuned(method, table, keys).options) == {"rate": 3.0}
    with pytest.raises(WorkError, match=r"of gaea does not say which value was chosen for rate on teacher"):
        tuned.with_tuned(method, changed(table), keys)


def test_where_nothing_is_tuned_the_report_says_so():
    assert "Nothing was tuned" in tables.tuning_table(pd.DataFrame())


def test_every_method_has_the_same_tuning_budget():
    values = params.read_yaml(ROOT / "params.yaml")
    overnight, stage = resolve_settings(values, {"scale": "overnight"}), EXPERIMENT.stage("tuning")
    tuned = {job.keys["method"] for job in stage.jobs(overnight)}
    catalogue = overnight.baselines.catalogue
    assert tuned == {name for name, method in catalogue.items() if method.tuned} and len(tuned) == 10
    assert not list(stage.jobs(resolve_settings(values, {"scale": "smoke"})))
    with pytest.raises(params.ParameterError, match=r"as many values as any other.*gaea 2"):
        resolve_settings(values, {"baselines": {"catalogue": {"gaea": {"tuned": {"rate": [1.0, 3.0]}}}}})


def test_a_search_waits_for_what_is_tuned_of_its_method_on_its_task():
    run = resolve_settings(params.read_yaml(ROOT / "params.yaml"), {"scale": "overnight"})
    tuned = {f"baselines/tuning/{job.name}_tuning": job for job in EXPERIMENT.stage("tuning").jobs(run)}
    searches = list(EXPERIMENT.stage("trials").jobs(run))
    assert {stem for job in searches for stem in EXPERIMENT.tables_before(job)} == set(tuned)
    for job in searches:
        assert bool(job.after) == bool(run.baselines.catalogue[job.keys["method"]].tuned)
        for stem in EXPERIMENT.tables_before(job):
            new = job.keys["task"] == "new_teachers"  # for which nothing is tuned: the paper's teacher has chosen
            task = "teacher" if new else job.keys["task"]
            assert tuned[stem].keys == {"task": task, "method": job.keys["method"]}
            assert tuned[stem].settings == job.settings and (tuned[stem].data == job.data) != new


def test_what_confirms_has_seeds_and_teachers_of_its_own():
    run = resolve_settings(params.read_yaml(ROOT / "params.yaml"), {"scale": "paper"})
    searches = [job for job in EXPERIMENT.stage("trials").jobs(run) if job.keys["method"] == "sparcs_rows"]
    new = [job for job in searches if job.keys["task"] == "new_teachers"]
    assert sorted(trial for job in new for trial in job.trials) == [*range(13, 23)]
    assert len({job.data.name for job in new}) == len(new) == 10
    others = {job.data.name for job in searches} - {job.data.name for job in new}
    assert len(others) == 4 and {job.seeds for job in new} == {"new_teachers"}


def test_flips_never_add_a_weight_and_keep_the_loss():
    task, x_test, y_test = experiment.task_of(data(), settings())
    graph = random_graph(5, (3, 5, 4, 3))
    y_choose = torch.from_numpy(outputs(graph, task.x_choose)).float()
    points = replace(task, y_choose=y_choose), x_test, y_test
    row = measures.measure(SearchResult(graph, 1, 1, 1), *points, settings(), 1, "teacher")
    for target in measures.WITHIN:
        assert row[f"{target}_flipped_parameters"] <= row[f"{target}_parameters"]
        assert row[f"{target}_flipped_neurons"] == row[f"{target}_neurons"]
    limit = measures.loss_at(PROTOCOL["min_r2"], y_choose)
    assert row["min_r2_flipped_validation_mse"] <= limit * (1 + 1e-5)


def test_the_network_of_the_teacher_is_found_below_its_flipped_signs():
    """relu(z) = z + relu(−z): a teacher whose signs are turned round needs a skip, until they are turned back."""
    task, x_test, y_test = experiment.task_of(data(), settings())
    random = np.random.default_rng(0)
    into, out = random.normal(size=(4, 3)), random.normal(size=(3, 4))
    weights = {(2, 1): -into, (3, 1): out @ into, (3, 2): out}
    graph = pruning.Graph(weights, {2: np.zeros(4), 3: np.zeros(3)})
    y_choose = torch.from_numpy(outputs(graph, task.x_choose)).float()
    points = replace(task, y_choose=y_choose), x_test, y_test
    row = measures.measure(SearchResult(graph, 1, 1, 1), *points, settings(), 1, "teacher")
    assert row["min_r2_parameters"] > row["min_r2_flipped_parameters"] == 6 * row["min_r2_neurons"]


@pytest.mark.parametrize(
    ("baselines", "message"),
    [
        ({"teacher": {"points": 100001}}, "baselines.teacher.points = 100001: allowed are at most the 100000 of its"),
        ({"test_points": 20001}, "baselines.test_points = 20001: allowed are at most the [0-9]+ of its data"),
    ],
)
def test_a_task_has_no_more_points_than_its_data(baselines, message):
    with pytest.raises(params.ParameterError, match=message):
        resolve_settings(params.read_yaml(ROOT / "params.yaml"), {"scale": "overnight", "baselines": baselines})


def test_the_drift_is_the_ratio_of_norms_and_no_rescaling_of_relu_is_unseen():
    graph = random_graph(3, (3, 5, 4, 2))
    before = measures.in_over_out(graph)
    weights = dict(graph.weights)
    weights |= {(2, 1): weights[2, 1] / 10, (3, 2): weights[3, 2] * 10, (4, 2): weights[4, 2] * 10}
    after = measures.in_over_out(pruning.Graph(weights, graph.biases))
    assert after != pytest.approx(before) and np.isnan(measures.in_over_out(random_graph(3, (3, 0, 0, 2))))
