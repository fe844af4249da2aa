"""The layer, the ensembles and experiment 3 on a CUDA device, against the CPU. Skipped without such a device."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from torch.nn import functional as F

from dense_networks import deviation, evaluated, graded, inputs, seeded
from replication.data.augmentation import DEVIATION, MEAN, Normalisation
from replication.data.image_arrays import Images
from replication.experiments.cifar10 import train as cifar10
from replication.experiments.cifar10.settings import Cifar10Trial
from replication.experiments.cifar10.side_by_side import SideBySide, train_side_by_side
from replication.jobs.checkpoints import FileCheckpoint
from replication.training import cuda_graphs
from replication.training.ensemble import batched
from replication.training.ensemble.training import Training, initial_parameters
from replication.training.work import Work, plain
from sparcs import SpectralNetwork, replace_head, spectral

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

TRAINING = Training(epochs=3, batch_size=16, learning_rate=1e-2, penalty="l2", rho=1e-2)


def experiment_3(epochs):
    return Cifar10Trial(
        widths=[400, 20, 10],
        bias=True,
        images=300,
        validation_share=0.2,
        test_images=30,
        loss_budget=0.05,
        training=vars(TRAINING) | {"epochs": epochs, "penalty": "l1", "rho": 1e-4},
    )


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (400, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, 400)
    return Images(x[:300], y[:300], x[300:], y[300:], stand_in=True, source="stand-in", note="noise")


def gradients(network, x):
    network.zero_grad()
    network(x).square().sum().backward()
    return [parameter.grad.clone().cpu() for parameter in network.parameters()]


@pytest.mark.parametrize("form", spectral.FORMS)
@pytest.mark.parametrize("widths", [(4, 3), (4, 6, 3), (4, *[5] * 11, 3)])
def test_outputs_and_gradients_are_those_of_the_cpu(widths, form):
    network = SpectralNetwork(widths, bias=True, form=form, generator=seeded(), dtype=torch.float64)
    with torch.no_grad():
        for block in network.eigenvalues:
            block.add_(torch.randn(block.shape, generator=seeded(1), dtype=torch.float64))
    x = torch.randn(7, 4, generator=seeded(2), dtype=torch.float64)
    expected, expected_gradients = network(x), gradients(network, x)
    network.cuda()
    torch.testing.assert_close(network(x.cuda()).cpu(), expected)
    for gradient, wanted in zip(gradients(network, x.cuda()), expected_gradients, strict=True):
        torch.testing.assert_close(gradient, wanted)


def test_one_generator_gives_one_start():
    here, there = (SpectralNetwork((4, 6, 3), generator=seeded(), device=device) for device in ("cpu", "cuda"))
    assert all(torch.equal(a, b.cpu()) for a, b in zip(here.parameters(), there.parameters(), strict=True))
    there.load_state_dict(SpectralNetwork((4, 6, 3), generator=seeded(1)).state_dict())
    assert there.eigenvectors[0].is_cuda and not torch.equal(here.eigenvectors[0], there.eigenvectors[0].cpu())


def test_bfloat16_autocast_is_close():
    network = graded(dtype=torch.float32, bias=True).cuda()
    x = inputs(network).float().cuda()
    expected = network(x)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        y = network(x)
        y.sum().backward()
    assert y.dtype == torch.bfloat16
    assert (y.float() - expected).norm() <= 0.03 * expected.norm()


@pytest.mark.filterwarnings(  # PyTorch's own
    "ignore::DeprecationWarning", "ignore:TensorFloat32 tensor cores:UserWarning"
)
def test_compiled_it_gives_the_same_numbers():
    network = graded(dtype=torch.float32, bias=True).cuda()
    x = inputs(network).float().cuda()
    torch.testing.assert_close(torch.compile(network, fullgraph=True)(x), network(x), rtol=1e-4, atol=1e-4)


def test_vmap_over_seeds():
    networks = [SpectralNetwork((4, 6, 3), bias=True, generator=seeded(seed), device="cuda") for seed in range(3)]
    stacked = torch.func.stack_module_state(networks)
    x = torch.randn(7, 4, generator=seeded()).cuda()
    outputs = torch.func.vmap(lambda *state: torch.func.functional_call(networks[0], state, (x,)))(*stacked)
    torch.testing.assert_close(outputs, torch.stack([network(x) for network in networks]))


def test_in_place_of_the_head_of_a_model():
    model = timm.create_model("resnet10t").cuda()
    head = replace_head(model, hidden=6, classes=7, generator=seeded())
    y = model(torch.randn(2, 3, 64, 64, generator=seeded()).cuda())
    y.sum().backward()
    assert y.shape == (2, 7) and head.eigenvalues[1].is_cuda and head.eigenvectors[0].grad.any()


def test_compaction_stays_on_the_device():
    network = graded(dtype=torch.float32, bias=True, activation="sigmoid").cuda()
    x = inputs(network).float().cuda()
    for options in ({}, {"inputs": x, "tolerance": 1e-3}, {"loss": lambda module: module(x).square().mean()}):
        compacted = network.compact(**options)
        assert compacted(x).device.type == "cuda"
    assert deviation(evaluated(network.compact(), x), evaluated(network, x)) <= 1e-5


def test_a_replayed_step_is_the_step():
    """It is compared with calls as written, with other sizes in between, and after the recording."""
    net = torch.nn.Linear(5, 1, device="cuda")
    other = copy.deepcopy(net)

    def step_of(net):
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1, fused=True, capturable=True)

        def step(x, y):
            optimizer.zero_grad()
            loss = F.mse_loss(net(x), y)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    written, replayed = step_of(net), cuda_graphs.replayed(step_of(other), "cuda")
    kept = []
    for k in range(12):
        rows = 3 if k % 5 == 4 else 8
        x, y = (torch.randn(rows, n, generator=seeded(k)).cuda() for n in (5, 1))
        kept.append((written(x, y), replayed(x, y)))
        assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))
    assert replayed.graph is not None
    assert all(torch.equal(a, b) for a, b in kept)


@pytest.mark.parametrize(
    ("widths", "more"),
    [
        ((4, 6, 2), {}),
        ((4, *[5] * 11, 2), {}),
        ((4, 6, 5, 2), {"rho": (0.03, 0.01), "orthonormality": 0.02, "drop_last_batch": True}),
    ],
)
def test_ensembles_are_those_of_the_cpu(widths, more):
    training = replace(TRAINING, **more)
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-1, 1, (150, 4)), rng.uniform(-1, 1, (150, 2))
    start = initial_parameters(widths, [1, 2, 3], np.float64)
    here = batched.train(start, x, y, [1, 2, 3], training)
    there = batched.train(start, x, y, [1, 2, 3], training, device="cuda")
    for key, value in here.parameters.items():
        np.testing.assert_allclose(there.parameters[key], value, atol=1e-9, err_msg=key)


def trained(head, images, epochs=2):
    run = cifar10.new_run(head, images, experiment_3(epochs), 5, "cuda")
    optimizer = cifar10.optimizer_of(run, experiment_3(epochs))
    return cifar10.train(run, optimizer, experiment_3(epochs), 5), optimizer


@pytest.mark.parametrize("head", ("linear", "hidden", "spectral", "spectral_authors_sign"))
def test_experiment_3_replayed_is_as_written(head, images, monkeypatch):
    """The losses of the epochs agree; the convolutions' gradients are sums whose order CUDA may choose."""
    replayed = trained(head, images)[0].curves["train_loss"]
    monkeypatch.setattr(cuda_graphs, "WRITTEN", 10**6)
    np.testing.assert_allclose(replayed, trained(head, images)[0].curves["train_loss"], rtol=1e-3)


