"""The fused kernel against autograd, hand-derived gradients and finite differences; its bits against itself."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from replication.training import seeds
from replication.training.ensemble import batched, kernel
from replication.training.ensemble.batches import epoch_orders
from replication.training.ensemble.training import Training, initial_parameters
from sparcs import spectral

TRAINING = Training(epochs=3, batch_size=33, learning_rate=1e-3, penalty="l2", rho=1e-2, train_input_eigenvalues=True)
RNG = np.random.default_rng(7)
X = RNG.uniform(-1, 1, (100, 2))
Y = (X * X).sum(axis=1)


def away_from_the_start(hidden, trials, seed=0):
    """Random parameters, every layer in use."""
    rng = np.random.default_rng(seed)
    start = initial_parameters((3, hidden, 1), range(trials), np.float64)
    return {key: value + rng.normal(scale=0.3, size=value.shape) for key, value in start.items()}


def largest_difference(a, b):
    assert a.keys() == b.keys()
    return max(np.abs(a[key] - b[key]).max() for key in a)


def identical(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key], equal_nan=True) for key in a)


def some(parameters, trials):
    return {key: value[trials] for key, value in parameters.items()}


@pytest.mark.parametrize("output_eigenvalue", [1, -1])
@pytest.mark.parametrize("train_input", [True, False])
@pytest.mark.parametrize(
    ("hidden", "batch", "penalty", "rho"),
    [(37, 33, "l2", 1e-2), (64, 20, "l1", 1e-2), (5, 7, "l2_squared", 0.1), (300, 100, "l2", 1e-4), (1, 41, "l1", 0.0)],
)
def test_float64_steps_equal_autograd(hidden, batch, penalty, rho, train_input, output_eigenvalue):
    training = replace(TRAINING, penalty=penalty, rho=rho, train_input_eigenvalues=train_input)
    start = initial_parameters((3, hidden, 1), [1, 2], np.float64, output_eigenvalue)
    batches = [RNG.permutation(len(X))[: batch // 2 if step % 3 == 2 else batch] for step in range(60)]
    ours = kernel.train_steps(start, X, Y, batches, training)
    theirs = batched.train_steps(start, X, Y, batches, training, bias=True)
    for step, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert largest_difference(a, b) < 1e-9, f"after step {step}"
    assert np.abs(a["eigenvalues.1"]).max() > 1e-3, "the hidden neurons never opened: nothing was compared"
    assert np.any(a["eigenvalues.0"]) == train_input


@pytest.mark.parametrize(("hidden", "batch"), [(37, 33), (300, 100)])
def test_float32_rounds_as_pytorch_does(hidden, batch):
    start = initial_parameters((3, hidden, 1), [1, 2], np.float64)
    single = {key: value.astype(np.float32) for key, value in start.items()}
    start = {key: value.astype(np.float64) for key, value in single.items()}
    batches = [RNG.permutation(len(X))[:batch] for _ in range(40)]
    *_, exact = kernel.train_steps(start, X, Y, batches, TRAINING)
    *_, ours = kernel.train_steps(single, X, Y, batches, TRAINING)
    *_, theirs = batched.train_steps(single, X, Y, batches, TRAINING, bias=True)
    for key in exact:
        assert ours[key].dtype == np.float32
        error = np.abs(ours[key] - exact[key]).max()
        assert error < 1e-7 + 5 * np.abs(theirs[key] - exact[key]).max(), key


def test_the_first_gradient_is_that_of_the_perceptron():
    """All z = 0 at the start: relu′(0) = 0 shuts the hidden path, and ∂‖λ‖₂ = 0 at λ = 0."""
    start = initial_parameters((3, 21, 1), [3], np.float64)
    gradients = kernel.gradients(start, X, Y, np.arange(33), replace(TRAINING, rho=1.0))
    phi_1, phi_2 = start["eigenvectors.0"][0], start["eigenvectors.1"][0, 0]
    x = np.column_stack([X[:33], np.ones(33)])
    by_skip = 2 / 33 * (x @ phi_1.T @ phi_2 - Y[:33]) @ x  # W_31 = φ_2 φ_1
    by_w = -phi_1 @ by_skip  # w = −φ_2, W_31 = −w φ_1
    expected = {
        "eigenvectors.0": np.outer(phi_2, by_skip)[None],
        "eigenvectors.1": -by_w[None, None],
        "eigenvalues.0": np.zeros((1, 3)),
        "eigenvalues.1": (phi_2 * by_w)[None],
        "eigenvalues.2": np.array([[-phi_2 @ by_w]]),
    }
    assert largest_difference(gradients, expected) < 1e-14


@pytest.mark.parametrize("train_input", [True, False])
@pytest.mark.parametrize("penalty", spectral.PENALTIES)
def test_gradient_equals_finite_differences(penalty, train_input):
    training = replace(TRAINING, penalty=penalty, rho=0.3, train_input_eigenvalues=train_input)
    parameters = away_from_the_start(7, 1)
    if not train_input:
        parameters["eigenvalues.0"][:] = 0
    batch, step = np.arange(23), 1e-6
    gradients = kernel.gradients(parameters, X, Y, batch, training)

    def loss(changed):
        phi = [changed["eigenvectors.0"][0], changed["eigenvectors.1"][0]]
        lam = [changed[f"eigenvalues.{k}"][0] for k in range(3)]
        x = np.column_stack([X[batch], np.ones(len(batch))])
        y = spectral.forward_eigenbasis(phi, lam, x, lambda z: np.maximum(z, 0))[:, 0]
        penalised = lam[:2] if train_input else lam[1:2]
        return np.mean((y - Y[batch]) ** 2) + training.rho * spectral.penalty(penalised, penalty)

    def slope(key, index):
        sides = []
        for sign in (1, -1):
            changed = {name: value.copy() for name, value in parameters.items()}
            changed[key][index] += sign * step
            sides.append(loss(changed))
        return (sides[0] - sides[1]) / (2 * step)

    for key, value in parameters.items():
        if key == "eigenvalues.0" and not train_input:
            assert not gradients[key].any()
            continue
        for index in np.ndindex(value.shape):
            assert gradients[key][index] == pytest.approx(slope(key, index), abs=2e-8), (key, index)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kinks_and_closed_neurons_follow_autograd(dtype):
    """The cases are z exactly 0 (either sign of zero), w exactly 0, λ exactly 0."""
    parameters = {key: value.astype(dtype) for key, value in away_from_the_start(6, 1).items()}
    parameters["eigenvalues.0"][:] = 0
    phi_1, phi_2 = parameters["eigenvectors.0"][0], parameters["eigenvectors.1"][0, 0]
    phi_1[0], phi_1[1], phi_1[2] = (1, -1, 0), (-1, 1, 0), (-1, 1, -0.0)  # z = 0 wherever x_0 = x_1
    phi_2[3] = 0
    parameters["eigenvalues.1"][0, 4:] = 0, -0.0
    x, y = X.copy(), Y
    x[::2] = np.random.default_rng(0).choice([-1, -0.5, 0.25, 1], (50, 1))  # powers of two: their products are exact
    x[:4] = 0
    for penalty in spectral.PENALTIES:
        training = replace(TRAINING, penalty=penalty)
        gradients = kernel.gradients(parameters, x, y, np.arange(100), training)
        assert largest_difference(gradients, autograd(parameters, x, y, training)) < (
            1e-6 if dtype == np.float32 else 1e-14
        )


def autograd(parameters, x, y, training):
    tensors = {key: torch.tensor(value, requires_grad=True) for key, value in parameters.items()}
    phi = [tensors[f"eigenvectors.{k}"] for k in range(2)]
    lam = [tensors[f"eigenvalues.{k}"] for k in range(3)]
    inputs = torch.tensor(np.column_stack([x, np.ones(len(x))]), dtype=phi[0].dtype)
    errors = spectral.forward_bundles(phi, lam, inputs, torch.relu)[..., 0] - torch.tensor(y, dtype=phi[0].dtype)
    ((errors**2).mean() + training.rho * spectral.penalty(lam[:2], training.penalty).sum()).backward()
    return {key: value.grad.numpy() for key, value in tensors.items()}


def test_training_is_its_steps_on_the_shared_batches():
    start = initial_parameters((3, 20, 1), [11])
    orders = epoch_orders(seeds.generator(11, "batches"), len(X), 3)
    batches = [order[first : first + 33] for order in orders for first in range(0, len(X), 33)]
    assert len(batches[3]) == 1, "the last, smaller batch is kept"
    *_, stepped = kernel.train_steps(start, X, Y, batches, TRAINING)
    assert identical(kernel.train(start, X, Y, [11], TRAINING).parameters, stepped)


def test_whole_trainings_agree_with_pytorch():
    start = initial_parameters((3, 37, 1), [1, 2], np.float64)
    ours = kernel.train(start, X, Y, [1, 2], TRAINING)
    theirs = batched.train(start, X, Y, [1, 2], TRAINING, bias=True)
    assert largest_difference(ours.parameters, theirs.parameters) < 1e-9
    np.testing.assert_allclose(ours.loss, theirs.loss, atol=1e-12)


def test_bits_do_not_depend_on_company_order_or_chunks(monkeypatch):
    trial_seeds = [5, 6, 7, 8]
    start = initial_parameters((3, 50, 1), trial_seeds)
    together = kernel.train(start, X, Y, trial_seeds, TRAINING)
    order = [3, 1, 0]
    monkeypatch.setattr(kernel, "EPOCHS_AT_ONCE", 2)
    apart = kernel.train(initial_parameters((3, 50, 1), [8, 6, 5]), X, Y, [8, 6, 5], TRAINING)
    assert identical(some(together.parameters, order), apart.parameters)
    assert np.array_equal(together.loss[order], apart.loss)
    again = kernel.train(start, X, Y, trial_seeds, TRAINING)
    assert identical(again.parameters, together.parameters)


@pytest.mark.parametrize("poison", [np.nan, np.inf, 1e30])
def test_a_diverged_trial_leaves_the_others_alone(poison):
    start = initial_parameters((3, 50, 1), [0, 1, 2])
    healthy = kernel.train(start, X, Y, [0, 1, 2], TRAINING)
    start["eigenvalues.2"][1] = poison
    trained = kernel.train(start, X, Y, [0, 1, 2], TRAINING)
    assert trained.diverged_epoch.tolist() == [-1, 0, -1]
    assert np.isnan(trained.loss).tolist() == [False, True, False]
    assert identical(some(trained.parameters, [0, 2]), some(healthy.parameters, [0, 2]))


def test_divergence_is_dated_as_in_pytorch():
    training = replace(TRAINING, epochs=40, batch_size=100, learning_rate=1e6)
    start = initial_parameters((3, 20, 1), [0, 1])
    start["eigenvectors.0"][1] *= 1e3
    ours = kernel.train(start, X, Y, [0, 1], training)
    theirs = batched.train(start, X, Y, [0, 1], training, bias=True)
    assert (ours.diverged_epoch > 0).all()
    assert ours.diverged_epoch.tolist() == theirs.diverged_epoch.tolist()
    assert np.isnan(ours.loss).all()
    assert np.isnan(theirs.loss).all()


@pytest.mark.parametrize("poison", [0.0, np.nan])
def test_progress_adds_up(poison):
    start = initial_parameters((3, 4, 1), [0, 1])
    start["eigenvalues.2"][1] += poison
    for train, options in ((kernel.train, {}), (batched.train, {"bias": True})):
        done = []
        train(start, X, Y, [0, 1], replace(TRAINING, epochs=7), on_epoch=done.append, **options)
        assert sum(done) == 14


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"x": X[:, :1]}, "x of shape"),
        ({"x": X[:0]}, "x of shape"),
        ({"y": Y[:-1]}, "y of shape"),
        ({"trial_seeds": [1]}, "trial_seeds"),
        ({"initial": initial_parameters((3, 5, 1), []), "trial_seeds": []}, "no trials"),
        ({"initial": initial_parameters((4, 5, 1), [1, 2])}, "eigenvectors.0"),
        ({"initial": initial_parameters((3, 5, 5, 1), [1, 2])}, "initial has entries"),
        ({"initial": initial_parameters((3, 5, 1), [1, 2], np.float16)}, "float16"),
    ],
)
def test_wrong_shapes_are_named(change, field):
    arguments = {"initial": initial_parameters((3, 5, 1), [1, 2]), "x": X, "y": Y, "trial_seeds": [1, 2]} | change
    with pytest.raises(ValueError, match=field):
        kernel.train(**arguments, training=TRAINING)


@pytest.mark.parametrize("batch", [[], [0, 100], [-1]])
def test_batches_outside_the_points_are_refused(batch):
    with pytest.raises(ValueError, match="batch"):
        kernel.gradients(initial_parameters((3, 5, 1), [1]), X, Y, np.array(batch, int), TRAINING)


@pytest.mark.parametrize("change", [{"rho": (0.1,)}, {"orthonormality": 0.1}, {"drop_last_batch": True}])
def test_what_the_kernel_has_not_is_refused(change):
    training = replace(TRAINING, train_input_eigenvalues=False, **change)
    with pytest.raises(ValueError, match="the kernel has one rho, penalties on eigenvalues alone, and every batch"):
        kernel.train(initial_parameters((3, 5, 1), [1]), X, Y, [1], training)


def test_the_kernel_never_imports_torch():
    code = "import sys, replication.training.ensemble.kernel; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_processors_without_avx512_get_the_same_numbers(tmp_path):
    """The kernel is compiled for plain x86-64 in another process, where no register can be a table."""
    from llvmlite import binding

    if not binding.get_default_triple().startswith("x86_64"):
        pytest.skip("the other code path is this processor's own")
    code = f"""
import numpy as np
from replication.training import vectors
from replication.training.ensemble import kernel
from replication.training.ensemble.training import Training, initial_parameters
assert not vectors.AVX512
points = np.load({str(tmp_path / "points.npy")!r})
start = initial_parameters((3, 37, 1), [1, 2], np.float64)
found = kernel.train(start, points[:, :2], points[:, 2], [1, 2], {TRAINING!r})
np.savez({str(tmp_path / "found.npz")!r}, **found.parameters)
"""
    np.save(tmp_path / "points.npy", np.column_stack([X, Y]))
    plain = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "+sse2", "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | plain)
    start = initial_parameters((3, 37, 1), [1, 2], np.float64)
    expected = kernel.train(start, X, Y, [1, 2], TRAINING).parameters
    with np.load(tmp_path / "found.npz") as archive:
        assert largest_difference(dict(archive), expected) < 1e-12
