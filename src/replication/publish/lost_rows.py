"""The losses by publishing: published rows that go, or that make way for smaller, emptier or other ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from replication.experiments.settings import SCALES
from replication.params.loading import ParameterError
from replication.publish.jobs import GENERATED
from replication.publish.published_tables import DATA, KEYS, OTHERS, TRIAL, UNIT, read_published
from replication.records.io import read_table
from replication.records.verbs import read_settings

REMOVED = "remove {} published rows"
EMPTIED = "take values from {}"
SMALLER = "put a smaller scale in place of {}"
OTHER = "put other settings or data in place of {}"
UNDESCRIBED = "leave {} published rows without the settings of their data"
REASONS = {  # what becomes of a published row, the worst first
    REMOVED: lambda both: both["_merge"] == "left_only",
    "put stand-in data in place of {}": lambda both: _column(both, "stand_in_new") & ~_column(both, "stand_in"),
    EMPTIED: lambda both: _emptied(both),
    SMALLER: lambda both: _rank(both["scale_new"]) < _rank(both["scale"]),
    OTHER: lambda both: _differ(both, ["made_from", *DATA]),
}
COUNTS = {"trials", "linear_teachers", "chunk", "ensembles"}  # settings that change no row of a table copied whole
Tables = Mapping[str, pd.DataFrame | None]


def losses(tables: Tables, whole: Mapping[Path, Path], published: Path, settings: Mapping, same: bool) -> dict:
    """The losses of each published table, by its name: counts by reason, as from ``lost``.

    tables, whole: what is to be published; settings: the run's; same: whether it generates the data that is published.
    """
    by_table = {}
    for name, keys in KEYS.items():
        before = read_published(published, name, [*keys, "made_from", "scale"] if name in tables else ())
        if before is not None and name in tables:
            by_table[name] = lost(before, tables[name], keys)
        elif before is not None and not same and _generated(name) and any(map(_generated, tables)):
            by_table[name] = {UNDESCRIBED: len(before)}
    for name in [f"{experiment}/{part}" for experiment, parts in OTHERS.items() for part in parts]:
        before = read_published(published, name)
        if before is not None and name in tables:
            by_table[name] = lost_units(before, tables[name], [*UNIT[name.partition("/")[0]], "device"])
    for path, source in whole.items():
        if path.suffix == ".parquet" and (published / path).exists():
            before, after = read_table(published / path), read_table(source)
            smaller, other = _smaller_or_other(path.parts[0], settings, published, same)
            by_table[str(path.with_suffix(""))] = lost_whole(before, after, smaller, other)
    return by_table


def lost(before: pd.DataFrame, after: pd.DataFrame, keys: list[str]) -> dict[str, int]:
    """The number of lost published rows, by REASONS; a trial repeated from the same settings and data is not lost.

    before, after: the table as it is published and as it would be, with scale and made_from.
    """
    columns = before.columns.union(after.columns, sort=False)  # what one lacks is NaN
    before, after = before.reindex(columns=columns), after.reindex(columns=columns)
    both = before.merge(after, on=keys, how="left", suffixes=("", "_new"), indicator=True)
    why = np.select([reason(both) for reason in REASONS.values()], list(REASONS), default="")
    return {reason: count for reason in REASONS if (count := int((why == reason).sum()))}


def lost_units(before: pd.DataFrame, after: pd.DataFrame | None, unit: list[str]) -> dict[str, int]:
    """The number of published rows of a unit that has no rows afterwards, or no values where it has some."""
    unit = [name for name in unit if name in before]
    if after is None or not unit:
        return {REMOVED: len(before)} if len(before) else {}
    old, new = (table.reindex(columns=before.columns).groupby(unit) for table in (before, after))
    sizes, values = old.size(), new.count().reindex(old.size().index, fill_value=0)
    gone = ~sizes.index.isin(new.size().index)
    emptied = ((old.count() > 0) & (values == 0)).any(axis=1) & ~gone
    counts = {REMOVED: int(sizes[gone].sum()), EMPTIED: int(sizes[emptied].sum())}
    return {reason: count for reason, count in counts.items() if count}


def lost_whole(before: pd.DataFrame, after: pd.DataFrame, smaller: bool, other: bool) -> dict[str, int]:
    """The number of lost rows of a table that is copied whole: none if each of them stands in the new one.

    smaller, other: whether the new one is of a smaller scale, or of other settings.
    """
    fewer = len(before) - len(after)
    after = after.reindex(columns=before.columns)
    rows = [pd.Series(list(table.astype(str).itertuples(index=False, name=None))) for table in (before, after)]
    changed = int((~rows[0].isin(rows[1])).sum())
    if changed == 0:
        return {}
    if fewer > 0:
        return {REMOVED: fewer}
    reasons = {EMPTIED: (before.count() > after.count()).any(), SMALLER: smaller, OTHER: other}
    return next(({reason: changed} for reason, holds in reasons.items() if holds), {})


def require_nothing_lost(losses: dict[str, dict[str, int]]) -> None:
    """Raise ParameterError if a published table would lose rows; losses: of each table, as from ``lost``."""
    parts = [f"{name}: {reason.format(count)}" for name, reasons in losses.items() for reason, count in reasons.items()]
    if parts:
        raise ParameterError(f"publishing would destroy results ({'; '.join(parts)}): allowed with replace=yes")


def _smaller_or_other(experiment: str, settings: Mapping, published: Path, same: bool) -> tuple[bool, bool]:
    """Whether a run has a smaller scale than an experiment's published trials, and whether it has other settings."""
    path = published / "settings.json"
    before = read_settings(path)["run"] if path.exists() else {}
    trials = read_published(published, f"{experiment}/trials", ["scale"]) if experiment in TRIAL else None
    scales = pd.Series([before.get("scale")]) if trials is None else trials["scale"]
    smaller = bool((_rank(pd.Series([settings["run"]["scale"]])).iloc[0] < _rank(scales)).any())
    if experiment not in TRIAL:  # the theory's checks, which have no settings
        return smaller, False
    run = settings["run"]
    differ = any(_uncounted(run.get(name)) != _uncounted(before.get(name)) for name in (experiment, "root_seed"))
    return smaller, differ or (experiment in GENERATED and not same)


def _uncounted(settings: Any) -> Any:
    """Settings without COUNTS: a larger scale has more rows, made as those before."""
    if not isinstance(settings, Mapping):
        return settings
    return {name: _uncounted(value) for name, value in settings.items() if name not in COUNTS}


def _generated(name: str) -> bool:
    return name.partition("/")[0] in GENERATED


def _column(both: pd.DataFrame, name: str) -> pd.Series:
    """Whether a row is true in a column, which not every table has."""
    return both[name].eq(True) if name in both else pd.Series(False, index=both.index)


def _emptied(both: pd.DataFrame) -> pd.Series:
    """Whether a row has a value where its successor has none."""
    names = [name for name in both if f"{name}_new" in both]
    return (both[names].notna() & both[[f"{name}_new" for name in names]].isna().to_numpy()).any(axis=1)


def _differ(both: pd.DataFrame, names: list[str]) -> pd.Series:
    """Whether a row differs from its successor in one of the columns, which not every table has."""
    differs = pd.Series(False, index=both.index)
    for name in names:
        if f"{name}_new" in both:
            differs |= both[name].ne(both[f"{name}_new"]) & (both[name].notna() | both[f"{name}_new"].notna())
    return differs


def _rank(scales: pd.Series) -> pd.Series:
    """A scale's place among SCALES; one that is unknown is the highest."""
    return scales.map({scale: rank for rank, scale in enumerate(SCALES)}).fillna(len(SCALES))
