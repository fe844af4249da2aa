"""Figures 3 to 5: Φ, Λ and A of networks of two, three and more layers, as the library computes them."""

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from replication.report.style import INK, PAGE, PALE, styled
from replication.report.text import counted, listing
from sparcs import spectral

SEED = 3
TWO, THREE, MANY = (5, 4), (4, 5, 3), (4, 3, 5, 3, 4, 3)  # widths of the layers
TITLES = {
    "Φ": "(a)  $\\Phi{0}$, eigenvectors",
    "Λ": "(b)  $\\Lambda{0}$, eigenvalues",
    "A": "(c)  $A{0} = \\Phi{0}\\Lambda{0}\\Phi{0}^{{-1}}$, weights",
}
DECIMALS = 12  # round-off is no entry
VALUES = "value of the entry (grey: zero)"
# Figure 5: left, bottom, width and height of its matrices and of the scale, shares of the figure
PLACES = {"Φ": (0.03, 0.52, 0.28, 0.39), "Λ": (0.03, 0.03, 0.28, 0.39), "A": (0.345, 0.1, 0.53, 0.81)}
BAR = (0.9, 0.1, 0.015, 0.81)


def random_network(widths: Sequence[int], seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """λ of either sign between 0.3 and 1 in size; φ so too, times 1.3/√N_k: no product outgrows the others."""
    random = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return random.uniform(0.3, 1, shape) * random.choice([-1, 1], shape)

    phi = [1.3 / np.sqrt(before) * draw(after, before) for before, after in pairwise(widths)]
    return phi, [draw(width) for width in widths]


def matrices_table(widths: Sequence[int], seed: int = SEED) -> pd.DataFrame:
    """Every entry of Φ, Λ and A of one random network: matrix, target and source (layers), row, column, value."""
    phi, lam = random_network(widths, seed)
    matrices = (spectral.eigenvector_matrix(phi), spectral.eigenvalue_matrix(lam), spectral.adjacency(phi, lam))
    layer = np.repeat(np.arange(1, len(widths) + 1), widths)
    rows, columns = (index.ravel() for index in np.indices(matrices[0].shape))
    tables = [
        pd.DataFrame(
            {
                "matrix": name,
                "target": layer[rows],
                "source": layer[columns],
                "row": rows + 1,
                "column": columns + 1,
                "value": matrix.ravel().round(DECIMALS) + 0.0,  # no −0
            }
        )
        for name, matrix in zip(TITLES, matrices, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def fig03_table() -> pd.DataFrame:
    """Φ, Λ and A of a network of two layers."""
    return matrices_table(TWO)


def fig04_table() -> pd.DataFrame:
    """Φ₂, Λ₂ and A₂ of a network of three layers."""
    return matrices_table(THREE)


def fig05_table() -> pd.DataFrame:
    """Φ_B, Λ_B and A_B of a network of six layers, B = 5."""
    return matrices_table(MANY)


@styled
def fig03(drawn: pd.DataFrame) -> Figure:
    """Figure 3: eigenvectors, eigenvalues and adjacency of two layers.

    The blocks of Φ, Λ and A = ΦΛΦ⁻¹ for a network without hidden layer, filled with numbers of a random one.

    The paper: for two layers A has one block of weights below its diagonal, built from φ₁ and the eigenvalues on either
    side of it.
    """
    return _three_panels(drawn, "", "$W_{21} = \\phi L_1 - L_2\\phi$", 2.5)


@styled
def fig04(drawn: pd.DataFrame) -> Figure:
    """Figure 4: three layers, and a skip appears.

    The blocks of Φ, Λ and A for one hidden layer, labelled.

    The paper: beside the two bundles between neighbours A holds a third, from the input straight to the output.
    """
    formulas = (
        "$W_{21} = \\phi_1 L_1 - L_2\\phi_1$\n$W_{32} = \\phi_2 L_2 - L_3\\phi_2$\n"
        "$W_{31} = (L_3\\phi_2 - \\phi_2 L_2)\\,\\phi_1$"
    )
    return _three_panels(drawn, "_2", formulas, 2.75)


@styled
def fig05(drawn: pd.DataFrame) -> Figure:
    """Figure 5: any number of layers.

    The blocks of Φ, Λ and A for B+1 layers.

    The paper: every pair of layers gets a bundle W_ij, given in closed form by equation 4.3.
    """
    figure = Figure(figsize=(PAGE, 4.6))  # places by hand: the layout engine's last digits differ between processes
    limit = drawn["value"].abs().max()
    for name, place in PLACES.items():
        axes = figure.add_axes(place)
        draw_matrix(axes, drawn[drawn["matrix"] == name], limit)
        axes.set_title(TITLES[name].format("_B"), pad=4)
    axes.set_xlabel(
        "$W_{ij} = (-1)^{i-1-j}\\,[\\phi_{i-1}L_{i-1} - L_i\\phi_{i-1}]\\;\\phi_{i-2}\\,\\ldots\\,\\phi_j$", labelpad=6
    )
    figure.colorbar(scale(limit), cax=figure.add_axes(BAR), label=VALUES)
    return figure


def fig03_result(drawn: pd.DataFrame) -> str:
    """How many bundles of weights the block of eigenvectors gives."""
    return _bundles(drawn)


def fig03_caption(drawn: pd.DataFrame) -> str:
    """Figure 3 in words."""
    return (
        f"**Figure 3.** {fig03_result(drawn)} Layers of {_widths(drawn)} neurons as matrices. The matrix $\\Phi$ holds "
        "the block $\\phi$ below a diagonal of ones, $\\Lambda$ the eigenvalues. In $A = \\Phi\\Lambda\\Phi^{-1}$ the "
        f"eigenvalues stand on the diagonal and the weights $W_{{21}}$ below it. {_computed(drawn)} *The paper's "
        "figure* is a drawing of the same blocks."
    )


def fig04_result(drawn: pd.DataFrame) -> str:
    """How many bundles of weights the blocks of eigenvectors give."""
    return _bundles(drawn)


def fig04_caption(drawn: pd.DataFrame) -> str:
    """Figure 4 in words."""
    return (
        f"**Figure 4.** {fig04_result(drawn)} Layers of {_widths(drawn)} neurons. The skip $W_{{31}}$ from input to "
        f"output has no parameters of its own. {_computed(drawn)} *The paper's figure* is a drawing of the same blocks."
    )


def fig05_result(drawn: pd.DataFrame) -> str:
    """How many bundles of weights the blocks of eigenvectors give."""
    return _bundles(drawn)


def fig05_caption(drawn: pd.DataFrame) -> str:
    """Figure 5 in words."""
    layers = drawn["target"].max()
    return (
        f"**Figure 5.** {fig05_result(drawn)} Layers of {_widths(drawn)} neurons, $B = {layers - 1}$. The blocks "
        f"$\\phi_1$ to $\\phi_{layers - 1}$ and the eigenvalues $L_1$ to $L_{layers}$ determine every $W_{{ij}}$ of "
        f"(4.3). {_computed(drawn)} *The paper's figure* is a drawing for any $B$; its text counts $B$ diagonal blocks "
        "in $\\Lambda_B$, there are $B + 1$."
    )


def _bundles(drawn: pd.DataFrame) -> str:
    """How many bundles of weights how many blocks of eigenvectors give."""
    filled = drawn[(drawn["value"] != 0) & (drawn["target"] > drawn["source"])]
    blocks = filled[["matrix", "target", "source"]].drop_duplicates().groupby("matrix").size()
    return (
        f"{counted(blocks['Φ'], 'block')} of eigenvectors {'gives' if blocks['Φ'] == 1 else 'give'} "
        f"{counted(blocks['A'], 'bundle')} of weights, one between every two of {drawn['target'].max()} layers."
    )


def scale(limit: float) -> ScalarMappable:
    """Blue for negative, red for positive, from −limit to limit."""
    return ScalarMappable(Normalize(-limit, limit), colors())


def colors() -> Colormap:
    """A diverging map that reads with any colour vision; zeros, masked, are grey."""
    return colormaps["RdBu_r"].with_extremes(bad=PALE)


def draw_matrix(axes: Axes, rows: pd.DataFrame, limit: float) -> None:
    """One matrix as coloured cells, its blocks divided and named; rows: those of the matrix."""
    values = rows.pivot(index="row", columns="column", values="value").to_numpy()
    ends = np.cumsum([0, *rows.groupby("target")["row"].nunique()])
    mesh = np.ma.masked_equal(values, 0)
    axes.pcolormesh(mesh, cmap=colors(), vmin=-limit, vmax=limit, edgecolors="white", linewidth=0.3)
    size = len(values)
    for end in ends:
        axes.plot([0, size], [end, end], color=INK, linewidth=0.6, clip_on=False)
        axes.plot([end, end], [0, size], color=INK, linewidth=0.6, clip_on=False)
    middles = (ends[1:] + ends[:-1]) / 2
    box = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    for (i, y), (j, x) in product(enumerate(middles, start=1), repeat=2):
        aside = 0.26 * (ends[i] - ends[i - 1]) * (i == j)  # beside the diagonal, whose entries stay visible
        text = block_name(rows["matrix"].iloc[0], i, j, len(middles))
        if text:
            axes.text(x + aside, y - aside, text, ha="center", va="center", fontsize=7, bbox=box if i > j else None)
    labels = [f"$N_{k}$" for k in range(1, len(middles) + 1)]
    axes.set_xticks(middles, labels)
    axes.set_yticks(middles, labels)
    axes.tick_params(length=0, pad=2, labeltop=True, labelbottom=False)
    axes.set_xlim(0, size)
    axes.set_ylim(size, 0)
    axes.set_aspect("equal")
    axes.grid(False)
    axes.spines[:].set_visible(False)


def block_name(matrix: str, i: int, j: int, layers: int) -> str:
    """What stands in block (i, j): φ_j, L_i, W_ij; nothing where there is only the identity or zero."""
    if matrix == "Φ":
        return ("$\\phi$" if layers == 2 else f"$\\phi_{j}$") if i == j + 1 else ""
    if i == j:
        return f"$L_{i}$"
    return f"$W_{{{i}{j}}}$" if matrix == "A" and i > j else ""


def _three_panels(drawn: pd.DataFrame, subscript: str, formulas: str, height: float) -> Figure:
    figure = Figure(figsize=(PAGE, height), layout="constrained")
    panels = figure.subplots(1, 3)
    limit = drawn["value"].abs().max()
    for axes, (name, title) in zip(panels, TITLES.items(), strict=True):
        draw_matrix(axes, drawn[drawn["matrix"] == name], limit)
        axes.set_title(title.format(subscript), pad=4)
    panels[-1].set_xlabel(formulas, labelpad=6)
    figure.colorbar(scale(limit), ax=panels, label=VALUES, shrink=0.85, aspect=25)
    return figure


def _widths(drawn: pd.DataFrame) -> str:
    widths = drawn.groupby("target")["row"].nunique()
    return listing([str(count) for count in widths]) if len(widths) < 4 else f"{widths.min()} to {widths.max()}"


def _computed(drawn: pd.DataFrame) -> str:
    above = drawn[drawn["source"] > drawn["target"]]
    return (
        f"Entries of one random network, computed; {int((above['value'] == 0).sum())} of {len(above)} above the "
        "diagonal blocks are zero."
    )
