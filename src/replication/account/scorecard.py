"""README's account of the claims, from claims.csv: the answer in a sentence, and a scorecard with a row for each."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from replication.records.io import ArtifactError
from replication.report.tables import markdown, region_of
from replication.report.text import interval, listing

ANSWERS = {
    "replicated": "replicate",
    "partly": "replicate in part",
    "not replicated": "do not",
    "untested": "are untested",
}
MARKS = {"replicated": "✔", "partly": "◐", "not replicated": "✘", "untested": "○"}


def scorecard(claims: pd.DataFrame, reports: str = "") -> str:
    """Claim, what was measured with its interval, the region that replicates it, n, scale and verdict, as Markdown.

    claims: claims.csv. A claim of several parts is shown by the first part that decides its verdict. An untested one,
    of which none decides, is shown by all parts. reports: the folder of pages to which verdicts link, if any.
    """
    rows = [
        {
            "": f"**{claim.id}**",
            "the paper says": claim.statement,
            "measured [95 % interval]": measured,
            "region": region_of(shown),
            "n": "" if pd.isna(shown.n) or not shown.n else f"{int(shown.n):,}",
            "scale": claim.scale if measured else "",
            "verdict": _verdict(claim, reports),
        }
        for claim, shown, measured in decisive(claims)
    ]
    table = pd.DataFrame(rows)
    return markdown(table.drop(columns="scale") if reports else table)


def _verdict(claim: Any, reports: str) -> str:
    text = f"{MARKS[claim.verdict]} {claim.verdict}"
    return f"[{text}]({reports}/{claim.evidence.split(',')[0]}.html)" if reports else text


def decisive(claims: pd.DataFrame) -> Iterator[tuple[Any, Any, str]]:
    """Each claim's row, the row of the part that decides its verdict (or its own), and what was measured, as text.

    The parts of an untested claim all stand in the text: to choose one would be to judge.
    """
    for claim in claims[~claims["id"].str[-1].str.isalpha()].itertuples():
        parts = claims[claims["id"].str.fullmatch(f"{claim.id}[a-z]") & (claims["verdict"] == claim.verdict)]
        shown = list(parts.itertuples()) or [claim]
        shown = shown if claim.verdict == "untested" else shown[:1]
        quantities = [(part.quantity, interval(part.measured, part.low, part.high)) for part in shown]
        yield claim, shown[0], "; ".join(f"{quantity}: {measured}" for quantity, measured in quantities if measured)


def answer(claims: pd.DataFrame) -> str:
    """The number of claims with each verdict, in one sentence; claims: claims.csv."""
    verdicts = claims.loc[~claims["id"].str[-1].str.isalpha(), "verdict"]
    count = verdicts.value_counts()
    counted = [f"{count[verdict]} {words}" for verdict, words in ANSWERS.items() if verdict in count]
    return f"**Of the paper's {len(verdicts)} claims {listing(counted)}.**"


def with_verdicts(readme: str, claims: pd.DataFrame) -> str:
    """README with the answer and the scorecard of these claims. Raises ArtifactError if it has no place for them."""
    for name, made in (("answer", answer(claims)), ("scorecard", scorecard(claims, "results/published/reports"))):
        start, end = f"<!-- {name}: written by `snakemake publish_pages` -->", f"<!-- end of the {name} -->"
        before, found_start, rest = readme.partition(start)
        _, found_end, after = rest.partition(end)
        if not found_start or not found_end:
            raise ArtifactError(f"the lines {start!r} and {end!r} must stand in the text")
        readme = f"{before}{start}\n{made}\n{end}{after}"
    return readme
