"""Publishing: finished trials only, each with its scale, commit, machine and minutes; nothing mixed."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sparcs import cli, files, params
from sparcs.commands import publish as commands
from sparcs.commands import spot_check
from sparcs.figures.scorecard import END, START, with_scorecard

ROOT = Path(__file__).parents[1]
BASE = params.read_yaml(ROOT / "params.yaml")
TINY = {
    "scale": "laptop",
    "regression": {
        "alphas": [0, 1],
        "betas": [5],
        "points": 200,
        "held_out_points": 100,
        "widths": [2, 10, 1],
        "training": {"epochs": 1},
        "trials": 4,
        "chunk": 2,
    },
    "depth": {"alpha_beta": {"trials": 0}},
    "rivals": {"alpha_beta": {"points": 200}, "test_points": 100, "teacher": {"trials": 0}},
}


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    return stopped.value.code or 0


def prepare(folder, overrides, jobs):
    """Train the given (data set, chunk) jobs below folder/results and record the settings."""
    settings = params.resolve(BASE, overrides)
    one, data, results = settings.regression, folder / "data", folder / "results"
    sets = json.dumps({name: list(keys) for name, keys in one.data_sets().items()})
    run(
        "generate-regression-data", "--settings", one.part(params.RegressionData), "--data-sets", sets, "--folder", data
    )
    for name, chunk in jobs:
        stem = results / "regression" / "trials" / name / chunk
        code = run(
            "train-regression", "--points", data / "points.safetensors", "--targets", data / f"{name}.safetensors",
            "--trials", chunk, "--settings", one.part(params.RegressionTrial), "--root-seed", settings.root_seed,
            "--parameters", stem.with_suffix(".safetensors"), "--table", stem.with_suffix(".parquet"),
        )  # fmt: skip
        assert code == 0
    record = {"scale": settings.scale, "paper": settings.model_dump(), "run": settings.model_dump()}
    files.write_json(results / "settings.json", record)


def publish(folder, target):
    code = run(
        "publish", "--results", folder / "results", "--lock", ROOT / "requirements.lock",
        "--published", target / "results",
    )  # fmt: skip
    table = target / "results" / "regression" / "trials.parquet"
    return code, files.read_table(table) if table.exists() else None


def test_finished_trials_are_published_and_later_ones_added(tmp_path):
    prepare(tmp_path, TINY, [("beta5_alpha0", "0-1")])
    code, trials = publish(tmp_path, tmp_path / "out")
    assert code == 0
    assert trials[["alpha", "beta", "trial"]].to_numpy().tolist() == [[0, 5, 0], [0, 5, 1]]
    assert set(trials["scale"]) == {"laptop"}
    assert trials[["commit", "machine", "finished"]].notna().all(axis=None)
    assert (trials["minutes"] > 0).all()
    assert list((tmp_path / "out").rglob("*.safetensors")) == []
    prepare(tmp_path, TINY, [("beta5_alpha0", "2-3"), ("beta5_alpha1", "0-1")])
    code, more = publish(tmp_path, tmp_path / "out")
    assert code == 0
    assert len(more) == 6
    pd.testing.assert_frame_equal(more.head(2), trials)
    skips = files.read_table(tmp_path / "out" / "results" / "regression" / "skips.parquet")
    assert skips[["alpha", "trial"]].drop_duplicates().to_numpy().tolist() == [[0, 0], [1, 0]]


def test_trials_of_other_settings_replace_those_published(tmp_path):
    for name, epochs, jobs in (("one", 1, "0-1"), ("two", 2, "2-3")):
        overrides = params.merge(TINY, {"regression": {"training": {"epochs": epochs}}})
        prepare(tmp_path / name, overrides, [("beta5_alpha0", jobs)])
        code, trials = publish(tmp_path / name, tmp_path / "out")
        assert code == 0
    assert trials["trial"].tolist() == [2, 3]
    assert trials["made_from"].nunique() == 1
    assert not (tmp_path / "out" / "results" / "regression" / "skips.parquet").exists()  # model 0 was not among them


def test_trials_made_with_other_settings_than_recorded_are_not_published(tmp_path):
    prepare(tmp_path, TINY, [("beta5_alpha0", "0-1")])
    prepare(tmp_path, params.merge(TINY, {"regression": {"training": {"epochs": 2}}}), [])
    code, trials = publish(tmp_path, tmp_path / "out")
    assert code == 0
    assert trials is None


def test_settings_and_origins_of_each_experiment_stay_those_of_its_trials(tmp_path):
    """A run that has only the depth experiment finished changes nothing of what is said of experiment 1."""
    prepare(tmp_path, TINY, [("beta5_alpha0", "0-1")])
    publish(tmp_path, tmp_path / "out")
    prepare(tmp_path / "two", params.merge(TINY, {"scale": "overnight", "regression": {"training": {"epochs": 9}}}), [])
    publish(tmp_path / "two", tmp_path / "out")
    run = files.read_json(tmp_path / "out" / "results" / "settings.json")["run"]
    assert run["scale"] == "overnight" and run["regression"]["training"]["epochs"] == 1
    found = files.read_json(tmp_path / "out" / "results" / "provenance.json")
    assert found["experiments"]["regression"]["scale"] == "laptop"
    assert found["trials"] == found["experiments"]["regression"]["trials"] == 2
    assert found["core_minutes"] >= 0 and len(found["lock_sha256"]) == 64


def test_the_settings_of_a_sweep_are_those_of_its_experiment(tmp_path):
    """The sweep of experiment 3 has no settings of its own: what is published of it decides which are kept."""
    old, new = ({"run": {"cifar10": {"trials": trials}, "root_seed": 1}} for trials in (3, 5))
    files.write_json(tmp_path / "settings.json", old)
    for name in ("cifar10", "cifar10_sweep"):
        files.write_table(tmp_path / name / "trials.parquet", pd.DataFrame({"trial": [0]}))
    assert commands.merged_settings(new, tmp_path, ["cifar10_sweep"]) == new
    assert commands.merged_settings(new, tmp_path, ["depth"]) == old


def test_published_trials_are_trained_again_and_compared(tmp_path):
    """Those of experiment 1, in another chunk; one of them was tampered with."""
    prepare(tmp_path, TINY, [("beta5_alpha0", "0-1"), ("beta5_alpha1", "2-3")])
    _, trials = publish(tmp_path, tmp_path / "out")
    path = tmp_path / "out" / "results" / "regression" / "trials.parquet"
    trials.loc[3, "r2"] *= 1.5
    files.write_table(path, trials)
    code = run("spot-check", "--published", tmp_path / "out" / "results", "--sample", 9, "--output", tmp_path / "c.csv")
    assert code == 0
    found = pd.read_csv(tmp_path / "c.csv")
    assert found["identical"].tolist() == [True, True, True, False]
    assert found["largest_difference"].tolist() == pytest.approx([0, 0, 0, 1 / 3])
    assert found["trial"][3] == "beta 5.0, alpha 1.0, trial 3" and (found["seed"] == trials["seed"]).all()
    assert (found["measures"] >= 8).all()


def test_trials_of_experiment_2_and_of_the_depth_experiment_are_those_of_the_verbs(tmp_path):
    small = {"points": 100, "test_points": 60, "selection_points": 20, "training": {"epochs": 1}}
    settings = params.resolve(
        BASE,
        {
            "regression": {"points": 100, "held_out_points": 60, "widths": [2, 6, 1]},
            "teacher_student": {**small, "widths": [3, 5, 5, 3]},
            "depth": {
                "teacher": {**small, "points": 50, "hidden": 5},
                "alpha_beta": {**small, "points": 50, "hidden": 4},
            },
            "rivals": {"teacher": {"points": 100}, "alpha_beta": {"points": 100}, "test_points": 60},
        },
    )
    two, name = settings.teacher_student, "teacher42_rotations2"
    teacher, seed = tmp_path / f"{name}.safetensors", settings.root_seed
    run("generate-teacher-data", "--settings", two.part(params.TeacherData), "--size", 3, "--seed", 42,
        "--rotations", 2, "--output", teacher, "--metadata", tmp_path / "m.json")  # fmt: skip
    run("generate-regression-data", "--settings", settings.regression.part(params.RegressionData), "--data-sets",
        '{"beta5_alpha1": [1, 5]}', "--folder", tmp_path)  # fmt: skip
    run("train-teacher-student", "--teacher", teacher, "--trials", "[1]", "--settings",
        two.of_ensemble("l2").part(params.TeacherTrial), "--root-seed", seed, "--output", tmp_path / "two")  # fmt: skip
    row = pd.Series({"ensemble": "l2", "teacher": 42, "rotations": 2, "trial": 1})
    expected = [(files.read_table(tmp_path / "two_trials.parquet"), spot_check.teacher_student_again(settings, row))]
    for data_set, alpha, data in (
        ("teacher", np.nan, [teacher]),
        ("beta5_alpha1", 1.0, [tmp_path / "points.safetensors", tmp_path / "beta5_alpha1.safetensors"]),
    ):
        run("train-depth", *data, "--depth", 2, "--gain", 1, "--trials", 3, "--settings",
            settings.depth.task_of(data_set).part(params.DepthTrial), "--root-seed", seed,
            "--output", tmp_path / data_set)  # fmt: skip
        row = pd.Series({"data_set": data_set, "alpha": alpha, "depth": 2, "gain": 1.0, "trial": 3})
        expected.append(
            (files.read_table(tmp_path / f"{data_set}_trials.parquet"), spot_check.depth_again(settings, row))
        )
    for table, again in expected:
        pd.testing.assert_series_equal(again, table.iloc[0], check_names=False, check_exact=True)


def test_a_measure_that_only_one_side_has_is_the_largest_of_differences():
    row = pd.Series({"trial": 0, "seed": 1, "commit": "c", "a": 1.0, "b": 0.0, "c": np.nan})
    same = spot_check.compared(row, row[["seed", "a", "b", "c"]], ["trial"])
    assert same["identical"] and same["largest_difference"] == 0 and same["measures"] == 4
    for values in ({"a": np.nan}, {"a": np.inf}, {"c": 2.0}, {"d": 1.0}):
        other = spot_check.compared(
            row, pd.concat([row[["a", "b", "c"]].drop([*values], errors="ignore"), pd.Series(values)]), ["trial"]
        )
        assert not other["identical"] and other["largest_difference"] == np.inf


def test_the_committed_settings_are_those_that_a_spot_check_needs(tmp_path):
    published = ROOT / "results" / "published"
    assert spot_check.read_run(published / "settings.json").root_seed == 2025
    assert len(spot_check.sampled(published / "regression" / "trials.parquet", 3, 0)) == 3
    files.write_json(tmp_path / "settings.json", {"scale": "laptop"})
    with pytest.raises(files.ArtifactError, match=r"settings\.json has no settings"):
        spot_check.read_run(tmp_path / "settings.json")
    assert run("spot-check", "--published", tmp_path, "--output", tmp_path / "c.csv") == 2


def test_core_minutes_are_kept_per_scale(tmp_path):
    table = pd.DataFrame({"rule": ["b", "a"], "core_minutes": [1.0, 2.0]})
    for scale in ("laptop", "overnight", "laptop"):
        files.write_csv(tmp_path / "new.csv", table.assign(scale=scale))
        commands.write_core_minutes(tmp_path / "new.csv", tmp_path / "core_minutes.csv")
    kept = pd.read_csv(tmp_path / "core_minutes.csv")
    assert kept[["scale", "rule"]].to_numpy().tolist() == [
        ["laptop", "a"],
        ["laptop", "b"],
        ["overnight", "a"],
        ["overnight", "b"],
    ]


def test_what_tuning_took_is_published_and_counted(tmp_path):
    """A job of 90 seconds that tried three values with two strengths each: half a minute a value."""
    tuning = pd.DataFrame({"task": "teacher", "method": ["darts"] * 3 + ["gaea"], "value": ["1", "2", "3", "1"]})
    where = {"commit": "abc", "machine": "one", "device": "cpu", "finished": "2026-01-02 00:00:00", "made_from": "0"}
    for method, seconds in (("darts", 90), ("gaea", 60)):
        record = where | {"seconds": seconds, "trials": 6}
        files.write_json(tmp_path / "tuning" / "teacher" / f"{method}.provenance.json", record)
    timed = commands._with_minutes(tuning, tmp_path / "tuning")
    assert timed["minutes"].tolist() == [0.5, 0.5, 0.5, 1.0] and set(timed["commit"]) == {"abc"}
    assert "made_from" not in timed  # a row takes that of its method's trials
    assert commands._with_minutes(tuning.head(0), tmp_path / "tuning").empty
    published = tmp_path / "published"
    files.write_table(published / "rivals" / "tuning.parquet", timed.assign(scale="overnight"))
    files.write_table(published / "depth" / "tuning.parquet", tuning)  # as earlier versions published it
    assert commands.published_trials(published).groupby("experiment")["minutes"].sum().to_dict() == {"rivals": 2.5}


def test_pages_go_beside_the_tables_and_the_scorecard_into_the_readme(tmp_path):
    results, figures, published = (tmp_path / name for name in ("rebuilt", "figures", "out"))
    claims = pd.read_csv(ROOT / "results" / "published" / "claims.csv")
    files.write_csv(results / "claims.csv", claims)
    for path in (results / "reports" / "01_theory.html", figures / "fig07.svg"):
        path.parent.mkdir(parents=True)
        path.write_text("made again")
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{START}\nstale\n{END}\nafter\n")
    code = run(
        "publish-pages", "--results", results, "--figures", figures, "--published", published,
        "--published-figures", published / "figures", "--readme", readme,
    )  # fmt: skip
    assert code == 0
    assert (published / "reports" / "01_theory.html").read_text() == "made again"
    assert (published / "figures" / "fig07.svg").read_text() == "made again"
    text = readme.read_text()
    assert text.startswith(f"before\n{START}\n|") and text.endswith(f"{END}\nafter\n") and "stale" not in text
    rows = [line for line in text.splitlines() if line.startswith("| **")]
    assert len(rows) == claims["id"].str.fullmatch(r"[A-Z]\d+").sum()
    decides = next(row for row in rows if row.startswith("| **D2**"))
    assert "deleting the other layer" in decides and "✘ not replicated" in decides  # the part that fails


def test_a_readme_without_a_place_for_the_scorecard_is_refused():
    with pytest.raises(files.ArtifactError, match="must stand in the text"):
        with_scorecard("nothing here", pd.DataFrame())


def test_the_scorecard_of_the_readme_is_that_of_the_published_claims():
    text = (ROOT / "README.md").read_text()
    assert with_scorecard(text, pd.read_csv(ROOT / "results" / "published" / "claims.csv")) == text


def test_more_trials_are_the_same_settings(tmp_path):
    """The same trial at another scale, with more trials and other chunks, has the same fingerprint."""
    prepare(tmp_path / "one", TINY, [("beta5_alpha0", "0-1")])
    publish(tmp_path / "one", tmp_path / "out")
    more = params.merge(TINY, {"scale": "overnight", "regression": {"trials": 5, "chunk": 3}})
    prepare(tmp_path / "two", more, [("beta5_alpha0", "3-4")])
    code, trials = publish(tmp_path / "two", tmp_path / "out")
    assert code == 0
    assert trials[["trial", "scale"]].to_numpy().tolist() == [
        [0, "laptop"],
        [1, "laptop"],
        [3, "overnight"],
        [4, "overnight"],
    ]


def test_data_sets_published_before_stay_while_a_new_run_is_under_way(tmp_path):
    prepare(tmp_path / "one", TINY, [("beta5_alpha0", "0-1"), ("beta5_alpha1", "0-1")])
    publish(tmp_path / "one", tmp_path / "out")
    prepare(tmp_path / "two", params.merge(TINY, {"scale": "overnight"}), [("beta5_alpha1", "0-1")])
    code, trials = publish(tmp_path / "two", tmp_path / "out")
    assert code == 0
    assert trials[["alpha", "scale"]].drop_duplicates().to_numpy().tolist() == [[0, "laptop"], [1, "overnight"]]
    skips = files.read_table(tmp_path / "out" / "results" / "regression" / "skips.parquet")
    assert len(skips) == 6


def test_costs_of_every_device_stay_when_trials_are_trained_again_on_another(tmp_path):
    def tables(device, trials):
        rows = pd.DataFrame({"head": "linear", "trial": trials, "device": device})
        return {
            "trials": rows.assign(test_accuracy=60.0, made_from="same"),
            "costs": rows.assign(seconds=1.0),
        }

    for device, trials in (("cpu", [0, 1]), ("cuda", [0]), ("cuda", [0, 1])):
        commands.write_merged(tables(device, trials), tmp_path, "cifar10")
    costs, trials = (files.read_table(tmp_path / f"{name}.parquet") for name in ("costs", "trials"))
    assert sorted(zip(costs["trial"], costs["device"], strict=True)) == [
        (0, "cpu"),
        (0, "cuda"),
        (1, "cpu"),
        (1, "cuda"),
    ]
    assert trials["device"].tolist() == ["cuda", "cuda"]


def test_nothing_finished_publishes_nothing(tmp_path):
    prepare(tmp_path, TINY, [])
    code, trials = publish(tmp_path, tmp_path / "out")
    assert code == 0
    assert trials is None
