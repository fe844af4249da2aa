"""SpectralNetwork: a feed-forward network with every skip connection, trained through eigenvectors and eigenvalues."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from sparcs import metrics, spectral
from sparcs.activations import Activation, activation_of, name_of
from sparcs.checks import checked_flag, checked_input, checked_widths
from sparcs.compact import CompactNetwork, Loss, compact
from sparcs.eigenbasis import recursion

torch.fx.wrap("checked_input")  # as in ``sparcs.compact``


class SpectralNetwork(nn.Module):
    """a_1 = x,  a_i = f(Σ_{k<i} W_ik a_k)   (4.5),  W_ik the blocks of A = ΦΛΦ⁻¹   (4.3).

    Starts as a perceptron: λ_1 … λ_{ℓ−1} = 0, λ_ℓ = 1 and φ_k Xavier uniform, so that for f(0) = 0 the output is
    W_ℓ1 x and hidden neurons join only as their eigenvalues leave zero.

    Args:
        widths: N_1 … N_ℓ, at least two positive integers.
        bias: append a neuron fixed at 1 to the input layer (the first layer then has N_1 + 1 neurons).
        activation: f, a name in ``sparcs.activations`` or an elementwise callable; the last layer has none.
        train_input_eigenvalues: train λ_1 too; otherwise it is 0, and a buffer of the state says so.
        form: "bundles" (4.3), "eigenbasis" (no skip formed, linear in depth), or None for the one with fewer
            multiplications (``sparcs.spectral.multiplications``) at the widths and the batch at hand. They agree to
            rounding: where outputs must not depend on the batch's size, in bfloat16 say, choose one.
        generator: source of the random φ; PyTorch's global one if None. Drawn on the generator's device in float32,
            then moved, so that one seed gives one start on every device.
        device: of the parameters, as in every PyTorch layer.
        dtype: of the parameters; PyTorch's default if None.

    Shapes: (…, N_1) -> (…, N_ℓ), in the dtype and on the device of the parameters.
    Attributes: ``eigenvectors[k]`` is φ_{k+1}, (N_{k+2}, N_{k+1}); ``eigenvalues[k]`` is λ_{k+1}, (N_{k+1},);
    ``widths`` counts the bias neuron, ``in_features`` does not; ``bias`` is a truth value, ``weight`` a method.
    Eigenvalues are set by ``eigenvalues[k] = …`` or in place, without gradients, and λ_1 only if it is trained; they
    are frozen by ``eigenvalues.requires_grad_(False)``; ``eigenvalues.parameters()`` are an optimiser's group.
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
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        widths = checked_widths(widths)
        if form not in (None, *spectral.FORMS):
            raise ValueError(f"form {form!r}: allowed are None, {', '.join(spectral.FORMS)}")
        if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise TypeError(f"dtype {dtype!r}: a floating-point torch.dtype or None is needed")
        self.in_features, self.out_features = widths[0], widths[-1]
        self.bias = checked_flag("bias", bias)
        self.widths = (widths[0] + int(bias), *widths[1:])
        self.activation = activation_of(activation)
        self.form = form
        self.train_input_eigenvalues = checked_flag("train_input_eigenvalues", train_input_eigenvalues)
        shapes = zip(self.widths[1:], self.widths, strict=False)
        self.eigenvectors = nn.ParameterList(torch.empty(shape, device=device, dtype=dtype) for shape in shapes)
        self.eigenvalues = _Eigenvalues(self.widths, train_input_eigenvalues, device, dtype)
        self.reset_parameters(generator)
        self.register_load_state_dict_pre_hook(_check_state)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Set the start again in place, after ``to_empty`` for instance. Raises TypeError for another generator."""
        if not isinstance(generator, torch.Generator | None):
            raise TypeError(f"generator {generator!r}: a torch.Generator or None is needed")
        for block in self.eigenvectors:
            where = block.device if generator is None else generator.device
            drawn = torch.empty(block.shape, device=where, dtype=torch.float32)
            block.copy_(nn.init.xavier_uniform_(drawn, generator=generator))
        self.eigenvalues.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """(…, N_1) -> (…, N_ℓ). Raises TypeError or ValueError for an x of the wrong kind or width."""
        batch = checked_input(x, self.in_features).reshape(-1, self.in_features)  # (batch, N_1)
        if self.bias:
            batch = torch.cat([batch, batch.new_ones(batch.shape[0], 1)], dim=-1)  # (batch, N_1 + 1)
        phi, lam = list(self.eigenvectors), list(self.eigenvalues)
        if self._form_for(batch) == "bundles":
            y = spectral.forward_bundles(phi, lam, batch, self.activation)  # (batch, N_ℓ)
        else:
            fixed = not self.train_input_eigenvalues
            y = spectral.forward_eigenbasis(phi, lam, batch, self.activation, fixed, recursion)  # (batch, N_ℓ)
        return _with_positions(y, x)

    def _form_for(self, batch: Tensor) -> str:
        """The form asked for, else the cheaper one; a recorded program must not depend on the batch size."""
        recorded = torch.compiler.is_exporting() or torch.jit.is_tracing() or isinstance(batch, torch.fx.Proxy)
        size = None if recorded else batch.shape[0]
        return self.form or spectral.cheaper_form(self.widths, size, not self.train_input_eigenvalues)

    def weight(self, i: int, j: int) -> Tensor:
        """W_ij of (4.3), the bundle from layer j to layer i, (N_i, N_j). Raises ValueError unless 1 ≤ j < i ≤ ℓ."""
        return spectral.bundle_weight(list(self.eigenvectors), list(self.eigenvalues), i, j)

    def adjacency(self) -> Tensor:
        """A = ΦΛΦ⁻¹, (N, N) with N = ΣN_k."""
        return spectral.adjacency(list(self.eigenvectors), list(self.eigenvalues))

    def penalty(self, kind: str = "l2") -> Tensor:
        """Ω(λ̃) of (4.4), a scalar: hidden eigenvalues, and the input layer's if they are trained.

        kind: "l2" (‖λ_k‖₂ per layer; no second derivative at λ_k = 0, where the network starts), "l1", "l2_squared".
        Raises ValueError for another one.
        """
        first = 0 if self.train_input_eigenvalues else 1
        blocks = self.eigenvalues[first:-1]
        return spectral.penalty(blocks or [self.eigenvalues[-1].new_zeros(1)], kind)

    def active_neurons(self) -> tuple[int, ...]:
        """Recruited neurons of each hidden layer: |λ| above 1 % of the largest hidden |λ|, and not silent.

        A neuron is silent iff its row of W_{i,i−1} is zero: only differences of eigenvalues act (4.3), which are
        therefore taken from the median of λ_1, 0 unless that is trained. This counts eigenvalues, as the paper does,
        and not what the function needs: behind a layer that is open a neuron at λ = 0 is live. ``compact`` says what
        is needed.
        """
        phi = [block.detach().double().cpu().numpy() for block in self.eigenvectors]
        lam = [block.detach().double().cpu().numpy() for block in self.eigenvalues]
        lam = [block - np.median(lam[0]) for block in lam]
        return tuple(int(mask.sum()) for mask in metrics.active(phi, lam)) if len(lam) > 2 else ()

    def compact(
        self,
        removal: str = "weights",
        threshold: float | None = None,
        inputs: Tensor | None = None,
        tolerance: float | None = None,
        loss: Loss | None = None,
        budget: float | None = None,
    ) -> CompactNetwork:
        """A plain module with only the layers and neurons that matter; by default exactly the same function.

        Then only exact zeros go, which after a training are few: say how much may by ``loss`` and ``budget``,
        ``inputs`` and ``tolerance``, or ``threshold``. The arguments are those of ``sparcs.compact.compact``, which
        says what is raised.
        """
        return compact(self, removal, threshold, inputs, tolerance, loss, budget)

    def extra_repr(self) -> str:
        """Arguments but for the generator, device and dtype, and the active neurons of each hidden layer."""
        name = name_of(self.activation) or getattr(self.activation, "__name__", type(self.activation).__name__)
        active = "unknown" if self.eigenvectors[0].is_meta else self.active_neurons()
        return (
            f"widths={(self.in_features, *self.widths[1:])}, bias={self.bias}, activation={name}, "
            f"train_input_eigenvalues={self.train_input_eigenvalues}, form={self.form}, "
            f"active_neurons={active}"
        )


class _Eigenvalues(nn.Module):
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
    def reset_parameters(self) -> None:
        """λ_ℓ = 1, all others 0."""
        for k in range(len(self)):
            getattr(self, str(k)).fill_(float(k == len(self) - 1))

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

    def __iter__(self):
        return (self[k] for k in range(len(self)))


@torch.fx.wrap  # as ``checked_input``
def _with_positions(y: Tensor, x: Tensor) -> Tensor:
    """y, (batch, N_ℓ), with the leading dimensions of x, (…, N_1): (…, N_ℓ)."""
    return y.reshape(*x.shape[:-1], y.shape[-1])


def _check_state(
    network: SpectralNetwork, state_dict: Mapping[str, Tensor], prefix: str, *others: Mapping | bool | list[str]
) -> None:
    """Add to ``load_state_dict``'s RuntimeError that the state has other widths, or a trained λ_1.

    Only entries that are there are compared: a state may be partial, and pruning and parametrizations rename them.
    """
    *_, errors = others
    start = f"{prefix}eigenvalues."
    named = {key.removeprefix(start): value for key, value in state_dict.items() if key.startswith(start)}
    blocks = {int(name): value for name, value in named.items() if name.isdecimal() and isinstance(value, Tensor)}
    sizes = {k: block.numel() for k, block in blocks.items()}
    if sizes.items() - dict(enumerate(network.widths)).items():
        widths = ", ".join(str(sizes.get(k, "?")) for k in range(max(sizes) + 1))
        errors.append(
            f"state_dict of a network of widths ({widths}): this network has widths {network.widths}, in which a bias "
            "counts as one more input neuron"
        )
    fixed = blocks.get(0) if not network.train_input_eigenvalues else None
    if fixed is not None and not fixed.is_meta and fixed.any():
        errors.append(
            "state_dict with input eigenvalues that are not 0: "
            "this network fixes them at 0, train_input_eigenvalues=True allows others"
        )
