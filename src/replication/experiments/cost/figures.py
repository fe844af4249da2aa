"""What a step costs against depth: time and memory of SpectralNetwork, of its W_ij form, and of a plain MLP."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter

from replication.report.style import BLUE, GREY, PAGE, RED, styled
from replication.report.text import number

COLORS = {"MLP": GREY, "SpectralNetwork": BLUE, "W_ij formed": RED}
LABELS = {"MLP": "plain MLP", "SpectralNetwork": "SpectralNetwork", "W_ij formed": "every $W_{ij}$ formed"}
PANELS = {"median": "step, forward and backward (ms)", "megabytes": "peak memory of a step (MB)"}


def fig_cost_table(table: pd.DataFrame) -> pd.DataFrame:
    """Median milliseconds and megabytes of a step per depth and network, with the ratios to the MLP's."""
    return table[["layers", "network", "median", "ratio", "megabytes", "megabytes_ratio"]]


@styled
def fig_cost(drawn: pd.DataFrame) -> Figure:
    """What a training step costs.

    Time and memory of a step against depth, beside a plain network of the same widths and beside forming every bundle
    of weights.

    Beyond the paper: in the basis of the eigenvectors the cost grows linearly with depth, though all pairs of layers
    are connected.
    """
    figure = Figure(figsize=(PAGE, 2.6), layout="constrained")
    for axes, (column, label) in zip(figure.subplots(1, 2), PANELS.items(), strict=True):
        for network, color in COLORS.items():
            rows = drawn[drawn["network"] == network]
            axes.loglog(rows["layers"], rows[column], color=color)
            last = rows.iloc[-1]
            place = (last["layers"], last[column])
            axes.annotate(
                LABELS[network], place, (4, 0), textcoords="offset points", color=color, va="center", fontsize=7
            )
        axes.set_ylabel(label)
        _depth_axis(axes, drawn["layers"])
    return figure


def fig_cost_result(drawn: pd.DataFrame) -> str:
    """How much longer a step takes than a plain network's, at most."""
    rows = drawn[drawn["network"] == "SpectralNetwork"]
    return (
        f"A step in the eigenvectors' basis takes at most {number(rows['ratio'].max())} times as long as a plain "
        f"MLP's, with {rows['layers'].min()} to {rows['layers'].max()} layers."
    )


def fig_cost_caption(drawn: pd.DataFrame) -> str:
    """What the figure shows, in words."""
    rows = drawn[drawn["network"] == "SpectralNetwork"]
    formed = drawn[drawn["network"] == "W_ij formed"]
    return (
        f"**Cost of a step against depth.** {fig_cost_result(drawn)} It takes at most "
        f"{number(rows['megabytes_ratio'].max())} times the memory. Forming every $W_{{ij}}$ takes "
        f"{number(formed['ratio'].iloc[-1])} times as long as the MLP, at {formed['layers'].iloc[-1]} layers. Layers "
        "of width 100, batch 128, one thread, forward and backward; medians. *The paper* has no such figure."
    )


def _depth_axis(axes: Axes, layers: pd.Series) -> None:
    axes.set_xlabel("layers ℓ, input and output included")
    axes.set_xlim(layers.min() * 0.93, layers.max() * 3.4)  # room for the labels
    axes.xaxis.set_major_locator(LogLocator(2, numticks=20))
    axes.set_xticks([tick for tick in axes.get_xticks() if layers.min() <= tick <= layers.max()])
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
