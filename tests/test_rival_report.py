"""Claim G2 and the report on the rivals, on tables whose outcome is known."""

import numpy as np
import pytest

import rival_tables
from sparcs import comparison
from sparcs.claims.rivals import finds_smaller_networks
from sparcs.figures import rivals_prose


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
