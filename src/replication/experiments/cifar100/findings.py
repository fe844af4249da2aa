"""What the heads of experiment 4 and the probes of its features found, as values for the report's sentences."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from replication.experiments.cifar10.findings import emptied, gain
from replication.experiments.cifar100.figures.probes import HEADS
from replication.experiments.cifar100.figures.strength import differences
from replication.judging.heads import HIDDEN, LINEAR, OTHER_SIGN, SPARCS
from replication.judging.statistics import mean_interval
from replication.report.intervals import FEWEST
from replication.report.stand_in import backbone_note, mark
from replication.report.text import penalty_name

STARTS = {SPARCS: "SPARCS from $\\lambda_3 = +1$", OTHER_SIGN: "SPARCS from $\\lambda_3 = -1$", "mlp": "the MLP"}
PAPERS_LINEAR = 73.2  # % by Table 2, of a network that was trained as a whole


def heads(trials: pd.DataFrame) -> dict:
    """Test accuracy of both heads and the gain, with the backbone, and how often compaction leaves no hidden neuron."""
    means = trials.groupby("head")["test_accuracy"].mean()
    return {
        "finished": bool(means.notna().any()),
        "substitute": bool(trials["substitute_backbone"].any()),
        "backbone": backbone_note(trials),
        "linear": means.get(LINEAR, np.nan),
        "sparcs": means.get(SPARCS, np.nan),
        "gain": gain(trials, SPARCS),
        **emptied(trials[trials["head"] == SPARCS]),
    }


def training(run: Mapping) -> dict:
    """How long the heads on fixed features are trained, and with which penalty. run: the settings, by experiment."""
    known = run["cifar100"]["probes"]["training"]
    return {"epochs": known["epochs"], "penalty": penalty_name(known["penalty"]), "rho": known["rho"]}


def probed(probes: pd.DataFrame) -> dict:
    """Whether SPARCS was probed from its other start, too, and how strong the features are for a linear head."""
    return {
        "other_start": bool((probes["head"] == OTHER_SIGN).any()),
        "linear": probes.loc[probes["head"] == LINEAR, "test_accuracy"].mean(),
        "papers": PAPERS_LINEAR,
    }


def probe_gains(probes: pd.DataFrame) -> dict:
    """What each head on fixed features gains over the linear one, and SPARCS's share of what the MLP gains.

    There is no share where the MLP's gain is not told from none.
    """
    gains = {head: gain(probes, head) for head in STARTS}
    mean, low, _ = gains["mlp"]["points"]
    return {
        "paired": bool(gains[SPARCS]["n"] and gains["mlp"]["n"]),
        "gains": [{"name": STARTS[head], **each} for head, each in gains.items() if each["n"]],
        "share": gains[SPARCS]["points"][0] / mean if low > 0 else None,
    }


def reach(eigenvalues: pd.DataFrame, run: Mapping) -> dict:
    """How far the steps of the training alone would let a hidden eigenvalue come, and how far the largest came.

    run: the settings of experiment 4.
    """
    hidden = eigenvalues[(eigenvalues["head"] == SPARCS) & (eigenvalues["layer"] == HIDDEN)].dropna(subset="eigenvalue")
    images = run["images"] - round(run["validation_share"] * run["images"])
    steps = run["training"]["epochs"] * -(-images // run["training"]["batch_size"])
    largest, rate = hidden["eigenvalue"].abs().max(), run["training"]["learning_rate"]
    return {"steps": steps, "rate": rate, "largest": largest, "held_back": not largest < steps * rate / 2}


def strength(probes: pd.DataFrame) -> dict:
    """Whether each head's difference to the linear one shrinks as features get stronger, paired by seed."""
    rows = differences(probes)
    linear = rows.groupby("input_size")["linear"].mean().sort_values()
    if len(linear) < 2:
        return {"ends": []}
    sizes = linear.index[[0, -1]]
    return {
        "ends": [{"size": size, "accuracy": linear[size]} for size in sizes],
        "mark": mark(probes),
        "heads": [
            {"name": name, **_change(rows[rows["head"] == head], *sizes)}
            for head, (name, _) in HEADS.items()
            if head != LINEAR
        ],
    }


def _change(rows: pd.DataFrame, weakest: int, strongest: int) -> dict:
    """How a head's difference to the linear one changes between two sizes, over the trials that have both."""
    both = rows.pivot(index="trial", columns="input_size", values="gain").reindex(columns=[weakest, strongest]).dropna()
    if both.empty:
        return {"n": 0}
    first, last = both.mean()
    change = mean_interval((both[strongest] - both[weakest]).to_numpy())
    if len(both) < FEWEST:
        change, verdict = (change[0], np.nan, np.nan), "too few to tell whether the gap closes"
    elif change[1] <= 0 <= change[2]:
        verdict = "no change can be told"
    else:
        verdict = "the gap closes" if abs(last) < abs(first) else "the gap widens"
    return {"n": len(both), "first": first, "last": last, "change": change, "verdict": verdict}


def fine_tuned(tuned: pd.DataFrame) -> dict:
    """Test accuracies after longer trainings of the whole network on larger images, as an illustration."""
    if tuned.empty:
        return {"heads": []}
    means = tuned.groupby("head")["test_accuracy"].mean().reindex([LINEAR, SPARCS])
    first = tuned.iloc[0]
    return {
        "heads": [
            {"name": "the linear head" if head == LINEAR else "SPARCS", "accuracy": mean}
            for head, mean in means.items()
        ],
        "passes": int(first["epochs"]),
        "size": first["input_size"],
        "mark": mark(tuned),
        "gain": gain(tuned, SPARCS),
        **emptied(tuned[tuned["head"] == SPARCS]),
    }
