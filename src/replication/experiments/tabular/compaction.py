"""The smallest network within a validation loss, for every method alike, and what it costs to use."""

import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from replication.training.memory import parameter_bytes
from sparcs import pruning
from sparcs.compact import CompactNetwork, module_of
from sparcs.pruning import Graph
from sparcs.search import CALLS, smallest_within

BATCHES = (1, 1024)  # points at once, of which latencies are measured
SLOPE = 1.0  # relu(z) − relu(−z) = z

Value = Callable[[CompactNetwork], float]


def smallest(graph: Graph, value: Value, limit: float) -> dict[bool, Graph]:
    """The graph cut to few neurons, then to few bundles, within a limit on ``value``; by whether signs may be flipped.

    As ``sparcs.SpectralNetwork.compact`` does it, with ``flips`` or not: neurons go in the order of their path norms,
    bundles the weakest first.
    """
    ranks = pruning.ranks(pruning.importance(graph))
    total = sum(map(len, ranks.values()))

    def with_neurons(count: int) -> Graph:
        off = {i: block < total - count for i, block in ranks.items()}
        return pruning.reduced(pruning.cut(graph, off), relu)

    def tried(count: int) -> tuple[int, float]:
        return count, value(module(with_neurons(count)))

    def good(candidate: Graph) -> bool:
        return value(module(candidate)) <= limit

    count = smallest_within(total + 1, tried, limit, CALLS, None)
    few = with_neurons(total if count is None else count)
    return dict(zip((False, True), pruning.fewest_weights(few, relu, good, SLOPE), strict=True))


def module(graph: Graph) -> CompactNetwork:
    """The graph as a network in float32."""
    return module_of(graph, "relu", torch.zeros(()))


def size_of(graph: Graph) -> dict[str, float]:
    """Numbers that the graph's network holds, their bytes, hidden neurons, and layers of them on the longest path."""
    network = module(graph)
    return {
        "parameters": float(network.after.parameters),
        "bytes": float(parameter_bytes(network)),
        "neurons": float(sum(network.widths[1:-1])),
        "hidden_layers": float(pruning.longest_path(graph)),
    }


def latencies(graph: Graph, x: Tensor, repeats: int) -> Mapping[str, float]:
    """Median microseconds of a forward pass of the graph's network on each of BATCHES points, in one thread.

    x: (points, inputs), repeated as often as a batch needs.
    """
    network = module(graph)
    return {
        f"microseconds_{batch}": median_microseconds(network, x[torch.arange(batch) % len(x)], repeats)
        for batch in BATCHES
    }


def median_microseconds(network: CompactNetwork, x: Tensor, repeats: int) -> float:
    """Median of so many forward passes after one that is not counted."""
    times = []
    with torch.inference_mode():
        network(x)
        for _ in range(repeats):
            since = time.perf_counter_ns()
            network(x)
            times.append(time.perf_counter_ns() - since)
    return float(np.median(times)) / 1000


def relu(z: np.ndarray) -> np.ndarray:
    """max(z, 0)."""
    return np.maximum(z, 0)
