"""Claim D2 as a picture: what deleting a hidden layer costs, a dot a network."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from replication.experiments.teacher_student.ensembles import penalty
from replication.experiments.teacher_student.layers import DELETED, color, name
from replication.report.style import COLUMN, GREY, INK, PAGE, styled
from replication.report.template import signed
from replication.report.text import listing

SHOWN = {"l2": "Table 4's penalty", "graded": "a strength for each layer"}  # ensembles, and what they stand for
SPREAD = 0.25  # of the dots of a layer, to either side
TICKS = (0, 0.05, 1, 10, 100, 1000)


def fig_teacher_deleted_table(trials: pd.DataFrame) -> pd.DataFrame:
    """The increase of the held-out loss when a hidden layer is deleted, removal (ii): a row per network and layer."""
    finished = trials[(trials["diverged_epoch"] < 0) & trials["ensemble"].isin(SHOWN)]
    finished = finished.assign(penalty=[penalty(trial) for _, trial in finished.iterrows()])
    columns = [column for column in finished if pd.Series(column).str.match(DELETED).item()]
    network = ["ensemble", "penalty", "teacher", "trial"]
    rows = finished.melt(network, columns, "layer", "increase").dropna(subset=["increase"])
    return rows.assign(layer=rows["layer"].str.extract(DELETED, expand=False).astype(int)).reset_index(drop=True)


@styled
def fig_teacher_deleted(drawn: pd.DataFrame, budget: float) -> Figure:
    """What deleting a hidden layer costs.

    Relative increase of the held-out loss when a hidden layer is deleted from a trained network, its skips left as
    trained; a dot a network. A panel has the networks of one penalty.

    The paper: one hidden layer is enough; it judges by the eigenvalues and deletes no layer.

    budget: the relative increase up to which a layer counts as idle.
    """
    ensembles = [each for each in SHOWN if each in set(drawn["ensemble"])]
    figure = Figure(figsize=(PAGE if len(ensembles) > 1 else COLUMN, 2.7), layout="constrained")
    panels = figure.subplots(1, len(ensembles), sharey=True, squeeze=False)[0]
    layers = sorted(drawn["layer"].unique())
    for axes, ensemble in zip(panels, ensembles, strict=True):
        axes.axhline(budget, color=GREY, linewidth=2, zorder=1)
        for layer in layers:
            increases = drawn.loc[(drawn["ensemble"] == ensemble) & (drawn["layer"] == layer), "increase"]
            places = layer + SPREAD * np.linspace(-1, 1, len(increases) + 2)[1:-1]  # side by side, in their order
            axes.plot(places, increases, "o", color=color(layer), alpha=0.7, markeredgewidth=0)
            axes.hlines(increases.median(), layer - SPREAD, layer + SPREAD, color=INK, linewidth=1)
        axes.set_title(f"{_penalty(drawn, ensemble)}, n = {_networks(drawn, ensemble)}")
        axes.set_xticks(layers, [f"{name(layer)}\ndeleted" for layer in layers])
        axes.set_xlim(layers[0] - 0.5, layers[-1] + 0.5)
        axes.set_yscale("symlog", linthresh=budget)
        axes.set_yticks(TICKS, [f"{100 * tick:,.0f} %" for tick in TICKS])
        axes.minorticks_off()
    panels[0].set_ylim(min(-budget / 2, 1.5 * drawn["increase"].min()), max(2 * budget, 3 * drawn["increase"].max()))
    panels[0].set_ylabel("relative increase of the loss")
    return figure


def fig_teacher_deleted_result(drawn: pd.DataFrame) -> str:
    """What deleting each layer costs, of the first ensemble that was run."""
    found = _costs(drawn)
    return found[0][0] if found else "Neither ensemble has been run."


def fig_teacher_deleted_caption(drawn: pd.DataFrame, budget: float) -> str:
    """What deleting a layer costs, in words."""
    missing = [each for each in SHOWN if each not in set(drawn["ensemble"])]
    said = [sentence for pair in _costs(drawn) for sentence in pair] or [fig_teacher_deleted_result(drawn)]
    said += [f"With {SHOWN[each]} no network has been trained." for each in missing]
    n = listing([f"{_networks(drawn, each)}" for each in SHOWN if each not in missing])
    return (
        f"**A hidden layer deleted.** {' '.join(said)} Each dot is a trained "
        f"network, n = {n}; black: their median (no interval). A layer is deleted from the weights, removal (ii); its "
        f"skips stay as trained. Grey line: {100 * budget:g} %, up to which claim D2 calls a layer idle. Vertical axis "
        "linear up to there, then logarithmic. *The paper* has no such figure: it judges the layers by their "
        "eigenvalues."
    )


def _costs(drawn: pd.DataFrame) -> list[tuple[str, str]]:
    """The median cost of deleting each layer, and the penalty: two sentences an ensemble."""
    found = []
    for ensemble in (each for each in SHOWN if each in set(drawn["ensemble"])):
        medians = drawn[drawn["ensemble"] == ensemble].groupby("layer")["increase"].median()
        by = [f"{signed(100 * value)} %" for value in medians]
        names = [name(layer) for layer in medians.index]
        rest = "".join(
            f", the {each.removesuffix(' hidden layer')} by {cost}"
            for each, cost in zip(names[1:], by[1:], strict=True)
        )
        costs = f"Deleting the {names[0]} changes the loss by {by[0]}{rest}."
        found.append((costs, f"The penalty is {_penalty(drawn, ensemble)}."))
    return found


def _penalty(drawn: pd.DataFrame, ensemble: str) -> str:
    return drawn.loc[drawn["ensemble"] == ensemble, "penalty"].iloc[0]


def _networks(drawn: pd.DataFrame, ensemble: str) -> int:
    return len(drawn.loc[drawn["ensemble"] == ensemble, ["teacher", "trial"]].drop_duplicates())
