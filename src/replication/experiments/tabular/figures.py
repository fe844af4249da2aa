"""Real tables: test error against parameters, and SPARCS's parameters relative to those of a pruned MLP."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from replication.experiments.tabular.comparison import (
    PENALTIES,
    REFERENCE,
    SIGNS,
    STARTS,
    VARIANTS,
    finished,
    in_order,
    name_of,
    paired,
    title_of,
)
from replication.report.intervals import FEWEST, count_range, over_logarithms, over_trials
from replication.report.style import BLUE, GREEN, GREY, INK, ORANGE, PAGE, RED, SKY, styled
from replication.report.text import counted, number

COLORS = {"linear": INK, "mlp": ORANGE, REFERENCE: RED}
OF_PENALTY = {"l1": SKY, "l2": BLUE, "rows": GREEN}
SHAPES = {"": "o", "_started": "^"}  # by the start of the hidden eigenvalues
COLUMNS = 2  # panels in a row
CLASSIFICATION = "classification"


DENSE = 300  # ratio of an axis's ends up to which it has ticks between powers of ten


def fig_tabular_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Points of every split, method and data set after compaction with sign flips, and their means (``what``).

    ``parameters``, ``low_parameters`` and ``high_parameters``: of a mean the geometric one with its interval; ``error``
    with ``low`` and ``high`` likewise, the arithmetic one.
    """
    done = finished(trials)
    done = done[done["flips"].astype(bool)] if len(done) else done
    if done.empty:
        return pd.DataFrame()
    by = ["data_set", "kind", "method"]
    sizes = over_logarithms(done, "parameters", by).set_index(by)[["mean", "low", "high"]]
    sizes = sizes.set_axis(["parameters", "low_parameters", "high_parameters"], axis=1)
    errors = over_trials(done, "error", by).set_index(by)[["n", "mean", "low", "high"]]
    means = errors.rename(columns={"mean": "error"}).join(sizes).reset_index()
    points = done[[*by, "trial", "parameters", "error"]]
    return pd.concat([points.assign(what="split"), means.assign(what="mean")], ignore_index=True)


