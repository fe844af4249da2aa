"""SpectralNetwork as a head: of its own, and in place of the ones that timm and torchvision models have."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from sparcs import SpectralNetwork, replace_head, spectral_head
from sparcs.head_names import head_name

SMALL = {"timm": ("resnet10t", "vit_tiny_patch16_224", "resnetv2_50"), "torchvision": ("resnet18", "squeezenet1_1")}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_head_has_a_bias_and_starts_linear():
    head = spectral_head(8, 5, 3, generator=seeded())
    assert head.widths == (9, 5, 3)
    assert spectral_head(8, (5, 4), 3, bias=False).widths == (8, 5, 4, 3)
    x = torch.randn(4, 8, generator=seeded())
    linear = head.bundle(3, 1).detach()  # (3, 9)
    torch.testing.assert_close(head(x), x @ linear[:, :8].T + linear[:, 8])


@pytest.mark.interop
@pytest.mark.parametrize("name", SMALL["timm"])
def test_timm_models_take_it(name):
    model = pytest.importorskip("timm").create_model(name).eval()
    expected = model.get_classifier()
    path = head_name(model)
    assert model.get_submodule(path) is expected
    check_replacement(model, path)
    assert model.num_classes == 7


@pytest.mark.parametrize("name", SMALL["torchvision"])
def test_torchvision_models_take_it(name):
    model = models.get_model(name, weights=None).eval()
    check_replacement(model, {"resnet18": "fc", "squeezenet1_1": "classifier.1"}[name])


def check_replacement(model, path):
    """The new head starts as the linear map that its W_31 says, gets gradients, and leaves the rest alone."""
    body = {name: value for name, value in model.state_dict().items() if not name.startswith(f"{path}.")}
    head = replace_head(model, hidden=6, classes=7, generator=seeded())
    assert isinstance(head, SpectralNetwork)
    assert all(torch.equal(model.state_dict()[name], value) for name, value in body.items())
    inputs = []
    head.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    y = model(torch.randn(2, 3, 224, 224, generator=seeded()))
    assert y.shape == (2, 7)
    if y.shape[:1] == inputs[0].shape[:-1]:
        weight = head.bundle(3, 1)
        torch.testing.assert_close(y, inputs[0] @ weight[:, :-1].T + weight[:, -1])
    y.sum().backward()
    assert head.eigenvectors[0].grad.any()


def test_the_number_of_classes_is_kept_unless_given():
    model = models.get_model("resnet18", weights=None, num_classes=11)
    assert replace_head(model, hidden=(6, 4)).widths == (513, 6, 4, 11)


def test_the_head_goes_where_the_old_one_was():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).double()
    head = replace_head(model, hidden=5)
    assert model[2] is head
    assert head.eigenvectors[0].dtype == torch.float64
    assert model(torch.zeros(1, 4, dtype=torch.float64)).shape == (1, 2)


@pytest.mark.interop
def test_a_model_with_several_heads_is_asked_for_one():
    model = pytest.importorskip("timm").create_model("deit_tiny_distilled_patch16_224")
    with pytest.raises(ValueError, match="several heads: name is needed, one of head, head_dist"):
        replace_head(model, hidden=5)
    head = replace_head(model, hidden=5, name="head_dist")
    assert model.head_dist is head
    with pytest.raises(ValueError, match="'norm' is a LayerNorm: a linear layer or a 1×1 convolution is needed"):
        replace_head(model, hidden=5, name="norm")


@pytest.mark.parametrize("name", ["vit_b_16", "convnext_tiny", "densenet121", "mobilenet_v3_small", "squeezenet1_1"])
def test_a_second_call_does_not_take_a_layer_of_the_backbone(name):
    with torch.device("meta"):
        model = models.get_model(name, weights=None)
        head = replace_head(model, hidden=5)
    (at,) = (path for path, module in model.named_modules() if module is head)
    with pytest.raises(ValueError, match=f"already has a spectral head '{at}': .* its name is needed"):
        replace_head(model, hidden=5)
    other = replace_head(model, hidden=(5, 4), classes=3, name=at)
    assert model.get_submodule(at) is other
    assert other.widths == (head.in_features + 1, 5, 4, 3) and other.eigenvectors[0].is_meta


@pytest.mark.interop
def test_a_second_call_on_a_timm_model():
    model = pytest.importorskip("timm").create_model("resnetv2_50", num_classes=4)  # its head is a convolution
    replace_head(model, hidden=5)
    with pytest.raises(ValueError, match=r"already has a spectral head 'head.fc.network'"):
        replace_head(model, hidden=5)
    replace_head(model, hidden=5, classes=3, name="head.fc.network")
    assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 3) and model.num_classes == 3


@pytest.mark.parametrize("kind", [nn.Conv1d, nn.Conv2d, nn.Conv3d])
def test_convolutions_of_any_dimension_that_are_linear_at_each_position(kind):
    head = kind(6, 3, 1)
    model = nn.Sequential(head, kind(3, 3, 1, stride=2), kind(3, 3, 1, padding=1), kind(3, 3, 3))
    x = torch.randn(2, 6, *[4] * (head.weight.ndim - 2))
    expected = head(x)
    new = replace_head(model, hidden=5, name="0")
    assert model[0](x).shape == expected.shape and new.name == "0.network"
    torch.testing.assert_close(model[0](x).movedim(1, -1), new(x.movedim(1, -1)))
    with pytest.raises(ValueError, match=r"'1' is a Conv.d: a linear layer or a 1×1 convolution"):
        replace_head(model, hidden=5, name="1")


def test_a_convolution_whose_padding_is_a_word():
    for word in ("same", "valid"):
        model = nn.Sequential(nn.Conv2d(3, 4, 1, padding=word))
        expected = model[0].weight[..., 0, 0]
        head = replace_head(model, 5)
        assert (head.in_features, head.out_features) == tuple(expected.shape[::-1])
        assert model(torch.zeros(2, 3, 6, 6)).shape == (2, 4, 6, 6)


def test_a_head_in_two_places_or_without_a_width_is_refused():
    shared = nn.Linear(4, 4)
    with pytest.raises(ValueError, match="head '0' stands in several places, 0, 1: one of its own is needed"):
        replace_head(nn.Sequential(shared, shared), 5)
    with pytest.raises(ValueError, match=r"head '0' is a LazyLinear that has not seen its inputs: .* give inputs"):
        replace_head(nn.Sequential(nn.LazyLinear(3)), 5)


@pytest.mark.parametrize("tied", ["weight", "bias"])
def test_a_head_with_a_tied_parameter_is_refused(tied):
    """Embeddings, and any other layer."""
    first = nn.Embedding(7, 4) if tied == "weight" else nn.Linear(4, 7)
    model = nn.Sequential(first, nn.Linear(4, 4), nn.Linear(4, 7))
    setattr(model[2], tied, getattr(first, tied))
    head, message = model[2], rf"2\.{tied} of the head is also 0\.{tied}: replacing the head would untie them; give it"
    with pytest.raises(ValueError, match=message):
        replace_head(model, 5)
    assert model[2] is head
    setattr(head, tied, nn.Parameter(getattr(first, tied).detach().clone()))
    assert replace_head(model, 5).name == "2"


def test_a_model_whose_configuration_is_none():
    model = nn.Sequential(nn.Linear(4, 3))
    model.pretrained_cfg = None
    assert replace_head(model, 5).widths == (5, 5, 3)


def test_a_name_that_no_layer_has_and_widths_in_an_array():
    model = nn.Sequential(nn.Linear(4, 3))
    with pytest.raises(ValueError, match="name 'nope': Sequential has no such layer"):
        replace_head(model, hidden=5, name="nope")
    with pytest.raises(ValueError, match="head '' is a Sequential: a linear layer"):
        replace_head(model, hidden=5, name="")
    assert replace_head(model, hidden=np.array([4, 5])).widths == (5, 4, 5, 3)


@pytest.mark.parametrize("model", [nn.Sequential(nn.ReLU()), nn.Linear(2, 2)])
def test_a_model_without_a_head_is_refused(model):
    with pytest.raises(ValueError, match="a module that holds a linear layer as its head is needed"):
        replace_head(model, hidden=5)
