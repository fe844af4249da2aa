"""What the experiments cost: core-minutes as measured, beside a loop over single models."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from replication.experiments import EXPERIMENTS
from replication.experiments.cifar10.tables import HEADS
from replication.judging.heads import LINEAR, OTHER_SIGN, SPARCS
from replication.records.io import read_csv
from replication.report.provenance_text import core_minutes, fingerprints
from replication.report.tables import markdown
from replication.report.text import listing, number

BENCHMARKS = {  # the optimiser steps that were timed: whose, the column that names a way, its units in a second
    "step": ("experiment 1", "way", "µs", 1e6),
    "teacher_student_step": ("experiment 2", "way", "ms", 1e3),
    "cifar10_step": ("experiment 3", "batch", "ms", 1e3),
}
LOOP = "eager"  # the way of a loop over single models
Tables = Mapping[str, pd.DataFrame]


def costs(experiments: Mapping[str, Mapping], tables: Tables, run: Mapping, benchmarks: Tables) -> dict:
    """Core-minutes of each experiment and device, and those of a loop over single models where its step was timed.

    experiments: their provenance; tables: of their trials; run: the settings; benchmarks: by the names of BENCHMARKS.
    """
    rows = [
        {
            "experiment": EXPERIMENTS[name].title,
            **{key: record[key] for key in ("scale", "device", "trials")},
            "took": core_minutes(record),
            "loop": _loop(name, record["device"], tables, run, benchmarks),
        }
        for name, record in _each_device(experiments)
    ]
    return {"rows": rows}


def origins_table(experiments: Mapping[str, Mapping]) -> str:
    """Data, machine, commit, fingerprint and date of each experiment and device."""
    rows = [
        {
            "experiment": EXPERIMENTS[name].title,
            "device": record["device"],
            "data": experiments[name]["data"],
            "machine": record["machine"],
            "commit": record["commit"],
            "fingerprint": fingerprints(record["fingerprint"].split("; ")),
            "date": record["date"][:10],
        }
        for name, record in _each_device(experiments)
    ]
    return markdown(pd.DataFrame(rows))


def _each_device(experiments: Mapping[str, Mapping]) -> Iterator[tuple[str, Mapping]]:
    """Every experiment, in the registry's order, with its record on each device."""
    return ((name, record) for name in EXPERIMENTS if name in experiments for record in experiments[name]["by_device"])


def benchmark_note(benchmarks: Tables) -> str:
    """Median time of a step in a loop over single models, and when, where and at which commit it was measured."""
    rows = []
    for name, (whose, column, unit, _) in BENCHMARKS.items():
        first = benchmarks[name].iloc[0]
        timed = [
            f"{_label(row)}{number(row.median)} {unit}" for row in _rows(benchmarks[name], column, LOOP).itertuples()
        ]
        where = f"{first['machine']}, commit {first['commit']}, {first['date'][:10]}; `{name}.csv`"
        rows.append({"trainings of": whose, "a step of such a loop, median": listing(timed), "measured on": where})
    return markdown(pd.DataFrame(rows))


def rules(by_rule: pd.DataFrame, experiments: Mapping[str, Mapping], tuning: pd.DataFrame) -> dict:
    """What the table of core-minutes by rule has, what it has not, and what the baselines' tuning cost.

    by_rule: the published core_minutes.csv; tuning: of the baselines, timed in part or not at all.
    """
    others = {scale for record in experiments.values() for scale in record["scale"].split("; ")} - {*by_rule["scale"]}
    minutes = tuning.get("minutes", pd.Series(dtype=float)).dropna()
    return {
        "scales": sorted(by_rule["scale"].unique()),
        "core_minutes": by_rule["core_minutes"].sum(),
        "others": sorted(others),
        "tried": len(tuning),
        "timed": len(minutes),
        "tuning": minutes.sum(),
    }


