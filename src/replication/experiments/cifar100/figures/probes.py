"""Heads on fixed features of CIFAR-100: what SPARCS finds of what a non-linear head can give."""

import pandas as pd
from matplotlib.figure import Figure

from replication.judging.statistics import LEVEL
from replication.report.intervals import FEWEST, count_range, over_trials
from replication.report.stand_in import backbone_note, backbone_of, stamped, title
from replication.report.style import BLUE, GREEN, GREY, INK, ORANGE, PAGE, PURPLE, styled
from replication.report.text import listing

HEADS = {
    "linear": ("linear", BLUE),
    "spectral": ("SPARCS, $\\lambda_3$ from +1", GREEN),
    "spectral_authors_sign": ("SPARCS, $\\lambda_3$ from −1", ORANGE),
    "mlp": ("MLP", PURPLE),
}


WORDS = {"spectral": "SPARCS", "spectral_authors_sign": "the authors' start", "mlp": "an MLP"}
PAPERS_GAIN = 72.7 - 73.2  # Table 2, points
PAPERS_TEXT = f"{PAPERS_GAIN:+.1f}".replace("-", "−")
PAPERS_LABEL = f"the paper's Table 2: {PAPERS_TEXT}"


def fig_probes_table(probes: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy of each head and its gain over the linear one with the same seed: trials and their means.

    Column ``what`` is "trial" or "mean", ``measure`` "accuracy" or "gain" (points). trials: of the
    whole networks, whose backbone gave the features.
    """
    linear = probes.loc[probes["head"] == "linear", ["trial", "test_accuracy"]]
    rows = probes.merge(linear, on="trial", suffixes=("", "_linear")).rename(columns={"test_accuracy": "accuracy"})
    rows = rows.assign(gain=rows["accuracy"] - rows["test_accuracy_linear"])
    rows.loc[rows["head"] == "linear", "gain"] = None
    parts = []
    for measure in ("accuracy", "gain"):
        finished = rows.dropna(subset=[measure])
        means = over_trials(finished, measure, ["head"])[["head", "n", "mean", "low", "high"]]
        each = finished[["head", "trial", measure]].rename(columns={measure: "mean"})
        parts += [means.assign(what="mean", measure=measure), each.assign(what="trial", measure=measure)]
    drawn = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    return drawn.assign(stand_in=probes["stand_in"].any(), **backbone_of(trials))


@styled
@stamped
def fig_probes(drawn: pd.DataFrame) -> Figure:
    """Heads on fixed features.

    Test accuracy of a linear head, a plain hidden layer and the SPARCS head on the same fixed features of CIFAR-100.
    Claim F1 is judged on networks that were trained as a whole, so its difference is another.

    Beyond the paper: with the features fixed, what is left is the head alone, so that small differences show.
    """
    figure = Figure(figsize=(PAGE, 2.0), layout="constrained")
    panels = figure.subplots(1, 2, width_ratios=[3, 2])
    labels = {"accuracy": "test accuracy, %", "gain": "points above the linear head"}
    for axes, (measure, label) in zip(panels, labels.items(), strict=True):
        rows = drawn[drawn["measure"] == measure]
        heads = [head for head in reversed(HEADS) if (rows["head"] == head).any()]
        for place, head in enumerate(heads):
            color = HEADS[head][1]
            of_head = rows[rows["head"] == head]
            dots, mean = of_head[of_head["what"] == "trial"], of_head[of_head["what"] == "mean"]
            axes.plot(dots["mean"], [place + 0.22] * len(dots), "o", color=color, alpha=0.4, markeredgewidth=0)
            axes.hlines(place, mean["low"], mean["high"], color=color, linewidth=1.5)
            axes.plot(mean["mean"], [place], "|", color=color, markersize=9, markeredgewidth=1.5)
        axes.set_yticks(range(len(heads)), [HEADS[head][0] for head in heads])
        axes.set_ylim(-0.5, len(heads) - 0.3)
        axes.set_xlabel(label)
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
    panels[1].axvline(0, color=GREY, linewidth=0.8)
    panels[1].axvline(PAPERS_GAIN, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), label=PAPERS_LABEL)
    panels[1].legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    return figure


def fig_probes_result(drawn: pd.DataFrame) -> str:
    """How far SPARCS and the plain hidden layer end from the linear head."""
    gains = drawn[(drawn["what"] == "mean") & (drawn["measure"] == "gain")].set_index("head")["mean"]
    said = [f"{_points(gains[head])} with {name}" for head, name in WORDS.items() if head in gains]
    if not said:
        return "No head finished beside a linear one."
    return f"The gain over the linear head on fixed features is, in points, {listing(said)}."


def _points(gain: float) -> str:
    return f"{gain:+.3g}".replace("-", "−")


def fig_probes_caption(drawn: pd.DataFrame) -> str:
    """The probes in words."""
    n = drawn.loc[drawn["what"] == "mean", "n"]
    bars = f"bars: {100 * LEVEL:g} % t interval" if n.max() >= FEWEST else "no interval is given for n < 3"
    return (
        f"{title('Probes', drawn)} {fig_probes_result(drawn)} Heads trained on CIFAR-100's features, the backbone left "
        f"as it is; MLP: a plain network with a hidden layer of the same width. {backbone_note(drawn)} Left: test "
        "accuracy; right: what a head gains over the linear one with the same seed. Dots: trials; upright strokes: "
        f"mean of n = {count_range(n)}; {bars}. Dashed: the paper's Table 2, {PAPERS_TEXT} points, on its own "
        "backbone. *The paper* has no such figure."
    )
