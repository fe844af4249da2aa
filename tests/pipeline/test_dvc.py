"""DVC over the workflow: in clones of this checkout at a tiny scale, with remotes in a folder and on an S3 server."""

import re
import time

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

import tiny
from replication.experiments import EXPERIMENTS
from replication.records.io import read_json

pytestmark = [pytest.mark.pipeline, pytest.mark.artifacts, pytest.mark.reliability]
DVC = "DVC over the workflow"
STAGES = yaml.safe_load((tiny.ROOT / "dvc.yaml").read_text())["stages"]
UP_TO_DATE = "Data and pipelines are up to date."
S3 = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture
def fresh(built, tmp_path):
    """A fresh clone, in which nothing was made or pulled."""
    return tiny.clone(built, tmp_path / "fresh")


def jobs(output):
    """What Snakemake says of the jobs that it has run."""
    said = r"^ *\d+/\d+  [\d:]+  (?:.* left  )?(.*) \([^()]*\)$"
    return set(re.findall(said, output, flags=re.MULTILINE)) - {"draw_data", "make_regression", "make_depth"}


def written(folder, pattern):
    """When each file was written."""
    return {path: path.stat().st_mtime_ns for path in folder.glob(pattern)}


def recorded(folder, stage):
    """What dvc.lock says of a stage."""
    return yaml.safe_load((folder / "dvc.lock").read_text())["stages"][stage]


def edit(folder, module):
    """Add a statement to a source file."""
    path = folder / "src" / "replication" / module
    path.write_text(path.read_text() + "\nEDITED = True\n")


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_s_own_stage_makes_its_folder_and_the_report_is_made_from_it(experiment):
    folder = f"results/${{scale}}/{experiment}"
    owners = [name for name, stage in STAGES.items() for out in stage["outs"] if folder in out]
    assert owners == [experiment]
    assert folder in STAGES["report"]["deps"] and STAGES["report"]["cmd"] == "snakemake"


def test_a_second_repro_skips_every_stage(built, evidence):
    start = time.monotonic()
    output = tiny.run(built, "dvc", "repro")
    seconds = time.monotonic() - start
    assert output.count("didn't change, skipping") == len(STAGES), output
    evidence(DVC, "stages that a second `dvc repro` skips, all of them", len(STAGES))
    evidence(DVC, "seconds that it takes to do so", round(seconds, 1))


def test_a_fresh_clone_that_pulled_has_nothing_to_do_until_a_setting_changes(built, fresh, evidence):
    tiny.run(fresh, "dvc", "pull")
    assert UP_TO_DATE in tiny.run(fresh, "dvc", "status")
    assert "Nothing to be done" in tiny.run(fresh, "snakemake", "-n")
    assert (fresh / "figures/smoke/fig07.svg").read_bytes() == (built / "figures/smoke/fig07.svg").read_bytes()

    trials = "results/smoke/regression/trials/*/*"
    before = written(fresh, trials)
    tiny.change_params(fresh, {"scales": {"smoke": {"regression": {"trials": 3}}}})
    ran = jobs(tiny.run(fresh, "dvc", "repro", "regression"))
    trained = {f"The α/β regression: {name}/2-2" for name in ("beta5_alpha0.5", "beta5_alpha1")}
    assert ran == trained | {"The α/β regression: gathering its tables"}
    after = written(fresh, trials)
    assert before.items() <= after.items()  # the first two trials stay as they are
    assert {re.split("[._]", path.name)[0] for path in after.keys() - before.keys()} == {"2-2"}
    assert re.search(r"regression\.trials +2 +3", tiny.run(fresh, "dvc", "params", "diff"))
    tiny.run(fresh, "snakemake", "results/smoke/metrics.json")
    assert re.search(r"metrics\.json +claims\.B\S+\.measured +\S+ +\S+", tiny.run(fresh, "dvc", "metrics", "diff"))

    tiny.change_params(fresh, {"scales": {"smoke": {"hyperparameters": {"rhos": [0.0001, 0.1]}}}})
    before = recorded(fresh, "hyperparameters")
    running = tiny.start(fresh, [["dvc", "repro", "hyperparameters"]])
    logs = fresh / "results/smoke/logs/sweep_regression"  # they do not travel: a job has begun
    while not logs.exists() and running.poll() is None:
        time.sleep(0.05)
    edit(fresh, "report/style.py")
    output, _ = running.communicate()
    assert running.returncode != 0 and "style.py was edited meanwhile" in output
    assert recorded(fresh, "hyperparameters") == before
    assert "hyperparameters" in tiny.run(fresh, "dvc", "status", "hyperparameters")
    evidence(DVC, "jobs left to do in a fresh clone after `dvc pull`", 0)
    evidence(DVC, "trials trained again when trials were added", 0)
    evidence(DVC, "stale results recorded as fresh", 0)


