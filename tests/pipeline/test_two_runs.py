"""Two runs in one folder: of one scale the second is refused, whatever the first one's locks; two scales go on."""

import subprocess
import sys
import time

import pytest

import crashes
import tiny
from replication import processes

HOLDER = "import sys, time; from pathlib import Path; from replication import processes; "
REFUSED = "by another Snakemake: allowed is one run of a scale in a folder at a time\n"
LONG = ["--config", "regression={training: {epochs: 10000000}}"]


def test_what_is_held_is_held_until_its_process_is_killed(tmp_path):
    path = tmp_path / "runs" / "a.lock"
    code = f"{HOLDER} print(processes.hold(Path(sys.argv[1])), flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "True\n"
        assert not processes.hold(path) and processes.hold(path.with_name("b.lock"))
        other.kill()
        other.wait()
    assert path.exists() and processes.hold(path)


def test_a_folder_without_locks_refuses_nothing(tmp_path, monkeypatch):
    def none(file, how):
        raise OSError("no locks available")

    monkeypatch.setattr(processes.fcntl, "flock", none)
    assert processes.hold(tmp_path / "a.lock") and processes.hold(tmp_path / "a.lock")


def await_training(folder, first):
    """Wait until a job trains."""
    until = time.monotonic() + 180
    while not any(crashes.trains(process) for process in crashes.inside(folder)):
        assert first.poll() is None and time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture
def running(tmp_path):
    """A folder in which a run of the smoke scale trains, and that run's Snakemake."""
    folder = tiny.copy_of_checkout(tmp_path)
    command, quiet = [tiny.BIN / "snakemake", "--cores", "1", "tabulate_regression", *LONG], subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, env=tiny.environment(folder), stdout=quiet, stderr=quiet) as first:
        await_training(folder, first)
        yield folder, first
        first.kill()
    crashes.await_end(folder, "the run was killed")


@pytest.mark.pipeline
@pytest.mark.reliability
def test_snakemake_and_its_job_end_with_a_killed_dvc_and_the_next_one_goes_on(tmp_path, evidence):
    folder, quiet = tiny.copy_of_checkout(tmp_path), subprocess.DEVNULL
    text = (folder / "params.yaml").read_text()
    tiny.change_params(folder, {"scales": {"smoke": {"regression": {"training": {"epochs": 10000000}}}}})
    command = [tiny.BIN / "dvc", "repro", "regression"]
    with subprocess.Popen(command, cwd=folder, env=tiny.environment(folder), stdout=quiet, stderr=quiet) as first:
        await_training(folder, first)
        first.kill()
    crashes.await_end(folder, "dvc was killed")
    (folder / "params.yaml").write_text(text)
    tiny.run(folder, "dvc", "repro", "regression")
    assert (folder / "results/smoke/regression/trials.parquet").exists()
    evidence("Crashes", "killed `dvc repro`: its Snakemake and job ended, and the next one went on")


@pytest.mark.pipeline
def test_a_second_run_of_a_scale_is_refused_and_starts_when_the_first_was_killed(running):
    folder, first = running

    def snakemake(*arguments, check=True):
        return tiny.run(folder, "snakemake", "--cores", "1", *arguments, check=check)

    def refused():
        done = subprocess.run(
            ["snakemake", "--cores", "1", "--force", "record_settings"],
            cwd=folder, env=tiny.environment(folder), capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode == 2 and f"scale = 'smoke' is being run in {folder} {REFUSED}" in done.stderr

    assert refused()
    for looking in (["-n"], ["--dag"], ["--lint"], ["--unlock"]):
        assert REFUSED not in snakemake(*looking, "record_settings", check=False)
    snakemake("--mode", "remote", "record_settings")  # as a job elsewhere does
    assert (folder / "results" / "smoke" / "settings.json").exists()
    snakemake("record_settings", "--config", "scale=laptop")
    assert (folder / "results" / "laptop" / "settings.json").exists()
    assert refused() and first.poll() is None
    first.kill()
    first.wait()
    crashes.await_end(folder, "the first run was killed")
    snakemake("--unlock")
    assert "Done: 1 of 1 job in" in snakemake("--force", "record_settings")


@pytest.mark.pipeline
def test_a_run_of_what_another_one_makes_is_told_to_wait_for_it_or_to_unlock_if_it_was_killed(running):
    folder, first = running

    def said(*arguments):
        lines = tiny.run(folder, "snakemake", "--cores", "1", "tabulate_regression", *LONG, *arguments, check=False)
        return [line for line in lines.splitlines() if line.startswith("snakemake: ") or "locked" in line]

    at_work = (
        f"snakemake: process {first.pid}, another Snakemake, makes these files in {folder}: wait until it has ended"
    )
    for arguments in ([], ["-n"]):
        [line] = said(*arguments)
        assert line.startswith(at_work) and "unlock" not in line
    first.kill()
    first.wait()
    crashes.await_end(folder, "the first run was killed")
    [line] = said()
    assert line.startswith("snakemake: a run that was killed has left its lock") and "snakemake --unlock" in line
    assert "Unlocked" in tiny.run(folder, "snakemake", "--unlock")
    assert said("-n") == []
