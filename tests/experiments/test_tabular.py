"""Real tables: their loaders and splits, what a run of them gives, and what the report says of it."""

import json
from dataclasses import replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

from command_lines import BASE, ROOT
from replication.data import tabular
from replication.data.table_names import FRIEDMAN, NAMES, SHIPPED
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import resolve_settings
from replication.experiments.tabular import comparison, findings
from replication.experiments.tabular import tables as room
from replication.experiments.tabular.description import PACKAGES
from replication.experiments.tabular.figures import (
    fig_tabular,
    fig_tabular_caption,
    fig_tabular_ratio,
    fig_tabular_ratio_caption,
    fig_tabular_ratio_table,
    fig_tabular_table,
)
from replication.jobs.carry_out import carry_out
from replication.report.template import sections
from replication.training.seeds import generator
from replication.training.work import WorkError

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


def test_every_result_fits_the_page():
    """What a network scores and how large it is stand in two tables, each of few columns."""
    dense = {"best_score": 0.95, "dense_score": 0.9, "dense_parameters": 4000.0, "neurons": 3, "hidden_layers": 1}
    made = room.results(made_up(methods=("mlp_pruned", "sparcs_l1"), sets=("wine", "friedman1")).assign(**dense))
    heads = [line.split(" | ") for line in made.splitlines() if line.startswith("| method")]
    assert [len(head) for head in heads] == [6] * 4
    assert "R² at the least validation loss" in heads[2] and "accuracy at the least validation loss" in heads[0]
    assert made.count("| MLP, pruned |") == 4 and "| 4,000 |" in made
    assert ", 1.000]" in made and ", 1.0" not in made.replace(", 1.000]", "")  # no accuracy is above 1


def test_an_axis_of_any_length_has_ticks():
    for factor in (1, 100, 1e5):
        trials = made_up(sets=("wine",))
        trials.loc[trials["method"] == "sparcs_l1", "parameters"] *= factor
        panels = fig_tabular_ratio(fig_tabular_ratio_table(trials)).axes
        low, high = panels[0].get_xlim()
        assert 1 < sum(low <= tick <= high for tick in panels[0].get_xticks()) < 9


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
