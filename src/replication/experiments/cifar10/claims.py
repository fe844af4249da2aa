"""How claims E are measured: SPARCS as the head of experiment 3."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from replication.judging.divergence import Divergence
from replication.judging.heads import GAIN, HIDDEN, LINEAR, OTHER_SIGN, SPARCS, diverged, finished, mean_text, paired
from replication.judging.statistics import (
    BANDWIDTH,
    NOT_NEGATIVE,
    SHARE,
    Interval,
    judged,
    mean_interval,
    mode_distance,
    share_interval,
)
from replication.judging.verdicts import SEVERITY, Claim, Each, Measured, Region, Tables, verdict_of
from replication.report.text import listing

WIDTHS = (0.1, BANDWIDTH, 0.3, 0.4)  # of kernels: the verdict is BANDWIDTH's, the others show how much hangs on it
EARLY = 10  # the epoch at which the curves are still close (E3)
CLOSE, LEFT = (-1, 1), (10, np.inf)  # points between curves that are close, and lost by a head that relies on λ_2
SWEEP = "cifar10/sweep"  # the table of kinds and strengths of the penalty
PAPERS_LINEAR = 1357.0  # seconds of one training, Table 1
PAPERS_SECONDS = 1361.98 - PAPERS_LINEAR  # SPARCS minus linear
HALF = float(np.nextafter(0.5, 0))  # "under half"


def beats_linear(tables: Tables) -> Iterator[Measured]:
    """E1: test accuracy after the last epoch, SPARCS minus linear, paired by seed."""
    trials = tables["cifar10/trials"]
    gains = paired(trials, "test_accuracy", SPARCS)
    reason = f"the authors' sign: {mean_text(paired(trials, 'test_accuracy', OTHER_SIGN))}"
    yield Measured("", GAIN, mean_interval(gains), len(gains), (2.85, np.inf), reason, partly=(0, np.inf),
                   diverged=diverged(trials, LINEAR, SPARCS), each=Each(gains, "gain of one seed"))  # fmt: skip


def costs_little(tables: Tables) -> Iterator[Measured]:
    """E2: mean allocated memory, difference in MiB, and training time, ratio; on CUDA if there are such rows."""
    trials = tables["cifar10/trials"]
    costs, lost = finished(judged(tables["cifar10/costs"]), trials), diverged(trials, LINEAR, SPARCS)
    untested = "" if (costs["device"] == "cuda").any() else "no CUDA device"
    machines = f" ({'; '.join(sorted(costs['machine'].dropna().unique()))})" if "machine" in costs else ""
    devices = "on " + ", ".join(sorted(costs["device"].unique())) + machines
    counted = "counted from the sizes of all tensors that stay, so the same for every trial and on every device"
    memory = paired(costs, "mean_allocated_mib", SPARCS)
    seconds = paired(costs.assign(seconds=np.log(costs["seconds"])), "seconds", SPARCS)
    more = f"{mean_text(paired(costs, 'seconds', SPARCS))}; the paper: {PAPERS_SECONDS:.3g}{_faster(costs)}"
    yield Measured("a", "mean memory allocated after a step, SPARCS minus linear, MiB", mean_interval(memory),
                   len(memory), (3.0, 3.6), counted, untested=untested, diverged=lost,
                   each=Each(memory, "one seed"))  # fmt: skip
    yield Measured("b", "training time, SPARCS over linear", mean_interval(np.exp(seconds), NOT_NEGATIVE), len(seconds),
                   (-np.inf, 1.05), f"{devices}; seconds more for a training: {more}", untested=untested,
                   diverged=lost, each=Each(np.exp(seconds), "ratio of one seed"))  # fmt: skip


def _faster(costs: pd.DataFrame) -> str:
    """That our loop is faster than the paper's, where it is: then the same seconds weigh more in the ratio."""
    times = PAPERS_LINEAR / costs.loc[costs["head"] == LINEAR, "seconds"].mean()
    if not times > 2:
        return ""
    return f". Our loop is {times:.0f} times as fast as the paper's, so the same seconds weigh more in the ratio"


