"""Whether trials that were trained again are the same: value by value, or between processors on average."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

TOLERANCE = 2.0  # of a mean, in standard deviations between trials that differ in their seed alone (docs/dvc.md)
ROUNDING = 1e-6  # of a mean, added to it: for measures that are the same for all seeds


def values(tables: Mapping[str, pd.DataFrame], keys: Mapping[str, Sequence[str]]) -> pd.Series:
    """All values of a job by table.column and row; times and memory are none: ``costs``, and tables by device."""
    names = [name for name, key in keys.items() if name != "costs" and "device" not in key]
    in_order = {name: tables[name].sort_values([*keys[name]], ignore_index=True).astype(object) for name in names}
    return pd.concat({f"{name}.{column}": table[column] for name, table in in_order.items() for column in table})


def differences(published: pd.Series, again: pd.Series) -> pd.DataFrame:
    """All values, and their relative difference: infinite where it is none of two finite numbers."""
    published, again = (side.astype(object) for side in published.align(again))
    same = (published == again) | (published.isna() & again.isna())
    one, other = (pd.to_numeric(side.where(~same), errors="coerce").astype(float) for side in (published, again))
    with np.errstate(invalid="ignore"):
        relative = (one - other).abs() / np.fmax(one.abs(), other.abs())
    relative = relative.where(np.isfinite(relative), np.inf).where(~same, 0.0)
    return pd.DataFrame({"published": published, "again": again, "difference": relative})


def means_apart(every: pd.DataFrame, spread: pd.Series) -> Iterator[str]:
    """A sentence for each mean over trials from other processors that is not within tolerance; missing are left out."""
    for measure in spread.index.intersection(every.index.get_level_values(0)):
        both = every.loc[measure, ["published", "again"]].astype(float).dropna(how="all")
        old, new = both.mean(skipna=False) if len(both) else (0.0, 0.0)
        allowed = TOLERANCE * spread[measure] + ROUNDING * abs(old)
        if not (old == new or abs(old - new) <= allowed < np.inf):
            yield f"the mean of {measure} is {old:.6g} published, {new:.6g} here: it may differ by {allowed:.2g}"


def spread_of(table: pd.DataFrame, key: Sequence[str]) -> pd.Series:
    """The root of the mean variance of every number between rows that differ in their trial alone; 0 without such."""
    numbers = table.select_dtypes(["number", "bool"]).astype(float).drop(columns=[*key, "seed"], errors="ignore")
    groups = [table[name] for name in key if "trial" not in name] or np.zeros(len(table))
    variance = numbers.where(np.isfinite(numbers)).groupby(groups, dropna=False).transform("var")
    return np.sqrt(variance.mean()).fillna(0.0)
