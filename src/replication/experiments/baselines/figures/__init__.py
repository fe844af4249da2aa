"""Figures of the comparison: what each search finds, how small it is beside SPARCS's, how gates settle."""

from replication.experiments.baselines.figures.searches import (
    fig_baselines,
    fig_baselines_caption,
    fig_baselines_result,
    fig_baselines_table,
    fig_gates,
    fig_gates_caption,
    fig_gates_result,
    fig_gates_table,
    methods_of,
    searches,
    title_of,
)
from replication.experiments.baselines.figures.sizes import (
    confirmed,
    fig_sizes,
    fig_sizes_caption,
    fig_sizes_result,
    fig_sizes_table,
)

__all__ = [
    "confirmed",
    "fig_baselines",
    "fig_baselines_caption",
    "fig_baselines_result",
    "fig_baselines_table",
    "fig_gates",
    "fig_gates_caption",
    "fig_gates_result",
    "fig_gates_table",
    "fig_sizes",
    "fig_sizes_caption",
    "fig_sizes_result",
    "fig_sizes_table",
    "methods_of",
    "searches",
    "title_of",
]
