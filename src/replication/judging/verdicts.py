"""The rules by which a claim is judged.

A claim is replicated if the 95 % interval lies inside its region, partly if inside a second, wider region that few
claims have, not replicated if outside, else inconclusive. It is untested, with the reason, where the run is too small
to say or too many of its trainings diverged; the measured value stands there all the same. A claim of several parts
takes the worst verdict of its parts. The regions were fixed before the runs; pilot runs of experiments 1 to 3, of one
to four networks each, were known then.

Some rules were changed when results were known, on RULES_CHANGED. A part of such a rule is still measured by the old
one, too, and its row says what that gives and why the rule was changed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from replication.judging.divergence import NONE, Divergence
from replication.judging.statistics import Interval

HEAD = ["id", "statement", "source", "paper"]
CHANGES = ["changed", "old_rule", "old_measured", "old_low", "old_high", "old_verdict"]  # empty where no rule changed
COLUMNS = [*HEAD, "quantity", "region", "measured", "low", "high", "n", "verdict", "reason", "evidence", *CHANGES]
SEVERITY = ["replicated", "partly", "inconclusive", "untested", "not replicated"]

RULES_CHANGED = "2026-11-29"
INCONCLUSIVE = "an interval across the region's bound was called partly"

GOOD_FIT = 0.95  # held-out R² from which a trial of experiment 1 fits (claim B3)
SWEET_SPOT = (1e-5, 1e-3)  # strengths ρ that the paper calls reasonable (claim G1)

UNCHANGED = ["", "", np.nan, np.nan, np.nan, ""]  # of CHANGES

Tables = Mapping[str, pd.DataFrame]
Region = tuple[float, float]


@dataclass(frozen=True)
class Each:
    """What single seeds, networks or cases give, on which a part's statistic rests.

    values: one each, NaN where a training diverged; quantity: what they are, "" for the part's own; region: within
    which one of them counts, None for the part's own.
    """

    values: np.ndarray
    quantity: str = ""
    region: Region | None = None


@dataclass(frozen=True)
class Measured:
    """A run's measurement of one part of a claim: the effect's size, in the unit that ``statement`` names.

    reason: a remark; partly: a wider region, an interval inside of which is enough for "partly"; untested: why this
    part can't be judged, whatever was measured; on: another run than that of the claim's own tables, by its name in
    ``judge``'s too_small; verdict: by a rule of the claim's own, instead of by the region;
    diverged: of the trainings that it rests on; changed: why its rule is not the one by which it was judged first;
    before: the part as that one measures it, None for a part that was not judged; each: the values behind the
    statistic, which are shown and judge nothing.
    """

    part: str
    statement: str
    interval: Interval
    n: int
    region: Region
    reason: str = ""
    partly: Region | None = None
    untested: str = ""
    on: str = ""
    verdict: str = ""
    diverged: Divergence = NONE
    changed: str = ""
    before: "Measured | None" = None
    each: Each | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Claim:
    """One claim and the measurement that judges it; without one it stays untested.

    paper: what the paper reports of it; "" for a claim beyond the paper, which is counted apart; evidence: its report,
    and the names of the figures and tables that show it, for instance "04_cifar10, Table 1, fig16"; needs: the tables
    without which nothing of it is measured; also: those that it is measured on, too, where they are there.
    """

    id: str
    statement: str
    source: str
    paper: str
    evidence: str
    measure: Callable[[Tables], Iterator[Measured]] | None
    needs: tuple[str, ...] = field(default=())
    also: tuple[str, ...] = field(default=())
    exact: bool = False


def judge(claims: list[Claim], tables: Tables, too_small: Mapping[str, str]) -> pd.DataFrame:
    """The table of verdicts: a row per claim, and one per part where there are several.

    tables: by name "experiment/table"; too_small: per experiment, or by the name of another run of it, why this run
    can't test its claims (absent: it can).
    A claim whose tables are missing has a row all the same. The n of a claim of several parts is that of the first part
    with its verdict.
    """
    rows = []
    for claim in claims:
        missing = [name for name in claim.needs if name not in tables]
        parts = [] if missing or claim.measure is None else list(claim.measure(tables))
        why = f"not run at this scale: {', '.join(missing)}" if missing else _why_untested(claim, too_small)
        rows += _rows(claim, parts, [_joined(why, too_small.get(part.on, "")) for part in parts], why)
    return pd.DataFrame(rows, columns=COLUMNS)


def verdict_of(low: float, high: float, region: Region, partly: Region | None = None) -> str:
    """Replicated if [low, high] lies inside the region, not replicated if outside, else inconclusive.

    partly: a wider region, inside of which [low, high] is at least partly.
    """
    if low >= region[0] and high <= region[1]:
        return "replicated"
    if partly is not None and low >= partly[0] and high <= partly[1]:
        return "partly"
    return "not replicated" if high < region[0] or low > region[1] else "inconclusive"


def worst(verdicts: list[str]) -> str:
    """The verdict of a claim of several parts; an untested part leaves it untested unless another one fails."""
    return max(verdicts, key=SEVERITY.index)


def _why_untested(claim: Claim, too_small: Mapping[str, str]) -> str:
    experiments = {name.split("/")[0] for name in claim.needs}
    return "; ".join(too_small[name] for name in sorted(experiments) if name in too_small)


def _verdict(part: Measured, exact: bool, why: str) -> tuple[str, str]:
    """The verdict and its reason, which says what diverged."""
    lost = part.diverged
    untested = _joined(why, part.untested, lost.untested) or _unmeasured(part, exact)
    if untested:
        return "untested", _joined(untested, "" if lost.untested else lost.text)
    verdict = part.verdict or verdict_of(*part.interval[1:], part.region, part.partly)
    return verdict, _joined(part.reason, lost.text)


def _unmeasured(part: Measured, exact: bool) -> str:
    """Why what was measured gives no verdict; empty if it does."""
    fewest = 1 if exact else 3
    if part.n < fewest:
        return f"n = {part.n}, fewer than {fewest}"
    return "" if part.verdict or np.isfinite(part.interval[1:]).all() else "no interval could be computed"


def _joined(*reasons: str) -> str:
    return "; ".join(filter(None, reasons))


def _rows(claim: Claim, parts: list[Measured], reasons: list[str], why: str) -> list[list]:
    head, nothing = [claim.id, claim.statement, claim.source, claim.paper], [np.nan, np.nan, np.nan]
    if not parts:
        return [[*head, "", "", *nothing, 0, "untested", why, claim.evidence, *UNCHANGED]]
    verdicts = [_verdict(part, claim.exact, reason) for part, reason in zip(parts, reasons, strict=True)]
    changes = [
        _change(part, verdict, claim.exact, reason)
        for part, (verdict, _), reason in zip(parts, verdicts, reasons, strict=True)
    ]
    of_parts = [
        [part.statement, _regions(part), *part.interval, part.n, *verdict, claim.evidence, *change]
        for part, verdict, change in zip(parts, verdicts, changes, strict=True)
    ]
    if len(parts) == 1:
        return [[*head, *of_parts[0]]]
    ids = [claim.id + part.part for part in parts]
    overall = worst([verdict for verdict, _ in verdicts])
    guilty = [name for name, (verdict, _) in zip(ids, verdicts, strict=True) if verdict == overall]
    reason = f"the worst of its parts: {', '.join(guilty)}"
    change = _change_of_claim(ids, [verdict for verdict, _ in verdicts], changes)
    n = parts[ids.index(guilty[0])].n
    return [
        [*head, "", "", *nothing, n, overall, reason, claim.evidence, *change],
        *(
            [name, part.statement, claim.source, claim.paper, *of_part]
            for name, part, of_part in zip(ids, parts, of_parts, strict=True)
        ),
    ]


def _change(part: Measured, verdict: str, exact: bool, why: str) -> list:
    """What a row says of the rule by which its part was judged first, in the order of CHANGES."""
    before = part.before if part.changed else part
    old = "" if before is None else _verdict(before, exact, why)[0]
    renamed = INCONCLUSIVE if verdict == old == "inconclusive" else ""
    if not (part.changed or renamed):
        return UNCHANGED
    changed = f"{RULES_CHANGED}: {_joined(renamed, part.changed)}"
    if before is None:
        return [changed, *UNCHANGED[1:]]
    return [changed, f"{before.statement}: {region_text(before.region)}", *before.interval, _then(old)]


def _change_of_claim(ids: list[str], verdicts: list[str], changes: list[list]) -> list:
    """The same of a claim of several parts; a part that was not judged has no say in its old verdict."""
    changed = [name for name, change in zip(ids, changes, strict=True) if change[0]]
    if not changed:
        return UNCHANGED
    then = [change[-1] if change[0] else verdict for verdict, change in zip(verdicts, changes, strict=True)]
    judged = [verdict for verdict in then if verdict]
    old = worst(judged) if judged else ""
    return [f"{RULES_CHANGED}: the rule of {', '.join(changed)}", *UNCHANGED[1:-1], old]


def _then(verdict: str) -> str:
    """The name of a verdict before RULES_CHANGED."""
    return "partly" if verdict == "inconclusive" else verdict


def _regions(part: Measured) -> str:
    """The region of a part, and the wider one, inside of which it is partly replicated, if it has one."""
    return region_text(part.region) + ("" if part.partly is None else f"; partly: {region_text(part.partly)}")


def region_text(region: Region) -> str:
    """A region as text: "<= 0.05", "0.4 to 0.6"."""
    low, high = region
    if low == high:
        return f"= {low:g}"
    if np.isinf(low) or (low == 0 and np.isfinite(high)):
        return f"< {high:g}" if high == np.nextafter(round(high, 6), -np.inf) else f"<= {high:g}"
    return f">= {low:g}" if np.isinf(high) or (high == 1 and low > 0) else f"{low:g} to {high:g}"
