"""Verdict rules, intervals, and every claim's measurement on tables whose answer is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replication import params
from replication.account.catalogue import CLAIMS, require_every_claim
from replication.account.provenance_text import with_origins
from replication.account.testability import run_too_small, why_untested
from replication.experiments.regression.claims import tanh_fit
from replication.experiments.settings import paper_settings
from replication.experiments.theory.identities import IDENTITIES
from replication.judging.statistics import NOT_NEGATIVE, bootstrap_interval, mean_interval, share_interval
from replication.judging.verdicts import (
    COLUMNS,
    Claim,
    Measured,
    judge,
    verdict_of,
    worst,
)
from replication.records.io import ArtifactError
from replication.records.notebooks import figures_of

ROOT = Path(__file__).parents[2]
ALPHAS = np.round(np.linspace(0, 1, 21), 2)


def regression_trials(norm, trials=10):
    """Trials whose ‖Γ‖ is a given function of (α, β), with a little noise."""
    random = np.random.default_rng(0)
    rows = [
        {"alpha": a, "beta": b, "trial": t, "gamma_norm": norm(a, b) + 1e-3 * random.normal(), "r2": 0.999}
        for b in (5, 1000)
        for a in ALPHAS
        for t in range(trials)
    ]
    return {"regression/trials": pd.DataFrame(rows)}


def paper_like(alpha, beta):
    width = 0.2 if beta == 5 else 0.01
    return 0.2 * (1.005 + np.tanh((alpha - 0.5) / width))


def verdicts(claim_id, tables, too_small=()):
    chosen = [claim for claim in CLAIMS if claim.id == claim_id]
    return judge(chosen, tables, dict(too_small)).set_index("id")


def test_verdicts_by_the_rule():
    assert verdict_of(0.3, 0.4, (0.2, 0.5)) == "replicated"
    assert verdict_of(0.6, 0.7, (0.2, 0.5)) == "not replicated"
    assert verdict_of(0.4, 0.6, (0.2, 0.5)) == "inconclusive"
    assert worst(["replicated", "partly"]) == "partly"
    assert worst(["partly", "inconclusive", "replicated"]) == "inconclusive"
    assert worst(["untested", "not replicated", "replicated"]) == "not replicated"
    assert worst(["inconclusive", "untested"]) == "untested"


def test_intervals_against_other_implementations():
    sample = np.array([1.0, 2.0, 4.0, 4.5])
    expected = stats.ttest_1samp(sample, 0).confidence_interval(0.95)
    assert mean_interval(sample) == pytest.approx((sample.mean(), expected.low, expected.high))
    assert np.isnan(mean_interval(np.array([1.0]))[1])
    assert mean_interval(sample - 1, NOT_NEGATIVE) == pytest.approx((sample.mean() - 1, 0, expected.high - 1))
    share, low, high = share_interval(5, 5)
    assert (share, high) == (1, 1)
    assert low == pytest.approx(0.025 ** (1 / 5))
    samples = np.random.default_rng(0).normal(3, 1, (1, 200))
    value, low, high = bootstrap_interval(lambda s: s.mean(), samples, np.random.default_rng(1))
    expected = mean_interval(samples[0])
    assert (value, low, high) == pytest.approx(expected, abs=0.03)


def test_few_trials_are_untested_but_measured():
    claim = Claim("X", "", "", "", "", lambda _: iter([Measured("", "", (1.0, 1.0, 1.0), 2, (0, 2))]))
    row = judge([claim], {}, {}).iloc[0]
    assert (row["verdict"], row["measured"]) == ("untested", 1)
    assert "fewer than 3" in row["reason"]
    assert list(judge([claim], {}, {}).columns) == COLUMNS


def test_a_missing_table_is_untested_with_its_name():
    row = verdicts("B3", {}).loc["B3"]
    assert row["verdict"] == "untested"
    assert "regression/trials" in row["reason"]


def test_every_claim_has_a_row_even_of_nothing():
    judged = judge(CLAIMS, {}, {})
    require_every_claim(judged["id"])
    assert set(judged["verdict"]) == {"untested"} and (judged["n"] == 0).all()
    with pytest.raises(ArtifactError, match="claims without a row: D2, G2"):
        require_every_claim(set(judged["id"]) - {"D2", "G2"})


def test_a_claim_of_one_part_says_what_was_measured_and_its_region():
    row = verdicts("B3", regression_trials(paper_like)).loc["B3"]
    assert (row["quantity"], row["region"]) == ("share of trials with held-out R² ≥ 0.95", ">= 0.99")


def test_origins_are_the_runs_or_those_that_the_rows_name():
    run = {"scale": "laptop", "device": "cuda", "regression": {"points": 10_000}}
    tables = regression_trials(paper_like)
    records = {"regression": {"commit": "a1; b2+changes", "fingerprint": "f1"}}
    origins = with_origins(verdicts("B1", tables).reset_index(), CLAIMS, tables, run, records)
    assert len(origins) == 4 and set(origins["trained_by"]) == {"commits a1; b2+changes, fingerprint f1"}
    assert set(origins["scale"] + origins["device"]) == {"laptopcuda"} and origins["data"].str.contains("10,000").all()
    where = {"scale": "overnight", "device": "cpu", "commit": "d4", "fingerprint": "f2"}
    tables["regression/trials"] = tables["regression/trials"].assign(**where)
    tables["cifar10/trials"] = pd.DataFrame({"stand_in": [True], "approximate_images": [0], "device": ["cpu"]})
    origins = with_origins(verdicts("B3", tables).reset_index(), CLAIMS, tables, run, records).iloc[0]
    assert (origins["scale"], origins["device"]) == ("overnight", "cpu")
    assert origins["trained_by"] == "commit d4, fingerprint f2"
    tables["cifar10/sweep"] = tables["hyperparameters/trials"] = pd.DataFrame({"device": ["cuda", "cpu"]})
    assert with_origins(pd.DataFrame({"id": ["G1"]}), CLAIMS, tables, run, records).loc[0, "device"] == "cpu, cuda"
    images = pd.DataFrame({"id": ["E1"]})
    assert with_origins(images, CLAIMS, tables, run, records).loc[0, "data"] == "stand-in images, not CIFAR-10"
    tables["cifar100/trials"] = pd.DataFrame({"stand_in": [False], "device": ["cpu"]})  # as the experiment writes it
    images = pd.DataFrame({"id": ["F1"]})
    assert (
        with_origins(images, CLAIMS, tables, run, records).loc[0, "data"]
        == "CIFAR-100, no image of 60,000 marked as approximate"
    )


def test_the_transition_claims_on_a_paper_like_curve():
    tables = regression_trials(paper_like)
    for claim in ("B1", "B2", "B3"):
        judged = verdicts(claim, tables)
        assert (judged["verdict"] == "replicated").all() or claim == "B3", judged
    assert verdicts("B3", tables).loc["B3", "low"] > 0.98


def test_the_transition_is_not_judged_by_a_bootstrap_of_few_trials():
    tables = {name: table[table["trial"] < 9] for name, table in regression_trials(paper_like).items()}
    for claim in ("B1", "B2"):
        judged = verdicts(claim, tables)
        assert (judged["verdict"] == "untested").all()
        assert judged["reason"].str.contains("n = 9: an interval by bootstrap needs 10").sum() == len(judged) - 1


def test_the_transition_claims_on_a_flat_curve():
    tables = regression_trials(lambda alpha, beta: 0.5)
    assert verdicts("B1", tables).loc["B1", "verdict"] == "not replicated"


def test_a_jump_in_the_wrong_place_is_seen():
    tables = regression_trials(lambda alpha, beta: 0.2 * (1.005 + np.tanh((alpha - 0.8) / 0.05)))
    judged = verdicts("B2", tables)
    assert judged.loc["B2d", "verdict"] == "not replicated"
    assert judged.loc["B2a", "verdict"] == "not replicated"


@pytest.mark.parametrize(("midpoint", "width"), [(0.5, 0.2), (0.45, 0.1), (0.6, 0.05)])
def test_the_tanh_fit_finds_what_was_planted(midpoint, width):
    fitted = tanh_fit(ALPHAS, 0.3 + 0.2 * np.tanh((ALPHAS - midpoint) / width))
    assert fitted == pytest.approx((midpoint, width), rel=0.1)
    assert np.isnan(tanh_fit(ALPHAS, np.ones(21))).all()


def teacher_trials(n, at_30=0.98, **values):
    base = {"ensemble": "l2", "diverged_epoch": -1, "test_r2": 0.99, "kept_eigenvalues": 30.0}
    base |= {"kept_neurons_weight_space": 60.0, "surviving_layer": 2, "eigenvalue_ratio": 500.0}
    base |= {"teacher": 42, "other_layer_loss_increase": 3.0, "live_neurons": 230.0, "trimmed_r2": 0.99}
    base |= {"largest_eigenvalue_2": 0.5, "largest_eigenvalue_3": 0.001}
    curve = {"eigenvalue": {"kept": [29, 30, 31], "live": 230, "r2": [0.9, at_30, 0.999]}}
    curve["weight_space"] = {"kept": [80, 81, 82], "live": [29, 30, 30], "r2": [0.1, 0.6, 0.6]}
    curves = [pd.DataFrame(points).assign(removal=removal) for removal, points in curve.items()]
    network = {"ensemble": "l2", "teacher": 42}
    return {
        "teacher_student/trials": pd.DataFrame([base | values | {"trial": t} for t in range(n)]),
        "teacher_student/pruning": pd.concat([each.assign(**network, trial=t) for each in curves for t in range(n)]),
    }


def test_claims_of_experiment_2():
    tables = teacher_trials(30)
    judged = verdicts("D2", tables)
    assert judged["verdict"].to_dict() == dict.fromkeys(["D2", "D2a", "D2b"], "not replicated")
    assert judged.loc["D2a", ["old_measured", "old_verdict"]].tolist() == [1, "replicated"]
    assert judged.loc["D2a", "changed"].endswith("Figure 9 shows which layer survives, the second hidden one")
    assert "of one layer at least 100 times the other's: >= 0.8" in judged.loc["D2a", "old_rule"]
    assert verdicts("D3", tables).loc["D3", "verdict"] == "not replicated"
    assert verdicts("D3", teacher_trials(5, live_neurons=30.0)).loc["D3", "verdict"] == "replicated"
    tables = teacher_trials(30, surviving_layer=3)
    assert verdicts("D2", tables).loc["D2a", "verdict"] == "replicated"
    assert verdicts("D2", teacher_trials(5, surviving_layer=3)).loc["D2a", "verdict"] == "inconclusive"
    tables["teacher_student/trials"].loc[:2, "diverged_epoch"] = 3
    lost = verdicts("D2", tables).loc["D2a"]
    assert lost[["measured", "n", "verdict"]].tolist() == [pytest.approx(0.9), 30, "inconclusive"]
    assert lost["reason"].endswith("; 3 of 30 diverged")
    said = verdicts("D3", tables, {"teacher_student": "epochs 2 of 180"}).loc["D3", "reason"]
    assert said == "epochs 2 of 180; 3 of 30 diverged"
    tables["teacher_student/trials"].loc[:3, "diverged_epoch"] = 3
    assert verdicts("D2", tables).loc["D2a", ["measured", "verdict"]].tolist() == [pytest.approx(26 / 30), "untested"]


def test_the_fit_is_judged_at_the_papers_count():
    judged = verdicts("D4", teacher_trials(5)).loc["D4"]
    assert judged[["measured", "n", "verdict"]].tolist() == [pytest.approx(0.98), 5, "replicated"]
    assert judged["reason"] == "at 30 live neurons, removal (ii), R² 0.6; untrimmed R² 0.99"
    assert judged[["old_measured", "old_verdict"]].tolist() == [pytest.approx(0.99), "replicated"]
    assert judged["old_rule"] == "R² of the network trimmed to the live neurons of D3: >= 0.97"
    assert verdicts("D4", teacher_trials(5, at_30=0.9)).loc["D4", "verdict"] == "not replicated"
    few = teacher_trials(5)
    few["teacher_student/pruning"] = few["teacher_student/pruning"].query("kept == 29")  # fewer neurons than 30
    assert verdicts("D4", few).loc["D4", ["n", "verdict"]].tolist() == [0, "untested"]


@pytest.mark.parametrize("layers", [1, 3])
def test_claims_on_two_hidden_layers_are_untested_with_other_than_two(layers):
    tables = teacher_trials(30, **({"largest_eigenvalue_3": np.nan} if layers == 1 else {"largest_eigenvalue_4": 0.1}))
    for name in ("D2", "D3", "D4"):
        judged = verdicts(name, tables)
        assert (judged["verdict"] == "untested").all()
        assert judged["reason"].str.contains(f"hidden layers {layers}, not 2").any()
        assert judged[["measured", "low", "high", "old_measured"]].isna().all(axis=None) and (judged["n"] == 0).all()


def test_claims_of_the_theory():
    rows = [{"identity": name, "bundles": 3, "widths": "1-2" * (k < 4), "compared": 8, "wrong": 0}
            for k, name in enumerate(IDENTITIES)]  # fmt: skip
    tables = {"theory/identities": pd.DataFrame(rows)}
    judged = verdicts("A2", tables)
    assert (judged["verdict"] == "replicated").all()
    assert len(judged) == 1 + len(IDENTITIES) and judged.loc["A2a", "n"] == 8
    tables["theory/identities"].loc[2, "wrong"] = 1
    judged = verdicts("A2", tables)
    assert judged.loc["A2", "verdict"] == "not replicated" and "A2c" in judged.loc["A2", "reason"]
    assert verdicts("A2", {}).loc["A2", "verdict"] == "untested"


def test_the_theory_has_its_own_report():
    evidence = {claim.id: claim.evidence for claim in CLAIMS}
    assert all(evidence[name].startswith("01_theory") for name in ("A1", "A2", "A3", "C1"))


def test_the_evidence_of_every_claim_is_a_report_and_figures_and_tables_that_there_are():
    """Its page finds them by these names."""
    shown = {path.stem: figures_of(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    figures = {figure for names in shown.values() for figure in names}
    for report, *named in (claim.evidence.split(", ") for claim in CLAIMS):
        assert report in shown and set(named) <= figures | {f"Table {number}" for number in range(1, 6)}


def test_the_sweet_spot():
    def sweep(bad_rho):
        rows = [
            {"experiment": "regression", "penalty": "l2", "rho": rho, "alpha": alpha, "trial": trial,
             "r2": 0.9 if rho == bad_rho else 0.99}
            for rho in (1e-6, 1e-5, 1e-4, 1e-3, 1e-2) for alpha in (0, 1) for trial in range(4)
        ]  # fmt: skip
        return {"hyperparameters/trials": pd.DataFrame(rows)}

    judged = verdicts("G1", sweep(1e-2))
    assert judged["verdict"].to_dict() == {"G1": "untested", "G1a": "replicated", "G1b": "untested", "G1c": "untested"}
    assert verdicts("G1", sweep(1e-5)).loc["G1", "verdict"] == "not replicated"


def cifar10_sweep(penalty, by_rho, **values):
    """SPARCS's accuracies in experiment 3 at each ρ, of the seeds whose differences are those of the lists."""
    rows = [{"head": "spectral", "penalty": penalty, "rho": rho, "trial": trial, "test_accuracy": accuracy}
            for rho, accuracies in by_rho.items() for trial, accuracy in enumerate(accuracies)]  # fmt: skip
    return pd.DataFrame(rows).assign(stand_in=False, epochs=60, **values)


