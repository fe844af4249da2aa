"""A map of what is left of the student over the strengths of both hidden layers' penalties."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from replication.experiments.teacher_student.survival import SURVIVES
from replication.report.intervals import count_range, finished
from replication.report.style import PAGE, SURFACE_MAP, styled
from replication.report.text import counted

BY = ["size", "rho_2", "rho_3"]
RATIO, LIVE, FIT = "max |λ₃| : max |λ₂|", "live neurons at +5 % loss", "1 − R², held out"
LARGEST = 1e4  # ratio that is told from larger ones
FAINT = 1e-12  # in place of an eigenvalue of zero


def fig_teacher_map_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Means over the finished trials of each size and pair of strengths: n, layer, ratio (geometric), live, fit.

    ``survivor``: the layer that survives in most of them, 0 for neither; ``unexplained``: 1 − R², the fit.
    """
    rows = finished(trials)
    if rows.empty:  # a scale may leave it out
        return pd.DataFrame()
    largest = [rows[f"largest_eigenvalue_{layer}"].clip(lower=FAINT) for layer in (2, 3)]
    rows = rows.assign(ratio=np.log10(largest[1] / largest[0]), unexplained=1 - rows["test_r2"])
    table = rows.groupby(BY, as_index=False).agg(
        n=("trial", "count"),
        survivor=("surviving_layer", _of_most),
        ratio=("ratio", "mean"),
        live=("live_neurons", "mean"),
        unexplained=("unexplained", "mean"),
    )
    return table.assign(ratio=10 ** table["ratio"])


def _of_most(layers: pd.Series) -> int:
    """The layer that survives in more than half of the trainings; 0 if none does."""
    counts = layers[layers > 0].value_counts()
    return int(counts.idxmax()) if len(counts) and 2 * counts.max() > len(layers) else 0


@styled
def fig_teacher_map(drawn: pd.DataFrame) -> Figure:
    """Which hidden layer survives, against both strengths of the penalty.

    The ratio of the layers' largest eigenvalues, the live neurons at the 5 % budget and the fit, for students with a
    strength of the penalty for each hidden layer; a cell is the mean of a few trainings at a reduced size, the inset on
    the diagonal that at full size. A digit is the index of the λ that survives, a dash means neither.

    Beyond the paper: it has one strength for both layers.
    """
    figure = Figure(figsize=(PAGE, 2.6), layout="constrained")
    panels = figure.subplots(1, 3)
    ratios, lives = LogNorm(1 / LARGEST, LARGEST), Normalize(0, max(1.0, drawn["live"].max()))
    least = max(FAINT, drawn["unexplained"].min())
    fits = LogNorm(least, max(10 * least, drawn["unexplained"].max()))
    _draw_map(panels[0], drawn, "ratio", RATIO, ratios, "RdBu")
    _draw_map(panels[1], drawn, "live", LIVE, lives, SURFACE_MAP)
    _draw_map(panels[2], drawn, "unexplained", FIT, fits, SURFACE_MAP)
    panels[0].set_ylabel("ρ₃, second hidden layer")
    return figure


def fig_teacher_map_result(drawn: pd.DataFrame) -> str:
    """In how many pairs of strengths either layer survives."""
    reduced = drawn[drawn["size"] == "reduced"]
    counts = {layer: int((reduced["survivor"] == layer).sum()) for layer in (2, 3)}
    pairs = counted(len(reduced), "pair")
    return f"The first hidden layer survives in {counts[2]} of {pairs} of strengths, the second in {counts[3]}."


def fig_teacher_map_caption(drawn: pd.DataFrame) -> str:
    """The map in words."""
    reduced, full = (drawn[drawn["size"] == size] for size in ("reduced", "full"))
    equal = reduced.merge(full, on=["rho_2", "rho_3"], suffixes=("", "_full"))
    same = int((equal["survivor"].gt(0) & (equal["survivor"] == equal["survivor_full"])).sum())
    checked = (
        f"At full size, the squares on the diagonal (n = {count_range(full['n'])}), the same layer survives in {same} "
        f"of {counted(len(equal), 'pair')} of equal strengths."
        if len(equal)
        else "The diagonal has not been run at full size."
    )
    return (
        f"**Strengths.** {fig_teacher_map_result(drawn)} {checked} Cells: means over n = "
        f"{count_range(reduced['n'])} trainings at the reduced size. Left: the ratio of the layers' largest "
        "$|\\lambda|$, its geometric mean. The digit is the index of the λ that survives in most trainings: 2 is the "
        "first hidden layer's, 3 the second's. A dash means neither "
        f"(ratio below {SURVIVES}). Middle: live neurons of both layers at a loss increase of 5 %, removal (i). Right: "
        "$1 - R^2$ on held-out points before pruning, on a logarithmic scale. *The paper* has one strength "
        "for both layers."
    )


def _draw_map(axes: Axes, drawn: pd.DataFrame, column: str, title: str, norm: Normalize, colors: str) -> None:
    strengths = sorted({*drawn["rho_2"], *drawn["rho_3"]})
    place = {strength: k for k, strength in enumerate(strengths)}
    reduced, full = (drawn[drawn["size"] == size] for size in ("reduced", "full"))
    grid = np.full((len(strengths), len(strengths)), np.nan)  # (ρ_3, ρ_2)
    for row in reduced.itertuples():
        grid[place[row.rho_3], place[row.rho_2]] = getattr(row, column)
    low, high = norm.vmin, norm.vmax
    image = axes.imshow(np.clip(grid, low, high), origin="lower", norm=norm, cmap=colors, aspect="auto")
    centres = full["rho_2"].map(place), full["rho_3"].map(place)
    axes.scatter(*centres, c=full[column].clip(low, high), norm=norm, cmap=colors, marker="s", s=70, edgecolors="white")
    for row in reduced.itertuples() if column == "ratio" else ():
        said = axes.text(place[row.rho_2], place[row.rho_3], f"{row.survivor:g}" if row.survivor else "–")
        said.set(ha="center", va="center", path_effects=[withStroke(linewidth=2, foreground="white")])
    axes.set_title(title)
    axes.set_xticks(range(len(strengths)), [f"{strength:g}" for strength in strengths], rotation=45)
    axes.set_yticks(range(len(strengths)), [f"{strength:g}" for strength in strengths])
    axes.set_xlabel("ρ₂, first hidden layer")
    axes.grid(False)
    axes.figure.colorbar(image, ax=axes, fraction=0.06)
