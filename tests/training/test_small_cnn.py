"""The fused kernel of experiment 3 against PyTorch's autograd, finite differences and other instruction sets."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from replication.data.augmentation import DEVIATION, MEAN, Draws, Normalisation, augmented, draw
from replication.experiments.cifar10 import run as cifar10
from replication.experiments.cifar10.backends import Fused, PyTorch, backend, crops, fits, value_table
from replication.training.classifiers import losses
from replication.training.small_cnn.network import Crops, SmallNetwork, pictures
from sparcs import SpectralNetwork

IMAGES, HIDDEN = 40, 21
HEADS = ["linear", "spectral", "minus", "hidden"]
NEEDLESS = {f"features.stages.{stage}.0.bias" for stage in (0, 1)}  # a batch norm follows


def training(penalty="l1", rho=1e-2, rate=0.01):
    return SimpleNamespace(learning_rate=rate, penalty=penalty, rho=rho)


def module_of(head, dtype, seed=3):
    """Features and a head whose numbers are all of one size: nothing is 0 or 1 as at the start of a training."""
    source = torch.Generator().manual_seed(seed)
    features = cifar10.SmallCNN(source)
    spectral = lambda sign: SpectralNetwork(  # noqa: E731
        (400, HIDDEN, 10), bias=True, generator=source, output_eigenvalue=sign, initial_scale=0.3
    )
    head = {
        "linear": lambda: nn.Linear(400, 10),
        "hidden": lambda: nn.Sequential(nn.Linear(400, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10)),
        "spectral": lambda: spectral(1),
        "minus": lambda: spectral(-1),
    }[head]()
    with torch.no_grad():
        for parameter in () if isinstance(head, SpectralNetwork) else head.parameters():
            parameter.uniform_(-0.05, 0.05, generator=source)
        for stage in features.stages:
            stage[1].weight.uniform_(-1, 1, generator=source)  # a negative scale turns the maximum round
            stage[1].bias.uniform_(-0.5, 0.5, generator=source)
    return nn.ModuleDict({"features": features, "head": head}).to(dtype)


def kernel_of(module, batch, dtype):
    head = module["head"]
    hidden = 0 if isinstance(head, nn.Linear) else HIDDEN
    network = SmallNetwork(10, hidden, batch, dtype, plain=isinstance(head, nn.Sequential))
    state = module.state_dict()
    for name, view in (network.values | network.running).items():
        view[...] = state[name].numpy()
    return network


def data(points, seed=0):
    """Padded images with their classes, and what is drawn for ``points`` of them."""
    rng = np.random.default_rng(seed)
    pixels, classes = rng.integers(0, 256, (IMAGES, 3, 40, 40), dtype=np.uint8), rng.integers(0, 10, IMAGES)
    rows = rng.integers(0, IMAGES, points)
    draws = draw(points, rng)
    return pixels, crops(torch.from_numpy(rows), draws, torch.from_numpy(classes[rows])), draws


def kernel_pictures(pixels, dtype):
    return pictures(pixels, value_table().numpy().astype(dtype))


def batches(pixels, cut, draws, batch, dtype):
    for first in range(0, len(cut.rows), batch):
        part = slice(first, first + batch)
        crop = augmented(torch.from_numpy(pixels), torch.from_numpy(cut.rows[part]), draws.at(part))
        yield Normalisation(MEAN, DEVIATION)(crop).to(dtype), torch.from_numpy(cut.labels[part])


def by_autograd(module, given, settings):
    """Adam steps on every batch; returns the mean of their cross-entropies."""
    optimizer, entropies = torch.optim.Adam(module.parameters(), lr=settings.learning_rate), []
    module.train()
    for x, y in given:
        optimizer.zero_grad()
        entropy, loss = losses(module["head"], module["head"](module["features"](x)), y, settings)
        loss.backward()
        optimizer.step()
        entropies.append(float(entropy.detach()))
    return np.mean(entropies)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(
    ("batch", "points", "penalty"),
    [(16, 53, "l1"), (20, 50, "l2"), (128, 150, "l2_squared"), (70, 1, "l1"), (32, 100, "rows")],
)
def test_steps_are_autograds_in_float64(head, batch, points, penalty):
    """Parameters, running statistics and gradients after several steps, the last batch smaller."""
    module = module_of(head, torch.float64)
    network = kernel_of(module, batch, np.float64)
    pixels, cut, draws = data(points)
    entropy = network.train(kernel_pictures(pixels, np.float64), cut, training(penalty))
    expected = by_autograd(module, batches(pixels, cut, draws, batch, torch.float64), training(penalty))
    assert entropy == pytest.approx(expected, abs=1e-9)
    state, parameters = module.state_dict(), dict(module.named_parameters())
    for name, view in (network.values | network.running).items():
        tolerance = 1e-7 if name in NEEDLESS else 1e-8 if name.endswith("running_mean") else 1e-9
        np.testing.assert_allclose(view, state[name].numpy(), atol=tolerance, rtol=0, err_msg=name)
    for name, view in network.gradient.items():
        np.testing.assert_allclose(view, parameters[name].grad.numpy(), atol=1e-9, rtol=0, err_msg=name)


@pytest.mark.parametrize("head", HEADS)
def test_a_float32_step_is_autograds_to_rounding(head):
    module = module_of(head, torch.float32)
    network = kernel_of(module, 128, np.float32)
    pixels, cut, draws = data(128)
    entropy = network.train(kernel_pictures(pixels, np.float32), cut, training())
    expected = by_autograd(module, batches(pixels, cut, draws, 128, torch.float32), training())
    assert entropy == pytest.approx(expected, rel=1e-5)
    for name, parameter in module.named_parameters():
        gradient = parameter.grad.numpy()
        if name not in NEEDLESS:
            np.testing.assert_allclose(network.gradient[name], gradient, atol=2e-5 * np.abs(gradient).max() + 1e-7)


@pytest.mark.parametrize("head", HEADS)
def test_gradients_are_finite_differences(head):
    """Of the loss of a batch of 37 images, along a random direction of each parameter alone."""
    module = module_of(head, torch.float64)
    pixels, cut, _ = data(37)
    given, still, rng = kernel_pictures(pixels, np.float64), training("l2_squared", rate=0.0), np.random.default_rng(5)

    def loss_at(name, direction, step):
        network = kernel_of(module, 37, np.float64)
        network.values[name] += step * direction
        entropy = network.train(given, cut, still)
        hidden = network.values.get("head.eigenvalues.1", np.zeros(1))
        return entropy + still.rho * (hidden**2).sum(), network.gradient[name]

    for name in dict(module.named_parameters()):
        direction = rng.standard_normal(np.shape(module.get_parameter(name)))
        direction /= np.linalg.norm(direction)
        step = 1e-6
        (above, _), (below, _), (_, gradient) = (loss_at(name, direction, each) for each in (step, -step, 0.0))
        assert (above - below) / (2 * step) == pytest.approx((gradient * direction).sum(), abs=2e-7), name


@pytest.mark.parametrize("head", HEADS)
def test_evaluation_counts_what_pytorch_classifies_correctly(head):
    module = module_of(head, torch.float64)
    network = kernel_of(module, 32, np.float64)
    pixels, cut, draws = data(150)
    with torch.no_grad():
        module.eval()
        [(x, y)] = batches(pixels, cut, draws, 150, torch.float64)
        features = module["features"](x)
        heads = [module["head"], cifar10.pruned(module["head"])]
        expected = [0 if each is None else int((each(features).argmax(dim=1) == y).sum()) for each in heads]
    assert network.correct(kernel_pictures(pixels, np.float64), cut) == tuple(expected)
    plain = pixels[:, :, 4:36, 4:36].copy()
    none = torch.zeros(150, dtype=torch.int64)
    whole = crops(torch.from_numpy(cut.rows), Draws(none, none, none.bool()), torch.from_numpy(cut.labels))
    middle = crops(torch.from_numpy(cut.rows), Draws(none + 4, none + 4, none.bool()), torch.from_numpy(cut.labels))
    of_plain = network.correct(kernel_pictures(plain, np.float64), whole)
    assert of_plain == network.correct(kernel_pictures(pixels, np.float64), middle)


def test_to_compile_changes_nothing():
    network = kernel_of(module_of("spectral", torch.float32), 20, np.float32)
    before = [array.copy() for array in network.network]
    network.compile(kernel_pictures(data(3)[0], np.float32))
    assert all(np.array_equal(*pair) for pair in zip(before, network.network, strict=True)) and network.steps == 0


def test_a_batch_does_not_depend_on_the_room_for_larger_ones():
    module, results = module_of("spectral", torch.float32), []
    pixels, cut, _ = data(20)
    for batch in (20, 64, 300):
        network = kernel_of(module, batch, np.float32)
        network.train(kernel_pictures(pixels, np.float32), cut, training())
        results.append(network.network.values.copy())
    assert all(np.array_equal(results[0], other) for other in results[1:])


def test_the_callers_floating_point_mode_changes_nothing_and_stays():
    """Adam's moments of a dead filter are subnormal soon: they are flushed, whoever calls."""
    module, results = module_of("spectral", torch.float32), []
    pixels, cut, _ = data(20)
    for flush in (False, True):
        network = kernel_of(module, 20, np.float32)
        network.network.second[:] = 1e-42
        torch.set_flush_denormal(flush)
        try:
            network.train(kernel_pictures(pixels, np.float32), cut, training())
            assert (torch.tensor(1e-42) * 1 == 0) == flush
        finally:
            torch.set_flush_denormal(False)
        results.append(network.network.values.copy())
    assert np.array_equal(*results)


