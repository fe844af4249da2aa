"""Experiment 3: its network and heads, its augmentation, and runs that stop and go on."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from replication import cli, params
from replication.data import augmentation
from replication.data.image_arrays import Images
from replication.experiment import Data, Job
from replication.experiments import EXPERIMENTS
from replication.experiments.cifar10 import train as cifar10
from replication.experiments.cifar10.run import SmallCNN
from replication.experiments.cifar10.settings import Cifar10Trial
from replication.experiments.settings import resolve_settings
from replication.jobs.carry_out import carry_out
from replication.jobs.checkpoints import FileCheckpoint
from replication.jobs.commands import as_text
from replication.jobs.core_time import CoreTime
from replication.records.io import ArtifactError, read_json, read_table
from replication.training import memory
from sparcs import SpectralNetwork

SETTINGS = Cifar10Trial(
    widths=[400, 20, 10],
    bias=True,
    images=60,
    validation_share=0.2,
    test_images=30,
    loss_budget=0.05,
    training={
        "epochs": 3,
        "batch_size": 20,
        "learning_rate": 0.01,
        "penalty": "l1",
        "rho": 1e-4,
        "train_input_eigenvalues": False,
    },
)
HEADS = ["linear", "spectral", "spectral_authors_sign", "hidden"]
EXPERIMENT = EXPERIMENTS["cifar10"]
BASE = params.read_yaml(Path(__file__).parents[2] / "params.yaml")


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (100, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, 100)
    return Images(x[:70], y[:70], x[70:], y[70:], stand_in=True, source="stand-in", note="noise")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def trained(head, images, epochs=3, seed=5):
    settings = SETTINGS.model_copy(update={"training": SETTINGS.training.model_copy(update={"epochs": epochs})})
    run = cifar10.new_run(head, images, settings, seed)
    return cifar10.train(run, cifar10.optimizer_of(run, settings), settings, seed)


def test_crops_and_flips_image_by_image():
    """The reference slices each padded image by hand."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
    draws = augmentation.draw(5, rng)
    rows = torch.tensor([3, 0, 6, 6, 1])
    crops = augmentation.augmented(augmentation.padded(augmentation.channels_first(images)), rows, draws)
    framed = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    for k, row in enumerate(rows):
        top, left = int(draws.top[k]), int(draws.left[k])
        crop = framed[row, top : top + 32, left : left + 32]
        crop = crop[:, ::-1] if draws.flip[k] else crop
        np.testing.assert_array_equal(crops[k].numpy(), crop.transpose(2, 0, 1))


def test_every_crop_and_flip_is_drawn():
    draws = augmentation.draw(10_000, np.random.default_rng(0))
    assert set(draws.top.tolist()) == set(draws.left.tolist()) == set(range(9))
    assert 0.48 < draws.flip.double().mean() < 0.52


def test_normalisation_by_hand():
    images = torch.arange(2 * 3 * 4, dtype=torch.uint8).reshape(2, 3, 2, 2)
    mean, deviation = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 0.6, 0.7])
    normalised = augmentation.Normalisation((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))(images)
    expected = (images / 255 - mean[:, None, None]) / deviation[:, None, None]
    torch.testing.assert_close(normalised, expected)


def test_the_network_is_the_authors():
    """It has conv – batch norm – ReLU – max pool, twice, in the order of the text."""
    network = SmallCNN(seeded())
    x = torch.randn(4, 3, 32, 32, generator=seeded())
    expected = x
    for stage in network.stages:
        expected = F.max_pool2d(F.relu(stage(expected)), 2)
    assert torch.equal(network(x), expected.flatten(1))
    assert network(x).shape == (4, 400)
    assert sum(p.numel() for p in network.parameters()) == 6 * 75 + 6 + 16 * 150 + 16 + 2 * (6 + 16)


def test_the_authors_sign_is_that_of_w31(images):
    """W_32 (f(W_21 x) + φ_1 x), as their scripts write it, at (−φ, −λ)."""
    head = cifar10.new_run("spectral_authors_sign", images, SETTINGS, seed=3).head.double()
    assert (head.eigenvalues[2] == -1).all()
    x = torch.randn(5, 400, generator=seeded(2), dtype=torch.float64)
    full = torch.cat([x, torch.ones(5, 1, dtype=torch.float64)], dim=1)
    for scale in (0.0, 0.5):
        with torch.no_grad():
            head.eigenvalues[1].fill_(scale)
        (phi_1, phi_2), (_, lam_2, lam_3) = (
            [-block for block in blocks] for blocks in (head.eigenvectors, head.eigenvalues)
        )
        v = full @ phi_1.T
        expected = (torch.relu(-v * lam_2) + v) @ (phi_2 * (lam_2 - lam_3[:, None])).T
        torch.testing.assert_close(head(x), expected)


