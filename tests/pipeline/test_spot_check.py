"""Published trials trained again: which are drawn, and when they count as the same."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from replication import spot_check
from replication.experiments import EXPERIMENTS
from replication.judging import agreement
from replication.records import io
from replication.records.fingerprints import LEGACY
from small_runs import TEACHER, change, generate, jobs_of, publish, record_settings, run, settings_of, table, train

OTHER = "Another processor, 2 cores, Linux x86_64"
TRIALS = "teacher_student/trials"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of experiments 1 and 2, and what is published of it."""
    folder = tmp_path_factory.mktemp("run")
    for name, of_stage in (("regression", "trials"), ("teacher_student", "trials"), ("teacher_student", "linear")):
        train(folder, settings_of(), name, of_stage=of_stage)
    assert publish(folder, folder / "published") == 0
    return folder


@pytest.fixture(scope="module")
def made():
    """What was trained again, by stage and job."""
    return {}


@pytest.fixture
def once(made, monkeypatch):
    """Train again only what no test before has."""
    trained_again = spot_check.trained_again

    def kept(run, experiment, stage, job, *folders):
        key = experiment.name, stage.name, job.name
        made[key] = made.get(key) or trained_again(run, experiment, stage, job, *folders)
        return made[key]

    monkeypatch.setattr(spot_check, "trained_again", kept)


@pytest.fixture
def check(trained, once, tmp_path, capsys):
    """A spot check, after changes of columns of experiment 2's trials: its exit code, report and output."""

    def checked(*options, **columns):
        published = shutil.copytree(trained / "published", tmp_path / "published", dirs_exist_ok=True)
        change(published, TRIALS, lambda table: table.assign(**columns))
        code = run("spot-check", "--settings", trained / "results" / "settings.json", "--data", trained / "data",
                   "--published", published, "--sample", 9, "--output", tmp_path / "c.csv", *options)  # fmt: skip
        report = pd.read_csv(tmp_path / "c.csv") if (tmp_path / "c.csv").exists() else None
        return code, report, capsys.readouterr()

    return checked


def test_trials_that_are_the_same_are_identical(check):
    code, report, output = check()
    assert code == 0 and len(report) == 2 + 3 + 1 and set(report["verdict"]) == {"identical"}
    assert (report["largest_difference"] == 0).all()
    assert "spot_check: 6 of " in output.out and "another fingerprint" not in output.out
    assert len(check("--sample", 1)[1]) == 3


def test_one_bit_too_many_on_the_same_processor_is_a_sentence_and_exit_code_1(check, trained):
    r2 = table(trained / "published", TRIALS)["test_r2"].to_numpy(copy=True)
    r2[1] = np.nextafter(r2[1], 2)
    code, report, output = check(test_r2=r2)
    assert code == 1 and (report["verdict"] == "differs").sum() == 1
    [sentence] = output.err.splitlines()[-1:]
    assert sentence.startswith(
        "replication: teacher_student, trials/l2/teacher42_rotations2/1: not as published on this"
    )
    assert "trials.test_r2" in sentence


