"""How claims E and F are measured: SPARCS as the head of an image classifier (experiments 3 and 4).

Everything is judged with equation 4.3; what the authors' sign of W_31 gives stands beside, in the remark.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from replication.statistics import BANDWIDTH, judged, mean_interval, mode_distance
from replication.verdicts import Measured, Tables

LINEAR, SPARCS, OTHER_SIGN = "linear", "spectral", "spectral_authors_sign"
HIDDEN, LAST = 2, 3  # layers of the head
WIDTHS = (0.1, BANDWIDTH, 0.3, 0.4)  # of kernels: the verdict is BANDWIDTH's, the others show how much hangs on it
EARLY = 10  # the epoch at which the curves are still close (E3)
GAIN = "test accuracy, SPARCS minus linear, points"
PAPERS_SECONDS = 1361.98 - 1357.0  # Table 1: SPARCS minus linear, one training
HALF = float(np.nextafter(0.5, 0))  # "under half"


def beats_linear(tables: Tables) -> Iterator[Measured]:
    """E1: test accuracy after the last epoch, SPARCS minus linear, paired by seed."""
    trials = tables["cifar10/trials"]
    gains = paired(trials, "test_accuracy", SPARCS)
    reason = f"the authors' sign: {mean_text(paired(trials, 'test_accuracy', OTHER_SIGN))}{_left_out(trials)}"
    yield Measured("", GAIN, mean_interval(gains), len(gains), (2.85, np.inf), reason, partly=(0, np.inf))


def costs_little(tables: Tables) -> Iterator[Measured]:
    """E2: mean allocated memory, difference in MiB, and training time, ratio; on CUDA if there are such rows."""
    costs = judged(tables["cifar10/costs"])
    untested = "" if (costs["device"] == "cuda").any() else "no CUDA device"
    devices = "on " + ", ".join(sorted(costs["device"].unique()))
    counted = "counted from the sizes of all tensors that stay, so the same for every trial and on every device"
    memory = paired(costs, "mean_allocated_mib", SPARCS)
    seconds = paired(costs.assign(seconds=np.log(costs["seconds"])), "seconds", SPARCS)
    more = f"{mean_text(paired(costs, 'seconds', SPARCS))}; the paper: {PAPERS_SECONDS:.3g}"
    yield Measured("a", "mean memory allocated after a step, SPARCS minus linear, MiB", mean_interval(memory),
                   len(memory), (3.0, 3.6), counted, untested=untested)  # fmt: skip
    yield Measured("b", "training time, SPARCS over linear", mean_interval(np.exp(seconds)), len(seconds),
                   (-np.inf, 1.05), f"{devices}; seconds more for a training: {more}", untested=untested)  # fmt: skip


def leaves_its_pruned_self(tables: Tables) -> Iterator[Measured]:
    """E3: accuracy on the augmented validation images lost with λ_2 := 0, early and after the last epoch."""
    epochs = tables["cifar10/epochs"]
    last = max(epochs["epoch"], default=0)
    for part, epoch, region in (("a", EARLY, (-1, 1)), ("b", last, (10, np.inf))):
        lost = pruning_loss(epochs, epoch, SPARCS, "_augmented")
        plain, other = pruning_loss(epochs, epoch, SPARCS, ""), pruning_loss(epochs, epoch, OTHER_SIGN, "_augmented")
        reason = f"on plain images {mean_text(plain)}; the authors' sign: {mean_text(other)}"
        statement = f"points of accuracy lost with λ_2 := 0, epoch {epoch}"
        yield Measured(part, statement, mean_interval(lost), len(lost), region, reason)


def forms_two_clusters(tables: Tables) -> Iterator[Measured]:
    """E4: decades between the two modes of log |λ_2|, 0 if there is one; share of the hidden neurons recruited."""
    distances, shares = (
        {head: measure(tables, head) for head in (SPARCS, OTHER_SIGN)} for measure in (mode_distances, recruited_shares)
    )
    for part, statement, found, region, remark in (
        ("a", "decades between the two modes of log abs λ_2 (0: one mode)", distances, (1, np.inf), _by_width(tables)),
        ("b", "share of the hidden neurons recruited", shares, (-np.inf, HALF), ""),
    ):
        reason = f"the authors' sign: {mean_text(found[OTHER_SIGN])}{remark}"
        yield Measured(part, statement, mean_interval(found[SPARCS]), len(found[SPARCS]), region, reason)


def _by_width(tables: Tables) -> str:
    """How many networks have two modes, by the width of the kernel that modes are counted with."""
    counts = {
        head: [(mode_distances(tables, head, width) > 0).sum() for width in WIDTHS] for head in (SPARCS, OTHER_SIGN)
    }
    said = ", ".join(
        f"{one} and {other} at {width:g}" for width, one, other in zip(WIDTHS, *counts.values(), strict=True)
    )
    return f"; networks with two modes, of (4.3) and of that sign, by the kernel's width in decades: {said}"


def matches_linear(tables: Tables) -> Iterator[Measured]:
    """F1: test accuracy after the pass, SPARCS minus linear, paired by seed."""
    trials = tables["cifar100/trials"]
    gains = paired(trials, "test_accuracy", SPARCS)
    reason = _left_out(trials).removeprefix("; ")
    yield Measured("", GAIN, mean_interval(gains), len(gains), (-1, 1), reason)


def stays_a_perceptron(tables: Tables) -> Iterator[Measured]:
    """F2: median |λ| of the hidden layer over that of the last layer, in each network."""
    ratios = median_ratios(tables["cifar100/eigenvalues"], SPARCS)
    yield Measured(
        "", "median |λ| of the hidden layer over that of the last", mean_interval(ratios), len(ratios), (-np.inf, 0.01)
    )


def paired(rows: pd.DataFrame, column: str, head: str) -> np.ndarray:
    """A head's value minus the linear head's, one per trial that has both; they share the trial's seed."""
    columns = rows[rows["head"].isin([LINEAR, head])].pivot(index="trial", columns="head", values=column)
    columns = columns.reindex(columns=[LINEAR, head]).dropna()
    return (columns[head] - columns[LINEAR]).to_numpy(np.float64)


