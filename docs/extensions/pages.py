"""Pages of the documentation with computed parts: {{ … }} is filled in from this project's own tables."""

from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined
from sphinx.application import Sphinx

from replication.account.describe import reference
from replication.account.provenance_text import claim_of
from replication.account.scorecard import whole
from replication.judging.statistics import mean_interval
from replication.judging.table import read_claims
from replication.params.loading import read_yaml
from replication.records.io import read_json, read_table
from replication.report.tables import VERDICTS, markdown
from replication.report.text import interval, listing, number

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results/published"
PARTS = {"A": "theory", "C": "theory", **{letter: f"experiment {k}" for k, letter in enumerate("BDEF", start=1)}}
OTHERS = "strengths, other methods"  # G


def filled(text: str) -> str:
    """The text with its computed parts."""
    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(text)
    return template.render(parameters=parameters, summary=Summary)


def parameters() -> str:
    """Every field of params.yaml."""
    return reference(read_yaml(ROOT / "params.yaml"))


class Summary:
    """The published numbers that the reproducibility summary shows."""

    def __init__(self) -> None:
        self._claims = read_claims(PUBLISHED / "claims.csv").set_index("id")
        self.papers, _ = whole(self._claims.reset_index())
        record = read_json(PUBLISHED / "provenance.json")
        self.trials = f"{record['trials']:,}"
        self.core_hours = number(record["core_minutes"] / 60)
        self.networks = f"{self._claims.loc['B3', 'n']:,.0f}"

    def count(self, verdict: str) -> int:
        """The paper's claims with a verdict."""
        return int((self.papers["verdict"] == verdict).sum())

    def verdicts(self) -> str:
        """Parts of the paper by verdict: the claims' ids."""
        parts = self.papers["id"].str[0].map(PARTS).fillna(OTHERS)
        rows = [
            {"part": part} | {verdict: listing(list(of["id"][of["verdict"] == verdict])) for verdict in VERDICTS}
            for part, of in self.papers.groupby(parts, sort=False)
        ]
        return markdown(pd.DataFrame(rows).replace("none", ""))

    def measured(self, *names: str) -> str:
        """Claims or parts of them: what was measured with its interval, the region and n."""
        rows = [
            {
                "claim": claim_of(name),
                "quantity": row.quantity,
                "measured [95 % interval]": interval(row.measured, row.low, row.high),
                "region": row.region.replace("<=", "≤").replace(">=", "≥").replace("-", "−"),
                "n": f"{row.n:,.0f}",
            }
            for name, row in self._claims.loc[list(names)].iterrows()
        ]
        return markdown(pd.DataFrame(rows))

    def gain(self, head: str) -> str:
        """Points of test accuracy that a head gains over the linear one with the same seed, with the interval."""
        accuracy = read_table(PUBLISHED / "cifar10/trials.parquet").pivot(
            index="trial", columns="head", values="test_accuracy"
        )
        return interval(*mean_interval((accuracy[head] - accuracy["linear"]).dropna()))


def fill(app: Sphinx, page: str, source: list[str]) -> None:
    """Fill a page in as Sphinx reads it."""
    source[0] = filled(source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect it to Sphinx."""
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
