"""From a trained SpectralNetwork to a plain module that holds only the layers and neurons that matter."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from math import isfinite
from numbers import Real
from operator import index
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from sparcs import pruning, spectral
from sparcs.activations import ACTIVATIONS, Activation, activation_of, name_of, per_layer
from sparcs.checks import check_values, checked_flag, checked_input, checked_widths
from sparcs.io import atomic
from sparcs.layer import Layer

torch.fx.wrap("checked_input")  # symbolic tracing records the call: the check needs the shape of an actual tensor

REMOVALS = ("weights", "eigenvalues")
BUDGET = 0.05  # the paper's: the validation loss may rise by 5 %
METADATA = "compact_network"  # the key of the description in a saved file

ROWS = 256  # inputs compared at a time: a network that is too small is rejected by the first few

Off = Mapping[int, np.ndarray]
Loss = Callable[[nn.Module], float | Tensor]


@dataclass(frozen=True)
class Size:
    """What a network holds and costs.

    parameters, buffers: numbers trained, numbers fixed. multiply_adds: multiplications for one more sample.
    neurons: of every layer from the input to the output, the constant-1 neuron not counted.
    """

    parameters: int
    buffers: int
    multiply_adds: int
    neurons: tuple[int, ...]

    @property
    def hidden_layers(self) -> int:
        """Layers between input and output."""
        return len(self.neurons) - 2

    def __str__(self) -> str:
        return (
            f"{'-'.join(map(str, self.neurons))}, {self.parameters:,} parameters, {self.buffers:,} buffers, "
            f"{self.multiply_adds:,} multiply-adds"
        )


class CompactNetwork(Layer):
    """a_1 = x,  a_i = f(W_i [a_j for j in sources_i] + b_i), no f on the last layer: (4.5) with one product per layer.

    Layer i's ``nn.Linear`` acts on the activities of the layers that feed it, side by side, skips included. Built from
    a description alone, all weights are 0 and wait for ``load_state_dict``; ``compact`` and ``load`` fill them.

    Args:
        widths: neurons of every layer, input and output included, at least two positive integers.
        sources: for every layer after the input, the layers that feed it, in order; layers count from 1.
        activation: f, a name in ``sparcs.activations`` or an elementwise callable; a module of each hidden layer's own
            in ``activations``, to be hooked, or one for all if it has parameters.
        bias: whether layers add a bias.
        before: size of the network this one was made from, if any.

    Shapes: (…, N_1) -> (…, N_ℓ). Attributes: ``layers``, the Linear of each layer after the input; ``in_features`` and
    ``out_features``, as a Linear's; ``has_bias``; ``before`` and ``after``, the sizes.
    Raises ValueError or TypeError, naming the argument, its value and what is allowed.
    """

    _INSTEAD = "layers hold its weights"

    def __init__(
        self,
        widths: Sequence[int],
        sources: Sequence[Sequence[int]],
        activation: str | Activation = "relu",
        bias: bool = False,
        before: Size | None = None,
    ) -> None:
        super().__init__()
        self.widths, self.has_bias = checked_widths(widths), checked_flag("bias", bias)
        self.in_features, self.out_features = self.widths[0], self.widths[-1]
        try:
            self.sources = tuple(tuple(map(index, layers)) for layers in sources)
        except TypeError:
            raise TypeError(f"sources {sources!r}: a sequence of sequences of layers is needed") from None
        if len(self.sources) != len(self.widths) - 1 or not self.sources:
            raise ValueError(
                f"sources {self.sources}: one entry is needed for each layer of {self.widths} but the first"
            )
        for i, layers in enumerate(self.sources, start=2):
            if not layers or not set(layers) <= set(range(1, i)):
                raise ValueError(f"sources {layers} of layer {i}: allowed are layers 1 to {i - 1}, at least one")
        self.activation = activation_of(activation)
        self.activations = nn.ModuleList(per_layer(self.activation, len(self.widths) - 2))
        self.before = before
        self.layers = nn.ModuleList(
            _linear(self._fed_by(layers), width, bias)
            for layers, width in zip(self.sources, self.widths[1:], strict=True)
        )

    @property
    def after(self) -> Size:
        """The size of this network; its multiply-adds are the entries of its weight matrices."""
        entries = zip(self.widths[1:], map(self._fed_by, self.sources), strict=True)
        return Size(*_numbers(self), sum(width * feeding for width, feeding in entries), self.widths)

    def _fed_by(self, layers: Sequence[int]) -> int:
        """Neurons of the given layers, ΣN_j."""
        return sum(self.widths[j - 1] for j in layers)

    def forward(self, x: Tensor) -> Tensor:
        """(…, N_1) -> (…, N_ℓ). Raises TypeError or ValueError for an x of the wrong kind or width."""
        activities = [checked_input(x, self.widths[0])]
        functions = list(self.activations) or [self.activation] * (len(self.widths) - 2)
        for sources, layer, f in zip(self.sources, self.layers, [*functions, None], strict=True):
            feeding = [activities[j - 1] for j in sources]
            z = layer(torch.cat(feeding, dim=-1) if len(feeding) > 1 else feeding[0])  # (…, N_i)
            activities.append(z if f is None else f(z))
        return activities[-1]

    def save(self, path: str | Path) -> None:
        """Weights and description as one safetensors file, written whole or not at all; runs no code when loaded.

        Raises ValueError if f has no name (``sparcs.activations.name_of``).
        """
        name = name_of(self.activation)
        if name is None:
            raise ValueError(f"activation {self.activation!r} cannot be saved: allowed are {', '.join(ACTIVATIONS)}")
        before = asdict(self.before) if self.before else None
        description = {"widths": self.widths, "sources": self.sources, "activation": name, "bias": self.has_bias}
        with atomic(Path(path)) as partial:
            tensors = {key: value.contiguous() for key, value in self.state_dict().items()}
            save_file(tensors, partial, metadata={METADATA: json.dumps(description | {"before": before})})

    @classmethod
    def load(cls, path: str | Path, device: str | torch.device = "cpu") -> "CompactNetwork":
        """The network in a file written by ``save``, in the dtype it was saved in.

        Raises ValueError if the file holds none; safetensors' own errors if it is missing or damaged.
        """
        with safe_open(path, framework="pt", device=str(device)) as file:
            description = (file.metadata() or {}).get(METADATA)
            if description is None:
                raise ValueError(f"{path} holds no CompactNetwork: its metadata has no {METADATA!r}")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
        options = json.loads(description)
        before = options.pop("before")
        if before:
            before = Size(**before | {"neurons": tuple(before["neurons"])})
        network = cls(**options, before=before)
        network.load_state_dict(tensors, assign=True)
        return network

    def extra_repr(self) -> str:
        """What it is made of, and its size before and after."""
        before = f"\nbefore: {self.before}" if self.before else ""
        name = name_of(self.activation) or self.activation
        return f"sources={self.sources}, activation={name}, bias={self.has_bias}{before}\nafter: {self.after}"


def compact(
    network: nn.Module,
    removal: str = "weights",
    threshold: float | None = None,
    inputs: Tensor | None = None,
    tolerance: float | None = None,
    loss: Loss | None = None,
    budget: float | None = None,
) -> CompactNetwork:
    """The trained network without the hidden neurons that do not matter; the network itself is left as it is.

    Exact zeros always go, and change nothing but rounding: neurons that are silent (their row of W_{i,i−1} is zero) or
    otherwise constant, whose value goes into the biases of what they feed; neurons that nothing listens to; layers
    left without neurons. Skips stay as trained: the linear paths through a silent neuron are inside them. A network
    without live hidden neurons, or with f(z) = z, becomes one Linear. By default nothing else goes. Every skip that is
    not zero becomes an explicit matrix: a deep network of which little goes can have many times the parameters, up to
    N²ℓ(ℓ−1)/2 in place of N²(ℓ−1) + Nℓ at equal widths N.

    More can go, the least important neurons first. What may go, and how a neuron goes, is set by ``removal``:

    * ``"weights"``: its inputs are cut in weight space, which leaves its value without input, f(b), as a constant
      (0, that is, the neuron is deleted, for f(0) = 0 without bias). Importance is the path norm ‖Γ_h‖, the norm of
      its incoming weights times the norm of its outgoing ones, which no gauge changes.
    * ``"eigenvalues"``, as in the paper: λ_h := 0, all W_ij mapped anew by (4.3), which changes skips too, and what is
      silent then goes. Importance is |λ_h|. Only eigenvalue differences act, so the eigenvalues are first shifted by
      the median of λ_1, which is 0 unless λ_1 is trained.

    How much goes is set by at most one of the last two, and by ``threshold``:

    * ``threshold``: only neurons whose importance is at most this share, 0 to 1, of the largest; all of them unless
      a search is asked for.
    * ``inputs`` (…, N_1) and ``tolerance``: the fewest neurons for which max |ŷ − y| ≤ tolerance · max |y| on inputs.
    * ``loss`` and ``budget`` (0.05 if None): the fewest neurons for which loss(compact) ≤ (1 + budget) loss(network);
      loss is called without gradients and returns a number ≥ 0. If even rounding breaks it, exact zeros go.

    The search starts at the smallest network allowed, adds neurons one at a time in order of importance, and stops at
    the first network that is good enough. That is the fewest neurons on the whole pruning curve, which need not be
    monotone, found at the price of the curve's small end.

    network: a SpectralNetwork on any device but "meta"; weights are computed in float64, then cast to its dtype. The
    result is in its mode (train or eval) and has ``requires_grad`` on, for fine-tuning.
    Raises TypeError or ValueError, naming the argument, its value and what is allowed; ValueError too if a parameter is
    not finite, the loss is negative or not finite, or the tolerance is below the rounding of the network's dtype.
    """
    _check(network, removal, threshold, inputs, tolerance, loss, budget)
    with torch.inference_mode(False), torch.no_grad():  # tensors made in inference mode could never be trained
        candidates = _candidates(network, removal, threshold, search=tolerance is not None or loss is not None)
        if loss is not None:
            return _within_budget(candidates, network, loss, BUDGET if budget is None else budget)
        if tolerance is not None:
            return _within_tolerance(candidates, network, inputs, tolerance)
        return next(candidates)


def _candidates(network: nn.Module, removal: str, threshold: float | None, search: bool) -> Iterator[CompactNetwork]:
    """Compact networks from the smallest allowed to the one without exact zeros only."""
    phi, lam = arrays_of(network)
    f = function_of(network)
    full = pruning.reduced(pruning.graph_of(phi, lam, network.has_bias), f)
    if name_of(network.activation) == "identity":
        yield _module(pruning.collapsed(full), network)
        return
    if removal == "weights":
        importance = pruning.importance(full)

        def without(off: Off) -> pruning.Graph:
            return pruning.reduced(pruning.cut(full, off), f)
    else:
        lam = [block - np.median(lam[0]) for block in lam]
        importance = {i: np.abs(lam[i - 1]) for i in full.hidden}

        def without(off: Off) -> pruning.Graph:
            left = [np.where(off[i], 0.0, block) if i in off else block for i, block in enumerate(lam, start=1)]
            return pruning.reduced(pruning.graph_of(phi, left, network.has_bias), f)

    ranks = pruning.ranks(importance)
    values = np.concatenate([[], *importance.values()])
    share = (1.0 if search else 0.0) if threshold is None else threshold
    most, fewest = (int((values <= bound).sum()) for bound in (share * values.max(initial=0.0), 0.0))
    for removed in range(most, fewest - 1, -1):
        yield _module(without({i: block < removed for i, block in ranks.items()}), network)


def arrays_of(network: nn.Module) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """φ_1 … φ_B, (N_{k+1}, N_k), and λ_1 … λ_ℓ, (N_k,), of a SpectralNetwork, in float64."""
    phi = [block.detach().double().cpu().numpy() for block in network.eigenvectors]
    return phi, [block.detach().double().cpu().numpy() for block in network.eigenvalues]


def function_of(network: nn.Module) -> pruning.Function:
    """f of a SpectralNetwork on float64 arrays, computed in its dtype and on its device."""
    like = network.eigenvectors[0].detach()
    return lambda values: network.activation(torch.as_tensor(values).to(like)).detach().double().cpu().numpy()


def _within_budget(
    candidates: Iterator[CompactNetwork], network: nn.Module, loss: Loss, budget: float
) -> CompactNetwork:
    full = _loss_of(network, loss)
    if not isfinite(full):
        raise ValueError(f"loss of the network is {full}: it must be finite")
    for candidate in candidates:
        if _loss_of(candidate, loss) <= (1 + budget) * full:
            break
    return candidate


def _loss_of(network: nn.Module, loss: Loss) -> float:
    """The loss as a number. Raises TypeError if it is none, ValueError if it is negative."""
    value = loss(network)
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        kind = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise TypeError(f"loss returned {kind}: a number is needed") from None
    if number < 0:
        raise ValueError(f"loss returned {number}: a number of at least 0 is needed")
    return number


def _within_tolerance(
    candidates: Iterator[CompactNetwork], network: nn.Module, inputs: Tensor, tolerance: float
) -> CompactNetwork:
    inputs = inputs.to(network.eigenvectors[0])
    expected = network(inputs)  # (…, N_ℓ)
    allowed = tolerance * float(expected.abs().max())
    parts = list(zip(*(values.reshape(-1, values.shape[-1]).split(ROWS) for values in (inputs, expected)), strict=True))
    for candidate in candidates:
        if all(float((candidate(x) - y).abs().max()) <= allowed for x, y in parts):
            return candidate
    raise ValueError(
        f"tolerance {tolerance}: removing only exact zeros already deviates by more, through the rounding of "
        f"{expected.dtype}"
    )


def module_of(
    graph: pruning.Graph, activation: str | Activation, like: Tensor, before: Size | None = None
) -> CompactNetwork:
    """A module with the weights of the graph, of its layers that have neurons, in dtype and on the device of ``like``.

    Bundles of zeros are left out; a layer that nothing feeds is kept with zeros from the input.
    """
    left = [1, *(i for i in graph.hidden if len(graph.biases[i])), graph.layers]
    sources = [[j for j in left if j < i and graph.weights[i, j].any()] or [1] for i in left[1:]]
    network = CompactNetwork(
        widths=[graph.weights[graph.layers, j].shape[1] for j in left[:-1]] + [len(graph.biases[graph.layers])],
        sources=[[left.index(j) + 1 for j in layers] for layers in sources],
        activation=activation,
        bias=any(bias.any() for bias in graph.biases.values()),
        before=before,
    ).to(like)
    with torch.no_grad():
        for layer, i, layers in zip(network.layers, left[1:], sources, strict=True):
            weight = np.concatenate([graph.weights[i, j] for j in layers], axis=1)  # (N_i, Σ N_j)
            layer.weight.copy_(torch.from_numpy(weight))
            if network.has_bias:
                layer.bias.copy_(torch.from_numpy(graph.biases[i]))
    return network


def _module(graph: pruning.Graph, network: nn.Module) -> CompactNetwork:
    """The graph as a module in the dtype, on the device and in the mode of the network."""
    like, before = network.eigenvectors[0], _size_before(network)
    return module_of(graph, deepcopy(network.activation), like, before).train(network.training)


def _size_before(network: nn.Module) -> Size:
    fixed = not network.train_input_eigenvalues
    form = spectral.cheaper_form(network.widths, None, fixed)
    sample = spectral.sample_multiplications(network.widths, form, fixed)
    return Size(*_numbers(network), sample, (network.widths[0] - int(network.has_bias), *network.widths[1:]))


def _numbers(module: nn.Module) -> tuple[int, int]:
    return sum(value.numel() for value in module.parameters()), sum(value.numel() for value in module.buffers())


def _linear(before: int, after: int, bias: bool) -> nn.Linear:
    """A Linear of zeros, made without a draw from the global generator."""
    layer = nn.utils.skip_init(nn.Linear, before, after, bias=bias)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def _check(
    network: nn.Module,
    removal: str,
    threshold: float | None,
    inputs: Tensor | None,
    tolerance: float | None,
    loss: Loss | None,
    budget: float | None,
) -> None:
    if not all(hasattr(network, name) for name in ("eigenvectors", "eigenvalues", "activation")):
        raise TypeError(f"network is a {type(network).__name__}: a SpectralNetwork is needed")
    for name, value in {"threshold": threshold, "tolerance": tolerance, "budget": budget}.items():
        if value is not None and (not isinstance(value, Real) or isinstance(value, bool)):
            raise TypeError(f"{name} {value!r}: a number or None is needed")
    if removal not in REMOVALS:
        raise ValueError(f"removal {removal!r}: allowed are {', '.join(REMOVALS)}")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"threshold {threshold}: allowed are 0 to 1, a share of the largest importance")
    if (inputs is None) != (tolerance is None):
        raise ValueError("inputs and tolerance: give both or neither")
    if tolerance is not None and not 0 < tolerance < 1:
        raise ValueError(f"tolerance {tolerance}: allowed are values between 0 and 1, a share of the largest output")
    if inputs is not None and not isinstance(inputs, Tensor):
        raise TypeError(f"inputs of type {type(inputs).__name__}: a tensor (…, N_1) is needed")
    if inputs is not None and inputs.shape[-1:] != (network.in_features,):
        raise ValueError(f"inputs of shape {tuple(inputs.shape)}: the last dimension must be {network.in_features}")
    if inputs is not None and not (inputs.numel() and inputs.isfinite().all()):
        raise ValueError(f"inputs of shape {tuple(inputs.shape)}: at least one sample is needed, all numbers finite")
    if loss is not None and not callable(loss):
        raise TypeError(f"loss {loss!r}: a callable from a module to a number is needed")
    if loss is not None and tolerance is not None:
        raise ValueError("loss and tolerance: give at most one of them")
    if budget is not None and loss is None:
        raise ValueError(f"budget {budget}: it needs a loss")
    if budget is not None and not 0 <= budget < float("inf"):
        raise ValueError(f"budget {budget}: allowed are finite numbers of at least 0")
    check_values(network)
