"""Runs of experiments 1 and 2 in miniature, job by job, and what is published of them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from command_lines import family
from replication import cli, params
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import resolve_settings
from replication.jobs.commands import as_text
from replication.jobs.tables import record_file
from replication.records import io
from replication.records.fingerprints import fingerprint

ROOT = Path(__file__).parents[1]
BASE = params.read_yaml(ROOT / "params.yaml")
TINY = {
    "scale": "overnight",
    "regression": {
        "alphas": [0, 1],
        "betas": [5],
        "points": 60,
        "held_out_points": 40,
        "widths": [2, 4, 1],
        "training": {"epochs": 1, "batch_size": 30},
        "trials": 2,
        "chunk": 2,
    },
    "teacher_student": {
        "widths": [3, 4, 4, 3],
        "points": 60,
        "test_points": 40,
        "selection_points": 20,
        "training": {"epochs": 1, "batch_size": 30},
        "chunk": 1,
        "linear_teachers": 1,
        "ensembles": {name: {"trials": 0} for name in BASE["teacher_student"]["ensembles"]}
        | {"l2": {"trials": 3, "new_teacher_every": 0}},
        "map": {"trials": 0, "full_trials": 0},
    },
    "hyperparameters": {"penalties": ["l2"], "rhos": [0.0001], "alphas": [1], "trials": 1, "teacher_trials": 0},
    "depth": {
        "teacher": {"points": 60, "test_points": 40, "selection_points": 20},
        "alpha_beta": {"trials": 0},
    },
    "baselines": {
        "test_points": 40,
        "alpha_beta": {"points": 60},
        "teacher": {"trials": 0},
        "confirmation": {"trials": 0},
    },
}
TEACHER = {"teacher_student": {"training": {"epochs": 2}}}  # other settings than TINY's


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    return stopped.value.code or 0


def settings_of(*changes):
    return resolve_settings(BASE, params.merge(TINY, *changes))


def jobs_of(settings, name, of_stage="trials"):
    """(experiment, stage, job, its text as the rule hands it to the verb) of every job of a stage."""
    experiment = EXPERIMENTS[name]
    stage = experiment.stage(of_stage)
    for job in stage.jobs(settings):
        here = fingerprint(experiment, stage, job, settings.root_seed)
        yield experiment, stage, job, as_text(experiment, stage, job, settings.root_seed, here)


def train(folder, settings, name, jobs=None, of_stage="trials"):
    """Train the jobs of a stage with these places among all, by the verbs; every one if none are named."""
    data, results = folder / "data", folder / "results"
    record_settings(folder, settings)
    generate(data, settings)
    for k, (experiment, stage, job, text) in enumerate(jobs_of(settings, name, of_stage)):
        if jobs is None or k in jobs:
            code = run("train", f"{name}.{of_stage}", "--job", text, "--data", data, "--results", results)
            assert code == 0 and record_file(results / experiment.name, stage, job.name).exists()


def record_settings(folder, settings):
    values = settings.model_dump(mode="json")
    io.write_json(folder / "results" / "settings.json", {"scale": settings.scale, "paper": values, "run": values})


def generate(data, settings):
    regression, teacher = settings.regression, settings.teacher_student
    for words in family(regression, data / "regression"):
        assert run("generate-regression-data", *words) == 0
    file = data / "teacher_student" / "teacher42_rotations2.safetensors"
    drawn = json.dumps({"points": teacher.points, "test_points": teacher.test_points})
    run(
        "generate-teacher-data", "--settings", drawn, "--size", teacher.widths[0], "--seed", 42, "--rotations", 2,
        "--output", file, "--metadata", file.with_suffix(".json"),
    )  # fmt: skip


def publish(folder, published, *options):
    return run(
        "publish", "--results", folder / "results", "--lock", ROOT / "requirements.lock",
        "--published", published, *options,
    )  # fmt: skip


def table(folder, name):
    """A published table; no rows if there is none."""
    path = folder / f"{name}.parquet"
    return io.read_table(path) if path.exists() else pd.DataFrame()


def change(folder, name, how):
    path = folder / f"{name}.parquet"
    io.write_table(path, how(io.read_table(path)))


def files_in(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
