"""Which commit the project says that it is of, in situations in which Git, asked plainly, would say something false."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tiny

RECORDS = Path("src") / "replication" / "records"
ASK = """
import json
from replication.records import provenance
print(json.dumps(provenance.commit()))
"""


def small_project(folder):
    """The modules that ask Git, and nothing else of the project."""
    folder = folder / "a project"
    (folder / RECORDS).mkdir(parents=True)
    for name in ("__init__", "git", "provenance", "sources"):
        shutil.copy(tiny.ROOT / RECORDS / f"{name}.py", folder / RECORDS)
    (folder / RECORDS.parent / "__init__.py").touch()
    (folder / "notes").touch()
    (folder / ".gitignore").write_text("__pycache__/\n")
    return folder


def git(folder, *arguments):
    return tiny.run(folder, "git", *arguments).strip()


def with_history(folder):
    """Two commits; returns the folder and their names."""
    git(folder, "init", "--quiet")
    tiny.commit(folder, "first")
    (folder / "notes").write_text("more")
    tiny.commit(folder, "second")
    return folder, git(folder, "log", "--format=%h", "--abbrev=12").split()


def told(folder, **variables):
    """The project's commit."""
    environment = tiny.environment(folder) | {"PYTHONDONTWRITEBYTECODE": "1"} | variables
    command = [sys.executable, "-c", ASK]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture
def repository(tmp_path):
    return with_history(small_project(tmp_path))


def test_a_clean_checkout_is_of_its_commit(repository):
    folder, (last, _) = repository
    assert told(folder) == last
    with (folder / RECORDS / "git.py").open("a") as source:
        source.write("# edited\n")
    assert told(folder) == f"{last}+changes"


def test_a_zip_unpacked_in_another_repository_is_of_no_commit(tmp_path):
    outer = tmp_path / "outer"
    folder = small_project(outer)
    git(outer, "init", "--quiet")
    tiny.commit(outer, "another project's")
    assert told(folder) == "unknown"


def test_variables_that_lead_git_elsewhere_are_ignored(repository, tmp_path):
    folder, (last, _) = repository
    other = small_project(tmp_path / "other")
    (other / "another").touch()  # or both could be one commit, if they are made in the same second
    with_history(other)
    variables = {"GIT_DIR": f"{other}/.git", "GIT_WORK_TREE": str(other), "GIT_INDEX_FILE": f"{tmp_path}/none"}
    assert told(folder, **variables) == last


@pytest.mark.parametrize("place", ["src/replication/baselines/mine.py", "workflow/rules/mine.smk", "notebooks/a.ipynb"])
def test_code_that_git_does_not_track_is_a_change(place, repository):
    """Also if the user's configuration leaves such files out of what `git status` shows."""
    folder, (last, _) = repository
    git(folder, "config", "status.showUntrackedFiles", "no")
    (folder / "own notes").touch()
    assert told(folder) == last
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    (folder / place).touch()
    assert told(folder) == f"{last}+changes"


def test_a_checkout_of_another_owner_is_read(repository):
    folder, (last, _) = repository
    if os.geteuid() != 0:
        pytest.skip("only root can give files to another user")
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 12345, 12345)
    plain = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    assert "dubious ownership" in tiny.run(folder, "git", "status", check=False, **plain)
    assert told(folder, **plain) == last


def test_no_program_of_the_configuration_answers_or_runs(repository, tmp_path):
    """Git's monitor of changed files says that nothing has; a hook and an external comparison leave a trace."""
    folder, (last, _) = repository
    trace = tmp_path / "trace"
    for name, script in {"monitor": r"printf 'token\0'", "post-index-change": "", "compare": ""}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho {name} >> '{trace}'\n{script}\n")
        (tmp_path / name).chmod(0o755)
    for name, value in {"fsmonitor": "monitor", "fsmonitorHookVersion": "2", "hooksPath": "."}.items():
        git(folder, "config", f"core.{name}", value if value == "2" else tmp_path / value)
    git(folder, "config", "diff.external", tmp_path / "compare")
    git(folder, "status")  # now Git has noted that its monitor knows the files
    assert "monitor" in trace.read_text()
    trace.unlink()
    with (folder / RECORDS / "sources.py").open("a") as source:
        source.write("# edited\n")
    assert told(folder) == f"{last}+changes"
    assert not trace.exists()


def test_a_shallow_clone_is_of_its_commit(repository, tmp_path):
    folder, (last, _) = repository
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{folder}", tmp_path / "shallow")
    assert told(tmp_path / "shallow") == last


def test_a_second_working_tree_is_of_its_own_commit(repository, tmp_path):
    folder, (_, first) = repository
    git(folder, "worktree", "add", "--quiet", "--detach", tmp_path / "tree", first)
    assert told(tmp_path / "tree") == first


def test_without_the_program_git_nothing_is_known(repository, tmp_path):
    folder, _ = repository
    assert told(folder, PATH=str(tmp_path)) == "unknown"


def test_a_repository_that_git_cannot_read_is_said_to_be_so(repository):
    folder, _ = repository
    (folder / ".git" / "index").write_bytes(b"no index")
    assert told(folder) == "unreadable"
