"""Figure 9: how the hidden eigenvalues of the teacher–student networks are distributed after training."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replication.judging.statistics import LEVEL
from replication.report.histograms import FLOOR, histogram, log_edges
from replication.report.intervals import count_range
from replication.report.style import BLUE, GREEN, INK, PAGE, styled

LAYERS = {"2": ("|λ₂|, first hidden layer", BLUE), "3": ("|λ₃|, second hidden layer", GREEN), "both": ("both", INK)}
SEED = ["teacher", "trial"]


def fig09_table(eigenvalues: pd.DataFrame) -> pd.DataFrame:
    """Neurons per bin of |λ|: mean over the trained networks, and the central 95 % of them.

    eigenvalues: of one ensemble. The bins are equal on a logarithmic axis; the first holds all below 10⁻⁶.
    """
    finished = eigenvalues.dropna(subset=["eigenvalue"])
    sizes = finished.assign(size=finished["eigenvalue"].abs().clip(lower=FLOOR))
    edges = log_edges(sizes["size"])
    layers = {name: sizes if name == "both" else sizes[sizes["layer"] == int(name)] for name in LAYERS}
    return pd.concat(
        [histogram(rows, "size", edges, SEED).assign(layer=name) for name, rows in layers.items()], ignore_index=True
    )


@styled
def fig09(drawn: pd.DataFrame) -> Figure:
    """Figure 9: eigenvalues of the two hidden layers.

    Histograms of the hidden eigenvalues' sizes after training on a teacher made of two rotations: first hidden layer,
    second, and both.

    The paper: the eigenvalues of one hidden layer survive, those of the other vanish, so one hidden layer is enough.
    """
    figure = Figure(figsize=(PAGE, 2.3), layout="constrained")
    panels = figure.subplots(1, len(LAYERS), sharey=True)
    for axes, (layer, (title, color)) in zip(panels, LAYERS.items(), strict=True):
        rows = drawn[drawn["layer"] == layer]
        edges = [*rows["lower"], *rows["upper"].iloc[-1:]]
        if len(rows):
            axes.stairs(rows["mean"], edges, fill=True, color=color, alpha=0.35)
            axes.stairs(rows["mean"], edges, color=color)
        centres = np.sqrt(rows["lower"] * rows["upper"])
        axes.vlines(centres, rows["trials_low"], rows["trials_high"], color=color, linewidth=0.8)
        axes.set_xscale("log")
        axes.set_xticks([1e-6, 1e-4, 1e-2, 1], ["≤ 10⁻⁶", "10⁻⁴", "10⁻²", "1"])
        axes.minorticks_off()
        axes.set_title(title)
        axes.set_xlabel("absolute value of the eigenvalue")
    panels[0].set_ylabel("neurons per network")
    return figure


def fig09_caption(drawn: pd.DataFrame) -> str:
    """Figure 9 in words."""
    return (
        "**Figure 9.** Absolute values of the hidden eigenvalues after training, $|\\lambda_2|$, $|\\lambda_3|$ and "
        "both together. The axis is logarithmic; values below 10⁻⁶, exact zeros included, are counted in the "
        f"first bin (Adam leaves small values rather than zeros). Steps: mean over n = {count_range(drawn['n'])} "
        f"trained networks; bars: central {100 * LEVEL:g} % of the networks. "
        "*The paper's figure* shows one network on a linear axis: one layer's values are two orders of magnitude "
        "below the other's, whose own values split into a peak at zero and the rest."
    )
