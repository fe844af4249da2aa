"""Figure 16: validation accuracy on CIFAR-10 over the epochs, with and without the hidden layer."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
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
WORDS = {
    "linear": "a linear head",
    "spectral": "a SPARCS head",
    "pruned": "that head's hidden eigenvalues set to 0",
    "hidden": "a plain hidden layer as wide, a control of ours",
}
COLUMNS = {
    ("augmented", ""): "validation_accuracy_augmented",
    ("augmented", "pruned"): "validation_accuracy_augmented_pruned",
    ("plain", ""): "validation_accuracy",
    ("plain", "pruned"): "validation_accuracy_pruned",
}
EARLY = 10  # the epoch at which claim E3 asks whether the curves are still close
MANY = 5 * EARLY  # epochs from which this epoch is marked


def fig16_table(epochs: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Validation accuracy over the trials of each head and epoch: augmented and plain images, with λ_2 and with 0.

    Column ``curve`` is one of CURVES; a trial that diverged is left out.
    """
    finished = trials.loc[trials["diverged_epoch"] < 0, ["head", "trial"]]
    rows, parts = epochs.merge(finished, on=["head", "trial"]), []
    for (images, pruned), column in COLUMNS.items():
        summary = over_trials(rows, column, ["head", "epoch"]).drop(columns="median")
        curve = summary["head"].where(summary["head"].isin(["linear", "hidden"]), pruned or "spectral")
        parts.append(summary.assign(images=images, curve=curve))
    return pd.concat(parts, ignore_index=True).assign(stand_in=trials["stand_in"].any())


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
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=len(CURVES))
    return figure


def fig16_caption(drawn: pd.DataFrame) -> str:
    """Figure 16 in words."""
    other = (
        "Above: $W_{31}$ by (4.3); below: with the opposite sign, as in the authors' script. "
        if set(SIGNS) <= set(drawn["head"])
        else ""
    )
    heads = listing([f"with {words}" for curve, words in WORDS.items() if (drawn["curve"] == curve).any()])
    n = count_range(drawn["n"])
    lines = f"Line: mean of n = {n} trials; band: {spread_note(drawn['n'])}"
    return (
        f"{title('Figure 16', drawn)} Validation accuracy on CIFAR-10 after every epoch: a small convolutional network "
        f"{heads}. Left: on images augmented as those for training, as in the authors' script; right: on plain images. "
        f"{other}"
        f"{lines if drawn['n'].max() > 1 else 'n = 1: one trained network of each head'}"
        f"{'; grey: epoch 10, at which claim E3 asks for close curves' if _is_long(drawn) else ''}. "
        "*The paper's figure* shows three trials out of the 100 of its Table 5, all three curves close at first; its "
        "authors' log ends at 70.6 % for SPARCS, 43 % pruned and about 64 % for the linear head."
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


def _is_long(rows: pd.DataFrame) -> bool:
    return rows["epoch"].max() >= MANY
