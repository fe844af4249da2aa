"""Figure 10: what removing hidden neurons costs."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.report.style import BLUE, GREEN, GREY, INK, PAGE, SHADE, styled

PAPER_COUNT = (20, 40)  # claim D3's region for "about 30 neurons"
SERIES = ["removal", "teacher", "trial"]
PANELS = (
    ("eigenvalue", "kept", "eigenvalues kept, the others set to 0", "(i) λ := 0"),
    ("eigenvalue", "live", "hidden neurons still live", "(i) λ := 0"),
    ("weight_space", "live", "hidden neurons still live", "(ii) neuron deleted"),
)
CHOSEN = {"eigenvalue": ("kept_eigenvalues", "live_neurons"), "weight_space": ("kept_neurons_weight_space",) * 2}


def fig10_table(pruning: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Every curve, their median, and the network chosen at the loss budget.

    pruning, trials: of one ensemble. Column ``what`` is "curve" (one row per trial and count), "median" (over the
    trials, at equal numbers of kept eigenvalues) or "chosen" (one row per trial, without a loss).
    """
    columns = [*SERIES, "kept", "live", "relative_increase"]
    curves = pruning[columns].dropna().sort_values([*SERIES, "kept"])
    medians = curves.groupby(["removal", "kept"], as_index=False)[["live", "relative_increase"]].median()
    chosen = [
        trials[["teacher", "trial"]].assign(removal=removal, kept=trials[kept], live=trials[live])
        for removal, (kept, live) in CHOSEN.items()
    ]
    parts = {"curve": curves, "median": medians, "chosen": pd.concat(chosen).dropna()}
    return pd.concat([part.assign(what=what) for what, part in parts.items()], ignore_index=True)


@styled
def fig10(drawn: pd.DataFrame, budget: float) -> Figure:
    """Figure 10: how far a trained network can be pruned.

    Relative increase of the loss on held-out points as hidden neurons go, those of the smallest eigenvalues first. Left
    and middle, the eigenvalue is set to zero; right, the neuron is deleted. The grey line is the 5 % budget.

    The paper: about 30 neurons are left when the loss has grown by 5 %, with R² still about 0.98.

    budget: the relative increase that is allowed, 0.05 in the paper.
    """
    figure = Figure(figsize=(PAGE, 2.7), layout="constrained")
    panels = figure.subplots(1, len(PANELS), sharex=True, sharey=True)
    for axes, (removal, count, label, title) in zip(panels, PANELS, strict=True):
        _draw_panel(axes, drawn[drawn["removal"] == removal], count, budget)
        axes.set_xlabel(label)
        axes.set_title(title)
    panels[0].set_ylabel("relative increase of the loss")
    return figure


def fig10_caption(drawn: pd.DataFrame, budget: float) -> str:
    """Figure 10 in words."""
    n = len(drawn.loc[drawn["what"] == "chosen", ["teacher", "trial"]].drop_duplicates())
    return (
        "**Figure 10.** Relative increase of the held-out loss when hidden neurons are switched off in the order of "
        f"$|\\lambda|$ over both hidden layers. Thin: each of n = {n} trained networks; bold: their median (no "
        f"interval). Grey line: an increase of {100 * budget:g} %; dots on it: the smallest network within it, with "
        f"the median beside. Shaded: {PAPER_COUNT[0]} to {PAPER_COUNT[1]}, around the paper's 30. Left and middle, "
        "removal (i), the paper's: $\\lambda := 0$, drawn against the eigenvalues kept and against the neurons that "
        "are still live, for $\\lambda_3 = 0$ does not silence a neuron of the second hidden layer. Right, removal "
        f"(ii): the neuron is deleted and the skips stay as trained. Vertical axis linear up to {100 * budget:g} %, "
        "then logarithmic. *The paper's figure* shows one curve against “active neurons”, about 30 at the line."
    )


def _draw_panel(axes: Axes, rows: pd.DataFrame, count: str, budget: float) -> None:
    color = {"kept": BLUE, "live": GREEN}[count]
    axes.axvspan(*PAPER_COUNT, color=SHADE, linewidth=0, zorder=0)
    axes.axhline(budget, color=GREY, linewidth=2, zorder=1)
    curves = rows[rows["what"] == "curve"]
    strength = max(0.15, min(0.6, 5 / max(len(curves.groupby(["teacher", "trial"])), 1)))
    for _, curve in curves.groupby(["teacher", "trial"]):
        axes.plot(curve[count], curve["relative_increase"], color=color, linewidth=0.5, alpha=strength)
    median = rows[rows["what"] == "median"]
    axes.plot(median[count], median["relative_increase"], color=color, linewidth=1.8)
    chosen = rows.loc[rows["what"] == "chosen", count]
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
