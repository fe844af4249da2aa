"""The comparison of published trials with the same ones trained again: bit by bit, or between processors on average."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

Row = pd.Series  # of a table of trials

IDENTICAL, CHANGED, ELSEWHERE, DIFFERS = "identical", "source changed", "other processor", "differs"  # verdicts
TOLERANCE = 2.0  # of a mean, in standard deviations between trials that differ in their seed alone (docs/dvc.md)
ROUNDING = 1e-6  # of a mean, added to it: for measures that are the same for all seeds
MEANS = ["experiment", "sources_changed", "measure", "trials", "published", "again", "tolerance", "within"]


class Pair(NamedTuple):
    """A published trial and the same one trained again.

    published, again: the measures of both; spread: of the experiment's numbers, ``spread_of`` the published trials;
    elsewhere: the trial is from another type of processor; verdict: one of the four.
    """

    experiment: str
    published: Row
    again: Row
    spread: Row
    elsewhere: bool
    verdict: str


def pair_of(
    experiment: str, published: Row, again: Row, spread: Row, keys: list[str], machine: str, unchanged: bool
) -> Pair:
    """Both rows' measures with the verdict on them.

    keys: columns that name the trial; machine: this one; unchanged: whether the trial's sources are still the same.
    """
    measures = [name for name in again.index if name not in keys]
    reference, other = published.reindex(measures), again[measures]
    elsewhere = processor(published["machine"]) != processor(machine)
    if not differences(reference, other).any():
        verdict = IDENTICAL
    elif not unchanged:
        verdict = CHANGED
    else:
        verdict = ELSEWHERE if elsewhere and reference["seed"] == other["seed"] else DIFFERS
    return Pair(experiment, reference, other, spread.reindex(measures), elsewhere, verdict)


def processor(machine: str) -> str:
    """The type of processor, with which the name of a machine begins."""
    return machine.split(", ")[0]


def differences(published: Row, again: Row) -> pd.Series:
    """The relative difference of each measure; infinite where it is none of two finite numbers."""
    return pd.Series({name: difference(published[name], again[name]) for name in again.index}, dtype=float)


def difference(value: object, other: object) -> float:
    """The difference of two values, relative to the larger one; 0 if they are the same or both are missing."""
    if value == other or (pd.isna(value) and pd.isna(other)):
        return 0.0
    if isinstance(value, str) or isinstance(other, str) or not np.isfinite([float(value), float(other)]).all():
        return float(np.inf)
    return abs(float(value) - float(other)) / max(abs(float(value)), abs(float(other)))


def spread_of(table: pd.DataFrame, alike: list[str]) -> pd.Series:
    """The standard deviation of every number between rows with the same values of ``alike``, over all of them.

    It is the root of the mean variance; 0 where no row has another one like it.
    """
    numbers = table.select_dtypes(["number", "bool"]).astype(np.float64)
    groups = [table[key] for key in alike] or np.zeros(len(table))
    variance = numbers.where(np.isfinite(numbers)).groupby(groups, dropna=False).transform("var")
    return np.sqrt(variance.mean()).fillna(0.0)


def means_of(pairs: Sequence[Pair]) -> pd.DataFrame:
    """The means of trials that may differ, by experiment and measure, and whether they are within tolerance.

    Trials from other processors may differ and, counted apart, those that differ and whose sources changed. A seed is
    no measure.
    """
    groups: dict[tuple[str, bool], list[Pair]] = {}
    for pair in pairs:
        if pair.verdict == CHANGED or (pair.elsewhere and pair.verdict in (IDENTICAL, ELSEWHERE)):
            groups.setdefault((pair.experiment, pair.verdict == CHANGED), []).append(pair)
    rows = []
    for (experiment, changed), of_group in groups.items():
        for name in of_group[0].spread.dropna().index.drop("seed"):  # text has no spread
            both = np.array([(pair.published[name], pair.again[name]) for pair in of_group], dtype=np.float64)
            of = {"experiment": experiment, "sources_changed": changed, "measure": name}
            rows.append(of | mean_of(both, of_group[0].spread[name]))
    return pd.DataFrame(rows, columns=MEANS)


def mean_of(both: np.ndarray, spread: float) -> dict[str, object]:
    """The means of one measure, (trials, 2), published and again; a trial that has it on neither side is left out."""
    both = both[~np.isnan(both).all(axis=1)]
    if not len(both):
        return {"trials": 0, "within": True}
    published, again = both.mean(axis=0)
    tolerance = TOLERANCE * spread + ROUNDING * abs(published)
    within = published == again or abs(published - again) <= tolerance < np.inf
    means = {"published": published, "again": again, "tolerance": tolerance}
    return {"trials": len(both), **means, "within": bool(within)}


def broken(pairs: Sequence[Pair], names: Sequence[str], means: pd.DataFrame) -> Iterator[str]:
    """A sentence for every trial and every mean that is not what it must be. names: of the trials.

    Means of trials whose sources changed may be anything.
    """
    for pair, name in zip(pairs, names, strict=True):
        if pair.verdict == DIFFERS:
            largest = differences(pair.published, pair.again)
            yield (
                f"{pair.experiment}, {name}: not the same as published, though neither its sources nor the type of "
                f"processor changed: {largest.idxmax()} is {pair.again[largest.idxmax()]}, "
                f"published is {pair.published[largest.idxmax()]}"
            )
    for row in means[~(means["within"] | means["sources_changed"]).astype(bool)].itertuples():
        yield (
            f"{row.experiment}: the mean of {row.measure} over {row.trials} trials is {row.again:.6g}, published is "
            f"{row.published:.6g}: allowed is a difference of {row.tolerance:.2g}"
        )
