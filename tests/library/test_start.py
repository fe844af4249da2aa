"""Where training starts and what it is told: signs, scales, groups of parameters, penalties."""

from fractions import Fraction
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pytest
import torch

from sparcs import SpectralNetwork, spectral

OPTIMISERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.02, momentum=0.9),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.02),
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def opposite_sign(phi, lam, x):
    """(4.5) with W_ij = [φ_{i−1} L_{i−1} − L_i φ_{i−1}] φ_{i−2} … φ_j: (4.3) without its sign, as in the scripts."""
    activities = [x]
    for i in range(2, len(lam) + 1):
        weights = [spectral.nearest_weight(phi[i - 2], lam[i - 2], lam[i - 1])]  # W_{i,i−1}, W_{i,i−2}, …
        for j in range(i - 2, 0, -1):
            weights.append(weights[-1] @ phi[j - 1])
        z = reduce(add, (a @ weight.mT for a, weight in zip(activities, reversed(weights), strict=True)))
        activities.append(torch.relu(z) if i < len(lam) else z)
    return activities[-1]


@pytest.mark.parametrize("optimiser", OPTIMISERS.values(), ids=OPTIMISERS)
@pytest.mark.parametrize("widths", [(4, 9, 3), (4, 7, 6, 3), (4, 5, 6, 5, 4, 3)])
def test_the_authors_sign_is_a_start_at_minus_one(widths, optimiser):
    """The opposite sign at (φ, λ) is (4.3) at (−φ, −λ): to the bit over training, in float64."""
    network = SpectralNetwork(widths, output_eigenvalue=-1, generator=seeded(), dtype=torch.float64, form="bundles")
    phi = [(-block).detach().requires_grad_() for block in network.eigenvectors]
    lam = [(0.0 - block).detach().requires_grad_(k > 0) for k, block in enumerate(network.eigenvalues)]
    assert (lam[-1] == 1).all()
    x, y = torch.randn(30, 4, generator=seeded(1)).double(), torch.randn(30, 3, generator=seeded(2)).double()
    ours, theirs = optimiser(network.parameters()), optimiser([*phi, *lam[1:]])
    for _ in range(60):
        outputs = network(x), opposite_sign(phi, lam, x)
        assert torch.equal(*outputs)
        for step, output, hidden in zip(
            (ours, theirs), outputs, (network.hidden_eigenvalues(), lam[1:-1]), strict=True
        ):
            step.zero_grad()
            ((output - y).square().mean() + 1e-3 * spectral.penalty(hidden, "l1")).backward()
            step.step()
    assert any(block.abs().max() > 1e-3 for block in network.hidden_eigenvalues())
    for mine, other in zip([*network.eigenvectors, *network.eigenvalues], [*phi, *lam], strict=True):
        assert torch.equal(mine, -other)


def test_a_start_at_minus_one_is_compacted_as_any_other():
    network = SpectralNetwork((4, 6, 3), bias=True, output_eigenvalue=-1, generator=seeded())
    assert (network.eigenvalues[-1] == -1).all()
    assert torch.equal(network.bundle(3, 1), -SpectralNetwork((4, 6, 3), True, generator=seeded()).bundle(3, 1))
    with torch.no_grad():
        network.eigenvalues[1][:2] = 0.5
    compacted, x = network.compact(), torch.randn(5, 4, generator=seeded(1))
    assert compacted.widths == (4, 2, 3)
    torch.testing.assert_close(compacted(x), network(x))


@pytest.mark.parametrize("train_input", [False, True])
def test_hidden_eigenvalues_start_from_a_normal_distribution(train_input):
    options = {"train_input_eigenvalues": train_input}
    network = SpectralNetwork((4, 3000, 2000, 2), initial_scale=0.3, generator=seeded(), **options)
    at_zero = SpectralNetwork((4, 3000, 2000, 2), generator=seeded(), **options)
    for block in network.hidden_eigenvalues():
        assert abs(block.mean().item()) < 0.03 and block.std().item() == pytest.approx(0.3, rel=0.05)
    assert not network.eigenvalues[0].any() and (network.eigenvalues[-1] == 1).all()
    for drawn, expected in zip(network.eigenvectors, at_zero.eigenvectors, strict=True):
        assert torch.equal(drawn, expected)
    assert not any(block.any() for block in at_zero.hidden_eigenvalues())
    values = [block.detach().clone() for block in network.eigenvalues]
    network.reset_parameters(seeded())
    assert all(torch.equal(before, block) for before, block in zip(values, network.eigenvalues, strict=True))


