"""Published trials trained again: every experiment's as its verb trains it, and when they count as the same."""

import numpy as np
import pandas as pd
import pytest

from replication.experiments.cifar10.settings import Cifar10Trial
from replication.experiments.depth.settings import DepthTrial
from replication.experiments.regression.settings import RegressionData
from replication.experiments.settings import resolve_settings
from replication.experiments.teacher_student.settings import TeacherData, TeacherTrial
from replication.records import io, provenance
from replication.spot_check import commands as spot_check
from replication.spot_check import compare_runs, retrain
from small_runs import BASE, ROOT, TINY, prepare, publish, run

OTHER = "Another processor, 2 cores, Linux x86_64"
PUBLISHED = ROOT / "results" / "published"


@pytest.fixture
def small(tmp_path):
    """Six published trials of experiment 1, one of them on a GPU, and the path of their table."""
    prepare(tmp_path, TINY, [("beta5_alpha0", "0-1"), ("beta5_alpha1", "0-1"), ("beta5_alpha1", "2-3")])
    publish(tmp_path, tmp_path / "out")
    path = tmp_path / "out" / "results" / "regression" / "trials.parquet"
    trials = io.read_table(path)
    trials.loc[0, "device"] = "cuda"
    io.write_table(path, trials)
    return path


def check(path, **changes):
    """The exit code of a spot check of every published trial and its two tables; changes: of the table's columns."""
    io.write_table(path, io.read_table(path).assign(**changes))
    published = path.parents[1]
    code = run("spot-check", "--published", published, "--images", published / "none", "--sample", 9, "--output",
               published / "c.csv")  # fmt: skip
    return code, *(pd.read_csv(published / name) for name in ("c.csv", "c_means.csv"))


def test_trials_that_are_the_same_are_identical(small, capsys):
    code, trials, means = check(small)
    assert code == 0 and means.empty
    assert set(trials["verdict"]) == {"identical"} and (trials["largest_difference"] == 0).all()
    assert trials["trial"].tolist()[:2] == ["beta 5.0, alpha 0.0, trial 1", "beta 5.0, alpha 1.0, trial 0"]
    assert (trials["measures"] >= 8).all()
    output = capsys.readouterr().out
    assert "regression: 1 of 6 trials are left out, for a GPU trained them" in output
    assert "5 trials trained again: 5 identical" in output


def test_one_bit_too_many_on_the_same_processor_is_a_sentence_and_exit_code_1(small, monkeypatch, capsys):
    monkeypatch.setattr(spot_check, "unchanged_since", lambda commit, files: True)
    r2 = io.read_table(small)["r2"].to_numpy(copy=True)
    r2[3] = np.nextafter(r2[3], 2)
    code, trials, _ = check(small, r2=r2)
    assert code == 1
    assert trials["verdict"].tolist() == ["identical"] * 2 + ["differs"] + ["identical"] * 2
    [sentence] = capsys.readouterr().err.splitlines()[-1:]
    assert sentence.startswith("replication: regression, beta 5.0, alpha 1.0, trial 1: not the same as published")


def test_a_trial_whose_sources_changed_is_reported_and_not_judged(small, capsys):
    code, trials, means = check(small, commit="unknown", r2=0.5, machine=[OTHER, *[provenance.machine()] * 5])
    assert code == 0 and set(trials["verdict"]) == {"source changed"} and means["sources_changed"].all()
    assert means.set_index("measure")["within"].sum() == len(means) - 1
    said = f"(of {len(means)} means {len(means) - 1} are within the tolerance, which is not judged)"
    assert f"5 differ and their sources changed since {said}" in capsys.readouterr().out


def test_on_another_processor_the_means_decide(small, monkeypatch, capsys):
    monkeypatch.setattr(spot_check, "unchanged_since", lambda commit, files: True)
    before = io.read_table(small)
    spread = np.sqrt(before[1:].groupby("alpha")["mse"].var().mean())  # of trials 0 to 3 at α = 1 alone
    code, trials, means = check(small, machine=OTHER, mse=before["mse"] + 1.9 * spread)
    assert code == 0 and set(trials["verdict"]) == {"other processor"}
    means = means.set_index("measure")
    assert means["within"].all() and means.loc["mse", "trials"] == 5 and not means["sources_changed"].any()
    assert means.loc["mse", "again"] == pytest.approx(before["mse"][1:].mean())
    assert means.loc["mse", "tolerance"] == pytest.approx(2 * spread, rel=1e-3)
    assert "seed" not in means.index
    code, _, means = check(small, mse=before["mse"] + 2.1 * spread)
    assert code == 1 and means.set_index("measure")["within"].sum() == len(means) - 1
    assert "replication: regression: the mean of mse over 5 trials is" in capsys.readouterr().err


def test_means_of_trials_whose_sources_changed_stand_apart(small, monkeypatch, capsys):
    monkeypatch.setattr(spot_check, "unchanged_since", lambda commit, files: commit == "new")
    code, _, means = check(small, machine=OTHER, r2=0.5, commit=["old"] * 4 + ["new"] * 2)
    r2 = means[means["measure"] == "r2"].set_index("sources_changed")
    assert code == 1 and r2["trials"].to_dict() == {True: 3, False: 2} and not r2["within"].any()
    [sentence] = [line for line in capsys.readouterr().err.splitlines() if "replication: " in line]
    assert "the mean of r2 over 2 trials is" in sentence


