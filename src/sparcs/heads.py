"""SpectralNetwork as a classifier's head: made, put in place of a model's own head, compacted there, and reloaded."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Literal, TypedDict, Unpack

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sparcs.activations import Activation
from sparcs.checks import check_values
from sparcs.compact import CompactNetwork, Options, Removal, compact
from sparcs.head_names import CONVOLUTIONS, SPECTRAL, head_name, is_linear
from sparcs.judging import features_kept, judged
from sparcs.layer import smaller_linear
from sparcs.network import Form, SpectralNetwork
from sparcs.saved import read, write
from sparcs.search import allowed_loss, checked_loss

METADATA, LAYERS = "compact_heads", "compact_layers"  # keys of the descriptions in a saved file
COUNTS = ("num_classes", "num_labels")  # attributes in which timm's and Hugging Face's models keep their classes


class HeadOptions(TypedDict, total=False):
    """What a spectral head takes by name, each as SpectralNetwork does.

    These are ``bias``, ``activation``, ``train_input_eigenvalues``, ``form``, ``initial_scale``, ``output_eigenvalue``,
    ``generator``, ``device`` and ``dtype``.
    """

    bias: bool
    activation: str | Activation
    train_input_eigenvalues: bool
    form: Form | None
    initial_scale: float
    output_eigenvalue: Literal[1, -1]
    generator: torch.Generator | None
    device: torch.device | str | None
    dtype: torch.dtype | None


def spectral_head(
    in_features: int, hidden: int | Sequence[int], classes: int, **options: Unpack[HeadOptions]
) -> SpectralNetwork:
    """A SpectralNetwork N_1 (+ 1) → hidden → classes with a bias neuron, as in experiments 3 and 4.

    It starts as a linear head.

    in_features: N_1, the bias neuron not counted. hidden: the width of the hidden layer, or those of several.
    classes: the number of outputs. options: as of SpectralNetwork, for instance ``generator``.
    Raises ValueError or TypeError as SpectralNetwork does.
    """
    middle = hidden if isinstance(hidden, Iterable) else (hidden,)
    return SpectralNetwork((in_features, *middle, classes), **{"bias": True, **options})


def replace_head(
    model: nn.Module,
    hidden: int | Sequence[int],
    classes: int | None = None,
    name: str | None = None,
    inputs: object = None,
    **options: Unpack[HeadOptions],
) -> SpectralNetwork:
    """Put a ``spectral_head`` in place of a model's head, and return it; its ``name`` says where it went.

    Works in place on the classifiers of timm and torchvision, on Hugging Face's ``…ForImageClassification`` and
    ``…ForSequenceClassification``, and where a linear layer ends ``nn.Sequential``. Any other module needs ``inputs``
    or ``name`` to say where its head is (``sparcs.head_names.head_name``). A 1×1 convolution, or its like in one or
    three dimensions, is a linear layer at each position, and so is what replaces it. What stands before the head, a
    dropout for instance, stays. Unlike a Linear, the new head has no tensors ``weight`` and ``bias``; ``bundle`` makes
    its weights.

    model: changed in place. hidden: as of ``spectral_head``. classes: as many as before if None. Each module around the
    head that has as many as before in ``num_classes``, in ``num_labels`` or in the ``num_labels`` of its ``config``
    gets the new number. name: the head's dotted name, needed where a model has several (timm's distilled ones: one call
    for each), and to replace a spectral head by another one, compacted or not. Auxiliary heads, such as GoogLeNet's
    ``aux1.fc2``, keep theirs until they are named. inputs: an example for the model, a tensor or a tuple of arguments;
    the head is then the linear layer that makes the output. A lazy layer sees its inputs by it. options: as of
    SpectralNetwork; device and dtype are the old head's.
    Raises ValueError where the head is not clear, is no linear layer, stands in several places of the model, or shares
    a parameter with another layer (tied embeddings), and for a lazy one that has not seen its inputs.
    """
    name = head_name(model, inputs) if name is None else name
    old = _submodule(model, name)
    _require_one_place(model, name)
    if any(isinstance(parameter, nn.UninitializedParameter) for parameter in old.parameters()):
        raise ValueError(
            f"head {name!r} is a {type(old).__name__} that has not seen its inputs: it has no width yet; give "
            "inputs, or run the model once before"
        )
    if isinstance(old, SPECTRAL):
        before, outputs, like = old.in_features, old.out_features, next(old.parameters())
    elif is_linear(old):
        (outputs, before), like = old.weight.shape[:2], old.weight
    else:
        raise ValueError(f"head {name!r} is a {type(old).__name__}: a linear layer or a 1×1 convolution is needed")
    _require_own_parameters(model, name)
    size = outputs if classes is None else classes
    head = spectral_head(before, hidden, size, **{"device": like.device, "dtype": like.dtype, **options})
    pointwise = isinstance(old, CONVOLUTIONS)
    model.set_submodule(name, _Pointwise(head) if pointwise else head)
    head.name = f"{name}.network" if pointwise else name
    _set_counts(model, name, outputs, size)
    return head


def compact_head(
    model: nn.Module, removal: Removal = "weights", name: str | None = None, **options: Unpack[Options]
) -> CompactNetwork:
    """Put what ``sparcs.compact.compact`` leaves of a model's spectral head in its place, and return it.

    A loss is of the model, with the head to be judged in it. The model is then in evaluation mode; afterwards each
    module's mode and buffers are as before. In the search what stands before the head runs once for each input, and its
    outputs are kept meanwhile, if the model takes tensors and returns the head's output as it is. Two calls more check
    the budget on the whole model; if it does not hold, the loss depends on more than the inputs, and the search is done
    again on the whole model.

    model: changed in place. removal: as of ``compact``. name: the head's dotted name, needed where the model has
    several spectral heads. options: as of ``compact``; ``loss`` is a function of the model, ``inputs`` are the head's.
    Raises ValueError or TypeError as ``compact`` does; ValueError too unless the head is clear, and stands in one
    place.
    """
    name = _spectral_name(model, name)
    head = model.get_submodule(name)
    _require_one_place(model, name)
    loss = options.get("loss")

    def of_model(candidate: nn.Module) -> float | Tensor:
        model.set_submodule(name, candidate)
        return loss(model)

    if callable(loss):
        options["loss"] = of_model

    def smallest(kept: bool) -> CompactNetwork:
        with judged(model), features_kept(model, name) if kept else nullcontext():
            return compact(head, removal, **options)

    def holds(small: CompactNetwork) -> bool:
        with judged(model), torch.no_grad():
            full, left = checked_loss(of_model(head)), checked_loss(of_model(small))
        return left <= allowed_loss(full, options.get("budget"), options.get("absolute_budget"))

    try:
        small = smallest(kept=True)
        if callable(loss) and not holds(small):
            small = smallest(kept=False)
    finally:
        model.set_submodule(name, head)
    model.set_submodule(name, small.train(head.training))
    return small


def save_model(model: nn.Module, path: str | Path) -> None:
    """A model's state with the description of what is compacted in it, as one safetensors file, for ``load_model``.

    These are heads (``compact_head``) and the layers of MLP blocks (``convert`` and its ``compact``).

    model: with at least one of them. path: of the file, written whole or not at all.
    Raises ValueError if there is none, or a head whose f has no name (``sparcs.activations.name_of``), or a parameter
    is not finite.
    """
    heads = {name: module for name, module in model.named_modules() if isinstance(module, CompactNetwork)}
    layers = {name: module for name, module in model.named_modules() if getattr(module, "compacted", False)}
    if not heads and not layers:
        raise ValueError(
            f"model {type(model).__name__} has no compacted head or layer: compact_head, or convert and its compact, "
            "make them"
        )
    shapes = {name: (layer.in_features, layer.out_features, layer.bias is not None) for name, layer in layers.items()}
    described = {name: head.description() for name, head in heads.items()}
    write(path, model, {METADATA: described, LAYERS: shapes})


def load_model(model: nn.Module, path: str | Path) -> nn.Module:
    """Put what is compacted in a file of ``save_model`` into a model as it was built, load its state, and return it.

    model: of the same architecture as the saved one before its heads were replaced, or after, and before or after
    ``convert``; in place, on its devices. Where an error is raised it is left as it was. path: of the file.
    Raises ValueError if the file holds no such state, or a parameter that is not finite, and PyTorch's RuntimeError if
    the state is another model's.
    """
    try:
        heads, layers, tensors = _read(path)
    except ValueError as error:
        raise ValueError(f"{path} holds no model with a compacted head: {error}") from error
    with _restored_on_error(model) as replace:
        for name, head in heads.items():
            replace(*_head_for(model, name, head))
        for name, (inputs, outputs, bias) in layers.items():
            replace(name, smaller_linear(inputs, outputs, bias, _parameter(model, name)))
        model.load_state_dict(tensors)
        check_values(model)
    return model


def _read(path: str | Path) -> tuple[dict[str, CompactNetwork], dict[str, tuple], dict[str, Tensor]]:
    """Heads by name, (inputs, outputs, bias) of layers by name, and the state in a file of ``save_model``.

    Raises ValueError if they do not fit each other.
    """
    described, tensors = read(path, METADATA, LAYERS)
    if not all(isinstance(each, dict) for each in described.values()):
        raise ValueError(f"descriptions by name are needed, these are {described}")
    heads, layers = {}, {}
    for name, description in described[METADATA].items():
        of_head = {key: value for key, value in tensors.items() if key.startswith(f"{name}.")}
        heads[name] = CompactNetwork.from_description(
            description, {key.removeprefix(f"{name}."): value for key, value in of_head.items()}
        )
    for name, shape in described.get(LAYERS, {}).items():
        weight = tensors.get(f"{name}.weight", torch.empty(0))
        layers[name] = (*weight.shape[::-1], f"{name}.bias" in tensors)
        if [*layers[name]] != shape or weight.ndim != 2:
            raise ValueError(f"layer {name!r} has (inputs, outputs, bias) {shape}, its weights {tuple(weight.shape)}")
    return heads, layers, tensors


@contextmanager
def _restored_on_error(model: nn.Module) -> Iterator[Callable[[str, nn.Module], None]]:
    """A function that replaces the layer of a name; after an error all layers and values are those of before.

    Otherwise what keeps numbers of classes is told of the replaced layers' outputs.
    """
    state = {key: value.clone() for key, value in model.state_dict().items() if not is_lazy(value)}
    replaced: dict[str, nn.Module] = {}

    def replace(name: str, layer: nn.Module) -> None:
        replaced[name] = model.get_submodule(name)
        model.set_submodule(name, layer.train(replaced[name].training))

    try:
        yield replace
    except Exception:
        for name, layer in replaced.items():
            model.set_submodule(name, layer)
        model.load_state_dict(state, strict=False)
        raise
    for name, layer in replaced.items():
        _set_counts(model, name, _outputs(layer), _outputs(model.get_submodule(name)))


def _head_for(model: nn.Module, name: str, head: CompactNetwork) -> tuple[str, nn.Module]:
    """Where a saved head goes, and the module that does: the head, or one of a convolution's kind around it."""
    place, old = _place_of(model, name)
    head = head.to(_parameter(model, place))
    return place, _Pointwise(head) if place != name and isinstance(old, CONVOLUTIONS) else head


