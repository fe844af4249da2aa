"""How claim G2 is measured: SPARCS against other ways to search for a small network, on the teacher task."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from replication.data.names import TEACHER
from replication.experiments.baselines.comparison import (
    FEWEST_SEEDS,
    OTHERWISE,
    REFERENCE,
    SCALARS,
    compare,
    name_of,
    scalars,
)
from replication.judging.divergence import divergence
from replication.judging.verdicts import Claim, Each, Measured, Tables

NOTHING = (np.nan, np.nan, np.nan)
NOT_BOTH = "SPARCS and a baseline did not both finish on the teacher task"


def finds_smaller_networks(tables: Tables) -> Iterator[Measured]:
    """G2: each scalar of the strongest baseline over that of SPARCS with unsquared L2.

    Replicated: SPARCS significantly better than every baseline; not replicated: some baseline significantly better than
    SPARCS; else partly. Corrected p < 0.05, at least ten seeds. The strongest baseline is the extreme of those that
    decide; its interval is its own and does not know that it was chosen. What else could have been counted stands in
    the remark.
    """
    trials = tables["baselines/trials"]
    comparisons, of_task = compare(trials), trials[trials["task"] == TEACHER]
    lost = divergence(of_task.assign(method=of_task["method"].map(name_of)), "test_r2", ["method"])
    for part, (scalar, text) in zip("ab", SCALARS.items(), strict=True):
        of_scalar = comparisons[comparisons["scalar"] == scalar].dropna(subset=["ratio"])
        statement = f"{text}: strongest baseline over SPARCS"
        if of_scalar.empty:
            yield Measured(part, statement, NOTHING, 0, (1, np.inf), untested=NOT_BOTH, diverged=lost)
            continue
        verdict, n = _verdict(of_scalar["result"]), int(of_scalar["n"].min())
        deciding = of_scalar[of_scalar["result"] == "baseline better"] if verdict == "not replicated" else of_scalar
        strongest = deciding.loc[deciding["ratio"].idxmin()]
        yield Measured(
            part,
            statement,
            (strongest["ratio"], strongest["low"], strongest["high"]),
            n,
            (1, np.inf),
            reason=_remark(of_scalar, strongest["method"], _otherwise(trials, scalar)),
            untested=f"n = {n}, fewer than {FEWEST_SEEDS}" if n < FEWEST_SEEDS else "",
            verdict=verdict,
            diverged=lost,
            each=Each(_ratios(trials, scalar, strongest["method"]), "ratio of one seed"),
        )


def _ratios(trials: pd.DataFrame, scalar: str, method: str) -> np.ndarray:
    """A scalar of a baseline over that of SPARCS, of each seed that has both."""
    of_seeds = scalars(trials).query("task == @TEACHER").pivot(index="trial", columns="method", values=scalar)
    return (of_seeds[method] / of_seeds[REFERENCE]).dropna().to_numpy(np.float64)


def _verdict(results: pd.Series) -> str:
    if (results == "baseline better").any():
        return "not replicated"
    return "replicated" if (results == "SPARCS better").all() else "partly"


def _remark(comparisons: pd.DataFrame, strongest: str, otherwise: Mapping[str, tuple[int, int]]) -> str:
    better, worse = _counts(comparisons)
    others = "".join(
        f". If {name}, SPARCS beats {wins} and loses to {loses}" for name, (wins, loses) in otherwise.items()
    )
    return (
        f"strongest baseline: {name_of(strongest)}. SPARCS is significantly better than {better} of {len(comparisons)} "
        f"baselines and controls, worse than {worse}{others}"
    )


def _otherwise(trials: pd.DataFrame, scalar: str) -> dict[str, tuple[int, int]]:
    """How many baselines SPARCS is significantly better and worse than, if something else is counted."""
    recounted = {name: compare(trials, **counting) for name, counting in OTHERWISE[scalar].items()}
    return {name: _counts(table[table["scalar"] == scalar]) for name, table in recounted.items()}


def _counts(rows: pd.DataFrame) -> tuple[int, int]:
    return int((rows["result"] == "SPARCS better").sum()), int((rows["result"] == "baseline better").sum())


CLAIMS = [
    Claim("G2", "fewer parameters and smaller networks than “other viable alternatives”", "Abstract, Section 1",
          "only counted", "07_baselines, fig_sizes, fig_baselines", finds_smaller_networks, ("baselines/trials",)),
]  # fmt: skip
