"""SpectralNetwork: a feed-forward network with every skip connection, trained through eigenvectors and eigenvalues."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from sparcs import metrics, penalties, pruning, spectral
from sparcs.activations import Activation, activation_of, modules_of_layers, name_of
from sparcs.checks import (
    DTYPES,
    check_dtypes,
    check_values,
    checked_flag,
    checked_input,
    checked_widths,
    is_finite,
    is_number,
)
from sparcs.compact import OVERFLOW, CompactNetwork, Options, Removal, arrays_of, compact, function_of
from sparcs.eigenbasis import recursion
from sparcs.eigenvalues import Eigenvalues
from sparcs.judging import judged
from sparcs.layer import Products, bounded, not_finite, unbounded
from sparcs.saved import Saved

torch.fx.wrap("checked_input")  # as in ``sparcs.compact_network``

Form = Literal["bundles", "eigenbasis"]
Penalty = Literal["l2", "l1", "l2_squared"]

OPTIONS = ("train_input_eigenvalues", "form", "initial_scale", "output_eigenvalue")
DESCRIBED = ("widths", "bias", "activation", *OPTIONS)  # what a description tells: the constructor's arguments


class SpectralNetwork(Saved):
    """a_1 = x,  a_i = f(Σ_{k<i} W_ik a_k)   (4.5),  W_ik the blocks of A = ΦΛΦ⁻¹   (4.3).

    Starts as a perceptron: λ_1 … λ_{ℓ−1} = 0, λ_ℓ = 1 and φ_k Xavier uniform. For f(0) = 0 the output is then W_ℓ1 x,
    and hidden neurons join only as their eigenvalues leave zero.

    Infinite inputs give the limit of ever larger ones that grow alike, ±∞ in general, on CPU. NaN comes out elsewhere,
    as of any perceptron, and of compiled, exported and transformed networks: to ask for values would cost too much.

    Args:
        widths: N_1 … N_ℓ, at least two positive integers.
        bias: append a neuron fixed at 1 to the input layer (the first layer then has N_1 + 1 neurons).
        activation: f, a name in ``sparcs.activations`` or an elementwise callable; the last layer has none. Each hidden
            layer has a module of its own for it, in ``activations``, to be hooked; one with parameters is shared.
        train_input_eigenvalues: train λ_1 too; otherwise it is 0, and a buffer of the state says so.
        initial_scale: s ≥ 0; hidden eigenvalues start from N(0, s²), drawn after φ. 0, the paper's, draws none.
        output_eigenvalue: λ_ℓ at the start, 1 or −1. With −1 training is to the bit that of the network whose W_ij of
            even i − j have the opposite sign, started at (−φ, −λ): the authors' image scripts have W_31 so.
        form: "bundles" (4.3), "eigenbasis" (no skip formed, linear in depth), or None for the one with fewer
            multiplications (``sparcs.spectral.multiplications``) at the widths and the batch at hand. They agree to
            rounding: where outputs must not depend on the batch's size, in bfloat16 say, choose one.
        generator: source of the random φ; PyTorch's global one if None. Drawn on the generator's device in float32,
            then moved, so that one seed gives one start on every device.
        device: of the parameters, as in every PyTorch layer.
        dtype: of the parameters; PyTorch's default if None.

    Shapes: (…, N_1) -> (…, N_ℓ), in the dtype and on the device of the parameters.
    Attributes: ``eigenvectors[k]`` is φ_{k+1}, (N_{k+2}, N_{k+1}); ``eigenvalues[k]`` is λ_{k+1}, (N_{k+1},);
    ``widths`` counts the bias neuron, ``in_features`` does not; ``has_bias`` says whether there is one.
    ``name`` is its place in a model, if ``replace_head`` put it there.
    ``bundle(i, j)`` makes the weights; ``weight`` and ``bias``, which PyTorch takes for tensors, raise AttributeError.
    Eigenvalues are set by ``eigenvalues[k] = …`` or in place, without gradients, and λ_1 only if it is trained; they
    are frozen by ``eigenvalues.requires_grad_(False)``; ``eigenvalues.parameters()`` are an optimiser's group.
    Raises ValueError or TypeError, naming the argument, its value and what is allowed.
    """

    _INSTEAD = "bundle(i, j) makes W_ij"
    METADATA = "spectral_network"
    name: str | None
    widths: tuple[int, ...]
    in_features: int
    out_features: int
    has_bias: bool
    activation: Activation
    activations: nn.ModuleList
    train_input_eigenvalues: bool
    form: Form | None
    products: Products
    eigenvectors: nn.ParameterList
    eigenvalues: Eigenvalues

    def __init__(
        self,
        widths: Sequence[int],
        bias: bool = False,
        activation: str | Activation = "relu",
        train_input_eigenvalues: bool = False,
        form: Form | None = None,
        initial_scale: float = 0.0,
        output_eigenvalue: Literal[1, -1] = 1,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        widths = checked_widths(widths)
        if form not in (None, *spectral.FORMS):
            raise ValueError(f"form {form!r}: allowed are None, {', '.join(spectral.FORMS)}")
        if dtype not in (None, *DTYPES):
            raise TypeError(f"dtype {dtype!r}: allowed are None, {', '.join(map(str, DTYPES))}")
        if not (is_finite(initial_scale) and initial_scale >= 0):
            raise ValueError(f"initial_scale {initial_scale!r}: allowed are finite numbers of at least 0")
        if not (is_number(output_eigenvalue) and output_eigenvalue in (1, -1)):
            raise ValueError(f"output_eigenvalue {output_eigenvalue!r}: allowed are 1 and -1")
        self.initial_scale, self.output_eigenvalue = float(initial_scale), int(output_eigenvalue)
        self.name = None
        self.in_features, self.out_features = widths[0], widths[-1]
        self.has_bias = checked_flag("bias", bias)
        self.widths = (widths[0] + int(bias), *widths[1:])
        self.activation = activation_of(activation)
        self.activations = nn.ModuleList(modules_of_layers(self.activation, len(widths) - 2))
        self.form, self.products = form, Products()
        self.train_input_eigenvalues = checked_flag("train_input_eigenvalues", train_input_eigenvalues)
        shapes = zip(self.widths[1:], self.widths, strict=False)
        self.eigenvectors = nn.ParameterList(torch.empty(shape, device=device, dtype=dtype) for shape in shapes)
        self.eigenvalues = Eigenvalues(self.widths, train_input_eigenvalues, device, dtype)
        self.reset_parameters(generator)
        self.register_load_state_dict_pre_hook(_check_state)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Set the start again in place, after ``to_empty`` for instance.

        Parameters that FSDP2 has distributed get their shares of what the first rank draws.

        generator: source of the random φ; PyTorch's global one if None. Raises TypeError for another.
        """
        if not isinstance(generator, torch.Generator | None):
            raise TypeError(f"generator {generator!r}: a torch.Generator or None is needed")
        for block in self.eigenvectors:
            _copy(block, nn.init.xavier_uniform_(_to_draw(block, generator), generator=generator))
        self.eigenvalues.reset_parameters(self.output_eigenvalue)
        for block in self.hidden_eigenvalues() if self.initial_scale else ():
            _copy(block, _to_draw(block, generator).normal_(0, self.initial_scale, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        """The outputs by (4.5).

        x: (…, N_1), in the dtype and on the device of the parameters. Returns (…, N_ℓ).
        Raises TypeError or ValueError for an x of the wrong kind or width.
        """
        if torch.jit.is_tracing() and torch.onnx.is_in_onnx_export():
            raise RuntimeError(
                "the legacy ONNX exporter is not supported: dynamo=True is needed, or the compact() network"
            )
        rows = _as_rows(checked_input(x, self.in_features))  # (batch, N_1)
        infinite = not_finite(rows)
        batch = bounded(rows) if infinite else rows
        if self.has_bias:
            batch = torch.cat([batch, batch.new_ones(batch.shape[0], 1)], dim=-1)  # (batch, N_1 + 1)
        phi, lam, f = list(self.eigenvectors), list(self.eigenvalues), list(self.activations) or self.activation
        form, fixed = self._form_for(batch), not self.train_input_eigenvalues
        if self.products.asked():
            self.products(spectral.multiplications(self.widths, batch.shape[0], form, fixed))
        if form == "bundles":
            y = spectral.forward_bundles(phi, lam, batch, f)  # (batch, N_ℓ)
        else:
            y = spectral.forward_eigenbasis(phi, lam, batch, f, fixed, recursion)  # (batch, N_ℓ)
        return _with_positions(unbounded(y, rows) if infinite else y, x)

    def _form_for(self, batch: Tensor) -> str:
        """The form asked for, else the cheaper one; a recorded program must not depend on the batch size."""
        recorded = torch.compiler.is_exporting() or torch.jit.is_tracing() or isinstance(batch, torch.fx.Proxy)
        size = None if recorded else batch.shape[0]
        return self.form or spectral.cheaper_form(self.widths, size, not self.train_input_eigenvalues)

    def bundle(self, i: int, j: int) -> Tensor:
        """W_ij of (4.3), the bundle from layer j to layer i.

        i: the layer that the bundle ends in, from 2. j: the layer that it comes from, from 1. Returns (N_i, N_j).
        Raises ValueError unless 1 ≤ j < i ≤ ℓ.
        """
        return spectral.bundle_weight(list(self.eigenvectors), list(self.eigenvalues), i, j)

    def adjacency(self) -> Tensor:
        """A = ΦΛΦ⁻¹, (N, N) with N = ΣN_k."""
        return spectral.adjacency(list(self.eigenvectors), list(self.eigenvalues))

    def hidden_eigenvalues(self) -> list[Tensor]:
        """λ_2 … λ_{ℓ−1}, each (N_k,): the parameters themselves."""
        return self.eigenvalues[1:-1]

    def penalty(
        self,
        kind: Penalty | penalties.Kind = "l2",
        strengths: Sequence[float] | np.ndarray | None = None,
        skip: bool = False,
    ) -> Tensor:
        """Σ_k s_k Ω_k over the hidden layers, a scalar: of their eigenvalues, or of the weights that these open.

        kind: of eigenvalues, Ω(λ̃) of (4.4), "l2" (‖λ_k‖₂; no second derivative at λ_k = 0, where the network starts),
            "l1" or "l2_squared"; the input layer's belong to them if they are trained. Of weights "rows", "nearest" or
            "paths" (``sparcs.penalties``), which no exchange between λ and φ evades.
        strengths: s_k of each of these layers, in order. None: 1, and for "rows" and "nearest" the price of what an
            open neuron opens (``sparcs.penalties.prices``).
        skip: add ‖W_ℓ1‖₂, the skip from input to output, for which no penalty pays otherwise.
        Raises ValueError for another kind or number of strengths, TypeError for another skip.
        """
        of_eigenvalues = kind in spectral.PENALTIES
        layers = len(self.widths) - (1 if self.train_input_eigenvalues and of_eigenvalues else 2)
        if strengths is None:
            strengths = penalties.prices(self.widths) if kind in ("rows", "nearest") else [1.0] * layers
        strengths = strengths.tolist() if isinstance(strengths, np.ndarray) else strengths
        strengths = [*strengths] if isinstance(strengths, Sequence) else strengths
        if not (isinstance(strengths, list) and all(is_finite(each) and each >= 0 for each in strengths)):
            raise ValueError(f"strengths {strengths!r}: a sequence of finite numbers of at least 0 is needed")
        if len(strengths) != layers:
            raise ValueError(f"strengths {strengths!r}: one for each of the {layers} layers of the penalty is needed")
        total = penalties.penalty(list(self.eigenvectors), list(self.eigenvalues), kind, [*map(float, strengths)])
        total = total if layers else self.eigenvalues[-1].new_zeros(())
        return total + penalties.skip(self.bundle(len(self.widths), 1)) if checked_flag("skip", skip) else total

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Groups for an optimiser that decays weights: φ with decay; without it λ and the parameters of f.

        Decay would draw λ_ℓ from ±1, and act on hidden eigenvalues beside the penalty.

        weight_decay: that of φ. Returns two groups, as optimisers of PyTorch take them.
        """
        decayed = list(self.eigenvectors.parameters())
        others = [value for value in self.parameters() if all(value is not block for block in decayed)]
        return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]

    @np.errstate(**OVERFLOW)
    def active_neurons(self, floor: float = 0.01) -> tuple[int, ...]:
        """Recruited neurons of each hidden layer: |λ| above 1 % of the largest hidden |λ|, if the function needs them.

        Only differences of eigenvalues act (4.3), which are therefore taken from the median of λ_1, 0 unless that is
        trained. A neuron does not count if ``compact`` removes it without arguments, for instance because its row of
        W_{i,i−1} is zero. None counts if f(z) = z, or if all their paths together are at most a share ``floor`` of
        the skip from input to output: Σ_h ‖Γ_h‖ ≤ floor · ‖W_ℓ1‖ (``sparcs.pruning.is_linear``).
        Eigenvalues are counted, as in the paper: a neuron at λ = 0 is live behind an open layer, and ``compact``
        keeps it.

        floor: the share of the skip's norm up to which paths count as none. Returns a number for each hidden layer.
        Raises ValueError if a parameter is not finite, or on the device "meta", for a negative floor, and if f does not
        act on each neuron by itself.
        """
        if not (is_number(floor) and floor >= 0):
            raise ValueError(f"floor {floor!r}: allowed are numbers of at least 0, shares of the skip's norm")
        check_dtypes(self)
        check_values(self)
        if len(self.widths) == 2:
            return ()
        phi, lam = arrays_of(self)
        recruited = metrics.active(phi, [block - np.median(lam[0]) for block in lam])
        with judged(self):
            graph, places = pruning.kept(pruning.graph_of(phi, lam, self.has_bias), function_of(self))
        counted = {i: recruited[i - 2][places[i]] for i in graph.hidden}
        if name_of(self.activation) == "identity" or pruning.is_linear(graph, counted, floor):
            return (0,) * len(counted)
        return tuple(int(mask.sum()) for mask in counted.values())

    def compact(self, removal: Removal = "weights", **options: Unpack[Options]) -> CompactNetwork:
        """A plain module with only the layers and neurons that matter; by default exactly the same function.

        Then only exact zeros go, which after a training are few: say how much may by ``loss`` and ``budget`` or
        ``absolute_budget``, by ``inputs`` and ``tolerance``, or by ``threshold``. ``max_calls`` and ``on_step`` limit
        and show the search.

        removal, options: as of ``sparcs.compact.compact``. Raises ValueError or TypeError as that does.
        """
        return compact(self, removal, **options)

    def description(self) -> dict[str, Any]:
        """All but φ and λ, as JSON can hold it. Raises ValueError if f has no name (``activations.name_of``)."""
        options = {key: getattr(self, key) for key in OPTIONS}
        widths = (self.in_features, *self.widths[1:])
        return {"widths": widths, "bias": self.has_bias, "activation": self.saved_activation()} | options

    @classmethod
    def from_description(cls, description: Any, state: Mapping[str, Tensor]) -> Self:
        """The network that ``description`` tells of, with the tensors of its state.

        Neither is trusted: nothing is allocated for a description that the tensors do not bear out.

        description: as ``description`` makes it. state: as ``state_dict`` makes it.
        Raises ValueError unless both are one network's, and its parameters are finite.
        """
        if not isinstance(description, Mapping) or set(description) != set(DESCRIBED):
            raise ValueError(f"a description has {', '.join(DESCRIBED)} and nothing else, this one is {description!r}")
        try:
            layers = len(description["widths"])
            if len(state) != 2 * layers - 1:
                raise ValueError(f"{len(state)} tensors are not those of {layers} layers: φ of all but one, λ of each")
            network = cls(**description, device="meta")
            network.load_state_dict(state, assign=True)
            check_dtypes(network)
        except (OverflowError, RuntimeError, TypeError) as error:
            raise ValueError(f"no network is described by {description}: {' '.join(str(error).split())}") from error
        check_values(network)
        return network

    def extra_repr(self) -> str:
        """Arguments except generator, device and dtype; no value of a parameter is read."""
        name = name_of(self.activation) or getattr(self.activation, "__name__", type(self.activation).__name__)
        return (
            f"widths={(self.in_features, *self.widths[1:])}, bias={self.has_bias}, activation={name}, "
            f"train_input_eigenvalues={self.train_input_eigenvalues}, form={self.form}, "
            f"initial_scale={self.initial_scale}, output_eigenvalue={self.output_eigenvalue}"
        )


@torch.fx.wrap  # as ``checked_input``
def _as_rows(x: Tensor) -> Tensor:
    """(…, N_1) -> (batch, N_1), x itself if it has that shape."""
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


@torch.fx.wrap  # as ``checked_input``
def _with_positions(y: Tensor, x: Tensor) -> Tensor:
    """y, (batch, N_ℓ), with the leading dimensions of x, (…, N_1): (…, N_ℓ). No view where y has them already."""
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], y.shape[-1])


def _to_draw(block: Tensor, generator: torch.Generator | None) -> Tensor:
    """Uninitialised float32 of the block's shape, on the generator's device."""
    where = block.device if generator is None else generator.device
    return torch.empty(block.shape, device=where, dtype=torch.float32)


def _copy(block: Tensor, values: Tensor) -> None:
    """Set a parameter to values, of which one that is distributed (FSDP2) takes the first rank's."""
    if hasattr(block, "placements"):
        from torch.distributed.tensor import distribute_tensor  # costly to import, and needed only here

        values = distribute_tensor(values.to(block.device, block.dtype), block.device_mesh, block.placements)
    block.copy_(values)


def _check_state(
    network: SpectralNetwork, state_dict: Mapping[str, Tensor], prefix: str, *others: Mapping | bool | list[str]
) -> None:
    """Add to ``load_state_dict``'s RuntimeError that the state has other widths, or a trained λ_1.

    Only entries that are there are compared: a state may be partial, and pruning and parametrizations rename them.
    """
    *_, errors = others
    start = f"{prefix}eigenvalues."
    named = {key.removeprefix(start): value for key, value in state_dict.items() if key.startswith(start)}
    places = range(len(named) + len(network.widths))  # no more: a key may hold any number
    blocks = {k: named[str(k)] for k in places if isinstance(named.get(str(k)), Tensor)}
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
