"""Figure 15 and the networks of Figure 7: trained architectures drawn as graphs."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from replication.report.style import HIDDEN_PATH, INK, PAGE, PALE, SKIP, styled
from replication.report.text import counted, listing, values_text

CUTOFF = 0.01  # weaker connections are not drawn, as in the paper
INPUTS = {1: "x₁", 2: "x₂", 3: "1"}
COLUMNS, LARGEST_PANEL = 7, 1.75  # panels in a row, inches
STRONGEST = 20  # paths that are drawn; the number beside counts the neurons of all
DRAWN = (
    f"In a network: the {STRONGEST} strongest paths above {CUTOFF:g}, orange, through hidden neurons, which stand in "
    "the grey band. The number beside it counts the neurons of all such paths. Purple: skip connections above "
    f"{CUTOFF:g}."
)

INPUT_HEIGHTS = {1: 0.3, 2: 0.0, 3: -0.3}
BAND = (0.5, 2.1)  # heights between which the hidden layer stands; the skips run straight below it


def fig15_table(paths: pd.DataFrame, skips: pd.DataFrame) -> pd.DataFrame:
    """The connections of model 0 above the cut-off: kind "path" (value Γ_jk) or "skip" (value W_31); which are "
    "drawn."""
    strong_paths = paths.loc[paths["gamma"].abs() > CUTOFF, ["beta", "alpha", "hidden", "input", "gamma"]]
    strong_skips = skips.loc[skips["w31"].abs() > CUTOFF, ["beta", "alpha", "input", "w31"]]
    ranks = strong_paths["gamma"].abs().groupby([strong_paths["beta"], strong_paths["alpha"]]).rank("first", False)
    table = pd.concat(
        [
            strong_paths.rename(columns={"gamma": "value"}).assign(kind="path", drawn=ranks <= STRONGEST),
            strong_skips.rename(columns={"w31": "value"}).assign(kind="skip", drawn=True),
        ],
        ignore_index=True,
    )
    table["hidden"] = table["hidden"].astype("Int64")
    return table.sort_values(["beta", "alpha", "kind", "hidden", "input"], ignore_index=True)


@styled
def fig15(paths: pd.DataFrame, skips: pd.DataFrame) -> Figure:
    """Figure 15: all trained architectures.

    One trained network for each data set: skips in purple, the strongest paths through hidden neurons in orange, the
    number of these neurons beside the grey band.

    The paper: at small α the skips do all the work; hidden neurons join as the task bends.
    """
    return _grid_of_networks(paths, skips, label_every=False)


@styled
def fig07_network(paths: pd.DataFrame, skips: pd.DataFrame) -> Figure:
    """Figure 7, enlarged: the networks.

    The trained networks of Figure 7's lower panels, one at each α.

    The paper: skips alone at α = 0, more and more hidden neurons as α grows.
    """
    return _grid_of_networks(paths, skips, label_every=True)


def fig15_result(drawn: pd.DataFrame) -> str:
    """From which α on hidden neurons are in use, for each β."""
    first = drawn[drawn["kind"] == "path"].groupby("beta")["alpha"].min()
    if first.empty:
        return f"No hidden neuron carries a path above {CUTOFF:g}."
    said = [f"from $\\alpha = {alpha:g}$ on for $\\beta = {beta:g}$" for beta, alpha in first.items()]
    return f"Hidden neurons carry paths above {CUTOFF:g} {listing(said)}."


def fig15_caption(drawn: pd.DataFrame) -> str:
    """Figure 15 in words."""
    return (
        f"**Figure 15.** {fig15_result(drawn)} Model 0 of every data set after training; left the inputs $x_1$, $x_2$ "
        f"and the bias, right the output. {DRAWN} The line width grows with the strength. n = 1 trained network per "
        "panel. *The paper's figure* uses the same cut-off: at low $\\alpha$ no hidden neuron is in use."
    )


def fig07_network_result(drawn: pd.DataFrame) -> str:
    """How many hidden neurons are in use at the first and the last α."""
    used = drawn[drawn["kind"] == "path"].groupby("alpha")["hidden"].nunique()
    used = used.reindex(sorted(drawn["alpha"].unique()), fill_value=0)
    ends = used.iloc[[0, -1][: len(used)]]
    counts = [counted(int(ends.iloc[0]), "hidden neuron"), *map(str, ends.iloc[1:])]
    said = [f"{count} at $\\alpha = {alpha:g}$" for count, alpha in zip(counts, ends.index, strict=True)]
    return f"The trained network uses {listing(said)}."


def fig07_network_caption(drawn: pd.DataFrame) -> str:
    """The network panels of Figure 7 in words."""
    return (
        f"**Figure 7, networks.** {fig07_network_result(drawn)} The network panels of Figure 7, larger, for "
        f"$\\beta = {values_text(drawn['beta'])}$. {DRAWN}"
    )


def full_strengths(paths: pd.DataFrame, skips: pd.DataFrame) -> tuple[float, float]:
    """|Γ_jk| and |W_31| that get the full line width: exceeded by 1 % of what is drawn."""
    return _full_strength(paths["gamma"]), _full_strength(skips["w31"])