def leaves_its_pruned_self(tables: Tables) -> Iterator[Measured]:
    """E3: accuracies on the augmented validation images, of the three curves early and of two after the last epoch.

    Early every two of linear, SPARCS and SPARCS with λ_2 := 0 have to be close, paired by seed: those farthest apart
    are shown. At the end the share of the networks that lose enough stands beside the mean.
    """
    trials = tables["cifar10/trials"]
    epochs, lost = finished(tables["cifar10/epochs"], trials), diverged(trials, SPARCS)
    last = max(epochs["epoch"], default=0)
    yield _stay_close(epochs, _lost_when_pruned(epochs, "a", EARLY, CLOSE, lost), diverged(trials, LINEAR, SPARCS))
    late = _lost_when_pruned(epochs, "b", last, LEFT, lost)
    points = pruning_loss(epochs, last, SPARCS, "_augmented")
    count = int((points >= LEFT[0]).sum())
    share, low, high = share_interval(count, len(points))
    beside = (
        f"{count} of {len(points)} networks lose {LEFT[0]} points, a share of {share:.3g} [{low:.3g}, {high:.3g}]; "
    )
    yield replace(late, reason=beside * bool(len(points)) + late.reason, before=late, changed="the share of the "
                  "networks that lose as much now stands beside the mean, which hides it")  # fmt: skip


def _stay_close(epochs: pd.DataFrame, before: Measured, lost: Divergence) -> Measured:
    """E3's early part, by the two curves that are farthest apart."""
    curves = early_curves(epochs)
    pair, interval = farthest(curves)
    reason = (
        f"of the curves {pair.replace(' minus ', ' and ')} differ most; report 04 has every pair" if len(curves) else ""
    )
    return Measured("a", f"points of accuracy between the two of three curves that are farthest apart, epoch {EARLY}",
                    interval, len(curves), CLOSE, reason, diverged=lost, before=before,
                    each=Each(differences(curves)[pair], "points of one seed"),
                    changed="Figure 16 has three curves, and the linear head's was not compared")  # fmt: skip


def early_curves(epochs: pd.DataFrame, head: str = SPARCS, images: str = "_augmented") -> pd.DataFrame:
    """Validation accuracy at epoch EARLY, a row per trial that has all three curves, a column for each."""
    rows = epochs[epochs["epoch"] == EARLY].set_index("trial")
    name, spectral = f"validation_accuracy{images}", rows[rows["head"] == head]
    linear = rows.loc[rows["head"] == LINEAR, name]
    curves = {"SPARCS": spectral[name], "linear": linear, "pruned": spectral[f"{name}_pruned"]}
    return pd.DataFrame(curves, dtype=np.float64).dropna()


def differences(curves: pd.DataFrame) -> dict[str, np.ndarray]:
    """The paired differences of every two curves by name, a value per trial."""
    return {f"{one} minus {other}": (curves[one] - curves[other]).to_numpy() for one, other in combinations(curves, 2)}


def farthest(curves: pd.DataFrame) -> tuple[str, Interval]:
    """The two curves whose difference has the worst verdict, of these the largest mean, and its interval."""
    intervals = {pair: mean_interval(values) for pair, values in differences(curves).items()}
    return max(intervals.items(), key=lambda each: (SEVERITY.index(verdict_of(*each[1][1:], CLOSE)), abs(each[1][0])))


def _lost_when_pruned(epochs: pd.DataFrame, part: str, epoch: int, region: Region, diverging: Divergence) -> Measured:
    """Points of accuracy that λ_2 := 0 costs; on plain images and with the authors' sign in the remark."""
    lost = pruning_loss(epochs, epoch, SPARCS, "_augmented")
    plain, other = pruning_loss(epochs, epoch, SPARCS, ""), pruning_loss(epochs, epoch, OTHER_SIGN, "_augmented")
    reason = f"on plain images {mean_text(plain)}; the authors' sign: {mean_text(other)}"
    statement = f"points of accuracy lost with λ_2 := 0, epoch {epoch}"
    return Measured(part, statement, mean_interval(lost), len(lost), region, reason, diverged=diverging,
                    each=Each(lost, "points of one seed"))  # fmt: skip


