"""Figure 10: what removing hidden neurons costs."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.experiments.teacher_student.kept import NETWORK, PAPERS, last_kept
from replication.report.style import BLUE, GREEN, GREY, INK, PAGE, PURPLE, SHADE, styled
from replication.report.text import number

PAPER_COUNT = (20, 40)  # claim D3's region for "about 30 neurons"
SERIES = ["removal", *NETWORK]
COUNTS = ["kept", "last", "live"]
PANELS = (
    ("eigenvalue", "kept", "eigenvalues kept", "(i) eigenvalues set to 0"),
    ("eigenvalue", "last", "of these, last hidden\nlayer's: the authors' axis", "(i) eigenvalues set to 0"),
    ("eigenvalue", "live", "neurons still live", "(i) eigenvalues set to 0"),
    ("weight_space", "live", "neurons still live", "(ii) neurons deleted"),
)
COLORS = {"kept": BLUE, "last": PURPLE, "live": GREEN}
CHOSEN = {"eigenvalue": ("kept_eigenvalues", "live_neurons"), "weight_space": ("kept_neurons_weight_space",) * 2}


def fig10_table(pruning: pd.DataFrame, trials: pd.DataFrame, eigenvalues: pd.DataFrame) -> pd.DataFrame:
    """Every curve, their median, and the network chosen at the loss budget.

    pruning, trials, eigenvalues: of one ensemble. Column ``what`` is "curve" (one row per trial and count), "median"
    (over the trials, at equal numbers of kept eigenvalues) or "chosen" (one row per trial, without a loss); ``last``
    is how many of the kept eigenvalues are the last hidden layer's, which alone the authors' axis counts.
    """
    columns = [*SERIES, "kept", "live", "relative_increase"]
    counts = last_kept(eigenvalues)
    curves = pruning[columns].dropna().merge(counts, how="left").sort_values([*SERIES, "kept"])
    medians = curves.groupby(["removal", "kept"], as_index=False)[["last", "live", "relative_increase"]].median()
    chosen = [
        trials[NETWORK].assign(removal=removal, kept=trials[kept], live=trials[live])
        for removal, (kept, live) in CHOSEN.items()
    ]
    chosen = pd.concat(chosen).dropna().merge(counts, how="left")
    parts = {"curve": curves, "median": medians, "chosen": chosen}
    return pd.concat([part.assign(what=what) for what, part in parts.items()], ignore_index=True)


@styled
def fig10(drawn: pd.DataFrame, budget: float) -> Figure:
    """Figure 10: how far a trained network can be pruned.

    Relative increase of the loss on held-out points as hidden neurons go, those of the smallest eigenvalues first. In
    the first three panels the eigenvalue is set to zero, in the last one the neuron is deleted. The second panel has
    the authors' axis, which counts the last hidden layer's eigenvalues alone. The grey line is the 5 % budget.

    The paper: about 30 neurons are left when the loss has grown by 5 %, with R² still about 0.98.

    budget: the relative increase that is allowed, 0.05 in the paper.
    """
    figure = Figure(figsize=(PAGE, 2.7), layout="constrained")
    panels = figure.subplots(1, len(PANELS), sharex=True, sharey=True)
    for axes, (removal, count, label, title) in zip(panels, PANELS, strict=True):
        _draw_panel(axes, drawn[drawn["removal"] == removal], count, budget)
        axes.set_xlabel(label)
        axes.set_title(title)
    most = drawn["kept"].max()
    panels[0].set_xticks([PAPERS, *range(100, int(most if most > 0 else 0) + 1, 100)])
    panels[0].set_ylabel("relative increase of the loss")
    place = {"xycoords": panels[0].get_xaxis_transform(), "textcoords": "offset points", "va": "top", "fontsize": 7}
    panels[0].annotate(f"the paper: {PAPERS}", (PAPERS, 1), (4, 0), **place)
    return figure


def fig10_result(drawn: pd.DataFrame, budget: float) -> str:
    """What the median network keeps within the budget, beside the paper's number."""
    kept, _, _ = _medians(drawn)
    if pd.isna(kept):
        return f"No network was pruned to a loss increase of {100 * budget:g} %."
    return (
        f"The median network keeps {number(kept)} eigenvalues within a loss increase of {100 * budget:g} %, the "
        f"paper's about {PAPERS}."
    )


