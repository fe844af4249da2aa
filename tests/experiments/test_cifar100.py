"""Experiment 4 on a toy backbone with random dropout: pairing, preparation, divergence, costs, settings."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import tiny_images
from replication import params
from replication.data import backbones
from replication.data.image_arrays import Images
from replication.experiments import EXPERIMENTS
from replication.experiments.cifar100 import train as cifar100
from replication.experiments.cifar100.features import about, activities, enlarged, features
from replication.experiments.cifar100.settings import HEADS
from replication.experiments.settings import SCALES, resolve_settings
from replication.jobs.carry_out import seeds_of
from replication.training import classifiers

ROOT = Path(__file__).parents[2]
BASE = params.read_yaml(ROOT / "params.yaml")
SMALL = {
    "widths": [1280, 6, 100],
    "images": 60,
    "validation_share": 0.2,
    "test_images": 15,
    "training": {"epochs": 2, "batch_size": 20},
    "checkpoint_every": 2,
    "probes": {"trials": 2, "chunk": 1, "training": {"epochs": 2, "batch_size": 20}},
}
RUN = resolve_settings(BASE, {"scale": "smoke", "cifar100": SMALL})
SETTINGS = RUN.cifar100
TRAINING = SETTINGS.training


def toy(seed=0):
    """A backbone that drops features at random in training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = nn.Sequential(
            nn.Conv2d(3, 1280, 8, stride=8), nn.BatchNorm2d(1280), nn.ReLU(), nn.Dropout(0.3),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
    return backbones.Backbone(module, 1280, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


@pytest.fixture(scope="module")
def images():
    arrays = tiny_images.arrays(100)
    labels = {name: arrays[name].astype(np.int64) for name in ("y_train", "y_test")}
    return Images(**arrays | labels, stand_in=True, source="stand-in", note="noise")


@pytest.fixture(scope="module")
def split(images):
    return cifar100.split_of(images, SETTINGS, 5)


def trained(head, split, training=TRAINING, seed=5, on_step=None):
    run = cifar100.new_run(head, toy(), SETTINGS, seed)
    return cifar100.train(run, cifar100.optimizer_of(run, training), split, training, seed, on_step)


def state(run):
    return {name: value.clone() for name, value in cifar100.whole(run).state_dict().items()}


def test_heads_of_one_trial_share_images_flips_and_dropped_features(images, split):
    experiment = EXPERIMENTS["cifar100"]
    stage = experiment.stage("trials")
    jobs = [each for each in stage.jobs(resolve_settings(BASE, {"scale": "paper"})) if each.trials[0] < 5]
    assert len(jobs) == 10 and len({seeds_of(experiment, stage, each, 1) for each in jobs}) == 5
    batches = list(cifar100.schedule(len(split.y_train), TRAINING, 5))
    again = list(cifar100.schedule(len(split.y_train), TRAINING, 5))
    assert all(
        torch.equal(a.rows, b.rows) and torch.equal(a.flips, b.flips) for a, b in zip(batches, again, strict=True)
    )
    assert [a.seed for a in batches] == [b.seed for b in again] and len({a.seed for a in batches}) == len(batches)
    seen = {}
    for head in HEADS:
        run = cifar100.new_run(head, toy(), SETTINGS, 5)
        run.head.register_forward_hook(lambda module, inputs, output, head=head: seen.update({head: inputs[0]}))
        cifar100.whole(run).train()
        cifar100.step(
            run, cifar100.optimizer_of(run, TRAINING), TRAINING, 9, *cifar100.prepared(run, split, batches[0])
        )
    assert torch.equal(*seen.values())  # with the dropout of the seed


def test_an_epoch_goes_once_through_the_training_images(split):
    assert [len(split.y_train), len(split.y_validation), len(split.y_test)] == [48, 12, 15]
    batches = list(cifar100.schedule(48, TRAINING, 5))
    assert len(batches) == cifar100.steps(48, TRAINING) == 6
    assert [len(batch.rows) for batch in batches] == [20, 20, 8] * 2
    for epoch in (batches[:3], batches[3:]):
        assert sorted(torch.cat([batch.rows for batch in epoch]).tolist()) == list(range(48))
    flips = torch.cat([batch.flips for batch in cifar100.schedule(5000, TRAINING, 5)])
    assert 0.48 < flips.double().mean() < 0.52


def test_batches_are_flipped_enlarged_and_normalised_as_pictures_are(split):
    """The reference is Pillow's bilinear enlargement, which rounds to whole colours."""
    run = cifar100.new_run("linear", toy(), SETTINGS.model_copy(update={"input_size": 48}), 5)
    batch = cifar100.Batch(torch.tensor([3, 7]), torch.tensor([True, False]), 0)
    x, y = cifar100.prepared(run, split, batch)
    assert x.shape == (2, 3, 48, 48) and torch.equal(y, split.y_train[[3, 7]])
    for k, row in enumerate((3, 7)):
        picture = split.x_train[row].permute(1, 2, 0).numpy()  # (32, 32, 3)
        picture = picture[:, ::-1] if k == 0 else picture
        large = np.asarray(Image.fromarray(np.ascontiguousarray(picture)).resize((48, 48), Image.Resampling.BILINEAR))
        expected = (large / 255 - np.array([0.4, 0.5, 0.6])) / np.array([0.2, 0.25, 0.3])
        assert np.abs(x[k].permute(1, 2, 0).numpy() - expected).max() < 1.01 / 255 / 0.2


def test_the_sparcs_head_starts_as_a_linear_head(split):
    """A linear head with the weights of its bundle 1 → 3 gives the same outputs; no neuron is recruited yet."""
    run = cifar100.new_run("spectral", toy(), SETTINGS, 5)
    linear = nn.Linear(1280, 100)
    weight = run.head.bundle(3, 1).detach()  # (100, 1281), the last column the bias neuron's
    with torch.no_grad():
        linear.weight.copy_(weight[:, :-1])
        linear.bias.copy_(weight[:, -1])
    x = activities(run, split.x_test)
    torch.testing.assert_close(linear(x), run.head(x), rtol=1e-5, atol=1e-5)
    assert run.head.active_neurons() == (0,)


def test_no_draw_depends_on_the_global_generator_or_moves_it(split):
    torch.manual_seed(1)
    first, before = state(trained("spectral", split)), torch.random.get_rng_state()
    torch.manual_seed(2)
    assert not torch.equal(before, torch.random.get_rng_state())
    again = state(trained("spectral", split))
    assert all(torch.equal(first[name], again[name]) for name in first)
    torch.manual_seed(1)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_run_that_diverges_stops_and_has_a_row_of_nan(split):
    run = trained("spectral", split, TRAINING.model_copy(update={"learning_rate": 1e30}))
    assert run.diverged and len(run.losses) < 6
    row = cifar100.measure(run, split, SETTINGS)
    assert row.pop("diverged") and row.pop("parameters") == 1281 * 6 + 6 * 100 + 6 + 100
    assert np.isnan(list(row.values())).all()


@pytest.mark.parametrize(("head", "learning_rate"), [(head, rate) for head in HEADS for rate in (1e13, 1e38)])
def test_a_run_that_diverges_in_its_last_step_has_diverged(head, learning_rate, split):
    """The loss of each batch, taken before its step, is finite."""
    update = {"epochs": 1, "batch_size": 60, "learning_rate": learning_rate}
    run = trained(head, split, TRAINING.model_copy(update=update))
    row = cifar100.measure(run, split, SETTINGS)
    assert not run.diverged and row.pop("diverged") and row.pop("parameters") > 0
    assert np.isnan(list(row.values())).all()


def test_the_penalty_acts_on_hidden_eigenvalues_alone():
    head = classifiers.new_head("spectral", (5, 3, 2), True, 0)
    with torch.no_grad():
        head.eigenvalues[1].copy_(torch.tensor([0.5, -1.0, 2.0]))
    output, y = torch.zeros(4, 2), torch.zeros(4, dtype=torch.long)
    training = TRAINING.model_copy(update={"rho": 0.1})
    data_loss, loss = classifiers.losses(head, output, y, training)
    assert float(data_loss) == pytest.approx(np.log(2)) and float((loss - data_loss).detach()) == pytest.approx(0.35)
    assert len(set(map(id, classifiers.losses(nn.Linear(5, 2), output, y, training)))) == 1


def test_compaction_keeps_what_the_validation_loss_needs():
    """The first head's hidden neurons cost nothing; the second one is nothing without one of them."""
    head = classifiers.new_head("spectral", (4, 3, 2), True, 0)
    x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    linear = classifiers.compacted(head, (x, torch.zeros(200, dtype=torch.long)), (x, head(x).argmax(1)), 0.05)
    assert linear == {"compact_neurons": 0, "compact_parameters": 4 * 2 + 2, "compact_test_accuracy": 100}
    with torch.no_grad():
        head.eigenvalues[1].copy_(torch.tensor([0.0, 20.0, 0.0]))
    y = head(x).argmax(1)
    kept = classifiers.compacted(head, (x, y), (x, y), 0.05)
    assert kept["compact_neurons"] == 1 and kept["compact_test_accuracy"] == 100
    assert classifiers.compacted(nn.Linear(4, 2), (x, y), (x, y), 0.05) == {}


@pytest.mark.parametrize("head", HEADS)
def test_memory_by_hand(head, split):
    """It holds each parameter, its gradient, Adam's two moments and counters, buffers and the batch after a step."""
    measured = cifar100.memory_of_steps(head, toy(), split, SETTINGS, 5, "cpu")
    run = cifar100.new_run(head, toy(), SETTINGS, 5)
    parameters = list(cifar100.whole(run).parameters())
    held = sum(16 * parameter.numel() + 4 for parameter in parameters)
    held += sum(buffer.nbytes for buffer in cifar100.whole(run).buffers())
    pixels = SETTINGS.input_size**2
    batch = [size * (3 * pixels * 4 + 8) for size in (20, 20, 8)]
    assert measured["mean_allocated_mib"] == pytest.approx((held + np.mean(batch)) / 2**20, rel=1e-9)
    activations = 3 * 20 * 1280 * pixels // 64 * 4  # of convolution, normalisation and ReLU, an eighth as wide and high
    assert measured["peak_allocated_mib"] * 2**20 > held - 4 * sum(p.numel() for p in parameters) + activations


def test_features_are_those_of_the_plain_images(images):
    backbone = toy()
    made = features(backbone, images, SETTINGS, "cpu")
    assert made["x_train"].shape == (60, 1280) and made["x_test"].shape == (15, 1280)
    assert made["x_train"].dtype == np.float16
    np.testing.assert_array_equal(made["y_train"], images.y_train[:60])
    run = cifar100.new_run("linear", toy(), SETTINGS, 5)
    run.backbone.eval()
    x = torch.from_numpy(images.x_test[:15].transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        expected = run.backbone(enlarged(run, x)).numpy()
    np.testing.assert_allclose(made["x_test"], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": "resnet"}, "cifar100.backbone = 'resnet': input should be 'efficientnet_v2_s', "),
        ({"input_size": 31}, "cifar100.input_size = 31: .*greater than or equal to 32"),
        ({"widths": [400, 526, 100]}, r"cifar100: widths = \[400, 526, 100\]: allowed are three layers, 1280 inputs"),
        ({"images": 143}, "cifar100: images = 143: allowed are numbers that leave no batch of one image"),
        ({"validation_share": 0}, "cifar100.validation_share = 0"),
        ({"probes": {"training": {"train_input_eigenvalues": True}}}, "cifar100.probes: .*allowed is false"),
        ({"probes": {"further_input_sizes": [16]}}, "cifar100.probes.further_input_sizes.* = 16"),
        (
            {"probes": {"further_input_sizes": [96, 96]}},
            r"cifar100.probes: further_input_sizes = \[96, 96\]: allowed are",
        ),
        ({"fine_tuning": {"epochs": 0}}, "cifar100.fine_tuning.epochs = 0"),
        ({"trials": 0}, "cifar100.trials = 0"),
    ],
)
def test_a_wrong_setting_is_one_sentence(changes, message):
    with pytest.raises(params.ParameterError, match=message) as caught:
        resolve_settings(BASE, {"scale": "overnight", "cifar100": changes})
    assert "\n" not in str(caught.value)


def test_the_paper_scale_has_the_papers_backbone(images):
    settings = {scale: resolve_settings(BASE, {"scale": scale}).cifar100 for scale in SCALES}
    made_from = {scale: about(of_scale, images) for scale, of_scale in settings.items()}
    columns = ("backbone", "input_size", "substitute_backbone")
    paper = made_from.pop("paper")
    assert [paper[name] for name in columns] == ["efficientnet_v2_s", 224, False] and paper["stand_in"]
    for of_scale in made_from.values():
        assert [of_scale[name] for name in columns] == ["tf_efficientnet_lite0", 64, True]
    assert len(list(islice(cifar100.schedule(45_000, settings["paper"].training, 0), 400))) == 352
