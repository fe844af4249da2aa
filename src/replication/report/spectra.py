"""Spectra: the distribution of the eigenvalues of an image classifier's head, by value and by size."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from replication.report.histograms import FLOOR, histogram, log_edges
from replication.report.intervals import count_range, spread_note
from replication.report.style import BLUE, GREEN, INK, PAGE

LAYERS = {2: ("(a) hidden layer", BLUE), 3: ("(b) last layer", GREEN)}
SCALES = {"value": "eigenvalue λ", "size": "|λ|, logarithmic"}
HEADS = ("spectral", "spectral_authors_sign")
BINS = {2: 40, 3: 20}  # of the signed values; the last layer of CIFAR-10 has 10


def histograms(eigenvalues: pd.DataFrame) -> pd.DataFrame:
    """Neurons per bin of λ and of |λ|, over the networks of each head and layer."""
    rows = eigenvalues.dropna(subset=["eigenvalue"])
    rows = rows.assign(value=rows["eigenvalue"], size=rows["eigenvalue"].abs().clip(lower=FLOOR))
    parts, sizes = [], log_edges(rows["size"])
    for layer, of_layer in rows[rows["layer"].isin(LAYERS)].groupby("layer"):
        for scale, edges in (("value", _even_edges(of_layer["value"], BINS[layer])), ("size", sizes)):
            for head, of_head in of_layer.groupby("head"):
                counts = histogram(of_head, scale, edges, ["trial"])
                parts.append(counts.assign(layer=layer, scale=scale, head=head))
    columns = ["lower", "upper", "n", "mean", "trials_low", "trials_high", "layer", "scale", "head"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _even_edges(values: pd.Series, bins: int) -> np.ndarray:
    """Edges of about that many equal bins, one of them centred on 0."""
    low, high = min(values.min(), 0), max(values.max(), 0)
    width = (high - low) / bins or 1.0
    return width * (np.arange(np.floor(low / width), np.ceil(high / width) + 2) - 0.5)


def draw_spectra(drawn: pd.DataFrame) -> Figure:
    """Draw the histograms of ``histograms``: a column for each layer, values above, sizes below."""
    figure = Figure(figsize=(PAGE, 4.2), layout="constrained")
    panels = figure.subplots(len(SCALES), len(LAYERS))
    for row, (scale, label) in zip(panels, SCALES.items(), strict=True):
        for axes, (layer, (name, color)) in zip(row, LAYERS.items(), strict=True):
            _draw_panel(axes, drawn[(drawn["scale"] == scale) & (drawn["layer"] == layer)], color)
            axes.set_xlabel(label)
            if scale == "value":
                axes.set_title(name)
                axes.xaxis.set_major_locator(MaxNLocator(5))
            else:
                axes.set_xscale("log")
                axes.set_xticks([1e-6, 1e-4, 1e-2, 1], ["≤ 10⁻⁶", "10⁻⁴", "10⁻²", "1"])
                axes.minorticks_off()
        row[0].set_ylabel("neurons per network")
        row[1].yaxis.set_major_locator(MaxNLocator(5, integer=True))
    panels[0, 0].set_yscale("symlog", linthresh=1)  # nearly all neurons may fill one bin
    panels[0, 0].set_ylim(0)
    panels[0, 0].set_yticks([0, 1, 10, 100], ["0", "1", "10", "100"])
    if (drawn["head"] == HEADS[1]).any():
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame, color: str) -> None:
    for head in HEADS:
        of_head = rows[rows["head"] == head]
        if of_head.empty:
            continue
        edges = [*of_head["lower"], of_head["upper"].iloc[-1]]
        if head == HEADS[0]:
            axes.stairs(of_head["mean"], edges, fill=True, color=color, alpha=0.35)
            axes.stairs(of_head["mean"], edges, color=color, label="$W_{31}$ by (4.3)")
            low, high = of_head["lower"], of_head["upper"]
            centres = np.sqrt(low * high) if of_head["scale"].iloc[0] == "size" else (low + high) / 2
            axes.vlines(centres, of_head["trials_low"], of_head["trials_high"], color=color, linewidth=0.8)
        else:
            axes.stairs(of_head["mean"], edges, color=INK, linewidth=0.7, linestyle=(0, (2, 1)), label="authors' sign")


def what_is_drawn(drawn: pd.DataFrame) -> str:
    """The steps, bars and axes of ``draw_spectra`` in words."""
    filled = drawn[drawn["head"] == HEADS[0]]
    n = (filled if len(filled) else drawn)["n"]
    bars = f"; bars: {spread_note(n, 'them')}" if len(filled) else ""
    other = " Dashed: the authors' sign of $W_{31}$." if (drawn["head"] == HEADS[1]).any() else ""
    several = f"Steps: mean over n = {count_range(n)} trained networks{bars}."
    steps = several if n.max() > 1 else f"n = 1: one trained network{' of each sign' * bool(other)}."
    return (
        "Above: the values themselves, the hidden layer's counts on an axis that is linear up to 1 and logarithmic "
        f"above; below: absolute values on a logarithmic axis, all below 10⁻⁶ in the first bin. {steps}{other}"
    )
