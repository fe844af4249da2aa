"""The places that a run may be started in, and those that are refused."""

import os
import shlex
import shutil
import subprocess
import sys

import pytest

import crashes
from snakemake_logger_plugin_sparcs import home
from tiny import BIN, ROOT


def workflow(folder, *arguments, **variables):
    """A run of the project's workflow."""
    command = [BIN / "snakemake", "--snakefile", ROOT / "workflow/Snakefile", "--cores", "1", *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=crashes.environment() | variables, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_home_that_cannot_be_written_and_a_temporary_folder_with_a_space_do_no_harm(tmp_path):
    folder, spaced = tmp_path / "run", tmp_path / "a b"
    folder.mkdir()
    spaced.mkdir()
    target = "results/smoke/settings.json"
    code, output = workflow(folder, target, "--config", "scale=smoke", HOME="/proc/1", TMPDIR=str(spaced))
    assert code == 0 and (folder / target).exists(), output
    assert "Traceback" not in output and "solver" not in output and "1/1  " in output
    assert list(spaced.iterdir()) == []


def test_a_checkout_whose_path_has_a_space_can_be_run_from_elsewhere(tmp_path):
    """The command of every job that would run names files of the checkout in one word each."""
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "one two").symlink_to(ROOT)
    snakefile = ["--snakefile", tmp_path / "one two/workflow/Snakefile"]
    scale = ["--config", "scale=smoke"]
    code, output = workflow(folder, "results/smoke/settings.json", *snakefile, *scale)
    assert code == 0 and (folder / "results/smoke/settings.json").exists(), output
    for targets in (["all", "publish"], ["published", "spot_check"], ["benchmark"]):
        code, output = workflow(folder, *targets, "-n", "-p", *snakefile, *scale)
        assert code == 0, output
        commands = [line for line in output.splitlines() if "python -m replication " in line]
        assert any("one two" in line for line in commands)
        assert "<function" not in output
        assert not [line for line in commands for word in shlex.split(line) if word.endswith("/one")]


@pytest.mark.parametrize("missing", ["/proc/1", "none"])
def test_what_programs_keep_at_home_has_another_place_if_it_must(tmp_path, missing):
    place = tmp_path / missing
    programs = "import snakemake_logger_plugin_sparcs.home as home; home.provide(); import matplotlib, IPython.paths"
    code = f"{programs}; print(matplotlib.get_cachedir(), IPython.paths.get_ipython_dir())"
    variables = {name: value for name, value in os.environ.items() if name not in home.FOLDERS}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=variables | {"HOME": str(place)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == "" and done.stdout.count("sparcs-home-") == 2
    assert not (tmp_path / "none").exists()


def test_a_home_that_can_be_written_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    home.provide()
    assert "XDG_CACHE_HOME" not in os.environ and list(tmp_path.iterdir()) == []


def test_a_run_in_a_folder_of_the_project_s_own_files_is_refused(tmp_path):
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    command = [BIN / "snakemake", "--cores", "1"]
    done = subprocess.run(
        command, cwd=tmp_path / "workflow", capture_output=True, text=True, env=crashes.environment(), check=False
    )
    assert done.returncode == 2
    assert f"snakemake: the working directory {tmp_path / 'workflow'} holds the project's own files" in done.stderr
    assert "(cd ..)" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "workflow/results").exists()


def test_another_checkout_s_package_is_refused(tmp_path):
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    command = [BIN / "snakemake", "--cores", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=crashes.environment(), check=False)
    assert done.returncode == 2
    assert f"replication is imported from {ROOT}: allowed is {tmp_path}" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "results").exists()
