"""Sentences of the CIFAR reports, computed from their tables."""

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

import numpy as np
import pandas as pd

from replication.account.image_tables import HEADS, SIGNS, WITHOUT_EIGENVALUES, paired, sign_values
from replication.judging.divergence import divergence
from replication.judging.statistics import BANDWIDTH, mean_interval, mode_distance
from replication.report.intervals import count_range
from replication.report.penalties import PENALTIES
from replication.report.prose import NOTHING
from replication.report.stand_in import backbone_note
from replication.report.text import counted, fixed, listing, number

HIDDEN, LAST = 2, 3  # layers of the head
WIDER = 0.3  # decades, the next kernel that claim E4 is looked at with
WINDOW = 10  # epochs over which a gain is averaged
LATE = 20  # epochs at the end over which accuracy is averaged
NO_SPARCS = "No trial with the SPARCS head by (4.3) finished."
NO_PAIR = "No gain is given: no such head and linear head with the same seed finished both."
OWN = " That is Table 5's own setting."
SIGN = {"spectral": "(4.3)", "spectral_authors_sign": "the authors' sign"}


def size(trials: pd.DataFrame, settings: Mapping, experiment: str) -> str:
    """n, heads, images and epochs, and how many trials diverged."""
    run, paper = settings["run"][experiment], settings["paper"][experiment]
    diverged = divergence(trials, "test_accuracy", ["head"]).text or "no trial diverged"
    heads = listing([HEADS[head] for head in trials["head"].unique()])
    epochs = run["training"]["epochs"]
    return (
        f"n = {count_range(trials.groupby('head')['trial'].count())} for each head ({heads}; the paper: "
        f"{paper['trials']}); {counted(epochs, 'epoch')} "
        f"(the paper: {paper['training']['epochs']}); up to {run['images']:,} images to "
        f"train and validate, {run['test_images']:,} to test (the paper: {paper['images']:,} and "
        f"{paper['test_images']:,}); {diverged}."
    )


def sweep_size(trials: pd.DataFrame, run: Mapping) -> str:
    """n and epochs of the sweep over penalties. run: the run's settings of experiment 3."""
    counts = trials.groupby(["head", "penalty", "rho"])["trial"].count()
    return (
        f"n = {counted(count_range(counts), 'training')} at each of {counted(len(counts), 'point')}, "
        f"{counted(run['sweep']['epochs'], 'epoch')}."
    )


def cifar10_findings(trials: pd.DataFrame, epochs: pd.DataFrame) -> str:
    """Test accuracy of every head, with and without the hidden layer; its gain over the linear one; late validation."""
    means = trials.groupby("head", sort=False)[["test_accuracy", "test_accuracy_pruned"]].mean()
    if means["test_accuracy"].isna().all():
        return NOTHING
    linear = means["test_accuracy"].get("linear", np.nan)
    sentences = [f"Test accuracy after the last epoch: linear {fixed(linear, 2)} %."]
    for head, (accuracy, pruned) in means.drop(index="linear", errors="ignore").iterrows():
        sentences.append(f"{HEADS[head]}: {fixed(accuracy, 2)} %, {gain(trials, head)}.")
        if head not in WITHOUT_EIGENVALUES:
            sentences.append(f"With its hidden eigenvalues set to 0 it has {fixed(pruned, 2)} %.")
    return " ".join([*sentences, _late(epochs)])


def _late(epochs: pd.DataFrame) -> str:
    """Validation accuracy averaged over the last epochs, since it jumps from one epoch to the next."""
    epochs = epochs.dropna(subset=["validation_accuracy"])
    last = max(epochs["epoch"], default=0)
    if last < 2 * LATE:
        return ""
    late = epochs[epochs["epoch"] > last - LATE]
    spread = late.groupby(["head", "trial"])["validation_accuracy"].std().mean()
    means = late.groupby("head", sort=False)["validation_accuracy"].mean().dropna()
    parts = [f"{HEADS[head]} {mean:.2f} %" for head, mean in means.items()]
    return (
        f"One epoch differs from the next: within one trial plain validation accuracy has a standard deviation of "
        f"{spread:.2f} points over the last {LATE}. On average over them it is: {', '.join(parts)}."
    )


