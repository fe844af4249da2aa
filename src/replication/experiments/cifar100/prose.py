"""What probes of features of growing strength found, and the longer trainings on larger images, in words."""

from collections.abc import Mapping

import pandas as pd

from replication.experiments.cifar100.figures.probes import HEADS
from replication.experiments.cifar100.figures.strength import differences
from replication.judging.heads import HIDDEN, LINEAR, OTHER_SIGN, SPARCS, mean_text, paired
from replication.judging.statistics import mean_interval
from replication.report.intervals import FEWEST
from replication.report.penalties import PENALTIES
from replication.report.stand_in import mark
from replication.report.text import counted, fixed, listing, number

ONE_SIZE = "Features of larger images have not been probed (`cifar100.probes.further_input_sizes`)."
NOT_TUNED = "Longer fine-tuning on larger images has not been run (`cifar100.fine_tuning.trials`)."
PAPERS_LINEAR = 73.2  # % by Table 2, of a network that was trained as a whole
SUBSTITUTE = "Claims F1 and F2 stay untested by this: they ask for the paper's own backbone, at 224 px."


def probe_training(run: Mapping) -> str:
    """How long the heads on fixed features are trained, and with which penalty. run: the settings, by experiment."""
    training = run["cifar100"]["probes"]["training"]
    return (
        f"Heads on fixed features are trained for {counted(training['epochs'], 'epoch')}, SPARCS with "
        f"{PENALTIES[training['penalty']].split(',')[0]} at $\\rho$ = {number(training['rho'])}."
    )


def probed(probes: pd.DataFrame) -> str:
    """The starts of SPARCS that were probed, and how strong the features are for a linear head."""
    starts = (
        "SPARCS is probed from either start, $\\lambda_3 = +1$ (the paper) and $-1$ (its authors' scripts)."
        if (probes["head"] == OTHER_SIGN).any()
        else "SPARCS from $\\lambda_3 = -1$ has not been probed."
    )
    linear = probes.loc[probes["head"] == LINEAR, "test_accuracy"].mean()
    weak = "" if not linear < PAPERS_LINEAR else f"; the paper's has {PAPERS_LINEAR} %, so they are not strong features"
    return starts if pd.isna(linear) else f"{starts} A linear head reaches {linear:.1f} % on these features{weak}."


def reach(eigenvalues: pd.DataFrame, run: Mapping) -> str:
    """How far the steps of the training alone would let a hidden eigenvalue come, and how far the largest came.

    run: the settings of experiment 4.
    """
    hidden = eigenvalues[(eigenvalues["head"] == SPARCS) & (eigenvalues["layer"] == HIDDEN)].dropna(subset="eigenvalue")
    if hidden.empty:
        return ""
    training = run["training"]
    images = run["images"] - round(run["validation_share"] * run["images"])
    steps = training["epochs"] * -(-images // training["batch_size"])
    largest, allowed = hidden["eigenvalue"].abs().max(), steps * training["learning_rate"]
    said = (
        f"Adam moves an eigenvalue by about its learning rate a step, {number(training['learning_rate'])}. "
        f"{steps:,} steps allow {number(allowed)}; the largest hidden $|\\lambda|$ is {number(largest)}."
    )
    return f"{said} So the number of steps is not what holds them back." if largest < allowed / 2 else said


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
