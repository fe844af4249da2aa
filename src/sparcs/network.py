"""SpectralNetwork: a feed-forward network with every skip connection, trained through eigenvectors and eigenvalues."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from sparcs import spectral
from sparcs.activations import Activation, activation_of


class SpectralNetwork(nn.Module):
    """a_1 = x,  a_i = f(Σ_{k<i} W_ik a_k)   (4.5),  W_ik the blocks of A = ΦΛΦ⁻¹   (4.3).

    Starts as a perceptron: λ_1 … λ_{ℓ−1} = 0, λ_ℓ = 1 and φ_k Xavier uniform, so that for f(0) = 0 the output is
    W_ℓ1 x and hidden neurons join only as their eigenvalues leave zero.

    Args:
        widths: N_1 … N_ℓ, at least two positive integers.
        bias: append a neuron fixed at 1 to the input layer (the first layer then has N_1 + 1 neurons).
        activation: f, a name in ``sparcs.activations`` or an elementwise callable; the last layer has none.
        train_input_eigenvalues: train λ_1 too; otherwise λ_1 is a buffer fixed at 0.
        form: "bundles" (4.3), "recursive" (no W_ik formed), or None for the one with fewer multiplications.
        generator: source of the random φ; PyTorch's global one if None.

    Shapes: (…, N_1) -> (…, N_ℓ), in the dtype and on the device of the parameters.
    Attributes: ``eigenvectors[k]`` is φ_{k+1}, (N_{k+2}, N_{k+1}); ``eigenvalues[k]`` is λ_{k+1}, (N_{k+1},).
    Raises ValueError or TypeError, naming the argument, its value and what is allowed.
    """

    def __init__(
        self,
        widths: Sequence[int],
        bias: bool = False,
        activation: str | Activation = "relu",
        train_input_eigenvalues: bool = False,
        form: str | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_widths(widths)
        if form not in (None, *spectral.FORMS):
            raise ValueError(f"form {form!r}: allowed are None, {', '.join(spectral.FORMS)}")
        self.in_features, self.out_features = widths[0], widths[-1]
        self.widths = (widths[0] + int(bias), *widths[1:])
        self.bias = bias
        self.activation = activation_of(activation)
        self.activation_name = getattr(activation, "__name__", str(activation))
        self.form = form
        self.train_input_eigenvalues = train_input_eigenvalues
        blocks = [torch.empty(after, before) for before, after in pairwise(self.widths)]
        self.eigenvectors = nn.ParameterList([nn.init.xavier_uniform_(block, generator=generator) for block in blocks])
        self.eigenvalues = _Eigenvalues(self.widths, train_input_eigenvalues)

    def forward(self, x: Tensor) -> Tensor:
        """(…, N_1) -> (…, N_ℓ)."""
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(f"x of shape {tuple(x.shape)}: the last dimension must be {self.in_features}")
        batch = x.reshape(-1, self.in_features)  # (batch, N_1)
        if self.bias:
            batch = torch.cat([batch, batch.new_ones(len(batch), 1)], dim=-1)  # (batch, N_1 + 1)
        form = self.form or spectral.cheaper_form(self.widths, len(batch))
        forward = spectral.forward_bundles if form == "bundles" else spectral.forward_recursive
        y = forward(list(self.eigenvectors), list(self.eigenvalues), batch, self.activation)  # (batch, N_ℓ)
        return y.reshape(*x.shape[:-1], self.out_features)

    def weight(self, i: int, j: int) -> Tensor:
        """W_ij of (4.3), the bundle from layer j to layer i, (N_i, N_j). Raises ValueError unless 1 ≤ j < i ≤ ℓ."""
        return spectral.bundle_weight(list(self.eigenvectors), list(self.eigenvalues), i, j)

    def adjacency(self) -> Tensor:
        """A = ΦΛΦ⁻¹, (N, N) with N = ΣN_k."""
        return spectral.adjacency(list(self.eigenvectors), list(self.eigenvalues))

    def penalty(self, kind: str = "l2") -> Tensor:
        """Ω(λ̃) of (4.4), a scalar: hidden eigenvalues, and the input layer's if they are trained.

        kind: "l2" (‖λ_k‖₂ per layer), "l1", "l2_squared". Raises ValueError for another one.
        """
        first = 0 if self.train_input_eigenvalues else 1
        blocks = list(self.eigenvalues)[first:-1]
        return spectral.penalty(blocks or [self.eigenvalues[-1].new_zeros(1)], kind)

    def extra_repr(self) -> str:
        """Widths and how many eigenvalues of each layer are not zero."""
        active = [int(block.count_nonzero()) for block in self.eigenvalues]
        return (
            f"widths={self.widths}, bias={self.bias}, activation={self.activation_name}, "
            f"nonzero_eigenvalues={tuple(active)}"
        )


class _Eigenvalues(nn.Module):
    """λ_1 … λ_ℓ as a list, λ_1 a buffer unless it is trained; state_dict keys are the layers' indices."""

    def __init__(self, widths: Sequence[int], train_input: bool) -> None:
        super().__init__()
        self.layers = len(widths)
        for k, width in enumerate(widths):
            value = torch.ones(width) if k == self.layers - 1 else torch.zeros(width)
            if k == 0 and not train_input:
                self.register_buffer("0", value)
            else:
                self.register_parameter(str(k), nn.Parameter(value))

    def __getitem__(self, index: int) -> Tensor:
        return getattr(self, str(range(self.layers)[index]))

    def __len__(self) -> int:
        return self.layers

    def __iter__(self):
        return (self[k] for k in range(self.layers))


def _check_widths(widths: Sequence[int]) -> None:
    if len(widths) < 2:
        raise ValueError(f"widths {tuple(widths)}: at least two layers are needed")
    for width in widths:
        if not isinstance(width, int) or isinstance(width, bool):
            raise TypeError(f"widths {tuple(widths)}: every entry must be an integer, {width!r} is not")
        if width < 1:
            raise ValueError(f"widths {tuple(widths)}: every entry must be positive, {width} is not")
