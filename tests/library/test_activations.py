"""Activations: what PyTorch has for the named ones, a module for each hidden layer, and hooks on them."""

import pytest
import torch
from captum.attr import DeepLift
from torch import nn

from sparcs import CompactNetwork, SpectralNetwork
from sparcs.activations import ACTIVATIONS, activation_of, name_of


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def opened(widths=(4, 6, 5, 3), **options):
    """A network whose hidden eigenvalues are not 0, as a module of float64."""
    network = SpectralNetwork(widths, bias=True, generator=seeded(), dtype=torch.float64, **options)
    with torch.no_grad():
        for block in network.eigenvalues[1:-1]:
            block.normal_(generator=seeded(1))
    return network


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (nn.functional.relu, "relu"),
        (nn.ReLU(), "relu"),
        (nn.ReLU(inplace=True), "relu"),
        (torch.Tensor.relu, "relu"),
        (nn.Tanh(), "tanh"),
        (nn.Identity(), "identity"),
        (nn.SiLU(), "silu"),
        (nn.GELU(), "gelu"),
        (nn.ELU(), "elu"),
        (nn.LeakyReLU(), "leaky_relu"),
    ],
)
def test_what_pytorch_has_for_a_named_activation_is_that(given, name):
    assert SpectralNetwork((2, 3, 1), activation=given).activation is ACTIVATIONS[name]


@pytest.mark.parametrize(
    "given", [nn.LeakyReLU(0.2), nn.ELU(0.5), nn.GELU("tanh"), nn.GELU(), nn.LeakyReLU(), nn.ELU()]
)
def test_modules_with_arguments_are_saved_and_loaded(tmp_path, given):
    network = opened(activation=given)
    x = torch.randn(7, 4, generator=seeded(), dtype=torch.float64)
    compacted = network.compact()
    torch.testing.assert_close(compacted(x), network(x))
    compacted.save(tmp_path / "network.safetensors")
    loaded = CompactNetwork.load(tmp_path / "network.safetensors")
    assert torch.equal(loaded(x), compacted(x))
    z = torch.linspace(-3, 3, 50)
    assert torch.equal(activation_of(name_of(loaded.activation))(z), given(z))


NOT_FINITE = [
    "leaky_relu(nan)",
    "leaky_relu(inf)",
    "elu(nan)",
    "elu(-inf)",
    nn.LeakyReLU(float("nan")),
    nn.ELU(float("inf")),
]


@pytest.mark.parametrize("name", ["leaky_relu(x)", "gelu(sin)", "relu(1)", "elu(", "relux", 3, None, *NOT_FINITE])
def test_a_name_of_no_activation_is_refused(name):
    with pytest.raises(ValueError, match=r"activation .*: allowed are relu, .*, or a callable that is no class"):
        activation_of(name)


def test_an_activation_that_cannot_be_hashed_is_taken():
    class Shifted:
        __hash__ = None

        def __call__(self, z):
            return z - 1

    shifted = Shifted()
    assert SpectralNetwork((2, 3, 1), activation=shifted).activation is shifted


MODULES = {"spectral": lambda network: network, "compact": lambda network: network.compact()}


@pytest.mark.parametrize("activation", ["relu", "gelu", torch.sin, nn.Softplus()])
@pytest.mark.parametrize("of", MODULES.values(), ids=MODULES)
def test_each_hidden_layer_has_a_module_that_can_be_hooked(of, activation):
    network = of(opened(activation=activation))
    activities = []
    for module in network.activations:
        module.register_forward_hook(lambda _, given, a: activities.append((given[0], a)))
    x = torch.randn(7, 4, generator=seeded(), dtype=torch.float64)
    network(x)
    assert [a.shape for _, a in activities] == [(7, 6), (7, 5)]
    for z, a in activities:
        assert torch.equal(activation_of(activation)(z), a)
    assert not [key for key in network.state_dict() if "activation" in key]


@pytest.mark.parametrize("of", MODULES.values(), ids=MODULES)
def test_a_module_with_parameters_is_one_for_all_layers(of):
    network = of(opened(activation=nn.PReLU(dtype=torch.float64)))
    assert not network.activations and [key for key in network.state_dict() if "activation" in key] == [
        "activation.weight"
    ]


def test_hooks_of_a_deep_network_see_every_layer_and_change_no_bit():
    """Without hooks it trains with a backward pass of its own, which calls no module."""
    network = opened((4,) * 12, form="eigenbasis")
    x = torch.randn(7, 4, generator=seeded(), dtype=torch.float64)
    gradients, calls = [], []
    for hooked in (False, True):
        for module in network.activations if hooked else ():
            module.register_full_backward_hook(lambda *_: calls.append("backward"))
        network.zero_grad()
        network(x).square().sum().backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
    assert len(calls) == 10
    assert all(torch.equal(without, hooked) for without, hooked in zip(*gradients, strict=True))


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks:UserWarning")
@pytest.mark.parametrize("of", MODULES.values(), ids=MODULES)
@pytest.mark.parametrize("form", ["bundles", "eigenbasis"])
def test_deeplift_is_complete(of, form):
    """Attributions sum to the difference of the outputs, which they do only if every activation is a module."""
    network = of(opened(form=form))
    x, base = (torch.randn(7, 4, generator=seeded(seed), dtype=torch.float64, requires_grad=True) for seed in (2, 3))
    attributions = DeepLift(network).attribute(x, base, target=1)
    expected = (network(x) - network(base))[:, 1]
    torch.testing.assert_close(attributions.sum(1), expected, rtol=0, atol=1e-6)