def _outputs(layer: nn.Module) -> int:
    """Outputs of a linear layer, a convolution, or what replaces them."""
    if isinstance(layer, _Pointwise):
        return layer.network.out_features
    return layer.out_channels if isinstance(layer, CONVOLUTIONS) else layer.out_features


class _Pointwise(nn.Module):
    """A network applied to the channels at each position: (batch, N_1, …) -> (batch, N_ℓ, …)."""

    def __init__(self, network: SpectralNetwork | CompactNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.movedim(1, -1)).movedim(-1, 1)


def _require_one_place(model: nn.Module, name: str) -> None:
    """Raise ValueError if the layer of that name is also another one."""
    head = model.get_submodule(name)
    places = [place for place, module in model.named_modules(remove_duplicate=False) if module is head]
    if len(places) > 1:
        raise ValueError(f"head {name!r} stands in several places, {', '.join(places)}: one of its own is needed")


def _require_own_parameters(model: nn.Module, name: str) -> None:
    """Raise ValueError if a parameter of the layer of that name is also another layer's."""
    own = {id(value): f"{name}.{key}" for key, value in model.get_submodule(name).named_parameters()}
    for place, value in model.named_parameters(remove_duplicate=False):
        if id(value) in own and not place.startswith(f"{name}."):
            raise ValueError(
                f"{own[id(value)]} of the head is also {place}: replacing the head would untie them; give it a "
                "parameter of its own before"
            )