def forms_two_clusters(tables: Tables) -> Iterator[Measured]:
    """E4: decades between the two modes of log |λ_2|, 0 if there is one; share of the hidden neurons recruited."""
    distances, shares = (
        {head: measure(tables, head) for head in (SPARCS, OTHER_SIGN)} for measure in (mode_distances, recruited_shares)
    )
    for part, statement, by_head, within, region, remark in (
        ("a", "decades between the two modes of log abs λ_2 (0: one mode)", distances, NOT_NEGATIVE, (1, np.inf),
         _by_width(tables)),
        ("b", "share of the hidden neurons recruited", shares, SHARE, (-np.inf, HALF), ""),
    ):  # fmt: skip
        reason = f"the authors' sign: {mean_text(by_head[OTHER_SIGN], within)}{remark}"
        yield Measured(part, statement, mean_interval(by_head[SPARCS], within), len(by_head[SPARCS]), region, reason,
                       diverged=diverged(tables["cifar10/trials"], SPARCS),
                       each=Each(by_head[SPARCS], "one seed"))  # fmt: skip


def _by_width(tables: Tables) -> str:
    """How many networks have two modes, by the width of the kernel that modes are counted with."""
    said = []
    for head, name in ((SPARCS, "(4.3)"), (OTHER_SIGN, "that sign")):
        widths: dict[int, list[str]] = {}
        for width in WIDTHS:
            widths.setdefault(int((mode_distances(tables, head, width) > 0).sum()), []).append(f"{width:g}")
        said.append(f"of {name} " + ", ".join(f"{count} at {listing(each)}" for count, each in widths.items()))
    return f". Networks with two modes, by the kernel's width in decades: {'; '.join(said)}"


def pruning_loss(epochs: pd.DataFrame, epoch: int, head: str, images: str) -> np.ndarray:
    """Validation accuracy of a head minus that with λ_2 := 0, one per trial; images: "" or "_augmented"."""
    rows = epochs[(epochs["epoch"] == epoch) & (epochs["head"] == head)]
    name = f"validation_accuracy{images}"
    return (rows[name] - rows[f"{name}_pruned"]).dropna().to_numpy(np.float64)


def mode_distances(tables: Tables, head: str, width: float = BANDWIDTH) -> np.ndarray:
    """Decades between the modes of log |λ_2| at the end, one per network; width: of the kernel, in decades."""
    rows = finished(tables["cifar10/eigenvalues"], tables["cifar10/trials"])
    rows = rows[(rows["head"] == head) & (rows["layer"] == HIDDEN) & (rows["epoch"] == rows["epoch"].max())]
    return np.array([mode_distance(of_trial["eigenvalue"].abs(), width) for _, of_trial in rows.groupby("trial")])


def recruited_shares(tables: Tables, head: str) -> np.ndarray:
    """Recruited neurons over hidden neurons, one per network."""
    rows = tables["cifar10/eigenvalues"].query("layer == @HIDDEN and head == @head")
    width = rows["neuron"].nunique()
    trials = tables["cifar10/trials"].query("head == @head")
    return (trials["recruited_neurons"].dropna() / max(width, 1)).to_numpy(np.float64)


CLAIMS = [
    Claim("E1", "SPARCS beats the linear head on CIFAR-10", "Table 1, Figure 16",
          "73.9 against 68.2 % test accuracy, 5.7 points", "04_cifar10, Table 1, fig16, fig_cifar10_starts",
          beats_linear, ("cifar10/trials",)),
    Claim("E2", "SPARCS costs little more memory and time", "Table 1", "+3.3 MB, +0.4 % time", "04_cifar10, Table 1",
          costs_little, ("cifar10/costs", "cifar10/trials")),
    Claim("E3", "the curves stay close early; later SPARCS leaves its pruned self", "Figure 16", "shown",
          "04_cifar10, fig16", leaves_its_pruned_self, ("cifar10/epochs", "cifar10/trials")),
    Claim("E4", "the hidden eigenvalues form two clusters; a limited fraction of the neurons is recruited", "Figure 17",
          "shown for one network", "04_cifar10, fig17", forms_two_clusters,
          ("cifar10/eigenvalues", "cifar10/trials")),
]  # fmt: skip
