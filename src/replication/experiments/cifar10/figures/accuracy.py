"""Figure 16: validation accuracy on CIFAR-10 over the epochs, with and without the hidden layer."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from replication.report.intervals import count_range, over_trials, spread_note
from replication.report.stand_in import stamped, title
from replication.report.style import BLUE, GREEN, GREY, INK, PAGE, RED, styled
from replication.report.text import listing

SIGNS = {"spectral": "$W_{31}$ by (4.3)", "spectral_authors_sign": "$W_{31}$ with the authors' sign"}
IMAGES = {"augmented": "augmented images, as the paper's", "plain": "plain images"}
CURVES = {  # the paper's colours
    "linear": ("linear head", BLUE, "-"),
    "spectral": ("SPARCS head", GREEN, "-"),
    "pruned": ("SPARCS head, λ₂ := 0", RED, (0, (4, 1.5))),
    "hidden": ("plain hidden layer", INK, (0, (1, 1))),  # not the paper's
}
ENDS = {"spectral": "by (4.3)", "spectral_authors_sign": "with the authors' sign"}
WORDS = {
    "linear": "a linear head",
    "spectral": "a SPARCS head",
    "pruned": "the same with λ₂ := 0",
    "hidden": "a plain hidden layer",
}
COLUMNS = {
    ("augmented", ""): "validation_accuracy_augmented",
    ("augmented", "pruned"): "validation_accuracy_augmented_pruned",
    ("plain", ""): "validation_accuracy",
    ("plain", "pruned"): "validation_accuracy_pruned",
}
PAPERS = {"linear": 64.0, "spectral": 70.6, "pruned": 43.0}  # of the authors' log after the last epoch, augmented
EARLY = 10  # the epoch at which claim E3 asks whether the curves are still close
MANY = 5 * EARLY  # epochs from which this epoch is marked


def fig16_table(epochs: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Validation accuracy over the trials of each head and epoch: augmented and plain images, with λ_2 and with 0.

    Column ``curve`` is one of CURVES, ``paper`` the paper's value after the last epoch, where it has one; a trial that
    diverged is left out.
    """
    finished = trials.loc[trials["diverged_epoch"] < 0, ["head", "trial"]]
    rows, parts = epochs.merge(finished, on=["head", "trial"]), []
    for (images, pruned), column in COLUMNS.items():
        summary = over_trials(rows, column, ["head", "epoch"]).drop(columns="median")
        curve = summary["head"].where(summary["head"].isin(["linear", "hidden"]), pruned or "spectral")
        parts.append(summary.assign(images=images, curve=curve))
    drawn = pd.concat(parts, ignore_index=True)
    papers = drawn["curve"].map(PAPERS).where(drawn["images"] == "augmented")
    return drawn.assign(paper=papers, stand_in=trials["stand_in"].any())


@styled
@stamped
def fig16(drawn: pd.DataFrame) -> Figure:
    """Figure 16: CIFAR-10 while training.

    Validation accuracy per epoch of the linear head, of the SPARCS head, and of the SPARCS head with its hidden
    eigenvalues set to zero; beside them, where it was run, of a plain hidden layer.

    The paper: the curves stay close at first; then SPARCS leaves the linear head, and its pruned self, behind.
    """
    signs = [head for head in SIGNS if (drawn["head"] == head).any()] or ["linear"]
    figure = Figure(figsize=(PAGE, 0.5 + 2.2 * len(signs)), layout="constrained")
    panels = figure.subplots(len(signs), len(IMAGES), sharex=True, sharey=True, squeeze=False)
    for row, head in zip(panels, signs, strict=True):
        row[0].set_ylabel(f"{SIGNS.get(head, '')}\nvalidation accuracy, %")
        for axes, images in zip(row, IMAGES, strict=True):
            _draw_panel(axes, drawn[(drawn["images"] == images) & drawn["head"].isin(["linear", "hidden", head])])
    for top, bottom, label in zip(panels[0], panels[-1], IMAGES.values(), strict=True):
        top.set_title(label)
        bottom.set_xlabel("epoch")
        bottom.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    handles, labels = panels[0, 0].get_legend_handles_labels()
    papers = Line2D([], [], color=INK, linestyle="", marker="<", markersize=4)
    figure.legend([*handles, papers], [*labels, "the paper's end"], loc="outside upper left", ncols=len(CURVES) + 1)
    return figure


def fig16_result(drawn: pd.DataFrame) -> str:
    """Where SPARCS ends on augmented images, with either sign, and in the paper; the linear head if there is no "
    "other."""
    last = drawn[(drawn["epoch"] == drawn["epoch"].max()) & (drawn["images"] == "augmented")].set_index("head")
    ends = last.loc[last["curve"] == "spectral", "mean"]
    said = [f"{ends[head]:.1f} % {words}" for head, words in ENDS.items() if head in ends]
    name, papers = ("SPARCS", PAPERS["spectral"]) if said else ("The linear head", PAPERS["linear"])
    said = said or [f"{value:.1f} %" for value in last.loc[last["curve"] == "linear", "mean"]]
    return f"{name} ends on augmented validation images at {listing(said)}, in the paper at {papers:g} %."


def fig16_caption(drawn: pd.DataFrame) -> str:
    """Figure 16 in words."""
    other = " Above: $W_{31}$ by (4.3); below: with the opposite sign, as in the authors' script."
    heads = [words for curve, words in WORDS.items() if (drawn["curve"] == curve).any()]
    n = count_range(drawn["n"])
    lines = f"Line: mean of n = {n} trials; band: {spread_note(drawn['n'])}."
    return (
        f"{title('Figure 16', drawn)} {fig16_result(drawn)} A small convolutional network on CIFAR-10 with "
        f"{listing(heads)}. Left: on images augmented as those for training, as in the "
        f"authors' script; right: on plain images.{other if set(SIGNS) <= set(drawn['head']) else ''} "
        f"{lines if drawn['n'].max() > 1 else 'n = 1: one trained network of each head.'}"
        f"{' Grey: epoch 10, at which claim E3 asks for close curves.' if _is_long(drawn) else ''} "
        f"Triangles: the last epoch of the authors' log, {PAPERS['spectral']:g} % for SPARCS, {PAPERS['pruned']:g} % "
        f"pruned, about {PAPERS['linear']:g} % for the linear head. *The paper's figure* shows three trials out of the "
        "100 of its Table 5, all three curves close at first."
    )


def _draw_panel(axes: Axes, rows: pd.DataFrame) -> None:
    if _is_long(rows):
        axes.axvline(EARLY, color=GREY, linewidth=0.6, zorder=0)
    marker = "" if rows["epoch"].nunique() > 1 else "o"
    for curve, (label, color, dashes) in CURVES.items():
        of_curve = rows[rows["curve"] == curve]
        if of_curve.empty:
            continue
        axes.fill_between(
            of_curve["epoch"], of_curve["trials_low"], of_curve["trials_high"], color=color, alpha=0.2, linewidth=0
        )
        axes.plot(
            of_curve["epoch"],
            of_curve["mean"],
            color=color,
            linestyle=dashes,
            linewidth=0.9,
            marker=marker,
            label=label,
        )
        place = {"transform": axes.get_yaxis_transform(), "clip_on": False, "color": color}
        for paper in of_curve["paper"].dropna().unique():
            axes.plot(1.02, paper, "<", markersize=4, **place)
            axes.text(1.04, paper, f"{paper:g}", va="center", fontsize=7, **place)


def _is_long(rows: pd.DataFrame) -> bool:
    return rows["epoch"].max() >= MANY
