"""The activation functions f of (4.5), by name. All act on each neuron by itself."""

from collections.abc import Callable
from copy import deepcopy
from itertools import chain
from math import isfinite

import torch
from torch import Tensor, nn

Activation = Callable[[Tensor], Tensor]


def identity(z: Tensor) -> Tensor:
    """f(z) = z; a function with a name, for pickle."""
    return z


ACTIVATIONS: dict[str, Activation] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
    "elu": nn.functional.elu,
    "leaky_relu": nn.functional.leaky_relu,
    "identity": identity,
}
MODULES: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "leaky_relu": nn.LeakyReLU,
    "identity": nn.Identity,
}
ARGUMENTS = {"gelu": ("approximate", str), "elu": ("alpha", float), "leaky_relu": ("negative_slope", float)}
_NOT_ELEMENTWISE = "activation {!r} does not act on each neuron by itself: the function without some of them is another"
FUNCTIONS: dict[Activation, str] = {  # what else PyTorch has for these: a name can be saved
    nn.functional.relu: "relu",
    Tensor.relu: "relu",
    nn.functional.tanh: "tanh",
    Tensor.tanh: "tanh",
    nn.functional.sigmoid: "sigmoid",
    Tensor.sigmoid: "sigmoid",
}


def activation_of(activation: str | Activation) -> Activation:
    """f itself, given its name in ACTIVATIONS, one of FUNCTIONS, or an instance of one of MODULES.

    A name may have an argument, as ``name_of`` writes it: "leaky_relu(0.2)". Any other callable is returned as it is.

    activation: a name or a callable. Raises ValueError for anything else, for an argument that is not finite, and for a
    class: called with the layer's values it would make a module of them.
    """
    if callable(activation) and not isinstance(activation, type):
        known = (name for other, name in FUNCTIONS.items() if other is activation)  # not by hash: some have none
        name = _name_of_module(activation) if isinstance(activation, nn.Module) else next(known, None)
        if name is None:
            return activation
    else:
        name = activation
    if isinstance(name, str) and (f := _named(name)) is not None:
        return f
    raise ValueError(f"activation {activation!r}: allowed are {', '.join(ACTIVATIONS)}, or a callable that is no class")


def name_of(activation: Activation) -> str | None:
    """The name from which ``activation_of`` makes f, with the argument if it is not PyTorch's default; None without.

    activation: a callable.
    """
    if isinstance(activation, nn.Module):
        return _name_of_module(activation)
    return next((name for name, known in ACTIVATIONS.items() if known is activation), None)


def modules_of_layers(activation: Activation, layers: int) -> list[nn.Module]:
    """f as one module for each hidden layer, so that each can be hooked by itself; [] for an f with parameters.

    A module with parameters or buffers is shared by all layers, and is no copy: its state would be there several times.
    """
    name = name_of(activation)
    if name in MODULES:
        return [MODULES[name]() for _ in range(layers)]
    if not isinstance(activation, nn.Module):
        return [_Function(activation) for _ in range(layers)]
    shared = any(True for _ in chain(activation.parameters(), activation.buffers()))
    return [] if shared else [deepcopy(activation) for _ in range(layers)]


def check_elementwise(activation: Activation, like: Tensor) -> None:
    """Raise ValueError unless f acts on each neuron by itself, on all alike, as far as eight values tell.

    A network with fewer neurons is otherwise another function. like: a tensor of the dtype and device that f takes.
    """
    z = like.new_tensor([[-2.5, 1.0, 0.25, -0.5], [2.0, -1.5, 0.75, -0.125]])  # not in order: f may sort
    try:
        together, alone = activation(z.clone()), [activation(value.clone()) for value in z.reshape(-1, 1, 1)]
        expected = torch.cat(alone).reshape(z.shape)
        same = torch.allclose(together, expected, rtol=0.01, atol=0.01, equal_nan=True)
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{_NOT_ELEMENTWISE.format(activation)} ({error})") from error
    if not same or together.shape != z.shape:
        raise ValueError(_NOT_ELEMENTWISE.format(activation))


class _Function(nn.Module):
    """A callable as a module."""

    def __init__(self, function: Activation) -> None:
        super().__init__()
        self.function = function

    def forward(self, z: Tensor) -> Tensor:
        """(…) -> (…)."""
        return self.function(z)


def _named(name: str) -> Activation | None:
    """f of a name, with or without an argument; None if there is none."""
    plain, bracket, rest = name.partition("(")
    if not bracket or plain not in ARGUMENTS or not rest.endswith(")"):
        return ACTIVATIONS.get(name)
    argument, kind = ARGUMENTS[plain]
    try:
        value = kind(rest.removesuffix(")"))
        module = MODULES[plain](**{argument: value})
        module(torch.zeros(1))
    except (ValueError, RuntimeError):
        return None
    return module if kind is str or isfinite(value) else None


def _name_of_module(module: nn.Module) -> str | None:
    """The name of an instance of one of MODULES, a subclass not counted."""
    name = next((name for name, kind in MODULES.items() if type(module) is kind), None)
    if name not in ARGUMENTS:
        return name
    argument, _ = ARGUMENTS[name]
    value = getattr(module, argument)
    return name if value == getattr(MODULES[name](), argument) else f"{name}({value})"