def test_heads_of_one_trial_share_features_split_batches_and_crops(images):
    runs = [cifar10.new_run(head, images, SETTINGS, seed=3) for head in HEADS]
    for run in runs[1:]:
        for parameter, other in zip(runs[0].features.parameters(), run.features.parameters(), strict=True):
            assert torch.equal(parameter, other)
        first, second = (
            list(cifar10.batches(r.split, SETTINGS, 3, 0, augmentation.Normalisation((0.5,) * 3, (0.5,) * 3)))
            for r in (runs[0], run)
        )
        assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(first, second, strict=True))
    assert [len(y) for _, y in first] == [20, 20, 8]
    assert len(runs[0].split.y_validation) == 12 and len(runs[0].split.y_test) == 30
    other = cifar10.new_run("linear", images, SETTINGS, seed=4)
    assert not torch.equal(other.split.x_train, runs[0].split.x_train)


def job(head, epochs=3):
    settings = SETTINGS.model_copy(update={"training": SETTINGS.training.model_copy(update={"epochs": epochs})})
    return Job(
        name=f"{head}/0", settings=settings.model_dump(mode="json"), keys={"head": head}, trials=(0,),
        data=Data("cifar10", ()), seeds="images", every=1,
    )  # fmt: skip


def carried_out(head, images, checkpoint=None):
    return carry_out(EXPERIMENT, EXPERIMENT.stage("trials"), job(head), 1, images, checkpoint=checkpoint)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("head", HEADS)
def test_a_stopped_job_ends_with_the_same_bits(head, images, tmp_path, monkeypatch):
    tables, parameters = carried_out(head, images)
    saved, real_save, real_train = [], FileCheckpoint.save, cifar10.train

    def save(checkpoint, module, optimizer, rows):
        real_save(checkpoint, module, optimizer, rows)
        saved.append(rows)
        if len(saved) == 2:
            raise Stopped

    checkpoint = FileCheckpoint(tmp_path / "checkpoint.safetensors", "name", 1)
    monkeypatch.setattr(FileCheckpoint, "save", save)
    with pytest.raises(Stopped):
        carried_out(head, images, checkpoint)
    starts = []
    monkeypatch.setattr(
        cifar10, "train", lambda run, *arguments: starts.append(run.epochs) or real_train(run, *arguments)
    )
    again, others = carried_out(head, images, checkpoint)
    assert starts == [2]
    for name, value in parameters.items():
        np.testing.assert_array_equal(others[name], value)
    for name in ("trials", "epochs", "eigenvalues"):
        assert again[name].equals(tables[name])
    assert sorted(set(again["eigenvalues"]["epoch"])) == ([] if head in ("linear", "hidden") else [1, 3])


def test_a_checkpoint_of_another_run_is_not_taken_and_an_altered_one_is_named(images, tmp_path):
    run = cifar10.new_run("linear", images, SETTINGS, 5)
    optimizer = cifar10.optimizer_of(run, SETTINGS)
    a, b = (FileCheckpoint(tmp_path / "checkpoint.safetensors", name, 1) for name in "ab")
    assert a.load(cifar10.whole(run), optimizer) == {}
    a.save(cifar10.whole(run), optimizer, {"x": np.ones(1)})
    assert b.load(cifar10.whole(run), optimizer) == {} and a.load(cifar10.whole(run), optimizer) == {"x": [1]}
    a.path.write_bytes(a.path.read_bytes()[:-5])
    with pytest.raises(ArtifactError, match=r"checkpoint\.safetensors cannot be read.*; delete it"):
        a.load(cifar10.whole(run), optimizer)


def test_what_is_measured(images):
    runs = {head: trained(head, images) for head in HEADS}
    spectral = runs["spectral"]
    rows = {head: cifar10.measure(run, SETTINGS) for head, run in runs.items()}
    assert rows["linear"]["parameters"] == 4010
    assert rows["spectral"]["parameters"] == 401 * 20 + 20 * 10 + 20 + 10
    assert rows["hidden"]["parameters"] == 401 * 20 + 21 * 10
    for head in ("linear", "hidden"):
        of_eigenvalues = ("test_accuracy_pruned", "recruited_neurons", "compact_neurons", "compact_test_accuracy")
        assert np.isnan([rows[head][name] for name in of_eigenvalues]).all()
        assert np.isnan(runs[head].curves["plain_pruned"]).all()
    for row in rows.values():
        assert row["test_accuracy"] * 30 / 100 == pytest.approx(round(row["test_accuracy"] * 30 / 100))
    without = cifar10.pruned(spectral.head)
    assert not without.eigenvalues[1].any() and spectral.head.eigenvalues[1].any()
    for head in HEADS[1:3]:
        kept = rows[head]["compact_neurons"]  # each with its 400 weights, its bias and 10 weights into the classes
        assert rows[head]["compact_parameters"] == 4010 + 411 * kept
    assert isinstance(without, SpectralNetwork)


