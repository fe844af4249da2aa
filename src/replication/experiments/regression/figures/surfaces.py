"""Figures 11 and 12 and the surfaces of Figure 7: targets and fits over the square of inputs, in 3-D."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from replication.report.style import GREEN, PAGE, SURFACE_MAP, styled
from replication.report.text import counted, listing, number, values_text

SIX, FIVE = (0, 0.2, 0.4, 0.6, 0.8, 1), (0, 0.25, 0.5, 0.75, 1)  # α of Figures 11 and 12
COLUMNS = 3  # surfaces in a row
HEAD, FOOT, LARGEST_PANEL = 0.1, 0.5, 2.3  # inches: the title's room, the colour bar's, the side of a panel
HEIGHT = Normalize(-1, 1)  # the data of every α lie in this range
ERROR_MAP = "RdBu_r"
MESH = {"rstride": 2, "cstride": 2, "rasterized": True}
INCHES = 4.5  # the height of Figure 12


def chosen(table: pd.DataFrame, wanted: Sequence[float]) -> list[float]:
    """The α of a table that are nearest to the wanted ones, in their order."""
    alphas = np.sort(table["alpha"].unique())
    return sorted({float(alphas[np.abs(alphas - each).argmin()]) for each in wanted}) if len(alphas) else []


@styled
def fig11(surface: pd.DataFrame) -> Figure:
    """Figure 11: the tasks.

    The functions to learn for β = 5, at a few α.

    The paper: one parameter takes the task from a plane to a paraboloid.
    """
    return _grid(surface, chosen(surface, surface["alpha"].unique()), "target", "target f(x)")


@styled
def fig11_rest(surface: pd.DataFrame) -> Figure:
    """Figure 11, the rest: the tasks between.

    The functions to learn for β = 5, at the α that Figure 11 leaves out.

    The paper: the same data sets as sampled points, at every α.
    """
    return _grid(surface, chosen(surface, surface["alpha"].unique()), "target", "target f(x)", columns=5)


@styled
def fig07_surface(surface: pd.DataFrame) -> Figure:
    """Figure 7, enlarged: the fits.

    The function that each of these networks has learnt.

    The paper: a plane at α = 0 bends into a paraboloid at α = 1.
    """
    return _grid(surface, chosen(surface, surface["alpha"].unique()), "fitted", "network's output", columns=4)


@styled
def fig12(drawn: pd.DataFrame) -> Figure:
    """Figure 12: the fits and their errors.

    What the first network of a data set has learnt for β = 5, and maps of how far it is from the task, at a few α;
    below, the largest error at every α.

    The paper: the fits are good at every α.
    """
    alphas = chosen(drawn, FIVE)
    figure = Figure(figsize=(PAGE, INCHES))
    width = 1 / len(FIVE)
    some = drawn[drawn["alpha"].isin(alphas)]
    limit = Normalize(*(sign * max(some["error"].abs().max(), 1e-12) for sign in (-1, 1)))
    for column, alpha in enumerate(alphas):
        rows = drawn[drawn["alpha"] == alpha]
        surface = figure.add_axes((column * width, 0.68, width, 0.31), projection="3d")
        draw_surface(surface, rows, "fitted")
        if column == 0:
            name_axes(surface, "$y$")
        figure.text((column + 0.04) * width, 0.99, f"α = {alpha:g}", va="top", fontsize=8)
        _draw_error(
            figure.add_axes((0.055 + column * 0.168, 0.385, 0.15, 0.15 * PAGE / INCHES)), rows, limit, not column
        )
    bar_axes = figure.add_axes((0.9, 0.39, 0.012, 0.22))
    figure.colorbar(ScalarMappable(limit, ERROR_MAP), bar_axes, label="output − target").outline.set_visible(False)
    every = figure.add_axes((0.09, 0.1, 0.9, 0.18))
    largest = drawn["error"].abs().groupby(drawn["alpha"]).max()
    every.plot(largest.index, largest, "o-", color=GREEN)
    every.set(xlabel="degree of non-linearity α", ylabel="largest error", xlim=(-0.02, 1.02), ylim=(0, None))
    return figure


def fig11_table(surface: pd.DataFrame, beta: float) -> pd.DataFrame:
    """The target on the grid, for one β and a few α."""
    targets = _targets(surface, beta)
    return targets[targets["alpha"].isin(chosen(targets, SIX))]


def fig11_rest_table(surface: pd.DataFrame, beta: float) -> pd.DataFrame:
    """The target on the grid, for one β and the α that Figure 11 leaves out."""
    targets = _targets(surface, beta)
    return targets[~targets["alpha"].isin(chosen(targets, SIX))]


def _targets(surface: pd.DataFrame, beta: float) -> pd.DataFrame:
    return surface.loc[surface["beta"] == beta, ["beta", "alpha", "x1", "x2", "target"]]


def fig12_table(surface: pd.DataFrame, beta: float) -> pd.DataFrame:
    """Target, fit and error = fit − target on the grid, for one β; a diverged model 0 is left out."""
    table = surface.loc[surface["beta"] == beta, ["beta", "alpha", "x1", "x2", "target", "fitted"]].dropna()
    return table.assign(error=table["fitted"] - table["target"])


def fig11_result(drawn: pd.DataFrame) -> str:
    """How much of the target a plane explains at both ends."""
    return _of_planes(drawn, "target", "target")


def fig11_caption(drawn: pd.DataFrame) -> str:
    """Figure 11 in words."""
    return (
        f"**Figure 11.** {fig11_result(drawn)} The target $f(\\mathbf{{x}})$ of (5.1) for $\\beta = "
        f"{drawn['beta'].iloc[0]:g}$ over $\\mathbf{{x}} \\in [-1, 1]^2$. Exact, on a grid; vertical axis and colour "
        f"from {number(HEIGHT.vmin)} to {number(HEIGHT.vmax)} in every panel. "
        "*The paper's figure* shows the same data sets as sampled points."
    )


def fig11_rest_result(drawn: pd.DataFrame) -> str:
    """How much of the target a plane explains at both ends."""
    return _of_planes(drawn, "target", "target")


def fig11_rest_caption(drawn: pd.DataFrame) -> str:
    """The rest of Figure 11 in words."""
    return (
        f"**Figure 11, the rest.** {fig11_rest_result(drawn)} The target as in Figure 11, at the other "
        f"{counted(drawn['alpha'].nunique(), 'value')} of $\\alpha$."
    )


def fig12_result(drawn: pd.DataFrame) -> str:
    """The largest error of all, and where it is."""
    worst = drawn.loc[drawn["error"].abs().idxmax()]
    fits = counted(drawn["alpha"].nunique(), "fit")
    return f"The largest error of {fits} is {abs(worst['error']):.2g}, at $\\alpha = {worst['alpha']:g}$."


def fig12_caption(drawn: pd.DataFrame) -> str:
    """Figure 12 in words."""
    return (
        f"**Figure 12.** {fig12_result(drawn)} Model 0 for $\\beta = {drawn['beta'].iloc[0]:g}$ over $\\mathbf{{x}} "
        f"\\in [-1, 1]^2$. Above: its output, axis and colour from {number(HEIGHT.vmin)} to {number(HEIGHT.vmax)}. "
        "Middle: maps of its error, output minus target. Below: the largest error on the grid, in absolute value, at "
        "every $\\alpha$. n = 1 trained network per data set. *The paper's figure* shows the same: outputs on the "
        "target, errors near zero."
    )


def fig07_surface_result(drawn: pd.DataFrame) -> str:
    """How much of the output a plane explains at both ends."""
    return _of_planes(drawn, "fitted", "network's output")


def fig07_surface_caption(drawn: pd.DataFrame) -> str:
    """The surface panels of Figure 7 in words."""
    return (
        f"**Figure 7, surfaces.** {fig07_surface_result(drawn)} The surfaces of Figure 7's panels, larger, for $\\beta "
        f"= {values_text(drawn['beta'])}$: the output of model 0 over its inputs; n = 1 trained network per panel."
    )


def _of_planes(drawn: pd.DataFrame, column: str, what: str) -> str:
    """The share of a function's variance that the best plane explains, at the first and the last α."""
    drawn = drawn.dropna(subset=[column])
    if drawn.empty:
        return f"There is no {what} to compare with a plane."
    ends = sorted({drawn["alpha"].min(), drawn["alpha"].max()})
    shares = [f"{100 * _plane(drawn[drawn['alpha'] == alpha], column):.0f} %" for alpha in ends]
    shares[0] += f" of the variance of the {what}"
    said = [f"{share} at $\\alpha = {alpha:g}$" for share, alpha in zip(shares, ends, strict=True)]
    return f"A plane explains {listing(said)}."


