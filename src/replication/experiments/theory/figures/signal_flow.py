"""Figures 1 and 2: how A^(k) and π carry a signal from layer to layer, and that self loops don't matter there."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from replication.experiments.theory.figures.matrices import VALUES, colors, random_network, scale
from replication.report.style import BLUE, GREEN, INK, ORANGE, PAGE, styled
from replication.report.text import number
from sparcs import spectral

SEED = 33
WIDTHS = (4, 3, 2)  # layers k, k+1, k+2
BANDS = (BLUE, ORANGE, GREEN)  # their colours
LAYERS = ("$k$", "$k{+}1$", "$k{+}2$")
GAP, MARGIN = 1.15, 0.7  # in cells: between the parts of an equation, around it
Part = tuple[str, np.ndarray, Sequence[int], Sequence[int]]  # name, (rows, columns), layer of each row and column


def pair_matrix(phi: np.ndarray, lam: Sequence[np.ndarray], loops: bool) -> np.ndarray:
    """A^(k) = Φ^(k)Λ^(k)(Φ^(k))⁻¹ of two neighbouring layers, (N_k + N_{k+1}, N_k + N_{k+1}).

    phi: φ, (N_{k+1}, N_k); lam: λ_k and λ_{k+1}. Without ``loops`` the diagonal, the eigenvalues, is set to 0.
    """
    matrix = spectral.adjacency([phi], lam)
    return matrix if loops else matrix - np.diag(np.diag(matrix))


def projection(below: int, to: int, after: int) -> np.ndarray:
    """π: moves the last N_{k+1} entries to the top and fills up with zeros, (N_{k+1} + N_{k+2}, N_k + N_{k+1})."""
    return np.eye(to + after, below + to, k=below) * (np.arange(to + after) < to)[:, None]


def fig01_table() -> pd.DataFrame:
    """Two transfers and the projection between them as three equations result = matrix · vector."""
    phi, lam = random_network(WIDTHS, SEED)
    a, b, c = WIDTHS
    lower, upper = [1] * a + [2] * b, [2] * b + [3] * c  # layer of each entry
    signal, pi = _input(a, b), projection(a, b, c)
    transfer, onward = pair_matrix(phi[0], lam[:2], False), pair_matrix(phi[1], lam[1:], False)
    arrived = transfer @ signal
    filtered = np.maximum(arrived, 0)
    moved = pi @ filtered
    return _table(
        {
            "transfer": [("a*_k", arrived, lower), ("A^(k)", transfer, lower, lower), ("a_k", signal, lower)],
            "projection": [("a_{k+1}", moved, upper), ("π", pi, upper, lower), ("f(a*_k)", filtered, lower)],
            "next transfer": [
                ("a*_{k+1}", onward @ moved, upper),
                ("A^(k+1)", onward, upper, upper),
                ("a_{k+1}", moved, upper),
            ],
        }
    )


def fig02_table() -> pd.DataFrame:
    """One transfer without and with self loops as equations result = matrix · vector."""
    phi, lam = random_network(WIDTHS, SEED)
    a, b = WIDTHS[:2]
    layers = [1] * a + [2] * b  # layer of each entry
    signal = _input(a, b)
    equations = {}
    for step, loops in (("without self loops", False), ("with self loops", True)):
        matrix = pair_matrix(phi[0], lam[:2], loops)
        equations[step] = [
            ("a*_k", matrix @ signal, layers),
            ("A^(k)", matrix, layers, layers),
            ("a_k", signal, layers),
        ]
    return _table(equations)


@styled
def fig01(drawn: pd.DataFrame) -> Figure:
    """Figure 1: the signal, one layer at a time.

    The activity vector of a whole network and the matrix A(k) that carries it from layer k to layer k+1, with the
    projection π that keeps the part just reached.

    The paper: applying A(k) and then π moves the signal on by exactly one layer.
    """
    titles = {
        "transfer": "1.  transfer to layer $k{+}1$",
        "projection": "2.  filter $f$ and projection $\\pi$",
        "next transfer": "3.  transfer to layer $k{+}2$",
    }
    return _equations(drawn, titles, marked=())


@styled
def fig02(drawn: pd.DataFrame) -> Figure:
    """Figure 2: self-loops do not matter to the next layer.

    The adjacency matrix with and without its diagonal (the self-loops), each applied to the same activity.

    The paper: with or without self-loops, the same part of the output reaches layer k+1.
    """
    titles = {"without self loops": "without self loops", "with self loops": "with self loops, the eigenvalues"}
    return _equations(drawn, titles, marked=("a*_k",))


def fig01_result(drawn: pd.DataFrame) -> str:
    """How much of what reaches the next layer passes the filter, and what the projection does to it."""
    filtered, moved = (
        drawn[(drawn["step"] == "projection") & (drawn["object"] == name)].sort_values("row")["value"].to_numpy()
        for name in ("f(a*_k)", "a_{k+1}")
    )
    first, second, _ = WIDTHS
    reached, arrived = filtered[first:], moved[:second]
    return (
        f"The filter passes {np.count_nonzero(reached)} of {second} entries that reach layer $k+1$, and the projection "
        f"moves them up with an error of {number(np.abs(reached - arrived).max())}."
    )


def fig01_caption(drawn: pd.DataFrame) -> str:
    """Figure 1 in words."""
    a, b, c = WIDTHS
    return (
        f"**Figure 1.** {fig01_result(drawn)} A signal goes from layer $k$ ({a} neurons, blue) to $k+1$ ({b}, orange) "
        f"and $k+2$ ({c}, green). The matrix $A^{{(k)}}$ takes it from the upper part of $\\mathbf{{a}}_k$ to the "
        "lower part of $\\mathbf{a}^*_k$. After the filter, $f$ = ReLU, the projection $\\pi$ moves that part up, "
        "where $A^{(k+1)}$ finds it (2.1). Entries of one random network, computed, without self loops. *The paper's "
        "figure* is a drawing of the same three steps."
    )


def fig02_result(drawn: pd.DataFrame) -> str:
    """By how much self loops change what reaches the next layer, and the rest."""
    results = drawn[drawn["object"] == "a*_k"].pivot(index=["target", "row"], columns="step", values="value")
    apart = (results["with self loops"] - results["without self loops"]).abs().groupby("target").max()
    return (
        f"Self loops leave the signal for layer $k+1$ as it is: its entries differ by {number(apart[2])}, those that "
        f"$\\pi$ drops by up to {number(apart[1])}."
    )


def fig02_caption(drawn: pd.DataFrame) -> str:
    """Figure 2 in words."""
    return (
        f"**Figure 2.** {fig02_result(drawn)} The framed parts of $\\mathbf{{a}}^*_k$ go on, the parts above are "
        "dropped. Left: only weights in $A^{(k)}$; right: the eigenvalues on its diagonal too, as "
        "$\\Phi\\Lambda\\Phi^{-1}$ has them. The network and the signal of Figure 1. *The paper's figure* is a drawing "
        "of the same."
    )


def _input(size: int, zeros: int) -> np.ndarray:
    """A positive signal on the first layer of a pair, zeros on the second."""
    return np.append(np.random.default_rng(SEED).uniform(0.3, 1, size), np.zeros(zeros))


def _table(equations: dict[str, list]) -> pd.DataFrame:
    """Tidy rows: step, object, target and source (layer k is 1; a vector has source 0), row, column, value."""
    rows = []
    for step, parts in equations.items():
        for name, values, targets, *sources in parts:
            matrix = values.reshape(len(targets), -1)
            origin = sources[0] if sources else [0]
            for (row, column), value in np.ndenumerate(matrix.round(12) + 0.0):
                rows.append((step, name, targets[row], origin[column], row + 1, column + 1, value))
    columns = ["step", "object", "target", "source", "row", "column", "value"]
    return pd.DataFrame(rows, columns=columns)


def _equations(drawn: pd.DataFrame, titles: dict[str, str], marked: Sequence[str]) -> Figure:
    steps = {step: _parts(drawn[drawn["step"] == step]) for step in titles}
    widths = [_width(parts) for parts in steps.values()]
    tallest = max(len(part[1]) for parts in steps.values() for part in parts)
    cell = min((PAGE - 1.1) / sum(widths), 0.26)  # inches
    figure = Figure(figsize=(PAGE, cell * (tallest + 2.6) + 0.3), layout="constrained")
    panels = figure.subplots(1, len(steps), width_ratios=widths, squeeze=False)[0]
    limit = drawn["value"].abs().max()
    for axes, (step, parts), width in zip(panels, steps.items(), widths, strict=True):
        _draw_equation(axes, parts, limit, marked)
        axes.set_title(titles[step], pad=4)
        axes.set_xlim(-MARGIN, width - MARGIN)
        axes.set_ylim(tallest + 0.2, -2.4)
        axes.set_aspect("equal")
        axes.set_axis_off()
    figure.colorbar(scale(limit), ax=panels, label=VALUES, aspect=18)
    return figure


def _parts(rows: pd.DataFrame) -> list[Part]:
    """The three parts of an equation from left to right."""
    parts = []
    for name, entries in rows.groupby("object", sort=False):
        values = entries.pivot(index="row", columns="column", values="value").to_numpy()
        targets = entries.drop_duplicates("row")["target"].tolist()
        parts.append((name, values, targets, entries.drop_duplicates("column")["source"].tolist()))
    return parts


def _width(parts: list[Part]) -> float:
    return sum(values.shape[1] for _, values, _, _ in parts) + GAP * (len(parts) - 1) + 2 * MARGIN


def _draw_equation(axes: Axes, parts: list[Part], limit: float, marked: Sequence[str]) -> None:
    """Result = matrix · vector; a band left of every part, and above the matrix, has the colour of its layer."""
    left = 0.0
    for place, (name, values, targets, sources) in enumerate(parts):
        rows, columns = values.shape
        x, y = left + np.arange(columns + 1), np.arange(rows + 1)
        mesh = np.ma.masked_equal(values, 0)
        axes.pcolormesh(x, y, mesh, cmap=colors(), vmin=-limit, vmax=limit, edgecolors="white", linewidth=0.5)
        for row, layer in enumerate(targets):
            axes.add_patch(Rectangle((left - 0.32, row), 0.22, 1, color=BANDS[layer - 1], linewidth=0))
        for column, layer in enumerate(sources):
            if layer:
                axes.add_patch(Rectangle((left + column, -0.32), 1, 0.22, color=BANDS[layer - 1], linewidth=0))
        for layer in sorted(set(sources) - {0}):
            middle = left + np.mean([column + 0.5 for column, source in enumerate(sources) if source == layer])
            axes.text(middle, -0.45, LAYERS[layer - 1], ha="center", va="bottom", fontsize=7)
        axes.text(left + columns / 2, -1.3, _label(name), ha="center", va="baseline")
        if name in marked:
            lower = targets.index(max(targets))
            axes.add_patch(
                Rectangle((left, lower), 1, rows - lower, fill=False, edgecolor=INK, linewidth=1.4, zorder=3)
            )
        if place == 0:
            axes.text(left + columns + (GAP - 0.32) / 2, rows / 2, "=", ha="center", va="center", fontsize=9)
        left += columns + GAP


def _label(name: str) -> str:
    """A part's name as a formula."""
    vectors = {"f(a*_k)": "$f(\\mathbf{a}^*_k)$", "π": "$\\pi$"}
    if name in vectors:
        return vectors[name]
    head, subscript = name.split("^" if name.startswith("A") else "_")
    if head == "A":
        return f"$A^{{{subscript}}}$"
    return f"$\\mathbf{{{head[0]}}}{'^*' if head.endswith('*') else ''}_{subscript}$"