def test_the_sweet_spot_of_experiment_3_is_that_of_l1():
    fits = [{"experiment": name, "penalty": "l2", "rho": rho, "alpha": 0, "trial": trial, "r2": 0.99 - trial / 1e5}
            for name in ("regression", "teacher_student") for rho in (1e-5, 1e-3) for trial in range(3)]  # fmt: skip
    tables = {"hyperparameters/trials": pd.DataFrame(fits)}
    worse, bad = cifar10_sweep("l1", {1e-5: [70, 71, 72], 1e-3: [69.5, 70.4, 71.6]}), [50, 51, 52.1]
    l2 = cifar10_sweep("l2", {1e-5: [70, 71, 72], 1e-3: bad})
    judged = verdicts("G1", tables | {"cifar10/sweep": pd.concat([worse, l2])})
    assert (judged["verdict"] == "replicated").all() and judged.loc["G1", "old_verdict"] == "replicated"
    expected = stats.ttest_1samp([0.005, 0.006, 0.004], 0).confidence_interval(0.95)
    assert judged.loc["G1c", ["measured", "low", "high"]].tolist() == pytest.approx([0.005, *expected])
    assert judged.loc["G1c", "reason"].startswith("not judged, with other penalties: L2 0.2 [")
    assert judged.loc["G1c", "old_verdict"] == "" and judged.loc["G1a", "changed"] == ""
    failing = cifar10_sweep("l1", {1e-5: [70, 71, 72], 1e-3: bad, 0.1: [1, 1, 1]})
    judged = verdicts("G1", tables | {"cifar10/sweep": failing})
    assert judged.loc["G1", ["verdict", "old_verdict"]].tolist() == ["not replicated", "replicated"]
    short = verdicts("G1", tables | {"cifar10/sweep": worse}, {"cifar10/sweep": "epochs 2 of 60"})
    assert short["verdict"].to_dict() == {
        "G1": "untested", "G1a": "replicated", "G1b": "replicated", "G1c": "untested"}  # fmt: skip
    assert verdicts("G1", tables | {"cifar10/sweep": worse.assign(head="linear")}).loc["G1c", "n"] == 0
    lost = pd.concat([worse.assign(test_accuracy=np.nan), worse.assign(trial=worse["trial"] + 3)])
    assert "3 of 12" not in verdicts("G1", tables | {"cifar10/sweep": worse}).loc["G1c", "reason"]
    assert verdicts("G1", tables | {"cifar10/sweep": lost}).loc["G1c", "verdict"] == "untested"