def _plane(rows: pd.DataFrame, column: str) -> float:
    """R² of the least-squares plane through one function on the grid; 1 for a constant one."""
    inputs = np.column_stack([rows["x1"], rows["x2"], np.ones(len(rows))])  # (points, 3)
    values = rows[column].to_numpy()
    rest = values - inputs @ np.linalg.lstsq(inputs, values, rcond=None)[0]
    return 1 - float(rest.var() / values.var()) if values.var() else 1.0


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


def _draw_error(axes: Axes, rows: pd.DataFrame, limit: Normalize, named: bool) -> None:
    x1, x2, errors = _mesh(rows, "error")
    axes.pcolormesh(x1, x2, errors, norm=limit, cmap=ERROR_MAP, shading="nearest", rasterized=True)
    axes.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1) if named else (), xlabel="$x_1$")
    axes.set_ylabel("$x_2$" if named else "", labelpad=-2)
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_title(f"largest {rows['error'].abs().max():.2g}", fontsize=7, pad=3)


def _frame(axes: Axes) -> None:
    axes.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(HEIGHT.vmin, HEIGHT.vmax))
    axes.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1), zticks=(-1, 0, 1))
    axes.set(xticklabels=[], yticklabels=[], zticklabels=[])
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((0.97, 0.97, 0.97, 1.0))
    axes.tick_params(length=0)
    axes.set_box_aspect((1, 1, 0.8), zoom=1.08)


