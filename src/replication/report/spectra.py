"""Spectra: the distribution of the eigenvalues of an image classifier's head, by value and by size."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from replication.report.histograms import FLOOR, histogram, log_edges
from replication.report.intervals import count_range, spread_note
from replication.report.style import BLUE, GREEN, PAGE
from replication.report.text import listing

LAYERS = {2: ("(a) hidden layer", "hidden", BLUE), 3: ("(b) last layer", "last", GREEN)}
SCALES = {"value": "eigenvalue λ", "size": "|λ|, logarithmic"}
HEADS = {"spectral": "$W_{31}$ by (4.3)", "spectral_authors_sign": "authors' sign of $W_{31}$"}
BINS = {2: 40, 3: 20}  # of the signed values; the last layer of CIFAR-10 has 10
LARGE = 0.1  # an edge of the bins of sizes


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
    """Edges of about that many equal bins; 0, if it is among the values, is the middle of one."""
    low, high = values.min(), values.max()
    width = (high - low) / bins or 1.0
    return width * (np.arange(np.floor(low / width), np.ceil(high / width) + 2) - 0.5)


def draw_spectra(drawn: pd.DataFrame) -> Figure:
    """Draw the histograms of ``histograms``: a row for each head, the layers' values and both layers' sizes."""
    heads = [head for head in HEADS if (drawn["head"] == head).any()]
    figure = Figure(figsize=(PAGE, 0.5 + 1.8 * len(heads)), layout="constrained")
    panels = figure.subplots(len(heads), len(LAYERS) + 1, sharex="col", squeeze=False)
    for row, head in zip(panels, heads, strict=True):
        of_head = drawn[drawn["head"] == head]
        for axes, (layer, (_, name, color)) in zip(row, LAYERS.items(), strict=False):
            for place, scale in ((axes, "value"), (row[-1], "size")):
                _draw_steps(place, of_head[(of_head["scale"] == scale) & (of_head["layer"] == layer)], color, name)
        row[0].set_yscale("symlog", linthresh=1)  # nearly all neurons may fill one bin
        row[0].set_ylim(0)
        row[0].set_yticks([0, 1, 10, 100], ["0", "1", "10", "100"])
        row[0].set_ylabel((f"{HEADS[head]}\n" if len(heads) > 1 else "") + "neurons per network")
    for axes, title in zip(panels[0], (*(name for name, *_ in LAYERS.values()), "(c) both, by size"), strict=True):
        axes.set_title(title)
    for axes in panels[-1]:
        axes.set_xlabel(SCALES["value"])
        axes.xaxis.set_major_locator(MaxNLocator(4))
    panels[-1, -1].set(xlabel=SCALES["size"], xscale="log")
    panels[-1, -1].set_xticks([1e-6, 1e-4, 1e-2, 1], ["≤ 10⁻⁶", "10⁻⁴", "10⁻²", "1"])
    panels[-1, -1].minorticks_off()
    panels[0, -1].legend(loc="upper left")
    return figure


def _draw_steps(axes: Axes, rows: pd.DataFrame, color: str, label: str) -> None:
    """The mean over networks as steps, their spread as a band around it."""
    if rows.empty:
        return
    edges = [*rows["lower"], rows["upper"].iloc[-1]]
    axes.stairs(rows["mean"], edges, fill=True, color=color, alpha=0.2)
    axes.stairs(rows["trials_high"], edges, baseline=rows["trials_low"], fill=True, color=color, alpha=0.3)
    axes.stairs(rows["mean"], edges, color=color, label=label)


def share_above(drawn: pd.DataFrame, head: str, layer: int) -> float:
    """The share of a layer's eigenvalues whose size is above LARGE, in per cent; NaN where the head is not drawn."""
    rows = drawn[(drawn["head"] == head) & (drawn["layer"] == layer) & (drawn["scale"] == "size")]
    large = rows.loc[rows["lower"] >= LARGE * 0.999, "mean"].sum()
    return 100 * large / rows["mean"].sum() if len(rows) else np.nan


def what_is_drawn(drawn: pd.DataFrame) -> str:
    """The steps, bands and axes of ``draw_spectra`` in words."""
    n = drawn["n"]
    heads = [name for head, name in HEADS.items() if (drawn["head"] == head).any()]
    rows = f"Rows: {listing(heads)}. " if len(heads) > 1 else ""
    several = f"Steps: mean over n = {count_range(n)} trained networks; band: {spread_note(n, 'them')}."
    return (
        f"{rows}(a) and (b): the values themselves, the hidden layer's counts on an axis that is linear up to 1 and "
        "logarithmic above. (c): absolute values on a logarithmic axis, all below 10⁻⁶ in the first bin. "
        f"{several if n.max() > 1 else 'n = 1: one trained network of each.'}"
    )
