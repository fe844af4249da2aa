"""The sources of the site: the folders of one run, and the published claims that stand beside them."""

import hashlib
import html
import re
from base64 import b64decode
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

from replication.account.catalogue import CLAIMS, require_every_claim
from replication.experiment import Experiment
from replication.judging.table import NUMBERS
from replication.judging.table import read_claims as read_verdicts
from replication.judging.verdicts import Measured
from replication.records.io import ArtifactError, read_csv, read_json, read_measures
from replication.report.provenance_text import trained_by

CORE_MINUTES = ["rule", "jobs", "minutes", "core_minutes", "peak_memory_mib", "scale"]
RELIABILITY = ["marker", "subject", "quantity", "value", "machine", "commit", "date"]


@dataclass(frozen=True)
class Run:
    """The places of one run's results.

    tables: folder of tables, settings and records; verdicts: claims.csv; pages: folder of executed notebooks; figures:
    folder of figures; published: results/published; names: of the notebooks, where other pages may be left from before;
    all pages if empty.
    """

    tables: Path
    verdicts: Path
    pages: Path
    figures: Path
    published: Path
    names: tuple[str, ...] = ()

    @cached_property
    def settings(self) -> dict:
        """The paper's settings and the run's."""
        return read_json(self.tables / "settings.json")

    @cached_property
    def provenance(self) -> dict:
        """Commits, machines, times and versions."""
        return read_json(self.tables / "provenance.json")

    def trained_by(self, experiment: Experiment) -> str:
        """The commits and fingerprints of an experiment's trials; empty if it has no record."""
        path = self.tables / experiment.name / "provenance.json"
        return trained_by([read_json(path)]) if path.exists() else ""

    @cached_property
    def claims(self) -> pd.DataFrame:
        """The run's verdicts. Raises ArtifactError if a claim has no row."""
        claims = read_claims(self.verdicts)
        require_every_claim(claims["id"])
        return claims

    @cached_property
    def measured(self) -> dict[str, Measured]:
        """What the claims' functions measure on the run's tables, by the id of the claim or part; nothing without them.

        Raises ArtifactError if a table lacks a column.
        """
        found = {}
        for claim in CLAIMS:
            tables = {name: self.table(name) for name in (*claim.needs, *claim.also)}
            tables = {name: table for name, table in tables.items() if table is not None}
            if claim.measure is None or not set(claim.needs) <= set(tables):
                continue
            try:
                parts = list(claim.measure(tables))
            except KeyError as error:
                raise ArtifactError(f"{self.tables}: {error} is missing in the tables of claim {claim.id}") from None
            found |= {claim.id + part.part if len(parts) > 1 else claim.id: part for part in parts}
        return found

    @cached_property
    def published_claims(self) -> pd.DataFrame:
        """The published verdicts, without rows where there are none or the run is the published one."""
        path = self.published / "claims.csv"
        return read_claims(path) if path.exists() and not self.is_published else self.claims.head(0)

    @cached_property
    def reports(self) -> dict[str, "Report"]:
        """The executed notebooks by name."""
        pages = sorted(self.pages.glob("*.html"))
        return {path.stem: Report(path) for path in pages if path.stem in self.names or not self.names}

    @property
    def missing(self) -> list[str]:
        """The names of the notebooks whose page could not be made."""
        return [name for name in self.names if name not in self.reports]

    @cached_property
    def core_minutes(self) -> pd.DataFrame:
        """The cost of every rule; without rows if it was not counted."""
        path, columns = self.tables / "core_minutes.csv", CORE_MINUTES
        return read_csv(path, columns) if path.exists() else pd.DataFrame(columns=columns)

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """The counts of the tests of reliability when last published; without rows if they never were."""
        path = self.published / "reliability.csv"
        return read_csv(path, RELIABILITY) if path.exists() else pd.DataFrame(columns=RELIABILITY)

    @property
    def is_published(self) -> bool:
        """Whether these are the published tables themselves."""
        return self.tables.resolve() == self.published.resolve()

    def table(self, name: str) -> pd.DataFrame | None:
        """A table of the run, for instance "regression/trials"; None if the run has none."""
        path = self.tables / f"{name}.parquet"
        return read_measures(path) if path.exists() else None

    def figure(self, name: str, kind: str) -> Path | None:
        """A file of a figure, kind "png", "svg" or "csv"; None if it was not drawn."""
        path = self.figures / f"{name}.{kind}"
        return path if path.exists() else None


class Report:
    """An executed notebook's page: its title, and the alternative texts of its pictures."""

    def __init__(self, path: Path):
        self.path = path
        self.name = path.stem

    @cached_property
    def text(self) -> str:
        """The page. Raises ArtifactError if it is no text."""
        try:
            return self.path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{self.path} cannot be read: {error}") from None

    @cached_property
    def title(self) -> str:
        """The notebook's question."""
        match = re.search(r"<title>(.*?)</title>", self.text, flags=re.DOTALL)
        return html.unescape(match[1]).strip() if match else self.name

    @cached_property
    def analysed_by(self) -> str:
        """The commit and fingerprint of what was executed; empty if the page does not name them."""
        match = re.search(r'<meta name="analysed-by" content="(.*?)">', self.text)
        return html.unescape(match[1]) if match else ""

    @cached_property
    def alternative_texts(self) -> dict[str, str]:
        """Alternative text by the SHA-256 of the picture."""
        reader = _Pictures()
        reader.feed(self.text)
        return reader.found


class _Pictures(HTMLParser):
    """Collects the embedded PNGs' alternative texts."""

    START = "data:image/png;base64,"

    def __init__(self):
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember an embedded picture."""
        values = dict(attrs)
        source = values.get("src") or ""
        if tag == "img" and source.startswith(self.START) and values.get("alt"):
            digest = hashlib.sha256(b64decode(source.removeprefix(self.START))).hexdigest()
            self.found[digest] = values["alt"]


def read_claims(path: Path) -> pd.DataFrame:
    """A file of verdicts, with empty text where a column or a cell has none."""
    claims = read_verdicts(path)
    texts = ["statement", "source", "paper", "quantity", "region", "verdict", "reason", "evidence"]
    texts += ["scale", "data", "device", "changed", "old_rule", "old_verdict", "trained_by", "analysed_by"]
    claims = claims.reindex(columns=["id", *texts, *NUMBERS])
    return claims.assign(**claims[texts].astype(object).fillna("").astype(str))
