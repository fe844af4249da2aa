"""Which layer is a model's head: known families, examples of inputs, and the numbers of classes around it."""

import types

import pytest
import torch
from torch import nn
from torchvision import models

from sparcs import replace_head
from sparcs.head_names import head_name

TORCHVISION = {
    "resnet18": "fc",
    "googlenet": "fc",
    "inception_v3": "fc",
    "vgg11": "classifier.6",
    "squeezenet1_1": "classifier.1",
    "mobilenet_v3_small": "classifier.3",
    "convnext_tiny": "classifier.2",
    "vit_b_16": "heads.head",
    "swin_t": "head",
    "r3d_18": "fc",
    "fcn_resnet50": "classifier.4",
    "deeplabv3_resnet50": "classifier.4",
}


@pytest.mark.parametrize(("name", "expected"), TORCHVISION.items(), ids=TORCHVISION)
@pytest.mark.parametrize("wrapped", [False, True])
def test_torchvision_s_families(name, expected, wrapped):
    options = {"aux_loss": True, "weights_backbone": None} if "resnet50" in name else {}
    options |= {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.device("meta"):
        model = models.get_model(name, weights=None, **options)
    assert head_name(nn.Sequential(model) if wrapped else model) == f"{'0.' if wrapped else ''}{expected}"


def of_package(package, children):
    """A model of these children whose class, and its forward, are of a module of the package."""
    forward = types.FunctionType((lambda self, x: x).__code__, {"__name__": f"{package}.models"}, "forward")
    kind = type("Model", (nn.ModuleDict,), {"forward": forward, "__module__": f"{package}.models"})
    return kind(children)


@pytest.mark.parametrize("name", ["classifier", "score"])
def test_the_only_layer_of_a_family_s_head_is_it(name):
    """As in Hugging Face's audio transformers, which normalise in their head."""
    inside = nn.ModuleDict({"norm": nn.LayerNorm(6), "dense": nn.Linear(6, 3), "scale": nn.BatchNorm1d(3)})
    model = of_package("transformers", {"body": nn.Linear(4, 6), name: inside})
    assert head_name(model) == head_name(nn.Sequential(model)).removeprefix("0.") == f"{name}.dense"
    inside["other"] = nn.Linear(3, 3)
    with pytest.raises(ValueError, match="its head is not clear"):
        head_name(model)


class Attentive(nn.Module):
    """A model whose head is no family's, and whose last layer has a head's name but weighs the positions."""

    def __init__(self, name):
        super().__init__()
        self.body, self.out, self.name = nn.Linear(4, 6), nn.Linear(6, 3), name
        self.add_module(name, nn.Linear(6, 1))

    def forward(self, x):
        features = self.body(x)  # (batch, positions, 6)
        weights = self.get_submodule(self.name)(features).softmax(1)
        return self.out((weights * features).sum(1))


@pytest.mark.parametrize("name", ["score", "head", "classifier", "fc"])
def test_a_name_alone_makes_no_head(name):
    """In a model of the user's own, alone or wrapped, and in one that is derived from a package's."""
    derived = type("Derived", (Attentive, type(of_package("transformers", {}))), {"__init__": Attentive.__init__})
    for model in (Attentive(name), nn.Sequential(Attentive(name)), derived(name)):
        with pytest.raises(ValueError, match=rf"its head is not clear; inputs, .*{name}"):
            replace_head(model, 5)
    more = of_package("torchvision", {"fc": nn.Linear(6, 3), "head": nn.Linear(6, 1)})  # which its forward knows not
    assert head_name(more) == "fc"
    with pytest.raises(ValueError, match="its head is not clear"):
        head_name(of_package("transformers", {"head": nn.Linear(6, 3), "dist_head": nn.Linear(6, 3)}))
    model = Attentive(name)
    assert replace_head(model, 5, inputs=torch.zeros(2, 7, 4)).name == "out"


class Unclear(nn.Module):
    """A head among other linear layers, one of them unused and the last that is registered."""

    def __init__(self, head, kind="Linear"):
        super().__init__()
        made = {"Linear": lambda: nn.Linear(6, 3), "Lazy": lambda: nn.LazyLinear(3), "Conv": lambda: nn.Conv1d(6, 3, 1)}
        self.body = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6))
        self.add_module(head, made[kind]())
        self.proj = nn.Linear(6, 3)
        self.at, self.kind = head, kind

    def forward(self, x):
        x = self.body(x)
        y = self.get_submodule(self.at)(x[..., None] if self.kind == "Conv" else x)
        return y.flatten(1)


