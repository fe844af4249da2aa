"""What publishing would take away: published rows that go, or that make way for smaller or other ones."""

import numpy as np
import pandas as pd

from replication.params import SCALES, ParameterError

REMOVED = "remove {} published rows"
REASONS = {  # what becomes of a published row, the worst first
    REMOVED: lambda both: both["_merge"] == "left_only",
    "put stand-in data in place of {}": lambda both: _column(both, "stand_in_new") & ~_column(both, "stand_in"),
    "put a smaller scale in place of {}": lambda both: _rank(both["scale_new"]) < _rank(both["scale"]),
    "put other settings or data in place of {}": lambda both: both["made_from_new"] != both["made_from"],
}


def lost(before: pd.DataFrame, after: pd.DataFrame, keys: list[str]) -> dict[str, int]:
    """How many published rows would be lost, by REASONS; a trial repeated from the same settings and data is not.

    before, after: the table as it is published and as it would be, with scale and made_from.
    """
    both = before.merge(after, on=keys, how="left", suffixes=("", "_new"), indicator=True)
    why = np.select([reason(both) for reason in REASONS.values()], list(REASONS), default="")
    return {reason: count for reason in REASONS if (count := int((why == reason).sum()))}


def require_nothing_lost(losses: dict[str, dict[str, int]]) -> None:
    """Raise ParameterError if a published table would lose rows; losses: of each table, as from ``lost``."""
    parts = [f"{name}: {reason.format(count)}" for name, reasons in losses.items() for reason, count in reasons.items()]
    if parts:
        raise ParameterError(f"publishing would destroy results ({'; '.join(parts)}): allowed with replace=yes")


def _column(both: pd.DataFrame, name: str) -> pd.Series:
    """Whether a row is true in a column, which not every table has."""
    return both[name].eq(True) if name in both else pd.Series(False, index=both.index)


def _rank(scales: pd.Series) -> pd.Series:
    return scales.map({scale: rank for rank, scale in enumerate(SCALES)})
