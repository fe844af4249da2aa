"""One file per family of figures; for each figure a table of what is drawn, the drawing, and its caption.

``figNN_table`` makes tidy rows out of a run's tables, ``figNN`` draws them, ``figNN_caption`` says what is seen;
``save`` writes drawing and rows side by side. Nothing here trains or measures.
"""

from replication.figures.accuracy import fig16, fig16_caption, fig16_table
from replication.figures.baselines import (
    fig_gates,
    fig_gates_caption,
    fig_gates_table,
    fig_rivals,
    fig_rivals_caption,
    fig_rivals_table,
    title_of,
)
from replication.figures.cells import fig_cells, fig_cells_caption, fig_cells_table
from replication.figures.cost import fig_cost, fig_cost_caption, fig_cost_table
from replication.figures.depth import (
    fig_depth,
    fig_depth_caption,
    fig_depth_start,
    fig_depth_start_caption,
    fig_depth_start_table,
    fig_depth_table,
)
from replication.figures.eigenvalues import fig09, fig09_caption, fig09_table
from replication.figures.image_sweep import fig_cifar10_sweep, fig_cifar10_sweep_caption, fig_cifar10_sweep_table
from replication.figures.io import save
from replication.figures.matrices import (
    fig03,
    fig03_caption,
    fig03_table,
    fig04,
    fig04_caption,
    fig04_table,
    fig05,
    fig05_caption,
    fig05_table,
)
from replication.figures.networks import fig07_network, fig07_network_caption, fig15, fig15_caption, fig15_table
from replication.figures.parameter_counts import fig08, fig08_caption, fig08_table
from replication.figures.perceptron_start import fig06, fig06_caption, fig06_table
from replication.figures.probes import fig_probes, fig_probes_caption, fig_probes_table
from replication.figures.pruning import fig10, fig10_caption, fig10_table
from replication.figures.signal_flow import fig01, fig01_caption, fig01_table, fig02, fig02_caption, fig02_table
from replication.figures.spectra import fig17, fig17_caption, fig17_table, fig18, fig18_caption, fig18_table
from replication.figures.surfaces import (
    fig07_surface,
    fig07_surface_caption,
    fig11,
    fig11_caption,
    fig11_table,
    fig12,
    fig12_caption,
    fig12_table,
)
from replication.figures.sweep import fig_hyperparameters, fig_hyperparameters_caption, fig_hyperparameters_table
from replication.figures.transition import (
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
    "fig01",
    "fig01_caption",
    "fig01_table",
    "fig02",
    "fig02_caption",
    "fig02_table",
    "fig03",
    "fig03_caption",
    "fig03_table",
    "fig04",
    "fig04_caption",
    "fig04_table",
    "fig05",
    "fig05_caption",
    "fig05_table",
    "fig06",
    "fig06_caption",
    "fig06_table",
    "fig07",
    "fig07_caption",
    "fig07_network",
    "fig07_network_caption",
    "fig07_surface",
    "fig07_surface_caption",
    "fig07_table",
    "fig08",
    "fig08_caption",
    "fig08_table",
    "fig09",
    "fig09_caption",
    "fig09_table",
    "fig10",
    "fig10_caption",
    "fig10_table",
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
    "fig16",
    "fig16_caption",
    "fig16_table",
    "fig17",
    "fig17_caption",
    "fig17_table",
    "fig18",
    "fig18_caption",
    "fig18_table",
    "fig_cells",
    "fig_cells_caption",
    "fig_cells_table",
    "fig_cifar10_sweep",
    "fig_cifar10_sweep_caption",
    "fig_cifar10_sweep_table",
    "fig_cost",
    "fig_cost_caption",
    "fig_cost_table",
    "fig_depth",
    "fig_depth_caption",
    "fig_depth_start",
    "fig_depth_start_caption",
    "fig_depth_start_table",
    "fig_depth_table",
    "fig_gates",
    "fig_gates_caption",
    "fig_gates_table",
    "fig_hyperparameters",
    "fig_hyperparameters_caption",
    "fig_hyperparameters_table",
    "fig_probes",
    "fig_probes_caption",
    "fig_probes_table",
    "fig_rivals",
    "fig_rivals_caption",
    "fig_rivals_table",
    "panel_rows",
    "save",
    "title_of",
]
