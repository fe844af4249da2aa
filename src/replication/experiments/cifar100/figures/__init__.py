"""Figure 18, and the heads on fixed features."""

from replication.experiments.cifar100.figures.probes import fig_probes, fig_probes_caption, fig_probes_table
from replication.experiments.cifar100.figures.spectra import fig18, fig18_caption, fig18_table

__all__ = [
    "fig18",
    "fig18_caption",
    "fig18_table",
    "fig_probes",
    "fig_probes_caption",
    "fig_probes_table",
]
