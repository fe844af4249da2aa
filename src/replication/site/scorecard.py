"""The scorecard: a row per claim, its parts below it, and the published verdict beside what was not tested."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from replication.account.provenance_text import claim_of
from replication.account.scorecard import MARKS
from replication.report.tables import VERDICTS, printed, rule_change
from replication.report.text import interval
from replication.site.gallery import Group, Picture
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
    pictures: list[Picture] = field(default_factory=list)
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


def scorecard(run: Run, groups: list[Group]) -> list[Row]:
    """All claims in the paper's order with their parts; an untested one has its published verdict, if there is one."""
    shown = {picture.name: picture for group in groups for picture in group.pictures}
    rows = with_parts(run.claims, run, shown)
    published = {row.id: row for row in with_parts(run.published_claims, run, shown)}
    return [
        Row(**{**vars(row), "published": published.get(row.id) if row.verdict == "untested" else None}) for row in rows
    ]


def with_parts(claims: pd.DataFrame, run: Run, shown: Mapping[str, Picture]) -> list[Row]:
    """The claims of a table, each with its parts; shown: the figures of the gallery by name."""
    rows = [_row(claim, run, shown) for claim in claims.itertuples()]
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


def links(report: str, pictures: list[Picture], tables: list[str], run: Run) -> list[tuple[str, Path | str]]:
    """The links of a claim's evidence: the report's title and file, then its figures and tables with their pages."""
    targets = [(run.reports[report].title, run.reports[report].path)] if report in run.reports else []
    targets += [(picture.short_title, f"figures.html#{picture.name}") for picture in pictures]
    return targets + [(table, f"tables.html#{table.replace(' ', '').lower()}") for table in tables]


def _row(claim, run: Run, shown: Mapping[str, Picture]) -> Row:
    report, *named = claim.evidence.split(", ")
    pictures = [shown[name] for name in named if name in shown]
    same = {name: getattr(claim, name) for name in ("id", "statement", "paper", "source", "quantity", "verdict")}
    return Row(
        **same,
        **{name: getattr(claim, name) for name in ("scale", "data", "device", "trained_by", "analysed_by")},
        region=printed(claim.region),
        measured=interval(claim.measured, claim.low, claim.high),
        n=0 if pd.isna(claim.n) else int(claim.n),
        reason=claim.reason,
        change=rule_change(claim),
        old_verdict=claim.old_verdict,
        evidence=links(report, pictures, [name for name in named if name.startswith("Table")], run),
        pictures=pictures,
    )