@pytest.mark.parametrize("kind", ["Linear", "Lazy", "Conv"])
@pytest.mark.parametrize("head", ["predict", "fc"])
def test_an_example_s_output_tells_the_head_where_names_do_not(head, kind):
    model = Unclear(head, kind)
    with pytest.raises(ValueError, match=f"its head is not clear; inputs, .*, or name is needed, .*{head}, proj"):
        replace_head(model, 5)
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    x = torch.randn(7, 4)
    new = replace_head(model, 5, inputs=(x,) if kind == "Conv" else x)
    assert new.name == (f"{head}.network" if kind == "Conv" else head) and model.get_submodule(new.name) is new
    assert all(torch.equal(model.get_buffer(name), value) for name, value in buffers.items()) and model.training
    assert model(x).shape == (7, 3)


class Softened(nn.Module):
    """An output that no linear layer makes."""

    def __init__(self, output):
        super().__init__()
        self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 3)
        self.output = output

    def forward(self, x):
        return self.output(self.last(self.first(x)))


def test_an_example_whose_output_no_layer_makes_is_said():
    for output in (lambda y: y.softmax(-1), lambda y: {"out": y}):
        with pytest.raises(ValueError, match=r"no layer's output is the model's; inputs, .* one of first, last"):
            replace_head(Softened(output), 5, inputs=torch.zeros(2, 4))
    logits = Softened(lambda y: types.SimpleNamespace(logits=y))
    assert replace_head(logits, 5, inputs=torch.zeros(2, 4)).name == "last"


def test_detectors_are_asked_about():
    with torch.device("meta"):
        model = models.get_model("fasterrcnn_resnet50_fpn", weights=None, weights_backbone=None)
    with pytest.raises(ValueError, match=r"its head is not clear; .*cls_score, roi_heads.box_predictor.bbox_pred"):
        replace_head(model, 5)
    model.requires_grad_(False)
    assert replace_head(model, 5, name="roi_heads.box_predictor.cls_score").out_features == 91


@pytest.mark.parametrize("configuration", [None, {}, {"classifier": "gone"}, types.SimpleNamespace(classifier="0")])
def test_a_configuration_that_names_no_layer_is_passed_over(configuration):
    model = nn.Sequential(nn.Linear(4, 3))
    model.pretrained_cfg = configuration
    assert replace_head(model, 5).name == "0"


class Wrapped(nn.Module):
    """A classifier inside another module, each with its number of classes as timm or Hugging Face keep it."""

    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
        self.model.num_classes = 3
        self.num_labels = 3
        self.config = types.SimpleNamespace(num_labels=3, num_classes=8)

    def forward(self, x):
        return self.model(x)


@pytest.mark.parametrize("classes", [None, 7])
def test_every_number_of_classes_around_the_head_follows(classes):
    model = Wrapped()
    assert replace_head(model, 5, classes=classes).name == "model.2"
    counts = (model.model.num_classes, model.num_labels, model.config.num_labels)
    assert counts == ((classes or 3),) * 3 and model.config.num_classes == 8


def test_what_is_no_module_or_has_several_heads_is_refused():
    with pytest.raises(TypeError, match="model of type str: a module is needed"):
        head_name("resnet18")
    model = nn.ModuleDict({"head": nn.Linear(4, 3), "head_dist": nn.Linear(4, 3)})
    model.pretrained_cfg = {"classifier": ("head", "head_dist")}
    with pytest.raises(ValueError, match="has several heads: name is needed, one of head, head_dist"):
        replace_head(model, 5)