def test_a_device_s_dtype_does_not_change_the_drawn_eigenvalues():
    single, double = (SpectralNetwork((3, 5, 2), initial_scale=1.0, generator=seeded(), dtype=dtype)
                      for dtype in (torch.float32, torch.float64))  # fmt: skip
    assert torch.equal(single.hidden_eigenvalues()[0].double(), double.hidden_eigenvalues()[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"initial_scale": -1}, "initial_scale -1: allowed are finite numbers of at least 0"),
        ({"initial_scale": float("nan")}, "initial_scale nan: allowed"),
        ({"initial_scale": "1"}, "initial_scale '1': allowed"),
        ({"initial_scale": True}, "initial_scale True: allowed are finite numbers"),
        ({"output_eigenvalue": True}, "output_eigenvalue True: allowed are 1 and -1"),
        ({"output_eigenvalue": 0}, "output_eigenvalue 0: allowed are 1 and -1"),
        ({"output_eigenvalue": 0.5}, "output_eigenvalue 0.5: allowed are 1 and -1"),
    ],
)
def test_starts_that_are_none_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SpectralNetwork((3, 4, 2), **arguments)


@pytest.mark.parametrize("activation", ["relu", torch.nn.PReLU()])
@pytest.mark.parametrize("train_input", [False, True])
def test_weight_decay_leaves_eigenvalues_alone(activation, train_input):
    """200 idle steps of AdamW: λ_ℓ stays 1, and every parameter is in one group."""
    network = SpectralNetwork(
        (3, 5, 4, 2), bias=True, activation=activation, train_input_eigenvalues=train_input, initial_scale=0.1
    )
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    optimizer = torch.optim.AdamW(network.parameter_groups(weight_decay=0.1), lr=0.01)
    for _ in range(200):
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    for name, value in network.named_parameters():
        kept = before[name] * (1 - 1e-3) ** 200 if name.startswith("eigenvectors") else before[name]
        torch.testing.assert_close(value, kept, rtol=1e-4, atol=0)
    grouped = [id(value) for group in optimizer.param_groups for value in group["params"]]
    assert sorted(grouped) == sorted(id(value) for value in network.parameters())


@pytest.mark.parametrize("kind", ["l2", "l1", "l2_squared"])
@pytest.mark.parametrize("train_input", [False, True])
def test_each_layer_s_penalty_has_its_strength(kind, train_input):
    network = SpectralNetwork((2, 5, 4, 3, 2), initial_scale=1.0, train_input_eigenvalues=train_input)
    blocks = network.eigenvalues[0 if train_input else 1 : -1]
    strengths = [0.0, 0.5, 2.0, 3.0][-len(blocks) :]
    norm = {"l2": lambda b: b.norm(), "l1": lambda b: b.abs().sum(), "l2_squared": lambda b: b.square().sum()}[kind]
    expected = sum(strength * norm(block) for strength, block in zip(strengths, blocks, strict=True))
    torch.testing.assert_close(network.penalty(kind, strengths), expected)
    torch.testing.assert_close(network.penalty(kind, [1] * len(blocks)), network.penalty(kind))
    with pytest.raises(ValueError, match=rf"strengths \[1\]: one for each of the {len(blocks)} layers"):
        network.penalty(kind, [1])


@pytest.mark.parametrize("kind", ["l1", "rows"])
def test_strengths_are_finite_numbers_of_python_or_numpy(kind):
    network = SpectralNetwork((2, 5, 4, 2), initial_scale=1.0)
    expected = network.penalty(kind, [0.5, 2.0])
    for strengths in (np.array([0.5, 2.0]), np.array([0.5, 2.0], np.float32), [np.float64(0.5), Fraction(2)]):
        assert network.penalty(kind, strengths).item() == expected.item()
    for wrong in ([1, float("inf")], [1, float("nan")], [1, 10**400], np.ones((2, 2)), np.array(1.0), "ab", 1.0):
        with pytest.raises(ValueError, match="a sequence of finite numbers of at least 0 is needed"):
            network.penalty(kind, wrong)


def test_a_network_without_hidden_layers_has_no_penalty_and_no_hidden_eigenvalues():
    network = SpectralNetwork((3, 2))
    assert network.hidden_eigenvalues() == [] and network.penalty("l1", []).item() == 0
    assert all(len(a) != len(b) for a, b in pairwise(network.eigenvalues))
