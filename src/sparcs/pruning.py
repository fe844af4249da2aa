"""Removing neurons from a trained network in weight space, without touching what the others do. NumPy only.

A network is held as a ``Graph`` of bundles and biases. Layers count from 1, as in the paper; the constant-1
neuron of the input layer is no neuron here, its weights are the biases.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sparcs.metrics import bundles_of

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Graph:
    """z_i = Σ_{j<i} W_ij a_j + b_i,  a_i = f(z_i), no f on the last layer   (4.5).

    weights: {(i, j): W_ij, (N_i, N_j)} for every j < i; biases: {i: b_i, (N_i,)} for i = 2 … ℓ. N_i may be 0.
    """

    weights: Mapping[tuple[int, int], np.ndarray]
    biases: Mapping[int, np.ndarray]

    @property
    def layers(self) -> int:
        """ℓ, the input and output layers included."""
        return max(self.biases)

    @property
    def hidden(self) -> range:
        """The numbers of the hidden layers, 2 … ℓ−1."""
        return range(2, self.layers)

    def incoming(self, i: int) -> np.ndarray:
        """Every weight into layer i, (N_i, Σ_{j<i} N_j)."""
        return np.concatenate([self.weights[i, j] for j in range(1, i)], axis=1)

    def outgoing(self, i: int) -> np.ndarray:
        """Every weight out of layer i, (Σ_{k>i} N_k, N_i)."""
        return np.concatenate([self.weights[k, i] for k in range(i + 1, self.layers + 1)], axis=0)


def graph_of(phi: Sequence[np.ndarray], lam: Sequence[np.ndarray], bias: bool) -> Graph:
    """All W_ij by (4.3) from φ_1 … φ_B, (N_{k+1}, N_k), and λ_1 … λ_ℓ, (N_k,).

    bias: the last neuron of the input layer is constant 1, so the last column of W_i1 is b_i.
    """
    return with_biases(bundles_of(phi, lam), bias)


def with_biases(weights: dict[tuple[int, int], np.ndarray], bias: bool) -> Graph:
    """The graph of all bundles; bias: the last column of every W_i1 is b_i, else there are none."""
    layers = max(i for i, _ in weights)
    biases = {i: np.zeros(len(weights[i, 1])) for i in range(2, layers + 1)}
    if bias:
        biases = {i: weights[i, 1][:, -1] for i in biases}
        weights = weights | {(i, 1): weights[i, 1][:, :-1] for i in biases}
    return Graph(weights, biases)


def importance(graph: Graph) -> dict[int, np.ndarray]:
    """‖Γ_h‖ of every hidden neuron, the norm of its incoming times the norm of its outgoing weights, {i: (N_i,)}.

    With one hidden layer and no bias it is the path norm of ``sparcs.metrics.path_norms``. Biases do not count:
    without its inputs a neuron is a constant, and ``reduced`` keeps constants.
    """
    return {
        i: np.linalg.norm(graph.incoming(i), axis=1) * np.linalg.norm(graph.outgoing(i), axis=0) for i in graph.hidden
    }


def longest_path(graph: Graph) -> int:
    """Hidden neurons on the longest path from input to output: the depth that the network needs, 0 for a linear one.

    depth of neuron h in layer i = 1 + the largest depth of the hidden neurons h' with W_hh' ≠ 0, and 1 without any.
    """
    depths = {1: np.zeros(graph.weights[graph.layers, 1].shape[1], dtype=int)}
    for i in (*graph.hidden, graph.layers):
        before = np.concatenate([depths[j] for j in range(1, i)])
        depths[i] = 1 + np.where(graph.incoming(i) != 0, before, 0).max(axis=1, initial=0)  # (N_i,)
    return int(depths[graph.layers].max()) - 1


def ranks(importance: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Places of the hidden neurons in order of importance, the least first, equals in order of layer and neuron.

    importance: {layer: (N_i,)}. Returns {layer: integers (N_i,)}, 0 … ΣN_i − 1 over all layers.
    """
    order = np.argsort(np.concatenate([[], *importance.values()]), kind="stable")
    places = iter(np.argsort(order))
    return {i: np.fromiter(places, int, len(block)) for i, block in importance.items()}


def cut(graph: Graph, off: Mapping[int, np.ndarray]) -> Graph:
    """The graph with the inputs of the given neurons cut, {layer: booleans (N_i,)}. They become the constants f(b).

    Every other weight stays as it is, skips included.
    """
    weights = {
        (i, j): np.where(off[i][:, None], 0.0, weight) if i in off else weight
        for (i, j), weight in graph.weights.items()
    }
    return Graph(weights, graph.biases)


def reduced(graph: Graph, f: Function) -> Graph:
    """The same function without the hidden neurons that are constant or that nothing listens to.

    A neuron whose incoming weights are all zero has the value f(b), which goes into the biases of what it feeds. By
    (4.3) all are zero as soon as its row of W_{i,i−1} is. The skips, which stay, already hold the linear paths through
    it. A neuron whose outgoing weights are all zero is dropped. Removing constants makes new ones in later layers only,
    removing the unheard in earlier layers only. So one pass up and one pass down find all of them.
    """
    weights, biases = dict(graph.weights), dict(graph.biases)
    for i in graph.hidden:
        live = Graph(weights, biases).incoming(i).any(axis=1)  # (N_i,)
        value = f(biases[i][~live])
        for k in range(i + 1, graph.layers + 1):
            biases[k] = biases[k] + weights[k, i][:, ~live] @ value
        _keep(weights, biases, i, live)
    for i in reversed(graph.hidden):
        _keep(weights, biases, i, Graph(weights, biases).outgoing(i).any(axis=0))
    return Graph(weights, biases)


def collapsed(graph: Graph) -> Graph:
    """The same function for f(z) = z, all hidden layers multiplied out: W_kj + Σ_i W_ki W_ij, one layer i at a time."""
    weights, biases = dict(graph.weights), dict(graph.biases)
    for i in graph.hidden:
        for k in range(i + 1, graph.layers + 1):
            biases[k] = biases[k] + weights[k, i] @ biases[i]
            for j in range(1, i):
                weights[k, j] = weights[k, j] + weights[k, i] @ weights[i, j]
        _keep(weights, biases, i, np.zeros(len(biases[i]), bool))
    return Graph(weights, biases)


def _keep(weights: dict, biases: dict, i: int, kept: np.ndarray) -> None:
    """Leave only the kept neurons of layer i: its rows and its columns."""
    biases[i] = biases[i][kept]
    for pair, weight in weights.items():
        if i in pair:
            weights[pair] = weight[kept] if pair[0] == i else weight[:, kept]
