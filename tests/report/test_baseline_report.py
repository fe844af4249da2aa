"""Claim G2 and the report on the baselines, on tables of a small run whose outcome is made known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import changed_tables as changed
from replication import params
from replication.account.testability import why_untested
from replication.experiments.baselines import comparison, findings
from replication.experiments.baselines import tables as room
from replication.experiments.baselines.claims import finds_smaller_networks
from replication.experiments.settings import resolve_settings
from replication.report.template import sections

REPORT = sections("replication.experiments.baselines")
ROOT = Path(__file__).parents[2]


def test_holm_is_the_step_down_rule():
    assert comparison.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert comparison.holm([0.5, np.nan, 0.9])[0] == 1.0 and np.isnan(comparison.holm([0.5, np.nan, 0.9])[1])


@pytest.fixture
def table(whole_run):
    """Ten seeds of every search: its networks have one hidden layer of some neurons, and fit well at every size."""
    few = {"baselines/trials": changed.read(whole_run)["baselines/trials"]}
    rows, rng = changed.repeated(few, 10)["baselines/trials"], np.random.default_rng(3)
    targets = ("", *(f"{target}_{state}" for target in comparison.TARGETS for state in ("", "retrained_")))
    for name, (low, high) in zip(comparison.FIT, ((1e-4, 1e-3), (1e-4, 1e-3), (0.97, 0.999)), strict=True):
        values = rng.uniform(low, high, len(rows))  # the same at every size
        rows = rows.assign(**{f"{target}{name}": values for target in targets})
    for target in comparison.TARGETS:
        neurons = rng.integers(5, 31, len(rows)).astype(float)
        rows = rows.assign(**{f"{target}_{name}": 1.0 for name in comparison.NETWORK})
        rows = rows.assign(**{f"{target}_neurons": neurons, f"{target}_parameters": 40 * neurons})
    return rows.assign(maximal_parameters=18_400)


def judged(table, change):
    changed = table.copy()
    change(changed)
    return list(finds_smaller_networks({"baselines/trials": changed}))


def better(table, mask):
    for column in [f"{target}_parameters" for target in comparison.TARGETS]:
        table.loc[mask, column] = table.loc[mask, column] / 1000
    for column in [name for name in table if name.endswith("mse")]:
        table.loc[mask, column] = table.loc[mask, column] / 1000


def test_g2_follows_its_rule(table):
    def sparcs_wins(table):
        for column in [name for name in table if name.endswith("test_r2")]:
            table[column] = 0.99
        better(table, table["method"] == "sparcs_l2")

    def gaea_wins(table):
        for column in [name for name in table if name.endswith("test_r2")]:
            table[column] = 0.99
        better(table, table["method"] == "gaea")

    assert [part.verdict for part in judged(table, sparcs_wins)] == ["replicated", "replicated"]
    assert [part.verdict for part in judged(table, gaea_wins)] == ["not replicated", "not replicated"]
    assert "strongest baseline: single-level GAEA" in judged(table, gaea_wins)[0].reason
    fewer = list(finds_smaller_networks({"baselines/trials": table.query("trial < 9")}))
    assert all(part.untested == "n = 9, fewer than 10" for part in fewer)
    elsewhere = finds_smaller_networks({"baselines/trials": table.query("task != 'teacher'")})
    assert all("did not both finish" in part.untested for part in elsewhere)


def test_the_report_says_what_the_smallest_networks_are(table):
    for column in [name for name in table if name.endswith("test_r2")]:
        table[column] = 0.99
    winner, of_sparcs = (table["method"].isin(names) for names in (["gaea"], comparison.OWN))
    better(table, winner)
    for target in comparison.TARGETS:
        table.loc[winner, [f"{target}_neurons", f"{target}_bundles"]] = (20.0, 4.0)
        table.loc[of_sparcs, [f"{target}_neurons", f"{target}_bundles"]] = (30.0, 6.0)
    for rows, sizes in ((of_sparcs, (5000, 1000, 2000)), (winner, (1, 2, 3))):
        table.loc[rows, [f"{target}_parameters" for target in comparison.TARGETS]] = sizes
    table.loc[table["method"] == "linear", "loss_budget_neurons"] = 0.0
    why, found = findings.why_larger(table), findings.networks_found(table)
    assert "they keep 30 neurons on 1 hidden" in REPORT.why_larger(**why)
    rows = {row["name"]: (row["neurons"], row["bundles"], round(row["parameters"])) for row in found["rows"]}
    assert rows["SPARCS with L2"] == (30, 6, 5000) and rows["single-level GAEA"] == (20, 4, 1)
    said = REPORT.networks_found(**found)
    assert "**Linear in every search**, and counted as the maximal network: linear" in said
    assert {row["name"]: row["left"] for row in found["rows"]}["SPARCS with L2"] == pytest.approx(0.01)
    compared = findings.against_sparcs(table)
    assert "and worse than one." in REPORT.against_sparcs(**compared)


def test_there_is_no_test_with_fewer_than_ten_seeds(table):
    few = table.query("trial < 9")
    compared = comparison.compare(few)
    assert compared["p"].isna().all() and (compared["result"] == "not tested").all() and compared["ratio"].notna().all()
    assert "fewer than 10 seeds are no test." in REPORT.against_sparcs(**findings.against_sparcs(few))


def test_a_search_that_diverged_fits_no_better_than_a_constant(table):
    fits = [name for name in table if name.endswith("test_mse")]
    for name in fits:  # the variance of the test points is 0.5
        table[name] = 0.5 * (1 - table[name.replace("mse", "r2")])
    lost = (table["method"] == "gaea") & (table["trial"] == 4)
    table.loc[lost, [name for name in table if "mse" in name or "r2" in name]] = np.nan
    scalars = comparison.scalars(table).query("task == 'teacher'").set_index(["method", "trial"])
    assert scalars.loc[("gaea", 4), "error"] == pytest.approx(0.5) and scalars.loc[("gaea", 4), "parameters"] == 18400
    assert (comparison.compare(table)["n"] == 10).all()


def test_errors_below_what_float32_resolves_can_be_taken_as_equal(table):
    for name in [name for name in table if name.endswith("test_r2")]:
        table[name] = np.where(table["method"] == "linear", 0.5, 1 - 1e-12)
        table[name.removesuffix("r2") + "mse"] = 0.5 * (1 - table[name])
    gaea = table["method"] == "gaea"
    table.loc[gaea, [name for name in table if name.endswith("test_mse")]] /= 100
    [_, part] = finds_smaller_networks({"baselines/trials": table})
    assert part.verdict == "not replicated" and "worse than 1." in part.reason
    assert part.reason.endswith(
        "If networks as they are count alone, SPARCS beats 1 and loses to 1. "
        "If 1 − R² below 10⁻⁸ counts as 10⁻⁸, SPARCS beats 1 and loses to 0"
    )


def test_g2_is_not_judged_on_a_part_of_the_field(table):
    run = resolve_settings(params.read_yaml(ROOT / "params.yaml"), {"scale": "overnight"}).model_dump(mode="json")
    names = [name for name, method in run["baselines"]["catalogue"].items() if method["only"] is None]
    untested = why_untested(run, run, {"baselines/trials": table})["baselines"]
    assert untested.startswith("not the whole field: without SPARCS with L1")
    whole = [table.query("method == 'gaea'").assign(method=name) for name in names]
    assert "baselines" not in why_untested(run, run, {"baselines/trials": pd.concat(whole)})


def test_a_method_that_never_fits_counts_as_the_maximal_network(table):
    for column in [name for name in table if name.endswith("test_r2")]:
        table.loc[table["method"] == "linear", column] = 0.7
    scalars = comparison.scalars(table).query("method == 'linear' and task == 'teacher'")
    assert (scalars["parameters"] == 18400).all()


def test_an_empty_network_has_not_recovered_a_linear_task(table):
    task = "beta5_alpha0"
    table = table.query("task == 'beta5_alpha1' and method != 'linear'").assign(task=task, alpha=0.0)
    of_gaea = table["method"] == "gaea"
    table.loc[of_gaea, ["recovered", "loss_budget_test_r2"]] = 1.0, 0.99
    assert "| 20 of 20 (10, 10) |" in row_of(room.recovered_table(table, task), "single-level GAEA")
    table.loc[of_gaea & (table["strength"] == 0.1) & (table["trial"] < 3), "loss_budget_test_r2"] = -0.1
    assert "| 17 of 20 (10, 7) |" in row_of(room.recovered_table(table, task), "single-level GAEA")


def row_of(table, method):
    """A method's row of a table in Markdown, with single spaces."""
    return " ".join(next(line for line in table.splitlines() if method in line).split())