def test_the_sweet_spot_of_few_trials_has_the_interval_of_its_paired_differences():
    rng = np.random.default_rng(0)
    fits = pd.DataFrame(rng.uniform(0.9, 0.92, (3, 3)), columns=[1e-5, 1e-4, 1e-2]) - [0.05, 0, 0.2]  # (trials, ρ)
    table = fits.rename_axis("trial").melt(var_name="rho", value_name="r2", ignore_index=False).reset_index()
    judged = verdicts("G1", {"hyperparameters/trials": table.assign(experiment="regression", penalty="l2", alpha=0)})
    expected = stats.ttest_1samp(fits[1e-4] - fits[1e-5], 0).confidence_interval()
    assert judged.loc["G1a", ["low", "high"]].tolist() == pytest.approx([expected.low, expected.high])
    noisy = table.assign(r2=table["r2"] + 0.03 * table["trial"] * (table["rho"] == 1e-5))
    judged = verdicts("G1", {"hyperparameters/trials": noisy.assign(experiment="regression", penalty="l2", alpha=0)})
    assert judged.loc["G1a", "low"] == 0  # what is best in the mean is not worse than another
    lost = table.assign(experiment="regression", penalty="l2", alpha=0, r2=np.nan)
    assert verdicts("G1", {"hyperparameters/trials": lost}).loc["G1", "verdict"] == "untested"


