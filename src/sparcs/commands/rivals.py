"""Verbs of the comparison with other ways to search for a small network."""

from pathlib import Path

import click
import numpy as np
import pandas as pd

from sparcs import params
from sparcs.commands.common import INPUT, PATH, Settings, Trials, recorded, root_seed_option, sidecar
from sparcs.experiments import rivals as experiment
from sparcs.files import read_arrays, read_table, write_table
from sparcs.params import RivalTrial

TABLES = ("trials", "costs", "history")
KEYS = ["task", "alpha", "method", "trial", "strength"]


@click.command()
@click.argument("data", nargs=-1, type=INPUT, required=True)
@click.option("--data-set", required=True, help="its name in the tables")
@click.option("--trials", type=Trials(), required=True)
@click.option("--settings", type=Settings(RivalTrial), required=True)
@root_seed_option
@click.option("--output", type=PATH, required=True, help="stem of the outputs")
def search_rivals(
    data: tuple[Path, ...], data_set: str, trials: list[int], settings: RivalTrial, root_seed: int, output: Path
) -> None:
    """Search with one method on one task, for every strength, and measure what it finds.

    DATA is a teacher's file, or experiment 1's points and the targets of one of its data sets.
    """
    arrays = {name: array for path in data for name, array in read_arrays(path).items()}
    count = len(trials) * len(settings.strengths)
    with recorded(sidecar(output), settings, root_seed, "cpu", count, data, f"x_train {settings.task.points}"):
        tables = experiment.run(arrays, settings, data_set, trials, root_seed)
        for name, table in tables.items():
            write_table(output.with_name(f"{output.name}_{name}.parquet"), table)


@click.command()
@click.option("--settings", type=Settings(params.Rivals), required=True)
@click.option("--folder", type=INPUT, required=True, help="the jobs' results")
@click.option("--output", type=PATH, required=True, help="folder of the tables")
def tabulate_rivals(settings: params.Rivals, folder: Path, output: Path) -> None:
    """Gather the comparison into tidy tables: trials, costs and the gates' history."""
    for name, table in gather(settings, folder, settings.jobs()).items():
        write_table(output / f"{name}.parquet", table)


def gather(settings: params.Rivals, folder: Path, jobs: list[tuple[str, str, str]]) -> dict[str, pd.DataFrame]:
    """The tables of the given jobs (task, method, chunk); α is NaN for the teacher."""
    alphas, tables = settings.alpha_beta_sets(), {}
    for name in TABLES:
        parts = [
            read_table(folder.joinpath(*job[:2], f"{job[2]}_{name}.parquet")).assign(
                task=job[0], alpha=alphas.get(job[0], np.nan), method=job[1]
            )
            for job in jobs
        ]
        table = pd.concat([part for part in parts if len(part)] or parts[:1])
        table = table.sort_values(KEYS, kind="stable").reset_index(drop=True)
        tables[name] = table[[*KEYS, *table.columns.difference(KEYS, sort=False)]]
    return tables
