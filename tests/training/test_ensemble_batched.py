"""The PyTorch backend: against a plain loop over SpectralNetworks, and its trials against each other."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from replication.training import seeds
from replication.training.adam import Adam
from replication.training.ensemble import batched
from replication.training.ensemble.batches import epoch_orders
from replication.training.ensemble.training import Training, initial_parameters
from sparcs import SpectralNetwork

TRAINING = Training(epochs=3, batch_size=32, learning_rate=1e-2, penalty="l2", rho=1e-2)
RNG = np.random.default_rng(3)
X, Y = RNG.uniform(-1, 1, (75, 4)), RNG.uniform(-1, 1, (75, 2))
WIDTHS = (4, 6, 5, 2)


def identical(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key], equal_nan=True) for key in a)


def some(parameters, trials):
    return {key: value[trials] for key, value in parameters.items()}


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("train_input", [False, True])
@pytest.mark.parametrize("widths", [WIDTHS, (4, 2), (4, 60, 2)])
def test_equals_a_loop_over_one_network(widths, train_input, bias):
    training = replace(TRAINING, train_input_eigenvalues=train_input)
    start = initial_parameters((widths[0] + bias, *widths[1:]), [9], np.float64)
    net = SpectralNetwork(widths, bias=bias, train_input_eigenvalues=train_input).double()
    net.load_state_dict({key: torch.tensor(value[0]) for key, value in start.items()})
    optimizer = torch.optim.Adam(net.parameters(), lr=training.learning_rate)
    for order in epoch_orders(seeds.generator(9, "batches"), len(X), training.epochs):
        for first in range(0, len(X), training.batch_size):
            batch = order[first : first + training.batch_size]
            loss = torch.nn.functional.mse_loss(net(torch.tensor(X[batch])), torch.tensor(Y[batch]))
            optimizer.zero_grad()
            (loss + training.rho * net.penalty(training.penalty)).backward()
            optimizer.step()
    trained = batched.train(start, X, Y, [9], training, bias=bias)
    for key, value in net.state_dict().items():
        np.testing.assert_allclose(trained.parameters[key][0], value.numpy(), atol=1e-12, err_msg=key)


def orthonormality(phi):
    """The authors' penalty from its formula, column by column."""
    total = 0
    for block in phi:
        total = total + ((block @ block.T - torch.eye(len(block), dtype=block.dtype)) ** 2).sum().sqrt()
        lengths = torch.stack([(block[:, m] ** 2).sum().sqrt() for m in range(block.shape[1])])
        total = total + ((lengths - 1) ** 2).sum().sqrt()
    return total


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("penalty", ["l2", "l1", "l2_squared"])
@pytest.mark.parametrize(
    ("widths", "rho"),
    [(WIDTHS, (0.03, 0.01)), (WIDTHS, (0.0, 0.02)), ((4, 6, 2), (0.03,)), ((4, 6, 5, 3, 2), (0.03, 0, 0.02))],
)
def test_a_strength_for_each_layer_and_orthonormality_equal_autograd(widths, rho, penalty, size):
    training = replace(TRAINING, penalty=penalty, rho=rho, orthonormality=0.02)
    start = initial_parameters(widths, [9, 1, 2], np.float64)
    for key in start:
        if key.startswith("eigenvalues.") and key not in ("eigenvalues.0", f"eigenvalues.{len(widths) - 1}"):
            start[key] += RNG.uniform(0.1, 0.2, start[key].shape)  # away from the kinks at 0
    batch = np.arange(20)
    stepped = next(iter(batched.train_steps({k: v[:size] for k, v in start.items()}, X, Y, [batch], training)))
    for trial in range(size):
        net = SpectralNetwork(widths).double()
        net.load_state_dict({key: torch.tensor(value[trial]) for key, value in start.items()})
        optimizer = torch.optim.Adam(net.parameters(), lr=training.learning_rate)
        loss = torch.nn.functional.mse_loss(net(torch.tensor(X[batch])), torch.tensor(Y[batch]))
        for strength, lam in zip(rho, list(net.eigenvalues)[1:-1], strict=True):
            size_of = {"l1": lam.abs().sum(), "l2": (lam**2).sum().sqrt(), "l2_squared": (lam**2).sum()}
            loss = loss + strength * size_of[penalty]
        (loss + training.orthonormality * orthonormality(list(net.eigenvectors))).backward()
        optimizer.step()
        for key, value in net.state_dict().items():
            np.testing.assert_allclose(stepped[key][trial], value.numpy(), atol=1e-12, err_msg=key)


