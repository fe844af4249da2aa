"""Networks of any widths, dtype and activation, drawn at random: compacted, copied, saved, loaded and exported."""

import copy
import pickle

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from dense_networks import seeded
from sparcs import CompactNetwork, SpectralNetwork, compact_head, load_model, replace_head, save_model
from sparcs.activations import ACTIVATIONS

NAMED = [*ACTIVATIONS, "leaky_relu(0.2)", "elu(0.5)", "gelu(tanh)"]
OTHERS = [nn.Softplus, nn.Mish, nn.Hardtanh, nn.RReLU, nn.LogSigmoid, nn.PReLU]
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
SHAPES = [(30,), (2, 3), (1,), ()]
often = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def networks(draw, activations):
    """A network of 0 to 5 hidden layers, some of its eigenvalues 0, and inputs for it."""
    widths = draw(st.lists(st.sampled_from([1, 1, 2, 3, 5, 8, 20]), min_size=2, max_size=7))
    activation, dtype = draw(st.sampled_from(activations)), draw(st.sampled_from(DTYPES))
    random = seeded(draw(st.integers(0, 10**6)))
    network = SpectralNetwork(
        widths,
        bias=draw(st.booleans()),
        activation=activation if isinstance(activation, str) else activation(),
        train_input_eigenvalues=draw(st.booleans()),
        initial_scale=draw(st.sampled_from([0, 1e-3, 0.5, 1])),
        generator=random,
    )
    silent = draw(st.sampled_from([0, 0.5, 1]))
    with torch.no_grad():
        for block in network.hidden_eigenvalues():
            block[torch.rand(len(block), generator=random) < silent] = 0
    x = torch.randn(*draw(st.sampled_from(SHAPES)), widths[0], generator=random)
    return network.to(dtype).eval(), x.to(dtype)


def close(computed, expected, steps):
    """Within so many rounding steps of the largest output, whose parts are larger by some orders."""
    allowed = steps * torch.finfo(expected.dtype).eps * max(float(expected.abs().max()), 0.1)
    return float((computed.double() - expected.double()).abs().max()) <= allowed


@often
@given(networks(NAMED + OTHERS), st.sampled_from(["weights", "eigenvalues"]), st.sampled_from([0.5, 0.05]))
@torch.no_grad()
def test_compact_keeps_to_what_is_asked_in_every_dtype(drawn, removal, allowed):
    """Exact zeros change rounding alone; a tolerance and a budget hold, or are below the rounding of the dtype."""
    network, x = drawn
    y = network(x)
    assert close(network.compact(removal)(x), y, steps=200)
    try:
        within = network.compact(removal, inputs=x, tolerance=allowed)
    except ValueError as error:
        assert "through the rounding" in str(error)
    else:
        assert (within(x) - y).abs().max() <= allowed * float(y.abs().max())
    target = torch.randn(y.shape, generator=seeded()).to(y)

    def loss(module):
        return float((module(x) - target).double().square().mean())

    small, same = network.compact(removal, loss=loss, budget=allowed), network.compact(removal)
    assert loss(small) <= max((1 + allowed) * loss(network), loss(same))
    assert all(count <= width for count, width in zip(network.active_neurons(), network.widths[1:-1], strict=True))


def saved(network, folder):
    network.save(folder / "network.safetensors")
    return CompactNetwork.load(folder / "network.safetensors")


WAYS = {
    "copied": lambda network, folder: copy.deepcopy(network),
    "pickled": lambda network, folder: pickle.loads(pickle.dumps(network)),
    "saved": saved,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("networks")


@often
@given(networks(NAMED), st.sampled_from([None, 0.01, 0.3]))
@torch.no_grad()
def test_copied_pickled_and_saved_networks_have_the_same_bits(folder, drawn, threshold):
    """A loaded tensor lies as a new one does: elsewhere a processor sums in another order."""
    network, x = drawn
    small = network.compact(threshold=threshold)
    for way in WAYS.values():
        other = way(small, folder)
        assert torch.equal(other(x), small(x))
        assert (other.widths, other.sources, other.before) == (small.widths, small.sources, small.before)
    for way in ("copied", "pickled"):
        assert torch.equal(WAYS[way](network, folder)(x), network(x))


@settings(often, max_examples=15)
@given(networks(NAMED), st.integers(1, 5), st.sampled_from([None, 0.1]))
@torch.no_grad()
def test_models_with_compacted_heads_are_saved_and_loaded_to_the_bit(folder, drawn, classes, threshold):
    network, _ = drawn

    def built():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).to(network.eigenvectors[0])

    model = built()
    replace_head(model, network.widths[1:-1] or 3, classes, activation=network.activation, initial_scale=0.5)
    compact_head(model, threshold=threshold)
    save_model(model, folder / "model.safetensors")
    x = torch.randn(6, 4, generator=seeded()).to(network.eigenvectors[0])
    assert torch.equal(load_model(built(), folder / "model.safetensors")(x), model(x))


@settings(often, max_examples=2)
@given(networks(NAMED))
@torch.no_grad()
def test_exported_networks_agree(drawn):
    network, x = drawn
    for module in (network, network.compact()):
        assert close(torch.export.export(module, (x,)).module()(x), module(x), steps=100)
