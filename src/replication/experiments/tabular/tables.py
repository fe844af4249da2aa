"""Tables of the report on real tables: the data, every result, the comparison with the pruned MLP, the costs."""

import numpy as np
import pandas as pd

from replication.experiments.tabular.comparison import (
    LICENCES,
    finished,
    in_order,
    interval_of,
    name_of,
    paired,
    title_of,
)
from replication.judging.statistics import R2
from replication.report.prose import NOTHING
from replication.report.tables import markdown
from replication.report.text import fixed, interval, number

CLASSIFICATION = "classification"
LATENCIES = {"microseconds_1": "1 point", "microseconds_1024": "1,024 points"}


def data_table(data: pd.DataFrame) -> str:
    """The data sets: task, size, the package that ships each, its version, the licence."""
    if data.empty:
        return "No data set was described in this run."
    rows = [
        {
            "data set": title_of(name),
            "task": f"{row['classes']:g} classes" if row["classes"] else "regression",
            "points": f"{row['points']:,.0f}",
            "inputs": f"{row['inputs']:,.0f}",
            "shipped by": f"{row['package']} {row['version']}",
            "licence": LICENCES.get(name, "unknown"),
            "SHA-256": f"<code>{row['sha256'][:12]}</code>",
        }
        for name in in_order(data, "data_set")
        for row in [data[data["data_set"] == name].iloc[0]]
    ]
    return markdown(pd.DataFrame(rows))


def results(trials: pd.DataFrame) -> str:
    """Two tables of results for every data set, under its name: what the networks score, and how large they are."""
    names = in_order(trials, "data_set") if len(trials) else []
    return "\n\n".join(f"**{title_of(name)}**\n\n{results_tables(trials, name)}" for name in names) or NOTHING


def results_tables(trials: pd.DataFrame, data_set: str) -> str:
    """Every method on a data set, before and after compaction: its test score, its size; means over splits."""
    done = finished(trials)
    of_set, scores, sizes = done[done["data_set"] == data_set], [], []
    for method in in_order(of_set, "method"):
        plain, flipped = (
            of_set[(of_set["method"] == method) & (of_set["flips"].astype(bool) == flips)] for flips in (False, True)
        )
        either = plain if len(plain) else flipped
        score = "accuracy" if either["kind"].iloc[0] == CLASSIFICATION else "R²"
        scores.append(
            {
                "method": name_of(method),
                "n": either["trial"].nunique(),
                f"{score} at the least validation loss": _mean(either["best_score"]),
                "chosen": _mean(either["dense_score"]),
                "compacted": _mean(plain["score"]),
                "with flips": _mean(flipped["score"]),
            }
        )
        sizes.append(
            {
                "method": name_of(method),
                "parameters, chosen": _geometric(either["dense_parameters"]),
                "compacted": _geometric(plain["parameters"]),
                "with flips": _geometric(flipped["parameters"]),
                "neurons, compacted": number(plain["neurons"].mean()),
                "layers": number(plain["hidden_layers"].mean()),
            }
        )
    return "\n\n".join(markdown(pd.DataFrame(rows)) for rows in (scores, sizes)) if scores else NOTHING


def against_table(trials: pd.DataFrame) -> str:
    """SPARCS, every variant, against the pruned MLP over all data sets: sizes, and how often the error is higher."""
    pairs, rows = paired(trials, flips=True), []
    for method in in_order(pairs, "method") if len(pairs) else []:
        of_method = pairs[pairs["method"] == method]
        rows.append(
            {
                "method": name_of(method),
                "data sets": len(of_method),
                "parameters over the pruned MLP's": _geometric(of_method["ratio"]),
                "fewer": int((of_method["high"] < 1).sum()),
                "more": int((of_method["low"] > 1).sum()),
                "error higher": int((of_method["worse_low"] > 0).sum()),
                "error lower": int((of_method["worse_high"] < 0).sum()),
            }
        )
    return markdown(pd.DataFrame(rows)) if rows else "No split has both SPARCS and the pruned MLP."


def costs_table(trials: pd.DataFrame, costs: pd.DataFrame) -> str:
    """Latency and memory of compacted against dense networks: medians over data sets and splits, one thread."""
    done = finished(trials)
    if done.empty or costs.empty:
        return NOTHING
    keys = ["data_set", "method", "trial", "flips"]
    timed = done.merge(costs.drop(columns="seed", errors="ignore"), on=keys)
    rows = []
    for method in in_order(timed, "method"):
        of_method = timed[(timed["method"] == method) & timed["flips"].astype(bool)]
        if of_method.empty:
            continue
        row = {"method": name_of(method), "n": len(of_method)}
        row |= {
            f"µs, {text}": f"{_median(of_method[f'dense_{name}'])} → {_median(of_method[name])}"
            for name, text in LATENCIES.items()
        }
        row["bytes"] = f"{_median(of_method['dense_bytes'])} → {_median(of_method['bytes'])}"
        row["core-seconds of its trainings"] = _median(of_method["core_seconds"])
        rows.append(row)
    return markdown(pd.DataFrame(rows))


def _mean(values: pd.Series) -> str:
    mean, low, high = interval_of(values.dropna().to_numpy(), R2)
    return fixed(mean, 3) if np.isnan(low) else f"{mean:.3f} [{low:.3f}, {high:.3f}]".replace("-", "−")


def _geometric(values: pd.Series) -> str:
    known = values[values > 0].replace(np.inf, np.nan).dropna()
    return interval(*np.exp(interval_of(np.log(known).to_numpy()))) or number(np.nan)


def _median(values: pd.Series) -> str:
    return number(values.median())