def test_equal_strengths_are_one():
    start = initial_parameters(WIDTHS, [1], np.float64)
    one, each = (batched.train(start, X, Y, [1], replace(TRAINING, rho=rho)) for rho in (0.01, (0.01, 0.01)))
    for key, value in one.parameters.items():
        np.testing.assert_allclose(each.parameters[key], value, atol=1e-12, err_msg=key)


def test_the_last_smaller_batch_is_dropped():
    """75 points in batches of 32: the first 64 of each epoch's order, and a loss over these."""
    training = replace(TRAINING, drop_last_batch=True, epochs=1)
    start = initial_parameters(WIDTHS, [9], np.float64)
    order = epoch_orders(seeds.generator(9, "batches"), len(X), 1)[0]
    *_, last = batched.train_steps(start, X, Y, [order[:32], order[32:64]], training)
    trained = batched.train(start, X, Y, [9], training)
    assert identical(trained.parameters, last)
    kept = batched.train(start, X, Y, [9], replace(training, drop_last_batch=False))
    assert not identical(trained.parameters, kept.parameters) and trained.loss[0] != kept.loss[0]
    with pytest.raises(ValueError, match="batch_size 76: without the last, smaller batch at most 75 points"):
        batched.train(start, X, Y, [9], replace(training, batch_size=76))


def test_a_start_at_minus_one_is_the_layers_own():
    """λ_ℓ = −1, all else to the bit as at 1: the first output is −(−1)^B φ_B … φ_1 x, with B = 3."""
    one, minus = (initial_parameters(WIDTHS, [5], output_eigenvalue=sign) for sign in (1, -1))
    assert (minus["eigenvalues.3"] == -1).all()
    assert all(
        (value if key == "eigenvalues.3" else minus[key]).tobytes() == value.tobytes() for key, value in one.items()
    )
    net = SpectralNetwork(WIDTHS, output_eigenvalue=-1)
    assert np.array_equal(net.eigenvalues[3].detach().numpy(), minus["eigenvalues.3"][0])
    net.load_state_dict({key: torch.tensor(value[0]) for key, value in minus.items()})
    x = torch.tensor(X, dtype=torch.float32)
    perceptron = x
    for block in net.eigenvectors:
        perceptron = perceptron @ block.T
    torch.testing.assert_close(net(x), perceptron)


@pytest.mark.parametrize("rho", [(0.1,), (0.1, 0.1, 0.1)])
def test_strengths_that_do_not_fit_the_layers_are_refused(rho):
    message = r"rho \[.*\]: must be one number, or one for each of 2 hidden layers"
    with pytest.raises(ValueError, match=message):
        batched.train(initial_parameters(WIDTHS, [1]), X, Y, [1], replace(TRAINING, rho=rho))


def test_bits_do_not_depend_on_company_or_order():
    together = batched.train(initial_parameters(WIDTHS, [1, 2, 3]), X, Y, [1, 2, 3], TRAINING)
    apart = batched.train(initial_parameters(WIDTHS, [3, 1]), X, Y, [3, 1], TRAINING)
    assert identical(some(together.parameters, [2, 0]), apart.parameters)
    assert np.array_equal(together.loss[[2, 0]], apart.loss)


def test_all_at_once_is_each_by_itself():
    start = initial_parameters(WIDTHS, [1, 2, 3], np.float64)
    apart = batched.train(start, X, Y, [1, 2, 3], TRAINING)
    for size in (2, 3):
        together = batched.train(start, X, Y, [1, 2, 3], TRAINING, trials_at_once=size)
        for key, value in apart.parameters.items():
            np.testing.assert_allclose(together.parameters[key], value, atol=1e-12, err_msg=key)
        np.testing.assert_allclose(together.loss, apart.loss, atol=1e-12)


