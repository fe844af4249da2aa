"""What the benchmarks of a step's cost, of the two loops and of an answer found, as values for sentences and tables."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from replication.experiments.cost.figures import LABELS
from replication.judging.statistics import mean_interval
from replication.report.intervals import FEWEST, count_range

QUANTITIES = {"step": "time", "memory": "peak memory"}
LOOPS = {  # by the benchmark's names, in the order of the table
    "DataLoader": "a loop as the authors'",
    "PyTorch": "our loop",
    "fused kernel": "our loop, fused kernel",
}
TIMES = {"cpu": ("core_seconds", "core time"), "cuda": ("seconds", "by the clock")}  # that count, by device


def origin(rows: pd.DataFrame) -> dict:
    """Machine, commit and day of a measurement."""
    first = rows.iloc[0]
    return {"machine": first["machine"], "commit": first["commit"][:7], "day": first["date"][:10]}


def against_depth(depth: pd.DataFrame, summary: pd.DataFrame, step: pd.DataFrame) -> dict:
    """Where it was measured, largest ratios to the MLP and slopes, and experiment 2's step in each way."""
    layers = depth["layers"]
    rows = [
        {"network": LABELS[row.network], "quantity": QUANTITIES[row.quantity], "ratio": row.largest_ratio,
         "slope": row.slope, "least_squares": row.slope_least_squares}
        for row in summary.itertuples()
    ]  # fmt: skip
    return {
        "origin": origin(depth),
        "depths": layers.nunique(),
        "shallowest": int(layers.min()),
        "deepest": int(layers.max()),
        "rows": rows,
        "step": step.set_index("way")["median"].to_dict(),
        "step_origin": origin(step),
    }


def loops(timed: pd.DataFrame, paper: Mapping, seconds: Mapping[str, float]) -> dict:
    """SPARCS's time over the linear head's in a loop as the authors' and in ours.

    timed: of the benchmark, empty if it was not run; paper: its settings of experiment 3; seconds: of a training with
    each head, by Table 1.
    """
    rows = []
    for device, of_device in timed.groupby("device") if len(timed) else ():
        column, what = TIMES[device]
        trained = paper["training"]["epochs"] * paper["images"] / of_device.iloc[0]["images"]  # epochs as those
        for loop in LOOPS:
            of_loop = of_device[of_device["loop"] == loop]
            linear, sparcs = _paired(of_loop, "repeat", column)
            if len(linear):
                means = {"linear": linear.mean(), "sparcs": sparcs.mean(), "adds": trained * (sparcs - linear).mean()}
                ratios = {"ratio": _ratio(linear, sparcs), "clock": _ratio(*_paired(of_loop, "repeat", "seconds"))}
                rows.append({"loop": LOOPS[loop], "device": device, "what": what, "n": len(linear), **means, **ratios})
    epochs, [linear, sparcs] = paper["training"]["epochs"], [seconds["linear"], seconds["spectral"]]
    papers = {"linear": linear / epochs, "sparcs": sparcs / epochs, "adds": sparcs - linear, "ratio": sparcs / linear}
    return {
        "rows": rows,
        "papers": papers,
        "images": count_range(timed["images"]) if rows else "",
        "origins": [origin(of_device) for _, of_device in timed.groupby("device")] if rows else [],
    }


def why(costs: pd.DataFrame, paper: Mapping, seconds: Mapping[str, float]) -> dict:
    """How SPARCS's own seconds and the linear head's compare with the paper's, on each device.

    costs: of experiment 3's trainings.
    """
    training = paper["training"]
    steps = training["epochs"] * -(-round(paper["images"] * (1 - paper["validation_share"])) // training["batch_size"])
    devices = []
    for device, of_device in costs.groupby("device"):
        linear, sparcs = _paired(of_device, "trial", "milliseconds_per_step")
        if len(linear):
            linear, sparcs = (1e-3 * steps * values.mean() for values in (linear, sparcs))
            devices.append({"device": device, "linear": linear, "sparcs": sparcs})
    return {
        "steps": steps,
        "devices": devices,
        "papers": {"linear": seconds["linear"], "sparcs": seconds["spectral"]},
    }


def latency(table: pd.DataFrame) -> dict:
    """How many times faster the compacted networks answer than those that were trained, by samples at a time."""
    if table.empty:
        return {"batches": [], "origin": None}
    times = table.pivot(index=["network", "runtime", "batch"], columns="form", values="microseconds")
    ratio = (times["as trained"] / times["compacted"]).groupby("batch").agg(["min", "max"])
    return {
        "batches": [{"batch": int(batch), "least": row["min"], "most": row["max"]} for batch, row in ratio.iterrows()],
        "origin": origin(table),
    }


def penalties(steps: pd.DataFrame) -> dict:
    """Where steps with each penalty were timed, if they were."""
    return {"origin": origin(steps) if len(steps) else None}


def _paired(rows: pd.DataFrame, by: str, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Times of the linear head and of SPARCS, of the repeats or trials that have both."""
    columns = rows.pivot(index=by, columns="head", values=column).reindex(columns=["linear", "spectral"]).dropna()
    return columns["linear"].to_numpy(np.float64), columns["spectral"].to_numpy(np.float64)


def _ratio(linear: np.ndarray, sparcs: np.ndarray) -> tuple[float, float, float]:
    """The geometric mean of the ratios with its interval, NaN where n allows none."""
    logarithms = np.log(sparcs / linear)
    if len(logarithms) < FEWEST:
        return float(np.exp(logarithms.mean())), np.nan, np.nan
    return tuple(np.exp(mean_interval(logarithms)))