SETTINGS = paper_settings(params.read_yaml(Path(__file__).parents[2] / "params.yaml")).model_dump()


def reasons(**changes):
    return run_too_small(params.merge(SETTINGS, changes), SETTINGS)


def test_the_paper_s_run_is_large_enough():
    assert reasons() == {}
    assert reasons(regression={"trials": 7, "points": 20000, "training": {"epochs": 400}}) == {}


def test_settings_from_before_a_field_or_an_experiment_was_added():
    run, paper = {"baselines": {"methods": None}}, {"baselines": {"methods": None, "max_neurons": 30}}
    assert why_untested(run, paper, {}) == {"baselines": "not the paper's run: max neurons is not recorded"}


def test_a_smaller_or_another_run_is_noticed():
    less = reasons(regression={"alphas": [0, 1], "points": 50})
    assert less == {
        "regression": "not the paper's run: points 50 of 10000, 2 of 21 alphas",
        "hyperparameters": "not the paper's run: points 50 of 10000",
    }
    assert "epochs 2 of 180" in reasons(teacher_student={"training": {"epochs": 2}})["teacher_student"]
    assert "epochs 2 of 180" in reasons(teacher_student={"training": {"epochs": 2}})["hyperparameters"]
    assert reasons(teacher_student={"loss_budget": 0.5})["teacher_student"].endswith("loss budget 0.5, not 0.05")
    assert reasons(regression={"training": {"rho": 0.1}}).keys() == {"regression"}
    assert reasons(cifar10={"images": 320, "trials": 1})["cifar10"] == "not the paper's run: images 320 of 50000"
    smaller = reasons(cifar100={"input_size": 64, "test_images": 2000, "backbone": "tf_efficientnet_lite0"})
    assert smaller == {"cifar100": "not the paper's run: test images 2000 of 10000, input size 64, not 224"}
    assert reasons(cifar10={"sweep": {"epochs": 5}}) == {"cifar10/sweep": "not the paper's run: epochs 5 of 60"}
    assert reasons(hyperparameters={"rhos": [1e-4]}) == {"hyperparameters": "not the paper's run: 1 of 5 rhos"}