def test_what_compiled_code_would_read_beyond_an_array_is_refused():
    network = SmallNetwork(10, 0, 16)
    pixels, cut, _ = data(5)
    given = kernel_pictures(pixels, np.float32)
    for name, value in (("rows", IMAGES), ("rows", -1), ("top", 9), ("left", 9), ("labels", 10)):
        wrong = getattr(cut, name).copy()
        wrong[2] = value
        with pytest.raises(ValueError, match=f"{name}: must be 5 numbers"):
            network.train(given, replace(cut, **{name: wrong}), training())
    with pytest.raises(ValueError, match="flip: must be 5"):
        network.train(given, replace(cut, flip=cut.flip[:3]), training())
    with pytest.raises(ValueError, match="at least one"):
        network.correct(given, Crops(*(values[:0] for values in vars(cut).values())))
    with pytest.raises(ValueError, match="classes 13: allowed are 2 to 12"):
        SmallNetwork(13, 0, 16)
    for wrong in ((10, -1, 16), (10, 0, 0), (10, 0, 16, np.float16)):
        with pytest.raises(ValueError, match="allowed are at least 0, at least 1, float32 and float64"):
            SmallNetwork(*wrong)
    with pytest.raises(ValueError, match="flip: must be 5"):
        network.train(given, replace(cut, flip=np.full(5, np.nan)), training())
    with pytest.raises(ValueError, match=r"table \(3, 255\): must be"):
        pictures(pixels, np.zeros((3, 255), np.float32))
    for shape, kind in (((2, 3, 31, 31), np.uint8), ((2, 1, 32, 32), np.uint8), ((2, 3, 32, 32), np.float32)):
        with pytest.raises(ValueError, match="must be uint8"):
            pictures(np.zeros(shape, kind), np.zeros((3, 256), np.float32))