def _grid(table: pd.DataFrame, alphas: Sequence[float], column: str, label: str, columns: int = COLUMNS) -> Figure:
    """A surface per α, edge to edge: the room that a layout engine keeps for 3-D labels would dwarf the panels."""
    columns = max(min(columns, len(alphas)), 1)
    rows = -(-len(alphas) // columns) or 1
    side = min(PAGE / columns, LARGEST_PANEL)
    figure = Figure(figsize=(side * columns, rows * side + FOOT))
    total = figure.get_figheight()
    for place, alpha in enumerate(alphas):
        row, at = divmod(place, columns)
        top = total - row * side
        axes = figure.add_axes(
            (at / columns, (top - side) / total, 1 / columns, (side - HEAD) / total), projection="3d"
        )
        draw_surface(axes, table[table["alpha"] == alpha], column)
        if place == 0:
            name_axes(axes)
        figure.text((at + 0.06) / columns, (top - 0.02) / total, f"α = {alpha:g}", va="top", fontsize=8)
    bar_axes = figure.add_axes((0.35, 0.36 / total, 0.3, 0.07 / total))
    bar = figure.colorbar(ScalarMappable(HEIGHT, SURFACE_MAP), bar_axes, orientation="horizontal", label=label)
    bar.set_ticks((-1, 0, 1))
    bar.outline.set_visible(False)
    return figure


def _mesh(rows: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    heights = rows.pivot(index="x2", columns="x1", values=column)
    x1, x2 = np.meshgrid(heights.columns.to_numpy(), heights.index.to_numpy())
    return x1, x2, heights.to_numpy()
