"""Networks of experiment 3 trained side by side, against each alone by PyTorch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from replication import params
from replication.data.augmentation import DEVIATION, MEAN, Normalisation
from replication.data.image_arrays import Images
from replication.experiment import Job
from replication.experiments import EXPERIMENTS
from replication.experiments.cifar10 import train as cifar10
from replication.experiments.cifar10.backends import PyTorch
from replication.experiments.cifar10.run import Measured
from replication.experiments.cifar10.settings import Cifar10Trial
from replication.experiments.cifar10.side_by_side import SideBySide, train_side_by_side, unfolded
from replication.experiments.settings import resolve_settings
from replication.jobs.carry_out import seeds_of
from replication.jobs.checkpoints import FileCheckpoint
from replication.jobs.commands import JobText, as_text, job_of
from replication.params import from_json
from replication.records.fingerprints import fingerprint
from replication.training.work import Work, WorkError, plain

HEADS = ["spectral", "linear", "spectral_authors_sign", "hidden"]
SEEDS = [5, 8]
NEEDLESS = ("0.0.bias", "1.0.bias")  # of a convolution: a batch norm follows


def settings_of(**training):
    chosen = {"epochs": 2, "batch_size": 20, "learning_rate": 0.01, "penalty": "l1", "rho": 1e-3}
    return Cifar10Trial(
        widths=[400, 11, 10], bias=True, images=60, validation_share=0.2, test_images=30, loss_budget=0.05,
        training=chosen | {"train_input_eigenvalues": False} | training,
    )  # fmt: skip


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (90, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, 90)
    return Images(x[:70], y[:70], x[70:], y[70:], stand_in=True, source="stand-in", note="noise")


def group_of(images, settings, heads=HEADS, seeds=SEEDS):
    return SideBySide(heads, images, settings, seeds, dtype=torch.float64)


class Double(PyTorch):
    """On images in float64."""

    def __init__(self, run, *others):
        super().__init__(run, *others)
        self.normalise = lambda images: Normalisation(MEAN, DEVIATION)(images).double()


def alone(head, images, settings, seed, disturb=None):
    run = cifar10.new_run(head, images, settings, seed)
    cifar10.whole(run).double()
    if disturb:
        disturb(run.head)
    return cifar10.train(run, cifar10.optimizer_of(run, settings), settings, seed, made=Double)


def assert_alike(run, expected, tolerance=1e-9):
    assert run.diverged_epoch == expected.diverged_epoch
    for name, values in expected.curves.items():
        np.testing.assert_allclose(run.curves[name], values, atol=tolerance, rtol=0, err_msg=name)
    assert run.eigenvalues.keys() == expected.eigenvalues.keys()
    for epoch, values in expected.eigenvalues.items():
        np.testing.assert_allclose(run.eigenvalues[epoch], values, atol=tolerance, rtol=0)
    state = cifar10.whole(run).state_dict()
    for name, value in cifar10.whole(expected).state_dict().items():
        apart = 1e-6 if name.endswith((*NEEDLESS, "running_mean")) else tolerance
        torch.testing.assert_close(state[name], value, atol=apart, rtol=0, equal_nan=True, msg=name)


@pytest.mark.parametrize("penalty", ["l1", "l2", "l2_squared"])
def test_side_by_side_is_one_at_a_time(images, penalty):
    """Parameters, running statistics, losses and accuracies of two epochs, whose last batch is smaller."""
    settings = settings_of(penalty=penalty)
    group = group_of(images, settings)
    train_side_by_side(group)
    runs = [*group.runs()]
    assert [(trial, head) for trial, head, _ in runs] == [
        (trial, head) for trial in (0, 1) for head in ("linear", "hidden", "spectral", "spectral_authors_sign")
    ]
    for trial, head, run in runs:
        expected = alone(head, images, settings, SEEDS[trial])
        assert_alike(run, expected)
        for each in (run, expected):
            cifar10.whole(each).float()
        assert cifar10.measure(run, settings) == pytest.approx(cifar10.measure(expected, settings), nan_ok=True)


def test_a_batch_of_one_kind_of_head(images):
    settings = settings_of(batch_size=48, epochs=1)
    for head in ("linear", "hidden", "spectral"):
        group = group_of(images, settings, [head], [8])
        train_side_by_side(group)
        [(_, _, run)] = group.runs()
        assert_alike(run, alone(head, images, settings, 8))


@pytest.mark.parametrize("when", [0, 1])
def test_one_that_diverges_stops_alone(images, when):
    """One network's weights are infinite before the epoch ``when``: the others have their numbers without it."""
    settings, told = settings_of(epochs=3), []
    group = group_of(images, settings)

    def spoil(head):
        with torch.no_grad():
            head.weight.fill_(torch.inf)

    def on_epoch(last):
        told.append(last)
        if len(told) == when:
            spoil(group.networks[1][0]["head"])

    if when == 0:
        spoil(group.networks[1][0]["head"])
    train_side_by_side(group, on_epoch)
    assert told == [False, False, True]
    for trial, head, run in group.runs():
        if (trial, head) != (1, "linear"):
            assert_alike(run, alone(head, images, settings, SEEDS[trial]))
        elif when == 0:
            expected = alone(head, images, settings, SEEDS[trial], spoil)
            assert run.diverged_epoch == expected.diverged_epoch == 0
            for name, values in expected.curves.items():
                assert run.curves[name] == pytest.approx(values, nan_ok=True)
        else:
            assert run.diverged_epoch == 1 and run.epochs == 2
            assert np.isnan(cifar10.measure(run, settings)["test_accuracy"])


