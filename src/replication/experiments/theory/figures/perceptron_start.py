"""Figure 6: which bundles carry a signal at the perceptron start, and after one layer's eigenvalues have left zero."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Rectangle

from replication.experiments.theory.bundles import CARRYING, UNFED, bundle_states, start_with
from replication.report.style import GREY, HIDDEN_PATH, INK, PAGE, SKIP, styled
from replication.report.text import listing

LAYERS, WIDTH, SEED = 6, 4, 6
OPEN = {"a": None, "b": 3, "c": LAYERS - 1}  # panel: the layer j with λ_j ≠ 0
BATCH = 16
HALF = 0.27  # of a layer's square
UNFED_GREY = "#A8A8A8"
LINES = {  # what an arc is: its words in the legend, colour and dashes
    "from the start": ("carries the input from the start", SKIP, "-"),
    "new": ("newly carries it", HIDDEN_PATH, "-"),
    "omitted": ("so does this, not in the paper's drawing", HIDDEN_PATH, (0, (3, 1.6))),
    "not fed": ("weights not zero, but nothing to carry", UNFED_GREY, "-"),
}


def fig06_table() -> pd.DataFrame:
    """Every bundle at the start and with λ_j ≠ 0 for one j: weights, signal, state, and whether it is new.

    Columns: panel, open_layer (0 at the start), source, target, weight, signal, state, new (carries a signal, but did
    not at the start), drawn_in_paper (the paper shows it as active: from the input through layer j to the output).
    """
    x = np.random.default_rng(SEED).uniform(-1, 1, (BATCH, WIDTH))  # (batch, N_1)
    tables = []
    for panel, j in OPEN.items():
        states = bundle_states(*start_with((WIDTH,) * LAYERS, j, SEED), x)
        ends = list(zip(states["source"], states["target"], strict=True))
        carrying = states["state"] == CARRYING
        direct = [end == (1, LAYERS) for end in ends]
        states.insert(0, "panel", panel)
        states.insert(1, "open_layer", j or 0)
        states["new"] = carrying & ~np.array(direct)
        states["drawn_in_paper"] = [end in ((1, LAYERS), (1, j), (j, LAYERS)) for end in ends]
        tables.append(states)
    return pd.concat(tables, ignore_index=True)


@styled
def fig06(drawn: pd.DataFrame) -> Figure:
    """Figure 6: the perceptron start, and how a layer opens.

    Left, the start: only the bundles into the output are not zero, and only the one from the input carries a signal.
    Middle and right, a layer's eigenvalues have left zero, and the paths that this opens.

    The paper: training starts from a perceptron; an eigenvalue of layer j that becomes non-zero opens layer j. Its
    drawing omits that layer j+1 opens too if it is hidden.
    """
    figure = Figure(figsize=(PAGE, 2.1), layout="constrained")
    for axes, (panel, rows) in zip(figure.subplots(1, len(OPEN)), drawn.groupby("panel"), strict=True):
        _draw_panel(axes, rows)
        j = rows["open_layer"].iloc[0]
        below_last = "j = B" if j == LAYERS - 1 else "j < B"
        axes.set_title(f"({panel})  $\\lambda_{j} \\neq 0$  (${below_last}$)" if j else f"({panel})  start", pad=2)
    handles = [Line2D([], [], label=text, color=color, linestyle=dashes) for text, color, dashes in LINES.values()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, handlelength=2.4)
    return figure


def fig06_result(drawn: pd.DataFrame) -> str:
    """How many bundles carry a signal at the start."""
    start = drawn[drawn["panel"] == "a"]
    carrying = int((start["state"] == CARRYING).sum())
    return f"{carrying} of {len(start)} bundles carries the input at the start, straight to the output."


def fig06_caption(drawn: pd.DataFrame) -> str:
    """Figure 6 in words."""
    start, *opened = (rows for _, rows in drawn.groupby("panel"))
    unfed = (start["state"] == UNFED).sum()
    return (
        f"**Figure 6.** {fig06_result(drawn)} (a) The perceptron start with {LAYERS} layers: {unfed} other bundles are "
        f"non-zero but not fed, and the rest are zero. {' '.join(map(_opened, opened))} Squares: layers, 1 the input, "
        f"{LAYERS} the output; filled: reached by a signal. Colours follow from computed weights and one forward pass "
        "of a random network with $f$ = ReLU. *The paper's figure* has only the path through layer $j$ in (b). As "
        "(4.3) has $\\phi_j L_j$ in every bundle into layer $j+1$, that layer opens too."
    )


def _opened(rows: pd.DataFrame) -> str:
    used = [f"{k}" for k in _reached(rows) if k not in (1, LAYERS)]
    panel, j = rows["panel"].iloc[0], rows["open_layer"].iloc[0]
    plural = "layers" if len(used) > 1 else "layer"
    return (
        f"({panel}) $\\lambda_{j} \\neq 0$ brings hidden {plural} {listing(used)} into use: {int(rows['new'].sum())} "
        "more bundles carry a signal."
    )


def _reached(rows: pd.DataFrame) -> list[int]:
    return sorted({1, *rows.loc[rows["state"] == CARRYING, "target"]})


def _draw_panel(axes: Axes, rows: pd.DataFrame) -> None:
    for bundle in rows.itertuples():
        if bundle.state == CARRYING:
            kind = "from the start" if not bundle.new else "new" if bundle.drawn_in_paper else "omitted"
            _arc(axes, bundle.source, bundle.target, 1, kind)
        elif bundle.state == UNFED:
            _arc(axes, bundle.source, bundle.target, -1, "not fed")
    reached = _reached(rows)
    for k in range(1, LAYERS + 1):
        edge, fill, ink = (INK, INK, "white") if k in reached else (GREY, "white", GREY)
        square = Rectangle((k - HALF, -HALF), 2 * HALF, 2 * HALF, facecolor=fill, edgecolor=edge, zorder=3)
        axes.add_patch(square)
        axes.text(k, -0.02, f"{k}", ha="center", va="center", color=ink, fontsize=8, zorder=4)
    axes.set_xlim(0.6, LAYERS + 0.4)
    axes.set_ylim(-1.75, 1.95)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _arc(axes: Axes, source: int, target: int, side: int, kind: str) -> None:
    """An arrow that leaves its layer's square above (side 1) or below (−1); longer arcs go around shorter ones."""
    _, color, dashes = LINES[kind]
    length = target - source
    aside = 0.24 - 0.11 * (length - 1)  # of both ends, from the middles of their squares
    arrow = FancyArrowPatch(
        (source + max(aside, -HALF), (HALF + 0.04) * side),
        (target - max(aside, -HALF), (HALF + 0.04) * side),
        connectionstyle=f"arc3,rad={-side * (0.45 + 0.45 / length)}",
        arrowstyle="-|>,head_length=3,head_width=1.7",
        color=color,
        linestyle=dashes,
        linewidth=1.2,
        shrinkA=0,
        shrinkB=0,
        capstyle="butt",
    )
    axes.add_patch(arrow)