def _place_of(model: nn.Module, name: str) -> tuple[str, nn.Module]:
    """Where a saved head goes, and what stands there: the head's name, or the convolution's that it replaced."""
    place = name.removesuffix(".network")
    old = _submodule(model, place)
    if isinstance(old, CONVOLUTIONS):
        return place, old
    return name, _submodule(model, name)


def _set_counts(model: nn.Module, name: str, before: int, after: int) -> None:
    """Tell the modules around the layer ``name``, and their configurations, that it has other outputs."""
    parts = name.split(".")
    around = [model.get_submodule(".".join(parts[:k])) for k in range(len(parts))]
    for owner in (*around, *(getattr(module, "config", None) for module in around)):
        for count in COUNTS:
            if before != after and getattr(owner, count, None) == before:
                setattr(owner, count, after)


def _spectral_name(model: nn.Module, name: str | None) -> str:
    """The given name, or that of the model's only SpectralNetwork. Raises ValueError if it is none."""
    if name is not None:
        if not isinstance(_submodule(model, name), SpectralNetwork):
            kind = type(model.get_submodule(name)).__name__
            raise ValueError(f"name {name!r}: {type(model).__name__} has a {kind} there, a SpectralNetwork is needed")
        return name
    if isinstance(model, SpectralNetwork):
        raise ValueError("model SpectralNetwork is a head itself, in no model: its own method compact() is needed")
    names = [name for name, module in model.named_modules() if isinstance(module, SpectralNetwork)]
    if len(names) != 1:
        many = f": name is needed, one of {', '.join(names)}" if names else ": one is needed"
        raise ValueError(f"model {type(model).__name__} has {len(names)} spectral heads{many}")
    return names[0]


def _parameter(model: nn.Module, name: str) -> Tensor:
    """A parameter of the layer of that name, for its dtype and device. Raises ValueError without one."""
    parameter = next(_submodule(model, name).parameters(), None)
    if parameter is None:
        raise ValueError(f"name {name!r}: {type(model).__name__} has a layer without parameters there")
    return parameter


def _submodule(model: nn.Module, name: str) -> nn.Module:
    try:
        return model.get_submodule(name)
    except AttributeError:
        raise ValueError(f"name {name!r}: {type(model).__name__} has no such layer") from None