def test_all_that_diverge_stop(images):
    group, told = group_of(images, settings_of(epochs=5, learning_rate=1e300)), []
    train_side_by_side(group, told.append)
    assert told == [False] * (len(told) - 1) + [True] and group.epochs < 5
    assert all(measured.diverged_epoch >= 0 for *_, measured in group.each())


def test_a_stopped_group_ends_with_the_same_bits(images, tmp_path):
    """One that has diverged stays as it was."""

    def spoiled(epochs):
        group = group_of(images, settings_of(epochs=epochs))
        with torch.no_grad():
            group.networks[0][2]["head"].eigenvectors[0].fill_(torch.inf)
        return group

    whole, first, again = spoiled(3), spoiled(2), spoiled(3)
    checkpoint = FileCheckpoint(tmp_path / "checkpoint.safetensors", "name", 1)
    train_side_by_side(whole)
    train_side_by_side(first)
    first.save(checkpoint)
    again.load(checkpoint)
    assert again.epochs == 2
    train_side_by_side(again)
    for (_, _, one), (_, _, other) in zip(whole.runs(), again.runs(), strict=True):
        assert one.diverged_epoch == other.diverged_epoch and one.curves.keys() == other.curves.keys()
        for name, values in one.curves.items():
            np.testing.assert_array_equal(values, other.curves[name])
        states = (cifar10.whole(run).state_dict().values() for run in (one, other))
        assert all(torch.equal(a.nan_to_num(7), b.nan_to_num(7)) for a, b in zip(*states, strict=True))
    assert [measured.diverged_epoch for *_, measured in again.each()] == [-1, -1, 0, -1, -1, -1, -1, -1]


def test_products_of_patches_are_convolutions():
    source = torch.Generator().manual_seed(0)
    x, weight = (
        torch.randn(*shape, generator=source, dtype=torch.float64) for shape in ((2, 3, 4, 9, 9), (6, 3, 5, 5))
    )
    products = (weight.reshape(6, 75) @ unfolded(x)).unflatten(2, (4, 5, 5))
    expected = F.conv2d(x.transpose(1, 2).flatten(0, 1), weight).unflatten(0, (2, 4)).transpose(1, 2)
    torch.testing.assert_close(products, expected)


def test_what_was_measured_comes_back():
    measured, again = Measured(), Measured()
    for loss in (1.0, np.nan):
        measured.add(loss, (1.0, 2.0, 3.0, 4.0), torch.nn.Linear(2, 2), last=9)
    again.take(measured.rows())
    assert again.diverged_epoch == measured.diverged_epoch == 1 and again.epochs == 2


