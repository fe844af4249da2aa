"""The weight-sharing supernet: every operation on every edge of every cell, mixed by weights that all cells share.

A node is the sum over its incoming edges of Σ_o w_o o(node before). A weight of exactly zero leaves its operation out,
so that one-hot weights make the network of one cell, with the supernet's parameters.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from replication.experiments.cells.space import EDGES, NODES


def batch_norm(channels: int, scaled: bool) -> nn.BatchNorm2d:
    """Batch norm by the batch's own statistics: running ones would mix those of all cells. scaled: a trained scale."""
    return nn.BatchNorm2d(channels, affine=scaled, track_running_stats=False)


class ReluConvBn(nn.Sequential):
    """ReLU – convolution – batch norm. Inside a cell a trained scale could undo what the weights of the mixture say."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, scaled: bool = False) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False),
            batch_norm(after, scaled),
        )


def operation(name: str, channels: int) -> nn.Module | None:
    """An operation by its name, (batch, channels, s, s) -> the same shape; None for "none"."""
    return {
        "none": lambda: None,
        "skip_connect": nn.Identity,
        "nor_conv_1x1": lambda: ReluConvBn(channels, channels, 1),
        "nor_conv_3x3": lambda: ReluConvBn(channels, channels, 3),
        "avg_pool_3x3": lambda: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
    }[name]()


class Cell(nn.Module):
    """All operations on all edges, (batch, channels, s, s) -> the same shape."""

    def __init__(self, operations: Sequence[str], channels: int) -> None:
        super().__init__()
        made = [[operation(name, channels) for name in operations] for _ in EDGES]
        self.present = [k for k, name in enumerate(operations) if name != "none"]
        self.edges = nn.ModuleList(nn.ModuleList(edge[k] for k in self.present) for edge in made)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """weights: (6, operations), one row for each of EDGES."""
        used = weights.detach() != 0
        nodes = [x, *[torch.zeros_like(x)] * (NODES - 1)]  # each (batch, channels, s, s)
        for row, (after, before) in enumerate(EDGES):
            for k, module in zip(self.present, self.edges[row], strict=True):
                if used[row, k]:
                    nodes[after] = nodes[after] + weights[row, k] * module(nodes[before])
        return nodes[-1]


class Reduction(nn.Module):
    """A residual block that halves the image and doubles the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.long = nn.Sequential(
            ReluConvBn(channels, 2 * channels, 3, 2, scaled=True),
            ReluConvBn(2 * channels, 2 * channels, 3, scaled=True),
        )
        self.short = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels, 2 * channels, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, s, s) -> (batch, 2·channels, s/2, s/2)."""
        return self.long(x) + self.short(x)


class Supernet(nn.Module):
    """Stem, three stages of cells with a reduction between them, global mean, linear classifier.

    operations: the choices on an edge; channels: C of the first stage; cells: N in each stage. The initial values come
    from ``seed`` alone. Shapes: (batch, 3, 32, 32) and weights (6, operations) -> (batch, classes).
    """

    def __init__(self, operations: Sequence[str], channels: int, cells: int, classes: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.stem = nn.Conv2d(3, channels, 3, padding=1, bias=False)
            self.stages = nn.ModuleList(
                nn.ModuleList(Cell(operations, channels * 2**stage) for _ in range(cells)) for stage in range(3)
            )
            self.reductions = nn.ModuleList(Reduction(channels * 2**stage) for stage in range(2))
            self.classifier = nn.Linear(4 * channels, classes)
        self.normalised, self.last = batch_norm(channels, scaled=True), batch_norm(4 * channels, scaled=True)
        self.to(memory_format=torch.channels_last)  # a step takes a CPU two thirds of the time

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """The classes' logits."""
        x = self.normalised(self.stem(x))
        for stage, cells in enumerate(self.stages):
            for cell in cells:
                x = cell(x, weights)
            if stage < len(self.reductions):
                x = self.reductions[stage](x)
        return self.classifier(F.relu(self.last(x)).mean((2, 3)))


def one_hot(operations: Sequence[str], cell: Sequence[str]) -> Tensor:
    """The weights of a single cell, (6, operations)."""
    chosen = torch.tensor([list(operations).index(name) for name in cell])
    return F.one_hot(chosen, len(operations)).float()
