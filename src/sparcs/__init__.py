"""SPARCS: spectral architecture search for neural network models.

The public names are imported on first use, so that a job which needs no torch never loads it.
"""

from importlib import import_module

_PUBLIC = {
    "CompactNetwork": "sparcs.compact",
    "SpectralNetwork": "sparcs.network",
    "replace_head": "sparcs.heads",
    "spectral_head": "sparcs.heads",
}

__all__ = ["CompactNetwork", "SpectralNetwork", "replace_head", "spectral_head"]


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'sparcs' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
