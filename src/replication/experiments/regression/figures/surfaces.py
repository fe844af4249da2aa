"""Figures 11 and 12 and the surfaces of Figure 7: targets and fits over the square of inputs, in 3-D."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from replication.report.style import GREEN, PAGE, RED, SURFACE_MAP, styled
from replication.report.text import number, values_text

COLUMNS = 7
HEAD, FOOT, LARGEST_PANEL = 0.1, 0.5, 1.9  # inches: the title's room, the colour bar's, the side of a panel
HEIGHT = Normalize(-1, 1)  # the data of every α lie in this range
MESH = {"rstride": 2, "cstride": 2, "rasterized": True}


@styled
def fig11(surface: pd.DataFrame) -> Figure:
    """Figure 11: the tasks.

    The functions to learn for β = 5, at every α.

    The paper: one parameter takes the task from a plane to a paraboloid.
    """
    return _grid(surface, lambda axes, rows: draw_surface(axes, rows, "target"), color_bar="target f(x)")


@styled
def fig07_surface(surface: pd.DataFrame) -> Figure:
    """Figure 7, enlarged: the fits.

    The function that each of these networks has learnt.

    The paper: a plane at α = 0 bends into a paraboloid at α = 1.
    """
    return _grid(surface, lambda axes, rows: draw_surface(axes, rows, "fitted"), color_bar="network's output")


@styled
def fig12(drawn: pd.DataFrame) -> Figure:
    """Figure 12: the fits and their errors.

    What the first network of each data set has learnt for β = 5, and how far it is from the task.

    The paper: the fits are good at every α.
    """
    return _grid(drawn, _draw_fit)


def fig11_table(surface: pd.DataFrame, beta: float) -> pd.DataFrame:
    """The target on the grid, for one β."""
    return surface.loc[surface["beta"] == beta, ["beta", "alpha", "x1", "x2", "target"]]


def fig12_table(surface: pd.DataFrame, beta: float) -> pd.DataFrame:
    """Target, fit and error = fit − target on the grid, for one β; a diverged model 0 is left out."""
    table = surface.loc[surface["beta"] == beta, ["beta", "alpha", "x1", "x2", "target", "fitted"]].dropna()
    return table.assign(error=table["fitted"] - table["target"])


def fig11_caption(drawn: pd.DataFrame) -> str:
    """Figure 11 in words."""
    return (
        f"**Figure 11.** The data sets for $\\beta = {drawn['beta'].iloc[0]:g}$: the target $f(\\mathbf{{x}})$ of "
        "(5.1) over $\\mathbf{x} \\in [-1, 1]^2$, from a plane at $\\alpha = 0$ to a paraboloid at $\\alpha = 1$. "
        f"Exact, on a grid; vertical axis and colour from {number(HEIGHT.vmin)} to {number(HEIGHT.vmax)} in every "
        "panel. *The paper's figure* shows the same data sets as sampled points."
    )


def fig12_caption(drawn: pd.DataFrame) -> str:
    """Figure 12 in words."""
    worst = drawn["error"].abs().max()
    return (
        f"**Figure 12.** Model 0 on the data sets for $\\beta = {drawn['beta'].iloc[0]:g}$: its output (red) and its "
        "error, output minus target (green), over $\\mathbf{x} \\in [-1, 1]^2$; vertical axis from "
        f"{number(HEIGHT.vmin)} to {number(HEIGHT.vmax)}. The number in each panel is the largest error on "
        f"the grid, in absolute value; over all panels it is {worst:.2g}. n = 1 trained network per panel. "
        "*The paper's figure* shows the same: outputs on the target, errors near zero."
    )


def fig07_surface_caption(drawn: pd.DataFrame) -> str:
    """The surface panels of Figure 7 in words."""
    beta, alpha = values_text(drawn["beta"]), values_text(drawn["alpha"])
    return (
        f"**Figure 7, surfaces.** The surfaces of Figure 7's panels ($\\beta = {beta}$, $\\alpha$ = {alpha}), larger: "
        "the output of model 0 over its inputs; n = 1 trained network per panel."
    )


def draw_surface(axes: Axes, rows: pd.DataFrame, column: str) -> None:
    """One surface, coloured by height."""
    lines = {"edgecolor": (1, 1, 1, 0.35), "linewidth": 0.2}
    axes.plot_surface(*_mesh(rows, column), cmap=SURFACE_MAP, norm=HEIGHT, **lines, **MESH)
    _frame(axes)


def name_axes(axes: Axes, height: str = "") -> None:
    """Names of the inputs along the lower edges, and of the height above the vertical one."""
    names = {"$x_1$": (0, -1.35, HEIGHT.vmin), "$x_2$": (1.35, 0, HEIGHT.vmin), height: (1.15, 1.15, HEIGHT.vmax)}
    for name, place in names.items():
        axes.text(*place, name, fontsize=7, ha="center", va="center")


def _draw_fit(axes: Axes, rows: pd.DataFrame) -> None:
    for column, color in (("error", GREEN), ("fitted", RED)):
        axes.plot_wireframe(*_mesh(rows, column), color=color, linewidth=0.4, **MESH)
    _frame(axes)
    note = {"transform": axes.transAxes, "ha": "right", "va": "center", "fontsize": 7, "color": GREEN}
    axes.text2D(0.98, 1.02, f"{rows['error'].abs().max():.2g}", **note)


def _frame(axes: Axes) -> None:
    axes.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(HEIGHT.vmin, HEIGHT.vmax))
    axes.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1), zticks=(-1, 0, 1))
    axes.set(xticklabels=[], yticklabels=[], zticklabels=[])
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((0.97, 0.97, 0.97, 1.0))
    axes.tick_params(length=0)
    axes.set_box_aspect((1, 1, 0.8), zoom=1.08)


def _grid(table: pd.DataFrame, draw: Callable[[Axes, pd.DataFrame], None], color_bar: str | None = None) -> Figure:
    """One panel per α, edge to edge: the room that a layout engine keeps for 3-D labels would dwarf the panels."""
    alphas = sorted(table["alpha"].unique())
    columns = max(min(COLUMNS, len(alphas)), 1)
    rows = -(-len(alphas) // columns) or 1
    foot = FOOT if color_bar else 0.0
    side = min(PAGE / columns, LARGEST_PANEL)
    figure = Figure(figsize=(side * columns, rows * side + foot))
    total = figure.get_figheight()
    for place, alpha in enumerate(alphas):
        row, column = divmod(place, columns)
        top = total - row * side
        box = (column / columns, (top - side) / total, 1 / columns, (side - HEAD) / total)
        axes = figure.add_axes(box, projection="3d")
        draw(axes, table[table["alpha"] == alpha])
        if place == 0:
            name_axes(axes)
        figure.text((column + 0.06) / columns, (top - 0.02) / total, f"α = {alpha:g}", va="top", fontsize=7)
    if color_bar:
        bar_axes = figure.add_axes((0.35, 0.36 / total, 0.3, 0.07 / total))
        bar = figure.colorbar(ScalarMappable(HEIGHT, SURFACE_MAP), bar_axes, orientation="horizontal", label=color_bar)
        bar.set_ticks((-1, 0, 1))
        bar.outline.set_visible(False)
    return figure


def _mesh(rows: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    heights = rows.pivot(index="x2", columns="x1", values=column)
    x1, x2 = np.meshgrid(heights.columns.to_numpy(), heights.index.to_numpy())
    return x1, x2, heights.to_numpy()
