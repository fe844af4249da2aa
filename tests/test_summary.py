"""The account of the whole replication: its sentences and tables from synthetic tables whose answer is known."""

import json

import numpy as np
import pandas as pd
import pytest

from figure_tables import FULL, PROVENANCE, claims, write_tables
from sparcs.figures import summary
from sparcs.figures.text import number

EMPTY = dict.fromkeys(
    ("regression/trials", "teacher_student/trials", "depth/trials", "cifar10/trials", "cifar10/epochs"), pd.DataFrame()
) | dict.fromkeys(("cifar10/eigenvalues", "cifar10/costs", "cifar100/costs", "hyperparameters/trials"), pd.DataFrame())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tables(tmp_path_factory.mktemp("tables"), FULL, diverged=False)


@pytest.fixture(scope="module")
def full(folder):
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in EMPTY}


def test_every_claim_stands_under_one_verdict():
    rows = claims(FULL)
    count = (~rows["id"].str[-1].str.isalpha()).sum()
    [partly] = rows.loc[(rows["verdict"] == "partly") & ~rows["id"].str[-1].str.isalpha(), "id"]
    assert f"{count} claims" in summary.answer(rows) and f"1 is partly ({partly})" in summary.answer(rows)
    listed = [summary.with_verdict(rows, verdict) for verdict in ("replicated", "partly", "not replicated", "untested")]
    named = [line.split("**")[1] for text in listed for line in text.splitlines() if line.startswith("- ")]
    assert sorted(named) == sorted(rows.loc[~rows["id"].str[-1].str.isalpha(), "id"])
    assert listed[-1] == "None."


def test_choices_left_open_have_a_row_each(full):
    text = summary.choices(full)
    for expected in (
        "kind of penalty",
        "rotations of the teacher",
        "removed neuron loses",
        "sign of",
        "which accuracy",
    ):
        assert expected in text
    own = full["cifar10/trials"].query("head == 'linear'")["test_accuracy"].mean()
    assert f"linear {own:.1f} %" in text
    assert summary.choices(EMPTY) == "Nothing that bears on them was run."
    assert summary.layers_in_use(EMPTY) == "Not run."


def test_the_strength_of_the_penalty_is_shown_by_what_it_recruits(full):
    swept = full["hyperparameters/trials"].query("alpha == 1").assign(experiment="teacher_student", alpha=np.nan)
    text = summary.choices(EMPTY | {"hyperparameters/trials": swept})
    own = swept[(swept["penalty"] == "l1") & (swept["rho"] == 0.001)]
    [row] = [line for line in text.splitlines() if "| l1 " in line]
    assert f"57 at {number(0.001)} (R² {own['r2'].mean():.4f})" in row  # 60 (1 − 50 ρ)
    assert "strength of the penalty" not in summary.choices(full)  # the sweep of experiment 1 alone


def test_other_statements_have_what_was_found(full):
    text = summary.other_statements(full, {"cifar100": [1280, 526, 100]})
    assert "853,880" in text and "726,506" in text  # counted by hand, without the bias column
    rows = full["cifar10/eigenvalues"].query("head == 'spectral' and layer == 2")
    last, first = (rows[rows["epoch"] == rows["epoch"].agg(which)] for which in ("max", "min"))
    final = last.groupby("trial")["eigenvalue"].agg(lambda values: values.abs().max())
    open_ = (first["eigenvalue"].abs() > 0.01 * first["trial"].map(final)).groupby(first["trial"]).sum().mean()
    assert f"{open_:.3g} after {first['epoch'].iloc[0]}" in text
    assert summary.other_statements(EMPTY, {}).count("\n") == 1  # the head of the table alone


def test_costs_against_a_loop_over_single_models(full):
    """By hand: trials × 300 epochs × 100 steps of 1,000 µs."""
    settings = {"training": {"epochs": 300, "batch_size": 100}, "points": 10_000}
    step = pd.DataFrame({"way": ["kernel", "eager"], "median": [5.0, 1000.0]})
    text = summary.cost_table(PROVENANCE["experiments"], full["regression/trials"], settings, step)
    assert f"{len(full['regression/trials']) * 300 * 100 * 1e-3 / 60:,.0f} core-minutes" in text
    assert text.count("synthetic machine") == len(PROVENANCE["experiments"])


def test_hours_that_remain(full, folder):
    """100 trials × 300 epochs × 352 steps of each head, two at once on two cores; a GPU by the paper's seconds too."""
    paper = json.loads((folder / "settings.json").read_text())["paper"]
    training = {"epochs": 300, "batch_size": 128}
    paper["cifar10"] |= {"trials": 100, "images": 50_000, "validation_share": 0.1, "training": training}
    here = full["cifar10/costs"].assign(device="cpu")
    there = here.assign(device="cuda", milliseconds_per_step=0.5)
    milliseconds = here.groupby("head")["milliseconds_per_step"].mean()[["linear", "spectral"]].sum()
    cpu, cuda = (f"{number(100 * 300 * 352 * both / 1e3 / 3600)} h" for both in (milliseconds / 2, 2 * 0.5))
    text = summary.remaining_table(full | {"cifar10/costs": pd.concat([here, there])}, paper)
    assert f"| {cpu} | {cuda} | {100 * (1357.0 + 1361.98) / 3600:,.0f} h |" in " ".join(text.split())
    assert text.splitlines()[-1].count("not measured") == 2  # another backbone
    assert f"| {cpu} | not measured |" in " ".join(
        summary.remaining_table(full | {"cifar10/costs": here}, paper).split()
    )
    assert summary.remaining_table(EMPTY, paper).count("not measured") == 4


def test_a_list_keeps_greek_letters():
    rows = pd.DataFrame(
        [["A1", "said", "λ_k late", 1.0, np.nan, np.nan, 3, "replicated", ""]],
        columns=["id", "statement", "quantity", "measured", "low", "high", "n", "verdict", "reason"],
    )
    assert summary.with_verdict(rows, "replicated") == "- **A1**, said. λ_k late: 1 (n = 3)."
