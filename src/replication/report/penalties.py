"""A measure against the strength of each kind of penalty."""

import pandas as pd
from matplotlib.axes import Axes

from replication.report.intervals import draw_beside
from replication.report.style import color_of
from replication.report.text import PENALTIES


def draw_penalties(axes: Axes, rows: pd.DataFrame, bars: bool = False) -> None:
    """A summary against ρ, the kinds of penalty side by side; bars: as in ``draw_beside``."""
    kinds = list(PENALTIES)
    for place, kind in enumerate(kinds):
        of_kind = rows[rows["penalty"] == kind]
        if len(of_kind):
            draw_beside(axes, of_kind, "rho", (color_of(kinds, kind), PENALTIES[kind]), place - 1, bars)
