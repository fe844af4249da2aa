"""SPARCS: spectral architecture search for neural network models.

The public names are imported on first use, so that a job which needs no torch never loads it.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # editors and type checkers do not run __getattr__
    from sparcs.compact_network import CompactNetwork
    from sparcs.gates import convert
    from sparcs.heads import compact_head, load_model, replace_head, save_model, spectral_head
    from sparcs.network import SpectralNetwork

_PUBLIC = {
    "CompactNetwork": "sparcs.compact_network",
    "SpectralNetwork": "sparcs.network",
    "compact_head": "sparcs.heads",
    "convert": "sparcs.gates",
    "load_model": "sparcs.heads",
    "replace_head": "sparcs.heads",
    "save_model": "sparcs.heads",
    "spectral_head": "sparcs.heads",
}

__all__ = [
    "CompactNetwork",
    "SpectralNetwork",
    "compact_head",
    "convert",
    "load_model",
    "replace_head",
    "save_model",
    "spectral_head",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("sparcs")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'sparcs' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC, "__version__"])
