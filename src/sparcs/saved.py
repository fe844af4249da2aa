"""Networks as safetensors files: tensors beside a description in the metadata, which no code is run to read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from sparcs.activations import ACTIVATIONS, Activation, name_of
from sparcs.checks import check_values
from sparcs.io import atomic
from sparcs.layer import Layer


class Saved(Layer):
    """A layer with ``save`` and ``load``; ``description`` and ``from_description`` say what is saved of it."""

    METADATA: ClassVar[str]  # the key of the description in a file
    activation: Activation

    def saved_activation(self) -> str:
        """The name of f. Raises ValueError if it has none (``sparcs.activations.name_of``)."""
        name = name_of(self.activation)
        if name is None:
            raise ValueError(f"activation {self.activation!r} cannot be saved: allowed are {', '.join(ACTIVATIONS)}")
        return name

    def description(self) -> dict[str, Any]:
        """All but the tensors, as JSON can hold it."""
        raise NotImplementedError

    @classmethod
    def from_description(cls, description: Any, state: Mapping[str, Tensor]) -> Self:
        """The network that ``description`` tells of, with the tensors of its state."""
        raise NotImplementedError

    def save(self, path: str | Path) -> None:
        """Parameters and description as one safetensors file, written whole or not at all.

        path: of the file. Raises ValueError if f has no name (``sparcs.activations.name_of``), or a parameter is not
        finite.
        """
        write(path, self, {self.METADATA: self.description()})

    @classmethod
    def load(cls, path: str | Path, device: torch.device | str = "cpu") -> Self:
        """The network in a file written by ``save``, in the dtype it was saved in.

        path: of the file. device: where the network is to be.
        Raises ValueError if the file holds none, or one whose parameters are not finite; safetensors' own errors if it
        is missing or damaged.
        """
        try:
            described, tensors = read(path, cls.METADATA, device=device)
            return cls.from_description(described[cls.METADATA], tensors)
        except ValueError as error:
            raise ValueError(f"{path} holds no {cls.__name__}: {error}") from error


def write(path: str | Path, module: nn.Module, descriptions: Mapping[str, Any]) -> None:
    """A module's state and descriptions by key as one safetensors file, written whole or not at all.

    Raises ValueError if a parameter is not finite.
    """
    check_values(module)
    metadata = {key: json.dumps(value) for key, value in descriptions.items()}
    tensors = {key: value.detach().clone().contiguous() for key, value in module.state_dict().items()}
    with atomic(Path(path)) as partial:
        save_file(tensors, partial, metadata=metadata)


def read(
    path: str | Path, key: str, *others: str, device: str | torch.device = "cpu"
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The descriptions of a safetensors file by key, as JSON holds them, others only if they are there; its tensors.

    Tensors are copies: those of the file lie where a processor sums in another order, and change if it is written anew.
    Raises ValueError if ``path`` is something other than a file, a pipe for instance, which would be waited for, or if
    its metadata lacks the key, or what is there is no JSON.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise ValueError("it is not a file")
    with safe_open(path, framework="pt", device=str(device)) as file:
        metadata = file.metadata() or {}
        tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118 (not a mapping)
    if key not in metadata:
        raise ValueError(f"its metadata has no {key!r}")
    try:
        return {name: json.loads(metadata[name]) for name in (key, *others) if name in metadata}, tensors
    except (ValueError, RecursionError) as error:
        raise ValueError(f"a description in its metadata is not JSON: {error}") from error
