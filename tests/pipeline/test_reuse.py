"""Published trials in place of training: which jobs they stand for, their files, and a run that takes them."""

import re
import shutil

import pandas as pd
import pytest

import tiny
from replication import params
from replication.publish import rows
from replication.records import io
from replication.records.fingerprints import LEGACY
from small_runs import BASE, TEACHER, change, jobs_of, publish, run, settings_of, table, train

OVERLAY = {
    "teacher_student": {
        "chunk": 1,
        "ensembles": {name: {"trials": 0} for name in BASE["teacher_student"]["ensembles"]}
        | {"l2": {"trials": 2, "new_teacher_every": 0}},
        "map": {"trials": 0, "full_trials": 0},
    },
    "hyperparameters": {"penalties": ["l2"], "rhos": [0.0001], "alphas": [1], "trials": 1},
    "depth": {"chunk": 1, "teacher": {"depths": [1], "trials": 1}, "initial_scale": {"trials": 0}},
}
TARGETS = ["tabulate_teacher_student", "tabulate_hyperparameters", "tabulate_depth"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of experiments 1 and 2, and what is published of it."""
    folder = tmp_path_factory.mktemp("run")
    for name, of_stage in (("teacher_student", "trials"), ("teacher_student", "linear"), ("regression", "trials")):
        train(folder, settings_of(), name, of_stage=of_stage)
    assert publish(folder, folder / "published") == 0
    return folder


@pytest.fixture
def published(trained, tmp_path):
    return shutil.copytree(trained / "published", tmp_path / "published")


def taken(published, *changes, name="teacher_student"):
    """The names of the jobs of an experiment that are taken, and the sentence."""
    jobs, sentence = rows.jobs_taken(settings_of(*changes), published)
    return [job.name for experiment, _, job, *_ in jobs if experiment.name == name], sentence


def test_jobs_are_taken_by_fingerprint_without_git(published, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    teacher = [f"l2/teacher42_rotations2/{trial}" for trial in range(3)]
    names, sentence = taken(published)
    assert names == [*teacher, "all"]
    assert sentence.startswith("4 of ") and " jobs taken; " in sentence and " not, because: " in sentence
    assert "parameters are not published (2)" in sentence and "no such row (" in sentence
    more = {"teacher_student": {"ensembles": {"l2": {"trials": 5}}}}
    assert taken(published, more)[0] == [*teacher, "all"], "counts are not part of the fingerprint, and two are trained"
    assert taken(published, {"scale": "laptop"}, {"teacher_student": {"chunk": 3}})[0] == [f"{teacher[0]}-1-2", "all"]


@pytest.mark.parametrize(
    ("changes", "left", "why"),
    [
        (TEACHER, ["all"], "another fingerprint (3)"),
        ({"teacher_student": {"points": 61}}, [], "another fingerprint (4)"),
        ({"root_seed": 1}, [], "another fingerprint (4)"),
    ],
)
def test_jobs_of_other_settings_data_or_seeds_are_trained(changes, left, why, published):
    names, sentence = taken(published, changes)
    assert names == left and why in sentence


def test_rows_without_fingerprints_and_stand_ins_are_not_taken(published):
    marks = [LEGACY, table(published, "teacher_student/trials")["fingerprint"][1] + rows.STAND_IN]
    change(published, "teacher_student/trials", lambda t: t.assign(fingerprint=[*marks, t["fingerprint"][2]]))
    names, sentence = taken(published)
    assert names == ["l2/teacher42_rotations2/2", "all"]
    assert "another fingerprint (1)" in sentence and "stand-in images (1)" in sentence


def test_where_nothing_is_published_all_is_trained(tmp_path):
    names, sentence = taken(tmp_path)
    assert names == [] and sentence.startswith("0 of ")


@pytest.mark.parametrize("of_stage", ["trials", "linear"])
def test_the_files_of_a_job_that_is_taken_are_those_of_its_training(of_stage, trained, tmp_path):
    results = trained / "results" / "teacher_student" / of_stage
    for _, stage, job, text in jobs_of(settings_of(), "teacher_student", of_stage):
        code = run("take-published", f"teacher_student.{of_stage}", "--job", text,
                   "--published", trained / "published", "--results", tmp_path)  # fmt: skip
        assert code == 0
        made = tmp_path / "teacher_student" / of_stage
        for name, key in stage.tables.items():
            file = f"{job.name}_{name}.parquet"
            before = io.read_table(results / file).sort_values([*key]).reset_index(drop=True)
            pd.testing.assert_frame_equal(io.read_table(made / file), before)
        one, other = (io.read_json(folder / f"{job.name}.provenance.json") for folder in (made, results))
        assert {**other, "inputs": {}} == {**one, "seconds": pytest.approx(one["seconds"])}


def test_a_job_that_is_not_there_is_one_sentence(trained, tmp_path, capsys):
    *_, (_, _, _, text) = jobs_of(settings_of(TEACHER), "teacher_student")
    code = run("take-published", "teacher_student.trials", "--job", text, "--published", trained / "published",
               "--results", tmp_path / "out")  # fmt: skip
    assert code == 2 and not (tmp_path / "out").exists()
    assert re.search(r"l2/teacher42\S+ of fingerprint [0-9a-f]{16}: another fingerprint\n", capsys.readouterr().err)


def test_rows_that_wait_are_taken_and_complete_their_ensemble(published, tmp_path):
    """A fresh clone goes on from what another has left in pending."""
    train(tmp_path / "two", settings_of(TEACHER), "teacher_student", jobs=[0, 1])
    publish(tmp_path / "two", published)
    assert taken(published, TEACHER)[0] == [f"l2/teacher42_rotations2/{trial}" for trial in (0, 1)] + ["all"]
    jobs = list(jobs_of(settings_of(TEACHER), "teacher_student"))
    for _, _, _, text in jobs[:2]:
        run("take-published", "teacher_student.trials", "--job", text, "--published", published,
            "--results", tmp_path / "three" / "results")  # fmt: skip
    train(tmp_path / "three", settings_of(TEACHER), "teacher_student", jobs=[2])
    publish(tmp_path / "three", published)
    trials = table(published, "teacher_student/trials")
    assert trials["trial"].tolist() == [0, 1, 2] and not list((published / "pending").rglob("*.parquet"))
    before = table(tmp_path / "two" / "results", f"teacher_student/trials/{jobs[0][2].name}_trials")
    pd.testing.assert_frame_equal(trials[before.columns].head(1), before)


@pytest.mark.pipeline
@pytest.mark.situations
def test_a_run_takes_what_is_published_and_trains_what_is_not(tmp_path):
    """The tables are the same without training; then come one trial more, and an edit of one experiment's source."""
    folder = tiny.copy_of_checkout(tmp_path)
    tiny.change_params(folder, {"scale": "laptop", "scales": {"laptop": params.merge(tiny.OVERLAY, OVERLAY)}})
    for trials in (folder / "results" / "published").glob("*/trials.parquet"):
        shutil.rmtree(trials.parent)
    (folder / "results" / "published" / "settings.json").unlink()
    tiny.commit(folder, "small")
    results = folder / "results" / "laptop"

    def tables(*options):
        tiny.run(folder, "snakemake", "--cores", "2", *options, "--", *TARGETS)
        by_experiment = {path.parent.name: io.read_table(path) for path in results.glob("*/trials.parquet")}
        shutil.move(results, tmp_path / "results of before")
        return by_experiment

    def trained():
        logs = tmp_path / "results of before" / "logs"
        logged = sorted(str(path.relative_to(logs)) for path in logs.rglob("*.log") if path.parent != logs)
        shutil.rmtree(tmp_path / "results of before")
        return [name for name in logged if not name.startswith("take_published")]

    tiny.run(folder, "snakemake", "--cores", "2", "--", *TARGETS)
    tiny.run(folder, "snakemake", "publish")
    commit = io.read_json(next(results.rglob("trials/**/*.provenance.json")))["commit"]
    tiny.commit(folder, "published")
    first = tables()
    assert len(trained()) == 7 and set(first) == {"teacher_student", "hyperparameters", "depth"}

    again = tables("--config", "reuse=published")
    records = list((tmp_path / "results of before").rglob("*.provenance.json"))
    assert {io.read_json(path)["commit"] for path in records} == {commit} and len(records) == 6
    assert trained() == []
    for name, rows_before in first.items():
        pd.testing.assert_frame_equal(again[name], rows_before, check_like=True)

    with (folder / "src" / "replication" / "experiments" / "depth" / "train.py").open("a") as source:
        source.write("EDITED = True\n")
    tiny.commit(folder, "edited")
    more = tables("--config", "reuse=published", "teacher_student={ensembles: {l2: {trials: 3}}}")
    assert more["teacher_student"]["trial"].tolist() == [0, 1, 2]
    start, depth, student = trained()
    assert start.startswith("measure_depth_start/") and depth.startswith("train_depth/") and student.endswith("/2.log")
    refused = tiny.run(folder, "snakemake", "-n", "--config", "reuse=all", check=False)
    assert "snakemake: reuse = 'all': allowed is published" in refused
