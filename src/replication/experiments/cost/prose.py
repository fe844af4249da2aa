"""What the benchmarks of a step's cost and of the two loops found, in words and as tables."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from replication.experiments.cost.figures import LABELS
from replication.judging.statistics import mean_interval
from replication.report.intervals import FEWEST, count_range
from replication.report.tables import markdown
from replication.report.text import listing, number

SLOPES = (
    "A slope of 1 is a cost linear in depth. The Theil–Sen slope is the median over all pairs of depths. Least squares "
    "gives the few shallow networks much weight, and those cost *less* than their share (one product in the first "
    "layer and one in the last), which it reads as growth; it does so for the MLP too, which has ℓ − 1 products, not ℓ."
)
QUANTITIES = {"step": "time", "memory": "peak memory"}
LOOPS = {  # by the benchmark's names, in the order of the table
    "DataLoader": "a loop as the authors'",
    "PyTorch": "our loop",
    "fused kernel": "our loop, fused kernel",
}
TIMES = {"cpu": ("core_seconds", "core time"), "cuda": ("seconds", "by the clock")}  # that count, by device
NO_LATENCY = "The time of an answer has not been measured (`snakemake benchmark_latency`)."
NO_LOOPS = "The same with a loop as the authors' has not been run (`snakemake benchmark_regimes`)."


def findings(depth: pd.DataFrame, summary: pd.DataFrame, step: pd.DataFrame) -> str:
    """Where it was measured, largest ratios and slopes as a table, and experiment 2's step."""
    return "\n\n".join([_where(depth), _table(summary), SLOPES, _of_experiment_2(step)])


def _where(depth: pd.DataFrame) -> str:
    first = depth.iloc[0]
    layers = depth["layers"]
    return (
        f"Measured on {first['machine']} at commit {first['commit'][:7]}, {first['date'][:10]}: {layers.nunique()} "
        f"depths from {layers.min()} to {layers.max()} layers, all networks of a depth in turns in one process, one "
        "thread, denormals flushed to zero; medians."
    )


def _table(summary: pd.DataFrame) -> str:
    rows = [
        {
            "network": LABELS[row.network],
            "of a step": QUANTITIES[row.quantity],
            "largest ratio to the MLP": f"{row.largest_ratio:.2f}",
            "log-log slope (Theil–Sen)": f"{row.slope:.2f}",
            "by least squares": f"{row.slope_least_squares:.2f}",
        }
        for row in summary.itertuples()
    ]
    return markdown(pd.DataFrame(rows))


def _of_experiment_2(step: pd.DataFrame) -> str:
    medians = step.set_index("way")["median"]
    said = ", ".join(f"{way} {number(value)} ms" for way, value in medians.items())
    first = step.iloc[0]
    return (
        f"Experiment 2's whole optimiser step (20-200-200-20, batch 1,024; medians; {first['machine']}, commit "
        f"{first['commit'][:7]}, {first['date'][:10]}): {said}. *Eager* is a loop with a DataLoader."
    )


def two_loops(timed: pd.DataFrame, costs: pd.DataFrame, paper: Mapping, seconds: Mapping[str, float]) -> str:
    """SPARCS's time over the linear head's in a loop as the authors' and in ours, and why they differ.

    timed: of the benchmark, empty if it was not run; costs: of experiment 3's trainings; paper: its settings of
    experiment 3; seconds: of a training with each head, by Table 1.
    """
    measured = _loops(timed, paper, seconds) if len(timed) else NO_LOOPS
    return "\n\n".join(filter(None, [measured, _why(costs, paper, seconds)]))


def _loops(timed: pd.DataFrame, paper: Mapping, seconds: Mapping[str, float]) -> str:
    rows, said, where = [], [], []
    for device, of_device in timed.groupby("device"):
        column, what = TIMES[device]
        first = of_device.iloc[0]
        trained = paper["training"]["epochs"] * paper["images"] / first["images"]  # epochs as those, in a training
        where.append(f"{first['machine']}, commit {first['commit'][:7]}, {first['date'][:10]}")
        for loop in LOOPS:
            of_loop = of_device[of_device["loop"] == loop]
            linear, sparcs = _paired(of_loop, "repeat", column)
            if len(linear) == 0:
                continue
            ratio = _ratio(linear, sparcs)
            said.append(f"{ratio} in {LOOPS[loop]} ({device})")
            rows.append(
                {
                    "loop": LOOPS[loop],
                    "device": f"{device}, {what}",
                    "n": len(linear),
                    "epoch, linear, s": number(linear.mean()),
                    "epoch, SPARCS, s": number(sparcs.mean()),
                    "SPARCS adds to a training, s": number(trained * (sparcs - linear).mean()),
                    "SPARCS / linear [95 %]": ratio,
                    "the same by the clock": _ratio(*_paired(of_loop, "repeat", "seconds")),
                }
            )
    epochs = paper["training"]["epochs"]
    papers = {
        "loop": "the paper",
        "device": "cuda, by the clock",
        "n": 1,
        "epoch, linear, s": number(seconds["linear"] / epochs),
        "epoch, SPARCS, s": number(seconds["spectral"] / epochs),
        "SPARCS adds to a training, s": number(seconds["spectral"] - seconds["linear"]),
        "SPARCS / linear [95 %]": f"{seconds['spectral'] / seconds['linear']:.3f}",
        "the same by the clock": f"{seconds['spectral'] / seconds['linear']:.3f}",
    }
    return (
        f"**Two loops.** SPARCS's time over the linear head's is {listing(said)}. In the first, two "
        "processes load image by image, and an epoch's time has theirs and its validation in it; in ours it is "
        f"training alone. Epochs of {count_range(timed['images'])} random images, in turns, on {'; on '.join(where)}. "
        "Claim E2 is judged by Table 1, not by these.\n\n"
        f"{markdown(pd.DataFrame([*rows, papers]))}"
    )


