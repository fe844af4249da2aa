"""What probes of features of growing strength found, and the longer trainings on larger images, in words."""

import pandas as pd

from replication.experiments.cifar100.figures.probes import HEADS
from replication.experiments.cifar100.figures.strength import differences
from replication.judging.heads import LINEAR, SPARCS, mean_text, paired
from replication.judging.statistics import mean_interval
from replication.report.intervals import FEWEST
from replication.report.stand_in import mark
from replication.report.text import counted, fixed, listing

ONE_SIZE = "Features of larger images have not been probed (`cifar100.probes.further_input_sizes`)."
NOT_TUNED = "Longer fine-tuning on larger images has not been run (`cifar100.fine_tuning.trials`)."
SUBSTITUTE = "Claims F1 and F2 stay untested by this: they ask for the paper's own backbone, at 224 px."


def strength(probes: pd.DataFrame) -> str:
    """Whether each head's difference to the linear one shrinks as features get stronger, paired by seed."""
    rows = differences(probes)
    linear = rows.groupby("input_size")["linear"].mean().sort_values()
    if len(linear) < 2:
        return ONE_SIZE
    weakest, strongest = linear.index[[0, -1]]
    heads = [
        _change(rows[rows["head"] == head], name, weakest, strongest)
        for head, (name, _) in HEADS.items()
        if head != LINEAR
    ]
    return " ".join(
        [
            f"From {weakest} to {strongest} px the linear head's test accuracy goes from {linear.iloc[0]:.2f} to "
            f"{linear.iloc[-1]:.2f} %{mark(probes)}.",
            *heads,
            SUBSTITUTE,
        ]
    )


def _change(rows: pd.DataFrame, name: str, weakest: int, strongest: int) -> str:
    """How a head's difference to the linear one changes between two sizes, over the trials that have both."""
    both = rows.pivot(index="trial", columns="input_size", values="gain").reindex(columns=[weakest, strongest]).dropna()
    if both.empty:
        return f"{name}: not run at both sizes."
    first, last = both.mean()
    change, low, high = mean_interval((both[strongest] - both[weakest]).to_numpy())
    if len(both) < FEWEST:
        verdict = "too few trials to tell whether the gap closes"
    elif low <= 0 <= high:
        verdict = "no change of the gap can be told"
    else:
        verdict = "the gap closes" if abs(last) < abs(first) else "the gap widens"
    bounds = f" [{low:+.2f}, {high:+.2f}]" if len(both) >= FEWEST else ""
    said = f"{name}: {first:+.2f} points, then {last:+.2f}; change {change:+.2f}{bounds}, n = {len(both)}"
    return f"{said}: {verdict}.".replace("-", "−")


def fine_tuned(tuned: pd.DataFrame) -> str:
    """Test accuracies after longer trainings of the whole network on larger images, as an illustration."""
    if tuned.empty:
        return NOT_TUNED
    means = tuned.groupby("head")["test_accuracy"].mean().reindex([LINEAR, SPARCS])
    accuracies = listing([f"{fixed(mean, 2)} % ({HEADS[head][0]})" for head, mean in means.items()])
    first, gains = tuned.iloc[0], paired(tuned, "test_accuracy", SPARCS)
    difference = f"; points of SPARCS above linear: {mean_text(gains)}" if len(gains) else ""
    return (
        f"An illustration: {counted(int(first['epochs']), 'pass', 'passes')} of the whole network at "
        f"{first['input_size']} px{mark(tuned)} end at {accuracies}{difference}. No claim is judged by it."
    )
