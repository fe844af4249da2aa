"""One small run of everything, whose tables the tests of figures, claims and pages share or change a little.

Its jobs are the workflow's, carried out in one process, since a process each would take minutes.

usage: python tests/whole_run.py FOLDER
"""

import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from command_lines import family
from replication import cli
from replication.data.settings import TeacherData
from replication.experiment import Data, Experiment, Job, Stage
from replication.experiments import EXPERIMENTS
from replication.experiments.cifar100.settings import feature_settings, probe_sizes
from replication.experiments.settings import Settings, resolve_settings
from replication.jobs.commands import as_text
from replication.params.loading import read_yaml
from replication.records.fingerprints import fingerprint

ROOT = Path(__file__).parents[1]
TINY = {"training": {"epochs": 1}}
ENSEMBLES = (
    *("l2", "l1", "l2_squared", "none", "one_rotation"),
    *("graded", "l1_weak", "authors_notebook", "orthonormal", "minus_one", "rows", "authors_last"),
)
STUDENT = {"points": 256, "test_points": 200, "selection_points": 100}
EVERYTHING = {  # each table has rows, of several heads, methods, penalties and depths
    "scale": "smoke",
    "regression": {"points": 400, "held_out_points": 200, "training": {"epochs": 40, "batch_size": 20}}
    | {"starts": {"trials": 1}, "independent": {"trials": 2, "alphas": [1]}},
    "teacher_student": {
        "widths": [6, 12, 12, 6],
        "ensembles": {name: {"trials": 2 if name == "l2" else 1, "new_teacher_every": 0} for name in ENSEMBLES}
        | {"authors_last": {"trials": 1, "hidden": [16, 16], "new_teacher_every": 0}},
        "map": {"strengths": [0.001, 0.003], "hidden": 8, "trials": 1, "full_trials": 1} | STUDENT,
    }
    | STUDENT
    | {"training": {"epochs": 1, "batch_size": 128}},
    "hyperparameters": {"penalties": ["l1", "l2", "l2_squared"], "rhos": [0.0001, 0.001, 0.01], "trials": 1},
    "depth": {
        "teacher": {"depths": [1, 3], "hidden": 8, "trials": 1} | STUDENT | TINY,
        "initial_scale": {"trials": 1, "depths": [3], "xavier_gains": [2]},
        "alpha_beta": {"trials": 1, "depths": [1], "alphas": [0.5], "hidden": 8} | STUDENT | TINY,
        "without_penalty": {"trials": 1, "depths": [1, 3]},
        "priced": {"trials": 1, "depths": [1, 3]},
    },
    "baselines": {
        "strengths": [0.01, 0.1],
        "test_points": 200,
        "retraining_steps": 5,
        "teacher": {"trials": 1, "hidden": [8, 8], "points": 256, "steps": 10},
        "confirmation": {"trials": 1},
        "alpha_beta": {"trials": 1, "points": 256, "steps": 10, "tuning_trials": 1},
    },
    "cells": {"methods": ["darts", "gaea", "random"], "without_none": 1}
    | {"images": 32, "ranking_images": 16, "epochs": 1, "candidates": 1},
    "tabular": {
        "data_sets": ["wine", "friedman1"],
        "methods": ["linear", "mlp_pruned", "sparcs_l1_minus", "sparcs_rows", "sparcs_rows_started"],
        "friedman_points": 60,
        "steps": 20,
        "trials": 1,
    },
    "cifar10": {
        "heads": ["linear", "spectral", "spectral_authors_sign", "hidden"],
        "images": 64,
        "test_images": 20,
        "sweep": {"trials": 1, "epochs": 1},
        "priced": {"trials": 1, "rhos": [0.001]},
    },
    "cifar100": {
        "images": 40,
        "test_images": 20,
        "probes": {"further_input_sizes": [32]} | TINY,
        "fine_tuning": {"input_size": 32, "epochs": 1, "trials": 1},
    },
}


