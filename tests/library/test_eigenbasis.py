"""The eigenbasis recursion with a backward pass of its own, against PyTorch's operations one by one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import forward_ad

from replication.training.memory import peak_allocated
from sparcs import SpectralNetwork, spectral
from sparcs.eigenbasis import FEWEST, _Recursion, recursion

DEEP = (4, 5, 3, 6, 4, 5, 3, 4, 2)  # as few bundles as have the backward pass


def tensors(widths, seed=0, leading=(), dtype=torch.float64):
    """u_1, φ and λ that require gradients."""
    source = torch.Generator().manual_seed(seed)
    shapes = [(7, widths[0]), *zip(widths[1:], widths[:-1], strict=True), *((width,) for width in widths)]
    made = [torch.randn(*leading, *shape, generator=source, dtype=dtype).requires_grad_() for shape in shapes]
    return made[0], made[1 : len(widths)], made[len(widths) :]


def value_and_gradients(way, u, phi, lam):
    """The output and the gradients of a loss with a penalty, to which every λ but the last adds a term of its own."""
    y = way(phi, lam, u, torch.relu)
    loss = y.square().sum() + 0.1 * spectral.penalty(lam[:-1], "l2").sum()
    return [y, *torch.autograd.grad(loss, [u, *phi, *lam])]


def by_function(phi, lam, u, activation):
    return _Recursion.apply(u, *phi, *lam[:-1], *lam[1:])


def runs_the_function(u, phi, lam, activation=torch.relu):
    return "_Recursion" in type(recursion(phi, lam, u, activation).grad_fn).__name__


def test_the_deep_networks_here_are_deep_enough():
    u, phi, lam = tensors(DEEP)
    assert len(phi) == FEWEST
    assert runs_the_function(u, phi, lam)
    assert not runs_the_function(u, phi[:-1], lam[:-1])
    assert not runs_the_function(u, phi, lam, torch.tanh)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 12), min_size=2, max_size=12),
    st.sampled_from([torch.float32, torch.float64]),
    st.integers(0, 10**6),
)
def test_the_bits_are_those_of_the_operations_one_by_one(widths, dtype, seed):
    operands = tensors(widths, seed, dtype=dtype)
    expected = value_and_gradients(spectral.eigenbasis_recursion, *operands)
    for computed, autograd_s in zip(value_and_gradients(by_function, *operands), expected, strict=True):
        np.testing.assert_array_equal(computed.detach().numpy(), autograd_s.detach().numpy())


def test_independent_networks_agree_to_rounding():
    operands = tensors(DEEP, leading=(3,))
    expected = value_and_gradients(spectral.eigenbasis_recursion, *operands)
    for computed, autograd_s in zip(value_and_gradients(by_function, *operands), expected, strict=True):
        largest = float(autograd_s.detach().abs().max())
        torch.testing.assert_close(computed, autograd_s, rtol=1e-12, atol=1e-12 * largest)


@pytest.mark.parametrize("widths", [(3, 4), (3, 4, 2), (2, 3, 3, 3, 2)])
def test_first_and_second_derivatives_by_finite_differences(widths):
    u, phi, lam = tensors(widths)
    bundles = len(phi)
    function = lambda u, *blocks: by_function(blocks[:bundles], blocks[bundles:], u, torch.relu)  # noqa: E731
    assert torch.autograd.gradcheck(function, (u, *phi, *lam))
    assert torch.autograd.gradgradcheck(function, (u, *phi, *lam))


def test_frozen_bundles_and_shared_ones_of_several_networks_take_the_operations():
    u, phi, lam = tensors(DEEP)
    for frozen in (phi[3], lam[0]):
        frozen.requires_grad_(False)
        assert not runs_the_function(u, phi, lam)
        frozen.requires_grad_(True)
    several = tensors(DEEP, leading=(3,))
    for mixed in ((u, phi, several[2]), (u, several[1], lam), (several[0], phi, lam)):
        assert not runs_the_function(*mixed)
        assert recursion(mixed[1], mixed[2], mixed[0], torch.relu).shape == (3, 7, DEEP[-1])
    assert runs_the_function(*several)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_that_are_expanded_or_asked_for_twice(dtype):
    u, phi, lam = tensors(DEEP, dtype=dtype)
    asked = [u, *phi, *lam]
    y = recursion(phi, lam, u, torch.relu)
    expected = torch.autograd.grad(spectral.eigenbasis_recursion(phi, lam, u, torch.relu).sum(), asked)
    for _ in range(2):  # the gradient of a sum is an expanded 1
        for computed, autograd_s in zip(torch.autograd.grad(y.sum(), asked, retain_graph=True), expected, strict=True):
            assert torch.equal(computed, autograd_s)
    many = torch.eye(y.numel(), dtype=dtype).reshape(-1, *y.shape)
    batched = torch.autograd.grad(y, asked, many, is_grads_batched=True)
    for computed, autograd_s in zip(batched, expected, strict=True):
        torch.testing.assert_close(
            computed.sum(0),
            autograd_s,
            rtol=0.1 if dtype == torch.bfloat16 else 1e-4,
            atol=1e-3 * float(autograd_s.abs().max()) * (100 if dtype == torch.bfloat16 else 1),
        )


def test_a_block_used_twice_and_one_that_is_frozen():
    u, phi, lam = tensors((4,) * 4)
    phi = [phi[0], phi[1], phi[0]]
    lam[2].requires_grad_(False)
    asked = [phi[0], phi[1], lam[1], lam[3]]
    for create_graph in (False, True):
        of_function, of_operations = (
            torch.autograd.grad(way(phi, lam, u.detach(), torch.relu).sum(), asked, create_graph=create_graph)
            for way in (by_function, spectral.eigenbasis_recursion)
        )
        torch.testing.assert_close(of_function, of_operations)


def test_less_is_held_for_the_way_back():
    u, phi, lam = tensors((60,) * 30, dtype=torch.float32)
    held = [
        peak_allocated(lambda way=way: way(phi, lam, u, torch.relu).sum().backward())
        for way in (by_function, spectral.eigenbasis_recursion)
    ]
    assert held[0] < 0.7 * held[1]


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")  # of PyTorch's own forward mode
def test_transforms_see_the_operations_of_a_deep_network():
    network = SpectralNetwork(DEEP, form="eigenbasis", generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)).double())
    x = torch.randn(5, DEEP[0], generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    state = dict(network.named_parameters())
    output = lambda state, x: torch.func.functional_call(network, state, (x,)).sum()  # noqa: E731
    network(x).sum().backward()
    expected = {name: parameter.grad for name, parameter in network.named_parameters()}
    torch.testing.assert_close(torch.func.grad(output)(state, x), expected)
    each = torch.func.vmap(torch.func.grad(output), in_dims=(None, 0))(state, x[:, None])
    torch.testing.assert_close({name: value.sum(0) for name, value in each.items()}, expected)
    with forward_ad.dual_level():
        dual = {name: forward_ad.make_dual(value, torch.ones_like(value)) for name, value in state.items()}
        along = forward_ad.unpack_dual(output(dual, x)).tangent
    torch.testing.assert_close(along, sum(value.sum() for value in expected.values()))
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), network(x))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network.float()(x.float()).dtype == torch.bfloat16
    with torch.no_grad():
        assert network(x.float()).grad_fn is None