def test_a_run_that_diverges_stops(images):
    run = cifar10.new_run("linear", images, SETTINGS, 5)
    with torch.no_grad():
        run.head.weight.fill_(torch.inf)
    cifar10.train(run, cifar10.optimizer_of(run, SETTINGS), SETTINGS, 5)
    assert run.diverged_epoch == 0 and run.epochs == 1
    assert np.isnan(cifar10.measure(run, SETTINGS)["test_accuracy"])


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("learning_rate", [1e13, 1e38])
def test_a_run_that_diverges_in_its_last_step_has_diverged(head, learning_rate, images):
    """The loss of each batch, taken before its step, is finite."""
    training = SETTINGS.training.model_copy(update={"epochs": 1, "batch_size": 60, "learning_rate": learning_rate})
    settings = SETTINGS.model_copy(update={"training": training})
    run = cifar10.new_run(head, images, settings, 5)
    cifar10.train(run, cifar10.optimizer_of(run, settings), settings, 5)
    row = cifar10.measure(run, settings)
    assert run.diverged_epoch < 0 == row.pop("diverged_epoch") and row.pop("parameters") > 0
    assert np.isnan(list(row.values())).all()


def test_bytes_held_by_hand():
    layer = nn.Linear(10, 5)
    optimizer = torch.optim.Adam(layer.parameters())
    x = torch.zeros(3, 10)
    assert memory.held(layer, optimizer, x) == 4 * (55 + 30)
    layer(x).sum().backward()
    optimizer.step()
    assert memory.held(layer, optimizer, x) == 4 * (4 * 55 + 2 + 30)  # gradients, two moments, two step counts


def test_memory_of_the_two_heads(images):
    """Every parameter of the head is held four times: itself, its gradient and Adam's two moments."""
    by_head = {head: cifar10.memory_of_steps(head, images, SETTINGS, 0, "cpu") for head in ("linear", "spectral")}
    more = 401 * 20 + 20 * 10 + 20 + 10 - 4010
    difference = by_head["spectral"]["mean_allocated_mib"] - by_head["linear"]["mean_allocated_mib"]
    assert difference == pytest.approx(4 * 4 * more / 2**20, abs=0.005)
    assert all(row["peak_allocated_mib"] > row["mean_allocated_mib"] for row in by_head.values())


def sparcs(*arguments):
    with pytest.raises(SystemExit) as done:
        cli.main([str(argument) for argument in arguments])
    assert not done.value.code


def train_and_tabulate(stage, run):
    """Every job of a stage at some settings on stand-in images, below the working directory; its gathered tables."""
    images = run.images.model_dump_json()
    sparcs("prepare-images", "cifar10", "--settings", images, "--output", "data/images/cifar10.json")
    jobs = list(EXPERIMENT.stage(stage).jobs(run))
    for each in jobs:
        text = as_text(EXPERIMENT, EXPERIMENT.stage(stage), each, run.root_seed, "0" * 16)
        sparcs("train", f"cifar10.{stage}", "--job", text, "--data", "data", "--results", "results")
    names = json.dumps({stage: [each.name for each in jobs]})
    sparcs("tabulate", "cifar10", "--jobs", names, "--results", "results")
    return {table: read_table(Path(f"results/cifar10/{table}.parquet")) for table in EXPERIMENT.stage(stage).tables}


def test_jobs_from_the_command_line_to_the_tables(tmp_path, monkeypatch):
    """Two jobs on a stand-in record make tables, and leave no checkpoint."""
    monkeypatch.chdir(tmp_path)
    run = resolve_settings(BASE, {"scale": "smoke"})
    tables = train_and_tabulate("trials", run)
    assert tables["trials"]["head"].tolist() == ["linear", "spectral"] and tables["trials"]["stand_in"].all()
    assert len(tables["epochs"]) == 2 * run.cifar10.training.epochs
    assert not list(tmp_path.rglob("*checkpoint*"))
    about = read_json(Path("results/cifar10/trials/linear/0.provenance.json"))
    assert about["seconds"] > 0 and about["stand_in"]


