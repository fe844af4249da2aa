"""The one style sheet: sizes, type, colours, and the decorator that every drawing function wears."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import matplotlib

COLUMN, PAGE = 3.4, 7.0  # inches: one column, a whole page

# Okabe and Ito's colours, told apart with any colour vision and by lightness in print.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
INK, GREY, PALE, SHADE = "#222222", "#767676", "#E4E4E4", "#F1F1F1"
SERIES = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
HIDDEN_PATH, SKIP = ORANGE, PURPLE  # as in the paper's Figure 6: magenta from the start, orange recruited
SURFACE_MAP = "viridis"

STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 8,
    "font.family": "DejaVu Sans",  # comes with Matplotlib: the same on every machine
    "font.size": 8,
    "grid.color": PALE,
    "grid.linewidth": 0.5,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 3,
    "savefig.dpi": 200,
    "svg.hashsalt": "sparcs",  # the same drawing gets the same element names in every run
    "text.color": INK,
    "xtick.color": INK,
    "xtick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.color": INK,
    "ytick.labelsize": 7,
    "ytick.major.width": 0.6,
}


def styled(draw: Callable) -> Callable:
    """Run a drawing function under the style sheet, whatever the caller's Matplotlib settings are."""

    @wraps(draw)
    def wrapper(*args, **kwargs):
        with matplotlib.rc_context(matplotlib.rcParamsDefault | STYLE | {"backend": matplotlib.rcParams["backend"]}):
            return draw(*args, **kwargs)

    return wrapper


def color_of(values: list, value: Any) -> str:
    """The colour of one of a list of series, by its place in the list."""
    return SERIES[values.index(value) % len(SERIES)]
