"""Removing neurons from a trained network in weight space, without touching what the others do. NumPy only.

A network is held as a ``Graph`` of bundles and biases. Layers count from 1, as in the paper; the constant-1
neuron of the input layer is no neuron here, its weights are the biases.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sparcs.metrics import bundles_of

Function = Callable[[np.ndarray], np.ndarray]
ROUNDING = 1e-12  # a share of the skips' norm: a smaller gain may be that of rounding


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
        """Every weight into a layer.

        i: the layer. Returns (N_i, Σ_{j<i} N_j).
        """
        return np.concatenate([self.weights[i, j] for j in range(1, i)], axis=1)

    def outgoing(self, i: int) -> np.ndarray:
        """Every weight out of a layer.

        i: the layer. Returns (Σ_{k>i} N_k, N_i).
        """
        return np.concatenate([self.weights[k, i] for k in range(i + 1, self.layers + 1)], axis=0)


def graph_of(phi: Sequence[np.ndarray], lam: Sequence[np.ndarray], bias: bool) -> Graph:
    """All W_ij by (4.3).

    phi: φ_1 … φ_B, each (N_{k+1}, N_k). lam: λ_1 … λ_ℓ, each (N_k,).
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
    """‖Γ_h‖ of every hidden neuron, the norm of its incoming times the norm of its outgoing weights.

    With one hidden layer and no bias it is the path norm of ``sparcs.metrics.path_norms``. Biases do not count:
    without its inputs a neuron is a constant, and ``reduced`` keeps constants.

    Returns {i: (N_i,)}.
    """
    return {
        i: np.linalg.norm(graph.incoming(i), axis=1) * np.linalg.norm(graph.outgoing(i), axis=0) for i in graph.hidden
    }


def is_linear(graph: Graph, counted: Mapping[int, np.ndarray], share: float) -> bool:
    """Whether Σ_h ‖Γ_h‖ ≤ share · ‖W_ℓ1‖ over the counted hidden neurons.

    The outputs are then within share · ‖W_ℓ1‖ ‖x‖ of the skip's alone, for one hidden layer, no bias and |f(z)| ≤ |z|.

    counted: {layer: booleans (N_i,)}. share: at least 0.
    """
    paths = sum(float(norms[counted[i]].sum()) for i, norms in importance(graph).items())
    return paths <= share * float(np.linalg.norm(graph.weights[graph.layers, 1]))