def test_experiment_3_starts_as_on_the_cpu(images):
    """The first step's loss agrees up to the precision of TensorFloat-32."""
    losses = []
    for device in ("cpu", "cuda"):
        run = cifar10.new_run("spectral", images, experiment_3(1), 5, device)
        normalise = Normalisation(MEAN, DEVIATION, device)
        x, y = next(cifar10.batches(run.split, experiment_3(1), 5, 0, normalise))
        losses.append(float(cifar10.step(run, cifar10.optimizer_of(run, experiment_3(1)), experiment_3(1), x, y)))
    assert losses[1] == pytest.approx(losses[0], rel=2e-3)


def test_experiment_3_side_by_side_is_that_of_the_cpu(images):
    """Replayed, in float64; so no TensorFloat-32."""
    heads, ends = ("linear", "hidden", "spectral", "spectral_authors_sign"), {}
    for device in ("cpu", "cuda"):
        group = SideBySide(heads, images, experiment_3(2), [5, 6], device, torch.float64)
        train_side_by_side(group)
        ends[device] = [run for *_, run in group.runs()]
    assert group.step.graph is not None
    for there, here in zip(ends["cuda"], ends["cpu"], strict=True):
        np.testing.assert_allclose(there.curves["train_loss"], here.curves["train_loss"], rtol=1e-6)
        for one, other in zip(there.head.parameters(), here.head.parameters(), strict=True):
            torch.testing.assert_close(one.cpu(), other, rtol=0, atol=1e-5)


def test_a_job_of_experiment_3_trains_side_by_side(images, tmp_path):
    """Both heads of two trials; none has a time of its own, and a stopped job goes on."""
    whole = Work(plain(experiment_3(2).model_dump()), {"head": ("linear", "spectral")}, (0, 1), (5, 6), device="cuda")
    group = SideBySide(("linear", "spectral"), images, experiment_3(1), (5, 6), "cuda")
    train_side_by_side(group)
    checkpoint = FileCheckpoint(tmp_path / "checkpoint.safetensors", "run", 1)
    group.save(checkpoint)
    made, again = (cifar10.run(images, each)[0] for each in (whole, replace(whole, checkpoint=checkpoint)))
    assert made["costs"]["seconds"].isna().all() and (made["trials"]["epochs"] == 2).all()
    np.testing.assert_allclose(again["epochs"]["train_loss"], made["epochs"]["train_loss"], rtol=1e-3)


def test_experiment_3_goes_on_from_a_checkpoint(images, tmp_path):
    checkpoint = FileCheckpoint(tmp_path / "checkpoint.safetensors", "run", 1)
    run, optimizer = trained("spectral", images, epochs=1)
    checkpoint.save(cifar10.whole(run), optimizer, run.rows())
    again = cifar10.new_run("spectral", images, experiment_3(2), 5, "cuda")
    optimizer = cifar10.optimizer_of(again, experiment_3(2))
    again.take(checkpoint.load(cifar10.whole(again), optimizer))
    cifar10.train(again, optimizer, experiment_3(2), 5)
    whole = trained("spectral", images, epochs=2)[0]
    np.testing.assert_allclose(again.curves["train_loss"], whole.curves["train_loss"], rtol=1e-3)
