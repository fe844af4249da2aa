"""Published rows: what tells them apart, what stands on them, those of a job, and what may take whose place."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from replication.experiment import Experiment, Job, Stage
from replication.experiments.settings import SCALES
from replication.jobs.tables import require_unique
from replication.records.io import ArtifactError, read_table

PENDING = "pending"  # folder of rows that wait until their ensemble is complete
# columns that publishing adds, behind the job's own; those that an experiment's finish adds stand behind them
RECORDED = ("scale", "commit", "machine", "device", "finished", "minutes", "fingerprint")
STAND_IN = " (stand-in images)"  # added to a fingerprint, so that such rows are never taken for others
NO_ROW, OTHER, IMAGES = "no such row", "another fingerprint", "stand-in images"  # why rows do not stand for a job
RANK = {scale: rank for rank, scale in enumerate(("any", *SCALES))}
Tables = dict[str, pd.DataFrame]
After = tuple[Tables, Tables, Any, bool]  # published, waiting, what is to be said, whether new rows are published
Keys = Mapping[str, Sequence[str]]  # what tells the rows of tables apart; of a stage, its trials' table is the first


def read(folder: Path, keys: Keys) -> Tables:
    """The published tables of a folder that exist."""
    tables = {name: read_table(path) for name in keys if (path := folder / f"{name}.parquet").exists()}
    return {name: checked(table, keys[name], folder / name) for name, table in tables.items()}


def checked(table: pd.DataFrame, key: Sequence[str], what: Path) -> pd.DataFrame:
    """The table. Raises ArtifactError if it lacks its key or a fingerprint, or if a key stands there twice."""
    for column in (*key, "fingerprint"):
        if column not in table:
            raise ArtifactError(f"{what} has no column {column}: allowed is a table that publish has written")
    require_unique(table, key, what)
    return table


def where(table: pd.DataFrame, values: Mapping[str, Any]) -> np.ndarray:
    """Whether each row has the values, in the columns that the table has."""
    mask = np.ones(len(table), bool)
    for column in values.keys() & {*table}:
        mask &= table[column].isna() if pd.isna(values[column]) else table[column] == values[column]
    return mask


def of_job(table: pd.DataFrame, job: Job) -> pd.DataFrame:
    """The rows of a job's trials."""
    table = table[where(table, job.keys)]
    return table[table["trial"].isin(job.trials)] if job.trials and "trial" in table else table


def own(table: pd.DataFrame, key: Sequence[str]) -> pd.DataFrame:
    """A published table as its job has written it."""
    added = next(k for k, column in enumerate(table) if column in RECORDED and column not in key)
    return table.iloc[:, :added].reset_index(drop=True)


def standing(places: Sequence[Tables], stage: Stage, job: Job, here: str) -> tuple[Tables, str]:
    """The rows that stand for a job in the first place where all do; else none, and why."""
    first, why = next(iter(stage.tables)), NO_ROW
    for place in places:
        tables = {name: of_job(place[name], job) for name in stage.tables if name in place}
        rows = tables.get(first, pd.DataFrame())
        if len(tables) < len(stage.tables) or rows.empty or not set(job.trials) <= set(rows.get("trial", job.trials)):
            continue
        prints = {name for table in tables.values() for name in table["fingerprint"]}
        if prints == {here}:
            timed = [
                name for name, key in stage.tables.items() if "device" in key
            ]  # what others took is not this job's
            own = {name: tables[name][tables[name]["device"].isin(rows["device"])] for name in timed}
            return tables | own, ""
        why = IMAGES if here + STAND_IN in prints else OTHER
    return {}, why


def places_of(published: Path, experiment: Experiment, stage: Stage) -> list[Tables]:
    """The tables of a stage that are published, and those that wait."""
    return [read(folder / experiment.name, stage.tables) for folder in (published, published / PENDING)]


def job_tables(published: Path, experiment: Experiment, stage: Stage, job: Job, here: str) -> Tables:
    """The rows that stand for a job, of those published or those that wait. Raises ArtifactError if none do."""
    tables, why = standing(places_of(published, experiment, stage), stage, job, here)
    if why:
        raise ArtifactError(f"{published}: {experiment.name}, {job.name} lacks trials of the fingerprint {here}: {why}")
    return tables


