"""A run of experiment 1 in miniature, verb by verb, and what is published of it."""

import json
from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from replication import cli, params
from replication.experiments.regression.settings import RegressionData, RegressionTrial
from replication.experiments.settings import resolve_settings
from replication.publish.jobs import jobs
from replication.records import io, provenance

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
    "baselines": {"alpha_beta": {"points": 200}, "test_points": 100, "teacher": {"trials": 0}},
}


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    return stopped.value.code or 0


def prepare(folder, overrides, jobs):
    """Train the given (data set, chunk) jobs below folder/results and record the settings."""
    settings = resolve_settings(BASE, overrides)
    regression, data, results = settings.regression, folder / "data", folder / "results"
    sets = json.dumps({name: list(keys) for name, keys in regression.data_sets().items()})
    run(
        "generate-regression-data", "--settings", regression.part(RegressionData), "--data-sets", sets, "--folder", data
    )
    for name, chunk in jobs:
        stem = results / "regression" / "trials" / name / chunk
        code = run(
            "train-regression", "--points", data / "points.safetensors", "--targets", data / f"{name}.safetensors",
            "--trials", chunk, "--settings", regression.part(RegressionTrial), "--root-seed", settings.root_seed,
            "--parameters", stem.with_suffix(".safetensors"), "--table", stem.with_suffix(".parquet"),
        )  # fmt: skip
        assert code == 0
    record = {"scale": settings.scale, "paper": settings.model_dump(), "run": settings.model_dump()}
    io.write_json(results / "settings.json", record)


def finish(folder, settings, kind, tables):
    """Write the jobs of one kind as if finished. tables: rows by the end of a table's name, without the job's keys."""
    results = folder / "results"
    for job in jobs(settings):
        if job.kind != kind:
            continue
        keys = pd.DataFrame([dict(zip(job.where, values, strict=True)) for values in product(*job.where.values())])
        for path in job.files():
            columns = tables[path.removeprefix(job.stem).removesuffix(".parquet")]
            io.write_table(results / path, keys.assign(**columns))
        made_from = {"settings": json.loads(job.settings), "root_seed": settings.root_seed, "data": kind}
        io.write_json(results / job.record, provenance.of_job(60, "cpu", len(keys)) | made_from)
    values = settings.model_dump(mode="json")
    io.write_json(results / "settings.json", {"scale": settings.scale, "paper": values, "run": values})


def finish_cells(folder, overrides):
    """A run whose architecture searches alone are finished, two random cells."""
    settings = resolve_settings(BASE, params.merge(overrides, {"cells": {"methods": ["random"], "trials": 2}}))
    trials = {"stand_in": False, "cell": "none", "supernet_accuracy": 50.0}
    costs = {"device": "cpu", "seconds": 1.0}
    finish(folder, settings, "cells", {"_trials": trials, "_history": {"loss": 1.0}, "_costs": costs})


def publish(folder, target, *options):
    code = run(
        "publish", "--results", folder / "results", "--lock", ROOT / "requirements.lock",
        "--published", target / "results", *options,
    )  # fmt: skip
    table = target / "results" / "regression" / "trials.parquet"
    return code, io.read_table(table) if table.exists() else None
