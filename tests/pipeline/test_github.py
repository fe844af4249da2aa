"""GitHub's workflows: valid, with few rights, and the README's commands. They are not run here."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import tiny

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in FILES}
JOBS = [(name, job) for name, workflow in WORKFLOWS.items() for job in workflow["jobs"].values()]
STEPS = [step for _, job in JOBS for step in job["steps"]]
RUN = [step["run"] for step in STEPS if "run" in step]


def test_they_follow_githubs_schema():
    tiny.run(ROOT, sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *FILES)


def test_actionlint_has_nothing_to_say():
    lint = shutil.which("actionlint", path=f"{tiny.BIN}{os.pathsep}{os.environ['PATH']}")
    if not lint:
        pytest.skip("workflows not checked by actionlint: it is not installed")
    done = subprocess.run([lint, "-no-color", *FILES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_only_the_deployment_may_write():
    for workflow in WORKFLOWS.values():
        assert workflow["permissions"] == {"contents": "read"} and workflow["concurrency"]["group"]
    assert [job["permissions"] for _, job in JOBS if "permissions" in job] == [{"pages": "write", "id-token": "write"}]
    assert all(job["timeout-minutes"] <= 180 for _, job in JOBS)


def test_actions_are_github_s_own_and_of_one_version():
    for step in STEPS:
        assert ("uses" in step) != ("run" in step)
        assert re.fullmatch(r"actions/[\w-]+@(v\d+|[0-9a-f]{40})", step.get("uses", "actions/none@v1"))
        assert "${{ github" not in step.get("run", "")  # nothing that others write reaches a shell
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"fetch-depth": 0, "persist-credentials": False}


def test_commands_are_those_of_the_readme():
    readme = (ROOT / "README.md").read_text()
    tests, main = (re.search(rf"^pip install .* && {name}.*$", readme, re.MULTILINE)[0] for name in ("pytest", "snake"))
    assert tests in RUN and f"{main} --config scale=smoke" in RUN
    assert tests.replace("-c requirements.lock ", "") in RUN  # each week, with the newest versions
    (matrix,) = [job["strategy"]["matrix"] for _, job in JOBS if "strategy" in job]
    assert matrix == {"python": ["3.11", "3.13"]}
    documented = (ROOT / "docs/running.md").read_text()
    assert all(command in documented for command in RUN if "sphinx-build" in command)