def test_an_edit_before_the_pull_is_not_taken_for_the_pulled_results(fresh):
    edit(fresh, "experiments/depth/train.py")
    tiny.run(fresh, "dvc", "pull")  # all of it is newer than the edit now
    ran = jobs(tiny.run(fresh, "dvc", "repro", "depth"))
    assert ran == {f"Any depth: {what}" for what in ("teacher/3/1/0-1", "all", "gathering its tables")}
    assert UP_TO_DATE in tiny.run(fresh, "dvc", "status", "depth")


def test_a_stage_pulled_alone_is_not_taken_for_one_of_other_settings(fresh):
    """Snakemake has no notes of what DVC has put there: it would call it up to date."""
    tiny.run(fresh, "dvc", "pull", "--with-deps", "regression")
    tiny.change_params(fresh, {"scales": {"smoke": {"regression": {"training": {"learning_rate": 0.01}}}}})
    ran = jobs(tiny.run(fresh, "dvc", "repro", "regression"))
    assert {f"The α/β regression: {name}/0-1" for name in ("beta5_alpha0.5", "beta5_alpha1")} <= ran
    records = [*(fresh / "results/smoke/regression/trials").rglob("*.provenance.json")]
    assert {read_json(record)["settings"]["training"]["learning_rate"] for record in records} == {0.01}


def test_an_experiment_of_dvcs_from_a_subfolder_leaves_params_as_they_were_edited(fresh):
    params = fresh / "params.yaml"
    edited = re.sub("^root_seed: .*", "root_seed: 7", params.read_text(), flags=re.MULTILINE)
    params.write_text(edited)
    output = tiny.run(fresh / "docs", "dvc", "--cd", "..", "exp", "run", "data", PYTHONPATH=str(fresh / "src"))
    assert "Ran experiment(s)" in output and params.read_text() == edited
    assert "'dvc.yaml' does not exist" in tiny.run(fresh / "docs", "dvc", "repro", "data", check=False)


def test_a_switch_of_branches_brings_their_results_with_force(fresh):
    """One stage alone was made on the branch: what else its run noted is in no cache, and only force drops it."""
    tiny.run(fresh, "dvc", "pull")
    table = fresh / "results/smoke/depth/trials.parquet"
    tiny.run(fresh, "git", "switch", "--quiet", "--create", "other")
    before = table.read_bytes()
    tiny.change_params(fresh, {"root_seed": 7})
    tiny.run(fresh, "dvc", "repro", "depth")
    tiny.commit(fresh, "other")
    after = table.read_bytes()
    for branch, content in (("-", before), ("other", after)):
        tiny.run(fresh, "git", "switch", "--quiet", branch)
        tiny.run(fresh, "dvc", "checkout", "--force")
        assert UP_TO_DATE in tiny.run(fresh, "dvc", "status", "depth") and table.read_bytes() == content
    assert before != after


def test_results_travel_through_an_s3_server(built, fresh, evidence):
    server = ThreadedMotoServer(port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        client = boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        client.create_bucket(Bucket="bucket")
        for folder in (built, fresh):
            tiny.run(folder, "dvc", "remote", "add", "--local", "s3", "s3://bucket/sparcs")
            tiny.run(folder, "dvc", "remote", "modify", "--local", "s3", "endpointurl", url)
        for folder, command in ((built, "push"), (fresh, "pull")):  # its data, too, which have a stage of their own
            tiny.run(folder, "dvc", command, "--remote", "s3", "--with-deps", "regression", **S3)
        assert UP_TO_DATE in tiny.run(fresh, "dvc", "status", "regression")
        evidence(DVC, "stages carried through an S3 server", 1)
    finally:
        server.stop()
