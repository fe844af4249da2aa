"""Eigenvalues for the hidden neurons inside any model: gates on the Linear layers of its MLP blocks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sparcs import pruning, spectral
from sparcs.checks import check_overflow, check_values, has_values
from sparcs.compact import Loss, Options, check_loss_options
from sparcs.judging import judged
from sparcs.layer import Layer, smaller_linear
from sparcs.network import Penalty
from sparcs.search import CALLS, Step, allowed_loss, checked_loss, smallest_within

PASSIVE = (nn.Dropout, nn.Identity)
ELEMENTWISE = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.ELU,
    nn.SELU,
    nn.CELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Hardswish,
    nn.Hardtanh,
    nn.Tanh,
    nn.Sigmoid,
    nn.Softplus,
    *PASSIVE,
)  # what may stand between two Linear layers, so that a hidden neuron acts only through its own column of the second
BLOCK = ("fc1", "fc2")  # the Linear layers of timm's MLP blocks


class GatedLinear(Layer):
    """y = λ ∘ (V x + b): hidden neurons with an eigenvalue each, as W_21 = −L_2 φ_1 of (4.3) at λ_1 = 0, V = −φ_1.

    Starts at λ = 1, where it is the Linear that it was made of, to the bit. A neuron with λ_h = 0 is silent.
    Shapes: (…, N_1) -> (…, N_2). Attributes: ``linear``, the Linear, trained on; ``eigenvalues``, λ, (N_2,).

    linear: V and b.
    """

    _INSTEAD = "linear holds V and b, eigenvalues the factors of its rows"
    eigenvalues: nn.Parameter
    linear: nn.Linear

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear, self.has_bias = linear, linear.bias is not None
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.eigenvalues = nn.Parameter(torch.ones_like(linear.weight[:, 0]))

    def forward(self, x: Tensor) -> Tensor:
        """The activities before f.

        x: (…, N_1). Returns (…, N_2).
        """
        return self.eigenvalues * self.linear(x)


@dataclass(frozen=True)
class _Pair:
    """Names of two Linear layers, and the modules that act between them, neuron by neuron."""

    first: str
    second: str
    between: tuple[nn.Module, ...]


def convert(model: nn.Module) -> "Gates":
    """Give every hidden neuron of a model's MLP blocks an eigenvalue, in place; the function stays to the bit.

    A block is two Linear layers with nothing but elementwise functions and dropout between them: neighbours in
    ``nn.Sequential`` (torchvision's blocks are such), or ``fc1``, an activation and ``fc2`` of a module without other
    layers (timm's ``Mlp``, in vision transformers and mixers; Hugging Face's, where the activation is torch.nn's). A
    block with a forward of its own is tried on an example: it must be nothing but these. The first layer becomes a
    ``GatedLinear``. Layers that stand in several places of the model, or that no such block holds, are left as they
    are.

    Train the model with ``penalty`` in the loss, then call ``compact``.

    model: changed in place. Returns its gates. Raises TypeError if the model is no module, ValueError if it has no such
    block, or is converted already.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model of type {type(model).__name__}: a module is needed")
    if any(isinstance(module, GatedLinear) for module in model.modules()):
        raise ValueError(f"model {type(model).__name__} is converted already")
    pairs = _pairs_of(model)
    if not pairs:
        raise ValueError(
            f"model {type(model).__name__} has no MLP block: two nn.Linear of nn.Sequential, or fc1 and fc2, with "
            f"elementwise functions between them are needed{_obstacle(model)}"
        )
    for pair in pairs:
        linear = model.get_submodule(pair.first)
        model.set_submodule(pair.first, GatedLinear(linear).train(linear.training))
    return Gates(model, pairs)


class Gates:
    """The gated layers of a converted model, as ``convert`` returns them: their penalty, and their compaction.

    Attributes: ``model``; ``names``, the gated layers' dotted names in it.

    model: the converted one. pairs: the layers of each block.
    """

    def __init__(self, model: nn.Module, pairs: Sequence[_Pair]) -> None:
        self.model, self.names = model, tuple(pair.first for pair in pairs)
        self._pairs = tuple(pairs)

    def eigenvalues(self) -> list[Tensor]:
        """λ of every gated layer, each (N,): the parameters themselves."""
        return [_gate(self.model, name).eigenvalues for name in self.names]

    def penalty(self, kind: Penalty = "l1") -> Tensor:
        """Ω(λ̃) of (4.4) over all gated layers, a scalar.

        kind: "l1", "l2" or "l2_squared", as of ``SpectralNetwork.penalty``. Raises ValueError for another.
        """
        return spectral.penalty(self.eigenvalues(), kind)

    def compact(
        self,
        loss: Loss | None = None,
        budget: float | None = None,
        absolute_budget: float | None = None,
        max_calls: int | None = CALLS,
        on_step: Callable[[Step], object] | None = None,
    ) -> dict[str, int]:
        """Make plain, smaller Linear layers of the blocks, in place.

        Neurons with λ_h = 0 go. With a loss of the model more go, the least important first, as long as it stays within
        (1 + budget) · loss + absolute_budget. A search finds how many. Importance is |λ_h| ‖(V_h, b_h)‖ ‖W_·h‖, W the
        second layer's weights. The constant f(0) of a neuron that goes is added to the second layer's bias. Every block
        keeps a neuron.

        The model is judged in evaluation mode; every module's mode and buffers are left as they were. The layers are in
        the model's dtype, on its devices, and trained on.

        loss: a function of the model, called without gradients, that returns a number ≥ 0.
        budget, absolute_budget, max_calls, on_step: as of ``sparcs.compact.compact``.
        Returns the neurons left in each block, by name. Raises ValueError or TypeError as ``sparcs.compact.compact``
        does; the model is then left as it was.
        """
        limits: Options = {"budget": budget, "absolute_budget": absolute_budget}
        limits |= {"max_calls": max_calls, "on_step": on_step}
        check_loss_options({"loss": loss, **limits})
        check_values(self.model)
        with torch.no_grad():
            importance = self._importance()
            ranks = pruning.ranks(importance)
            fewest = sum(int((norms == 0).sum()) for norms in importance.values())
            most = sum(len(norms) - 1 for norms in importance.values())
            removed = fewest if loss is None else self._most_removed(loss, limits, ranks, range(fewest, most + 1))
            kept = [torch.from_numpy(ranks[k] >= removed) for k in ranks]  # each (N,)
            for name, layer in self._smaller(kept).items():
                self.model.set_submodule(name, layer)
        return {name: int(mask.sum()) for name, mask in zip(self.names, kept, strict=True)}

    def _importance(self) -> dict[int, np.ndarray]:
        """|λ_h| ‖(V_h, b_h)‖ ‖W_·h‖ by layer, each (N,); infinite for each layer's largest, which stays."""
        importance = {}
        for k, pair in enumerate(self._pairs):
            gate, second = _gate(self.model, pair.first), _plain(self.model, pair.second)
            rows = gate.linear.weight.double().square().sum(dim=1)  # (N,)
            rows = rows + gate.linear.bias.double().square() if gate.has_bias else rows
            norms = gate.eigenvalues.abs() * rows.sqrt() * second.weight.double().norm(dim=0)  # (N,)
            importance[k] = norms.cpu().numpy()
            importance[k][importance[k].argmax()] = np.inf
        return importance

    def _most_removed(self, loss: Loss, limits: Options, ranks: Mapping[int, np.ndarray], counts: range) -> int:
        """The largest of the counts for which a search finds the loss allowed; the smallest if there is none."""
        with judged(self.model):
            allowed = allowed_loss(checked_loss(loss(self.model)), limits["budget"], limits["absolute_budget"])
            tried = lambda k: self._tried(loss, ranks, counts[-1 - k])  # noqa: E731
            k = smallest_within(len(counts), tried, allowed, limits["max_calls"], limits["on_step"])
        return counts[0] if k is None else counts[-1 - k]

    def _tried(self, loss: Loss, ranks: Mapping[int, np.ndarray], removed: int) -> tuple[int, float]:
        """Neurons left, and the loss, with the least important ones silent."""
        blocks = self.eigenvalues()
        before = [block.clone() for block in blocks]
        masks = [torch.from_numpy(ranks[k] >= removed).to(block.device) for k, block in enumerate(blocks)]
        try:
            for block, mask in zip(blocks, masks, strict=True):
                block.mul_(mask)
            return sum(int(mask.sum()) for mask in masks), checked_loss(loss(self.model))
        finally:
            for block, values in zip(blocks, before, strict=True):
                block.copy_(values)

    def _smaller(self, kept: Sequence[Tensor]) -> dict[str, nn.Linear]:
        """Plain layers with the kept neurons for those of all blocks, by name; in float64, cast in the end.

        Raises ValueError if a weight is then too large.
        """
        rows = {pair.first: mask for pair, mask in zip(self._pairs, kept, strict=True)}
        columns = {pair.second: (mask, pair.between) for pair, mask in zip(self._pairs, kept, strict=True)}
        layers = {}
        for name in {**rows, **columns}:
            linear = _plain(self.model, name)
            weight = linear.weight.double()  # (N_2, N_1)
            bias = None if linear.bias is None else linear.bias.double()  # (N_2,)
            if name in columns:
                left, between = columns[name][0].to(weight.device), columns[name][1]
                constants = _constant(between, linear.weight[0])  # f(0) of every neuron before, (N_1,)
                gone = torch.where(left, 0, constants).double()  # (N_1,)
                if gone.any():
                    bias = weight @ gone if bias is None else bias + weight @ gone
                weight = weight[:, left]
            if name in rows:
                left, scale = rows[name].to(weight.device), _gate(self.model, name).eigenvalues
                weight = (scale[:, None] * weight)[left]
                bias = None if bias is None else (scale * bias)[left]
            layers[name] = _linear(weight, bias, linear.weight).train(linear.training)
            for kind, values in layers[name].named_parameters():
                check_overflow(f"{kind} of the smaller layer {name!r}", values)
        return layers


def _pairs_of(model: nn.Module) -> list[_Pair]:
    """All blocks of a model, in order."""
    places: dict[nn.Module, int] = {}
    for _, module in model.named_modules(remove_duplicate=False):
        places[module] = places.get(module, 0) + 1
    pairs = []
    for name, module in model.named_modules():
        children = dict(module.named_children())
        inside = _neighbours(children) if isinstance(module, nn.Sequential) else _block(children)
        prefix = f"{name}." if name else ""
        for pair in inside:
            first, second = children[pair.first], children[pair.second]
            fits = type(first) is type(second) is nn.Linear and second.in_features == first.out_features
            if fits and places[first] == places[second] == 1 and _composes(module, first, pair.between, second):
                pairs.append(_Pair(prefix + pair.first, prefix + pair.second, pair.between))
    return pairs


def _composes(block: nn.Module, first: nn.Linear, between: Sequence[nn.Module], second: nn.Linear) -> bool:
    """Whether a block does what its children say, in evaluation: second(f(first(x))).

    ``nn.Sequential``'s own forward does; any other block is tried on an example.
    """
    if type(block).forward is nn.Sequential.forward or not has_values(first.weight):
        return True
    example = torch.linspace(-1, 1, 6 * first.in_features).reshape(2, 3, -1).to(first.weight)  # (2, 3, N_1)
    with judged(block), torch.no_grad():
        expected = first(example)
        for module in between:
            expected = module(expected)
        expected = second(expected)  # (2, 3, N_3)
        try:
            output = block(example)
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):  # it takes something else
            return False
    return isinstance(output, Tensor) and output.shape == expected.shape and torch.allclose(output, expected)


def _block(children: dict[str, nn.Module]) -> list[_Pair]:
    """fc1 and fc2 with an activation, dropout and identities, as of timm and Hugging Face, registered in any order."""
    functions = tuple(child for child in children.values() if type(child) in ELEMENTWISE)
    layers = [name for name, child in children.items() if type(child) not in ELEMENTWISE]
    if layers != list(BLOCK) or all(type(child) in PASSIVE for child in functions):
        return []
    return [_Pair(*BLOCK, functions)]


def _obstacle(model: nn.Module) -> str:
    """What keeps the first block that is nearly one from being one, as a part of a sentence; "" without any."""
    for name, module in model.named_modules():
        children = dict(module.named_children())
        linear = [place for place, child in children.items() if isinstance(child, nn.Linear)]
        if not ({*BLOCK} <= {*linear} or (isinstance(module, nn.Sequential) and len(linear) > 1)):
            continue
        for place, child in children.items():
            if type(child) not in (nn.Linear, *ELEMENTWISE):
                at, kind = f"{name}.{place}".removeprefix("."), type(child).__name__
                return f"; {at} is a {kind}, which is not known to act on each neuron by itself, as torch.nn's do"
    return ""


def _neighbours(children: dict[str, nn.Module]) -> list[_Pair]:
    """Linear layers of a sequence with nothing but elementwise modules between them."""
    pairs, first, between = [], None, ()
    for name, child in children.items():
        if type(child) is nn.Linear:
            if first is not None:
                pairs.append(_Pair(first, name, between))
            first, between = name, ()
        elif type(child) in ELEMENTWISE:
            between = (*between, child)
        else:
            first, between = None, ()
    return pairs


def _gate(model: nn.Module, name: str) -> GatedLinear:
    gate = model.get_submodule(name)
    if not isinstance(gate, GatedLinear):
        raise ValueError(f"layer {name!r} is a {type(gate).__name__}: the model is compacted already, or was changed")
    return gate


def _plain(model: nn.Module, name: str) -> nn.Linear:
    """The Linear of that name, inside its gate if it has one."""
    layer = model.get_submodule(name)
    return layer.linear if isinstance(layer, GatedLinear) else layer


def _constant(between: Sequence[nn.Module], like: Tensor) -> Tensor:
    """f(0) of every neuron, in evaluation, (N,)."""
    values = torch.zeros_like(like)
    for module in between:
        values = values if isinstance(module, nn.Dropout) else module(values)
    return values


def _linear(weight: Tensor, bias: Tensor | None, like: Tensor) -> nn.Linear:
    """A Linear of the given values, as ``like`` in dtype and device, made without a draw from the global generator."""
    layer = smaller_linear(weight.shape[1], weight.shape[0], bias is not None, like)
    layer.weight.copy_(weight)
    if bias is not None:
        layer.bias.copy_(bias)
    return layer
