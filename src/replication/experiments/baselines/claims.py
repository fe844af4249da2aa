"""How claim G2 is measured: SPARCS against other ways to search for a small network, on the teacher task."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from replication.experiments.baselines.comparison import FEWEST_SEEDS, OTHERWISE, SCALARS, compare, name_of
from replication.judging.verdicts import Claim, Measured, Tables

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
    found = compare(trials)
    for part, (scalar, text) in zip("ab", SCALARS.items(), strict=True):
        own = found[found["scalar"] == scalar].dropna(subset=["ratio"])
        statement = f"{text}: strongest baseline over SPARCS"
        if own.empty:
            yield Measured(part, statement, NOTHING, 0, (1, np.inf), untested=NOT_BOTH)
            continue
        verdict, n = _verdict(own["result"]), int(own["n"].min())
        deciding = own[own["result"] == "baseline better"] if verdict == "not replicated" else own
        strongest = deciding.loc[deciding["ratio"].idxmin()]
        yield Measured(
            part,
            statement,
            (strongest["ratio"], strongest["low"], strongest["high"]),
            n,
            (1, np.inf),
            reason=_remark(own, strongest["method"], _otherwise(trials, scalar)),
            untested=f"n = {n}, fewer than {FEWEST_SEEDS}" if n < FEWEST_SEEDS else "",
            verdict=verdict,
        )


def _verdict(results: pd.Series) -> str:
    if (results == "baseline better").any():
        return "not replicated"
    return "replicated" if (results == "SPARCS better").all() else "partly"


def _remark(found: pd.DataFrame, strongest: str, otherwise: Mapping[str, tuple[int, int]]) -> str:
    better, worse = _counts(found)
    others = "".join(f"; {name}: {better} and {worse}" for name, (better, worse) in otherwise.items())
    return (
        f"strongest baseline: {name_of(strongest)}; SPARCS significantly better than {better} of {len(found)} "
        f"baselines and controls, worse than {worse}{others}"
    )


def _otherwise(trials: pd.DataFrame, scalar: str) -> dict[str, tuple[int, int]]:
    """Of how many SPARCS is significantly better and worse if something else is counted."""
    found = {name: compare(trials, **counting) for name, counting in OTHERWISE[scalar].items()}
    return {name: _counts(table[table["scalar"] == scalar]) for name, table in found.items()}


def _counts(found: pd.DataFrame) -> tuple[int, int]:
    return int((found["result"] == "SPARCS better").sum()), int((found["result"] == "baseline better").sum())


CLAIMS = [
    Claim("G2", "fewer parameters and smaller networks than “other viable alternatives”", "Abstract, Section 1",
          "only counted", "07_baselines, Figure R1 and Table R1", finds_smaller_networks, ("baselines/trials",)),
]  # fmt: skip