@styled
def fig_tabular(drawn: pd.DataFrame) -> Figure:
    """Real tables: error against size.

    Test error of every method's network against its parameters, after compaction within the same budget, a panel for
    each data set.

    Beyond the paper: it has no real tables.
    """
    names = in_order(drawn, "data_set")
    rows = -(-len(names) // COLUMNS)
    figure = Figure(figsize=(PAGE, 1.75 * rows + 0.7), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        _draw_data_set(axes, drawn[drawn["data_set"] == name])
        axes.set_title(title_of(name))
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    for axes in panels[max(0, len(names) - COLUMNS) : len(names)]:
        axes.set_xlabel("parameters after compaction")
    figure.legend(handles=_legend(in_order(drawn, "method")), loc="outside lower center", ncols=5)
    return figure


def fig_tabular_result(drawn: pd.DataFrame) -> str:
    """The smallest ratio of parameters of SPARCS, from start 0 and λ = +1, to the pruned MLP's, over the data sets."""
    ratios = _against_the_pruned(drawn[drawn["what"] == "mean"])
    if not ratios:
        return "The pruned MLP and SPARCS have no data set in common."
    text, (ratio, _, count) = min(ratios.items(), key=lambda item: item[1][0])
    return (
        f"SPARCS with {text} has {number(ratio)} times the parameters of the pruned MLP, the geometric mean over "
        f"{counted(count, 'data set')}."
    )


def fig_tabular_caption(drawn: pd.DataFrame) -> str:
    """What came out, then what is drawn."""
    means = drawn[drawn["what"] == "mean"]
    each = [
        f"With {text} it is {number(ratio)}, and the test error is higher on {worse} of {count}."
        for text, (ratio, worse, count) in _against_the_pruned(means).items()
    ]
    return (
        f"**Real tables.** {' '.join([fig_tabular_result(drawn), *each])} Upright: test error, 1 − R² on a logarithmic "
        "axis, or the share of points put into a wrong class. Across: parameters after compaction with sign flips. "
        f"Lower left is better. Pale: each split; large: mean over n = {count_range(means['n'])} splits, geometric for "
        f"parameters{_bars(means['n'])}. SPARCS: circles start from hidden eigenvalues 0, triangles from N(0, 0.1²). "
        "Hollow: from output eigenvalues −1. *The paper* has no real tables."
    )


def fig_tabular_ratio_table(trials: pd.DataFrame) -> pd.DataFrame:
    """``comparison.paired`` after compaction with sign flips."""
    return paired(trials, flips=True)


@styled
def fig_tabular_ratio(drawn: pd.DataFrame) -> Figure:
    """Real tables: SPARCS's parameters over those of a pruned MLP.

    Geometric mean over splits of the ratio of parameters, both after compaction, for each penalty, start and sign.

    Beyond the paper: it says that SPARCS needs fewer parameters, and compares with no pruned network.
    """
    names = in_order(drawn, "data_set")[::-1]
    penalties = [name for name in PENALTIES if any(VARIANTS[method][0] == name for method in drawn["method"])]
    figure = Figure(figsize=(PAGE, 0.36 * len(names) + 1.3), layout="constrained")
    panels = figure.subplots(1, len(penalties), sharex=True, sharey=True, squeeze=False).ravel()
    for axes, penalty in zip(panels, penalties, strict=True):
        axes.axvline(1, color=GREY, linewidth=0.8, zorder=0)
        for row in drawn.itertuples():
            if VARIANTS[row.method][0] == penalty:
                _draw_ratio(axes, row, names.index(row.data_set))
        axes.set(title=f"SPARCS, {PENALTIES[penalty]}", xscale="log", ylim=(-0.6, len(names) - 0.4))
    panels[0].set_yticks(range(len(names)), [title_of(name) for name in names])
    panels[len(panels) // 2].set_xlabel("parameters over those of the pruned MLP")
    panels[0].set_xlim(*_ends(drawn))
    for axes in panels:
        _plain_numbers(axes)
    figure.legend(handles=_ratio_legend(drawn), loc="outside lower center", ncols=4)
    return figure


def fig_tabular_ratio_result(drawn: pd.DataFrame) -> str:
    """How often SPARCS is smaller than the pruned MLP."""
    smaller = drawn[drawn["ratio"] < 1]
    return (
        f"SPARCS has fewer parameters than the pruned MLP in {len(smaller)} of {counted(len(drawn), 'pair')}, in "
        f"{int((smaller['worse'] <= 0).sum())} of these without a higher error."
    )


def fig_tabular_ratio_caption(drawn: pd.DataFrame) -> str:
    """What came out, then what is drawn."""
    return (
        f"**SPARCS against a pruned MLP.** {fig_tabular_ratio_result(drawn)} {_by_penalty(drawn)} Parameters over "
        f"those of the {name_of(REFERENCE)} on the same splits, both after compaction with sign flips. Marks: "
        f"geometric mean over n = {count_range(drawn['n'])} splits; left of 1 SPARCS is smaller. Bars: 95 % t "
        "interval, for n ≥ 3. Filled: its mean test error is not higher than that of the pruned MLP. *The paper* "
        "compares with no pruned network."
    )


def _by_penalty(drawn: pd.DataFrame) -> str:
    """How often it is smaller, for each penalty."""
    parts = []
    for penalty, text in PENALTIES.items():
        of_penalty = drawn[[VARIANTS[method][0] == penalty for method in drawn["method"]]]
        if len(of_penalty):
            parts.append(f"With {text} it is so in {int((of_penalty['ratio'] < 1).sum())} of {len(of_penalty)}.")
    return " ".join(parts)


def _against_the_pruned(means: pd.DataFrame) -> dict[str, tuple[float, int, int]]:
    """SPARCS from start 0 and λ = +1 against the pruned MLP: ratio of parameters, on how many sets the error is higher.

    By the penalty's name, with the number of data sets.
    """
    by_method = means.pivot(index="data_set", columns="method", values=["parameters", "error"])
    found = {}
    for penalty, text in PENALTIES.items():
        pair = [f"sparcs_{penalty}", REFERENCE]
        if not set(pair) <= set(means["method"]):
            continue
        sizes, errors = (by_method[name][pair].dropna() for name in ("parameters", "error"))
        if len(sizes):
            ratio = float(np.exp(np.log(sizes[pair[0]] / sizes[pair[1]]).mean()))
            found[text] = ratio, int((errors[pair[0]] > errors[pair[1]]).sum()), len(sizes)
    return found


def _draw_data_set(axes: Axes, part: pd.DataFrame) -> None:
    for method in in_order(part, "method"):
        of_method = part[part["method"] == method]
        splits, mean = of_method[of_method["what"] == "split"], of_method[of_method["what"] == "mean"].iloc[0]
        color, look = _color(method), _mark(method)
        axes.plot(splits["parameters"], splits["error"], alpha=0.3, **look | {"markersize": 2.2})
        axes.hlines(mean["error"], mean["low_parameters"], mean["high_parameters"], color=color, linewidth=0.9)
        axes.vlines(mean["parameters"], mean["low"], mean["high"], color=color, linewidth=0.9)
        axes.plot(mean["parameters"], mean["error"], zorder=3, **look)
    axes.set_xscale("log")
    _plain_numbers(axes)
    if part["kind"].iloc[0] == CLASSIFICATION:
        axes.set_ylabel("wrong class")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.set_ylim(0, 1.15 * max(part["error"].max(), 0.01))
    else:
        axes.set_ylabel("1 − R²")
        errors = part["error"].clip(lower=1e-6)
        axes.set(yscale="log", ylim=(errors.min() / 1.3, errors.max() * 1.3))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))


def _draw_ratio(axes: Axes, row: tuple, place: int) -> None:
    _, start, sign = VARIANTS[row.method]
    height = place + 0.27 - 0.18 * ([*STARTS].index(start) * len(SIGNS) + [*SIGNS].index(sign))
    color = _sign_color(sign)
    axes.hlines(height, row.low, row.high, color=color, linewidth=0.9)
    axes.plot(
        row.ratio,
        height,
        SHAPES[start],
        color=color,
        markerfacecolor=color if row.worse <= 0 else "white",
        markersize=3.6,
        markeredgewidth=0.8,
    )


def _plain_numbers(axes: Axes) -> None:
    """Ticks at powers of ten, on an axis of few decades at three times these, too: more would run into each other."""
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if high / low < DENSE else (1,), numticks=8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _color(method: str) -> str:
    return OF_PENALTY[VARIANTS[method][0]] if method in VARIANTS else COLORS.get(method, GREY)


def _sign_color(sign: str) -> str:
    return ORANGE if sign else BLUE


def _mark(method: str) -> dict:
    if method not in VARIANTS:
        return {"marker": "s", "color": _color(method), "markersize": 4.5, "linestyle": ""}
    _, start, sign = VARIANTS[method]
    return _shape(start, sign, _color(method))


def _shape(start: str, sign: str, color: str) -> dict:
    """The mark of a start: hollow from λ_ℓ = −1."""
    face = {"markerfacecolor": "none" if sign else color, "markeredgewidth": 0.8}
    return {"marker": SHAPES[start], "color": color, "markersize": 4.5, "linestyle": ""} | face


def _legend(methods: Sequence[str]) -> list[Line2D]:
    """The methods but for SPARCS's, whose colours tell the penalties and whose marks the starts."""
    plain = [Line2D([], [], label=name_of(method), **_mark(method)) for method in methods if method not in VARIANTS]
    own = [VARIANTS[method] for method in methods if method in VARIANTS]
    colors = [
        Line2D([], [], label=f"SPARCS, {text}", marker="s", markersize=6, linestyle="", color=OF_PENALTY[penalty])
        for penalty, text in PENALTIES.items()
        if penalty in {each for each, _, _ in own}
    ]
    starts = [pair for pair in product(STARTS, SIGNS) if pair in {(start, sign) for _, start, sign in own}]
    shapes = [
        Line2D([], [], label=f"{STARTS[start]}, {SIGNS[sign]}", **_shape(start, sign, GREY)) for start, sign in starts
    ]
    return [*plain, *colors, *shapes]


def _ends(drawn: pd.DataFrame) -> tuple[float, float]:
    """The axis of ratios: all means, 1, and intervals as far as a factor of 30 beyond them."""
    low, high = min(drawn["ratio"].min(), 1), max(drawn["ratio"].max(), 1)
    least, most = np.fmin(drawn["low"].min(), low), np.fmax(drawn["high"].max(), high)
    return 0.8 * max(least, low / 30), 1.25 * min(most, 30 * high)


def _ratio_legend(drawn: pd.DataFrame) -> list[Line2D]:
    present = {VARIANTS[method][1:] for method in drawn["method"]}
    return [
        Line2D([], [], linestyle="", marker=SHAPES[start], color=_sign_color(sign), label=f"{text}, {SIGNS[sign]}")
        for start, text in STARTS.items()
        for sign in SIGNS
        if (start, sign) in present
    ]


def _bars(counts: pd.Series) -> str:
    return ", with 95 % t intervals" if counts.max() >= FEWEST else "; no interval is given for n < 3"
