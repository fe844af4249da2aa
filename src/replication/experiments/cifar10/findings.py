"""What the heads of experiments 3 and 4 did, as the values that their reports' sentences take."""

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

import numpy as np
import pandas as pd

from replication.experiments.cifar10.tables import HEADS, SIGNS, WITHOUT_EIGENVALUES, sign_values
from replication.judging.divergence import divergence
from replication.judging.heads import HIDDEN, LAST
from replication.judging.statistics import BANDWIDTH, mean_interval, mode_distance
from replication.report.intervals import FEWEST, count_range
from replication.report.text import penalty_name

WIDER = 0.3  # decades, the next kernel that claim E4 is looked at with
WINDOW = 10  # epochs over which a gain is averaged
LATE = 20  # epochs at the end over which accuracy is averaged
SIGN = {"spectral": "(4.3)", "spectral_authors_sign": "the authors' sign"}


def size(trials: pd.DataFrame, settings: Mapping, experiment: str) -> dict:
    """n, heads, images and epochs, and how many trials diverged."""
    run, paper = settings["run"][experiment], settings["paper"][experiment]
    return {
        "each": count_range(trials.groupby("head")["trial"].count()),
        "heads": [HEADS[head] for head in trials["head"].unique()],
        "run": run,
        "paper": paper,
        "diverged": divergence(trials, "test_accuracy", ["head"]).text or "no trial diverged",
    }


def sweep_size(trials: pd.DataFrame, run: Mapping) -> dict:
    """n and epochs of the sweep over penalties. run: the run's settings of experiment 3."""
    counts = trials.groupby(["head", "penalty", "rho"])["trial"].count()
    return {"each": count_range(counts), "points": len(counts), "epochs": run["sweep"]["epochs"]}


def gain(rows: pd.DataFrame, head: str, over: str = "linear") -> dict:
    """Points of test accuracy above another head with the same seed, (mean, low, high), and the number of pairs.

    Without enough pairs the bounds are NaN, and without any the mean, too.
    """
    columns = rows.pivot(index="trial", columns="head", values="test_accuracy").reindex(columns=[head, over]).dropna()
    values = (columns[head] - columns[over]).to_numpy(np.float64)
    if len(values) < FEWEST:
        return {"points": (values.mean() if len(values) else np.nan, np.nan, np.nan), "n": len(values)}
    return {"points": mean_interval(values), "n": len(values)}


def emptied(networks: pd.DataFrame) -> dict:
    """How many networks with a hidden layer were compacted, and how many of them to no hidden neuron."""
    kept = networks["compact_neurons"].dropna()
    return {"compacted": len(kept), "emptied": int((kept == 0).sum())}


def priced(trials: pd.DataFrame) -> dict:
    """How often compaction leaves no hidden neuron, and how far apart two kinds of penalty are in test accuracy."""
    if trials.empty:
        return {"compacted": 0, "emptied": 0, "apart": []}
    by_penalty = trials.pivot(index=["head", "rho", "trial"], columns="penalty", values="test_accuracy")
    apart = (by_penalty.max(axis=1, skipna=False) - by_penalty.min(axis=1, skipna=False)).dropna()
    return {**emptied(trials), "apart": [apart.max()] if len(apart) and by_penalty.shape[1] > 1 else []}


def accuracies(trials: pd.DataFrame, epochs: pd.DataFrame) -> dict:
    """Test accuracy of every head, with and without the hidden layer, late validation, and gains over the linear head.

    Validation accuracy jumps from one epoch to the next, so it is averaged over the last ones, if there are enough.
    """
    means = trials.groupby("head", sort=False)[["test_accuracy", "test_accuracy_pruned"]].mean()
    late = _late(epochs)
    validation = late.groupby("head")["validation_accuracy"].mean()
    heads = [
        {
            "name": HEADS[head],
            "accuracy": row["test_accuracy"],
            "gain": None if head == "linear" else gain(trials, head),
            "pruned": np.nan if head in WITHOUT_EIGENVALUES else row["test_accuracy_pruned"],
            "late": validation.get(head, np.nan),
        }
        for head, row in means.iterrows()
    ]
    if means["test_accuracy"].isna().all():
        heads = []
    spread = late.groupby(["head", "trial"])["validation_accuracy"].std().mean()
    return {"heads": heads, "gain": gain(trials, "spectral"), "spread": spread, "late": LATE}


def _late(epochs: pd.DataFrame) -> pd.DataFrame:
    """The last epochs that have a validation accuracy; none of a short training."""
    epochs = epochs.dropna(subset=["validation_accuracy"])
    last = max(epochs["epoch"], default=0)
    return epochs[epochs["epoch"] > last - LATE] if last >= 2 * LATE else epochs.head(0)


def signs(trials: pd.DataFrame, epochs: pd.DataFrame) -> dict:
    """For which of the paper's figures each sign of W_31 comes closer; no sign if there are not two to compare."""
    values = sign_values(trials, epochs)
    heads = list(dict.fromkeys(head for head, _ in values))
    closest = {
        label: min(heads, key=lambda head: abs(values[head, column].mean() - paper))
        for column, (label, paper) in SIGNS.items()
        if len(heads) > 1
    }
    closer = {SIGN[head]: [label for label, chosen in closest.items() if chosen == head] for head in heads}
    counts = pd.Series([len(measured) for measured in values.values()])
    return {"closer": {sign: labels for sign, labels in closer.items() if labels}, "each": count_range(counts)}


