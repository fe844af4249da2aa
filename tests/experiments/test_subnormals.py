"""Numbers below the normal range: every training on a CPU takes them for zero, whatever its caller does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import test_baseline_protocol
import torch
from llvmlite import binding, ir
from test_cifar100 import toy
from test_probes import features_of_rings
from torch.optim.optimizer import register_optimizer_step_pre_hook

from replication import params
from replication.data.image_arrays import Images
from replication.experiments.baselines import train as baselines
from replication.experiments.cells import train as search
from replication.experiments.cifar10 import train as cifar10
from replication.experiments.cifar10.backends import PyTorch
from replication.experiments.cifar100 import probes
from replication.experiments.cifar100 import train as cifar100
from replication.experiments.depth import train as depth
from replication.experiments.regression import train as regression
from replication.experiments.settings import resolve_settings
from replication.experiments.teacher_student import train as teacher_student
from replication.experiments.theory import checks as theory
from replication.training import adam, floating_point
from replication.training.ensemble import kernel
from replication.training.ensemble.step import train_epochs
from replication.training.ensemble.training import Training, initial_parameters
from replication.training.torch_threads import are_subnormals_flushed, subnormals_flushed

TRAINING = Training(epochs=2, batch_size=20, learning_rate=1e-2, penalty="l2", rho=1e-2, train_input_eigenvalues=True)
RNG = np.random.default_rng(7)
X = RNG.uniform(-1, 1, (100, 2))
Y = (X * X).sum(axis=1)
FEW = {"images": 60, "training": {"epochs": 1, "batch_size": 20}}
SMOKE = resolve_settings(
    params.read_yaml(Path(__file__).parents[2] / "params.yaml"),
    {"scale": "smoke", "cifar10": FEW, "cifar100": FEW, "regression": {"backend": "torch", "training": {"epochs": 1}}},
)
IMAGES = Images(
    *(RNG.integers(0, 256, (70, 32, 32, 3), dtype=np.uint8), RNG.integers(0, 10, 70)) * 2,
    stand_in=True, source="stand-in", note="noise",
)  # fmt: skip


def points(inputs, outputs):
    """Points and targets of an experiment without images."""
    sizes = {"x": inputs, "y": outputs}
    return {
        f"{axis}_{part}": RNG.normal(size=(40, n)).astype(np.float32)
        for axis, n in sizes.items()
        for part in ("train", "test")
    }


def train_regression():
    data = points(2, 1)
    regression.train(data | {"y_train": data["y_train"][:, 0]}, [3], SMOKE.regression, "cpu")


def train_teacher_student():
    settings = SMOKE.teacher_student.model_copy(update={"widths": [4, 8, 8, 4]})
    teacher_student.train(points(4, 4), [3], settings, "cpu")


def train_cifar10():
    run = cifar10.new_run("spectral", IMAGES, SMOKE.cifar10, 5)
    cifar10.train(run, cifar10.optimizer_of(run, SMOKE.cifar10), SMOKE.cifar10, 5, made=PyTorch)


def train_cifar100():
    settings = SMOKE.cifar100
    run = cifar100.new_run("spectral", toy(), settings, 5)
    split = cifar100.split_of(IMAGES, settings, 5)
    cifar100.train(run, cifar100.optimizer_of(run, settings.training), split, settings.training, 5)


def train_depth():
    settings = SMOKE.depth.teacher.model_copy(update={"hidden": 8})
    depth.train(points(4, 4), settings, 2, 1.0, [3], "cpu")


def train_probes():
    settings = SMOKE.cifar100.model_copy(update={"widths": [2, 6, 2], "training": SMOKE.cifar100.probes.training})
    probes.train("spectral", probes.split_of(features_of_rings(60), settings, 3), settings, 3)


def search_baselines():
    baselines.search_and_measure(test_baseline_protocol.data(), test_baseline_protocol.settings(), "teacher", [0], [1])


def tune_baselines():
    settings = test_baseline_protocol.settings(tuned={"rate": [0.1, 0.3]})
    baselines.tune(test_baseline_protocol.data(), settings, "teacher", [0], [1])


def search_cells():
    search.search("gaea", IMAGES, SMOKE.cells.model_copy(update={"epochs": 1, "images": 60, "batch_size": 20}), 7)


def check_theory():
    theory.check_all(2, 1, 2)


TRAININGS = [
    train_regression,
    train_teacher_student,
    train_depth,
    train_cifar10,
    train_cifar100,
    train_probes,
    search_baselines,
    tune_baselines,
    search_cells,
    check_theory,
]


@pytest.fixture
def modes(monkeypatch):
    """Whether subnormal numbers were flushed, at every optimiser step so far."""
    flushed = []
    own_step = adam.Adam.step

    def recorded_step(optimizer, gradients):
        flushed.append(are_subnormals_flushed())
        own_step(optimizer, gradients)

    monkeypatch.setattr(adam.Adam, "step", recorded_step)
    hook = register_optimizer_step_pre_hook(lambda *_: flushed.append(are_subnormals_flushed()))
    yield flushed
    hook.remove()


@pytest.mark.parametrize("train", TRAININGS, ids=lambda train: train.__name__)
def test_every_training_flushes_them(train, modes):
    assert not are_subnormals_flushed()
    train()
    assert modes and all(modes)
    assert not are_subnormals_flushed()


@pytest.fixture(params=[False, True], ids=["caller_keeps", "caller_flushes"])
def callers_mode(request):
    """Whether the caller flushes subnormal numbers itself."""
    torch.set_flush_denormal(request.param)
    yield request.param
    torch.set_flush_denormal(False)


def test_the_mode_is_the_callers_again(callers_mode):
    with subnormals_flushed():
        assert are_subnormals_flushed() and np.float32(1e-38) / np.float32(10) == 0
    assert are_subnormals_flushed() == callers_mode
    kernel.train(initial_parameters((3, 20, 1), [1]), X, Y, [1], TRAINING)
    assert are_subnormals_flushed() == callers_mode


def test_moments_of_dead_neurons_end_at_zero_whatever_the_callers_mode(callers_mode):
    """The padding up to 32 neurons has no gradient; its moments start just above the subnormal numbers."""
    start, real = initial_parameters((3, 20, 1), [1]), np.dtype(np.float32)
    state, buffers = kernel._state(start, 0), kernel._buffers(20, 20, real)
    state.first[:] = state.second[:] = 1e-37
    training = replace(TRAINING, epochs=1000)
    flat, rates = np.column_stack([X, Y]).astype(real).ravel(), kernel._rates(training, len(Y), real)
    orders = np.tile(np.arange(100, dtype=np.int32), (1000, 1))
    train_epochs(state, buffers, flat, orders, 20, kernel._loss(training), rates)
    torch.set_flush_denormal(False)  # else comparisons take subnormal numbers for 0, too
    for moments in (state.first, state.second):
        assert np.isfinite(moments).all() and (moments == 0).sum() >= 5 * 12
        assert (np.abs(moments[moments != 0]) >= np.finfo(real).tiny).all()


@pytest.mark.parametrize(
    ("architecture", "instructions"), [("x86_64", ["stmxcsr", "ldmxcsr"]), ("aarch64", ["mrs", "msr"])]
)
def test_the_mode_is_set_on_each_architecture(architecture, instructions):
    """The code that LLVM makes is read for each; the instructions are tried on this machine's architecture alone."""
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    triple = f"{architecture}-unknown-linux-gnu"
    module = ir.Module()
    module.triple = triple
    mode = floating_point.MODE
    function = ir.Function(module, ir.FunctionType(mode, [mode]), "exchange")
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(floating_point.exchange(builder, function.args[0], architecture))
    machine = binding.Target.from_triple(triple).create_target_machine()
    assembly = machine.emit_assembly(binding.parse_assembly(str(module)))
    assert [
        line.split()[0] for line in assembly.splitlines() if line.split()[:1] and line.split()[0] in instructions
    ] == instructions
