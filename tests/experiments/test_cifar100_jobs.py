"""Jobs of experiment 4 and its probes on a toy backbone: from the command line to the tables, stopped and gone on."""

import json

import numpy as np
import pytest
from test_cifar100 import RUN, SETTINGS, toy

import tiny_images
from replication import cli
from replication.data import backbones
from replication.data import images as image_files
from replication.experiments import EXPERIMENTS
from replication.experiments.cifar100 import train as cifar100
from replication.experiments.cifar100.settings import HEADS, feature_settings, probe_sizes
from replication.jobs.carry_out import carry_out
from replication.jobs.checkpoints import FileCheckpoint
from replication.jobs.commands import as_text
from replication.records import io

EXPERIMENT = EXPERIMENTS["cifar100"]
TRIALS, PROBES, TUNING = map(EXPERIMENT.stage, ("trials", "probes", "fine_tuning"))


def with_probes(**changes):
    """The run with other settings of its probes."""
    probes = SETTINGS.probes.model_copy(update=changes)
    return RUN.model_copy(update={"cifar100": SETTINGS.model_copy(update={"probes": probes})})


TWO_SIZES = with_probes(further_input_sizes=[32])


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    return stopped.value.code or 0


@pytest.fixture
def data(tmp_path, monkeypatch):
    """The data of a run, the record of a tiny file of images; backbones are toys."""
    monkeypatch.setattr(image_files, "SIZES", tiny_images.SIZES)
    monkeypatch.setattr(backbones, "pretrained", lambda name: toy())
    path = tmp_path / "cifar100.npz"
    np.savez(path, **tiny_images.arrays(100))
    about = {"data_set": "cifar100", "path": str(path), "sha256": io.sha256(path), "source": "file"}
    about |= {"stand_in": False, "found": True, "note": "noise"}
    io.write_json(tmp_path / "data/images/cifar100.json", about)
    return tmp_path / "data"


def job(head, trial=0):
    return next(each for each in TRIALS.jobs(RUN) if each.name == f"{head}/{trial}")


def train(data, stage, job, results):
    text = as_text(EXPERIMENT, stage, job, 1, "0" * 16)
    return run("train", f"cifar100.{stage.name}", "--job", text, "--data", data, "--results", results)


def tables(results, trials, probes):
    """What is gathered of the named jobs."""
    jobs = json.dumps({"trials": trials, "probes": probes})
    assert run("tabulate", "cifar100", "--jobs", jobs, "--results", results) == 0
    return {path.stem: path for path in (results / "cifar100").glob("*.parquet")}


def test_the_verbs_make_the_tables(data, tmp_path):
    results = tmp_path / "results"
    trials = list(TRIALS.jobs(RUN))
    assert [train(data, TRIALS, each, results) for each in trials] == [0] * len(trials)
    for size in probe_sizes(TWO_SIZES):
        settings = "--settings", json.dumps(feature_settings(TWO_SIZES, size))
        file = data / f"features/cifar100_{size}.safetensors"
        assert run("extract-features", "--images", data / "images/cifar100.json", *settings, "--output", file) == 0
    one_each, both = list(PROBES.jobs(TWO_SIZES)), list(PROBES.jobs(with_probes(further_input_sizes=[32], chunk=2)))
    assert [each.name for each in one_each] == ["32/0-0", "32/1-1", "64/0-0", "64/1-1"]
    assert [each.name for each in both] == ["32/0-1", "64/0-1"]
    assert [train(data, PROBES, each, results) for each in (*one_each, *both)] == [0] * 6
    names = [each.name for each in trials]
    made = [
        {name: path.read_bytes() for name, path in tables(results, names, probes).items()}
        for probes in (["64/1-1", "32/1-1", "64/0-0", "32/0-0"], ["64/0-1", "32/0-1"])
    ]
    assert made[0] == made[1] and set(made[0]) == {"trials", "eigenvalues", "losses", "costs", "probes"}
    read = {name: io.read_table(path) for name, path in tables(results, names, ["32/0-1", "64/0-1"]).items()}
    rows = read["trials"].set_index("head")
    assert rows.index.tolist() == ["linear", "spectral"] and rows["seed"].nunique() == 1
    assert rows["substitute_backbone"].all() and not rows[["stand_in", "diverged"]].any(axis=None)
    assert (rows["training_points"] == 48).all() and rows.loc["linear"].isna().sum() == 4
    assert rows.loc["spectral", "compact_neurons"] <= 6
    assert read["eigenvalues"].groupby(["head", "layer"]).size().to_dict() == {("spectral", 2): 6, ("spectral", 3): 100}
    assert (read["costs"]["peak_allocated_mib"] > read["costs"]["mean_allocated_mib"]).all()
    assert len(read["losses"]) == 2 * 6 and np.isfinite(read["losses"]["loss"]).all()
    assert read["probes"][["input_size", "head", "trial"]].to_numpy().tolist() == [
        [size, head, trial]
        for size in (32, 64)
        for head in ("linear", "mlp", "spectral", "spectral_authors_sign")
        for trial in (0, 1)
    ]
    assert read["probes"].groupby("trial")["seed"].nunique().tolist() == [1, 1]  # at every size and under every head
    assert read["probes"]["substitute_backbone"].all() and not read["probes"]["stand_in"].any()