def merged(new: Tables, old: Tables, waiting: Tables, keys: Keys, ensemble: Sequence[str], replace: bool) -> After:
    """The rows of a stage, ensemble by ensemble; what is to be said: (ensemble, sentence)."""
    trials, told, taken = new[next(iter(keys))], [], False
    for values in trials[list(ensemble)].drop_duplicates().to_dict("records") if ensemble else [{}]:
        (of, _), (was, others), (waits, others_wait) = (split(side, keys, values) for side in (new, old, waiting))
        was, waits, sentence, added_now = of_ensemble(of, was, waits, keys, replace)
        old, waiting = old | added(others, was, keys), waiting | added(others_wait, waits, keys)
        told += [(", ".join(f"{name} {value}" for name, value in values.items()), sentence)] * bool(sentence)
        taken |= added_now
    return old, waiting, told, taken


def split(tables: Tables, keys: Keys, values: Mapping[str, Any]) -> tuple[Tables, Tables]:
    """The rows of a stage's tables that have the values, and the others."""
    masks = {name: where(tables[name], values) for name in keys if name in tables}
    part, others = ({name: tables[name][mask == which] for name, mask in masks.items()} for which in (True, False))
    return part, others


def of_ensemble(new: Tables, old: Tables, waiting: Tables, keys: Keys, replace: bool) -> After:
    """The rows of one ensemble; what is to be said: a sentence, if they are not only added."""
    first = next(iter(keys))
    prints = [set(side[first]["fingerprint"]) if first in side else set() for side in (new, old, waiting)]
    if max(map(len, prints[:2])) > 1:
        raise ArtifactError(f"{first}: one ensemble is of several fingerprints: {max(prints, key=len)}")
    if not prints[1] or prints[0] == prints[1]:
        return added(old, new, keys), waiting, "", True
    scale, scales, number = new[first]["scale"].iloc[0], old[first]["scale"], len(new[first])
    largest = max(scales, key=lambda name: RANK.get(name, len(RANK)))
    worse = f"of scale {scale} left out: published is {largest}" if RANK[scale] < RANK.get(largest, len(RANK)) else ""
    if STAND_IN in "".join(prints[0]) and STAND_IN not in "".join(prints[1]):
        worse = "of stand-in images left out: published are real ones"
    if worse and not replace:
        return old, waiting, f"{number} trial(s) {worse}", False
    whole = added(new, waiting, keys) if prints[2] == prints[0] else new
    lost = f"; {len(waiting[first])} of yet another that waited go" if prints[2] - prints[0] else ""
    if not replace and not complete(whole, old, keys):
        said = f"{len(whole[first])} trial(s) of another fingerprint wait to replace all {len(scales)} published{lost}"
        return old, added({}, whole, keys), said, False
    stays = {name: table.iloc[:0] for name, table in old.items()}
    for name in [name for name in old if "device" in keys[name] and name in whole]:  # what other devices took
        stays[name] = old[name][~old[name]["device"].isin(whole[name]["device"])]
    of = "; ".join(f"{name}, {count} trial(s)" for name, count in scales.value_counts().items())
    said = f"removes {sum(len(old[name]) - len(stays[name]) for name in old)} rows ({of}) for {number} trial(s){lost}"
    return stays | added(stays, whole, keys), {name: table.iloc[:0] for name, table in waiting.items()}, said, True


def complete(new: Tables, old: Tables, keys: Keys) -> bool:
    """Whether new rows have every published trial, in every table, and values in every column that has some."""
    for name, table in ((name, table) for name, table in old.items() if len(table)):
        after, unit = new.get(name, table.iloc[:0]), [key for key in next(iter(keys.values())) if key in keys[name]]
        common = [column for column in table if column in after and table[column].notna().any()]
        trials, there = (each[unit].drop_duplicates() for each in (table, after))
        if after.empty or after[common].isna().all().any() or (unit and len(trials.merge(there)) < len(trials)):
            return False
    return True


def added(before: Tables, new: Tables, keys: Keys) -> Tables:
    """The rows of both by key: of two those that say more, of more trials or in more columns, else those before."""
    made = {}
    for name, key in keys.items():
        tables = [tables[name] for tables in (before, new) if name in tables]
        full = [table for table in tables if len(table)] or tables[:1]
        if any(len({is_numeric_dtype(table[column]) for table in full}) > 1 for column in key):
            raise ArtifactError(f"{name}: one of {', '.join(key)} is text in one table and a number in another")
        if full:
            rows = pd.concat(full[::-1])[list(dict.fromkeys(column for table in full for column in table))]
            order = np.lexsort([rows.notna().sum(axis=1), rows.get("trials", np.zeros(len(rows)))])
            rows = rows.iloc[order].drop_duplicates(list(key), keep="last")
            made[name] = rows.sort_values(list(key)).reset_index(drop=True)
    return made