def draw_network(
    axes: Axes, paths: pd.DataFrame, skips: pd.DataFrame, full: tuple[float, float], labels: bool = True
) -> None:
    """One trained 3-layer network: its strongest paths through hidden neurons above, skip connections straight below.

    paths, skips: rows of one network; full: the strengths that get the full line widths.
    """
    used = paths[paths["gamma"].abs() > CUTOFF]
    strong = used.loc[used["gamma"].abs().sort_values(ascending=False, kind="stable").index[:STRONGEST]]
    skips = skips[skips["w31"].abs() > CUTOFF]
    heights = _hidden_heights(strong)
    axes.add_patch(_band())
    skip_lines = [((0, INPUT_HEIGHTS[k]), (2, 0)) for k in skips["input"]]
    _connect(axes, skip_lines, skips["w31"], full[1], SKIP)
    into = [((0, INPUT_HEIGHTS[k]), (1, heights[j])) for j, k in zip(strong["hidden"], strong["input"], strict=True)]
    _connect(axes, into, strong["gamma"], full[0], HIDDEN_PATH)
    norms = (strong["gamma"] ** 2).groupby(strong["hidden"]).sum() ** 0.5
    _connect(axes, [((1, heights[j]), (2, 0)) for j in norms.index], norms, full[0], HIDDEN_PATH)
    axes.plot(np.ones(len(heights)), list(heights.values()), "o", color=HIDDEN_PATH, markersize=1.5, zorder=3)
    axes.plot([0, 0, 0, 2], [*INPUT_HEIGHTS.values(), 0], "o", color=INK, markersize=2.5, zorder=3)
    if labels:
        for k, height in INPUT_HEIGHTS.items():
            axes.text(-0.1, height, INPUTS[k], ha="right", va="center", fontsize=7)
        axes.text(2.1, 0, "y", ha="left", va="center", fontsize=7)
    axes.text(1.2, BAND[1], f"{used['hidden'].nunique()}", ha="left", va="top", fontsize=7)
    axes.set_xlim(-0.35, 2.25)
    axes.set_ylim(-0.4, 2.25)
    axes.set_axis_off()


def _grid_of_networks(paths: pd.DataFrame, skips: pd.DataFrame, label_every: bool) -> Figure:
    """A panel for each data set with a network, of which there may be skip connections alone."""
    both = pd.concat([paths[["beta", "alpha"]], skips[["beta", "alpha"]]])
    data_sets = both.drop_duplicates().sort_values(["beta", "alpha"])
    per_beta = data_sets.groupby("beta")["alpha"].apply(list)
    columns = min(COLUMNS, max(map(len, per_beta)))
    rows = [
        (beta, alphas[k : k + columns]) for beta, alphas in per_beta.items() for k in range(0, len(alphas), columns)
    ]
    side = min(PAGE / columns, LARGEST_PANEL)
    figure = Figure(figsize=(side * columns, side * len(rows) + 0.1), layout="constrained")
    panels = figure.subplots(len(rows), columns, squeeze=False)
    full = full_strengths(paths, skips)
    for axes_row, (beta, alphas) in zip(panels, rows, strict=True):
        for axes in axes_row[len(alphas) :]:
            axes.set_axis_off()
        for axes, alpha in zip(axes_row, alphas, strict=False):
            here = {"beta": beta, "alpha": alpha}
            draw_network(axes, _rows(paths, here), _rows(skips, here), full, label_every or axes is axes_row[0])
            prefix = f"β = {beta:g}, " if axes is axes_row[0] else ""
            axes.set_title(f"{prefix}α = {alpha:g}", loc="center", fontsize=7)
    return figure


def _hidden_heights(strong: pd.DataFrame) -> dict[int, float]:
    """Heights of the drawn hidden neurons, ordered by the input that feeds them most: few crossings."""
    weights = strong.assign(weight=strong["gamma"].abs(), height=strong["input"].map(INPUT_HEIGHTS))
    sums = weights.assign(moment=weights["weight"] * weights["height"]).groupby("hidden")[["moment", "weight"]].sum()
    order = (sums["moment"] / sums["weight"]).sort_values(kind="stable").index
    margin = (BAND[1] - BAND[0]) / (2 * max(len(order), 1))
    return dict(zip(order, np.linspace(BAND[0] + margin, BAND[1] - margin, len(order)), strict=True))


def _connect(axes: Axes, lines: list, strengths: pd.Series, full: float, color: str) -> None:
    """Lines as wide as they are strong."""
    widths = 0.15 + 0.8 * np.minimum(np.abs(strengths.to_numpy(dtype=float)) / full, 1)
    axes.add_collection(LineCollection(lines, linewidths=widths, colors=color, alpha=0.8, capstyle="round"))


def _band() -> FancyBboxPatch:
    width, padding = 0.1, 0.04
    shape = f"round,pad={padding},rounding_size=0.06"
    return FancyBboxPatch((1 - width / 2, BAND[0]), width, BAND[1] - BAND[0], boxstyle=shape, color=PALE, linewidth=0)


def _full_strength(values: pd.Series) -> float:
    drawn = values.abs()[values.abs() > CUTOFF]
    return float(drawn.quantile(0.99)) if len(drawn) else CUTOFF


def _rows(table: pd.DataFrame, here: dict) -> pd.DataFrame:
    return table[(table["beta"] == here["beta"]) & (table["alpha"] == here["alpha"])]