def control(trials: pd.DataFrame) -> dict:
    """What SPARCS gains over a plain hidden layer that is as wide, from either start, paired by seed."""
    gains = [{"start": sign, **gain(trials, head, over="hidden")} for head, sign in SIGN.items()]
    return {"was_run": bool((trials["head"] == "hidden").any()), "gains": [each for each in gains if each["n"]]}


def sweep(drawn: pd.DataFrame, paper: Mapping, curves: pd.DataFrame) -> dict:
    """Where the SPARCS head gains most and least, where that is clear, and where it ends linear, by what is drawn.

    paper: its settings, by experiment; curves: accuracies by epoch of the full trainings.
    """
    gains = drawn[drawn["measure"] == "gain"]
    if gains.empty:
        return {"points": 0}
    training, epochs = paper["cifar10"]["training"], int(drawn["epochs"].max())
    known = gains.dropna(subset=["low"])
    compact = drawn.loc[drawn["measure"] == "compact_neurons", "trials_high"]
    return {
        "points": len(gains),
        "most": _point(gains.loc[gains["mean"].idxmax()], training),
        "least": _point(gains.loc[gains["mean"].idxmin()], training),
        "epochs": epochs,
        "papers_epochs": training["epochs"],
        "then": _gain_then(curves, epochs) if epochs < training["epochs"] else None,
        "known": len(known),
        "above": int((known["low"] > 0).sum()),
        "below": int((known["high"] < 0).sum()),
        "linear": int((compact == 0).sum()),
    }


def _point(row: pd.Series, training: Mapping) -> dict:
    """A point of the sweep: its penalty, its mean gain with the interval, and whether it is Table 5's own setting."""
    return {
        "penalty": penalty_name(row["penalty"]),
        "rho": row["rho"],
        "points": tuple(row[["mean", "low", "high"]]),
        "is_papers": row["penalty"] == training["penalty"] and bool(np.isclose(row["rho"], training["rho"])),
    }


def _gain_then(curves: pd.DataFrame, epoch: int) -> dict | None:
    """How far SPARCS was ahead at an epoch of the full trainings, and at their end, on plain validation images."""
    if curves.empty or curves["epoch"].max() <= epoch:
        return None
    by_head = curves.pivot_table(index="epoch", columns="head", values="validation_accuracy")
    by_head = by_head.reindex(columns=["spectral", "linear"]).dropna()
    gains = (by_head["spectral"] - by_head["linear"]).rolling(WINDOW).mean().dropna()
    return {"then": gains[epoch], "end": gains.iloc[-1], "window": WINDOW} if epoch in gains.index else None


def compaction(trials: pd.DataFrame, width: int) -> dict:
    """How many neurons are recruited, and what the compact head keeps, of parameters, accuracy and gain."""
    spectral = trials[trials["head"] == "spectral"].dropna(subset=["recruited_neurons"])
    compact = trials.assign(test_accuracy=trials["compact_test_accuracy"].where(trials["head"] == "spectral",
                            trials["test_accuracy"]))  # fmt: skip
    before, after = (gain(rows, "spectral") for rows in (trials, compact))
    mean, others = spectral.mean(numeric_only=True), trials.loc[trials["head"] == "spectral_authors_sign"]
    columns = ["recruited_neurons", "compact_neurons", "compact_parameters", "parameters", "test_accuracy",
               "compact_test_accuracy"]  # fmt: skip
    lost = before["points"][0] > after["points"][0] > 0
    return {
        "n": len(spectral),
        "width": width,
        "gain": after,
        "cost": 1 - after["points"][0] / before["points"][0] if lost else None,
        "others_left_out": bool(len(others) and others["compact_neurons"].isna().all()),
        **mean.reindex(columns).to_dict(),
    }


def eigenvalues(table: pd.DataFrame) -> dict:
    """Sizes and modes of the hidden eigenvalues after the last epoch, and what became of the last layer's."""
    rows = table[table["head"] == "spectral"].dropna(subset=["eigenvalue"])
    if "epoch" in rows:
        rows = rows[rows["epoch"] == rows["epoch"].max()]
    rows = rows.assign(size=rows["eigenvalue"].abs())
    hidden = [of_trial for _, of_trial in rows[rows["layer"] == HIDDEN].groupby("trial")["size"]]
    if not hidden:
        return {"n": 0}
    gaps = {width: np.array([mode_distance(values, width) for values in hidden]) for width in (BANDWIDTH, WIDER)}
    apart = gaps[BANDWIDTH][gaps[BANDWIDTH] > 0]
    return {
        "n": len(hidden),
        "median": float(np.mean([values.median() for values in hidden])),
        "largest": float(np.mean([values.max() for values in hidden])),
        "last": last_layer(rows[rows["layer"] == LAST]),
        "kernel": BANDWIDTH,
        "two_modes": len(apart),
        "decades": float(apart.mean()) if len(apart) else np.nan,
        "wider": WIDER,
        "two_with_wider": int((gaps[WIDER] > 0).sum()),
    }


def last_layer(rows: pd.DataFrame) -> dict:
    """What became of the last layer's |λ|, which start at 1: the range of networks' medians; rows: with size."""
    medians = rows.groupby("trial")["size"].median()
    return {"n": len(medians), "low": medians.min(), "high": medians.max(), "fell": bool((medians < 1).all())}


def direct_space(widths: Sequence[int]) -> dict:
    """The count of numbers that a head of these widths holds as φ and λ, and as W_ij, without the bias column."""
    return {
        "widths": list(widths),
        "by_spectrum": sum(before * after for before, after in pairwise(widths)) + sum(widths[1:]),
        "by_weights": sum(before * after for before, after in combinations(widths, 2)),
    }
