"""SpectralNetwork under what records, maps, copies or compiles modules."""

import pickle

import pytest
import torch
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor

from dense_networks import randomised, seeded
from sparcs import SpectralNetwork, replace_head, spectral
from sparcs.activations import ACTIVATIONS


def test_torch_compile_gives_the_same_numbers_for_every_batch():
    network = randomised((4, 6, 5, 3), bias=True)
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    for batch in (7, 1, 12, 3):
        x = torch.randn(batch, 4, generator=seeded(batch), dtype=torch.float64)
        torch.testing.assert_close(compiled(x), network(x))
    compiled(x).sum().backward()
    assert network.eigenvalues[1].grad.any()


def test_vmap_over_seeds():
    networks = [randomised((4, 6, 3), seed, bias=True) for seed in range(3)]
    stacked = torch.func.stack_module_state(networks)
    x = torch.randn(7, 4, generator=seeded(), dtype=torch.float64)
    run = torch.func.vmap(lambda *state: torch.func.functional_call(networks[0], state, (x,)))
    torch.testing.assert_close(run(*stacked), torch.stack([network(x) for network in networks]))


@pytest.mark.parametrize("form", spectral.FORMS)
@pytest.mark.parametrize("name", ["eigenvalues.1", "eigenvalues.2", "eigenvectors.1"])
def test_vmap_over_one_layer(form, name):
    network = randomised((4, 6, 5, 3), form=form)
    x = torch.randn(7, 4, generator=seeded(), dtype=torch.float64)
    run = lambda value: torch.func.functional_call(network, {name: value}, (x,))  # noqa: E731
    values = torch.stack([network.get_parameter(name) * factor for factor in (1, 2, 3)])
    torch.testing.assert_close(torch.func.vmap(run)(values), torch.stack([run(value) for value in values]))


DEEP = (4,) * 10  # with the backward pass of its own


@pytest.mark.parametrize("widths", [(4, 6, 3), DEEP])
def test_shapes_on_the_meta_device(widths):
    network = SpectralNetwork(widths, form="eigenbasis", device="meta")
    y = network(torch.zeros(5, 4, device="meta"))
    y.sum().backward()
    assert y.shape == (5, widths[-1]) and network.eigenvalues[1].grad.is_meta


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:`torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
@pytest.mark.parametrize("form", [None, *spectral.FORMS])
def test_torch_jit_trace_of_a_deep_network(form):
    network = randomised(DEEP, form=form)
    x = torch.randn(300, 4, generator=seeded(), dtype=torch.float64)
    traced = torch.jit.trace(network, (x[:3],))
    torch.testing.assert_close(traced(x), network(x))


@pytest.mark.parametrize("form", [None, *spectral.FORMS])
@pytest.mark.parametrize("widths", [(4, 6, 3), DEEP])
def test_symbolic_tracing(widths, form):
    network = randomised(widths, form=form, bias=True)
    for module in (network, network.compact()):
        traced = torch.fx.symbolic_trace(module)
        for batch in (1, 300):
            x = torch.randn(batch, 4, generator=seeded(batch), dtype=torch.float64)
            torch.testing.assert_close(traced(x), module(x))
        with pytest.raises(ValueError, match=r"x of shape \(2, 5\): the last dimension must be 4"):
            traced(torch.zeros(2, 5))


def test_features_of_a_model_with_a_spectral_head():
    model = models.get_model("squeezenet1_1", weights=None).eval()
    replace_head(model, hidden=6, classes=7)
    x = torch.randn(1, 3, 64, 64, generator=seeded())
    features = create_feature_extractor(model, ["features.12", "flatten"])(x)
    torch.testing.assert_close(features["flatten"], model(x))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_network_can_be_pickled(activation):
    network = SpectralNetwork((3, 4, 2), activation=activation)
    copy = pickle.loads(pickle.dumps(network))
    assert copy.activation is network.activation and torch.equal(copy(torch.ones(1, 3)), network(torch.ones(1, 3)))


@pytest.mark.parametrize("form", [None, *spectral.FORMS])
def test_torch_export_takes_any_batch(form):
    network = randomised((4, 6, 5, 3), bias=True, form=form).eval()
    x = torch.randn(7, 4, generator=seeded(), dtype=torch.float64)
    program = torch.export.export(network, (x,), dynamic_shapes={"x": {0: torch.export.Dim("batch")}})
    for batch in (2, 300):
        x = torch.randn(batch, 4, generator=seeded(), dtype=torch.float64)
        torch.testing.assert_close(program.module()(x), network(x))
