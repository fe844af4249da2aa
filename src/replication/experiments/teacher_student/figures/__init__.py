"""Figures 9 and 10."""

from replication.experiments.teacher_student.figures.eigenvalues import fig09, fig09_caption, fig09_table
from replication.experiments.teacher_student.figures.pruning import fig10, fig10_caption, fig10_table

__all__ = [
    "fig09",
    "fig09_caption",
    "fig09_table",
    "fig10",
    "fig10_caption",
    "fig10_table",
]