def fig10_caption(drawn: pd.DataFrame, budget: float) -> str:
    """Figure 10 in words."""
    chosen = drawn[drawn["what"] == "chosen"]
    _, last, live = _medians(drawn)
    deleted = chosen.loc[chosen["removal"] == "weight_space", "live"].median()
    n = len(chosen[NETWORK].drop_duplicates())
    authors = "" if pd.isna(last) else f" Of these eigenvalues {number(last)} are the last hidden layer's."
    live = "" if pd.isna(live) else f" They leave {number(live)} neurons live."
    deleted = "" if pd.isna(deleted) else f" Where neurons are deleted it keeps {number(deleted)}."
    return (
        f"**Figure 10.** {fig10_result(drawn, budget)}{authors}{live}{deleted} Curves: relative increase of the "
        "held-out loss when hidden neurons go in the order of $|\\lambda|$ over all hidden layers. Thin: each of n = "
        f"{n} trained networks; bold: their median (no interval). Grey line: an increase of {100 * budget:g} %; dots "
        f"on it: the smallest network within it, with the median beside. Dotted: the paper's {PAPERS}; shaded: "
        f"{PAPER_COUNT[0]} to {PAPER_COUNT[1]}. First three panels: removal (i), the paper's, $\\lambda := 0$. They "
        "count the eigenvalues kept, those of the last hidden layer among them, and the neurons still live. The second "
        "has the axis of the authors' notebook: every $|\\lambda|$ below a threshold is 0, and the last layer's above "
        "it alone are counted. Last panel: removal (ii), the neuron is deleted and the skips stay as trained. Vertical "
        f"axis linear up to {100 * budget:g} %, then logarithmic. *The paper's figure* shows one curve against “active "
        f"neurons”, about {PAPERS} at the line."
    )


def _medians(drawn: pd.DataFrame) -> pd.Series:
    """COUNTS of the median network at the budget, removal (i)."""
    return drawn.loc[(drawn["what"] == "chosen") & (drawn["removal"] == "eigenvalue"), COUNTS].median()


def _draw_panel(axes: Axes, rows: pd.DataFrame, count: str, budget: float) -> None:
    color = COLORS[count]
    axes.axvspan(*PAPER_COUNT, color=SHADE, linewidth=0, zorder=0)
    axes.axvline(PAPERS, color=INK, linewidth=0.6, linestyle=":", zorder=1)
    axes.axhline(budget, color=GREY, linewidth=2, zorder=1)
    curves = rows[rows["what"] == "curve"]
    strength = max(0.15, min(0.6, 5 / max(len(curves.groupby(NETWORK)), 1)))
    for _, curve in curves.groupby(NETWORK):
        axes.plot(curve[count], curve["relative_increase"], color=color, linewidth=0.5, alpha=strength)
    median = rows[rows["what"] == "median"]
    axes.plot(median[count], median["relative_increase"], color=color, linewidth=1.8)
    chosen = rows.loc[rows["what"] == "chosen", count].dropna()
    axes.plot(chosen, [budget] * len(chosen), "o", color=INK, markersize=3, zorder=4)
    if len(chosen):
        middle = chosen.median()
        side = (-4, "right") if middle > 200 else (4, "left")
        axes.annotate(
            f"median {middle:g}", (middle, budget), (side[0], 6), textcoords="offset points", ha=side[1], fontsize=7
        )
    axes.set_yscale("symlog", linthresh=budget)
    ticks = [0, budget, 1, 10, 100]
    axes.set_yticks(ticks, [f"{100 * tick:,.0f} %" for tick in ticks])
    axes.minorticks_off()
