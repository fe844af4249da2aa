"""What a stage of DVC's takes away before Snakemake looks at it, on a run of experiment 2 in miniature."""

import shutil

import pytest

from command_lines import tabulate
from replication.experiments import EXPERIMENTS
from replication.jobs.outdated import outdated, remove_outdated
from small_runs import TEACHER, settings_of, train

NAME = "teacher_student"
TRIALS = [f"trials/l2/teacher42_rotations2/{trial}.provenance.json" for trial in range(3)]
TABLES = "provenance.json"
MORE = {NAME: {"ensembles": {"l2": {"trials": 4}}}}
POINTS = {NAME: {"points": 61}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder, run = tmp_path_factory.mktemp("run"), settings_of()
    done = {stage.name: [job.name for job in stage.jobs(run)] for stage in EXPERIMENTS[NAME].stages}
    for stage in filter(done.get, done):
        train(folder, run, NAME, of_stage=stage)
    assert tabulate(folder / "results", NAME, {stage: jobs for stage, jobs in done.items() if jobs}, run)[0] == 0
    return folder


def of(folder, *changes):
    """What is outdated, in a run with other settings."""
    return {*outdated(EXPERIMENTS[NAME], settings_of(*changes), folder / "data", folder / "results")}


@pytest.mark.parametrize(
    ("changes", "results", "data"),
    [
        ((), [], False),
        (({"scale": "laptop"},), [], False),
        ((TEACHER,), [*TRIALS, TABLES], True),
        ((MORE,), [TABLES], False),
        ((POINTS,), [*TRIALS, TABLES, "linear/all.provenance.json"], True),
        (({"root_seed": 1},), [*TRIALS, TABLES, "linear/all.provenance.json"], True),
    ],
)
def test_files_of_other_settings_trials_and_data_are_outdated(trained, changes, results, data):
    found = of(trained, *changes)
    drawn = {trained / f"data/{NAME}/teacher42_rotations2.safetensors"}
    assert {trained / "results" / NAME / name for name in results} == found - drawn
    assert (drawn <= found) == data


@pytest.mark.parametrize(("stage", "gone"), [("data", 1), (NAME, 4), ("report", 0), ("regression", 0)])
def test_a_stage_takes_away_what_it_makes_itself(trained, tmp_path, stage, gone):
    folder = shutil.copytree(trained, tmp_path / "run")
    before = {path for path in folder.rglob("*") if path.is_file()}
    remove_outdated(stage, settings_of(TEACHER), folder / "data", folder / "results")
    after = {path for path in folder.rglob("*") if path.is_file()}
    assert after <= before and len(before - after) == gone
    assert not of(folder)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"3", b'{"trials": "many"'])
def test_a_record_that_cannot_be_read_is_left_to_its_reader(trained, tmp_path, content):
    folder = shutil.copytree(trained, tmp_path / "run")
    (folder / "results" / NAME / TRIALS[0]).write_bytes(content)
    assert not of(folder)
