"""Published rows: what tells them apart, what stands on them, those of a job, and what may take whose place."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from replication.experiment import Experiment, Job, Stage
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import SCALES
from replication.records.fingerprints import jobs_of
from replication.records.io import ArtifactError, read_table, require_unique
from replication.report.text import counted

PENDING = "pending"  # folder of rows that wait until their ensemble is complete
RECORDED = ("scale", "commit", "machine", "device", "finished", "minutes", "fingerprint")  # columns that are added
STAND_IN = " (stand-in images)"  # added to a fingerprint, so that such rows are never taken for others
RANK = {scale: rank for rank, scale in enumerate(("any", *SCALES))}
Tables = dict[str, pd.DataFrame]
Taken = tuple[Experiment, Stage, Job, str, Tables]  # a job, its fingerprint and its rows
Keys = Mapping[str, Sequence[str]]  # what tells the rows of tables apart; of a stage, its trials' table is the first


def places(published: Path, experiment: Experiment) -> list[Tables]:
    """The tables of an experiment, published and waiting. Raises ArtifactError for a key that is missing or twice."""
    found = []
    for folder in (published / experiment.name, published / PENDING / experiment.name):
        files = {name: folder / f"{name}.parquet" for name in experiment.tables}
        found.append({name: read_table(file) for name, file in files.items() if file.exists()})
        for name, table in found[-1].items():
            for column in {*experiment.tables[name], "fingerprint"} - {*table}:
                raise ArtifactError(f"{files[name]} has no column {column}: allowed is what publish has written")
            require_unique(table, experiment.tables[name], files[name])
    return found


def part(tables: Tables, keys: Keys, values: Mapping[str, Any]) -> Tables:
    """The rows of a stage's tables that have the values, or one of several, in the columns that a table has."""
    found = {name: tables[name] for name in keys if name in tables}
    for name, column in [(name, column) for name in found for column in values if column in found[name]]:
        allowed = values[column] if isinstance(values[column], tuple) else (values[column],)
        rows = found[name][column].isna() if pd.isna(allowed[0]) else found[name][column].isin(allowed)
        found[name] = found[name][rows]
    return found


def standing(place: Sequence[Tables], stage: Stage, job: Job, here: str) -> tuple[Tables, str]:
    """The rows that stand for a job, of those published or those that wait; if none do, why."""
    values, why = job.keys | ({"trial": job.trials} if job.trials else {}), "no such row"
    for each in place:
        tables = part(each, stage.tables, values)
        trials = tables.get(next(iter(stage.tables)), pd.DataFrame())
        if len(tables) < len(stage.tables) or not job.has_all(trials):
            continue
        for name in (name for name, key in stage.tables.items() if "device" in key):  # what others took is not its own
            tables[name] = tables[name][tables[name]["device"].isin(trials["device"])]
        prints = {name for table in tables.values() for name in table["fingerprint"]}
        if prints == {here}:
            return {name: table.reset_index(drop=True) for name, table in tables.items()}, ""
        why = "stand-in images" if here + STAND_IN in prints else "another fingerprint"
    return {}, why


def jobs_taken(run: Any, published: Path, parameters: bool = True) -> tuple[list[Taken], str]:
    """The jobs of a run whose trials are published, or wait to be; how many they are, and why others are not taken.

    parameters: whether those are needed, which are not published. Git is not asked.
    """
    taken, reasons = [], Counter()
    for experiment in EXPERIMENTS.values():
        tables = places(published, experiment)
        for stage, job, here in jobs_of(experiment, run):
            rows, why = standing(tables, stage, job, here)
            if parameters and stage.parameters and experiment.finish:  # which makes tables from them
                why = "parameters are not published"
            reasons[why] += 1
            taken += [(experiment, stage, job, here, rows)] * (not why)
    others = ", ".join(f"{why} ({number})" for why, number in reasons.most_common() if why)
    because = f"; {reasons.total() - len(taken)} not, because: {others}" if others else ""
    return taken, f"{len(taken)} of {counted(reasons.total(), 'job')} taken{because}"


def merged(new: Tables, old: Tables, waiting: Tables, keys: Keys, ensemble: Sequence[str], replace: bool) -> tuple:
    """The published and the waiting tables with a stage's new rows; sentences on them, with their ensembles."""
    trials, told, tables = new[next(iter(keys))], {}, [{**old}, {**waiting}]
    for values in trials[list(ensemble)].drop_duplicates().to_dict("records") if ensemble else [{}]:
        of, *before = (part(side, keys, values) for side in (new, *tables))
        *after, sentence = of_ensemble(of, *before, keys, replace)
        for side, rows, now in zip(tables, before, after, strict=True):
            side |= added({name: side[name].drop(rows[name].index) for name in rows}, now, keys)
        if sentence:
            told.setdefault(sentence, []).append(", ".join(f"{name} {value}" for name, value in values.items()))
    return *tables, told


def of_ensemble(new: Tables, old: Tables, waiting: Tables, keys: Keys, replace: bool) -> tuple[Tables, Tables, str]:
    """The published and the waiting rows of one ensemble; what is to be said, if rows are not only added."""
    first = next(iter(keys))
    here, there, third = ({*side[first]["fingerprint"]} if first in side else set() for side in (new, old, waiting))
    if max(len(here), len(there)) > 1:
        raise ArtifactError(f"{first}: one ensemble is of several fingerprints: {max(here, there, key=len)}")
    whole = added(new, waiting, keys) if third == here else new
    if there in (set(), here):
        return added(old, whole, keys), {} if third == here else waiting, ""
    timed = {name: table for name, table in old.items() if "device" in keys[name] and name in whole}
    stays = {name: table[~table["device"].isin(whole[name]["device"])] for name, table in timed.items()}
    scales = ", ".join(f"{name}: {counted(n, 'trial')}" for name, n in old[first]["scale"].value_counts().items())
    gone = sum(map(len, old.values())) - sum(map(len, stays.values()))  # but what other devices took
    number = counted(len(whole[first]), "trial")
    late = f"; removes {counted(len(waiting[first]), 'trial')} of yet another that waited" if third - here else ""
    removes = f"removes {counted(gone, 'row')} ({scales}) for {number}{late}"
    scale, smallest = old[first]["scale"].map(RANK).max(), whole[first]["scale"].map(RANK).min()
    fits = scale <= smallest and (STAND_IN in "".join(there) or STAND_IN not in "".join(here))
    if replace or (fits and complete(whole, old, keys)):
        return added(stays, whole, keys), {}, removes
    if fits:
        return old, whole, f"waiting until complete: {number} of another fingerprint; replace=yes {removes}"
    return old, waiting, f"left out: {number}, for published are a larger scale or real images; replace=yes {removes}"


def complete(new: Tables, old: Tables, keys: Keys) -> bool:
    """Whether new rows have every published trial, in every table, and values in every column that has some."""
    for name, before in ((name, table) for name, table in old.items() if len(table)):
        after, unit = new.get(name, before.iloc[:0]), [key for key in next(iter(keys.values())) if key in keys[name]]
        common = [column for column in before if column in after and before[column].notna().any()]
        trials, there = (table[unit].drop_duplicates() for table in (before, after))
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
            rows = pd.concat(full)
            most_first = np.lexsort([-rows.notna().sum(axis=1), -rows.get("trials", np.zeros(len(rows)))])
            made[name] = rows.iloc[most_first].drop_duplicates([*key]).sort_values([*key], ignore_index=True)
    return made