def test_fine_tuning_is_a_trial_in_more_passes_on_larger_images(data):
    """Its rows are those of such trials, with the passes; nothing is run unless it is asked for."""
    images = image_files.load(data / "images/cifar100.json")
    assert not list(TUNING.jobs(RUN))
    tuning = SETTINGS.fine_tuning.model_copy(update={"input_size": 40, "epochs": 3, "trials": 1})
    asked = RUN.model_copy(update={"cifar100": SETTINGS.model_copy(update={"fine_tuning": tuning})})
    linear, spectral = TUNING.jobs(asked)
    assert [each.name for each in (linear, spectral)] == ["linear/0", "spectral/0"]
    tables, parameters = carry_out(EXPERIMENT, TUNING, spectral, 1, images)
    expected, _ = carry_out(EXPERIMENT, TRIALS, spectral, 1, images)
    assert set(tables) == {"fine_tuning"} and not parameters
    row = tables["fine_tuning"]
    assert row[["input_size", "epochs"]].to_numpy().tolist() == [[40, 3]]
    assert row.drop(columns="epochs").equals(expected["trials"])


@pytest.mark.parametrize("head", HEADS)
def test_a_stopped_job_ends_with_the_same_bits(head, data, tmp_path, monkeypatch):
    """It is stopped within the second epoch."""
    images = image_files.load(data / "images/cifar100.json")
    whole, parameters = carry_out(EXPERIMENT, TRIALS, job(head), 1, images)
    checkpoint, saved = FileCheckpoint(tmp_path / "checkpoint.safetensors", "name", 1), []

    class Stopped(Exception):
        pass

    real_save, real_train = FileCheckpoint.save, cifar100.train

    def save(checkpoint, module, optimizer, rows):
        real_save(checkpoint, module, optimizer, rows)
        saved.append(rows)
        if len(saved) == 4:
            raise Stopped

    monkeypatch.setattr(FileCheckpoint, "save", save)
    with pytest.raises(Stopped):
        carry_out(EXPERIMENT, TRIALS, job(head), 1, images, checkpoint=checkpoint)
    starts = []
    monkeypatch.setattr(
        cifar100, "train", lambda run, *arguments: starts.append(len(run.losses)) or real_train(run, *arguments)
    )
    again, others = carry_out(EXPERIMENT, TRIALS, job(head), 1, images, checkpoint=checkpoint)
    assert starts == [4] and len(again["losses"]) == 6
    assert all(again[name].equals(whole[name]) for name in ("trials", "eigenvalues", "losses"))
    for name, value in parameters.items():
        np.testing.assert_array_equal(others[name], value)


def test_a_killed_job_goes_on_and_ends_with_the_same_bytes(data, tmp_path, monkeypatch):
    assert train(data, TRIALS, job("spectral"), tmp_path / "whole") == 0

    def killed(run, *arguments, **options):
        raise KeyboardInterrupt

    real_step, monkey = cifar100.step, []

    def step(*arguments):
        monkey.append(1)
        return killed(*arguments) if len(monkey) == cifar100.MEASURED + 6 else real_step(*arguments)

    monkeypatch.setattr(cifar100, "step", step)
    assert train(data, TRIALS, job("spectral"), tmp_path / "parts") != 0
    parts = tmp_path / "parts/cifar100/trials/spectral"
    assert [path.name for path in parts.iterdir()] == ["0.checkpoint.safetensors"]
    monkey.clear()
    monkeypatch.setattr(cifar100, "step", lambda *arguments: monkey.append(1) or real_step(*arguments))
    assert train(data, TRIALS, job("spectral"), tmp_path / "parts") == 0
    assert len(monkey) == cifar100.MEASURED + 2  # steps 5 and 6
    for name in ("0.safetensors", "0_trials.parquet", "0_losses.parquet", "0_eigenvalues.parquet"):
        assert (parts / name).read_bytes() == (tmp_path / "whole/cifar100/trials/spectral" / name).read_bytes()
    assert not (parts / "0.checkpoint.safetensors").exists()


@pytest.mark.parametrize("missing", ["x_train", "y_train", "x_test", "y_test"])
def test_a_file_of_something_else_is_refused(missing, data, tmp_path, capsys):
    arrays = {name: np.zeros((4, 2), np.float16) for name in ("x_train", "y_train", "x_test", "y_test")}
    io.write_arrays(data / "features/cifar100_64.safetensors", {k: v for k, v in arrays.items() if k != missing})
    io.write_json(data / "features/cifar100_64.json", {})
    assert train(data, PROBES, next(PROBES.jobs(RUN)), tmp_path / "results") == 2
    assert f"has no array {missing.replace('x_test', 'x_held_out')}" in capsys.readouterr().err


def test_missing_weights_stop_the_verb_with_one_sentence(data, tmp_path, monkeypatch, capsys):
    def missing(name):
        raise io.ArtifactError(f"backbone {name!r}: its weights are missing")

    monkeypatch.setattr(backbones, "pretrained", missing)
    assert train(data, TRIALS, job("linear"), tmp_path / "results") == 2
    sentence = "replication: backbone 'tf_efficientnet_lite0': its weights are missing\n"
    assert capsys.readouterr().err.endswith(sentence)
