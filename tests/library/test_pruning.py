"""Graphs of a network's weights: which neurons lie on a path."""

import numpy as np

from sparcs import pruning


def test_the_longest_path_of_a_chain_and_of_a_broken_one():
    """One neuron a layer, 1 → 2 → 3 → 4 with skips; without the middle link no path has two hidden neurons."""
    weights = {(2, 1): 1.0, (3, 1): 0.0, (3, 2): 1.0, (4, 1): 1.0, (4, 2): 1.0, (4, 3): 1.0}
    graph = pruning.Graph(
        {pair: np.array([[weight]]) for pair, weight in weights.items()}, {i: np.zeros(1) for i in (2, 3, 4)}
    )
    assert pruning.longest_path(graph) == 2
    graph.weights[3, 2][:] = 0
    assert pruning.longest_path(graph) == 1
