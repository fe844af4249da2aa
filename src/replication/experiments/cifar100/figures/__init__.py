"""Figure 18, the heads on fixed features, and on features of growing strength."""

from replication.experiments.cifar100.figures.probes import (
    fig_probes,
    fig_probes_caption,
    fig_probes_result,
    fig_probes_table,
)
from replication.experiments.cifar100.figures.spectra import fig18, fig18_caption, fig18_result, fig18_table
from replication.experiments.cifar100.figures.strength import (
    fig_strength,
    fig_strength_caption,
    fig_strength_result,
    fig_strength_table,
)

__all__ = [
    "fig18",
    "fig18_caption",
    "fig18_result",
    "fig18_table",
    "fig_probes",
    "fig_probes_caption",
    "fig_probes_result",
    "fig_probes_table",
    "fig_strength",
    "fig_strength_caption",
    "fig_strength_result",
    "fig_strength_table",
]
