"""Both starts of SPARCS, λ_3 = 1 and −1, beside the linear head, a plain hidden layer, and the paper's numbers."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from replication.experiments.cifar10.figures.spectra import by_equation
from replication.judging.heads import HIDDEN, LINEAR, OTHER_SIGN, SPARCS, finished
from replication.report.intervals import count_range
from replication.report.stand_in import stamped, title
from replication.report.style import BLUE, GREEN, GREY, INK, PAGE, RED, styled
from replication.report.text import listing

PLAIN = "hidden"
HEADS = {  # in the order of the figure
    LINEAR: ("linear", BLUE),
    PLAIN: ("plain hidden layer", GREY),
    SPARCS: ("SPARCS from λ₃ = 1", RED),
    OTHER_SIGN: ("SPARCS from λ₃ = −1", GREEN),
}
ACCURACIES = {  # with what the paper gives for linear and SPARCS: Table 1, and its authors' log behind Figure 16
    "test_accuracy": ("test images", {LINEAR: 68.2, SPARCS: 73.9}),
    "validation_accuracy_augmented": ("validation,\naugmented", {LINEAR: 64.0, SPARCS: 70.6}),
    "validation_accuracy_augmented_pruned": ("the same,\nλ₂ := 0", {SPARCS: 43.0}),
}
STARTS = {OTHER_SIGN: "the scripts' start", SPARCS: "the paper's start"}
SIGNS = {"negative": -1, "positive": 1}  # of λ_2
RECRUITED = 0.01  # of the largest |λ_2|
STEP = 0.2  # between heads that stand side by side


def fig_cifar10_starts_table(trials: pd.DataFrame, epochs: pd.DataFrame, eigenvalues: pd.DataFrame) -> pd.DataFrame:
    """Of each finished network the accuracies after the last epoch, and its recruited neurons by the sign of λ_2.

    One row per head, trial and measure; ``paper`` is the paper's value, which has no start of its own.
    """
    last = epochs[epochs["epoch"] == epochs["epoch"].max()].drop(columns="test_accuracy", errors="ignore")
    networks = finished(last, trials).merge(trials[["head", "trial", "test_accuracy"]])
    accuracies = networks.melt(["head", "trial"], list(ACCURACIES), "measure").dropna(subset=["value"])
    table = pd.concat([accuracies, _recruited(finished(eigenvalues, trials))], ignore_index=True)
    table["paper"] = [
        ACCURACIES.get(measure, ("", {}))[1].get(SPARCS if head == OTHER_SIGN else head, np.nan)
        for measure, head in zip(table["measure"], table["head"], strict=True)
    ]
    return table.assign(stand_in=trials["stand_in"].any())


def _recruited(eigenvalues: pd.DataFrame) -> pd.DataFrame:
    """The number of neurons with a recruited λ_2 of either sign, one row per head, trial and sign."""
    last = by_equation(eigenvalues)
    last = last[(last["epoch"] == last["epoch"].max()) & (last["layer"] == HIDDEN)]
    by_network = last.groupby(["head", "trial"])["eigenvalue"]
    parts = [
        by_network.agg(lambda lam, sign=sign: (sign * lam > RECRUITED * lam.abs().max()).sum())
        .astype(float)
        .rename("value")
        .reset_index()
        .assign(measure=name)
        for name, sign in SIGNS.items()
    ]
    return pd.concat(parts, ignore_index=True)


@styled
@stamped
def fig_cifar10_starts(drawn: pd.DataFrame) -> Figure:
    """CIFAR-10: the start decides.

    Accuracies of SPARCS from λ₃ = 1 and from λ₃ = −1, of a linear head and of a plain hidden layer, beside the paper's
    numbers; and how many hidden neurons SPARCS recruits with either sign of λ₂.

    The paper: 73.9 % for SPARCS and 68.2 % for the linear head; it names λ₃ = 1, its authors' scripts start at −1.
    """
    figure = Figure(figsize=(PAGE, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_accuracies(left, drawn)
    _draw_signs(right, drawn)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=len(HEADS) + 1)
    return figure


def fig_cifar10_starts_result(drawn: pd.DataFrame) -> str:
    """Where SPARCS ends on the test images from either start, and in the paper; the linear head if there is no "
    "other."""
    means, papers = _test_means(drawn), ACCURACIES["test_accuracy"][1]
    said = [f"{means[head]:.1f} % from {start}" for head, start in STARTS.items() if head in means]
    if said:
        return f"SPARCS ends on test images at {listing(said)}, in the paper at {papers[SPARCS]} %."
    if LINEAR in means:
        return f"The linear head ends on test images at {means[LINEAR]:.1f} %, in the paper at {papers[LINEAR]} %."
    return "No network of the paper's heads has finished."


