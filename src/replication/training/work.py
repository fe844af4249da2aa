"""What a training function is given, and what it gives back.

Such a function is ``train(data, work) -> tables, parameters``: it does no I/O. data: arrays by name, images, or
nothing; tables: by name, a row per trial in the first; parameters: final ones by name, each (trials, …), or none.
Columns that all rows of a job have in common are added by who calls it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
import pandas as pd

Results = tuple[dict[str, pd.DataFrame], dict[str, np.ndarray]]


class WorkError(ValueError):
    """A sentence for the user: what a job's settings ask for can't be done."""


class Checkpoint(Protocol):
    """Where a long training keeps its state."""

    every: int

    def load(self, module: Any, optimizer: Any) -> dict[str, np.ndarray]:
        """Set both to the state that was kept, and give the rows measured so far; no rows if there is none."""

    def save(self, module: Any, optimizer: Any, rows: Mapping[str, np.ndarray]) -> None:
        """Keep the state and the rows."""


class NoCheckpoint:
    """Keeps nothing."""

    every = 0

    def load(self, module: Any, optimizer: Any) -> dict[str, np.ndarray]:
        """Nothing."""
        return {}

    def save(self, module: Any, optimizer: Any, rows: Mapping[str, np.ndarray]) -> None:
        """Nothing."""


def no_progress(total: int, unit: str) -> Callable[[int], None]:
    """Counts nothing."""
    return lambda done: None


@dataclass(frozen=True)
class Work:
    """One job.

    settings: resolved values by name; keys: columns that all its rows have; trials and their seeds; data_set: its name;
    before: first tables of the jobs that came before; progress: of a total and its unit, gives what counts steps.
    """

    settings: SimpleNamespace
    keys: Mapping[str, Any] = field(default_factory=dict)
    trials: Sequence[int] = ()
    seeds: Sequence[int] = ()
    data_set: str = ""
    device: str = "cpu"
    before: Sequence[pd.DataFrame] = ()
    progress: Callable[[int, str], Callable[[int], object]] = no_progress
    checkpoint: Checkpoint = field(default_factory=NoCheckpoint)


def plain(value: Any) -> Any:
    """Settings as plain values: a mapping whose keys are names becomes a namespace, at every level."""
    if isinstance(value, Mapping):
        return SimpleNamespace(**{name: plain(inner) for name, inner in value.items()})
    return value