def _why(costs: pd.DataFrame, paper: Mapping, seconds: Mapping[str, float]) -> str:
    """How SPARCS's own seconds and the baseline's compare with the paper's, on each device."""
    training = paper["training"]
    steps = training["epochs"] * -(-round(paper["images"] * (1 - paper["validation_share"])) // training["batch_size"])
    sentences = []
    for device, of_device in costs.groupby("device"):
        times = _paired(of_device, "trial", "milliseconds_per_step")
        if len(times[0]) == 0:
            continue
        linear, sparcs = (1e-3 * steps * values.mean() for values in times)
        sentences.append(
            f"On {device} the {steps:,} steps of a training take {number(linear)} s in our loop with the linear head, "
            f"{number(seconds['linear'] / linear)} times as fast as the paper's. SPARCS adds {number(sparcs - linear)} "
            f"s, in the paper {seconds['spectral'] - seconds['linear']:.3g} s. So the ratio is "
            f"{sparcs / linear:.3f}, and {seconds['spectral'] / seconds['linear']:.3f} there."
        )
    return " ".join(sentences)


def _paired(rows: pd.DataFrame, by: str, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Times of the linear head and of SPARCS, of the repeats or trials that have both."""
    columns = rows.pivot(index=by, columns="head", values=column).reindex(columns=["linear", "spectral"]).dropna()
    return columns["linear"].to_numpy(np.float64), columns["spectral"].to_numpy(np.float64)


def _ratio(linear: np.ndarray, sparcs: np.ndarray) -> str:
    """The geometric mean of the ratios with its interval, where n allows one."""
    mean, low, high = np.exp(mean_interval(np.log(sparcs / linear)))
    return f"{mean:.3f}" + (f" [{low:.3f}, {high:.3f}]" if len(linear) >= FEWEST else "")


def latency_table(latency: pd.DataFrame) -> str:
    """Microseconds of a call by network and form, one sample and many at a time, and what each holds."""
    if latency.empty:
        return NO_LATENCY
    rows = []
    for (network, form), each in latency.groupby(["network", "form"], sort=False):
        row = {"network": f"`{network}`", "form": form, "hidden neurons": each["neurons"].iloc[0]}
        row |= {"parameters": f"{each['parameters'].iloc[0]:,}", "kB": number(each["bytes"].iloc[0] / 1000)}
        for (batch, runtime), timed in each.groupby(["batch", "runtime"]):
            row[f"{runtime}, batch {batch:,}, µs"] = number(timed["microseconds"].item())
        rows.append(row)
    first = latency.iloc[0]
    return (
        f"{_faster(latency)}\n\nMedians on one thread, all forms in turns, on {first['machine']} at commit "
        f"{first['commit'][:7]}, {first['date'][:10]}.\n\n{markdown(pd.DataFrame(rows))}"
    )


def _faster(latency: pd.DataFrame) -> str:
    """How many times faster the compacted networks are than those that were trained, least and most."""
    times = latency.pivot(index=["network", "runtime", "batch"], columns="form", values="microseconds")
    ratio = (times["as trained"] / times["compacted"]).groupby("batch").agg(["min", "max"])
    said = [f"with {batch:,} {number(row['min'])} to {number(row['max'])} times" for batch, row in ratio.iterrows()]
    return f"Compacted networks answer faster than as trained: by samples at a time, {listing(said)}."


def penalties_table(steps: pd.DataFrame) -> str:
    """What a step takes with each penalty, and how many times that of one without."""
    if steps.empty:
        return "Steps with each penalty have not been timed (`snakemake benchmark_penalties`)."
    rows = []
    for penalty, each in steps.groupby("penalty", sort=False):
        of_network = each.set_index("network")
        row = {"penalty": {"l1": "L1", "l2": "L2"}.get(penalty, penalty)}
        for network in steps["network"].unique():
            row[f"{network}, ms"] = number(of_network["median"][network])
            row[f"{network}, ratio"] = f"{of_network['ratio'][network]:.2f}"
        rows.append(row)
    first = steps.iloc[0]
    return f"{_origin(first)}\n\n{markdown(pd.DataFrame(rows))}"


def _origin(first: pd.Series) -> str:
    return f"Measured on {first['machine']} at commit {first['commit'][:7]}, {first['date'][:10]}; medians, in turns."