def test_what_is_trained_before_does_not_matter(tmp_path):
    """MKL rounds as at the first product of a process, and has baselines rounded otherwise than experiment 2."""
    alone = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}

    def by_itself(*words):
        verb = [sys.executable, "-m", "replication", *map(str, words)]
        done = subprocess.run(verb, env=alone, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    one = {"alphas": [1], "trials": 1, "steps": 20, "tuning_trials": 0}
    few = {"methods": ["sparcs_l2"], "confirmation": {"trials": 0}, "alpha_beta": one}
    settings = settings_of({"teacher_student": {"ensembles": {"l2": {"trials": 1}}}, "baselines": few})
    record_settings(tmp_path, settings)
    generate(tmp_path / "data", settings)
    folders = "--data", tmp_path / "data", "--results", tmp_path / "results"
    for name in ("teacher_student", "baselines"):
        for *_, text in jobs_of(settings, name):
            by_itself("train", f"{name}.trials", "--job", text, *folders)
    assert publish(tmp_path, tmp_path / "published") == 0
    by_itself("spot-check", "--settings", tmp_path / "results" / "settings.json", *folders[:2],
              "--published", tmp_path / "published", "--output", tmp_path / "c.csv")  # fmt: skip
    report = pd.read_csv(tmp_path / "c.csv")
    assert report["verdict"].tolist() == ["identical"] * 2


def test_a_job_that_fails_ends_the_check_with_its_sentence(trained, tmp_path, monkeypatch, capfd):
    """Its data are gone."""
    data = shutil.copytree(trained / "data", tmp_path / "data")
    own = subprocess.run

    def without_data(*words, **named):
        shutil.rmtree(data)
        return own(*words, **named)

    monkeypatch.setattr(spot_check.subprocess, "run", without_data)
    code = run("spot-check", "--settings", trained / "results" / "settings.json", "--data", data,
               "--published", trained / "published", "--output", tmp_path / "c.csv")  # fmt: skip
    assert code == 2 and not (tmp_path / "c.csv").exists()
    assert capfd.readouterr().err.startswith(f"replication: {data}")


def test_other_tables_are_compared_too(trained, once, tmp_path):
    published = shutil.copytree(trained / "published", tmp_path / "published")
    change(published, "teacher_student/pruning", lambda table: table.assign(r2=0.5))
    code = run("spot-check", "--settings", trained / "results" / "settings.json", "--data", trained / "data",
               "--published", published, "--output", tmp_path / "c.csv")  # fmt: skip
    assert code == 1 and "pruning.r2" in set(pd.read_csv(tmp_path / "c.csv")["measure"])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"fingerprint": [LEGACY, "other", "x"]}, "another fingerprint (3)"),
        ({"device": "cuda"}, "; left out: 3 jobs of a GPU or over 10 minutes (also=teacher_student)"),
    ],
)
def test_rows_that_are_not_this_checkouts_are_counted_and_not_drawn(columns, said, check):
    code, report, output = check(**columns)
    assert code == 0 and len(report) == 3 and not report["job"].str.contains("teacher_student, trials").any()
    assert said in output.out


def test_what_takes_long_is_checked_only_if_asked_for(check):
    code, report, output = check(minutes=[11.0, 1.0, 1.0])
    assert code == 0 and len(report) == 5
    assert "; left out: 1 job of a GPU or over 10 minutes (also=teacher_student)" in output.out
    assert len(check("--also", "teacher_student", minutes=[11.0, 1.0, 1.0])[1]) == 6


def test_on_another_processor_the_means_decide(check, trained):
    before = table(trained / "published", TRIALS)
    spread = before["test_mse"].std()
    code, report, _ = check(machine=OTHER, test_mse=before["test_mse"] + 1.9 * spread)
    assert code == 0 and set(report["verdict"]) == {"identical", "other processor"}
    code, _, output = check(machine=OTHER, test_mse=before["test_mse"] + 2.1 * spread)
    assert code == 1 and "replication: teacher_student: the mean of trials.test_mse is" in output.err
    assert output.err.count("replication:") == 1


def test_another_seed_is_not_the_same_trial_on_any_processor(check, trained):
    code, report, _ = check(machine=OTHER, seed=table(trained / "published", TRIALS)["seed"] + 1)
    assert code == 1 and (report["verdict"] == "differs").sum() == 3


def test_nothing_to_train_is_one_sentence(trained, tmp_path, capsys):
    record_settings(tmp_path, settings_of({"root_seed": 1}))
    code = run("spot-check", "--settings", tmp_path / "results" / "settings.json", "--data", trained / "data",
               "--published", trained / "published", "--output", tmp_path / "c.csv")  # fmt: skip
    assert code == 2 and "has no jobs that can be trained again here" in capsys.readouterr().err


