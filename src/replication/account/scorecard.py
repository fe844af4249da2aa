"""The account of the claims, from claims.csv: counted by verdict, a scorecard with a row for each, changed rules."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from replication.records.io import ArtifactError
from replication.report.prose import by_verdict
from replication.report.tables import markdown, printed, region_of
from replication.report.template import sections
from replication.report.text import interval

MARKS = {"replicated": "✔", "partly": "◐", "inconclusive": "≈", "not replicated": "✘", "untested": "○"}


def scorecard(claims: pd.DataFrame, pages: str = "../site/claims", scale: bool = True) -> str:
    """Claim, what was measured with its interval, the region that replicates it, n, scale and verdict, as Markdown.

    claims: claims.csv. A claim of several parts is shown by the first part that decides its verdict. An untested one,
    of which none decides, is shown by all parts. pages: the folder of the claims' pages, to which verdicts link;
    scale: whether it has that column.
    """
    rows = [
        {
            "": f"**{claim.id}**",
            "the paper says": claim.statement if claim.paper else f"(beyond the paper) {claim.statement}",
            "measured [95 % interval]": measured,
            "region": region_of(shown),
            "n": "" if pd.isna(shown.n) or not shown.n else f"{int(shown.n):,}",
            "scale": claim.scale if measured else "",
            "verdict": f"[{MARKS[claim.verdict]} {claim.verdict}]({pages}/{claim.id}.html)",
        }
        for claim, shown, measured in decisive(claims)
    ]
    table = pd.DataFrame(rows)
    return markdown(table if scale else table.drop(columns="scale"))


def decisive(claims: pd.DataFrame) -> Iterator[tuple[Any, Any, str]]:
    """Each claim's row, the row of the part that decides its verdict (or its own), and what was measured, as text.

    The parts of an untested claim all stand in the text: to choose one would be to judge.
    """
    claims = claims.assign(paper=claims["paper"].fillna(""))
    for claim in claims[~claims["id"].str[-1].str.isalpha()].itertuples():
        parts = claims[claims["id"].str.fullmatch(f"{claim.id}[a-z]") & (claims["verdict"] == claim.verdict)]
        shown = list(parts.itertuples()) or [claim]
        shown = shown if claim.verdict == "untested" else shown[:1]
        quantities = [(part.quantity, interval(part.measured, part.low, part.high)) for part in shown]
        yield claim, shown[0], "; ".join(f"{quantity}: {measured}" for quantity, measured in quantities if measured)


def whole(claims: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the paper's claims, and of those beyond it, on which it says nothing; without their parts."""
    claims = claims[~claims["id"].str[-1].str.isalpha()]
    papers = claims["paper"].fillna("") != ""
    return claims[papers], claims[~papers]


def verdicts(claims: pd.DataFrame) -> dict[str, dict[str, list[str]]]:
    """The ids of the paper's claims and of those beyond it by verdict; claims: claims.csv."""
    papers, beyond = whole(claims)
    return {"papers": by_verdict(papers), "beyond": by_verdict(beyond)}


def count(claims: pd.DataFrame) -> str:
    """README's answer: the number of claims with each verdict."""
    return sections(__package__).count(**verdicts(claims)).strip()


def with_verdicts(readme: str, claims: pd.DataFrame) -> str:
    """README with the answer and the scorecard of these claims. Raises ArtifactError if it has no place for them."""
    rows = scorecard(claims, "results/published/site/claims", scale=False)
    for name, made in (("answer", count(claims)), ("scorecard", rows)):
        start, end = f"<!-- {name}: written by `snakemake publish_pages` -->", f"<!-- end of the {name} -->"
        before, found_start, rest = readme.partition(start)
        _, found_end, after = rest.partition(end)
        if not found_start or not found_end:
            raise ArtifactError(f"the lines {start!r} and {end!r} must stand in the text")
        readme = f"{before}{start}\n{made}\n{end}{after}"
    return readme


def shorter_sweep(claims: pd.DataFrame, run: Mapping, paper: Mapping) -> dict:
    """The epochs of the trainings that a part of G1 rests on, beside the paper's, and whether it is judged."""
    return {
        "judged": bool(claims.loc[claims["id"] == "G1c", "verdict"].ne("untested").any()),
        "epochs": run["cifar10"].get("sweep", {}).get("epochs", 0),
        "papers": paper["cifar10"]["training"]["epochs"],
    }


def rules_changed(claims: pd.DataFrame) -> dict:
    """What was judged by another rule first: both rules with their verdicts, and which claims' verdicts moved.

    A claim of several parts has a row of its own, with the parts that its old verdict was the worst of.
    """
    claims = claims.assign(quantity=claims["quantity"].fillna(""))
    changed = claims.dropna(subset=["changed"]).fillna({"old_verdict": ""})
    moved = changed[(changed["old_verdict"] != changed["verdict"]) & ~changed["id"].str[-1].str.isalpha()]
    return {
        "moved": {claim.id: (claim.old_verdict, claim.verdict) for claim in moved.itertuples()},
        "rows": [_changed(row, claims) for row in changed.itertuples()],
    }


def _changed(row: Any, claims: pd.DataFrame) -> dict:
    """A row that is judged by another rule than at first. alone: whether its old verdict rested on some parts alone."""
    parts = claims[claims["id"].str.fullmatch(f"{row.id}[a-z]")]
    judged = parts[parts["changed"].isna() | parts["old_verdict"].fillna("").ne("")]
    return {
        **{name: getattr(row, name) for name in ("id", "quantity", "verdict", "old_verdict", "changed")},
        "region": region_of(row),
        "measured": interval(row.measured, row.low, row.high),
        "old_rule": printed(row.old_rule) if isinstance(row.old_rule, str) else "",
        "old_measured": interval(row.old_measured, row.old_low, row.old_high),
        "parts": list(judged["id"]),
        "alone": len(judged) < len(parts),
    }
