"""The scorecard of README: a row for each claim, from claims.csv."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from sparcs.figures.tables import markdown, region_of
from sparcs.figures.text import interval
from sparcs.files import ArtifactError

START, END = "<!-- scorecard: written by `snakemake publish_pages` -->", "<!-- end of the scorecard -->"
MARKS = {"replicated": "✔", "partly": "◐", "not replicated": "✘", "untested": "○"}


def scorecard(claims: pd.DataFrame) -> str:
    """Claim, what was measured with its interval, the region that replicates it, n, scale and verdict, as Markdown.

    claims: claims.csv. A claim of several parts is shown by the part that decides its verdict, the first of those; an
    untested one, of which none decides, by all of them.
    """
    rows = [
        {
            "": f"**{claim.id}**",
            "the paper says": claim.statement,
            "measured [95 % interval]": measured,
            "region": region_of(shown),
            "n": "" if pd.isna(shown.n) or not shown.n else f"{int(shown.n):,}",
            "scale": claim.scale if measured else "",
            "verdict": f"{MARKS[claim.verdict]} {claim.verdict}",
        }
        for claim, shown, measured in decisive(claims)
    ]
    return markdown(pd.DataFrame(rows))


def decisive(claims: pd.DataFrame) -> Iterator[tuple[Any, Any, str]]:
    """Every claim's row, that of the part that decides its verdict (or itself), and what was measured, as text.

    The parts of an untested claim all stand in the text: to choose one would be to judge.
    """
    for claim in claims[~claims["id"].str[-1].str.isalpha()].itertuples():
        parts = claims[claims["id"].str.fullmatch(f"{claim.id}[a-z]") & (claims["verdict"] == claim.verdict)]
        shown = list(parts.itertuples()) or [claim]
        shown = shown if claim.verdict == "untested" else shown[:1]
        found = [(part.quantity, interval(part.measured, part.low, part.high)) for part in shown]
        yield claim, shown[0], "; ".join(f"{quantity}: {measured}" for quantity, measured in found if measured)


def with_scorecard(text: str, claims: pd.DataFrame) -> str:
    """A text with what stands between START and END replaced by the scorecard. Raises ArtifactError without the two."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ArtifactError(f"the lines {START!r} and {END!r} must stand in the text")
    return f"{before}{START}\n{scorecard(claims)}\n{END}{after}"
