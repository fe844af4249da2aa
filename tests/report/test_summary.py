"""The account of the whole replication: its sentences and tables from those of a small run, some values changed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import changed_tables as changed
from changed_tables import EMPTY
from replication import params
from replication.account import news, scorecard, summary
from replication.account.penalty_share import penalty_shares
from replication.experiments.settings import paper_settings
from replication.report.template import line, sections
from replication.report.text import number

ROOT = Path(__file__).parents[2]
REPORT = sections(summary.__package__)
SETTINGS = paper_settings(params.read_yaml(ROOT / "params.yaml")).model_dump()


@pytest.fixture(scope="module")
def full(whole_run):
    """Ten trials of everything, on the data sets themselves."""
    return EMPTY | changed.repeated(changed.of_images(changed.read(whole_run)), 10)


def test_every_claim_stands_under_one_verdict(whole_run):
    rows = pd.read_csv(whole_run / "claims.csv").assign(verdict="replicated")
    rows.loc[rows["id"].isin(["B2", "D2"]), "verdict"] = ["partly", "not replicated"]
    count = (~rows["id"].str[-1].str.isalpha()).sum()
    [partly] = rows.loc[(rows["verdict"] == "partly") & ~rows["id"].str[-1].str.isalpha(), "id"]
    said = REPORT.answer(**scorecard.verdicts(rows))
    assert f"{count} claims" in said and "1 is partly replicated" in said and f"| partly | {partly} |" in said
    listed = [summary.with_verdict(rows, verdict) for verdict in ("replicated", "partly", "not replicated", "untested")]
    named = [line.split("**")[1] for text in listed for line in text.splitlines() if line.startswith("| **")]
    assert sorted(named) == sorted(rows.loc[~rows["id"].str[-1].str.isalpha(), "id"])
    assert listed[-1] == "None."


def choices(tables):
    """The account's section on choices that the paper leaves open."""
    return REPORT.choices(**summary.choices(tables))


def test_choices_left_open_have_a_row_each(full):
    text = choices(full)
    for expected in (
        "kind of penalty",
        "rotations of the teacher",
        "removed neuron loses",
        "sign of",
        "which accuracy",
    ):
        assert expected in text
    accuracy = full["cifar10/trials"].query("head == 'linear'")["test_accuracy"].mean()
    assert f"linear {accuracy:.1f} %" in text
    assert line(choices(EMPTY)) == "Nothing that bears on them was run."


def test_the_strength_of_the_penalty_is_shown_by_what_it_recruits(full):
    regression = full["hyperparameters/trials"].query("experiment == 'regression'")
    swept = regression.query("alpha == 1").assign(experiment="teacher_student", alpha=np.nan)
    swept["active_neurons"] = (60 * (1 - 50 * swept["rho"])).round()
    text = choices(EMPTY | {"hyperparameters/trials": swept})
    of_strength = swept[(swept["penalty"] == "l1") & (swept["rho"] == 0.001)]
    [row] = [line for line in text.splitlines() if "| L1 " in line]
    assert f"57 at {number(0.001)} (R² {of_strength['r2'].mean():.3f})" in row  # 60 (1 − 50 ρ)
    alone = full | {"hyperparameters/trials": regression}
    assert "strength of the penalty" not in choices(alone)  # the sweep of experiment 1


def other_statements(tables, run):
    """The rows of the account's table of what else the paper says."""
    text = REPORT.other_statements(**summary.other_statements(tables, run))
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in text.splitlines() if row.startswith("| ")]


def test_the_share_of_the_penalty_in_the_loss():
    regression = pd.DataFrame({"beta": 5, "alpha": [0, 0, 1, 1], "train_mse": [1e-3, 2e-3, 1e-4, np.nan]})
    students = pd.DataFrame({"ensemble": "l2", "teacher": 42, "trial": [0, 1], "diverged_epoch": [-1, 3],
                             "test_mse": [0.1, np.nan]})  # fmt: skip
    layers = pd.DataFrame(
        {"ensemble": "l2", "teacher": 42, "trial": 0, "layer": [2, 2, 3], "eigenvalue": [0.3, -0.4, 1]}
    )
    curves = pd.DataFrame({"head": "spectral", "trial": [0, 1, 0], "epoch": [9, 9, 1], "train_loss": [1.0, 2.0, 8.0]})
    hidden = pd.DataFrame({"head": "spectral", "trial": [0, 0, 1, 0], "epoch": [9, 9, 9, 1], "layer": 2,
                           "eigenvalue": [1.0, -3.0, 4.0, 9.0]})  # fmt: skip
    tables = EMPTY | {
        "regression/trials": regression.assign(eigenvalue_norm=2.0),
        "teacher_student/trials": students, "teacher_student/eigenvalues": layers,
        "cifar10/trials": pd.DataFrame({"stand_in": [False]}), "cifar10/epochs": curves, "cifar10/eigenvalues": hidden,
    }  # fmt: skip
    run = {name: {"training": {"penalty": kind, "rho": rho}} for name, kind, rho in (
        ("regression", "l2", 1e-4), ("teacher_student", "l2", 3e-3), ("cifar10", "l1", 1e-4))}  # fmt: skip
    shown = other_statements(tables, run)
    found = {row[0].partition(": ")[2]: row[1:] for row in shown if "data loss" in row[0]}
    assert found["experiment 1"] == [
        "ρ over the training loss, medians of the data sets: 0.075 to 1; ρΩ over it at least 0.15 to 2",
        "3",
    ]
    assert found["experiment 2"] == [
        "ρ over the held-out loss 0.03; ρΩ over it 0.045 (medians)",
        "1: an example, not a test",
    ]
    assert found["experiment 3"] == [
        f"ρ over the training loss {number(7.5e-5)}; ρΩ over it {number(3e-4)} (medians)",
        "2: an example, not a test",
    ]
    run["teacher_student"]["training"]["rho"] = [3e-3, 1e-3]
    assert not [each for each in penalty_shares(tables, run) if each["experiment"] == "experiment 2"]
    assert list(penalty_shares(EMPTY, run)) == [] == list(penalty_shares(tables, {}))


