"""Verbs of the search on NAS-Bench-201's cells."""

from pathlib import Path

import click
import pandas as pd

from replication.data import images
from replication.experiments.cells import space, table
from replication.experiments.cells.settings import CellSearch
from replication.records.io import read_table, write_table
from replication.records.verbs import (
    INPUT,
    PATH,
    Jobs,
    Json,
    Settings,
    device_option,
    progress,
    recorded,
    root_seed_option,
    sidecar,
)
from replication.training.seeds import trial_seed

TABLES = ("trials", "history", "costs")
HISTORY = ["gradient_evaluations", "loss", "entropy", "largest_weight"]


@click.command()
@click.option("--images", "record", type=INPUT, required=True, help="record of the images")
@click.option("--method", required=True)
@click.option("--trial", type=click.IntRange(0), required=True)
@click.option("--settings", type=Settings(CellSearch), required=True)
@root_seed_option
@device_option
@click.option("--output", type=PATH, required=True, help="stem of the outputs")
def search_cells(
    record: Path, method: str, trial: int, settings: CellSearch, root_seed: int, device: str, output: Path
) -> None:
    """Search one cell with one method."""
    from replication.experiments.cells import train as search
    from replication.training.classifiers import clock  # both load torch

    if method not in search.METHODS:
        raise click.BadParameter(f"method {method!r}: allowed are {', '.join(search.METHODS)}")
    data, seed = images.load(record), trial_seed(root_seed, "nasbench", "cells", trial)
    with recorded(sidecar(output), settings, root_seed, device, 1, [record], data.note):
        seconds = clock(device)
        start = seconds()
        with progress(settings.epochs * search.LEVELS.get(method, 0), f"{method} {trial}") as bar:
            result = search.search(method, data, settings, seed, device, bar)
        row = {"method": method, "trial": trial, "seed": seed, "stand_in": data.stand_in}
        row |= {"approximate_images": data.approximate}
        row |= {"cell": space.name_of(result.cell), "skips": result.cell.count("skip_connect")}
        row |= {"supernet_accuracy": result.supernet_accuracy, "gradient_evaluations": result.gradient_evaluations}
        history = result.history.reindex(columns=HISTORY).assign(method=method, trial=trial)
        write_table(output.with_name(f"{output.name}_trials.parquet"), pd.DataFrame([row]))
        write_table(output.with_name(f"{output.name}_history.parquet"), history)
        costs = pd.DataFrame([{"method": method, "trial": trial, "device": device, "seconds": seconds() - start}])
        write_table(output.with_name(f"{output.name}_costs.parquet"), costs)


@click.command()
@click.option("--jobs", type=Json(Jobs), required=True, help="[[method, trial], …]")
@click.option("--folder", type=INPUT, required=True, help="the jobs' results")
@click.option("--table", "benchmark", type=INPUT, help="CSV of the benchmark; without one scores are untested")
@click.option("--output", type=PATH, required=True, help="folder of the tables")
def tabulate_cells(jobs: list[tuple[str, int]], folder: Path, benchmark: Path | None, output: Path) -> None:
    """Gather the searches into tidy tables, each cell with its accuracies in the benchmark."""
    for name, rows in gather(folder, jobs, benchmark).items():
        write_table(output / f"{name}.parquet", rows)


def gather(folder: Path, jobs: list[tuple[str, int]], benchmark: Path | None) -> dict[str, pd.DataFrame]:
    """Tables of the given jobs (method, trial), and ``reference``: the benchmark's best, mean and all-skip cell."""
    tables = {
        name: pd.concat(
            [read_table(folder / method / f"{trial}_{name}.parquet") for method, trial in jobs], ignore_index=True
        )
        for name in TABLES
    }
    scores = table.read(benchmark) if benchmark else pd.DataFrame(columns=list(table.SCORES.values()), dtype=float)
    tables["trials"] = tables["trials"].join(scores, on="cell")
    all_skip = scores.reindex([space.name_of(["skip_connect"] * len(space.EDGES))]).iloc[0]
    reference = pd.DataFrame({"best": scores.max(), "mean": scores.mean(), "all_skip": all_skip})
    tables["reference"] = reference.rename_axis("score").reset_index()
    return tables
