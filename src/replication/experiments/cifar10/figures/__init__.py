"""Figures 16 and 17, the cost of closing the hidden layer, both starts, and the sweep over penalties."""

from replication.experiments.cifar10.figures.accuracy import fig16, fig16_caption, fig16_result, fig16_table
from replication.experiments.cifar10.figures.closed import (
    fig_cifar10_closed,
    fig_cifar10_closed_caption,
    fig_cifar10_closed_result,
    fig_cifar10_closed_table,
)
from replication.experiments.cifar10.figures.spectra import fig17, fig17_caption, fig17_result, fig17_table
from replication.experiments.cifar10.figures.starts import (
    fig_cifar10_starts,
    fig_cifar10_starts_caption,
    fig_cifar10_starts_result,
    fig_cifar10_starts_table,
)
from replication.experiments.cifar10.figures.sweep import (
    fig_cifar10_sweep,
    fig_cifar10_sweep_caption,
    fig_cifar10_sweep_result,
    fig_cifar10_sweep_table,
)

__all__ = [
    "fig16",
    "fig16_caption",
    "fig16_result",
    "fig16_table",
    "fig17",
    "fig17_caption",
    "fig17_result",
    "fig17_table",
    "fig_cifar10_closed",
    "fig_cifar10_closed_caption",
    "fig_cifar10_closed_result",
    "fig_cifar10_closed_table",
    "fig_cifar10_starts",
    "fig_cifar10_starts_caption",
    "fig_cifar10_starts_result",
    "fig_cifar10_starts_table",
    "fig_cifar10_sweep",
    "fig_cifar10_sweep_caption",
    "fig_cifar10_sweep_result",
    "fig_cifar10_sweep_table",
]
