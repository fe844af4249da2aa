"""CompactNetwork: a plain network of nn.Linear with the skips that matter, in memory and in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from operator import index
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from sparcs import pruning
from sparcs.activations import Activation, activation_of, modules_of_layers, name_of
from sparcs.checks import DTYPES, check_values, checked_flag, checked_input, checked_widths
from sparcs.layer import bounded, not_finite, unbounded
from sparcs.saved import Saved

torch.fx.wrap("checked_input")  # symbolic tracing records the call: the check needs the shape of an actual tensor

DESCRIBED = ("widths", "sources", "activation", "bias", "before")  # what a description tells


@dataclass(frozen=True)
class Size:
    """What a network holds and costs.

    parameters: numbers trained. buffers: numbers fixed. multiply_adds: multiplications for one more sample.
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


class CompactNetwork(Saved):
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
    METADATA = "compact_network"
    widths: tuple[int, ...]
    sources: tuple[tuple[int, ...], ...]
    in_features: int
    out_features: int
    has_bias: bool
    activation: Activation
    activations: nn.ModuleList
    before: Size | None
    layers: nn.ModuleList

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
        self.activations = nn.ModuleList(modules_of_layers(self.activation, len(self.widths) - 2))
        self.before = before
        self.layers = nn.ModuleList(
            _linear(self._fed_by(layers), width, bias)
            for layers, width in zip(self.sources, self.widths[1:], strict=True)
        )

    @property
    def after(self) -> Size:
        """The size of this network; its multiply-adds are the entries of its weight matrices."""
        entries = zip(self.widths[1:], map(self._fed_by, self.sources), strict=True)
        return Size(*numbers_of(self), sum(width * feeding for width, feeding in entries), self.widths)

    def _fed_by(self, layers: Sequence[int]) -> int:
        """Neurons of the given layers, ΣN_j."""
        return sum(self.widths[j - 1] for j in layers)

    def forward(self, x: Tensor) -> Tensor:
        """The outputs.

        x: (…, N_1), in the dtype and on the device of the parameters. Returns (…, N_ℓ).
        Raises TypeError or ValueError for an x of the wrong kind or width.
        """
        infinite = not_finite(checked_input(x, self.widths[0]))
        activities = [bounded(x) if infinite else x]  # infinite ones as in a SpectralNetwork
        functions = list(self.activations) or [self.activation] * (len(self.widths) - 2)
        for sources, layer, f in zip(self.sources, self.layers, [*functions, None], strict=True):
            feeding = [activities[j - 1] for j in sources]
            z = layer(torch.cat(feeding, dim=-1) if len(feeding) > 1 else feeding[0])  # (…, N_i)
            activities.append(z if f is None else f(z))
        return unbounded(activities[-1], x) if infinite else activities[-1]

    def description(self) -> dict[str, Any]:
        """All but the weights, as JSON can hold it. Raises ValueError if f has no name (``activations.name_of``)."""
        name = self.saved_activation()
        before = asdict(self.before) if self.before else None
        described = {"widths": self.widths, "sources": self.sources, "activation": name, "bias": self.has_bias}
        return described | {"before": before}

    @classmethod
    def from_description(cls, description: Any, state: Mapping[str, Tensor]) -> Self:
        """The network that ``description`` tells of, with the tensors of its state.

        Neither is trusted: nothing is allocated for a description that the tensors do not bear out.

        description: as ``description`` makes it. state: as ``state_dict`` makes it.
        Raises ValueError unless both are one network's, and its weights are finite.
        """
        if not isinstance(description, Mapping) or set(description) != set(DESCRIBED):
            raise ValueError(f"a description has {', '.join(DESCRIBED)} and nothing else, this one is {description!r}")
        try:
            size = _size(description["before"])
            if len(description["widths"]) > len(state) + 1:
                raise ValueError(f"{len(state)} tensors are too few for {len(description['widths'])} layers")
            with torch.device("meta"):
                network = cls(**{**description, "before": size})
        except (AttributeError, KeyError, OverflowError, RuntimeError, TypeError) as error:
            raise ValueError(f"no network is described by {description}: {error}") from error
        _check_shapes(network.state_dict(), state)
        network.load_state_dict(state, assign=True)
        check_values(network)
        return network

    def extra_repr(self) -> str:
        """What it is made of, and its size before and after."""
        before = f"\nbefore: {self.before}" if self.before else ""
        name = name_of(self.activation) or self.activation
        return f"sources={self.sources}, activation={name}, bias={self.has_bias}{before}\nafter: {self.after}"


def module_of(
    graph: pruning.Graph, activation: str | Activation, like: Tensor, before: Size | None = None
) -> CompactNetwork:
    """A module with the weights of the graph, of its layers that have neurons, in dtype and on the device of ``like``.

    Bundles of zeros are left out; a layer that nothing feeds is kept with zeros from the input.
    """
    left = [1, *(i for i in graph.hidden if len(graph.biases[i])), graph.layers]
    sources = [[j for j in left if j < i and graph.weights[i, j].any()] or [1] for i in left[1:]]
    widths = [graph.weights[graph.layers, j].shape[1] for j in left[:-1]] + [len(graph.biases[graph.layers])]
    places = [[left.index(j) + 1 for j in layers] for layers in sources]
    bias = any(bias.any() for bias in graph.biases.values())
    with like.device:
        network = CompactNetwork(widths, places, activation, bias, before).to(like)
    with torch.no_grad():
        for layer, i, layers in zip(network.layers, left[1:], sources, strict=True):
            weight = np.concatenate([graph.weights[i, j] for j in layers], axis=1)  # (N_i, Σ N_j)
            layer.weight.copy_(torch.from_numpy(weight))
            if network.has_bias:
                layer.bias.copy_(torch.from_numpy(graph.biases[i]))
    return network


def numbers_of(module: nn.Module) -> tuple[int, int]:
    """Numbers that a module trains, and numbers of its buffers."""
    return sum(value.numel() for value in module.parameters()), sum(value.numel() for value in module.buffers())


def _size(described: Any) -> Size | None:
    """A Size that JSON held. Raises TypeError, KeyError or ValueError for anything else."""
    if described is None:
        return None
    *numbers, neurons = (described[field.name] for field in fields(Size))
    return Size(*(index(number) for number in numbers), checked_widths(neurons))


def _check_shapes(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless the state has tensors of these names and shapes, all of one dtype."""
    for key in {**expected, **state}:
        shapes = [tuple(tensors[key].shape) if key in tensors else "no tensor" for tensors in (state, expected)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"{key} is {shapes[0]}, but {shapes[1]} by the description")
    dtypes = {value.dtype for value in state.values()}
    if len(dtypes) != 1 or not dtypes <= {*DTYPES}:
        raise ValueError(f"tensors of {', '.join(map(str, dtypes))}: allowed is one of {', '.join(map(str, DTYPES))}")


def _linear(before: int, after: int, bias: bool) -> nn.Linear:
    """A Linear of zeros, made without a draw from the global generator."""
    layer = nn.utils.skip_init(nn.Linear, before, after, bias=bias, device=torch.get_default_device())
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