def test_a_job_of_several_networks_from_the_command_line_to_the_tables(tmp_path, monkeypatch):
    """A GPU's job, on a CPU: its tables are those of jobs of one network."""
    monkeypatch.chdir(tmp_path)
    small = {"images": 160, "trials": 2, "training": {"epochs": 1}}
    made = {}
    for device in ("cpu", "cuda"):
        made[device] = train_and_tabulate(
            "trials", resolve_settings(BASE, {"scale": "smoke", "device": device, "cifar10": small})
        )
    for table in ("trials", "epochs", "eigenvalues"):
        pd.testing.assert_frame_equal(made["cuda"][table], made["cpu"][table])
    about = read_json(Path("results/cifar10/trials/0-1.provenance.json"))
    assert about["trials"] == 4 and about["keys"] == {"head": ["linear", "spectral"]}


def test_a_run_that_diverged_leaves_no_state_to_go_on_from(images, monkeypatch):
    saved = []
    monkeypatch.setattr(FileCheckpoint, "save", lambda *arguments: saved.append(arguments))
    wild = job("linear")
    training = wild.settings["training"] | {"learning_rate": 1e30}
    wild = Job(**vars(wild) | {"settings": wild.settings | {"training": training}})
    checkpoint = FileCheckpoint(Path("nowhere"), "name", 1)
    tables, _ = carry_out(EXPERIMENT, EXPERIMENT.stage("trials"), wild, 1, images, checkpoint=checkpoint)
    assert tables["trials"]["diverged_epoch"].tolist() == [0] and not saved


def test_the_clock_counts_what_was_spent_before_a_stop(images, tmp_path, monkeypatch):
    clock, spent, real_save = CoreTime(), [], FileCheckpoint.save

    def save(checkpoint, *arguments):
        real_save(checkpoint, *arguments)
        spent.append(checkpoint.clock.spent())
        raise Stopped

    clock.before = 600.0
    monkeypatch.setattr(FileCheckpoint, "save", save)
    with pytest.raises(Stopped):
        carried_out("linear", images, FileCheckpoint(tmp_path / "c", "name", 1, clock))
    monkeypatch.undo()
    again = CoreTime()
    carried_out("linear", images, FileCheckpoint(tmp_path / "c", "name", 1, again))
    assert again.spent() > spent[0] > 600 and again.before > 600


def test_the_sweep_has_every_penalty_and_a_linear_head_as_long():
    run = resolve_settings(BASE, {"scale": "overnight"})
    jobs = list(EXPERIMENT.stage("sweep").jobs(run))
    first = {each.name: each for each in jobs if each.trials == (0,)}
    assert {each.settings["training"]["epochs"] for each in jobs} == {60}
    assert first["linear/0"].keys == {"head": "linear", "penalty": "none", "rho": 0}
    assert first.pop("linear/0").settings["training"]["rho"] == 0
    swept = first["l2_squared_0.001/0"]
    assert swept.keys == {"head": "spectral", "penalty": "l2_squared", "rho": 1e-3} and len(first) == 9
    assert [swept.settings["training"][name] for name in ("penalty", "rho")] == ["l2_squared", 1e-3]
    assert [each.name for each in islice(jobs, 2)] == ["linear/0", "l1_1e-05/0"]
    assert len(jobs) == 10 * run.cifar10.sweep.trials


def test_the_sweep_from_the_command_line_to_the_table(tmp_path, monkeypatch):
    """Two points that share a trial's seed; the linear head's row has no penalty."""
    monkeypatch.chdir(tmp_path)
    sweep = {"epochs": 1, "penalties": ["l2"], "rhos": [0.01], "trials": 1}
    run = resolve_settings(BASE, {"scale": "smoke", "cifar10": {"images": 160, "sweep": sweep}})
    [table] = train_and_tabulate("sweep", run).values()
    assert table[["head", "penalty", "rho"]].to_numpy().tolist() == [["linear", "none", 0.0], ["spectral", "l2", 0.01]]
    assert table["seed"].nunique() == 1 and (table["epochs"] == 1).all()


def test_priced_heads_train_as_long_as_the_sweep_from_both_starts():
    run = resolve_settings(BASE, {"scale": "overnight", "cifar10": {"priced": {"trials": 1, "rhos": [0.001]}}})
    jobs = {job.name: job for job in EXPERIMENT.stage("priced").jobs(run)}
    assert len(jobs) == 4
    of_rows = jobs["spectral_authors_sign_rows_0.001/0"]
    assert of_rows.keys == {"head": "spectral_authors_sign", "penalty": "rows", "rho": 1e-3}
    training = of_rows.settings["training"]
    assert (training["penalty"], training["rho"], training["epochs"]) == ("rows", 1e-3, run.cifar10.sweep.epochs)
