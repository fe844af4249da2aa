"""Crashes lose nothing: killed runs, jobs without their Snakemake, full disks, read-only folders."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import crashes
from replication import processes
from replication.records import io

SLEEPER = """
import time
from replication import processes
processes.die_with_parent()
print("ready", flush=True)
time.sleep(60)
"""

WAYS = {  # how a job learns of it, and what makes it learn so
    "told": "pass",
    "polling": "vars(os).pop('pidfd_open', None)",
    "refused, so polling": "os.pidfd_open = lambda process: os.open('/proc/self/mem/refused', 0)",
}


@pytest.mark.pipeline
@pytest.mark.reliability
def test_runs_are_killed_and_nothing_is_lost(tmp_path, pytestconfig, evidence):
    moments = pytestconfig.getoption("--moments")
    survived = crashes.survive(moments, seed=11, folder=tmp_path)  # first Snakemake, in mid-run
    assert survived["moments"] == moments and survived["bytes_compared"] > 1e5 * moments
    for victim, times in survived["victims"].items():
        evidence("Crashes", f"runs in which a process was killed: {victim}", times)
    evidence("Crashes", "final tables compared with those of a run left alone", moments * survived["tables"])
    evidence("Crashes", "bytes compared", survived["bytes_compared"])
    evidence("Crashes", "tables that differ, jobs left running, partial files left", 0)


@pytest.mark.parametrize("way", WAYS)
def test_a_job_is_killed_when_what_it_ends_with_dies(way):
    code = f"import os; {WAYS[way]}; {SLEEPER}"
    with subprocess.Popen(["sleep", "60"]) as other:
        environment = os.environ | {processes.PROCESS: str(other.pid)}
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as job:
            assert job.stdout.readline() == b"ready\n"
            time.sleep(0.2)
            assert job.poll() is None
            other.kill()
            other.wait()
            assert job.wait(10) == -9
            job.stdout.close()


def test_a_job_whose_snakemake_is_dead_already_does_not_start():
    with subprocess.Popen(["true"]) as other:
        other.wait()
    environment = os.environ | {processes.PROCESS: str(other.pid)}
    assert subprocess.run([sys.executable, "-c", SLEEPER], env=environment, check=False).returncode == -9


def test_what_another_writer_has_begun_stays(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as other:
        begun = tmp_path / f".a.json.{other.pid}.partial.json"
        begun.write_text("{")
        io.write_json(tmp_path / "a.json", {})
        assert begun.exists()
        other.kill()
    io.write_json(tmp_path / "a.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_what_a_killed_writer_left_is_removed(tmp_path):
    (tmp_path / ".a.json.4194305.partial.json").write_text("{")
    (tmp_path / ".b.json.4194305.partial.json").write_text("{")
    io.write_json(tmp_path / "a.json", {})
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.json.4194305.partial.json", "a.json"]


def test_two_writers_that_find_the_same_leftover_both_go_on(tmp_path, monkeypatch):
    (tmp_path / ".a.json.4194305.partial.json").write_text("{")

    def lives(process):
        (tmp_path / f".a.json.{process}.partial.json").unlink()  # the other one does so just now
        return False

    monkeypatch.setattr("sparcs.io._lives", lives)
    io.write_json(tmp_path / "a.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.reliability
def test_many_writers_of_one_file_leave_one_whole_file(tmp_path, evidence):
    code = "import sys; from pathlib import Path; from replication.records import io\n" + (
        "for k in range(100):\n"
        "    (Path(sys.argv[1]) / f'.a.json.{4194305 + k}.partial.json').write_text('{')\n"
        "    io.write_json(Path(sys.argv[1]) / 'a.json', {'k': k})"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, tmp_path]) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert io.read_json(tmp_path / "a.json") == {"k": 99}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    evidence("Crashes", "files written by three writers at once, beside leftovers: all whole", 300)


@pytest.fixture
def disk(tmp_path):
    """The results folder of a run, on a disk of its own of 200 kB."""
    results = tmp_path / "results"
    results.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(results)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")
    yield results
    subprocess.run(["umount", str(results)], check=True)


def run(folder):
    """Exit code and output of a small run."""
    command = [*crashes.command(folder)[:7], "tabulate_regression", "--config", *crashes.OVERRIDES]
    done = subprocess.run(command, capture_output=True, text=True, env=crashes.environment(), check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.pipeline
def test_a_full_disk_and_then_a_read_only_one_are_one_sentence(disk):
    code, output = run(disk.parent)
    assert code != 0 and "Traceback" not in output
    assert "cannot be written or read: No space left on device" in output
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    code, output = run(disk.parent)
    assert code != 0 and "Traceback" not in output
    assert output.endswith("is read-only: results are written there")


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError) as caught:
        io.write_json(tmp_path / "file" / "a.json", {})
    assert caught.value.filename == str(tmp_path / "file" / "a.json")


def test_a_device_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "device")
    for path in (tmp_path / "device", tmp_path, Path()):
        with pytest.raises(io.ArtifactError, match="is not the name of a file"):
            io.write_json(path, {})
    assert (tmp_path / "device").is_fifo()