def sign_findings(trials: pd.DataFrame, epochs: pd.DataFrame) -> str:
    """Which sign of W_31 comes closer to the paper's figures."""
    values = sign_values(trials, epochs)
    heads = list(dict.fromkeys(head for head, _ in values))
    if len(heads) < 2:
        return "There are not two signs of $W_{31}$ to compare at this scale."
    closest = {
        label: min(heads, key=lambda head: abs(values[head, column].mean() - paper))
        for column, (label, paper) in SIGNS.items()
    }
    parts = [
        f"{SIGN[head]} for {listing([label for label, chosen in closest.items() if chosen == head])}"
        for head in heads
        if head in closest.values()
    ]
    counts = pd.Series([len(measured) for measured in values.values()])
    n = counted(count_range(counts), "network")
    return f"Closer to the paper's numbers, on average over n = {n}: {'; '.join(parts)}."


def control_findings(trials: pd.DataFrame) -> str:
    """What SPARCS gains over a plain hidden layer that is as wide, from either start, paired by seed."""
    accuracies = trials.pivot(index="trial", columns="head", values="test_accuracy").reindex(columns=HEADS)
    if not (trials["head"] == "hidden").any():
        return "The control, a plain hidden layer as wide as SPARCS's, has not been run."
    parts = []
    for head, sign in SIGN.items():
        differences = (accuracies[head] - accuracies["hidden"]).dropna().to_numpy()
        if len(differences):
            mean, low, high = mean_interval(differences)
            bounds = f" [{low:+.2f}, {high:+.2f}]" if len(differences) >= 3 else ""
            parts.append(f"with {sign} {mean:+.2f}{bounds} (n = {len(differences)})".replace("-", "−"))
    if not parts:
        return "No SPARCS head and plain hidden layer with the same seed finished both."
    return f"Over the plain hidden layer SPARCS gains, in points of test accuracy: {'; '.join(parts)}."


def sweep_findings(drawn: pd.DataFrame, paper: Mapping, curves: pd.DataFrame) -> str:
    """Where the SPARCS head gains most and least, where that is clear, and where it ends linear, by what is drawn.

    paper: its settings, by experiment; curves: accuracies by epoch of the full trainings.
    """
    gains = drawn[drawn["measure"] == "gain"]
    if gains.empty:
        return NO_PAIR
    most, least = gains.loc[gains["mean"].idxmax()], gains.loc[gains["mean"].idxmin()]
    training = paper["cifar10"]["training"]
    said = [
        f"Over the linear head SPARCS gains most with {_gain(most)}.{OWN * _is_papers(most, training)}",
        f"It gains least with {_gain(least)}.{OWN * _is_papers(least, training)}",
    ]
    if drawn["epochs"].max() < training["epochs"]:
        said.append(f"These trainings have {drawn['epochs'].max():.0f} epochs of the paper's {training['epochs']}.")
        said.append(_gain_then(curves, int(drawn["epochs"].max())))
    known = int(gains["low"].notna().sum())
    if known:
        above, below = int((gains["low"] > 0).sum()), int((gains["high"] < 0).sum())
        said.append(f"Of {known} points with an interval it lies above 0 at {above}, below 0 at {below}.")
        said += ["The intervals are not corrected for their number."] * (known > 1)
    linear = int((drawn.loc[drawn["measure"] == "compact_neurons", "trials_high"] == 0).sum())
    if linear:
        said.append(
            f"At {linear} of all {len(gains)} points compaction keeps no hidden neuron of any trial. A linear head is "
            "within its loss budget there, even where small eigenvalues count as recruited beside the largest."
        )
    return " ".join(filter(None, said))


def _gain_then(curves: pd.DataFrame, epoch: int) -> str:
    """How far SPARCS was ahead at an epoch of the full trainings, and at their end, on plain validation images."""
    if curves.empty or curves["epoch"].max() <= epoch:
        return ""
    by_head = curves.pivot_table(index="epoch", columns="head", values="validation_accuracy")
    by_head = by_head.reindex(columns=["spectral", "linear"]).dropna()
    gains = (by_head["spectral"] - by_head["linear"]).rolling(WINDOW).mean().dropna()
    if epoch not in gains.index:
        return ""
    then, end = (f"{value:+.2f}".replace("-", "−") for value in (gains[epoch], gains.iloc[-1]))
    return (
        f"In the full ones SPARCS's gain on validation images is {then} points by then and {end} at the end (means of "
        f"{WINDOW} epochs)."
    )


