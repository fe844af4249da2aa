"""A run of experiment 1 in miniature, verb by verb, and what is published of it."""

import json
from pathlib import Path

import pytest

from replication import cli, io, params

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
    io.write_json(results / "settings.json", record)


def publish(folder, target, *options):
    code = run(
        "publish", "--results", folder / "results", "--lock", ROOT / "requirements.lock",
        "--published", target / "results", *options,
    )  # fmt: skip
    table = target / "results" / "regression" / "trials.parquet"
    return code, io.read_table(table) if table.exists() else None
