"""Verbs of the comparison with other ways to search for a small network."""

import json
from pathlib import Path

import click
import numpy as np
import pandas as pd

from replication import params
from replication.experiments.baselines.settings import BaselineMethod, Baselines, BaselineTrial
from replication.records.io import ArtifactError, read_table, write_table
from replication.records.verbs import INPUT, PATH, Settings, Trials, arrays_of, recorded, root_seed_option, sidecar

TABLES = ("trials", "costs", "history")
TUNING = {  # columns and dtypes of what is tried
    "task": "str",
    "method": "str",
    "option": "str",
    "value": "str",
    "tuning_trial": "int64",
    "seed": "int64",
    "parameters": "float64",
    "validation_mse": "float64",
    "chosen": "bool",
}
KEYS = ["task", "alpha", "method", "trial", "strength"]


@click.command()
@click.argument("data", nargs=-1, type=INPUT, required=True)
@click.option("--data-set", required=True, help="its name in the tables")
@click.option("--trials", type=Trials(), required=True)
@click.option("--settings", type=Settings(BaselineTrial), required=True)
@click.option("--tuned", type=INPUT, help="what tune-baselines wrote of the method on this data set")
@root_seed_option
@click.option("--output", type=PATH, required=True, help="stem of the outputs")
def search_baselines(
    data: tuple[Path, ...],
    data_set: str,
    trials: list[int],
    settings: BaselineTrial,
    tuned: Path | None,
    root_seed: int,
    output: Path,
) -> None:
    """Search with one method on one task, for every strength, and measure what it finds.

    DATA is a teacher's file, or experiment 1's points and the targets of one of its data sets.
    """
    from replication.experiments.baselines import train as experiment  # loads torch

    count = len(trials) * len(settings.strengths)
    inputs = [*data, tuned] if tuned else data
    method = with_tuned(settings.method, tuned, data_set) if tuned else settings.method
    options = json.dumps(method.options)
    with recorded(sidecar(output), settings, root_seed, "cpu", count, inputs, f"{_size(settings)}, options {options}"):
        chosen = settings.model_copy(update={"method": method})
        tables = experiment.run(arrays_of(data), chosen, data_set, trials, root_seed)
        tables["trials"] = tables["trials"].assign(options=options)
        for name, table in tables.items():
            write_table(output.with_name(f"{output.name}_{name}.parquet"), table)


@click.command()
@click.argument("data", nargs=-1, type=INPUT, required=True)
@click.option("--data-set", required=True, help="its name in the tables")
@click.option("--settings", type=Settings(BaselineTrial), required=True)
@root_seed_option
@click.option("--output", type=PATH, required=True, help="stem of the outputs")
def tune_baselines(
    data: tuple[Path, ...], data_set: str, settings: BaselineTrial, root_seed: int, output: Path
) -> None:
    """Try every value of a method's tuned option on seeds of their own, and mark the best."""
    from replication.experiments.baselines import train as experiment  # loads torch

    if not settings.method.tuned or not settings.tuning_trials:
        raise params.ParameterError(
            "settings: method.tuned is empty or tuning_trials is 0, so there is nothing to tune"
        )
    count = settings.tuning_trials * len(settings.strengths) * sum(map(len, settings.method.tuned.values()))
    with recorded(sidecar(output), settings, root_seed, "cpu", count, data, _size(settings)):
        table = experiment.tune(arrays_of(data), settings, data_set, root_seed).assign(task=data_set)
        write_table(output.with_name(f"{output.name}.parquet"), table)


@click.command()
@click.option("--settings", type=Settings(Baselines), required=True)
@click.option("--folder", type=INPUT, required=True, help="the jobs' results")
@click.option("--tuning", type=PATH, required=True, help="what tune-baselines wrote")
@click.option("--output", type=PATH, required=True, help="folder of the tables")
def tabulate_baselines(settings: Baselines, folder: Path, tuning: Path, output: Path) -> None:
    """Gather the comparison into tidy tables: trials, costs, the gates' history, and what was tuned."""
    for name, table in gather(settings, folder, settings.jobs()).items():
        write_table(output / f"{name}.parquet", table)
    write_table(output / "tuning.parquet", gather_tuning(tuning, settings.tuning_jobs()))


def with_tuned(method: BaselineMethod, path: Path, data_set: str) -> BaselineMethod:
    """The method with the value that was chosen for its tuned option on this data set.

    Raises ArtifactError if the file is not what tune-baselines wrote of them.
    """
    from replication.experiments.baselines.train import with_option  # loads torch

    tuning = read_table(path)
    tried = [json.dumps(value) for values in method.tuned.values() for value in values]
    fits = set(TUNING) - {"method"} <= set(tuning) and set(tuning["task"]) == {data_set}
    chosen = tuning.loc[tuning["chosen"], ["option", "value"]].drop_duplicates() if fits else tuning.head(0)
    if len(chosen) != 1 or chosen["option"].item() not in method.tuned or chosen["value"].item() not in tried:
        raise ArtifactError(f"{path} does not say which value was chosen for {', '.join(method.tuned)} on {data_set}")
    return with_option(method, chosen["option"].item(), json.loads(chosen["value"].item()))


def gather_tuning(folder: Path, jobs: list[tuple[str, str]]) -> pd.DataFrame:
    """What was tried of the tuned option in every job (data set, method); without rows if nothing is tuned."""
    parts = [read_table(folder / data_set / f"{method}.parquet").assign(method=method) for data_set, method in jobs]
    empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in TUNING.items()})
    return pd.concat(parts or [empty], ignore_index=True)[list(TUNING)]


def _size(settings: BaselineTrial) -> str:
    return f"x_train {settings.task.points}"


def gather(settings: Baselines, folder: Path, jobs: list[tuple[str, str, str]]) -> dict[str, pd.DataFrame]:
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
