"""The smoke scale through a real Slurm of one node (tests/slurm/run.sh): `pytest -m slurm`, as root."""

import subprocess
from pathlib import Path

import pytest

import crashes
from compared import same_results

ROOT = Path(__file__).parents[2]
SLURM = ["--workflow-profile", ROOT / "workflow" / "profiles" / "slurm", "--jobs", 2]
ONE_NODE = ["--slurm-status-command", "squeue", "--slurm-no-account", "--slurm-init-seconds-before-status-checks", 5]


def smoke(folder, *options, through=()):
    """A run of the whole smoke scale in a folder."""
    folder.mkdir()
    snakemake = [crashes.BIN / "snakemake", "--snakefile", ROOT / "workflow" / "Snakefile", "--directory", folder]
    command = [*through, *snakemake, *options, "--config", "scale=smoke"]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env=crashes.environment(), check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slurm
@pytest.mark.reliability
def test_slurm_gives_the_results_of_a_local_run(tmp_path, evidence):
    code, output = smoke(tmp_path / "cluster", *SLURM, *ONE_NODE, through=[ROOT / "tests" / "slurm" / "run.sh"])
    if code == 77:
        pytest.skip(output.strip())
    assert code == 0, output[-5000:]
    submitted = output.count("SLURM jobid")
    assert submitted >= 20
    code, output = smoke(tmp_path / "local", "--cores", 2)
    assert code == 0, output[-5000:]
    tables, figures = same_results(tmp_path / "cluster", tmp_path / "local")
    evidence("Slurm, one node", "jobs submitted", submitted)
    evidence("Slurm, one node", "tables compared with those of a local run", len(tables))
    evidence("Slurm, one node", "figures and their source tables compared", len(figures))
    evidence("Slurm, one node", "files or claims that differ", 0)
