"""Figure 9: how the hidden eigenvalues of the teacher–student networks are distributed after training."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.experiments.teacher_student.layers import color, eigenvalues, name
from replication.report.histograms import FLOOR, histogram, log_edges
from replication.report.intervals import count_range, spread_note
from replication.report.style import INK, PAGE, styled
from replication.report.text import listing, number

ALL = "all"  # layers together
BINS = 40  # of the linear axis
SEED = ["teacher", "trial"]
LOG_AXIS, LINEAR_AXIS = "all networks", "one network"


def fig09_table(values: pd.DataFrame) -> pd.DataFrame:
    """Neurons per bin of |λ|: mean over the trained networks and their spread; and those of one network.

    values: hidden eigenvalues of one ensemble. The bins of all networks are equal on a logarithmic axis, the first
    holds all below 10⁻⁶; those of one network, the first by teacher and trial, on a linear one, as in the paper.
    ``largest`` is the layer's largest |λ|, on average.
    """
    finished = values.dropna(subset=["eigenvalue"])
    finished = finished.assign(size=finished["eigenvalue"].abs())
    one = finished.sort_values(SEED).head(1)[SEED].merge(finished, on=SEED)
    layers = sorted(finished["layer"].unique())
    parts = [pd.DataFrame({"layer": [], "what": [], "largest": []})]
    for what, networks, edges in (
        (LOG_AXIS, finished.assign(size=finished["size"].clip(lower=FLOOR)), log_edges(finished["size"])),
        (LINEAR_AXIS, one, np.linspace(0, one["size"].max() if len(one) else 1, BINS + 1)),
    ):
        for layer in [*layers, *[ALL] * (len(layers) > 1)]:
            rows = networks if layer == ALL else networks[networks["layer"] == layer]
            largest = rows.groupby(SEED)["size"].max().mean()
            key = layer if layer == ALL else f"{layer:g}"
            parts.append(histogram(rows, "size", edges, SEED).assign(layer=key, what=what, largest=largest))
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


@styled
def fig09(drawn: pd.DataFrame) -> Figure:
    """Figure 9: eigenvalues of the hidden layers.

    Histograms of the hidden eigenvalues' sizes after training on a teacher made of two rotations: each hidden layer,
    and all together. Above, all networks on a logarithmic axis; below, a single one on a linear axis as in the paper.

    The paper: the eigenvalues of one hidden layer survive, those of the other vanish, so one hidden layer is enough.
    """
    layers = list(drawn["layer"].unique())
    figure = Figure(figsize=(PAGE, 3.8), layout="constrained")
    panels = figure.subplots(2, len(layers), sharey="row", squeeze=False)
    for row, what in zip(panels, (LOG_AXIS, LINEAR_AXIS), strict=True):
        for axes, layer in zip(row, layers, strict=True):
            _draw_histogram(axes, drawn[(drawn["layer"] == layer) & (drawn["what"] == what)], layer)
    for axes, layer in zip(panels[0], layers, strict=True):
        axes.set_title(_title(layer, len(layers)))
        axes.set_xscale("log")
        axes.set_xticks([1e-6, 1e-4, 1e-2, 1], ["≤ 10⁻⁶", "10⁻⁴", "10⁻²", "1"])
        axes.minorticks_off()
    for axes in panels[1]:
        axes.set_xlabel("absolute value of the eigenvalue")
    for row, label in zip(panels, ("neurons per network,\nmean of all", "neurons,\none network"), strict=True):
        row[0].set_ylabel(label)
    return figure


def fig09_result(drawn: pd.DataFrame) -> str:
    """The largest |λ| of each hidden layer, on average."""
    above = drawn[drawn["what"] == LOG_AXIS]
    largest = above[above["layer"] != ALL].groupby("layer")["largest"].first()
    layers = [name(int(layer)) for layer in largest.index]
    layers[1:] = [each.removesuffix(" hidden layer") for each in layers[1:]]
    sizes = [f"{number(value)} in the {layer}" for value, layer in zip(largest, layers, strict=True)]
    return f"The largest hidden eigenvalue after training has on average a size of {listing(sizes)}."


def fig09_caption(drawn: pd.DataFrame) -> str:
    """Figure 9 in words."""
    above = drawn[drawn["what"] == LOG_AXIS]
    return (
        f"**Figure 9.** {fig09_result(drawn)} Above: histograms of n = {count_range(above['n'])} networks on a "
        "logarithmic axis. Values below 10⁻⁶, exact zeros included, are counted in the first bin: Adam leaves small "
        f"values rather than zeros. Steps: mean; bars: {spread_note(above['n'], 'the networks')}. Below: the first "
        "network alone on a linear axis, as the paper draws it. *The paper's figure* shows one network. Its values of "
        "$\\lambda_2$ are two orders of magnitude below those of $\\lambda_3$, which split into a peak at zero and the "
        "rest."
    )


def _draw_histogram(axes: Axes, rows: pd.DataFrame, layer: str) -> None:
    if rows.empty:
        return
    edges, look = [*rows["lower"], rows["upper"].iloc[-1]], INK if layer == ALL else color(int(layer))
    axes.stairs(rows["mean"], edges, fill=True, color=look, alpha=0.35)
    axes.stairs(rows["mean"], edges, color=look)
    if rows["what"].iloc[0] == LOG_AXIS:
        centres = np.sqrt(rows["lower"] * rows["upper"])
        axes.vlines(centres, rows["trials_low"], rows["trials_high"], color=look, linewidth=0.8)


def _title(layer: str, panels: int) -> str:
    if layer == ALL:
        return "both layers" if panels == 3 else "all hidden layers"
    return f"|{eigenvalues(int(layer))}|, {name(int(layer))}"
