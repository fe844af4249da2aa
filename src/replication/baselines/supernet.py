"""The search space: the maximal network in direct space, with gates on its bundles and its neurons."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import mul

import torch
from torch import Tensor

from replication.baselines.network import Weights, graphs_of, squared_error
from replication.baselines.task import Task, Uniform
from sparcs.pruning import Graph

GAIN = 3.0  # norm of a bundle into the output layer per output neuron: gates near 1 then suffice for either task


@dataclass(frozen=True)
class Gates:
    """Values of the gates, each in [0, 1], for runs side by side.

    bundles: the choice "linear" of every bundle, the rest being "none", (runs, bundles). identity, relu: two of the
    choices of every hidden neuron, the rest being "off", (runs, hidden neurons), layer after layer. alive: the
    probability that a neuron is not off; identity + relu where the choices exclude each other.
    """

    bundles: Tensor
    identity: Tensor
    relu: Tensor
    alive: Tensor

    @classmethod
    def of_choices(cls, bundles: Tensor, neurons: Tensor) -> "Gates":
        """Gates of the choices' weights, (runs, 2, bundles) {none, linear}, (runs, 3, hidden) {off, identity, relu}."""
        _, identity, relu = neurons.unbind(1)
        return cls(bundles[:, 1], identity, relu, identity + relu)


class Supernet:
    """z_i = Σ_{j<i} g_ij Ŵ_ij a_j,  a_i = p_i ∘ z_i + r_i ∘ relu(z_i),  neither on the last layer.

    g_ij, p_i, r_i: the gates "linear", "identity" and "ReLU". A gate and its weights must not trade scale, so the
    bundles are normalised, whatever the trained weights W_ij are. The incoming weights of a hidden neuron, over all its
    bundles, have norm 1; a bundle into the output layer has the norm GAIN √N_ℓ. So the effect of a bundle or a neuron
    is bounded by its gate. Gates that are drawn, 0 or 1, have no scale to trade, and none to give to a bundle that has
    to be weak. With ``drawn``, therefore, Ŵ = W.

    ``weights``: for each layer i = 2 … ℓ the trained weights of all its bundles side by side, (runs, N_i, Σ_{j<i} N_j).
    They start uniform with variance 1 / (Σ_{j<i} N_j).
    """

    def __init__(self, task: Task, seeds: Sequence[int], drawn: bool = False) -> None:
        self.widths, self.pairs, self.runs, self.drawn = task.widths, task.pairs, len(seeds), drawn
        self.hidden, self.bias = list(task.widths[1:-1]), task.bias
        self.shares = torch.tensor([task.widths[i - 1] * task.widths[j - 1] / task.parameters for i, j in task.pairs])
        self.weights, uniform = [], Uniform(seeds, "initial")
        for i in range(2, len(self.widths) + 1):
            before = sum(self.widths[: i - 1])
            start = (2 * uniform(self.widths[i - 1], before) - 1) * (3 / before) ** 0.5
            self.weights.append(start.requires_grad_())

    @property
    def trained(self) -> int:
        """Weights of one run."""
        return sum(weight[0].numel() for weight in self.weights)

    def normalised(self) -> Weights:
        """The bundles Ŵ_ij."""
        weights, last, norm = {}, len(self.widths), GAIN * self.widths[-1] ** 0.5
        for i, incoming in enumerate(self.weights, start=2):
            if i < last and not self.drawn:
                incoming = incoming / incoming.norm(dim=-1, keepdim=True)
            for j, block in enumerate(incoming.split(self.widths[: i - 1], dim=-1), start=1):
                as_it_is = self.drawn or i < last
                weights[i, j] = block if as_it_is else block * (norm / block.norm(dim=(-2, -1), keepdim=True))
        return weights

    def effective(self, gates: Gates, normalised: Weights | None = None) -> Weights:
        """The bundles of the network of ReLU neurons and skips alone that is the same function, (runs, N_i, N_j) each.

        This is cheaper than gates on the activities: there are many points and few weights. normalised: Ŵ, if known.
        """
        weights = self.normalised() if normalised is None else normalised
        opened = gates.bundles[..., None, None].unbind(1)  # (runs, 1, 1) each
        weights = {pair: block * gate for (pair, block), gate in zip(weights.items(), opened, strict=True)}
        return folded(weights, *(values.split(self.hidden, dim=-1) for values in (gates.identity, gates.relu)))

    def error(self, x: Tensor, y: Tensor, gates: Gates, normalised: Weights | None = None) -> Tensor:
        """The mean squared error, (runs,). x: (runs, batch, N_1), y: (runs, batch, N_ℓ), or one batch for all runs."""
        return squared_error(self.effective(gates, normalised), x.expand(self.runs, *x.shape[-2:]), y)

    def size(self, gates: Gates) -> Tensor:
        """Expected parameters over those of the maximal network, (runs,).

        A weight is there if its bundle and the neurons at both ends are: Σ_{ij} s_ij g_ij n_i n_j. s_ij is the bundle's
        share of all weights, n_i the expected share of layer i's neurons that are not off, 1 for input and output.
        """
        alive = {i: part.mean(-1) for i, part in enumerate(gates.alive.split(self.hidden, dim=-1), start=2)}  # (runs,)
        expected = []
        for pair, share in zip(self.pairs, (self.shares * gates.bundles).unbind(1), strict=True):
            expected.append(reduce(mul, (alive[end] for end in pair if end in alive), share))
        return sum(expected)

    def graphs(self, gates: Gates) -> list[Graph]:
        """The networks of all runs."""
        with torch.no_grad():
            return graphs_of(self.effective(gates), self.bias)


def folded(weights: Weights, identity: Sequence[Tensor], relu: Sequence[Tensor]) -> Weights:
    """Bundles, for ReLU neurons alone, of a network whose hidden neurons are  a = p ∘ z + r ∘ relu(z).

    What a neuron passes on linearly, p z_i = p Σ_j W_ij a_j, goes into the skips. They become W_kj + W_ki diag(p) W_ij,
    k > i > j, one layer i after the other; W_ki diag(r) is left. weights: {(i, j): (runs, N_i, N_j)}; identity, relu: p
    and r of each hidden layer, (runs, N_i).
    """
    weights = dict(weights)
    layers = max(i for i, _ in weights)
    for i, (p, r) in enumerate(zip(identity, relu, strict=True), start=2):
        for k in range(i + 1, layers + 1):
            linear = weights[k, i] * p[:, None]  # (runs, N_k, N_i)
            for j in range(1, i):
                weights[k, j] = torch.baddbmm(weights[k, j], linear, weights[i, j])
            weights[k, i] = weights[k, i] * r[:, None]
    return weights