def _left_out(trials: pd.DataFrame) -> str:
    """How many trainings of the two heads that are compared diverged, so that their trials are in no difference."""
    lost = trials.loc[trials["head"].isin([LINEAR, SPARCS]), "test_accuracy"].isna().sum()
    return f"; {lost} of the trainings diverged: their pairs are left out" if lost else ""


def pruning_loss(epochs: pd.DataFrame, epoch: int, head: str, images: str) -> np.ndarray:
    """Validation accuracy of a head minus that with λ_2 := 0, one per trial; images: "" or "_augmented"."""
    rows = epochs[(epochs["epoch"] == epoch) & (epochs["head"] == head)]
    name = f"validation_accuracy{images}"
    return (rows[name] - rows[f"{name}_pruned"]).dropna().to_numpy(np.float64)


def mode_distances(tables: Tables, head: str, width: float = BANDWIDTH) -> np.ndarray:
    """Decades between the modes of log |λ_2| at the end, one per network; width: of the kernel, in decades."""
    rows = tables["cifar10/eigenvalues"].dropna(subset=["eigenvalue"])
    rows = rows[(rows["head"] == head) & (rows["layer"] == HIDDEN) & (rows["epoch"] == rows["epoch"].max())]
    return np.array([mode_distance(own["eigenvalue"].abs(), width) for _, own in rows.groupby("trial")])


def recruited_shares(tables: Tables, head: str) -> np.ndarray:
    """Recruited neurons over hidden neurons, one per network."""
    rows = tables["cifar10/eigenvalues"].query("layer == @HIDDEN and head == @head")
    width = rows["neuron"].nunique()
    trials = tables["cifar10/trials"].query("head == @head")
    return (trials["recruited_neurons"].dropna() / max(width, 1)).to_numpy(np.float64)


def median_ratios(eigenvalues: pd.DataFrame, head: str) -> np.ndarray:
    """Median |λ| of the hidden layer over that of the last layer, one per network."""
    rows = eigenvalues[eigenvalues["head"] == head].assign(size=eigenvalues["eigenvalue"].abs())
    medians = rows.groupby(["trial", "layer"])["size"].median().unstack().reindex(columns=[HIDDEN, LAST]).dropna()
    return (medians[HIDDEN] / medians[LAST]).to_numpy(np.float64)


def mean_text(values: np.ndarray) -> str:
    """A mean with its interval and n, for a remark."""
    if len(values) == 0:
        return "no finished trial"
    mean, low, high = mean_interval(values)
    bounds = f" [{low:.3g}, {high:.3g}]" if len(values) >= 3 else ""
    return f"{mean:.3g}{bounds}, n = {len(values)}".replace("-", "−")