def _is_papers(row: pd.Series, training: Mapping) -> bool:
    return row["penalty"] == training["penalty"] and bool(np.isclose(row["rho"], training["rho"]))


def _gain(row: pd.Series) -> str:
    """A point of the sweep in words, with its mean gain and the interval where there is one."""
    mean, low, high = (f"{row[name]:+.2f}".replace("-", "−") for name in ("mean", "low", "high"))
    interval = "" if np.isnan(row["low"]) else f" [{low}, {high}]"
    return f"{PENALTIES[row['penalty']].split(',')[0]} at $\\rho$ = {number(row['rho'])} ({mean} points{interval})"


def compaction_findings(trials: pd.DataFrame, width: int) -> str:
    """How many neurons are recruited, and what the compact head keeps."""
    spectral = trials[trials["head"] == "spectral"].dropna(subset=["recruited_neurons"])
    if spectral.empty:
        return NO_SPARCS
    mean = spectral.mean(numeric_only=True)
    sentences = [
        f"Of {width} hidden neurons {number(mean['recruited_neurons'])} are recruited, "
        f"{100 * mean['recruited_neurons'] / width:.1f} % ({averaged(len(spectral))})."
    ]
    if not np.isnan(mean["compact_parameters"]):
        sentences += [
            f"The compact head keeps {number(mean['compact_neurons'])} hidden neurons and "
            f"{mean['compact_parameters']:,.0f} of {mean['parameters']:,.0f} parameters.",
            f"Its test accuracy goes from {mean['test_accuracy']:.2f} to {mean['compact_test_accuracy']:.2f} %.",
            _compact_gain(trials),
        ]
    others = trials.loc[trials["head"] == "spectral_authors_sign", "compact_neurons"]
    if len(others) and others.isna().all():
        sentences.append("Heads with the authors' sign were not compacted.")
    return " ".join(filter(None, sentences))


def _compact_gain(trials: pd.DataFrame) -> str:
    """Points of the compact head above the linear one with the same seed, beside those before compaction."""
    compact = trials.assign(test_accuracy=trials["compact_test_accuracy"].where(trials["head"] == "spectral",
                            trials["test_accuracy"]))  # fmt: skip
    before, after = (np.subtract(*paired(rows, "test_accuracy", "spectral")) for rows in (trials, compact))
    if not len(after):
        return ""
    share = ""
    if before.mean() > after.mean() > 0:
        share = f" Compaction costs {100 * (1 - after.mean() / before.mean()):.0f} % of the mean gain."
    return f"Compact, SPARCS has {gain(compact, 'spectral')}.{share}"


def eigenvalue_findings(eigenvalues: pd.DataFrame) -> str:
    """Sizes of the hidden eigenvalues against the last layer's, and the modes of their logarithm."""
    rows = eigenvalues[eigenvalues["head"] == "spectral"].dropna(subset=["eigenvalue"])
    if "epoch" in rows:
        rows = rows[rows["epoch"] == rows["epoch"].max()]
    rows = rows.assign(size=rows["eigenvalue"].abs())
    if rows.empty:
        return NO_SPARCS
    sizes = rows.groupby(["trial", "layer"])["size"].agg(["median", "max"]).groupby("layer").mean()
    sizes = sizes.reindex([HIDDEN, LAST])
    hidden = [of_trial for _, of_trial in rows[rows["layer"] == HIDDEN].groupby("trial")["size"]]
    return (
        f"The hidden $|\\lambda|$ have median {number(sizes.loc[HIDDEN, 'median'])} and largest value "
        f"{number(sizes.loc[HIDDEN, 'max'])} ({averaged(len(hidden))}). {last_layer_fell(rows[rows['layer'] == LAST])} "
        f"{_modes(hidden)}"
    ).replace("  ", " ")


def last_layer_fell(rows: pd.DataFrame) -> str:
    """What became of the last layer's |λ|, which start at 1: networks' medians; rows: of that layer, with size."""
    medians = rows.groupby("trial")["size"].median()
    if medians.empty:
        return ""
    ends = list(dict.fromkeys([number(medians.min()), number(medians.max())]))
    between = f"between {' and '.join(ends)}" if len(ends) > 1 else ends[0]
    moved = "fell" if (medians < 1).all() else "went"
    return f"The median of the last layer's {moved} from 1 to {between} (n = {len(medians)})."


