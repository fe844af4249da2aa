"""Situations in which a checkout can find itself: a part of Git's history, a second working tree, or no Git at all."""

import re
from pathlib import Path

import pytest

import tiny
from replication.records.io import read_json

pytestmark = pytest.mark.situations
TARGET = "tabulate_regression"
TAKEN = r"reuse=published: \d+ of \d+ jobs taken"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tiny.copy_of_checkout(tmp_path_factory.mktemp("repository"))
    (folder / "another").touch()
    tiny.commit(folder, "second")
    return folder


def archive(repository, folder):
    """A zip that somebody has downloaded and unpacked."""
    folder.mkdir()
    tiny.run(repository, "git", "archive", "--output", folder / "checkout.tar", "HEAD")
    tiny.run(folder, "tar", "-xf", "checkout.tar")
    (folder / "checkout.tar").unlink()


def shallow_clone(repository, folder):
    """The last commit alone."""
    tiny.run(repository, "git", "clone", "--quiet", "--depth", "1", f"file://{repository}", folder)


def working_tree(repository, folder):
    """A second working tree of the same repository, whose .git is a file."""
    tiny.run(repository, "git", "worktree", "add", "--quiet", "--detach", folder)


@pytest.mark.parametrize("situation", [archive, shallow_clone, working_tree])
def test_a_run_says_which_commit_made_it_if_there_is_one(situation, repository, tmp_path):
    folder = tmp_path / "checkout"
    situation(repository, folder)
    tiny.run(folder, "snakemake", "--cores", "2", TARGET)
    [record, *others] = sorted((folder / "results").rglob("regression/trials/**/*.provenance.json"))
    commits = {read_json(path)["commit"] for path in (record, *others)}
    head = tiny.run(repository, "git", "rev-parse", "--short=12", "HEAD").strip()
    assert commits == {"unknown" if situation is archive else head}


@pytest.mark.parametrize("situation", [archive, shallow_clone])
def test_reuse_needs_no_history(situation, repository, tmp_path):
    folder = tmp_path / "checkout"
    situation(repository, folder)
    told = tiny.run(folder, "snakemake", "-n", "-q", "--config", "scale=overnight", "reuse=published")
    assert len(re.findall(TAKEN, told)) == 1


@pytest.fixture
def without_git(tmp_path):
    """A folder for PATH with the system's programs, except git."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for path in [*Path("/bin").iterdir(), *Path("/usr/bin").iterdir()]:
        if not path.name.startswith("git") and not (programs / path.name).is_symlink():
            (programs / path.name).symlink_to(path)
    return programs


def test_a_machine_without_git_runs_all_the_same(repository, without_git, tmp_path):
    folder = tiny.clone(repository, tmp_path / "checkout")
    snakemake, path = tiny.BIN / "snakemake", f"{tiny.BIN}:{without_git}"
    tiny.run(folder, snakemake, "--cores", "2", TARGET, PATH=path)
    [record, *_] = sorted((folder / "results").rglob("regression/trials/**/*.provenance.json"))
    assert read_json(record)["commit"] == "unknown"
    told = tiny.run(folder, snakemake, "-n", "-q", "--config", "scale=overnight", "reuse=published", PATH=path)
    assert re.search(TAKEN, told) and "Traceback" not in told
