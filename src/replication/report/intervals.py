"""Summaries of trials: the mean, its 95 % t interval, and the spread of the trials themselves."""

import numpy as np
import pandas as pd
import scipy
from matplotlib.axes import Axes

from replication.judging.statistics import LEVEL
from replication.report.text import counted

FEWEST = 3  # below this n no interval is given, as in the claims' rules
MANY = 10  # below this n the figures of a sweep show the trials themselves
STEP = 0.12  # decades between series that stand side by side


def finished(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that did not diverge. An empty table, which may lack the column, is returned as it is."""
    return trials[trials["diverged_epoch"] < 0] if len(trials) else trials


def over_trials(trials: pd.DataFrame, column: str, by: list[str]) -> pd.DataFrame:
    """Summary of a column over the finished trials of each group.

    Returns ``by``, n, mean, low, high, median, trials_low and trials_high. low and high are the 95 % t interval of the
    mean, NaN for n < 3; trials_low and trials_high are those of ``spread``.
    """
    groups = trials.dropna(subset=[column]).groupby(by)[column]
    summary = groups.agg(
        n="count",
        mean="mean",
        median="median",
        trials_low=lambda values: spread(values.to_numpy())[0],
        trials_high=lambda values: spread(values.to_numpy())[1],
    )
    half = np.full(len(summary), np.nan)
    enough = (summary["n"] >= FEWEST).to_numpy()
    n = summary["n"].to_numpy()[enough]
    half[enough] = scipy.stats.t.ppf((1 + LEVEL) / 2, n - 1) * groups.std().to_numpy()[enough] / np.sqrt(n)
    summary.insert(2, "low", summary["mean"] - half)
    summary.insert(3, "high", summary["mean"] + half)
    return summary.reset_index()


def spread(values: np.ndarray) -> np.ndarray:
    """The bounds of the central 95 % of values along the first axis, of fewer than MANY the lowest and the highest."""
    tail = (1 - LEVEL) / 2 if len(values) >= MANY else 0.0
    return np.quantile(values, [tail, 1 - tail], axis=0)


def spread_note(counts: pd.Series, of: str = "the trials") -> str:
    """What lies between the bounds of ``spread``, in words."""
    central, whole = f"central {100 * LEVEL:g} % of {of}", f"from the lowest to the highest of {of}"
    if counts.max() < MANY:
        return whole
    return central if counts.min() >= MANY else f"{central}, of fewer than {MANY} {whole}"


def over_logarithms(trials: pd.DataFrame, column: str, by: list[str]) -> pd.DataFrame:
    """``over_trials`` of a positive column's logarithm, taken back: the geometric mean, with an interval above 0."""
    summary = over_trials(trials.assign(**{column: np.log10(trials[column])}), column, by)
    values = ["mean", "low", "high", "median", "trials_low", "trials_high"]
    return summary.assign(**{name: 10 ** summary[name] for name in values})


def draw_mean(axes: Axes, summary: pd.DataFrame, x: str, color: str, label: str | None = None) -> None:
    """Draw the mean as a line, its t interval as bars."""
    axes.plot(summary[x], summary["mean"], color=color, marker="o", label=label)
    axes.vlines(summary[x], summary["low"], summary["high"], color=color, linewidth=0.8)


def draw_spread(axes: Axes, summary: pd.DataFrame, x: str, color: str, label: str | None = None) -> None:
    """``draw_mean``, and the spread of the trials as a band."""
    axes.fill_between(summary[x], summary["trials_low"], summary["trials_high"], color=color, alpha=0.2, linewidth=0)
    draw_mean(axes, summary, x, color, label)


def with_trials(summary: pd.DataFrame, trials: pd.DataFrame, column: str, by: list[str]) -> pd.DataFrame:
    """A summary with the trials themselves as columns trial_0, …, of the groups that have fewer than MANY."""
    finished = trials.dropna(subset=[column])
    few = finished[finished.groupby(by)[column].transform("count") < MANY]
    each = few.pivot(index=by, columns="trial", values=column).add_prefix("trial_").reset_index()
    return summary.merge(each, on=by, how="left")


def draw_beside(
    axes: Axes, summary: pd.DataFrame, x: str, look: tuple[str, str], place: float, bars: bool = False
) -> None:
    """``draw_spread`` in a colour with a label, ``place`` steps to the right; few trials as dots without a spread.

    bars: the t interval of few trials too. It reaches far beyond them, and may leave what is possible.
    """
    moved = summary.assign(**{x: summary[x] * 10 ** (STEP * place)})
    unsaid = ["trials_low", "trials_high"] + ["low", "high"] * (not bars)
    moved.loc[moved["n"] < MANY, unsaid] = np.nan
    draw_spread(axes, moved, x, *look)
    axes.plot(moved[x], moved.filter(regex=r"^trial_\d"), "o", color=look[0], alpha=0.4, markeredgewidth=0)


def count_range(counts: pd.Series) -> str:
    """The number of trials per point, as text: "100" or "98 to 100"; "0" where there is no point."""
    low, high = (0, 0) if counts.empty else (int(counts.min()), int(counts.max()))
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def mean_note(counts: pd.Series) -> str:
    """The sentences of a caption that say what ``draw_mean`` drew."""
    bars = f"Bars: {100 * LEVEL:g} % t interval of the mean" if counts.max() >= FEWEST else "No interval for n < 3"
    return f"Line: mean of n = {counted(count_range(counts), 'trial')}. {bars}."


def interval_note(counts: pd.Series) -> str:
    """The sentences of a caption that say what ``draw_spread`` drew."""
    return f"{mean_note(counts)} Band: {spread_note(counts)}."


def beside_note(counts: pd.Series) -> str:
    """The sentences of a caption that say what ``draw_beside`` drew."""
    few, many = counts[counts < MANY], counts[counts >= MANY]
    said = [interval_note(many)] if len(many) else []
    if len(few):
        said.append(f"{'Fewer trials' if said else 'Trials'} (n = {count_range(few)}) are dots, their mean the line.")
    return " ".join([*said, "Penalties stand side by side at each strength."])
