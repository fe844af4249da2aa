"""Published trials in place of training: which jobs they stand for, their files, and a run that takes them."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import tiny
from replication import cli, params
from replication.experiments.settings import Settings, resolve_settings
from replication.publish import finished, reuse
from replication.publish.jobs import jobs as jobs_of
from replication.records import io
from replication.records.sources import sources, unchanged_since

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"
BASE = params.read_yaml(ROOT / "params.yaml")
OTHERS = {name: {"trials": 0} for name in ("l1", "l2_squared", "none", "one_rotation")}
OVERLAY = {
    "teacher_student": {"chunk": 1, "ensembles": {"l2": {"trials": 2, "new_teacher_every": 0}, **OTHERS}},
    "hyperparameters": {"penalties": ["l2"], "rhos": [0.0001], "alphas": [1], "trials": 1},
    "depth": {"chunk": 1, "teacher": {"depths": [1], "trials": 1}, "initial_scale": {"trials": 0}},
}
TARGETS = ["tabulate_teacher_student", "tabulate_hyperparameters", "tabulate_depth"]


@pytest.mark.parametrize("scale", ["smoke", "laptop", "overnight", "paper"])
def test_no_two_jobs_share_files_or_trials(scale):
    jobs = list(jobs_of(resolve_settings(BASE, {"scale": scale})))
    assert {job.kind for job in jobs} >= {
        "teacher_student",
        "hyperparameters",
        "depth",
        "baselines",
        "cifar10",
        "cifar100",
    }
    assert len({job.stem for job in jobs}) == len(jobs)
    assert len({json.dumps([job.kind, job.where]) for job in jobs}) == len(jobs)
    assert all(json.loads(job.settings) for job in jobs)


def test_the_published_jobs_are_found_and_written_as_they_were(tmp_path, monkeypatch):
    """The sources of the committed trials of experiment 3 and of the depth experiment are taken for unchanged."""
    monkeypatch.setattr(reuse, "unchanged_since", lambda commit, files: True)
    settings = io.read_json(PUBLISHED / "settings.json")["run"]
    run = params.validate(Settings, settings)
    jobs, _ = reuse.reusable(run, PUBLISHED)
    assert {"teacher_student", "hyperparameters", "depth", "cifar10"} <= {job.kind for job in jobs}
    for kind in ("cifar10", "depth", "hyperparameters", "teacher_student", "baselines", "tuning"):
        job = next(job for job in jobs if job.kind == kind)
        with pytest.raises(SystemExit) as stopped:
            cli.main(
                ["take-published", "--kind", kind, "--where", json.dumps(job.where), "--settings", job.settings,
                 "--root-seed", "1", "--published", str(PUBLISHED), "--output", str(tmp_path / job.stem)]
            )  # fmt: skip
        assert not stopped.value.code
        trials = reuse.rows_of(io.read_table(PUBLISHED / f"{reuse.TRIALS[kind]}.parquet"), job.where)
        record = finished.columns_of(tmp_path / job.record)
        assert {name: [record[name]] for name in ("commit", "device", "made_from")} == {
            name: trials[name].unique().tolist() for name in ("commit", "device", "made_from")
        }
        assert record["minutes"] == pytest.approx(trials["minutes"].mean())
        for file, table in job.files().items():
            published = reuse.rows_of(io.read_table(PUBLISHED / table), job.where).reset_index(drop=True)
            taken = io.read_table(tmp_path / file)
            pd.testing.assert_frame_equal(taken, published[taken.columns])
            assert set(published.columns) - set(taken.columns) <= set(reuse.RECORDED)


def test_a_job_with_a_point_in_its_name_is_published_taken_and_published_again(tmp_path):
    run = resolve_settings(BASE, {"scale": "overnight"})
    job = next(job for job in jobs_of(run) if job.stem.endswith("teacher_student_l2_0.001"))
    origin = {"commit": "abc", "machine": "m", "device": "cpu", "finished": "now", "minutes": 2.0, "made_from": "def"}
    columns = {"experiment": "teacher_student", "penalty": "l2", "rho": 0.001, "alpha": None, "beta": None, "r2": 0.5}
    published = pd.DataFrame(
        [{**columns, "trial": trial, **origin, "scale": "overnight"} for trial in job.where["trial"]]
    )
    published = published.astype({"alpha": float, "beta": float})
    io.write_table(tmp_path / "published" / "hyperparameters" / "trials.parquet", published)
    with pytest.raises(SystemExit) as stopped:
        cli.main(
            ["take-published", "--kind", job.kind, "--where", json.dumps(job.where), "--settings", job.settings,
             "--root-seed", str(run.root_seed), "--published", str(tmp_path / "published"),
             "--output", str(tmp_path / "results" / job.stem)]
        )  # fmt: skip
    assert not stopped.value.code
    written = {str(path.relative_to(tmp_path / "results")) for path in tmp_path.glob("results/*/*/*")}
    assert written == {*job.files(), job.record}
    again = finished.finished("hyperparameters", run, tmp_path / "results")["trials"]
    pd.testing.assert_frame_equal(again.assign(scale="overnight"), published, check_like=True)


def test_other_settings_other_seeds_and_stand_ins_are_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(reuse, "unchanged_since", lambda commit, files: True)
    shutil.copytree(PUBLISHED / "cifar10", tmp_path / "cifar10")
    shutil.copy(PUBLISHED / "settings.json", tmp_path)
    values = io.read_json(PUBLISHED / "settings.json")["run"]

    def reused(changes):
        run = params.validate(Settings, params.merge(values, changes))
        return [job.stem for job in reuse.reusable(run, tmp_path)[0]]

    trials = io.read_table(tmp_path / "cifar10" / "trials.parquet")
    assert len(reused({})) == len(trials)
    assert len(reused({"cifar10": {"trials": 5}})) == len(trials)  # the others are trained
    assert reused({"cifar10": {"training": {"rho": 0.5}}}) == reused({"root_seed": 1}) == []
    with pytest.raises(SystemExit) as stopped:
        cli.main(
            ["take-published", "--kind", "cifar10", "--where", '{"trial": [999]}', "--settings", "{}", "--root-seed",
             "1", "--published", str(tmp_path), "--output", str(tmp_path / "out" / "x")]
        )  # fmt: skip
    assert stopped.value.code == 2 and not (tmp_path / "out").exists()
    io.write_table(tmp_path / "cifar10" / "trials.parquet", trials.assign(stand_in=trials["head"] == "linear"))
    assert {stem.split("/")[2] for stem in reused({})} == set(trials["head"]) - {"linear"}
    with pytest.raises(io.ArtifactError, match="nothing is published there"):
        reuse.reusable(params.validate(Settings, values), tmp_path / "cifar10")


def test_trials_on_data_of_other_seeds_are_trained(monkeypatch):
    monkeypatch.setattr(reuse, "unchanged_since", lambda commit, files: True)
    values = io.read_json(PUBLISHED / "settings.json")["run"]

    def reused(changes):
        run = params.validate(Settings, params.merge(values, {"teacher_student": changes}))
        return {(job.kind, str(job.key[0])) for job in reuse.reusable(run, PUBLISHED)[0]}

    images = {"cifar10", "cifar100", "probes", "cifar10_sweep", "cells"}
    assert {kind for kind, _ in reused({"data_seed": 7})} == images
    everything, rotated = reused({}), reused({"ensembles": {"l2": {"rotations": 1}}})
    assert everything - rotated == {("teacher_student", "l2")}


def test_a_source_counts_as_changed_if_git_says_so_or_does_not_know():
    names = sources("replication.publish.reuse")
    head = tiny.run(ROOT, "git", "rev-parse", "HEAD").strip()
    for commit in ("0" * 12, f"{head[:12]}+changes", "unknown"):
        assert not unchanged_since(commit, names)
    assert unchanged_since(head, ["LICENSE"])


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
    assert len(trained()) == 5 and set(first) == {"teacher_student", "hyperparameters", "depth"}

    again = tables("--config", "reuse=published")
    records = list((tmp_path / "results of before").rglob("*.provenance.json"))
    assert {io.read_json(path)["commit"] for path in records} == {commit} and len(records) == 4
    assert trained() == []
    for name, table in first.items():
        pd.testing.assert_frame_equal(again[name], table, check_like=True)

    with (folder / "src" / "replication" / "experiments" / "depth" / "train.py").open("a") as source:
        source.write("# edited\n")
    tiny.commit(folder, "edited")
    more = tables("--config", "reuse=published", "teacher_student={ensembles: {l2: {trials: 3}}}")
    assert more["teacher_student"]["trial"].tolist() == [0, 1, 2]
    names = trained()
    assert len(names) == 2 and names[0].startswith("train_depth/") and names[1].endswith("_2.log")
    refused = tiny.run(folder, "snakemake", "-n", "--config", "reuse=all", check=False)
    assert "snakemake: reuse = 'all': allowed is published" in refused
