"""What SpectralNetwork and CompactNetwork have in common as layers of PyTorch models."""

from typing import Any, NoReturn

from torch import nn


class Layer(nn.Module):
    """A module without ``weight`` and ``bias``: PyTorch code takes attributes of these names for tensors.

    Reading them raises AttributeError, so that ``hasattr`` and ``getattr`` with a default work as for any module.
    """

    _INSTEAD = "its parameters() are trained"

    def __getattr__(self, name: str) -> Any:
        if name not in ("weight", "bias"):
            return super().__getattr__(name)
        raise AttributeError(
            f"{type(self).__name__} has no tensor {name!r}: {self._INSTEAD}, and has_bias says whether it has biases; "
            "for nn.TransformerEncoderLayer, which reads a Linear's in evaluation, call "
            "torch.backends.mha.set_fastpath_enabled(False)"
        )

    def __prepare_scriptable__(self) -> NoReturn:
        """Refuse ``torch.jit.script``, which calls this, also on a model around."""
        raise TypeError(
            f"torch.jit.script cannot compile {type(self).__name__}: use torch.export, torch.compile or torch.jit.trace"
        )
