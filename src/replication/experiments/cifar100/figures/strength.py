"""Heads on features of growing strength: does the gap between SPARCS and a linear head close?"""

import pandas as pd
from matplotlib.figure import Figure

from replication.experiments.cifar100.claims import MATCHES
from replication.experiments.cifar100.figures.probes import HEADS, PAPERS_GAIN, PAPERS_LABEL
from replication.judging.heads import LINEAR, OTHER_SIGN, SPARCS
from replication.judging.statistics import LEVEL
from replication.report.intervals import FEWEST, count_range, over_trials
from replication.report.stand_in import stamped, title
from replication.report.style import GREY, INK, PALE, styled
from replication.report.text import listing

MARKERS = {SPARCS: "o", OTHER_SIGN: "s", "mlp": "^"}  # of the heads that are compared with the linear one
SIZE = (4.6, 2.6)  # inches


def fig_strength_table(probes: pd.DataFrame) -> pd.DataFrame:
    """A head's test accuracy minus the linear one's with the same seed, over the trials, by size of the images.

    Columns: ``input_size``, ``head``, ``n``, ``mean``, ``low``, ``high`` (points), and ``linear``, the mean accuracy of
    the linear heads that were compared. Empty for one size, at which nothing grows.
    """
    rows = differences(probes)
    rows = rows if rows["input_size"].nunique() > 1 else rows.head(0)
    drawn = over_trials(rows, "gain", ["input_size", "head"])[["input_size", "head", "n", "mean", "low", "high"]]
    linear = rows.groupby(["input_size", "head"], as_index=False)["linear"].mean()
    return drawn.merge(linear).assign(
        stand_in=bool(probes["stand_in"].any()), backbone=next(iter(probes["backbone"]), None)
    )


def differences(probes: pd.DataFrame) -> pd.DataFrame:
    """The finished trials of every head but the linear one: ``gain`` over that one, and ``linear``, its accuracy."""
    key = ["input_size", "trial"]
    linear = probes.loc[probes["head"] == LINEAR, [*key, "test_accuracy"]].rename(columns={"test_accuracy": "linear"})
    rows = probes[probes["head"].isin(MARKERS)].merge(linear, on=key)
    return rows.assign(gain=rows["test_accuracy"] - rows["linear"]).dropna(subset=["gain"])


@styled
@stamped
def fig_strength(drawn: pd.DataFrame) -> Figure:
    """Heads on features of growing strength.

    Test accuracy above a linear head's, on a fixed backbone's features of the same images at several sizes.

    Beyond the paper: it says that SPARCS matches a linear head on strong features, and shows one strength.
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.axhspan(*MATCHES, color=PALE, zorder=0)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.axhline(PAPERS_GAIN, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), label=PAPERS_LABEL, zorder=0)
    for head in [head for head in MARKERS if (drawn["head"] == head).any()]:
        label, color = HEADS[head]
        rows = drawn[drawn["head"] == head].sort_values("linear")
        axes.vlines(rows["linear"], rows["low"], rows["high"], color=color)
        axes.plot(rows["linear"], rows["mean"], color=color, marker=MARKERS[head], markersize=4, label=label)
    sizes = drawn.groupby("input_size")["linear"].mean()
    for size, accuracy in sizes.items():
        axes.text(accuracy, 1.02, f"{size} px", transform=axes.get_xaxis_transform(), ha="center", color=GREY)
    axes.set_xlabel("test accuracy of the linear head, %")
    axes.set_ylabel("points above the linear head")
    axes.margins(x=0.08)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def fig_strength_result(drawn: pd.DataFrame) -> str:
    """Where SPARCS lies at the weakest and at the strongest features."""
    sparcs = drawn[drawn["head"] == SPARCS].sort_values("linear")
    ends = sparcs.iloc[[0, -1] if len(sparcs) > 1 else slice(None)]["mean"]
    found = [
        f"{gain:+.3g} points on the {kind} features".replace("-", "−")
        for gain, kind in zip(ends, ("weakest", "strongest"), strict=False)
    ]
    has = f"{listing(found)}, against a linear head" if found else "no finished trial"
    return f"SPARCS from $\\lambda_3 = +1$ has {has}."


def fig_strength_caption(drawn: pd.DataFrame) -> str:
    """The figure in words; it begins with where SPARCS lies at the weakest and at the strongest features."""
    bars = f"bars: {100 * LEVEL:g} % t interval" if drawn["n"].max() >= FEWEST else "no interval is given for n < 3"
    return (
        f"{title('Strength of the features', drawn)} {fig_strength_result(drawn)} Each head is trained on the fixed "
        f"features of {drawn['backbone'].iloc[0]}, the images enlarged to the size above. Grey: within ±{MATCHES[1]} "
        "point, as claim F1 asks of the paper's backbone; dashed: the paper's Table 2 there. Differences are paired by "
        f"seed; mean of n = {count_range(drawn['n'])}; {bars}. *The paper* has no such figure."
    )
