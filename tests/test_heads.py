"""SpectralNetwork as a head: of its own, and in place of the ones that timm and torchvision models have."""

import pytest
import timm
import torch
from torch import nn
from torchvision import models

from sparcs import SpectralNetwork, replace_head, spectral_head
from sparcs.heads import head_name

SMALL = {"timm": ("resnet10t", "vit_tiny_patch16_224", "resnetv2_50"), "torchvision": ("resnet18", "squeezenet1_1")}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_head_has_a_bias_and_starts_linear():
    head = spectral_head(8, 5, 3, generator=seeded())
    assert head.widths == (9, 5, 3)
    assert spectral_head(8, (5, 4), 3, bias=False).widths == (8, 5, 4, 3)
    x = torch.randn(4, 8, generator=seeded())
    linear = head.weight(3, 1).detach()  # (3, 9)
    torch.testing.assert_close(head(x), x @ linear[:, :8].T + linear[:, 8])


@pytest.mark.parametrize("name", SMALL["timm"])
def test_timm_models_take_it(name):
    model = timm.create_model(name).eval()
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
        weight = head.weight(3, 1)
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


def test_a_model_with_several_heads_is_asked_for_one():
    model = timm.create_model("deit_tiny_distilled_patch16_224")
    with pytest.raises(ValueError, match="several heads: name is needed, one of head, head_dist"):
        replace_head(model, hidden=5)
    head = replace_head(model, hidden=5, name="head_dist")
    assert model.head_dist is head
    with pytest.raises(ValueError, match="'norm' is a LayerNorm: a linear layer or a 1×1 convolution is needed"):
        replace_head(model, hidden=5, name="norm")


@pytest.mark.parametrize("model", [nn.Sequential(nn.ReLU()), nn.Linear(2, 2)])
def test_a_model_without_a_head_is_refused(model):
    with pytest.raises(ValueError, match="a module that holds a linear layer as its head is needed"):
        replace_head(model, hidden=5)