def work_of(heads, trials, **changes):
    return Work(
        settings=plain(settings_of().model_dump()), keys={"head": heads}, trials=trials,
        seeds=[SEEDS[trial] for trial in trials], **changes,
    )  # fmt: skip


def test_a_job_of_several_on_a_cpu_has_the_bits_of_single_ones(images):
    tables, arrays = cifar10.run(images, work_of(("spectral", "linear"), (0, 1)))
    for head in ("linear", "spectral"):
        alone, own = cifar10.run(images, work_of(head, (1,)))
        for name, value in own.items():
            np.testing.assert_array_equal(arrays[f"{head}.1.{name}"], value)
        for name in ("trials", "epochs", "eigenvalues"):
            rows = tables[name].query("head == @head and trial == 1").reset_index(drop=True)
            assert rows.equals(alone[name].astype(rows.dtypes))
    assert len(tables["costs"]) == 4 and tables["costs"]["seconds"].all()


def test_a_job_side_by_side_goes_on_from_its_checkpoint(images, tmp_path):
    """The numbers are in float32, to rounding those of networks alone."""
    work = work_of(("linear", "spectral"), (1, 0))
    short = plain(settings_of(epochs=1).model_dump())
    kept = FileCheckpoint(tmp_path / "checkpoint.safetensors", "name", 1)
    group = SideBySide(work.keys["head"], images, short, work.seeds)
    train_side_by_side(group)
    group.save(kept)
    done = [*cifar10.trained_together(images, replace(work, checkpoint=kept))]
    assert [(one.trials, one.seeds, one.keys["head"]) for one, _ in done] == [
        ((trial,), (SEEDS[trial],), head) for trial in (1, 0) for head in ("linear", "spectral")
    ]
    for one, run in done:
        expected = cifar10.whole_training(images, one)
        assert run.epochs == 2 and run.curves["train_loss"] == pytest.approx(expected.curves["train_loss"], abs=1e-3)


def test_too_many_for_the_memory_are_refused_in_a_sentence(images, monkeypatch):
    def exhausted(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(cifar10, "train_side_by_side", exhausted)
    with pytest.raises(WorkError, match="chunk: 2 trials with 1 heads each need more memory than the GPU has"):
        next(cifar10.trained_together(images, work_of(("linear",), (0, 1))))


def test_jobs_on_a_gpu_are_chunks_of_trials_with_every_head():
    """Each network is trained once, with the seed and the fingerprint that it has in a job of its own."""
    experiment, base = EXPERIMENTS["cifar10"], params.read_yaml(Path(__file__).parents[2] / "params.yaml")
    networks = {}
    for device, jobs in (("cpu", 20), ("cuda", 3)):
        run = resolve_settings(base, {"device": device, "scale": "paper", "cifar10": {"trials": 5, "chunk": 2}})
        stage = experiment.stage("trials")
        made = [*stage.jobs(run)]
        networks[device] = [
            (head, trial, seed, fingerprint(experiment, stage, job, run.root_seed))
            for job in made
            for trial, seed in zip(job.trials, seeds_of(experiment, stage, job, run.root_seed), strict=True)
            for head in ([job.keys["head"]] if device == "cpu" else job.keys["head"])
        ]
        assert len(made) == jobs and sum(job.trainings for job in made) == len(networks[device]) == 20
    assert sorted(networks["cpu"]) == sorted(networks["cuda"])
    job = made[0]
    again = job_of(from_json(JobText, as_text(experiment, stage, job, 1, "0" * 16)), experiment, stage)
    assert (again.keys, again.trials, again.name) == (job.keys, job.trials, "0-1")


def test_published_rows_stand_for_a_job_of_several_if_all_are_there():
    job = Job(name="0-1", settings={}, keys={"head": ("linear", "spectral")}, trials=(0, 1))
    rows = pd.DataFrame({"head": ["linear", "linear", "spectral", "spectral"], "trial": [0, 1, 0, 1]})
    assert job.has_all(rows) and not job.has_all(rows[:3]) and not job.has_all(rows[:0])
    assert not job.has_all(rows.query("head == 'linear'"))
    assert Job(name="all", settings={}).has_all(rows[["head"]][:1])
