"""The activation functions f of (4.5), by name. All act on each neuron by itself."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Activation = Callable[[Tensor], Tensor]

ACTIVATIONS: dict[str, Activation] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
    "elu": nn.functional.elu,
    "identity": lambda z: z,
}


def activation_of(activation: str | Activation) -> Activation:
    """f from its name in ACTIVATIONS; a callable is returned as it is. Raises ValueError for an unknown name."""
    if callable(activation):
        return activation
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation {activation!r}: allowed are {', '.join(ACTIVATIONS)}, or a callable")
    return ACTIVATIONS[activation]


def name_of(activation: Activation) -> str | None:
    """The name of f in ACTIVATIONS, or None if it is none of them."""
    return next((name for name, known in ACTIVATIONS.items() if known is activation), None)