@pytest.mark.parametrize("keep", ["beta == 5", "alpha == 0.5", "beta == 7"])
def test_claims_on_fewer_data_sets_are_measured_as_far_as_they_go(keep):
    tables = regression_trials(paper_like)
    tables["regression/trials"] = tables["regression/trials"].query(keep)
    for claim in ("B1", "B2"):
        assert verdicts(claim, tables).loc[claim, "verdict"] in ("untested", "not replicated", "inconclusive")


def test_a_sweep_outside_the_range_is_untested():
    rows = [{"experiment": "regression", "penalty": "l2", "rho": 0.01, "alpha": a, "trial": t, "r2": 0.9}
            for a in (0, 1) for t in range(4)]  # fmt: skip
    assert verdicts("G1", {"hyperparameters/trials": pd.DataFrame(rows)}).loc["G1", "verdict"] == "untested"


def test_trainings_that_diverge_are_no_fit():
    rows = [
        {"experiment": "regression", "penalty": "l2", "rho": rho, "alpha": 0, "trial": trial, "r2": 0.99 - trial / 1e5}
        for rho in (1e-5, 1e-4, 1e-3)
        for trial in range(30)
    ]
    table = pd.DataFrame(rows)
    assert verdicts("G1", {"hyperparameters/trials": table}).loc["G1a", "verdict"] == "replicated"
    table.loc[(table["rho"] == 1e-3) & (table["trial"] >= 27), "r2"] = np.nan
    judged = verdicts("G1", {"hyperparameters/trials": table}).loc["G1a"]
    assert (judged["verdict"], judged["n"], judged["measured"]) == ("inconclusive", 30, pytest.approx(0.099, abs=1e-3))
    assert judged["reason"] == "a training that diverged counts as R² = 0; 3 of 90 diverged (rho 0.001: 3)"
    table.loc[(table["rho"] == 1e-3) & (table["trial"] >= 26), "r2"] = np.nan
    judged = verdicts("G1", {"hyperparameters/trials": table}).loc["G1a"]
    assert judged["verdict"] == "untested"
    assert judged["reason"] == "4 of 90 diverged (rho 0.001: 4): more than 10 % of an ensemble"