def _loop(name: str, device: str, tables: Tables, run: Mapping, benchmarks: Tables) -> dict | None:
    """Core-minutes that an experiment's optimiser steps on one device would take in the loop over single models.

    timed: of how many of its trainings a step was timed; took: what those took here. None without any such step.
    """
    if device != "cpu" or name not in STEPS:
        return None
    read = [tables[key] for key in (f"{name}/{table}" for table in EXPERIMENTS[name].trained) if key in tables]
    done = [table for table in read if len(table)]
    if not done:
        return {"minutes": 0, "trainings": 0, "timed": 0}
    trials = pd.concat(done, ignore_index=True)
    trials = trials[trials["device"] == device] if "device" in trials else trials
    seconds = STEPS[name](trials, run, benchmarks)
    return {
        "minutes": seconds.sum() / 60,
        "trainings": len(trials),
        "timed": int(seconds.count()),
        "took": trials.loc[seconds.notna(), "minutes"].sum() if "minutes" in trials else 0,
    }


STEPS: dict[str, Callable] = {}  # seconds of each training's steps, NaN without a timed one, where any was timed


def steps_of(experiment: str) -> Callable[[Callable], Callable]:
    """Enter a function among STEPS, under its experiment's name."""
    return lambda count: STEPS.setdefault(experiment, count)


@steps_of("regression")
def _regression(trials: pd.DataFrame, run: Mapping, benchmarks: Tables) -> pd.Series:
    steps = _count(run["regression"], run["regression"]["points"])
    return pd.Series(steps * _seconds(benchmarks, "step"), trials.index)


@steps_of("teacher_student")
def _teacher_student(trials: pd.DataFrame, run: Mapping, benchmarks: Tables) -> pd.Series:
    """Experiment 2, except ensembles with hidden layers or epochs of their own, and the map at its reduced size."""
    settings = run["teacher_student"]
    ensembles = settings.get("ensembles", {})
    own = [name for name, each in ensembles.items() if each.get("hidden") or each.get("epochs")]
    alike = ~trials["ensemble"].isin(own) if "ensemble" in trials else pd.Series(True, trials.index)
    alike &= trials["size"].ne("reduced") if "size" in trials else True
    steps = _count(settings, settings["points"])
    return pd.Series(steps * _seconds(benchmarks, "teacher_student_step"), trials.index).where(alike)


@steps_of("cifar10")
def _cifar10(trials: pd.DataFrame, run: Mapping, benchmarks: Tables) -> pd.Series:
    """Experiment 3 and its sweep, whose trials name their epochs; both signs of W_31 cost the same."""
    settings = run["cifar10"]
    images = settings["images"] - round(settings["validation_share"] * settings["images"])
    steps = trials["epochs"] * -(-images // settings["training"]["batch_size"])
    heads = trials["head"].replace({OTHER_SIGN: SPARCS})
    timed = {head: _seconds(benchmarks, "cifar10_step", head) for head in (LINEAR, SPARCS)}
    return steps * heads.map(timed).astype(float)


@steps_of("hyperparameters")
def _hyperparameters(trials: pd.DataFrame, run: Mapping, benchmarks: Tables) -> pd.Series:
    """The sweep over both experiments, each by its own steps."""
    parts = [STEPS[name](rows, run, benchmarks) for name, rows in trials.groupby("experiment")]
    return pd.concat(parts).reindex(trials.index)


def _count(settings: Mapping, points: int) -> int:
    """Optimiser steps of one training."""
    return settings["training"]["epochs"] * -(-points // settings["training"]["batch_size"])


def _seconds(benchmarks: Tables, name: str, head: str | None = None) -> float:
    """Median seconds of a step in the loop."""
    _, column, _, units = BENCHMARKS[name]
    rows = _rows(benchmarks[name], column, LOOP)
    rows = rows[rows["head"] == head] if head else rows
    return rows["median"].item() / units


def _rows(table: pd.DataFrame, column: str, value: str) -> pd.DataFrame:
    return table[table[column] == value]


def _label(row: tuple) -> str:
    return f"{HEADS[row.head]} " if hasattr(row, "head") else ""


def merged_core_minutes(*files: Path) -> pd.DataFrame:
    """The cost of every rule at a scale; later files replace rows of earlier ones."""
    costs = [read_csv(file, ["scale", "rule"]) for file in files if file.exists()]
    together = pd.concat(costs) if costs else pd.DataFrame(columns=["scale", "rule"])
    return together.drop_duplicates(["scale", "rule"], keep="last").sort_values(["scale", "rule"])
