"""The depth experiment: how many hidden layers stay in use, which ones, and what the initial scale does."""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from replication.judging.statistics import LEVEL
from replication.report.intervals import FEWEST, count_range, over_logarithms, over_trials
from replication.report.style import BLUE, GREEN, GREY, INK, PAGE, PALE, color_of, styled
from replication.report.text import counted, number

SURVIVORS = {
    "surviving_by_eigenvalue": ("by eigenvalue: max |λ| ≥ 1 % of the largest", BLUE, -0.12),
    "surviving_by_function": ("by function: deleting it costs > 5 %", GREEN, 0.12),
}
FIT = "unexplained"
LEAST, MOST = 1e-3, 1e2  # relative increases of the loss that the raster tells apart
MATTERS = 0.05  # as in the experiment: above it a deleted layer was in use
USE_MAP = "Blues"
START = {
    "variance_ratio": "output variance / input variance",
    "gradient_eigenvalues": "first gradient, ‖∂loss/∂λ‖ of the last hidden layer",
}


def default_start(trials: pd.DataFrame) -> pd.DataFrame:
    """The teacher's trials that start at Xavier's own scale."""
    return trials[(trials["data_set"] == "teacher") & (trials["gain"] == 1)]


def fig_depth_table(trials: pd.DataFrame, layers: pd.DataFrame) -> pd.DataFrame:
    """Every trial's surviving layers and fit, their means, and what each layer's deletion costs: the teacher, gain 1.

    Column ``what`` is "trial", "mean" (95 % t interval, n ≥ 3) or "layer" (value: relative increase of the loss;
    hidden layers count from 1 here). The mean of 1 − R² is that of its logarithm: one bad network would set the other.
    """
    networks = default_start(trials).assign(**{FIT: lambda rows: 1 - rows["test_r2"]})
    parts = []
    for measure in (*SURVIVORS, FIT):
        values = networks.dropna(subset=[measure])[["depth", "trial", measure]].rename(columns={measure: "value"})
        summary = over_logarithms if measure == FIT else over_trials
        means = summary(networks, measure, ["depth"])[["depth", "n", "mean", "low", "high"]]
        parts += [values.assign(what="trial", measure=measure), means.assign(what="mean", measure=measure)]
    of_layers = default_start(layers)[["depth", "trial", "layer", "deleted_increase"]]
    of_layers = of_layers.rename(columns={"deleted_increase": "value"}).assign(layer=lambda rows: rows["layer"] - 1)
    parts.append(of_layers.assign(what="layer", measure="deleted_increase"))
    drawn = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return drawn.reindex(columns=list(dict.fromkeys([*parts[0], *parts[1], *drawn])))


