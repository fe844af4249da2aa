"""Where a classifier's head is: by the names of known families, or by what makes the output of an example."""

from collections.abc import Mapping, Sequence

from torch import nn

from sparcs.compact import CompactNetwork
from sparcs.judging import last_linear
from sparcs.network import SpectralNetwork

SPECTRAL = (SpectralNetwork, CompactNetwork)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
PACKAGES = ("timm", "torchvision", "transformers")
FAMILIES = ("fc", "classifier", "classification_head", "score", "out_proj", "heads", "head")  # their heads' names
AUXILIARY = "aux"  # torchvision's names of heads that only help the training begin so
LISTED = 8  # layers that an error names


def head_name(model: nn.Module, inputs: object = None) -> str:
    """Dotted name of the layer that is a model's head.

    With inputs it is the linear layer that makes the model's output. Without, it is
    what timm's configuration names; else the last layer of ``nn.Sequential`` and of the only child of a wrapper; else,
    where forward is of one of PACKAGES, the model's child with linear layers whose name comes first in FAMILIES. Inside
    it the head is the only linear layer, or what the same rules say. In any other model a name says nothing: ``score``
    may be an attention's.

    model: any module. inputs: an example for it, a tensor or a tuple of arguments.
    Raises ValueError if that is no one layer, or a spectral one already, TypeError if the model is no module.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model of type {type(model).__name__}: a module is needed")
    kind = f"model {type(model).__name__}"
    modules = {name: module for name, module in model.named_modules() if name}
    linear = [name for name, module in modules.items() if is_linear(module)]
    configured = _configured(model)
    if isinstance(configured, Sequence) and not isinstance(configured, str):
        raise ValueError(f"{kind} has several heads: name is needed, one of {', '.join(configured)}")
    for name, module in modules.items():
        if isinstance(module, SPECTRAL):
            raise ValueError(f"{kind} already has a spectral head {name!r}: to replace a layer, its name is needed")
    if inputs is not None:
        makers = last_linear(model, inputs, is_linear)
    else:
        makers = [configured] if configured in modules else _by_family(model)
    if len(makers) == 1 and makers[0]:
        return makers[0]
    if not linear:
        raise ValueError(f"{kind}: a module that holds a linear layer as its head is needed")
    how = "no layer's output is the model's" if inputs is not None else "its head is not clear"
    last = ", ".join(linear[-LISTED:])
    raise ValueError(f"{kind}: {how}; inputs, an example for the model, or name is needed, such as one of {last}")


def is_linear(module: nn.Module) -> bool:
    """Whether a module maps channels linearly, each position by itself."""
    if not isinstance(module, CONVOLUTIONS):
        return isinstance(module, nn.Linear)
    one_by_one = {*module.kernel_size, *module.stride, module.groups} == {1}
    return one_by_one and (isinstance(module.padding, str) or not any(module.padding))  # either word pads nothing here


def _configured(model: nn.Module) -> str | Sequence[str] | None:
    """What timm's configuration of a model names as its classifier."""
    configuration = getattr(model, "pretrained_cfg", None)
    if isinstance(configuration, Mapping):
        return configuration.get("classifier")
    return getattr(configuration, "classifier", None)


def _by_family(module: nn.Module) -> list[str]:
    """The head's name in a module by the families' names, [""] for a linear layer itself, [] where it is not clear."""
    if is_linear(module):
        return [""]
    children = {
        name: child
        for name, child in module.named_children()
        if not name.startswith(AUXILIARY) and any(is_linear(part) for part in child.modules())
    }
    if not children:
        return []
    last = [*children][-1]
    ordered = isinstance(module, nn.Sequential) and _last_with_parameters(module) == last
    named = next((name for name in FAMILIES if name in children), None) if _of_package(module) else None
    if not (ordered or (len(children) == 1 and _wraps(module, last)) or named):
        return []
    at = named or last
    if named and len(_of_shape(children, children[at])) > 1:  # a distilled model's, whose mean is the output
        return []
    inside = [name for name, part in children[at].named_modules() if is_linear(part)]
    names = inside if named and len(inside) == 1 else _by_family(children[at])
    return [f"{at}.{name}" if name else at for name in names]


def _of_shape(children: Mapping[str, nn.Module], like: nn.Module) -> list[str]:
    """Names of linear children with the inputs and outputs of the given one; [] if it is none itself."""
    linear = {name: child for name, child in children.items() if is_linear(child) and is_linear(like)}
    return [name for name, child in linear.items() if child.weight.shape == like.weight.shape]


def _of_package(module: nn.Module) -> bool:
    """Whether a module's forward is of one of PACKAGES: that of others, derived or not, may use a name otherwise."""
    return type(module).forward.__module__.partition(".")[0] in PACKAGES


def _last_with_parameters(module: nn.Sequential) -> str | None:
    names = [name for name, child in module.named_children() if any(True for _ in child.parameters())]
    return names[-1] if names else None


def _wraps(module: nn.Module, name: str) -> bool:
    """Whether the child holds all of a module's parameters."""
    child = module.get_submodule(name)
    return len([*module.parameters()]) == len([*child.parameters()])
