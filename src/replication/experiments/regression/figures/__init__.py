"""Figures 7 and 11 to 15, and what the start decides."""

from replication.experiments.regression.figures.networks import (
    fig07_network,
    fig07_network_caption,
    fig15,
    fig15_caption,
    fig15_table,
)
from replication.experiments.regression.figures.starts import fig_starts, fig_starts_caption, fig_starts_table
from replication.experiments.regression.figures.surfaces import (
    fig07_surface,
    fig07_surface_caption,
    fig11,
    fig11_caption,
    fig11_table,
    fig12,
    fig12_caption,
    fig12_table,
)
from replication.experiments.regression.figures.transition import (
    fig07,
    fig07_caption,
    fig07_table,
    fig13,
    fig13_caption,
    fig13_table,
    fig14,
    fig14_caption,
    fig14_table,
    panel_rows,
)

__all__ = [
    "fig07",
    "fig07_caption",
    "fig07_network",
    "fig07_network_caption",
    "fig07_surface",
    "fig07_surface_caption",
    "fig07_table",
    "fig11",
    "fig11_caption",
    "fig11_table",
    "fig12",
    "fig12_caption",
    "fig12_table",
    "fig13",
    "fig13_caption",
    "fig13_table",
    "fig14",
    "fig14_caption",
    "fig14_table",
    "fig15",
    "fig15_caption",
    "fig15_table",
    "fig_starts",
    "fig_starts_caption",
    "fig_starts_table",
    "panel_rows",
]
