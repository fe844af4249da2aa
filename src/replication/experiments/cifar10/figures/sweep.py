"""Experiment 3 against kind and strength of the penalty: what SPARCS gains, and what its hidden neurons are worth."""

import pandas as pd
from matplotlib.figure import Figure

from replication.judging.statistics import LEVEL
from replication.report.intervals import FEWEST, MANY, beside_note, over_trials, with_trials
from replication.report.penalties import draw_penalties
from replication.report.stand_in import stamped, title
from replication.report.style import GREY, PAGE, styled
from replication.report.text import PENALTIES, number, penalty_name

MEASURES = {
    "gain": "test accuracy above\nthe linear head, points",
    "lost": "test accuracy lost\nwith λ₂ := 0, points",
    "compact_neurons": "recruited neurons:\nthose compaction keeps",
}
PAPERS = 1e-4  # ρ of Table 5


def fig_cifar10_sweep_table(sweep: pd.DataFrame) -> pd.DataFrame:
    """Gain over the linear head with the same seed, and what the hidden neurons are worth, for each penalty and ρ.

    Not counted are those whose |λ| is above a share of the largest: where all are small, they would all be.
    """
    if sweep.empty:  # a scale may leave it out
        return sweep
    linear = sweep.loc[sweep["head"] == "linear", ["trial", "test_accuracy"]]
    rows = sweep[sweep["head"] != "linear"].merge(linear, on="trial", suffixes=("", "_linear"))
    rows = rows.assign(
        gain=rows["test_accuracy"] - rows["test_accuracy_linear"],
        lost=rows["test_accuracy"] - rows["test_accuracy_pruned"],
    )
    by = ["penalty", "rho"]
    parts = [
        with_trials(over_trials(rows, measure, by), rows, measure, by).assign(measure=measure) for measure in MEASURES
    ]
    return pd.concat(parts, ignore_index=True).assign(epochs=sweep["epochs"].max(), stand_in=sweep["stand_in"].any())


@styled
@stamped
def fig_cifar10_sweep(drawn: pd.DataFrame) -> Figure:
    """Kind and strength of the penalty on CIFAR-10.

    What SPARCS gains over the linear head, what it loses without its hidden neurons, and how many of them it recruits,
    against the strength ρ of each kind of penalty. Recruited are those that compaction keeps.

    Beyond the paper: it trains with L1 and ρ = 10⁻⁴ only.
    """
    figure = Figure(figsize=(PAGE, 2.3), layout="constrained")
    panels = figure.subplots(1, len(MEASURES))
    for axes, (measure, label) in zip(panels, MEASURES.items(), strict=True):
        draw_penalties(axes, drawn[drawn["measure"] == measure], bars=measure != "compact_neurons")
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.set_xlabel("strength ρ")
        axes.set_ylabel(label)
        axes.axvline(PAPERS, color=GREY, linewidth=0.6, zorder=0)
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=len(PENALTIES))
    return figure


def fig_cifar10_sweep_result(drawn: pd.DataFrame) -> str:
    """Where SPARCS gains most over the linear head."""
    gains = drawn[drawn["measure"] == "gain"]
    if gains.empty:
        return "No SPARCS head finished beside a linear one."
    most = gains.loc[gains["mean"].idxmax()]
    gain = f"{most['mean']:+.2f}".replace("-", "−")
    name = penalty_name(most["penalty"])
    return f"SPARCS gains most over the linear head, {gain} points, with {name} at $\\rho$ = {number(most['rho'])}."


def fig_cifar10_sweep_caption(drawn: pd.DataFrame) -> str:
    """The sweep in words."""
    several = FEWEST <= drawn["n"].max() < MANY
    bars = f" Bars: {100 * LEVEL:g} % t interval; a count's would leave what is possible." if several else ""
    return (
        f"{title('Sweep', drawn)} {fig_cifar10_sweep_result(drawn)} The small network on CIFAR-10 after "
        f"{int(drawn['epochs'].max())} epochs, against the strength $\\rho$ of each kind of penalty on the hidden "
        "eigenvalues. Left: test accuracy of the SPARCS head minus that of a linear head with the same seed. Middle: "
        "what it loses when all $\\lambda_2$ are set to 0. Right: hidden neurons that compaction keeps within its "
        "budget on the validation loss. Grey: Table 5's $\\rho$, where the paper has L1. "
        f"{beside_note(drawn['n'])}{bars} *The paper* has no such figure."
    )
