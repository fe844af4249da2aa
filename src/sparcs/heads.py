"""SpectralNetwork as the head of a classifier: a new one, or in place of the one that a model has."""

from collections.abc import Sequence

from torch import Tensor, nn

from sparcs.network import SpectralNetwork


def spectral_head(in_features: int, hidden: int | Sequence[int], classes: int, **options: object) -> SpectralNetwork:
    """A SpectralNetwork in_features (+ 1) → hidden → classes with a bias neuron, as in experiments 3 and 4.

    hidden: the width of the hidden layer, or those of several. options: as of SpectralNetwork, for instance
    ``generator``. It starts as a linear head. Raises ValueError or TypeError as SpectralNetwork does.
    """
    middle = hidden if isinstance(hidden, Sequence) else (hidden,)
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
    is its head. A head that is a 1×1 convolution is a linear layer at each position, and so is what replaces it. What
    stands before the head, a dropout for instance, stays.

    classes: as many as before if None. name: the head's dotted name, needed only where a model has several (timm's
    distilled ones: one call for each). options: as of SpectralNetwork; device and dtype are the old head's.
    Raises ValueError for a model without such a head, or with several and no ``name``.
    """
    name = name or head_name(model)
    old = model.get_submodule(name)
    if not _is_linear(old):
        raise ValueError(f"name {name!r} is a {type(old).__name__}: a linear layer or a 1×1 convolution is needed")
    outputs, inputs = old.weight.shape[:2]
    size = outputs if classes is None else classes
    place = {"device": old.weight.device, "dtype": old.weight.dtype}
    head = spectral_head(inputs, hidden, size, **{**place, **options})
    model.set_submodule(name, head if isinstance(old, nn.Linear) else _Pointwise(head))
    if hasattr(model, "num_classes"):
        model.num_classes = size
    return head


def head_name(model: nn.Module) -> str:
    """Dotted name of the layer that is a model's head: what timm names so, else the last linear layer.

    Raises ValueError if there is none or more than one.
    """
    named = getattr(model, "pretrained_cfg", {}).get("classifier")
    if isinstance(named, Sequence) and not isinstance(named, str):
        raise ValueError(f"model {type(model).__name__} has several heads: name is needed, one of {', '.join(named)}")
    if named is not None:
        return named
    modules = dict(model.named_modules())
    linear = [name for name, module in modules.items() if name and isinstance(module, nn.Linear)]
    pointwise = [name for name, module in modules.items() if name and _is_linear(module)]
    if not pointwise:
        raise ValueError(f"model {type(model).__name__}: a module that holds a linear layer as its head is needed")
    return (linear or pointwise)[-1]


class _Pointwise(nn.Module):
    """A network applied to the channels at each position: (batch, N_1, …) -> (batch, N_ℓ, …)."""

    def __init__(self, network: SpectralNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.movedim(1, -1)).movedim(-1, 1)


def _is_linear(module: nn.Module) -> bool:
    """Whether a module maps channels linearly, each position by itself."""
    one_by_one = isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1
    return isinstance(module, nn.Linear) or one_by_one
