"""Environments that people make: every Python that the project names, and uv in place of pip."""

import os
import subprocess

import pytest

import tiny
from interpreters import PYTHONS, interpreter
from replication.records.io import read_csv

pytestmark = pytest.mark.environments


def uv(folder, *command, **variables):
    """What uv wrote, in an environment that knows nothing of the one that the tests run in."""
    here = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    command = [tiny.BIN / "uv", *map(str, command)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=here | variables, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{output[-5000:]}"
    return output


@pytest.mark.parametrize("version", PYTHONS)
def test_the_layers_own_tests_pass(version, tmp_path):
    python = interpreter(version)
    folder = tiny.copy_of_checkout(tmp_path / "checkout")
    uv(folder, "venv", "--quiet", "--python", python, tmp_path / "venv")
    at = ["--python", tmp_path / "venv/bin/python"]
    uv(folder, "pip", "install", "--quiet", *at, "--constraint", "requirements.lock", "--editable", ".[test]")
    here = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [tmp_path / "venv/bin/python", "-m", "pytest", "-q", "tests/library"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=here, check=False)
    assert done.returncode == 0, done.stdout[-5000:]


@pytest.mark.parametrize("version", PYTHONS)
def test_uv_installs_and_runs_the_smoke_scale(version, tmp_path):
    """`uv sync --extra paper && uv run snakemake --cores all`, the second command at the smoke scale."""
    python = interpreter(version)
    folder = tiny.copy_of_checkout(tmp_path / "checkout")
    at = {"UV_PYTHON": str(python)}
    uv(folder, "sync", "--quiet", "--locked", "--extra", "paper", **at)
    uv(folder, "run", "--locked", "--extra", "paper", "snakemake", "--cores", "all", "--config", "scale=smoke", **at)
    claims = read_csv(folder / "results/smoke/claims.csv", ["id", "verdict"])
    assert claims["id"].isin(["A1", "G2"]).sum() == 2