def test_networks_that_the_kernel_is_not_made_for_go_to_pytorch():
    def run(head, features=None):
        return SimpleNamespace(features=features or cifar10.SmallCNN(torch.Generator()), head=head)

    def plain(f, *biases, classes=10):
        first, last = (nn.Linear(*each) for each in ((400, 7, biases[0]), (7, classes, biases[1])))
        return nn.Sequential(first, f, last)

    for head in (nn.Linear(400, 10), SpectralNetwork((400, 7, 12), bias=True), plain(nn.ReLU(), True, True)):
        assert fits(run(head))
    for head in (
        nn.Linear(400, 13),
        nn.Linear(400, 1),
        nn.Linear(400, 10, bias=False),
        nn.Linear(400, 10, dtype=torch.float64),  # features of another dtype
        nn.Linear(400, 10, device="meta"),
        plain(nn.Tanh(), True, True),
        plain(nn.ReLU(), False, True),
        plain(nn.ReLU(), True, False),
        plain(nn.ReLU(), True, True, classes=13),
        nn.Sequential(nn.Linear(400, 10)),
        SpectralNetwork((400, 7, 10)),
        SpectralNetwork((400, 7, 5, 10), bias=True),
        SpectralNetwork((400, 7, 10), bias=True, activation="tanh"),
        SpectralNetwork((400, 7, 10), bias=True, train_input_eigenvalues=True),
    ):
        assert not fits(run(head))