def test_the_data_of_what_is_drawn_are_known_before(trained):
    files = spot_check.data_files(settings_of(), trained / "published", 9, 0, ())
    assert files == [*(f"regression/{name}.safetensors" for name in ("beta5_alpha0", "beta5_alpha1", "points")),
                     "teacher_student/teacher42_rotations2.safetensors"]  # fmt: skip
    assert spot_check.data_files(settings_of(TEACHER, {"root_seed": 1}), trained / "published", 9, 0, ()) == []


@pytest.mark.parametrize(
    ("value", "other", "expected"),
    [(1.0, 1.0, 0), (np.nan, np.nan, 0), (2.0, 3.0, 1 / 3), (True, False, 1), ("a", "a", 0), ("a", "b", np.inf),
     (1.0, np.nan, np.inf), (np.inf, np.inf, 0), (np.inf, 1.0, np.inf), (np.nan, "a", np.inf)],
)  # fmt: skip
def test_the_difference_of_two_values(value, other, expected):
    one, two = (pd.Series([each], dtype=object) for each in (value, other))
    both = (agreement.differences(*pair)["difference"].tolist() for pair in ((one, two), (two, one)))
    assert all(difference == [pytest.approx(expected)] for difference in both)
    longer = agreement.differences(one, pd.Series([value, 1.0], dtype=object))
    assert longer["difference"].tolist() == [0, np.inf]


def test_the_spread_is_that_of_trials_alike():
    table = pd.DataFrame({"a": [0, 0, 1, 1, 2], "x": [1.0, 3.0, 5.0, 5.0, np.inf], "text": "t", "y": 2.0})
    spread = agreement.spread_of(table, ["a", "trial"])
    assert spread["x"] == pytest.approx(np.sqrt(np.mean([2.0, 2.0, 0.0, 0.0])))
    assert spread["y"] == 0 and "text" not in spread
    assert agreement.spread_of(table.head(1), ["a", "trial"])["x"] == 0
    assert agreement.spread_of(table.head(2), ["trial"])["x"] == pytest.approx(2**0.5)


@pytest.mark.parametrize(
    ("rows", "spread", "within"),
    [([[1, 1]], 0, True), ([[1, 1 + 1e-9]], 0, True), ([[1, 1.001]], 0, False), ([[1, 3], [2, 2]], 0.6, True),
     ([[1, 3], [2, 2]], 0.4, False), ([[1, 2], [2, 1]], 0, True), ([[np.nan, np.nan]], 0, True),
     ([[np.nan, np.nan], [1, 2]], 0.4, False), ([[1, np.nan]], 9, False), ([[np.inf, 1]], 9, False),
     ([[np.inf, np.inf]], 0, True)],
)  # fmt: skip
def test_a_mean_may_be_two_standard_deviations_away(rows, spread, within):
    table = pd.DataFrame(np.array(rows, dtype=float), columns=["published", "again"])
    spread = pd.Series({"x": spread, "absent": 1.0})
    apart = [*agreement.means_apart(pd.concat({"x": table}), spread)]
    assert (apart == []) == within


@pytest.mark.pipeline
@pytest.mark.artifacts
@pytest.mark.reliability
def test_one_trial_of_every_experiment_is_the_one_of_a_whole_run(built, tmp_path, evidence):
    results = shutil.copytree(built / "results" / "smoke", tmp_path / "results")
    values = io.read_json(results / "settings.json")
    io.write_json(
        results / "settings.json", values | {"run": values["run"] | {"scale": "laptop"}}
    )  # else not published
    assert publish(tmp_path, tmp_path / "out") == 0
    also = [word for name in EXPERIMENTS for word in ("--also", name)]
    code = run("spot-check", "--settings", results / "settings.json", "--data", built / "data" / "smoke", *also,
               "--published", tmp_path / "out", "--sample", 2, "--output", tmp_path / "c.csv")  # fmt: skip
    trials = pd.read_csv(tmp_path / "c.csv")
    assert code == 0 and set(trials["verdict"]) == {"identical"}, trials.to_string()
    evidence("Published trials", "trained again from their seeds, of every experiment, and identical", len(trials))
