"""A small task for the baselines, and the outputs of the network that a search found."""

import numpy as np
import torch

from replication.baselines.task import Task

WIDTHS = (3, 5, 4, 2)


def tiny(steps=6, widths=WIDTHS, bias=False):
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(40, widths[0], generator=generator) * 2 - 1
    if bias:
        x[:, -1] = 1
    y = torch.relu(x @ torch.rand(widths[0], widths[-1], generator=generator)) + x[:, :1]
    return Task(x[:30], y[:30], x[30:], y[30:], widths, bias, steps, 8, 1e-2)


def outputs(graph, x):
    """The graph's function in float64."""
    activities = {1: x.double().numpy()}
    for i in range(2, graph.layers + 1):
        z = sum(activities[j] @ graph.weights[i, j].T for j in range(1, i)) + graph.biases[i]
        activities[i] = np.maximum(z, 0) if i < graph.layers else z
    return activities[graph.layers]
