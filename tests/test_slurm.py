"""The workflow through a real Slurm of one node (tests/slurm/run.sh): `pytest -m slurm`, as root."""

import subprocess
from pathlib import Path

import pytest

import crashes

ROOT = Path(__file__).parents[1]
ONE_NODE = ["--slurm-status-command", "squeue", "--slurm-no-account", "--slurm-init-seconds-before-status-checks", "5"]


@pytest.mark.slurm
@pytest.mark.reliability
def test_slurm_gives_the_tables_of_a_local_run(tmp_path, evidence):
    local, cluster = tmp_path / "local", tmp_path / "cluster"
    profile = ["--workflow-profile", str(ROOT / "workflow" / "profiles" / "slurm"), "--jobs", "2", *ONE_NODE]
    command = crashes.command(cluster, *profile)
    command[command.index("--cores") : command.index("--cores") + 2] = []
    done = subprocess.run(
        [ROOT / "tests" / "slurm" / "run.sh", *command],
        capture_output=True,
        text=True,
        env=crashes.environment(),
        check=False,
    )
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    submitted = (done.stdout + done.stderr).count("SLURM jobid")
    assert submitted >= 10
    crashes.run(local)
    assert crashes.tables(cluster) == crashes.tables(local)
    assert len(crashes.tables(local)) == 12
    evidence("Slurm, one node", "jobs submitted", submitted)
    evidence("Slurm, one node", "tables compared with those of a local run", len(crashes.tables(local)))
    evidence("Slurm, one node", "tables that differ", 0)
