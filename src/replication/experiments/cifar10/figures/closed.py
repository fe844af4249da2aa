"""What a trained SPARCS head loses with λ_2 := 0, against what became of λ_3: in one group of networks, or in two."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replication.experiments.cifar10.figures.spectra import by_equation
from replication.experiments.cifar10.figures.starts import HEADS
from replication.judging.heads import LAST, OTHER_SIGN, SPARCS, finished
from replication.report.intervals import FEWEST, count_range
from replication.report.stand_in import stamped, title
from replication.report.style import COLUMN, INK, styled
from replication.report.template import span
from replication.report.text import counted, listing

LOST = ("validation_accuracy_augmented", "validation_accuracy_augmented_pruned")
PAPERS = 70.6 - 43.0  # points, of the authors' log


def fig_cifar10_closed_table(trials: pd.DataFrame, epochs: pd.DataFrame, eigenvalues: pd.DataFrame) -> pd.DataFrame:
    """Of each finished SPARCS network the points ``lost`` with λ_2 := 0, and its median λ_3, signed as in (4.3).

    The points are of augmented validation images, both after the last epoch. One row per head and trial.
    """
    last = finished(epochs[epochs["epoch"] == epochs["epoch"].max()], trials)
    lost = last[["head", "trial"]].assign(lost=last[LOST[0]] - last[LOST[1]]).dropna(subset=["lost"])
    ends = by_equation(eigenvalues)
    ends = ends[(ends["epoch"] == ends["epoch"].max()) & (ends["layer"] == LAST)]
    medians = ends.groupby(["head", "trial"])["eigenvalue"].median().rename("last_eigenvalue").reset_index()
    drawn = lost[lost["head"].isin([SPARCS, OTHER_SIGN])].merge(medians)
    return drawn.assign(stand_in=bool(trials["stand_in"].any()))


def two_regimes(losses: pd.Series) -> pd.Series:
    """The losses above the widest gap between neighbours, if that gap parts two regimes; else none.

    It does if it exceeds the ranges of both sides together and each side has at least two networks: of three losses
    one gap always exceeds the other.
    """
    ordered = losses.sort_values()
    at = int(np.diff(ordered).argmax()) + 1 if len(ordered) > 1 else len(ordered)
    lower, higher = ordered.iloc[:at], ordered.iloc[at:]
    if min(len(lower), len(higher)) > 1 and higher.iloc[0] - lower.iloc[-1] > np.ptp(lower) + np.ptp(higher):
        return higher
    return losses.head(0)


@styled
@stamped
def fig_cifar10_closed(drawn: pd.DataFrame) -> Figure:
    """CIFAR-10: what closing the hidden layer costs.

    Points of augmented validation accuracy that each SPARCS head loses with λ₂ := 0, against its median λ₃.

    The paper: its pruned network ends 27.6 points lower, by its authors' log.
    """
    figure = Figure(figsize=(COLUMN, 2.4), layout="constrained")
    axes = figure.subplots()
    for head, rows in drawn.groupby("head"):
        label, color = HEADS[head]
        axes.plot(rows["last_eigenvalue"], rows["lost"], "o", color=color, markersize=4, alpha=0.7, label=label)
    axes.axhline(PAPERS, color=INK, linewidth=1, label="the paper")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("median λ₃ after training")
    axes.set_ylabel("lost with λ₂ := 0, points")
    figure.legend(loc="outside upper left", ncols=1)
    return figure


def fig_cifar10_closed_result(drawn: pd.DataFrame) -> str:
    """What closing costs from either start, from the least to the most."""
    said = [
        f"{_range(rows['lost'])} points {HEADS[head][0].removeprefix('SPARCS ')}"
        for head, rows in drawn.groupby("head")
    ]
    return f"Closing the hidden layer costs {listing(said)}." if said else "No SPARCS head has finished."


def fig_cifar10_closed_caption(drawn: pd.DataFrame) -> str:
    """The cost of closing in words."""
    counts = drawn.groupby("head")["trial"].count()
    return " ".join(
        [
            title("Closed", drawn),
            fig_cifar10_closed_result(drawn),
            *_parts(drawn),
            f"Dots: networks (n = {count_range(counts)} of each start). Points are of accuracy on augmented validation "
            "images. Line: the paper's loss, by its authors' log.",
        ]
    )


def _parts(drawn: pd.DataFrame) -> list[str]:
    """For each start the median λ_3 of the networks that lose most, and of the others."""
    said = []
    for head, rows in drawn.groupby("head"):
        if len(rows) < FEWEST:
            continue
        high = two_regimes(rows["lost"])
        most = high.index if len(high) else [rows["lost"].idxmax()]
        ends = rows["last_eigenvalue"]
        above, others = _range(ends[most]), _range(ends.drop(most))
        start = HEADS[head][0].removeprefix("SPARCS from λ₃ = ")
        who = (
            f"in the {counted(len(high), 'network')} of the regime that loses more"
            if len(high)
            else "where most is lost"
        )
        said.append(f"Started at {start}, λ₃ ends at {above} {who}, and at {others} elsewhere.")
    return said


def _range(values: pd.Series) -> str:
    return span([values.min(), values.max()])