def test_another_seed_is_not_the_same_trial_on_any_processor(small, monkeypatch):
    monkeypatch.setattr(spot_check, "unchanged_since", lambda commit, files: True)
    code, trials, _ = check(small, machine=OTHER, seed=io.read_table(small)["seed"] + 1)
    assert code == 1 and set(trials["verdict"]) == {"differs"}


@pytest.mark.parametrize(
    ("value", "other", "expected"),
    [(1.0, 1.0, 0), (np.nan, None, 0), (2.0, 3.0, 1 / 3), (True, False, 1), ("a", "a", 0), ("a", "b", np.inf),
     (1.0, np.nan, np.inf), (np.inf, np.inf, 0), (np.inf, 1.0, np.inf), (np.nan, "a", np.inf)],
)  # fmt: skip
def test_the_difference_of_two_values(value, other, expected):
    assert compare_runs.difference(value, other) == compare_runs.difference(other, value) == pytest.approx(expected)


def test_the_spread_is_that_of_trials_alike():
    table = pd.DataFrame({"a": [0, 0, 1, 1, 2], "x": [1.0, 3.0, 5.0, 5.0, np.inf], "text": "t", "y": 2.0})
    spread = compare_runs.spread_of(table, ["a"])
    assert spread["x"] == pytest.approx(np.sqrt(np.mean([2.0, 2.0, 0.0, 0.0])))
    assert spread["y"] == 0 and "text" not in spread
    assert compare_runs.spread_of(table.head(1), ["a"])["x"] == 0
    assert compare_runs.spread_of(table.head(2), [])["x"] == pytest.approx(2**0.5)


@pytest.mark.parametrize(
    ("rows", "spread", "within"),
    [([[1, 1]], 0, True), ([[1, 1 + 1e-9]], 0, True), ([[1, 1.001]], 0, False), ([[1, 3], [2, 2]], 0.6, True),
     ([[1, 3], [2, 2]], 0.4, False), ([[1, 2], [2, 1]], 0, True), ([[np.nan, np.nan]], 0, True),
     ([[np.nan, np.nan], [1, 2]], 0.4, False), ([[1, np.nan]], 9, False), ([[np.inf, 1]], 9, False),
     ([[np.inf, np.inf]], 0, True)],
)  # fmt: skip
def test_a_mean_may_be_two_standard_deviations_away(rows, spread, within):
    assert compare_runs.mean_of(np.array(rows, dtype=float), spread)["within"] == within


def test_settings_older_than_what_their_experiment_asks_for_leave_it_out(small, capsys):
    path = small.parents[1] / "settings.json"
    values = io.read_json(path)
    del values["run"]["regression"]["active_threshold"]
    io.write_json(path, values)
    assert run("spot-check", "--published", path.parent, "--images", path.parent, "--output", "c.csv") == 2
    output = capsys.readouterr()
    assert "regression: left out: active_threshold is missing" in output.out
    assert output.err == f"replication: {path.parent} has no trials that can be trained again here\n"


def test_an_experiment_that_was_asked_for_and_cannot_be_trained_is_one_sentence(tmp_path, capsys):
    published = tmp_path / "published"
    io.write_json(published / "settings.json", {"run": resolve_settings(BASE, {"scale": "smoke"}).model_dump()})
    rows = pd.DataFrame({"device": ["cpu"], "stand_in": [False]})
    for name in ("cifar10/trials", "cifar100/probes"):
        io.write_table(published / f"{name}.parquet", rows)
    record = tmp_path / "images" / "cifar10.json"
    sources = resolve_settings(BASE, {"scale": "smoke"}).images.model_dump_json()
    assert run("prepare-images", "cifar10", "--settings", sources, "--output", record) == 0
    command = ["spot-check", "--published", published, "--images", record.parent, "--output", tmp_path / "c.csv"]
    assert run(*command, "--also", "cifar10") == 2
    output = capsys.readouterr()
    assert "probes: left out: " in output.out and "cifar100.json" in output.out
    assert f"{record} names stand-in images, the trials are of CIFAR's images" in output.err
    assert run(*command, "--also", "everything") == 2


