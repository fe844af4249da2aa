"""Trainings that diverged: how many, of which ensembles, and from which share on a claim stays untested."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

MOST = 0.1  # of the trainings of an ensemble: what is left of it is chosen by its training, no longer by its seed
NAMED = 3  # ensembles, those that lost most


@dataclass(frozen=True)
class Divergence:
    """The trainings that a part of a claim rests on, and those of them that diverged.

    lost: by ensemble; share: the largest share that an ensemble lost.
    """

    trainings: int = 0
    lost: tuple[tuple[str, int], ...] = ()
    share: float = 0.0

    @property
    def count(self) -> int:
        """How many diverged."""
        return sum(count for _, count in self.lost)

    @property
    def text(self) -> str:
        """What is said of them: "3 of 60 diverged (spectral: 2, linear: 1)"; empty if none did."""
        if not self.lost:
            return ""
        most = sorted(self.lost, key=lambda pair: -pair[1])
        named = [f"{name}: {count:,}" for name, count in most[:NAMED] if name]
        named += [f"others: {sum(count for _, count in most[NAMED:]):,}"] if len(most) > NAMED else []
        return f"{self.count:,} of {self.trainings:,} diverged" + (f" ({', '.join(named)})" if named else "")

    @property
    def untested(self) -> str:
        """Why the part can't be judged; empty if it can."""
        return f"{self.text}: more than {100 * MOST:g} % of an ensemble" if self.share > MOST else ""


NONE = Divergence()  # of what rests on no training


def divergence(trials: pd.DataFrame, measure: str, ensemble: Sequence[str] = ()) -> Divergence:
    """The divergence of trials, a row per training, of which those without a ``measure`` (NaN) diverged.

    ensemble: the columns that tell ensembles from each other; all are one without any.
    """
    lost, share = [], 0.0
    groups = trials[measure].isna().groupby([trials[name] for name in ensemble] or np.zeros(len(trials)), dropna=False)
    for key, diverged in groups:
        values = zip(ensemble, key, strict=True) if ensemble else ()
        name = ", ".join(value if isinstance(value, str) else f"{column} {value:g}" for column, value in values)
        lost += [(name, int(diverged.sum()))] if diverged.any() else []
        share = max(share, float(diverged.mean()))
    return Divergence(len(trials), tuple(lost), share)
