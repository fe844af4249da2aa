"""The comparison with other ways to search for a small network: error against size (Figure R1), gates over time."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from sparcs.comparison import FEW, GOOD_R2, KEYS, networks
from sparcs.figures.spread import count_range
from sparcs.figures.style import BLUE, GREEN, GREY, INK, ORANGE, PAGE, PURPLE, RED, SKY, styled

NAMES = {
    "sparcs_l2": ("SPARCS, L2", BLUE),
    "sparcs_l1": ("SPARCS, L1", BLUE),
    "linear": ("linear", INK),
    "mlp_magnitude": ("MLP, magnitude pruning", ORANGE),
    "mlp_spectral": ("spectral MLP, pruned", ORANGE),
    "lasso_zero": ("group lasso from zero", PURPLE),
    "lasso_half": ("group lasso, outgoing zero", PURPLE),
    "lasso_random": ("group lasso, random", PURPLE),
    "darts": ("DARTS", GREEN),
    "gdas": ("GDAS", GREEN),
    "fairdarts": ("FairDARTS", GREEN),
    "pc_darts": ("PC-DARTS", GREEN),
    "gaea": ("GAEA, single-level", RED),
    "gaea_bilevel": ("GAEA, bi-level", RED),
    "random": ("random search", SKY),
    "optuna": ("Optuna", SKY),
    "neat": ("NEAT", SKY),
    "reinforce": ("REINFORCE", SKY),
}
MARKERS = "os^DvPX*<>ph"
LINES = ("-", "--", ":", "-.")  # of methods that share a colour, as MARKERS
LEAST = 1e-10  # what is left unexplained below it is drawn there


def name_of(method: str) -> str:
    """A method's name for the reader."""
    return NAMES.get(method, (method, GREY))[0]


def title_of(task: str) -> str:
    """A task's name for the reader."""
    return "teacher 20-100-100-20" if task == "teacher" else f"experiment 1, α = {task.rpartition('alpha')[2]}"


def fig_rivals_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Every small network after retraining, one a row: task, method, trial, strength, target, size and error.

    ``unexplained`` is 1 − R² on the test points; no diverged search has a row.
    """
    points = networks(trials)
    points = points[points["retrained"]].drop(columns="retrained")
    return points.assign(unexplained=1 - points["test_r2"]).reset_index(drop=True)


@styled
def fig_rivals(drawn: pd.DataFrame) -> Figure:
    """Test error against parameters, a panel per task, every network a mark."""
    tasks = list(drawn["task"].unique())
    rows = -(-len(tasks) // 2)
    figure = Figure(figsize=(PAGE, 2.6 * rows + 0.9), layout="constrained")
    panels = figure.subplots(rows, min(2, len(tasks)), squeeze=False).ravel()
    for axes, task in zip(panels, tasks, strict=False):
        _panel(axes, drawn[drawn["task"] == task], methods_of(drawn))
        axes.set_title(title_of(task))
    for axes in panels[len(tasks) :]:
        axes.set_axis_off()
    handles = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    return figure


def fig_rivals_caption(drawn: pd.DataFrame) -> str:
    """Figure R1 in words."""
    counts = drawn.groupby(["task", "method"])["trial"].nunique()
    return (
        "**Figure R1.** What is left unexplained on the test points against the number of parameters, for every "
        "network that a method found. Each mark: one seed and one strength of the size penalty, after the same "
        "compaction and retraining; filled: the fewest neurons within the loss budget, hollow: the "
        f"{FEW} most important neurons; n = {count_range(counts)} seeds a method. Lower left is better; dashed: "
        f"R² = {GOOD_R2}; values below "
        f"{LEAST:g} are drawn there. *The paper* has no such figure: it counts parameters and runs no rival."
    )


def fig_gates_table(history: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds and strengths of the gates' entropy, expected size and validation loss, per task and method."""
    values = ["entropy", "decided", "expected_size", "validation_mse"]
    return history.groupby(["task", "method", "gradient_evaluations"], sort=False)[values].mean().reset_index()


@styled
def fig_gates(drawn: pd.DataFrame) -> Figure:
    """Entropy of the gates, expected size and validation loss against gradient evaluations, on the last task."""
    task = "teacher" if (drawn["task"] == "teacher").any() else drawn["task"].iloc[-1]
    own = drawn[drawn["task"] == task]
    figure = Figure(figsize=(PAGE, 2.5), layout="constrained")
    labels = {"entropy": "entropy of the gates", "expected_size": "expected size", "validation_mse": "validation loss"}
    for axes, (column, label) in zip(figure.subplots(1, 3), labels.items(), strict=True):
        styles = _apart(own["method"].unique(), LINES)
        for method, rows in own.groupby("method", sort=False):
            text, color = NAMES.get(method, (method, GREY))
            axes.plot(rows["gradient_evaluations"], rows[column], linestyle=styles[method], color=color, label=text)
        axes.set_xlabel("gradient evaluations")
        axes.set_ylabel(label)
    axes.set_yscale("log")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def fig_gates_caption(drawn: pd.DataFrame) -> str:
    """The gates over time in words."""
    task = "teacher" if (drawn["task"] == "teacher").any() else drawn["task"].iloc[-1]
    return (
        f"**Gates.** How the gates of the methods that have them settle ({title_of(task)}), on equal gradient "
        "evaluations: a step of the gates and one of the weights count two. Left: mean entropy of the gates, 1 where "
        "all choices weigh the same; middle: expected parameters over those of the maximal network; right: loss on the "
        "validation points of the network with these gates. Means over seeds and strengths. *The paper* has no such "
        "figure."
    )


def methods_of(drawn: pd.DataFrame) -> list[str]:
    """The methods that are drawn, in the order of their names here, others last."""
    known = list(NAMES)
    return sorted(drawn["method"].unique(), key=lambda name: known.index(name) if name in known else len(known))


def _apart(methods: Sequence[str], styles: Sequence[str]) -> dict[str, str]:
    """A style for every method, another one for each that shares a colour."""
    colors = pd.Series([NAMES.get(method, (method, GREY))[1] for method in methods], dtype=str)
    places = colors.groupby(colors).cumcount()
    return {method: styles[place % len(styles)] for method, place in zip(methods, places, strict=True)}


def _panel(axes: Axes, rows: pd.DataFrame, methods: list[str]) -> None:
    markers = _apart(methods, MARKERS)
    for method in methods:
        text, color = NAMES.get(method, (method, GREY))
        own = rows[rows["method"] == method]
        for target, face in (("budget", color), ("few", "none")):
            part = own[own["target"] == target]
            axes.scatter(
                part["parameters"].clip(lower=1),
                part["unexplained"].clip(lower=LEAST),
                s=9,
                marker=markers[method],
                facecolors=face,
                edgecolors=color,
                linewidths=0.5,
                alpha=0.6,
                label=text if target == "budget" else None,
            )
    axes.axhline(1 - GOOD_R2, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(top=max(2.0, float(np.nanquantile(rows["unexplained"], 0.99)) if len(rows) else 2.0))
    axes.set_xlabel("parameters after compaction")
    axes.set_ylabel("1 − R², test")


def searches(trials: pd.DataFrame) -> int:
    """How many searches the table holds."""
    return len(trials[KEYS].drop_duplicates())