@pytest.mark.parametrize("head", HEADS)
def test_both_backends_train_alike(head):
    """Through module and optimiser, whose state the kernel takes at the start and gives back after an epoch."""
    states = {}
    for kind in (Fused, PyTorch):
        module = module_of(head, torch.float64)
        pixels, cut, _ = data(60)
        y = torch.from_numpy(cut.labels[:IMAGES])
        x = torch.from_numpy(pixels)
        split = cifar10.Split(x, y, x[:, :, 4:36, 4:36].contiguous(), y, x[:1, :, 4:36, 4:36], y[:1])
        run = cifar10.Run(module["features"], module["head"], split)
        settings = SimpleNamespace(training=SimpleNamespace(batch_size=16, **vars(training())))
        optimizer = cifar10.optimizer_of(run, settings)
        measured = []
        for epoch in range(3):  # made anew each time, as after a stop
            made = kind(run, optimizer, settings, 7)
            made.normalise = lambda images: Normalisation(MEAN, DEVIATION)(images).double()
            measured.append((made.epoch(epoch), *made.validate(epoch)))
        states[kind] = measured, module.state_dict(), optimizer.state_dict()["state"]
    (measured, state, slots), (expected, reference, reference_slots) = states.values()
    np.testing.assert_allclose(np.array(measured, float), np.array(expected, float), atol=1e-6)
    assert state.keys() == reference.keys() and slots.keys() == reference_slots.keys()
    for name, value in state.items():
        torch.testing.assert_close(value, reference[name], atol=1e-6, rtol=0, msg=name)
    for index, slot in slots.items():
        assert slot.keys() == reference_slots[index].keys()
        for key, value in slot.items():
            torch.testing.assert_close(value, reference_slots[index][key], atol=1e-6, rtol=0, msg=f"{index} {key}")
    assert isinstance(backend(run, optimizer, settings, 7), Fused)


WITHOUT = {  # a processor of each kind, as numba is told of it
    "AVX2": ("haswell", "+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+avx,+avx2,+fma,+bmi,+bmi2,+f16c"),
    "none": ("x86-64", "+sse2"),
}
ELSEWHERE = """
import json, numpy as np, torch
from replication.training.vectors import AVX512
from test_small_cnn import *
module = module_of("spectral", torch.float32)
network = kernel_of(module, 128, np.float32)
pixels, cut, _ = data(150)
entropy = network.train(kernel_pictures(pixels, np.float32), cut, training())
print(json.dumps([AVX512, entropy, network.network.values.astype(float).tolist()]))
"""


@pytest.mark.parametrize("kind", WITHOUT)
def test_other_instruction_sets_give_the_same_numbers_to_rounding(kind, tmp_path):
    """The plain path among them: the same code, whose vectors LLVM splits."""
    name, features = WITHOUT[kind]
    here = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, check=False, env=os.environ | here
    )
    assert done.returncode == 0, done.stderr[-3000:]
    wide, entropy, values = json.loads(done.stdout.splitlines()[-1])
    assert not wide
    module = module_of("spectral", torch.float32)
    network = kernel_of(module, 128, np.float32)
    pixels, cut, _ = data(150)
    assert network.train(kernel_pictures(pixels, np.float32), cut, training()) == pytest.approx(entropy, rel=1e-4)
    assert np.median(np.abs(network.network.values - values)) < 1e-5
