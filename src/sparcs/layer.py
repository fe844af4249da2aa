"""What SpectralNetwork and CompactNetwork have in common as layers of PyTorch models."""

from collections.abc import Iterator
from math import isfinite, nan
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import is_in_torch_dispatch_mode


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


def smaller_linear(inputs: int, outputs: int, bias: bool, like: Tensor) -> nn.Linear:
    """A Linear that takes the place of a larger one, its values not set; ``compacted`` tells ``save_model``."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias, device=like.device, dtype=like.dtype)
    layer.compacted = True
    return layer


class Products(nn.Module):
    """Tells torchinfo how many products a network takes, and does nothing else.

    torchinfo multiplies the entries of parameters named ``weight``, of modules without children, by the rows of their
    output. So once after each call, which torchinfo's hook makes use of, this module names one with an entry, without
    values, for each product.
    """

    products = 0

    def asked(self) -> bool:
        """Whether hooks of torchinfo's, and so its question, follow a call."""
        return any(getattr(hook, "__module__", None) == "torchinfo.torchinfo" for hook in self._forward_hooks.values())

    def forward(self, products: int) -> Tensor:
        """Returns one row without values."""
        self.products = products
        return torch.empty(1, device="meta")

    def named_parameters(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, Any]]:
        """None, but for the first time after a call."""
        products, self.products = self.products, 0
        return iter([("weight", torch.empty(products, device="meta"))] if products else [])


def not_finite(x: Tensor) -> bool:
    """Whether x holds ±∞ or NaN, as far as that is cheap to ask: of plain tensors on CPU. Elsewhere False.

    An accelerator would have to be waited for, and a recorded program be broken in two; operations that need no answer
    are a fifth more of a small network's.
    """
    if torch.compiler.is_compiling() or type(x) not in (Tensor, nn.Parameter) or not x.is_cpu:
        return False
    if torch.jit.is_tracing() or torch._C._are_functorch_transforms_active() or is_in_torch_dispatch_mode():
        return False
    return not isfinite(x.sum().item())  # overflows for some finite x, which then takes more time


def bounded(x: Tensor) -> Tensor:
    """x with ±√max of its dtype in place of ±∞: what is added to it is rounded off, and products stay below max."""
    large = torch.finfo(x.dtype).max ** 0.5
    return x.nan_to_num(nan=nan, posinf=large, neginf=-large)


def unbounded(y: Tensor, x: Tensor) -> Tensor:
    """y, the outputs of bounded(x), with ±∞ for those that grow with the infinite entries of their row of x.

    x: (…, N_1); y: (…, N_ℓ). Outputs with a finite limit, 0 for instance, and those of other rows keep their bits.
    """
    most = torch.finfo(y.dtype).max
    grows = x.isinf().any(-1, keepdim=True) & (y.detach().abs() > most**0.25)  # (…, N_ℓ)
    return y * grows.to(y.dtype).mul(most).clamp(min=1)  # a product: gradients must grow too, for mixed precision
