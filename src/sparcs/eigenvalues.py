"""The eigenvalues of a SpectralNetwork, as a list of parameters that can be read, set and frozen."""

from collections.abc import Iterator, Sequence
from typing import overload

import torch
from torch import Tensor, nn


class Eigenvalues(nn.Module):
    """λ_1 … λ_ℓ as a list; state_dict keys are the layers' indices.

    A λ_1 that is not trained reads as 0, whatever its buffer holds. Otherwise the forms of the forward pass would
    disagree about a buffer that was left uninitialised.
    """

    def __init__(
        self,
        widths: Sequence[int],
        train_input: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        self.widths, self.train_input = widths, train_input
        for k, width in enumerate(widths):
            value = torch.empty(width, device=device, dtype=dtype)
            if k == 0 and not train_input:
                self.register_buffer("0", value)
            else:
                self.register_parameter(str(k), nn.Parameter(value))

    @torch.no_grad()
    def reset_parameters(self, last: float) -> None:
        """λ_ℓ as given, all others 0."""
        for k in range(len(self)):
            getattr(self, str(k)).fill_(last if k == len(self) - 1 else 0.0)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...

    @overload
    def __getitem__(self, index: slice) -> list[Tensor]: ...

    def __getitem__(self, index: int | slice) -> Tensor | list[Tensor]:
        if isinstance(index, slice):
            return [self[k] for k in range(len(self))[index]]
        k = range(len(self))[index]
        if k == 0 and not self.train_input:
            return getattr(self, "1").new_zeros(self.widths[0])
        return getattr(self, str(k))

    def __setitem__(self, index: int, value: Tensor) -> None:
        """Put a parameter, or a tensor as one, in place of λ_k.

        Raises ValueError for a fixed one or another shape, TypeError for several at once, another kind or dtype.
        """
        if not isinstance(index, int):
            raise TypeError(f"eigenvalues[{index!r}]: one layer at a time can be set, by its number")
        k = range(len(self))[index]
        if k == 0 and not self.train_input:
            raise ValueError("eigenvalues[0] is fixed at 0: train_input_eigenvalues=True allows others")
        dtype = getattr(self, str(k)).dtype
        if not isinstance(value, Tensor) or value.dtype != dtype:
            kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise TypeError(f"eigenvalues[{k}] of {kind}: a tensor of {dtype} is needed")
        if value.shape != (self.widths[k],):
            raise ValueError(f"eigenvalues[{k}] of shape {tuple(value.shape)}: ({self.widths[k]},) is needed")
        setattr(self, str(k), value if isinstance(value, nn.Parameter) else nn.Parameter(value))

    def __len__(self) -> int:
        return len(self.widths)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[k] for k in range(len(self)))
