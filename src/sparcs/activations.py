"""The activation functions f of (4.5), by name. All act on each neuron by itself."""

from collections.abc import Callable

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
    "identity": identity,
}


SAME = {  # what else PyTorch has for these: a name can be saved, and lets deep networks train in less memory
    nn.functional.relu: "relu",
    Tensor.relu: "relu",
    nn.ReLU: "relu",
    nn.functional.tanh: "tanh",
    Tensor.tanh: "tanh",
    nn.Tanh: "tanh",
    nn.functional.sigmoid: "sigmoid",
    Tensor.sigmoid: "sigmoid",
    nn.Sigmoid: "sigmoid",
    nn.SiLU: "silu",
    nn.Identity: "identity",
}


def activation_of(activation: str | Activation) -> Activation:
    """f itself, given its name in ACTIVATIONS, one of PyTorch's functions in SAME, or an instance of a module there.

    Any other callable is returned as it is. Raises ValueError for anything else, and for a class: called with the
    layer's values it would make a module of them.
    """
    if callable(activation) and not isinstance(activation, type):
        known = type(activation) if isinstance(activation, nn.Module) else activation
        name = next((name for other, name in SAME.items() if other is known), None)  # not by hash: some have none
        return activation if name is None else ACTIVATIONS[name]
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        allowed = f"{', '.join(ACTIVATIONS)}, or a callable that is no class"
        raise ValueError(f"activation {activation!r}: allowed are {allowed}")
    return ACTIVATIONS[activation]


def name_of(activation: Activation) -> str | None:
    """The name of f in ACTIVATIONS, or None if it is none of them."""
    return next((name for name, known in ACTIVATIONS.items() if known is activation), None)
