"""Figures 1 to 6 and 8."""

from replication.experiments.theory.figures.matrices import (
    fig03,
    fig03_caption,
    fig03_result,
    fig03_table,
    fig04,
    fig04_caption,
    fig04_result,
    fig04_table,
    fig05,
    fig05_caption,
    fig05_result,
    fig05_table,
)
from replication.experiments.theory.figures.parameter_counts import fig08, fig08_caption, fig08_result, fig08_table
from replication.experiments.theory.figures.perceptron_start import fig06, fig06_caption, fig06_result, fig06_table
from replication.experiments.theory.figures.signal_flow import (
    fig01,
    fig01_caption,
    fig01_result,
    fig01_table,
    fig02,
    fig02_caption,
    fig02_result,
    fig02_table,
)

__all__ = [
    "fig01",
    "fig01_caption",
    "fig01_result",
    "fig01_table",
    "fig02",
    "fig02_caption",
    "fig02_result",
    "fig02_table",
    "fig03",
    "fig03_caption",
    "fig03_result",
    "fig03_table",
    "fig04",
    "fig04_caption",
    "fig04_result",
    "fig04_table",
    "fig05",
    "fig05_caption",
    "fig05_result",
    "fig05_table",
    "fig06",
    "fig06_caption",
    "fig06_result",
    "fig06_table",
    "fig08",
    "fig08_caption",
    "fig08_result",
    "fig08_table",
]
