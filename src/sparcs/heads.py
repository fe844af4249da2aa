"""SpectralNetwork as a classifier's head: made, put in place of a model's own head, and compacted there."""

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from sparcs.compact import CompactNetwork, Loss, compact
from sparcs.network import SpectralNetwork

SPECTRAL = (SpectralNetwork, CompactNetwork)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def spectral_head(in_features: int, hidden: int | Sequence[int], classes: int, **options: object) -> SpectralNetwork:
    """A SpectralNetwork in_features (+ 1) → hidden → classes with a bias neuron, as in experiments 3 and 4.

    hidden: the width of the hidden layer, or those of several. options: as of SpectralNetwork, for instance
    ``generator``. It starts as a linear head. Raises ValueError or TypeError as SpectralNetwork does.
    """
    middle = hidden if isinstance(hidden, Iterable) else (hidden,)
    return SpectralNetwork((in_features, *middle, classes), **{"bias": True, **options})


def replace_head(
    model: nn.Module,
    hidden: int | Sequence[int],
    classes: int | None = None,
    name: str | None = None,
    **options: object,
) -> SpectralNetwork:
    """Put a ``spectral_head`` in place of a model's head, and return it.

    Works in place on every timm and torchvision classifier and on any other module whose last registered linear layer
    is its head. A head that is a 1×1 convolution (or its like in one or three dimensions) is a linear layer at each
    position, and so is what replaces it. What stands before the head, a dropout for instance, stays. Unlike a
    Linear's, the new head's ``weight`` is a method and its ``bias`` a truth value.

    classes: as many as before if None. name: the head's dotted name, needed only where a model has several (timm's
    distilled ones: one call for each), where it is not clear, and to replace a spectral head by another one, compacted
    or not. Auxiliary heads, such as GoogLeNet's ``aux1.fc2``, are others: they keep theirs until they are named.
    options: as of SpectralNetwork; device and dtype are the old head's.
    Raises ValueError for a model without such a head, or with several and no ``name``, for a head that stands in
    several places of the model, and for a lazy one that has not seen its inputs.
    """
    name = head_name(model) if name is None else name
    old = _submodule(model, name)
    places = [place for place, module in model.named_modules(remove_duplicate=False) if module is old]
    if len(places) > 1:
        raise ValueError(f"head {name!r} stands in several places, {', '.join(places)}: one of its own is needed")
    if any(isinstance(parameter, nn.UninitializedParameter) for parameter in old.parameters()):
        raise ValueError(f"head {name!r} is a {type(old).__name__} that has not seen its inputs: it has no width yet")
    if isinstance(old, SPECTRAL):
        inputs, outputs, like = old.in_features, old.out_features, next(old.parameters())
    elif _is_linear(old):
        (outputs, inputs), like = old.weight.shape[:2], old.weight
    else:
        raise ValueError(f"head {name!r} is a {type(old).__name__}: a linear layer or a 1×1 convolution is needed")
    size = outputs if classes is None else classes
    head = spectral_head(inputs, hidden, size, **{"device": like.device, "dtype": like.dtype, **options})
    model.set_submodule(name, _Pointwise(head) if isinstance(old, CONVOLUTIONS) else head)
    if hasattr(model, "num_classes"):
        model.num_classes = size
    return head


def compact_head(
    model: nn.Module,
    removal: str = "weights",
    threshold: float | None = None,
    inputs: Tensor | None = None,
    tolerance: float | None = None,
    loss: Loss | None = None,
    budget: float | None = None,
) -> CompactNetwork:
    """Put what ``sparcs.compact.compact`` leaves of a model's spectral head in its place, and return it.

    loss: of the model, with the head to be judged in it. inputs: of the head. The other arguments are those of
    ``compact``, which says what they do and what is raised; ValueError too unless the model has one SpectralNetwork.
    """
    names = [name for name, module in model.named_modules() if name and isinstance(module, SpectralNetwork)]
    if len(names) != 1:
        raise ValueError(f"model {type(model).__name__} has {len(names)} spectral heads: one is needed")
    [name] = names
    head = model.get_submodule(name)

    def of_model(candidate: nn.Module) -> float | Tensor:
        model.set_submodule(name, candidate)
        return loss(model)

    try:
        small = compact(head, removal, threshold, inputs, tolerance, of_model if callable(loss) else loss, budget)
    finally:
        model.set_submodule(name, head)
    model.set_submodule(name, small)
    return small


def head_name(model: nn.Module) -> str:
    """Dotted name of the layer that is a model's head: what timm names so, else the last linear layer.

    Raises ValueError if there is none, more than one, or a spectral one already, TypeError if it is no module.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model of type {type(model).__name__}: a module is needed")
    kind = f"model {type(model).__name__}"
    named = (getattr(model, "pretrained_cfg", None) or {}).get("classifier")
    if isinstance(named, Sequence) and not isinstance(named, str):
        raise ValueError(f"{kind} has several heads: name is needed, one of {', '.join(named)}")
    modules = {name: module for name, module in model.named_modules() if name}
    for name, module in modules.items():
        if isinstance(module, SPECTRAL):
            raise ValueError(f"{kind} already has a spectral head {name!r}: to replace a layer, its name is needed")
    if named is not None:
        return named
    candidates = [name for name, module in modules.items() if _is_linear(module)]
    if not candidates:
        raise ValueError(f"{kind}: a module that holds a linear layer as its head is needed")
    linear = [name for name in candidates if isinstance(modules[name], nn.Linear)]
    if linear and linear[-1] != candidates[-1]:
        raise ValueError(
            f"{kind}: is its head {linear[-1]!r} or the 1×1 convolution {candidates[-1]!r}? name is needed"
        )
    return candidates[-1]


class _Pointwise(nn.Module):
    """A network applied to the channels at each position: (batch, N_1, …) -> (batch, N_ℓ, …)."""

    def __init__(self, network: SpectralNetwork | CompactNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.movedim(1, -1)).movedim(-1, 1)


def _submodule(model: nn.Module, name: str) -> nn.Module:
    try:
        return model.get_submodule(name)
    except AttributeError:
        raise ValueError(f"name {name!r}: {type(model).__name__} has no such layer") from None


def _is_linear(module: nn.Module) -> bool:
    """Whether a module maps channels linearly, each position by itself."""
    if not isinstance(module, CONVOLUTIONS):
        return isinstance(module, nn.Linear)
    one_by_one = {*module.kernel_size, *module.stride, module.groups} == {1}
    return one_by_one and (isinstance(module.padding, str) or not any(module.padding))  # either word pads nothing here
