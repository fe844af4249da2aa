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
