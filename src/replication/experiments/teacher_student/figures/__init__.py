"""Figures 9 and 10, what deleting a layer costs, and the map over both strengths."""

from replication.experiments.teacher_student.figures.deletion import (
    fig_teacher_deleted,
    fig_teacher_deleted_caption,
    fig_teacher_deleted_result,
    fig_teacher_deleted_table,
)
from replication.experiments.teacher_student.figures.eigenvalues import fig09, fig09_caption, fig09_result, fig09_table
from replication.experiments.teacher_student.figures.pruning import fig10, fig10_caption, fig10_result, fig10_table
from replication.experiments.teacher_student.figures.strengths import (
    fig_teacher_map,
    fig_teacher_map_caption,
    fig_teacher_map_result,
    fig_teacher_map_table,
)

__all__ = [
    "fig09",
    "fig09_caption",
    "fig09_result",
    "fig09_table",
    "fig10",
    "fig10_caption",
    "fig10_result",
    "fig10_table",
    "fig_teacher_deleted",
    "fig_teacher_deleted_caption",
    "fig_teacher_deleted_result",
    "fig_teacher_deleted_table",
    "fig_teacher_map",
    "fig_teacher_map_caption",
    "fig_teacher_map_result",
    "fig_teacher_map_table",
]
