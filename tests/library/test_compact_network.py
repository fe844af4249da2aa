"""CompactNetwork as a module: fine-tuned, quantised, saved, loaded, or built of a description."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dense_networks import deviation, evaluated, graded, seeded
from sparcs import CompactNetwork, SpectralNetwork


def test_the_result_is_ready_to_fine_tune():
    network = graded(dtype=torch.float32, seed=1)
    state = torch.get_rng_state()
    compacted = network.compact(threshold=0.01)
    assert torch.equal(state, torch.get_rng_state())
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in compacted.parameters())
    assert {parameter.dtype for parameter in compacted.parameters()} == {torch.float32}
    x = torch.randn(2, 7, 5, generator=seeded())
    compacted(x).sum().backward()
    assert compacted(x).shape == (2, 7, 3)
    assert all(parameter.grad is None for parameter in network.parameters())
    assert network.to(torch.bfloat16).compact().layers[0].weight.dtype is torch.bfloat16


def test_the_result_is_ready_to_fine_tune_in_inference_mode_too():
    network = graded(dtype=torch.float32)
    with torch.inference_mode():
        compacted = network.compact(threshold=0.01)
    compacted(torch.ones(2, 5)).sum().backward()
    assert compacted.layers[0].weight.grad is not None


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # of PyTorch's quantization
def test_a_quantised_network_can_be_printed():
    compacted = graded(dtype=torch.float32).compact()
    quantised = torch.ao.quantization.quantize_dynamic(compacted, {torch.nn.Linear})
    assert f"{compacted.after.multiply_adds:,} multiply-adds" in repr(quantised)
    assert deviation(quantised(torch.ones(1, 5)).detach().numpy(), evaluated(compacted, torch.ones(1, 5))) < 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_save_and_load_need_no_spectral_network(tmp_path, dtype):
    compacted = graded(activation="tanh", bias=True, dtype=dtype).compact(threshold=0.01)
    path = tmp_path / "compact.safetensors"
    compacted.save(path)
    loaded = CompactNetwork.load(path)
    x = torch.randn(4, 5, generator=seeded()).to(dtype)
    assert torch.equal(loaded(x), compacted(x))
    assert (loaded.before, loaded.after, loaded.sources) == (compacted.before, compacted.after, compacted.sources)
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    built = CompactNetwork(compacted.widths, compacted.sources, "tanh", bias=True).to(dtype)
    assert not built(x).any()
    built.load_state_dict(compacted.state_dict())
    assert torch.equal(built(x), compacted(x))


def test_what_cannot_be_saved_or_loaded_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"sin.*cannot be saved: allowed are relu"):
        SpectralNetwork((3, 2), activation=torch.sin).compact().save(tmp_path / "no.safetensors")
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors", metadata={"content": json.dumps([])})
    with pytest.raises(ValueError, match="holds no CompactNetwork"):
        CompactNetwork.load(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("widths", "error", "message"),
    [
        ("32", TypeError, "widths '32': a sequence of at least two positive integers"),
        ((3, -1, 2), ValueError, r"widths \(3, -1, 2\): every entry must be positive, -1 is not"),
    ],
)
def test_widths_of_no_network_are_refused(widths, error, message):
    with pytest.raises(error, match=message):
        CompactNetwork(widths, ((1,), (1, 2)))


def test_sources_that_are_no_sequences_are_refused():
    for sources in ((1,), 1, ((1.0,),)):
        with pytest.raises(TypeError, match=r"sources .*: a sequence of sequences of layers is needed"):
            CompactNetwork((3, 2), sources)
    with pytest.raises(TypeError, match="bias 'no': True or False"):
        CompactNetwork((3, 2), ((1,),), bias="no")


def test_layers_may_be_numpy_s_numbers(tmp_path):
    CompactNetwork((3, 2, 2), [np.array([1]), np.array([1, 2])]).save(tmp_path / "small.safetensors")
    assert CompactNetwork.load(tmp_path / "small.safetensors").sources == ((1,), (1, 2))


@pytest.mark.parametrize("sources", [(), ((1,),), ((1,), (3,)), ((1,), ()), ((0,), (1,))])
def test_sources_that_do_not_fit_are_refused(sources):
    with pytest.raises(ValueError, match="sources"):
        CompactNetwork((3, 4, 2), sources)
