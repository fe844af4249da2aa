"""One job of any experiment: its data read, its trials trained, its tables given their common columns."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from replication.data import images
from replication.experiment import Experiment, Job, Stage
from replication.records.io import ArtifactError, read_arrays, read_json, read_table
from replication.training.seeds import trial_seed
from replication.training.work import Checkpoint, NoCheckpoint, Results, Work, WorkError, plain

UNCOMPILED = "NUMBA_DISABLE_JIT"  # numba's own variable
Progress = Callable[[int, str], Callable[[int], object]]


def carry_out(
    experiment: Experiment,
    stage: Stage,
    job: Job,
    root_seed: int,
    data: Any,
    device: str = "cpu",
    before: Sequence[pd.DataFrame] = (),
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> Results:
    """The tables of a job, each with the columns that all its rows have in common, and its parameters.

    data: as from ``read_data``; before: tables of other jobs, that it takes. Raises WorkError if a kernel would not be
    compiled.
    """
    if os.environ.get(UNCOMPILED, "0") not in ("", "0"):
        raise WorkError(f"{UNCOMPILED} = {os.environ[UNCOMPILED]}: allowed is 0, the kernels run only when compiled")
    work = Work(
        settings=plain(job.settings),
        keys=Given("keys", job.keys),
        trials=job.trials,
        seeds=seeds_of(experiment, stage, job, root_seed),
        data_set=job.data.name if job.data else "",
        device=device,
        before=before,
        checkpoint=checkpoint or NoCheckpoint(),
        **({"progress": progress} if progress else {}),
    )
    given = Given("data", data) if isinstance(data, Mapping) else data
    tables, parameters = experiment.load(stage.train)(given, work)
    empty = pd.DataFrame(dtype=float)  # a table without rows, as that of trials that all diverged, is written, too
    made = {name: tables.get(stage.made_as.get(name, name), empty) for name in stage.tables}
    return {name: with_keys(made[name], job.keys, key) for name, key in stage.tables.items()}, parameters


class Given(dict):
    """The columns or arrays that a job is given, which say of one that is asked for and missing that it is."""

    def __init__(self, what: str, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.what = what

    def __missing__(self, name: str) -> None:
        """Raise WorkError."""
        raise WorkError(f"{self.what}.{name} is missing")


def seeds_of(experiment: Experiment, stage: Stage, job: Job, root_seed: int) -> tuple[int, ...]:
    """The seeds of a job's trials: none depends on how trials are shared out among jobs."""
    name = experiment.seed_name_of(stage)
    return tuple(trial_seed(root_seed, name, job.seeds, trial) for trial in job.trials)


def with_keys(table: pd.DataFrame, keys: Mapping[str, Any], first: Sequence[str]) -> pd.DataFrame:
    """The table with the job's columns, unless it has them itself; what tells its rows apart stands first, then those.

    A key of None is a number that is not there, NaN. One of several values is a column that only the table can have.
    Raises WorkError if neither has a column that tells rows apart.
    """
    missing = {name: value for name, value in keys.items() if name not in table and not isinstance(value, tuple)}
    table = table.assign(**{name: math.nan if value is None else value for name, value in missing.items()})
    for name in (name for name in first if name not in table and len(table)):
        raise WorkError(f"keys: {name} is missing, which tells this job's rows from others")
    order = list(dict.fromkeys([*first, *keys, *table.columns]))
    return table.reindex(columns=order) if table.empty else table[order]


def read_data(files: Sequence[str], folder: Path, inputs: int = 0) -> Any:
    """What a job is trained on: images, or arrays by name with, for features, what they were made from as ``about``.

    inputs: that a point must have; 0: any number. Raises ArtifactError if a file can't be read or holds something else.
    """
    if files and files[0].startswith("images/"):
        record = folder / files[0]
        found = images.read_record(record)["data_set"]
        if found != record.stem:
            raise ArtifactError(f"{record} is of the images of {found}: allowed are those of {record.stem}")
        return images.load(record)
    arrays: dict[str, Any] = {}
    for file in files:
        path = folder / file
        arrays |= {"about": read_json(path)} if path.suffix == ".json" else read_arrays(path)
    others = "test" if "x_test" in arrays else "held_out"
    names = [f"{axis}_{split}" for axis in "xy" for split in ("train", others)] if files else []
    missing = [name for name in names if name not in arrays]
    if missing:
        raise ArtifactError(f"{folder / files[-1]} has no array {missing[0]}: allowed is a data set of this experiment")
    for name in names:
        shape, points = arrays[name].shape, arrays[name.replace("y_", "x_")].shape[:1]
        if shape[:1] != points or (name.startswith("x_") and (len(shape) != 2 or inputs not in (0, shape[1]))):
            allowed = f"(points, {inputs or 'inputs'})" if name.startswith("x_") else f"{points} and more"
            raise ArtifactError(f"{folder / files[-1]}: {name} has the shape {shape}: allowed is {allowed}")
    return arrays


def is_stand_in(data: Any) -> bool:
    """Whether data, as from ``read_data``, are stand-in images, or features of some."""
    if isinstance(data, Mapping):
        return bool(data.get("about", {}).get("stand_in"))
    return bool(getattr(data, "stand_in", False))


def read_before(stems: Sequence[str], results: Path) -> list[pd.DataFrame]:
    """The first tables of other jobs: a stem names a table of a job, as "baselines/tuning/teacher/darts_tuning"."""
    return [read_table(results / f"{stem}.parquet") for stem in stems]


def diverged(table: pd.DataFrame) -> Iterator[str]:
    """A sentence for each trial that was stopped because its numbers were no longer finite."""
    if "diverged_epoch" in table and "seed" in table:
        for row in table[table["diverged_epoch"] >= 0].itertuples():
            yield f"trial {row.trial} (seed {row.seed}) diverged in epoch {int(row.diverged_epoch) + 1} and was stopped"


@contextmanager
def progress_bars(what: str) -> Iterator[Progress]:
    """Progress bars on standard error, each of a total and its unit."""
    bars: list[tqdm] = []

    def bar(total: int, unit: str) -> Callable[[int], object]:
        bars.append(tqdm(total=total, desc=what, mininterval=1, maxinterval=30, unit_scale=True, unit=f" {unit}"))
        return bars[-1].update

    try:
        yield bar
    finally:
        for each in bars:
            each.close()