def test_trials_of_experiment_2_and_of_the_depth_experiment_are_those_of_the_verbs(tmp_path):
    small = {"points": 100, "test_points": 60, "selection_points": 20, "training": {"epochs": 1}}
    settings = resolve_settings(
        BASE,
        {
            "regression": {"points": 100, "held_out_points": 60, "widths": [2, 6, 1]},
            "teacher_student": {**small, "widths": [3, 5, 5, 3]},
            "depth": {
                "teacher": {**small, "points": 50, "hidden": 5},
                "alpha_beta": {**small, "points": 50, "hidden": 4},
            },
            "baselines": {"teacher": {"points": 100}, "alpha_beta": {"points": 100}, "test_points": 60},
        },
    )
    students, name = settings.teacher_student, "teacher42_rotations2"
    teacher, seed = tmp_path / f"{name}.safetensors", settings.root_seed
    io.write_json(tmp_path / "settings.json", {"run": settings.model_dump()})
    published_run = retrain.Run(tmp_path / "settings.json", tmp_path)
    run("generate-teacher-data", "--settings", students.part(TeacherData), "--size", 3, "--seed", 42,
        "--rotations", 2, "--output", teacher, "--metadata", tmp_path / "m.json")  # fmt: skip
    run("generate-regression-data", "--settings", settings.regression.part(RegressionData), "--data-sets",
        '{"beta5_alpha1": [1, 5]}', "--folder", tmp_path)  # fmt: skip
    run("train-teacher-student", "--teacher", teacher, "--trials", "[1]", "--settings",
        students.of_ensemble("l2").part(TeacherTrial), "--root-seed", seed, "--output", tmp_path / "two")  # fmt: skip
    row = pd.Series({"ensemble": "l2", "teacher": 42, "rotations": 2, "trial": 1})
    trained = retrain.train_again(published_run, "teacher_student", row)
    expected = [(io.read_table(tmp_path / "two_trials.parquet"), trained)]
    for data_set, alpha, data in (
        ("teacher", np.nan, [teacher]),
        ("beta5_alpha1", 1.0, [tmp_path / "points.safetensors", tmp_path / "beta5_alpha1.safetensors"]),
    ):
        run("train-depth", *data, "--depth", 2, "--gain", 1, "--trials", 3, "--settings",
            settings.depth.task_of(data_set).part(DepthTrial), "--root-seed", seed,
            "--output", tmp_path / data_set)  # fmt: skip
        row = pd.Series({"data_set": data_set, "alpha": alpha, "depth": 2, "gain": 1.0, "trial": 3})
        trained = retrain.train_again(published_run, "depth", row)
        expected.append((io.read_table(tmp_path / f"{data_set}_trials.parquet"), trained))
    for table, trained in expected:
        pd.testing.assert_series_equal(trained, table.iloc[0], check_names=False, check_exact=True)


def test_the_committed_settings_are_those_that_a_spot_check_needs(tmp_path, capsys):
    published_run = retrain.Run(PUBLISHED / "settings.json", tmp_path)
    assert published_run.root_seed == 2025
    drawn = spot_check.draw(published_run, "regression", PUBLISHED / "regression" / "trials.parquet", 3, 0, asked=True)
    assert len(drawn) == 3 and all(spread["r2"] > 0 for _, spread in drawn)
    io.write_json(tmp_path / "settings.json", {"scale": "laptop"})
    with pytest.raises(io.ArtifactError, match=r"settings\.json has no settings"):
        assert retrain.Run(tmp_path / "settings.json", tmp_path).root_seed


@pytest.mark.pipeline
@pytest.mark.artifacts
@pytest.mark.reliability
def test_one_trial_of_every_experiment_is_the_one_of_a_whole_run(built, tmp_path, monkeypatch, evidence):
    monkeypatch.chdir(built)
    published = tmp_path / "published"
    io.write_json(published / "settings.json", io.read_json(built / "results/smoke/settings.json"))
    origin = {"commit": "unknown", "machine": provenance.machine(), "device": "cpu"}
    experiments = [name for name in retrain.AGAIN if name != "cifar10_sweep"]  # left out of the tiny scale
    for name in experiments:
        path = spot_check.TABLES[name]
        io.write_table(published / path, io.read_table(built / "results/smoke" / path).assign(**origin))
    also = [word for name in spot_check.HOURS if name in experiments for word in ("--also", name)]
    code = run("spot-check", "--published", published, "--images", built / "data/smoke/images", *also, "--sample", 2,
               "--output", tmp_path / "c.csv")  # fmt: skip
    trials = pd.read_csv(tmp_path / "c.csv")
    assert code == 0 and list(dict.fromkeys(trials["experiment"])) == experiments
    assert set(trials["verdict"]) == {"identical"}, trials.to_string()
    evidence("Published trials", "trained again from their seeds, of every experiment, and identical", len(trials))


def test_a_trial_of_the_sweep_on_experiment_3_has_the_settings_of_its_point(monkeypatch, tmp_path):
    settings = resolve_settings(BASE, {"scale": "overnight"})
    io.write_json(tmp_path / "settings.json", {"run": settings.model_dump()})
    calls = []
    monkeypatch.setattr(retrain, "_by_verb", lambda verb, run, row, data_set, **options: calls.append(options))
    published_run = retrain.Run(tmp_path / "settings.json", tmp_path)
    for head, penalty, rho in (("linear", "none", 0.0), ("spectral", "l2", 0.001)):
        retrain.train_again(
            published_run, "cifar10_sweep", pd.Series({"head": head, "penalty": penalty, "rho": rho, "trial": 1})
        )
    points = settings.cifar10.sweep_points()
    expected = [points[name][1].part(Cifar10Trial) for name in ("linear", "l2_0.001")]
    assert [options["settings"].model_dump_json() for options in calls] == expected
    assert [options["head"] for options in calls] == ["linear", "spectral"]