def longest_path(graph: Graph) -> int:
    """Hidden neurons on the longest path from input to output: the depth that the network needs, 0 for a linear one.

    The depth of neuron h is 1 + the largest depth of the hidden neurons k with [W]_hk ≠ 0, and 1 without any.
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
    """The graph with the inputs of the given neurons cut. They become the constants f(b).

    Every other weight stays as it is, skips included.

    off: the given neurons, {layer: booleans (N_i,)}.
    """
    weights = {
        (i, j): np.where(off[i][:, None], 0.0, weight) if i in off else weight
        for (i, j), weight in graph.weights.items()
    }
    return Graph(weights, graph.biases)


def reduced(graph: Graph, f: Function) -> Graph:
    """The same function without the hidden neurons that are constant or that nothing listens to, as ``kept`` finds."""
    return kept(graph, f)[0]


def kept(graph: Graph, f: Function) -> tuple[Graph, dict[int, np.ndarray]]:
    """The same function without needless hidden neurons, and the places of those that stay.

    A neuron whose incoming weights are all zero has the value f(b), which goes into the biases of what it feeds. By
    (4.3) all are zero as soon as its row of W_{i,i−1} is. The skips, which stay, already hold the linear paths through
    it. A neuron whose outgoing weights are all zero is dropped. Removing constants makes new ones in later layers only,
    removing the unheard in earlier layers only. So one pass up and one pass down find all of them.

    Returns the graph and {layer: integers (N_i,)}.
    """
    weights, biases = dict(graph.weights), dict(graph.biases)
    places = {i: np.arange(len(graph.biases[i])) for i in graph.hidden}
    for i in graph.hidden:
        live = Graph(weights, biases).incoming(i).any(axis=1)  # (N_i,)
        value = f(biases[i][~live])
        for k in range(i + 1, graph.layers + 1):
            biases[k] = biases[k] + weights[k, i][:, ~live] @ value
        _keep(weights, biases, i, live)
        places[i] = places[i][live]
    for i in reversed(graph.hidden):
        heard = Graph(weights, biases).outgoing(i).any(axis=0)  # (N_i,)
        _keep(weights, biases, i, heard)
        places[i] = places[i][heard]
    return Graph(weights, biases), places


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


def slope_of(f: Function, rounding: float = 1e-5) -> float | None:
    """c of f(z) − f(−z) = cz, if that holds of all z tried to within rounding, else None.

    1 for ReLU, GELU, SiLU, softplus and hardswish, 1 + slope for leaky ReLU, 0 for even functions, whose flips change
    no skip; there is none for ELU, SELU, Mish, ReLU6, tanh and sigmoid.

    rounding: the share of cz that counts as such.
    """
    z = np.concatenate([np.linspace(0.01, 30, 301), np.geomspace(1e-3, 1e3, 97)])
    odd = f(z) - f(-z)
    slope = float(odd[-1] / z[-1])
    return slope if np.allclose(odd, slope * z, rtol=rounding, atol=rounding / 10) else None


def flipped(graph: Graph, i: int, h: int, slope: float) -> Graph:
    """The same function with the signs of all that comes into neuron h of layer i turned round.

    f(z) = cz + f(−z): its linear part, W_kj += c W_ki[:, h] W_ij[h, :] and b_k += c W_ki[:, h] b_i[h] for j < i < k,
    goes into the skips past it.

    i: the neuron's layer. h: its place there, from 0. slope: c, as ``slope_of`` finds it.
    """
    weights, biases = dict(graph.weights), dict(graph.biases)
    sign = np.where(np.arange(len(biases[i])) == h, -1.0, 1.0)  # (N_i,)
    for k in range(i + 1, graph.layers + 1):
        out = slope * graph.weights[k, i][:, h]  # (N_k,)
        biases[k] = biases[k] + out * biases[i][h]
        for j in range(1, i):
            weights[k, j] = weights[k, j] + np.outer(out, graph.weights[i, j][h])
    weights |= {(i, j): sign[:, None] * graph.weights[i, j] for j in range(1, i)}
    biases[i] = sign * biases[i]
    return Graph(weights, biases)


def with_signs(graph: Graph, slope: float) -> Graph:
    """The same function with those signs of neurons' inputs with which the skips are small: Σ ‖W_kj‖₂ over k > j + 1.

    A flip changes the skips past its neuron alone, by a product of rank one. Single flips, the best first, are made as
    long as that gets smaller, from the signs as they are and from those of a relaxed problem; the smaller result
    counts.

    slope: c, as ``slope_of`` finds it.
    """
    return min((_greedy(start, slope) for start in (graph, _relaxed(graph, slope))), key=_skips)


def _greedy(graph: Graph, slope: float) -> Graph:
    while True:
        gains = {(i, h): gain for i in graph.hidden for h, gain in enumerate(_gains(graph, i, slope))}
        best = max(gains, key=lambda place: gains[place], default=None)
        if best is None or not gains[best] > ROUNDING * _skips(graph):
            return graph
        graph = flipped(graph, *best, slope)


def _relaxed(graph: Graph, slope: float) -> Graph:
    """The graph with the flips s ∈ {0, 1} nearest to the real s of least Σ_kj ‖W_kj + c Σ_h s_h o_h r_hᵀ‖².

    One layer at a time from the last, o_h and r_h the outgoing and incoming weights of its neurons. What single flips
    can't reach is found if it is exact: a skip that is nothing but the sum of such products, of independent ones.
    """
    for i in reversed(graph.hidden):
        across = slope * _across(graph, i)  # (N_i,)
        out, into = graph.outgoing(i), graph.incoming(i)
        square = slope**2 * (out.T @ out) * (into @ into.T)  # (N_i, N_i)
        if not (np.isfinite(square).all() and np.isfinite(across).all()):
            return graph
        shares = np.linalg.lstsq(square, -across, rcond=None)[0]
        for h in np.flatnonzero(shares > 0.5):
            graph = flipped(graph, i, int(h), slope)
    return graph


def _across(graph: Graph, i: int) -> np.ndarray:
    """Σ o_hᵀ W_kj r_h over the skips past each neuron of layer i, (N_i,)."""
    total = np.zeros(len(graph.biases[i]))
    for j in range(1, i):
        for k in range(i + 1, graph.layers + 1):
            total += np.einsum("kh,kh->h", graph.weights[k, i], graph.weights[k, j] @ graph.weights[i, j].T)
    return total


def _gains(graph: Graph, i: int, slope: float) -> np.ndarray:
    """By how much the flip of each neuron of layer i makes Σ ‖W_kj‖₂ smaller, (N_i,).

    ‖W + c o rᵀ‖² = ‖W‖² + 2c oᵀWr + c²‖o‖²‖r‖², for all neurons of a layer by two products.
    """
    gains = np.zeros(len(graph.biases[i]))
    for j in range(1, i):
        rows = graph.weights[i, j]  # (N_i, N_j)
        for k in range(i + 1, graph.layers + 1):
            skip, out = graph.weights[k, j], slope * graph.weights[k, i]  # (N_k, N_j), (N_k, N_i)
            square = np.square(skip).sum()
            across = np.einsum("kh,kh->h", out, skip @ rows.T)  # (N_i,)
            change = 2 * across + np.square(out).sum(axis=0) * np.square(rows).sum(axis=1)
            gains += np.sqrt(square) - np.sqrt(np.maximum(square + change, 0))
    return gains


def _skips(graph: Graph) -> float:
    """Σ ‖W_kj‖₂ over the skips."""
    return sum(float(np.linalg.norm(weight)) for (k, j), weight in graph.weights.items() if k > j + 1)


def entries(graph: Graph) -> int:
    """Weights of the bundles that are not zero: multiplications for a sample."""
    return sum(weight.size for weight in graph.weights.values() if weight.any())


def fewest_bundles(graph: Graph, f: Function, good: Callable[[Graph], bool]) -> Graph:
    """The graph without the bundles that can go: each is tried once, the weakest by ‖W_ij‖₂ first.

    good: whether a graph is.
    """
    norms = {pair: np.linalg.norm(weight) for pair, weight in graph.weights.items() if weight.any()}
    for pair in sorted(norms, key=lambda pair: norms[pair]):
        without = reduced(Graph({**graph.weights, pair: 0 * graph.weights[pair]}, graph.biases), f)
        if good(without):
            graph = without
    return graph


def fewest_weights(graph: Graph, f: Function, good: Callable[[Graph], bool], slope: float) -> tuple[Graph, Graph]:
    """What ``fewest_bundles`` leaves: with the signs as they are, and the smaller of this and with other signs.

    The others are those of ``with_signs``, if they make another graph that is good. Smaller means fewer ``entries``.

    good: whether a graph is. slope: c, as ``slope_of`` finds it.
    """
    small, other = fewest_bundles(graph, f, good), with_signs(graph, slope)
    if other is graph or not good(other):
        return small, small
    return small, min(small, fewest_bundles(other, f, good), key=entries)


def _keep(weights: dict, biases: dict, i: int, stay: np.ndarray) -> None:
    """Leave only the neurons of layer i that stay: its rows and its columns."""
    biases[i] = biases[i][stay]
    for pair, weight in weights.items():
        if i in pair:
            weights[pair] = weight[stay] if pair[0] == i else weight[:, stay]