def main(folder: Path) -> None:
    """Data, jobs, tables, records and verdicts of the run, as the workflow makes them."""
    settings = resolve_settings(read_yaml(ROOT / "params.yaml"), EVERYTHING)
    data, results = folder / "data", folder / settings.scale
    jobs = [
        (experiment, stage, job)
        for experiment in EXPERIMENTS.values()
        for stage in experiment.stages
        for job in stage.jobs(settings)
    ]
    draw(data, settings, [job.data for *_, job in jobs if job.data])
    costs = []
    for experiment, stage, job in jobs:
        made_by = fingerprint(experiment, stage, job, settings.root_seed)
        text = as_text(experiment, stage, job, settings.root_seed, made_by)
        since = time.process_time()
        verb("train", f"{experiment.name}.{stage.name}", "--job", text, "--data", data, "--results", results)
        costs.append({"rule": stage.rule, "minutes": (time.process_time() - since) / 60})
    gather(results, settings, jobs)
    costs = pd.DataFrame(costs).groupby("rule", as_index=False).agg(jobs=("rule", "size"), minutes=("minutes", "sum"))
    costs = costs.assign(core_minutes=costs["minutes"], peak_memory_mib=100.0, scale=settings.scale)
    costs.to_csv(results / "core_minutes.csv", index=False)


def verb(*words: object) -> None:
    """Run a verb of the command line in this process."""
    cli.cli(list(map(str, words)), standalone_mode=False)


def draw(folder: Path, settings: Settings, used: Iterable[Data]) -> None:
    """The data of the jobs."""
    for words in family(settings.regression, folder / "regression"):
        verb("generate-regression-data", *words)
    of_teacher = json.dumps(settings.teacher_student.part(TeacherData))
    for data in {data.name: data for data in used if "rotations" in data.keys}.values():
        path = folder / f"teacher_student/{data.name}.safetensors"
        of = ("--size", settings.teacher_student.widths[0], "--seed", data.keys["seed"])
        of = (*of, "--rotations", data.keys["rotations"], "--output", path, "--metadata", path.with_suffix(".json"))
        verb("generate-teacher-data", "--settings", of_teacher, *of)
    for name in ("cifar10", "cifar100"):
        to = folder / f"images/{name}.json"
        verb("prepare-images", name, "--settings", settings.images.model_dump_json(), "--output", to)
    for size in probe_sizes(settings):
        of_features = json.dumps(feature_settings(settings, size))
        where = (
            "--images",
            folder / "images/cifar100.json",
            "--output",
            folder / f"features/cifar100_{size}.safetensors",
        )
        verb("extract-features", "--settings", of_features, *where, "--device", "cpu")


def gather(results: Path, settings: Settings, jobs: Iterable[tuple[Experiment, Stage, Job]]) -> None:
    """The tables of every experiment with their records, the settings and the verdicts."""
    overrides = ("--overrides", json.dumps(EVERYTHING))
    verb("record-settings", "--params-file", ROOT / "params.yaml", *overrides, "--output", results / "settings.json")
    for name, experiment in EXPERIMENTS.items():
        done = {stage.name: [] for stage in experiment.stages}
        for of, stage, job in jobs:
            if of is experiment:
                done[stage.name].append(job.name)
        own = getattr(settings, name).model_dump(mode="json") if experiment.settings else {}
        where = ("--results", results, "--settings", json.dumps(own))
        verb("tabulate", name, "--jobs", json.dumps(done), *where)
    records = [results / name / "provenance.json" for name in EXPERIMENTS]
    lock = ("--lock", ROOT / "requirements.lock")
    verb("record-provenance", *records, *lock, "--output", results / "provenance.json")
    judge(results)


def judge(folder: Path, experiment: str = "") -> None:
    """Judge the claims on the tables in a folder: of one experiment, as if the others had none, or of all."""
    judging = [name for name, each in EXPERIMENTS.items() if each.claims]
    for name in judging:
        read = sorted((folder / name).glob("*.parquet")) if name.startswith(experiment) else []
        about = ("--settings", folder / "settings.json", "--provenance", folder / name / "provenance.json")
        verb("judge-claims", name, *read, *about, "--output", folder / name / "claims.csv")
    verb("gather-claims", *(folder / name / "claims.csv" for name in judging), "--output", folder / "claims.csv")


if __name__ == "__main__":
    os.chdir(Path(sys.argv[1]))
    main(Path(sys.argv[1]))
