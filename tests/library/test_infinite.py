"""Infinite inputs: the limit of ever larger ones on CPU, NaN where asking for them costs too much."""

import copy
from math import inf, nan

import pytest
import torch
from torch import nn

from sparcs import SpectralNetwork
from sparcs.activations import ACTIVATIONS
from sparcs.layer import not_finite


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def network(widths=(4, 6, 5, 3), seed=0, **options):
    return SpectralNetwork(widths, bias=True, initial_scale=0.5, generator=seeded(seed), **options)


FORMS = {
    "bundles": lambda **options: network(form="bundles", **options),
    "eigenbasis": lambda **options: network(form="eigenbasis", **options),
    "compact": lambda **options: network(**options).compact(),
}
ROWS = torch.tensor([[inf, 1, 2, 3], [0.1, -inf, 0.2, inf], [inf, inf, inf, inf], [1, -2, 3, -4]])


def limits(module, x):
    """In float64 at 10²⁰⁰ in place of ∞, where products neither overflow nor round differently."""
    large = copy.deepcopy(module).double()
    y = large(x.double().nan_to_num(nan=nan, posinf=1e200, neginf=-1e200))
    return torch.where(y.abs() > 1e100, y * inf, y)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
def test_outputs_are_the_limit_of_ever_larger_inputs(make, activation):
    for seed in range(3):
        module = make(activation=activation, seed=seed)
        expected = limits(module, ROWS)[:3]
        assert expected.isinf().all()
        for dtype in (torch.float64, torch.float32, torch.bfloat16):
            assert torch.equal(module.to(dtype)(ROWS.to(dtype))[:3].double(), expected)
        assert not module.half()(ROWS.half()).isnan().any()  # of float16 the largest number is too small for more


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
def test_rows_of_finite_numbers_keep_their_bits(make):
    module = make()
    x = torch.randn(5, 4, generator=seeded(1))
    with_infinity = x.clone()
    with_infinity[2, 1] = inf
    others = [0, 1, 3, 4]
    expected = module(x)
    assert torch.equal(module(with_infinity)[others], expected[others])
    x[2, 1] = x[3, 1] = torch.finfo(torch.float32).max  # finite, but their sum is not
    y = module(x)
    assert not_finite(x) and torch.equal(y[[0, 1, 4]], expected[[0, 1, 4]]) and y[2].abs().max() > 1e38


def test_what_an_infinite_input_does_not_reach_stays_finite():
    """A dead input, and a network that saturates."""
    module = SpectralNetwork((3, 4, 2), generator=seeded())
    with torch.no_grad():
        module.eigenvectors[0][:, 0] = 0
    x = torch.tensor([[inf, 1.0, 2.0]])
    assert torch.equal(module(x), module(torch.tensor([[0.0, 1.0, 2.0]])))
    saturated = network(activation="tanh").compact()
    with torch.no_grad():
        saturated.layers[-1].weight[:, :9] = 0  # all but the last hidden layer's
    assert saturated(ROWS[:2]).isfinite().all()


def test_nan_stays_nan():
    x = torch.tensor([[nan, inf, 0, 0], [nan, 0, 0, 0], [1, 1, 1, 1]])
    assert network()(x).isnan().all(1).tolist() == [True, True, False]


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
def test_gradients_are_not_finite_so_that_mixed_precision_skips_the_step(make):
    module, scaler = make(), torch.amp.GradScaler("cpu")
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    before = copy.deepcopy(module.state_dict())
    for autocast in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            y = module(ROWS)
            error = y.float().square().mean()
        assert not error.isfinite()
        optimizer.zero_grad()
        scale = scaler.get_scale()
        scaler.scale(error).backward()
        scaler.step(optimizer)
        scaler.update()
        assert scaler.get_scale() < scale
        assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


def test_rows_that_a_loss_leaves_out_leave_no_trace_in_the_gradients():
    module = network()
    module(ROWS)[3:].sum().backward()
    gradients = [parameter.grad.clone() for parameter in module.parameters() if parameter.grad is not None]
    module.zero_grad()
    module(ROWS[3:]).sum().backward()
    for gradient, parameter in zip(gradients, module.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)


ELSEWHERE = {
    "vmap": lambda module, x: torch.vmap(module)(x[:, None])[:, 0],
    "compiled": lambda module, x: torch.compile(module, backend="eager", fullgraph=True)(x),
    "exported": lambda module, x: torch.export.export(module, (x,)).module()(x),
    "fx": lambda module, x: torch.fx.symbolic_trace(module)(x),
}


@pytest.mark.parametrize("run", ELSEWHERE.values(), ids=ELSEWHERE)
def test_recorded_and_transformed_networks_do_not_ask(run):
    """They give NaN, and the other rows' outputs as ever."""
    module = network()
    y = run(module, ROWS)
    assert y[:3].isnan().any(1).all()
    torch.testing.assert_close(y[3:], module(ROWS[3:]))


def test_leading_dimensions():
    x = torch.stack([ROWS, ROWS.flip(0)])
    for make in FORMS.values():
        module = make()
        assert torch.equal(module(x)[0, :3], module(ROWS)[:3]) and module(x[0, 0]).isinf().all()


def test_a_single_layer_is_a_linear():
    linear, module = nn.Linear(4, 3), SpectralNetwork((4, 3), bias=True, generator=seeded())
    weight = module.bundle(2, 1).detach()
    linear.load_state_dict({"weight": weight[:, :4], "bias": weight[:, 4]})
    for compared in (module, module.compact()):
        assert torch.equal(compared(ROWS[:1]), linear(ROWS[:1])) and linear(ROWS[:1]).isinf().all()