def test_the_tuning_says_what_was_tried_how_often_and_what_was_chosen():
    tried = pd.DataFrame(
        [("teacher", "1", 0, False), ("teacher", "3", 0, True)]
        + [("beta5_alpha1", value, trial, value == "1") for value in ("1", "3") for trial in range(3)],
        columns=["task", "value", "tuning_trial", "chosen"],
    ).assign(method="gaea", option="rate")
    text = room.tuning_table(tried)
    assert "| teacher 20-100-100-20, 1 seed | experiment 1, α = 1, 3 seeds |" in text
    assert "| 1, **3** | **1**, 3 |" in text


def test_seeds_without_a_fit_are_counted(table):
    before = [name for name in table if name.endswith("test_r2") and "retrained" not in name]
    table[before] = 0.99
    assert findings.misses(table, "teacher")["methods"] == []
    of_gaea = (table["method"] == "gaea") & (table["trial"] < 4)
    table.loc[of_gaea & (table["strength"] == 0.1), before] = 0.5
    assert findings.misses(table, "teacher")["methods"] == []
    table.loc[of_gaea, before] = 0.5  # retrained networks still fit
    assert "| single-level GAEA | 4 of 10 |" in REPORT.misses(**findings.misses(table, "teacher"))


def test_strengths_that_differ_between_methods_are_said():
    rows = [("sparcs_l2", 0.01), ("sparcs_l2", 0.1), ("gaea", 0.1), ("gaea", 0.3), ("linear", 0.1)]
    trials = pd.DataFrame(rows, columns=["method", "strength"]).assign(task="teacher")
    said = REPORT.grids(**findings.grids(trials))
    assert "| 0.01, 0.1 | SPARCS with L2 |" in said and "| 0.1, 0.3 | single-level GAEA |" in said
    assert "linear" not in said
    assert REPORT.grids(**findings.grids(trials[trials["method"] != "gaea"])).strip() == ""
