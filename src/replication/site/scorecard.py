"""The scorecard: a row per claim, its parts below it, and the published verdict beside what was not tested."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from replication.account.provenance_text import claim_of
from replication.account.scorecard import MARKS
from replication.report.tables import VERDICTS, printed, rule_change
from replication.report.text import interval, number
from replication.site.run import Run


@dataclass(frozen=True)
class Row:
    """A claim or one of its parts, as it stands on the page."""

    id: str
    statement: str
    paper: str
    source: str
    quantity: str
    region: str
    measured: str
    n: int
    verdict: str
    reason: str
    scale: str
    data: str
    device: str
    change: str = ""
    old_verdict: str = ""
    trained_by: str = ""
    analysed_by: str = ""
    evidence: list[tuple[str, Path | str]] = field(default_factory=list)
    parts: list["Row"] = field(default_factory=list)
    published: "Row | None" = None

    @property
    def rank(self) -> int:
        """The verdict's place when verdicts are sorted."""
        return VERDICTS.index(self.verdict)

    @property
    def mark(self) -> str:
        """The verdict's sign, for those who don't see its colour."""
        return MARKS[self.verdict]

    @property
    def headline(self) -> "Row":
        """The row that stands for the claim: itself, or its first part with the claim's verdict."""
        return next((part for part in self.parts if part.verdict == self.verdict), self)

    @property
    def slug(self) -> str:
        """The verdict as the name of a style."""
        return self.verdict.replace(" ", "-")


def scorecard(run: Run) -> list[Row]:
    """All claims in the paper's order with their parts; an untested one has its published verdict, if there is one."""
    rows = with_parts(run.claims, run)
    published = {row.id: row for row in with_parts(run.published_claims, run)}
    return [
        Row(**{**vars(row), "published": published.get(row.id) if row.verdict == "untested" else None}) for row in rows
    ]


def with_parts(claims: pd.DataFrame, run: Run) -> list[Row]:
    """The claims of a table, each with its parts."""
    rows = [_row(claim, run) for claim in claims.itertuples()]
    return [
        Row(**{**vars(row), "parts": [part for part in rows if part.id != row.id and claim_of(part.id) == row.id]})
        for row in rows
        if claim_of(row.id) == row.id
    ]


def tally(rows: list[Row]) -> list[tuple[str, str, str, int]]:
    """The number of claims with each verdict: (name, style, sign, count), empty ones included."""
    return [
        (verdict, verdict.replace(" ", "-"), MARKS[verdict], sum(row.verdict == verdict for row in rows))
        for verdict in VERDICTS
    ]


def links(evidence: str, run: Run) -> list[tuple[str, Path | str]]:
    """The links of a claim's evidence: the report's title and file, then its figures and tables with their pages."""
    report = evidence.split(",")[0]
    targets = [(run.reports[report].title, run.reports[report].path)] if report in run.reports else []
    figures = re.search(r"Figures? ([\d, and]+)", evidence)
    for digits in re.findall(r"\d+", figures[1]) if figures else []:
        targets.append((f"Figure {digits}", f"figures.html#fig{int(digits):02d}"))
    for digits in re.findall(r"Table (\d)", evidence):
        targets.append((f"Table {digits}", f"tables.html#table{digits}"))
    return targets


def _row(claim, run: Run) -> Row:
    same = {name: getattr(claim, name) for name in ("id", "statement", "paper", "source", "quantity", "verdict")}
    return Row(
        **same,
        **{name: getattr(claim, name) for name in ("scale", "data", "device", "trained_by", "analysed_by")},
        region=_region(claim.region),
        measured=interval(claim.measured, claim.low, claim.high),
        n=0 if pd.isna(claim.n) else int(claim.n),
        reason=claim.reason,
        change=rule_change(claim),
        old_verdict=claim.old_verdict,
        evidence=links(claim.evidence, run),
    )


def _region(text: str) -> str:
    """A region with the signs of print: "≤ 10⁻⁶"."""
    text = re.sub(r"\d\S*e-\d+", lambda match: number(float(match[0])), text)
    return printed(text)
