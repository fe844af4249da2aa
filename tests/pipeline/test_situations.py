"""Situations in which a checkout can find itself: a part of Git's history, a second working tree, or no Git at all."""

import os
import re
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tiny
from replication.records.io import read_json

pytestmark = pytest.mark.situations
TARGET = "tabulate_regression"
NO_CONFIGURATION = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}  # none that trusts any owner
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


def another_owner(repository, folder):
    """A clone that belongs to another user, as on a shared disk or in a container."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files to another user")
    tiny.clone(repository, folder)
    tiny.run(folder, "chown", "-R", "12345:12345", ".")


SITUATIONS = [archive, shallow_clone, working_tree, another_owner]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_run_says_which_commit_made_it_if_there_is_one(situation, repository, tmp_path):
    folder = tmp_path / "checkout"
    situation(repository, folder)
    tiny.run(folder, "snakemake", "--cores", "2", TARGET, **NO_CONFIGURATION)
    [record, *others] = sorted((folder / "results").rglob("regression/trials/**/*.provenance.json"))
    commits = {read_json(path)["commit"] for path in (record, *others)}
    head = tiny.run(repository, "git", "rev-parse", "--short=12", "HEAD").strip()
    assert commits == {"unknown" if situation is archive else head}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_dvc_works_or_is_told_that_there_is_no_git(situation, repository, tmp_path):
    """docs/dvc.md names the setting."""
    folder = tmp_path / "checkout"
    situation(repository, folder)
    told = tiny.run(folder, "dvc", "status", "data", check=False, **NO_CONFIGURATION)
    if situation is archive:
        assert f"ERROR: {folder} is not a git repository" in told
        tiny.run(folder, "dvc", "config", "--local", "core.no_scm", "true")
        told = tiny.run(folder, "dvc", "status", "data")
    assert "data/smoke/regression" in told and "Traceback" not in told


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
    assert "data/smoke/regression" in tiny.run(folder, tiny.BIN / "dvc", "status", "data", PATH=path)


def edit(path, before, after):
    """Put a text before one that must be there."""
    text = path.read_text()
    assert before in text, before
    path.write_text(text.replace(before, after + before, 1))


MINE = """

def _mine() -> tuple[np.ndarray, np.ndarray, int]:
    values = np.loadtxt("data/tables/mine.csv", delimiter=",", skiprows=1)
    return values[:, :-1], values[:, -1], values.shape[1] - 1
"""


def test_an_own_table_takes_a_loader_and_four_lines(repository, tmp_path):
    """As CONTRIBUTING says."""
    folder = tiny.clone(repository, tmp_path / "checkout")
    rows = np.random.default_rng(0).integers(0, 9, size=(60, 4)).astype("<f8")
    (folder / "data/tables").mkdir(parents=True)
    np.savetxt(folder / "data/tables/mine.csv", rows, delimiter=",", header="a,b,c,target")
    digest = sha256(np.ascontiguousarray(rows[:, :3]).tobytes() + rows[:, 3].tobytes()).hexdigest()
    data, room = folder / "src/replication/data", folder / "src/replication/experiments/tabular"
    edit(data / "table_names.py", '    "wine"', f'    "mine": "{digest}",\n')
    edit(data / "tabular.py", '_diamonds() if name == "diamonds"', '_mine() if name == "mine" else ')
    with (data / "tabular.py").open("a") as file:
        file.write(MINE)
    edit(room / "comparison.py", '    "wine": "Wine"', '    "mine": "My table",\n')
    edit(room / "comparison.py", '    "wine": "UCI', '    "mine": "my own",\n')
    edit(room / "description.py", '"diamonds"', '"mine": "numpy", ')
    page = "results/smoke/reports/10_tabular.html"
    said = tiny.run(folder, "snakemake", "--cores", "2", page, "--config", "tabular={data_sets: [mine]}")
    assert "Done: 5 of 5 jobs" in said and "My table" in (folder / page).read_text()
    assert set(pd.read_parquet(folder / "results/smoke/tabular/trials.parquet")["data_set"]) == {"mine"}
