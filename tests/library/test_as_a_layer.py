"""The layer where PyTorch code expects a Linear: its attributes, loops over modules, and PyTorch's transformer."""

import pytest
import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.utils import prune

from sparcs import SpectralNetwork


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def network(widths=(6, 5, 3), **options):
    return SpectralNetwork(widths, generator=seeded(), **options)


LAYERS = {"spectral": lambda **options: network(**options), "compact": lambda **options: network(**options).compact()}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_weight_and_bias_are_no_attributes(make):
    layer = make(bias=True)
    assert layer.has_bias and not make().has_bias
    for name in ("weight", "bias"):
        assert not hasattr(layer, name) and getattr(layer, name, None) is None
        with pytest.raises(AttributeError, match=f"no tensor '{name}'.*set_fastpath_enabled"):
            getattr(layer, name)
    with pytest.raises(AttributeError, match="no attribute 'wieght'"):
        _ = layer.wieght


def test_weight_names_what_there_is_instead():
    with pytest.raises(AttributeError, match=r"SpectralNetwork has no tensor 'weight': bundle\(i, j\) makes W_ij"):
        _ = network().weight
    with pytest.raises(AttributeError, match=r"CompactNetwork has no tensor 'weight': layers hold its weights"):
        _ = network().compact().weight


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_loops_over_a_models_modules_take_no_attribute_for_a_tensor(make):
    """Initialisation, pruning and weight-decay groups, as users write them."""
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), make(bias=True))
    for module in model.modules():
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)
    prunable = [(module, "weight") for module in model.modules() if hasattr(module, "weight")]
    prune.global_unstructured(prunable, prune.L1Unstructured, amount=2)
    decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    torch.optim.AdamW([{"params": decayed}], lr=0.1)
    assert model(torch.zeros(2, 4)).shape == (2, 3)


@pytest.mark.parametrize("name", ["linear1", "linear2"])
def test_a_transformer_s_error_in_evaluation_says_what_to_set(name):
    layer = nn.TransformerEncoderLayer(6, 2, dim_feedforward=6, dropout=0.0, batch_first=True)
    setattr(layer, name, network((6, 8, 6), bias=True))
    x = torch.randn(2, 5, 6, generator=seeded())
    trained = layer(x)
    layer.eval()
    with torch.no_grad():
        with pytest.raises(AttributeError, match=r"call torch\.backends\.mha\.set_fastpath_enabled\(False\)"):
            layer(x)
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            torch.testing.assert_close(layer(x), trained)
        finally:
            torch.backends.mha.set_fastpath_enabled(True)


@pytest.fixture
def mesh():
    """Of one process, in this one."""
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    torch.distributed.destroy_process_group()


@pytest.mark.interop
@pytest.mark.parametrize("scale", [0.0, 0.5])
def test_distributed_parameters_start_as_others(mesh, scale):
    options = {"widths": (6, 8, 3), "initial_scale": scale}
    empty = fully_shard(SpectralNetwork(**options, device="meta"), mesh=mesh).to_empty(device="cpu")
    empty.reset_parameters(seeded())
    for distributed, expected in zip(
        empty.parameters(), SpectralNetwork(**options, generator=seeded()).parameters(), strict=True
    ):
        assert torch.equal(distributed.full_tensor(), expected)


@pytest.mark.filterwarnings("ignore:`torch.jit.script`")
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_torch_jit_script_is_refused_in_one_sentence(make):
    for module in (make(), nn.Sequential(make())):
        with pytest.raises(TypeError, match=r"torch.jit.script cannot compile (Spect|Comp)"):
            torch.jit.script(module)