def _modes(hidden: Sequence[pd.Series]) -> str:
    """In how many networks the logarithms have two modes, and in how many with the next wider kernel."""
    gaps = {width: np.array([mode_distance(values, width) for values in hidden]) for width in (BANDWIDTH, WIDER)}
    counts = {width: int((each > 0).sum()) for width, each in gaps.items()}
    found = gaps[BANDWIDTH][gaps[BANDWIDTH] > 0]
    apart = f", {number(found.mean())} decades apart" if len(found) else ""
    wider = f"; with one of {WIDER:g} in {counts[WIDER] or 'none'}" if len(found) else ""
    return (
        f"With a kernel of {BANDWIDTH:g} decades their logarithm has two modes in {counts[BANDWIDTH]} of "
        f"{counted(len(hidden), 'network')}{apart}{wider}."
    )


def cifar100_findings(trials: pd.DataFrame) -> str:
    """Test accuracy of both heads and the gain, with the backbone named."""
    means = trials.groupby("head")["test_accuracy"].mean()
    if means.isna().all():
        return NOTHING
    gains = np.subtract(*paired(trials, "test_accuracy", "spectral"))
    plain = ""
    if len(gains):
        place = "On the substitute" if trials["substitute_backbone"].any() else "On the paper's backbone"
        side = "worse" if gains.mean() < 0 else "better"
        plain = f"{place} SPARCS is {abs(gains.mean()):.2f} points {side} than the linear head. "
    linear, sparcs = (fixed(means.get(head, np.nan), 2) for head in ("linear", "spectral"))
    return (
        f"{plain}{_removed(trials)}{backbone_note(trials)} Test accuracy after the training: linear {linear} %, SPARCS "
        f"{sparcs} %, {gain(trials, 'spectral')}."
    )


def _removed(trials: pd.DataFrame) -> str:
    """In how many networks compaction removes every hidden neuron; empty if none was compacted."""
    kept = trials.loc[trials["head"] == "spectral", "compact_neurons"].dropna()
    if kept.empty:
        return ""
    return f"Compaction removes every hidden neuron in {(kept == 0).sum()} of {counted(len(kept), 'network')}. "


def probe_findings(probes: pd.DataFrame) -> str:
    """How much of the MLP's gain over the linear head SPARCS finds."""
    gains = {head: np.subtract(*paired(probes, "test_accuracy", head)) for head in ("spectral", "mlp")}
    if not all(len(values) for values in gains.values()):
        return NO_PAIR
    said = f"SPARCS: {gain(probes, 'spectral')}; MLP: {gain(probes, 'mlp')}."
    if (probes["head"] == "spectral_authors_sign").any():
        said += f" SPARCS from $\\lambda_3 = -1$: {gain(probes, 'spectral_authors_sign')}."
    mean, low, _ = mean_interval(gains["mlp"])
    if not low > 0:
        return f"{said} What a plain hidden layer gains is not told from nothing here, so there is no share to give."
    return f"{said} SPARCS finds {100 * gains['spectral'].mean() / mean:.0f} % of what the plain hidden layer gains."


def averaged(n: int) -> str:
    """What numbers over n networks are, as text for brackets."""
    return f"mean of n = {n}" if n > 1 else "one network"


def gain(rows: pd.DataFrame, head: str) -> str:
    """Points above the linear head with the same seed, with its interval where n allows one."""
    values = np.subtract(*paired(rows, "test_accuracy", head))
    if len(values) == 0:
        return "not paired with a linear head"
    mean, low, high = mean_interval(values)
    bounds = f" [{low:+.2f}, {high:+.2f}]" if len(values) >= 3 else ""
    return f"{mean:+.2f}{bounds} points against linear (n = {len(values)})".replace("-", "−")


def direct_space(widths: Sequence[int]) -> str:
    """The count of numbers that a head of these widths holds as φ and λ, and as W_ij, without the bias column."""
    by_spectrum = sum(before * after for before, after in pairwise(widths)) + sum(widths[1:])
    by_weights = sum(before * after for before, after in combinations(widths, 2))
    return (
        f"With all its neurons the head {'-'.join(map(str, widths))} holds {by_spectrum:,} numbers as eigenvectors and "
        f"eigenvalues and {by_weights:,} as weights $W_{{ij}}$ in direct space."
    )