@styled
def fig_depth(drawn: pd.DataFrame) -> Figure:
    """Up to ten hidden layers.

    How many hidden layers stay in use, counted by their eigenvalues and by what their deletion costs, on a teacher that
    has one; below, what deleting each layer of each network costs.

    Beyond the paper: it allows at most two hidden layers.
    """
    figure = Figure(figsize=(PAGE, 4.7), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1, 1])
    survivors, fit = above.subplots(1, 2)
    depths = sorted(drawn["depth"].unique())
    survivors.plot(depths, depths, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)))
    middle = depths[-1] * 0.6
    survivors.annotate(
        "all layers", (middle, middle), (6, -4), textcoords="offset points", va="top", color=GREY, fontsize=7
    )
    for measure, (label, color, shift) in SURVIVORS.items():
        _draw_trials(survivors, _of(drawn, measure), color, shift, label)
    _draw_trials(fit, _of(drawn, FIT), INK, 0, None)
    survivors.set_ylim(0, 1.35 * max(depths[-1], 1))  # room for the legend
    survivors.set_yticks(range(0, depths[-1] + 1, 1 + depths[-1] // 6))
    survivors.set_ylabel("hidden layers in use")
    survivors.legend(loc="upper left")
    _plain_log(fit)
    fit.set_ylabel("1 − R², held out")
    for axes in (survivors, fit):
        axes.set_xticks(depths)
        axes.set_xlabel("hidden layers allowed")
    _draw_raster(below.subplots(), drawn[drawn["what"] == "layer"])
    return figure


def fig_depth_result(drawn: pd.DataFrame) -> str:
    """How many layers the deepest networks use, by function."""
    means = drawn[(drawn["what"] == "mean") & (drawn["measure"] == "surviving_by_function")].set_index("depth")["mean"]
    if means.empty:
        return "No network finished."
    depth = means.index.max()
    return (
        f"Networks that may use {counted(int(depth), 'hidden layer')} use {number(means[depth])} on average, by what "
        "deleting one costs."
    )


def fig_depth_caption(drawn: pd.DataFrame) -> str:
    """The depth figure in words."""
    n = drawn.loc[(drawn["what"] == "mean") & (drawn["measure"] == FIT), "n"]
    bars = f"bars: its {100 * LEVEL:g} % t interval" if n.max() >= FEWEST else "no interval is given for n < 3"
    return (
        f"**Depth.** {fig_depth_result(drawn)} The teacher has one hidden layer. Above left: hidden layers in use, "
        "counted by their eigenvalues and by what their deletion in weight space costs; right: what is left "
        f"unexplained. Dots: each of n = {count_range(n)} trained networks per depth; line: their mean, right the "
        f"geometric one; {bars}. Below: every network is a column, grouped by the number of hidden layers allowed. "
        "Colour: the relative increase of the held-out loss when that layer alone is deleted, palest 0.1 % or less. "
        "The line in the colour bar is at 5 %, above which a layer counts as in use. *The paper* has no such figure; "
        "its experiment 2 allows two hidden layers."
    )


def fig_depth_priced_table(trials: pd.DataFrame, layers: pd.DataFrame) -> pd.DataFrame:
    """``fig_depth_table`` of the networks that pay for the weights which a neuron opens; no rows where none ran."""
    return fig_depth_table(trials, layers) if len(trials) else pd.DataFrame(columns=["depth", "measure"])


def fig_depth_priced(drawn: pd.DataFrame) -> Figure:
    """Up to ten hidden layers, with a price on what opens.

    The same networks with the penalty on rows of weights in place of that on eigenvalues.

    Beyond the paper: its penalty is on eigenvalues.
    """
    return fig_depth(drawn)


def fig_depth_priced_result(drawn: pd.DataFrame) -> str:
    """How many of the priced networks use one layer, by function."""
    counts = drawn[(drawn["what"] == "trial") & (drawn["measure"] == "surviving_by_function") & (drawn["depth"] > 1)]
    single = int((counts["value"] == 1).sum())
    return (
        f"{single} of {counted(len(counts), 'network')} that were allowed several hidden layers use exactly one, by "
        "what a deletion costs."
    )


def fig_depth_priced_caption(drawn: pd.DataFrame) -> str:
    """The figure of the priced networks in words."""
    return (
        f"**Depth, priced.** {fig_depth_priced_result(drawn)} Panels, dots and colours as in the figure of depth "
        "above. The penalty is rows, with the price of each layer that its neurons open, and a price on the skip. *The "
        "paper* has no such figure."
    )


def fig_depth_start_table(start: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Means over the starts at each depth and gain, before training; every trial's 1 − R² and their mean, after it.

    Column ``what`` is "start", "mean" or "trial".
    """
    by = ["gain", "depth"]
    parts = [over_trials(start, measure, by).assign(what="start", measure=measure) for measure in START]
    networks = trials[trials["data_set"] == "teacher"].assign(**{FIT: lambda rows: 1 - rows["test_r2"]})
    networks = networks.dropna(subset=[FIT])
    parts.append(over_logarithms(networks, FIT, by).assign(what="mean", measure=FIT))
    parts.append(networks[[*by, "trial", FIT]].rename(columns={FIT: "mean"}).assign(what="trial", measure=FIT))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


@styled
def fig_depth_start(drawn: pd.DataFrame, rho: float) -> Figure:
    """The start of deep networks.

    Variance of the output and size of the first gradients at the start, and what training makes of it, against depth
    for several initial scales.

    Beyond the paper: it starts at one scale and does not vary it.

    rho: the penalty's strength, the pull towards zero on each layer's eigenvalues.
    """
    figure = Figure(figsize=(PAGE, 2.7), layout="constrained")
    panels = figure.subplots(1, len(START) + 1)
    gains, depths = sorted(drawn["gain"].unique()), sorted(drawn["depth"].unique())
    for axes, (measure, label) in zip(panels, START.items(), strict=False):
        rows = drawn[drawn["measure"] == measure]
        for gain in gains:
            of_gain = rows[rows["gain"] == gain]
            axes.plot(
                of_gain["depth"], of_gain["mean"], "o-", color=color_of(gains, gain), label=f"gain {_named(gain)}"
            )
        axes.set_title(label.replace(", ", ",\n"))
    panels[1].axhline(rho, color=GREY, linewidth=1.5, zorder=0)
    panels[1].annotate(
        "pull of the penalty, ρ",
        (depths[-1], rho),
        (0, 3),
        textcoords="offset points",
        ha="right",
        color=GREY,
        fontsize=7,
    )
    for place, gain in enumerate(gains):
        shift = 0.15 * (place - (len(gains) - 1) / 2)
        rows = drawn[(drawn["measure"] == FIT) & (drawn["gain"] == gain)]
        for what, look in (("trial", {"linestyle": "", "alpha": 0.5, "markeredgewidth": 0}), ("mean", {"marker": ""})):
            of_kind = rows[rows["what"] == what]
            panels[2].plot(
                of_kind["depth"] + shift, of_kind["mean"], color=color_of(gains, gain), **{"marker": "o"} | look
            )
    panels[2].set_title("after training:\n1 − R², held out")
    for axes in panels:
        axes.set_yscale("log")
        axes.set_xticks(depths)
        axes.set_xlabel("hidden layers allowed")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=len(gains))
    return figure


def fig_depth_start_result(drawn: pd.DataFrame) -> str:
    """How much the initial scale decides of the fit, at the largest depth that has several."""
    means = drawn[(drawn["what"] == "mean") & (drawn["measure"] == FIT)].dropna(subset=["mean"])
    if means.empty:
        return "No network finished."
    several = means.groupby("depth")["gain"].nunique()
    depth = several[several == several.max()].index.max()
    values = means.loc[means["depth"] == depth, "mean"]
    span = " to ".join(number(value) for value in sorted({values.min(), values.max()}))
    return (
        f"The initial scale leaves {span} of the variance unexplained after training, with "
        f"{counted(int(depth), 'hidden layer')}."
    )


def fig_depth_start_caption(drawn: pd.DataFrame) -> str:
    """The initial scale in words."""
    start, mean = (drawn.loc[drawn["what"] == what, "n"] for what in ("start", "mean"))
    return (
        f"**Initial scale.** {fig_depth_start_result(drawn)} The eigenvectors start at gain × Xavier. Left: the "
        "output's variance at the start, $(-1)^B \\varphi_B \\cdots \\varphi_1 \\mathbf{x}$, over the input's. Middle: "
        "the norm of the data loss's first gradient for the eigenvalues of the last hidden layer. No other hidden ones "
        "have a gradient at the first step. Below the grey line the unsquared L2 penalty pulls harder than the data "
        f"there. Means over n = {count_range(start)} starts. Right: after training, each trial (dots) and the "
        f"geometric mean (line) of n = {count_range(mean)} trials. *The paper* starts at gain 1 and does not vary it."
    )


def _of(drawn: pd.DataFrame, measure: str) -> pd.DataFrame:
    return drawn[drawn["measure"] == measure]


def _draw_trials(axes: Axes, rows: pd.DataFrame, color: str, shift: float, label: str | None) -> None:
    trials, means = rows[rows["what"] == "trial"], rows[rows["what"] == "mean"]
    axes.plot(trials["depth"] + shift, trials["value"], "o", color=color, alpha=0.35, markeredgewidth=0)
    axes.plot(means["depth"] + shift, means["mean"], color=color, label=label)
    axes.vlines(means["depth"] + shift, means["low"], means["high"], color=color, linewidth=1.5)


def _plain_log(axes: Axes) -> None:
    """A logarithmic axis with plain numbers, since 1 − R² spans less than a few decades."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    plain = partial(np.format_float_positional, precision=1, fractional=False, trim="-")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, position: plain(value)))
    axes.minorticks_off()


def _draw_raster(axes: Axes, rows: pd.DataFrame) -> None:
    if rows.empty:
        axes.set_axis_off()
        return
    networks = rows[["depth", "trial"]].drop_duplicates().sort_values(["depth", "trial"])
    norm, places, start = LogNorm(LEAST, MOST), {}, 0.0
    for depth, of_depth in networks.groupby("depth"):
        layers = rows[rows["depth"] == depth].pivot(index="layer", columns="trial", values="value")
        layers = layers.reindex(range(1, depth + 1))
        edges = start + np.arange(len(of_depth) + 1)
        image = axes.pcolormesh(
            edges,
            np.arange(depth + 1) + 0.5,
            layers.clip(LEAST, MOST),
            norm=norm,
            cmap=USE_MAP,
            edgecolor=PALE,
            linewidth=0.5,
        )
        places[edges.mean()] = depth
        start = edges[-1] + max(0.6, 0.06 * len(networks))
    axes.set_xlim(-0.01 * edges[-1], 1.01 * edges[-1])  # the outer frames are not cut
    axes.set_xticks(list(places), list(places.values()))
    axes.set_yticks(range(1, int(rows["depth"].max()) + 1))
    axes.set_ylabel("hidden layer, from the input")
    axes.set_xlabel("hidden layers allowed")
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    ticks = [1e-3, 1e-2, 1e-1, 1, 10, 100]
    bar = axes.figure.colorbar(image, ax=axes, label="increase of the loss", ticks=ticks, fraction=0.03)
    bar.set_ticklabels([f"{number(100 * tick)} %" for tick in ticks])
    bar.minorticks_off()
    bar.ax.axhline(MATTERS, color=INK, linewidth=1.5)


def _named(gain: float) -> str:
    return {1.0: "1, the default", 0.7071: "1/√2", 1.4142: "√2"}.get(gain, f"{gain:g}")
