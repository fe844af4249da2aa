"""Figures of the theory, 1 to 6 and 8: they draw true equations, and its report counts what was compared."""

import numpy as np
import pandas as pd
import pytest

from every_figure import every_figure
from replication.experiments.theory import findings, tables
from replication.report.template import line, sections

fig = every_figure()
REPORT = sections("replication.experiments.theory")


def dense_network(drawn: pd.DataFrame) -> dict[str, np.ndarray]:
    """Φ, Λ and A as arrays from a figure's rows."""
    return {
        name: rows.pivot(index="row", columns="column", values="value").to_numpy()
        for name, rows in drawn.groupby("matrix")
    }


@pytest.mark.parametrize(("number", "layers"), [(3, 2), (4, 3), (5, 6)])
def test_figures_3_to_5_draw_a_spectral_decomposition(number, layers):
    """NumPy gives A = ΦΛΦ⁻¹; the diagonals are as they have to be, and zeros stand above the diagonal blocks."""
    drawn = getattr(fig, f"fig{number:02d}_table")()
    matrices = dense_network(drawn)
    expected = matrices["Φ"] @ matrices["Λ"] @ np.linalg.inv(matrices["Φ"])
    np.testing.assert_allclose(matrices["A"], expected, rtol=0, atol=1e-10)
    assert (np.diag(matrices["Φ"]) == 1).all() and np.array_equal(np.diag(matrices["A"]), np.diag(matrices["Λ"]))
    assert drawn["target"].max() == layers
    assert not drawn.loc[drawn["source"] > drawn["target"], "value"].any()
    filled = (
        drawn[drawn["value"] != 0]
        .groupby("matrix")[["target", "source"]]
        .apply(lambda rows: len(rows.drop_duplicates()))
    )
    assert filled.to_dict() == {"A": layers * (layers + 1) // 2, "Λ": layers, "Φ": 2 * layers - 1}


def test_figure_1_is_three_true_equations():
    drawn = fig.fig01_table()
    part = {
        (step, name): rows.pivot(index="row", columns="column", values="value").to_numpy()
        for (step, name), rows in drawn.groupby(["step", "object"])
    }
    first, second, third = "transfer", "projection", "next transfer"
    np.testing.assert_allclose(part[first, "a*_k"], part[first, "A^(k)"] @ part[first, "a_k"], atol=1e-10)
    np.testing.assert_array_equal(part[second, "f(a*_k)"], np.maximum(part[first, "a*_k"], 0))
    np.testing.assert_allclose(part[second, "a_{k+1}"], part[second, "π"] @ part[second, "f(a*_k)"], atol=1e-10)
    np.testing.assert_array_equal(part[second, "a_{k+1}"][:3], part[second, "f(a*_k)"][4:])
    assert not part[second, "a_{k+1}"][3:].any()
    np.testing.assert_array_equal(part[third, "a_{k+1}"], part[second, "a_{k+1}"])
    np.testing.assert_allclose(part[third, "a*_{k+1}"], part[third, "A^(k+1)"] @ part[third, "a_{k+1}"], atol=1e-10)
    assert all(not np.diag(part[step, name]).any() for step, name in ((first, "A^(k)"), (third, "A^(k+1)")))


def test_figure_2_shows_that_self_loops_leave_the_next_layer_alone():
    drawn = fig.fig02_table()
    results = drawn[drawn["object"] == "a*_k"].pivot(index=["target", "row"], columns="step", values="value")
    same = results["with self loops"] == results["without self loops"]
    assert same.loc[2].all() and not same.loc[1].any()
    loops = drawn[(drawn["object"] == "A^(k)") & (drawn["row"] == drawn["column"])].groupby("step")["value"]
    assert loops.agg(lambda values: (values != 0).sum()).to_dict() == {"with self loops": 7, "without self loops": 0}
    assert "differ by 0," in fig.fig02_caption(drawn)


def test_figure_6_opens_layer_j_and_the_next_one():
    drawn = fig.fig06_table()
    carrying = {
        panel: set(rows.loc[rows["state"] == "carrying", ["source", "target"]].itertuples(index=False, name=None))
        for panel, rows in drawn.groupby("panel")
    }
    assert carrying["a"] == {(1, 6)}
    assert carrying["b"] == {(1, 6), (1, 3), (3, 6), (1, 4), (3, 4), (4, 6)}
    assert carrying["c"] == {(1, 6), (1, 5), (5, 6)}
    assert not drawn[(drawn["state"] == "carrying") & ~drawn["drawn_in_paper"]].empty
    assert "layers 3 and 4 into use" in fig.fig06_caption(drawn) and "layer 5 into use" in fig.fig06_caption(drawn)


def test_the_theory_report_counts_what_was_compared(whole_run):
    checks, identities, misprints = (
        pd.read_parquet(whole_run / f"theory/{name}.parquet") for name in ("checks", "identities", "misprints")
    )
    misprints = misprints.assign(printed="|λ| = 1")
    misprints.loc[(misprints["kind"] == "checked").idxmax(), "holds"] = False
    confirmed = misprints["holds"].sum()
    found = findings.checked(checks, identities, misprints)
    said = line(REPORT.checked(**found))
    assert said.startswith(f"In exact arithmetic none of {identities['compared'].sum():,} entries and sums")
    assert f"lists {len(misprints)} mistakes" in said and f"confirms {confirmed}." in said
    assert "| (B.16) |" in tables.identities_table(identities)
    table = tables.misprints_table(misprints)
    assert table.count("**not confirmed**") == 1 and "\\|λ\\| = 1" in table
    networks = checks.query("check == 'perceptron_error'")["seed"].nunique()
    assert findings.size(checks, identities)["random"] == networks


def test_figure_8_is_exact():
    counts = fig.fig08_table().pivot(index="layers", columns="parametrization", values="parameters")
    assert counts.loc[2].to_dict() == {"direct": 10_000, "spectral": 10_200}
    assert (counts["spectral"] < counts["direct"]).loc[3:].all()