def test_other_statements_have_what_was_found(full):
    run = {"cifar100": {"widths": [1280, 526, 100]}, "regression": {"widths": []}}
    text = REPORT.other_statements(**summary.other_statements(full, run))
    assert "853,880" in text and "726,506" in text  # counted by hand, without the bias column
    rows = full["cifar10/eigenvalues"].query("head == 'spectral' and layer == 2")
    last, first = (rows[rows["epoch"] == rows["epoch"].agg(which)] for which in ("max", "min"))
    final = last.groupby("trial")["eigenvalue"].agg(lambda values: values.abs().max())
    open_ = (first["eigenvalue"].abs() > 0.01 * first["trial"].map(final)).groupby(first["trial"]).sum().mean()
    assert f"{open_:.3g} after {first['epoch'].iloc[0]}" in text and "this counts open neurons, not the rank" in text
    nothing = REPORT.other_statements(**summary.other_statements(EMPTY, {}))
    assert line(nothing) == "Nothing that bears on them was run."


def what_is_new(tables):
    """The account's section on what is new here."""
    return REPORT.news(**news.news(tables, SETTINGS, SETTINGS)).strip()


def test_what_is_new_has_a_line_for_each_question(full):
    lines = what_is_new(full).splitlines()
    assert len(lines) == 6 and "no finished trial." not in "".join(lines)
    [baselines] = [line for line in lines if "search:**" in line]
    assert (
        "2 baselines and controls ran on the teacher task (n = 10)." in baselines
        and "with at most 30 neurons" in baselines
    )
    assert all(line.endswith("no finished trial.") for line in what_is_new(EMPTY).splitlines())


@pytest.mark.parametrize("layer", [3, 4])
def test_what_is_said_of_two_hidden_layers_is_not_said_of_one_or_three(full, layer):
    """Table 4's students have two; here the columns of the second are gone, or a third's are there."""
    trials, of_layer = full["teacher_student/trials"], ["largest_eigenvalue_{}", "layer_{}_deleted_increase"]
    columns = [name.format(layer) for name in of_layer]
    changes = trials.drop(columns=columns) if layer == 3 else trials.assign(**dict.fromkeys(columns, 0.1))
    for table, count in ((trials, 1), (changes, 0)):
        tables = EMPTY | {"teacher_student/trials": table}
        said = REPORT.other_statements(**summary.other_statements(tables, {}))
        assert said.count("largest \\|λ\\| of both layers") == count
        assert what_is_new(tables).count("only the first hidden layer survives") == count


def test_baselines_of_a_small_run_are_not_tested(full):
    few = full["baselines/trials"].query("trial < 3")
    assert "fewer than 10 seeds, so nothing is tested." in what_is_new(EMPTY | {"baselines/trials": few})
    elsewhere = full["baselines/trials"].query("task != 'teacher'")
    said = what_is_new(EMPTY | {"baselines/trials": elsewhere})
    assert "no finished trial.\n- **Penalties" in said


def test_controls_are_no_searches_and_a_cut_cell_is_named():
    cut = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    rows = [("darts", 90.0), ("darts", 92.0), ("gaea", 94.0), ("random", 10.0)]
    cells = pd.DataFrame(rows, columns=["method", "cifar10_accuracy"])
    cells = cells.assign(cell=[cut, *[cut.replace("none", "skip_connect")] * 3], stand_in=False)
    said = what_is_new(EMPTY | {"cells/trials": cells})
    assert "3 searches by 2 methods and 1 control. The median" in said and " 91.0 % with DARTS" in said
    assert said.endswith("1 search of DARTS ended in a cut cell, whose accuracy is chance.")


def test_stand_in_images_are_marked_in_what_is_new(whole_run):
    small = EMPTY | changed.read(whole_run)
    marked = [line for line in what_is_new(small).splitlines() if "STAND-IN DATA" in line]
    assert [line.split(":**")[0] for line in marked] == [
        "- **Penalties in experiment 3",
        "- **Heads on fixed features (experiment 4)",
        "- **NAS-Bench-201's cells",
    ]


def test_a_list_keeps_greek_letters():
    rows = pd.DataFrame(
        [["A1", "said", "Figure 1", "λ_k late", 1.0, np.nan, np.nan, 3, "replicated", ""]],
        columns=["id", "statement", "paper", "quantity", "measured", "low", "high", "n", "verdict", "reason"],
    )
    assert summary.with_verdict(rows, "replicated").splitlines()[-1] == "| **A1** | said | λ_k late: 1 | 3 |  |"
