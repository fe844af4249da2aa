"""Small pictures of a measurement against its region: a dot per seed, and the interval of the statistic."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from replication.judging.verdicts import Measured, Region
from replication.report.text import number

WIDTH, MARGIN = 420, 12  # of a picture, in units of its view box
FLOOR, CEILING = 52, 4  # between which dots are stacked
DOT, POINT = 4.4, 14.0  # widths of a dot, and of the region "= 0"
DECADES = 1.5  # from as many on an axis of positive numbers is logarithmic
STEPS = (1, 2, 2.5, 5, 10)  # between ticks, times a power of ten


@dataclass(frozen=True)
class Axis:
    """A scale from low to high; a logarithmic one has everything at or below low, 0 too, at its left end."""

    low: float
    high: float
    logarithmic: bool

    def share(self, value: float) -> float:
        """The place of a value, from 0 at the left end to 1 at the right one; values beyond an end stand there."""
        if self.logarithmic:
            value, low, high = (math.log10(max(each, self.low)) for each in (value, self.low, self.high))
        else:
            low, high = self.low, self.high
        return min(max((value - low) / (high - low), 0.0), 1.0)

    def ticks(self) -> list[float]:
        """Three to six round values."""
        if self.logarithmic:
            decades = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            every = max(math.ceil(len(decades) / 5), 1)
            return [10.0**decade for decade in decades[::every]]
        rough = (self.high - self.low) / 4
        unit = 10 ** math.floor(math.log10(rough))
        step = next(times * unit for times in STEPS if times * unit >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [round(step * k, 12) + 0.0 for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def axis_of(values: Iterable[float], region: Region) -> Axis:
    """An axis with room for the values and for the region's bounds; of positive numbers over decades logarithmic."""
    bounds = [bound for bound in region if math.isfinite(bound)]
    numbers = np.array([value for value in values if math.isfinite(value)] + bounds)
    positive = numbers[numbers > 0]
    if (numbers >= 0).all() and len(positive) > 1 and positive.max() / positive.min() > 10**DECADES:
        return Axis(positive.min() / 2, positive.max() * 2, True)
    low, high = (numbers.min(), numbers.max()) if len(numbers) else (0.0, 1.0)
    room = 0.08 * (high - low) or 0.5 * abs(high) or 1.0
    return Axis(float(low - room), float(high + room), False)


@dataclass(frozen=True)
class Strip:
    """One picture, in units of the view box: shaded spans, the path of the dots, the interval, and the axis's ticks.

    dot: what each of them is.
    """

    label: str
    region: tuple[float, float]
    wider: tuple[float, float] | None
    dots: str
    interval: tuple[float, float, float] | None
    ticks: list[tuple[float, str]]
    count: int
    dot: str


def strips(part: Measured) -> list[Strip]:
    """The pictures of a part: its seeds with the interval; in two, where a seed has another unit than the statistic."""
    values = np.array([]) if part.each is None else np.asarray(part.each.values, dtype=np.float64)
    values = values[np.isfinite(values)]
    if part.each is None or part.each.region is None:
        dot = part.each.quantity if part.each else ""
        return [_strip(part.statement, values, part.interval, part.region, part.partly, dot)]
    seeds = _strip(part.each.quantity, values, None, part.each.region)
    return [seeds, _strip(part.statement, np.array([]), part.interval, part.region, part.partly)]


def row(part: Measured) -> Strip:
    """The interval alone, against the region."""
    return _strip(part.statement, np.array([]), part.interval, part.region, part.partly)


def _strip(
    label: str, values: np.ndarray, interval: tuple | None, region: Region, wider: Region | None = None, dot: str = ""
) -> Strip:
    axis = axis_of([*values, *(interval or ())], region)
    known = interval if interval and math.isfinite(interval[0]) else None
    return Strip(
        label,
        _span(axis, region),
        None if wider is None else _span(axis, wider),
        _dots([_across(axis, value) for value in values]),
        None if known is None else tuple(_across(axis, each if math.isfinite(each) else known[0]) for each in known),
        [(_across(axis, tick), number(tick)) for tick in axis.ticks()],
        len(values),
        dot or label,
    )


def _across(axis: Axis, value: float) -> float:
    return round(MARGIN + axis.share(value) * (WIDTH - 2 * MARGIN), 1)


def _span(axis: Axis, region: Region) -> tuple[float, float]:
    """Left end and width of a region; one that is a single number is as wide as POINT."""
    low, high = (_across(axis, min(max(bound, axis.low), axis.high)) for bound in region)
    return (low, round(high - low, 1)) if high - low > POINT else (round((low + high - POINT) / 2, 1), POINT)


def _dots(places: list[float]) -> str:
    """A path of points, which round line ends make dots; those that would overlap are stacked, closer if many."""
    columns = [round(place / DOT) for place in places]
    counts, seen, path = Counter(columns), Counter(), []
    for place, column in sorted(zip(places, columns, strict=True)):
        step = min(DOT, (FLOOR - CEILING) / counts[column])
        path.append(f"M{place:g} {FLOOR - step * seen[column]:.1f}h0")
        seen[column] += 1
    return "".join(path)