@pytest.mark.parametrize("size", [1, 3])
def test_a_diverged_trial_leaves_the_others_alone(size):
    start = initial_parameters(WIDTHS, [0, 1, 2])
    healthy = batched.train(start, X, Y, [0, 1, 2], TRAINING, trials_at_once=size)
    start["eigenvalues.3"][1, 0] = np.nan
    trained = batched.train(start, X, Y, [0, 1, 2], TRAINING, trials_at_once=size)
    assert trained.diverged_epoch.tolist() == [-1, 0, -1]
    assert np.isnan(trained.loss).tolist() == [False, True, False]
    assert identical(some(trained.parameters, [0, 2]), some(healthy.parameters, [0, 2]))


def test_a_diverged_trial_keeps_the_parameters_of_its_epoch():
    start = initial_parameters(WIDTHS, [0, 1])
    start["eigenvalues.3"][1, 0] = np.nan
    short = batched.train(start, X, Y, [0, 1], replace(TRAINING, epochs=1), trials_at_once=2)
    long = batched.train(start, X, Y, [0, 1], TRAINING, trials_at_once=2)
    assert identical(some(short.parameters, [1]), some(long.parameters, [1]))


def test_callers_values_are_left_as_they_were():
    start = initial_parameters(WIDTHS, [0])
    kept = {key: value.copy() for key, value in start.items()}
    batched.train(start, X, Y, [0], TRAINING)
    assert identical(start, kept)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"x": X[:, :3]}, "x of shape"),
        ({"y": Y[:, 0]}, "y of shape"),
        ({"bias": True}, "x of shape"),
        ({"trial_seeds": [1]}, "trial_seeds"),
        ({"initial": initial_parameters(WIDTHS, [1, 2]) | {"eigenvectors.1": np.zeros((2, 5, 5))}}, "eigenvectors.1"),
    ],
)
def test_wrong_shapes_are_named(change, field):
    arguments = {"initial": initial_parameters(WIDTHS, [1, 2]), "x": X, "y": Y, "trial_seeds": [1, 2]} | change
    with pytest.raises(ValueError, match=field):
        batched.train(**arguments, training=TRAINING)


def test_adam_is_pytorchs_to_the_bit():
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=generator) for shape in ((7, 5), (33,))]
    stepped, plain = ([block.clone().requires_grad_() for block in start] for _ in range(2))
    adam, optimizer = (
        Adam(stepped, 0.01, (0.8, 0.99), 1e-7),
        torch.optim.Adam(plain, 0.01, (0.8, 0.99), 1e-7, fused=True),
    )
    for _ in range(5):
        gradients = [torch.randn(block.mT.shape, generator=generator).mT for block in start[:1]]
        gradients.append(torch.randn(33, generator=generator))
        adam.step(gradients)
        for block, gradient in zip(plain, gradients, strict=True):
            block.grad = gradient.contiguous()
        optimizer.step()
    for parameter, other in zip(stepped, plain, strict=True):
        assert torch.equal(parameter, other)


@pytest.mark.parametrize("kind", ["rows", "nearest", "paths"])
@pytest.mark.parametrize("rho", [0.02, (0.05, 0.01)])
def test_a_price_on_weights_is_the_layers_own_penalty(kind, rho):
    """One step against autograd through SpectralNetwork.penalty, with Adam by torch."""
    training = replace(TRAINING, penalty=kind, rho=rho, rho_skip=0.03, train_input_eigenvalues=False)
    start = initial_parameters(WIDTHS, [5], np.float64)
    start |= {name: value + 0.1 for name, value in start.items() if name in ("eigenvalues.1", "eigenvalues.2")}
    [stepped] = batched.train_steps(start, X, Y, [np.arange(10)], training)
    net = SpectralNetwork(WIDTHS, dtype=torch.float64)
    net.load_state_dict({name: torch.tensor(value[0]) for name, value in start.items()})
    optimizer = torch.optim.Adam(net.parameters(), training.learning_rate)
    x, y = (torch.tensor(np.asarray(points[:10], np.float64)).reshape(10, -1) for points in (X, Y))
    skip = net.bundle(4, 1).norm()
    price = rho * net.penalty(kind) if np.isscalar(rho) else net.penalty(kind, list(rho))
    ((net(x) - y).square().mean() + price + 0.03 * skip).backward()
    optimizer.step()
    for name, value in net.state_dict().items():
        np.testing.assert_allclose(stepped[name][0], value.numpy(), rtol=1e-9, atol=1e-12, err_msg=name)
