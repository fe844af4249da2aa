"""Files of networks with a forged description, or tensors of another kind: refused in a sentence, nothing built."""

import copy
import json
import os

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from dense_networks import seeded
from sparcs import CompactNetwork, SpectralNetwork, compact_head, convert, load_model, replace_head, save_model

FORGED = "Forged files of networks"
TEXTS = ["", "{", "[]", "1", "null", '"x"', "{}", "NaN", "[" * 10_000, '{"widths": 1e999}']
VALUES = [None, 1, -1, 1e12, True, float("nan"), "x", "elu(" + "9" * 500 + ")", [], {}, [[]], {"neurons": 1}]
VALUES += [[10**12] * 2, [1e12, 3], [4.0, 3], [10**30, 3, False], [4, 4, 1.0], [[10**12]] * 3, [1] * 500]
DTYPES = [torch.float8_e4m3fn, torch.float8_e5m2, torch.int32, torch.bool, torch.complex64]
NAMES = ["", ".", "1", "3", "4.layers", "4.layers.0", "4.network", "nope", "0.weight"]


def built():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.Flatten(), nn.Linear(5, 3))


def compact_file(path):
    network = SpectralNetwork((4, 6, 3), bias=True, initial_scale=0.5, generator=seeded())
    network.compact().save(path)


def spectral_file(path):
    SpectralNetwork((4, 6, 3), bias=True, initial_scale=0.5, generator=seeded()).save(path)


def model_file(path):
    """A model with a compacted head and two smaller layers."""
    model = built()
    replace_head(model, 7, name="4", initial_scale=0.5)
    gates = convert(model)
    with torch.no_grad():
        model[0].eigenvalues[:2] = 0
    gates.compact()
    compact_head(model)
    save_model(model, path)


def load_into_model(path):
    """Loaded, or not and left as it was."""
    model = built()
    layers, state = [*model], copy.deepcopy(model.state_dict())
    try:
        return load_model(model, path)
    except Exception:
        assert all(layer is before for layer, before in zip(model, layers, strict=True))
        assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
        raise


def places(value, path=()):
    """The path of every key and index below a value."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(value[key], (*path, key))


def changed(value, path, change):
    """A copy with the part at the path changed: change(what holds it, its key)."""
    value = copy.deepcopy(value)
    inside = value
    for key in path[:-1]:
        inside = inside[key]
    change(inside, path[-1])
    return value


def renamed(name):
    def change(inside, key):
        inside[name] = inside.pop(key)

    return change


def forgeries(described, tensors):
    """Metadata and tensors of every kind of forgery: texts, parts that are gone, replaced or renamed, other tensors."""
    texts = {key: json.dumps(value) for key, value in described.items()}
    yield {}, tensors
    for key in described:
        yield {name: text for name, text in texts.items() if name != key}, tensors
        for text in TEXTS:
            yield {**texts, key: text}, tensors
    for path in places(described):
        changes = [lambda inside, key: inside.pop(key)]
        changes += [lambda inside, key, value=value: inside.__setitem__(key, value) for value in VALUES]
        changes += [renamed(name) for name in NAMES] if isinstance(path[-1], str) else []
        for change in changes:
            yield {key: json.dumps(value) for key, value in changed(described, path, change).items()}, tensors
    for dtype in DTYPES:
        yield texts, {key: value.to(dtype) for key, value in tensors.items()}
    for name, tensor in tensors.items():
        others = [tensor * float("nan"), tensor * float("inf"), tensor[:1], tensor[None], torch.zeros(())]
        for other in others:
            yield texts, {**tensors, name: other.contiguous()}
        yield texts, {key: value for key, value in tensors.items() if key != name}
        yield texts, {**tensors, f"{name}.more": tensor + 1}


KINDS = {
    "a compact network": (compact_file, CompactNetwork.load),
    "a spectral network": (spectral_file, SpectralNetwork.load),
    "a model": (model_file, load_into_model),
}


@pytest.mark.reliability
@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_file_is_refused_or_means_the_same(kind, tmp_path, evidence):
    """PyTorch's RuntimeError says of a whole model, as documented, that its state is another one's."""
    make, load = KINDS[kind]
    path = tmp_path / "network.safetensors"
    make(path)
    expected = load(path)
    x = torch.randn(5, 4, generator=seeded())
    with safe_open(path, "pt") as file:
        described = {key: json.loads(text) for key, text in file.metadata().items()}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    allowed = (ValueError, RuntimeError) if kind == "a model" else ValueError
    tried = [*forgeries(described, tensors)]
    for metadata, others in tried:
        save_file(others, path, metadata=metadata)
        try:
            loaded = load(path)
        except allowed as error:
            assert "loading state_dict" in str(error) if type(error) is RuntimeError else "\n" not in str(error)
        else:
            assert torch.allclose(loaded(x), expected(x), atol=1e-5)  # λ_1 that is trained is summed in another order
    evidence(FORGED, f"forgeries of {kind} tried: refused in a sentence, or the same network", len(tried))


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        for load in (CompactNetwork.load, SpectralNetwork.load, load_into_model):
            with pytest.raises(ValueError, match="it is not a file"):
                load(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_could_not_be_loaded_is_not_saved(tmp_path, value):
    compact_file(tmp_path / "network.safetensors")
    network = CompactNetwork.load(tmp_path / "network.safetensors")
    model, spectral = nn.Sequential(nn.Linear(4, 4), network), SpectralNetwork((4, 3))
    with torch.no_grad():
        network.layers[0].weight[0, 0] = value
        spectral.eigenvectors[0][0, 0] = value
    for save in (network.save, spectral.save, lambda path: save_model(model, path)):
        with pytest.raises(ValueError, match=r"s\.0(\.weight)? is not finite: it holds NaN or infinite numbers"):
            save(tmp_path / "other.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["network.safetensors"]


@pytest.mark.parametrize("key", ["1000000000000", "9" * 5000, "٣", "²", "-1", "x", "3"])
def test_a_state_with_a_layer_of_any_number_is_refused(key):
    network = SpectralNetwork((3, 4, 2))
    with pytest.raises(RuntimeError, match="Unexpected key"):
        network.load_state_dict(network.state_dict() | {f"eigenvalues.{key}": torch.zeros(2)})