def fig_cifar10_starts_caption(drawn: pd.DataFrame) -> str:
    """The starts in words."""
    counts = drawn[drawn["measure"] == "test_accuracy"].groupby("head")["trial"].count()
    return " ".join(
        [
            title("Starts", drawn),
            fig_cifar10_starts_result(drawn),
            *_outcomes(drawn),
            *_recruits(drawn),
            f"Dots: networks (n = {count_range(counts)} of each head), black: the paper's numbers, its authors' log's "
            "for the validation images. Right: a bar for each network, its recruited neurons by the sign of λ₂ in "
            "(4.3). Recruited: |λ₂| above 1 % of the largest.",
            "*The paper* says λ₃ = 1; its authors' scripts are (4.3) started at λ₃ = −1.",
        ]
    )


def _test_means(drawn: pd.DataFrame) -> pd.Series:
    """Mean test accuracy of each head."""
    return drawn[drawn["measure"] == "test_accuracy"].groupby("head")["value"].mean()


def _outcomes(drawn: pd.DataFrame) -> list[str]:
    """Where the linear head ends beside SPARCS, and whether the control was run."""
    means, said = _test_means(drawn), []
    if LINEAR in means and {SPARCS, OTHER_SIGN} & set(means.index):
        said.append(
            f"The linear head ends at {means[LINEAR]:.1f} %, the paper's at {ACCURACIES['test_accuracy'][1][LINEAR]} %."
        )
    control = f"ends at {means[PLAIN]:.1f} %" if PLAIN in means else "has not been run"
    return [*said, f"A plain hidden layer as wide {control}."]


def _recruits(drawn: pd.DataFrame) -> list[str]:
    """How many neurons each start recruits on average, and the shares of them with λ_2 < 0, network by network."""
    by_network = drawn[drawn["measure"].isin(SIGNS)].pivot(index=["head", "trial"], columns="measure", values="value")
    said = []
    for head, start in STARTS.items():
        counts = by_network[by_network.index.get_level_values("head") == head].reindex(columns=list(SIGNS)).dropna()
        counts = counts[counts.sum(axis=1) > 0]
        if len(counts):
            shares = 100 * counts["negative"] / counts.sum(axis=1)
            span = " to ".join(f"{share:.0f}" for share in sorted({shares.min(), shares.max()}))
            said.append(
                f"From {start} {counts.sum(axis=1).mean():.0f} hidden neurons are recruited on average, {span} % of a "
                "network's with a negative λ₂."
            )
    return said


def _draw_accuracies(axes: Axes, drawn: pd.DataFrame) -> None:
    for place, (measure, (_, papers)) in enumerate(ACCURACIES.items()):
        rows = drawn[drawn["measure"] == measure]
        for beside, (head, (label, color)) in enumerate(HEADS.items()):
            values = rows.loc[rows["head"] == head, "value"]
            x = place + STEP * (beside - 1.5)
            shown = label if place == 0 and len(values) else None
            axes.plot(
                [x] * len(values), values, "o", color=color, markersize=4, alpha=0.7, markeredgewidth=0, label=shown
            )
        for head, (first, last) in {LINEAR: (0, 0), SPARCS: (2, 3)}.items():  # the paper's SPARCS has no start
            if head in papers:
                ends = [place + STEP * (first - 1.9), place + STEP * (last - 1.1)]
                shown = "the paper" if (place, head) == (0, LINEAR) else None
                axes.plot(ends, [papers[head]] * 2, color=INK, linewidth=1, label=shown, zorder=1)
    axes.set_xticks(range(len(ACCURACIES)), [label for label, _ in ACCURACIES.values()])
    axes.set_ylabel("accuracy, %")


def _draw_signs(axes: Axes, drawn: pd.DataFrame) -> None:
    centres, at = {}, 0
    for head in (SPARCS, OTHER_SIGN):
        rows = drawn[(drawn["head"] == head) & drawn["measure"].isin(SIGNS)]
        by_trial = rows.pivot(index="trial", columns="measure", values="value").reindex(columns=list(SIGNS))
        places = at + np.arange(len(by_trial))
        for name, sign in SIGNS.items():
            axes.barh(places, sign * by_trial[name], height=0.8, color=HEADS[head][1])
        if len(by_trial):
            centres[places.mean()] = HEADS[head][0].removeprefix("SPARCS ")
            at = places[-1] + 2
    axes.axvline(0, color=INK, linewidth=0.6)
    axes.set_yticks(list(centres), list(centres.values()))
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):g}"))
    axes.set_xlabel("recruited neurons:  λ₂ < 0  |  λ₂ > 0")
