"""README's account of the claims, from claims.csv: the answer in a sentence, and a scorecard with a row for each."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from replication.records.io import ArtifactError
from replication.report.tables import VERDICTS, markdown, printed, region_of
from replication.report.text import counted, interval, listing

DECIDED = ("replicated", "not replicated")  # what README counts first
SAID = {"partly": "partly replicated"}  # verdicts that are no predicate as they are
SCALES = (
    "*Scale:* `laptop` is the default run, for a reader's machine. `overnight` has more trials, those of the published "
    "results. `paper` has the paper's sizes. Where two stand, a claim's trials come from both."
)
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


def answer(claims: pd.DataFrame) -> str:
    """The number of claims with each verdict, in sentences for the paper's and for others; claims: claims.csv."""
    papers, beyond = whole(claims)
    said = _counts(papers, f"Of the paper's {counted(len(papers), 'claim')}")
    more = _counts(beyond, f"Of {counted(len(beyond), 'claim')} beyond it") if len(beyond) else ""
    return f"**{said}** {more}".rstrip()


def _counts(claims: pd.DataFrame, these: str) -> str:
    """A sentence that counts the claims that are decided, and one for the others."""
    count = claims["verdict"].value_counts()
    others = [verdict for verdict in VERDICTS if verdict not in DECIDED]
    counts = [
        listing([f"{count[name]} {'is' if count[name] == 1 else 'are'} {SAID.get(name, name)}" for name in part])
        for part in ([name for name in names if name in count] for names in (DECIDED, others))
        if part
    ]
    return " ".join(f"{begin} {each}." for begin, each in zip((these, "Of the others"), counts, strict=False))


def with_verdicts(readme: str, claims: pd.DataFrame) -> str:
    """README with the answer and the scorecard of these claims. Raises ArtifactError if it has no place for them."""
    verdicts = scorecard(claims, "results/published/site/claims", scale=False)
    for name, made in (("answer", answer(claims)), ("scorecard", verdicts)):
        start, end = f"<!-- {name}: written by `snakemake publish_pages` -->", f"<!-- end of the {name} -->"
        before, found_start, rest = readme.partition(start)
        _, found_end, after = rest.partition(end)
        if not found_start or not found_end:
            raise ArtifactError(f"the lines {start!r} and {end!r} must stand in the text")
        readme = f"{before}{start}\n{made}\n{end}{after}"
    return readme


def sweep_note(claims: pd.DataFrame, run: Mapping, paper: Mapping) -> str:
    """That a part of G1 rests on shorter trainings than the paper's and is judged all the same; empty if it is not."""
    judged = claims.loc[claims["id"] == "G1c", "verdict"].ne("untested").any()
    epochs, full = run["cifar10"].get("sweep", {}).get("epochs", 0), paper["cifar10"]["training"]["epochs"]
    if not judged or epochs >= full:
        return ""
    return f"The sweep of G1 has {epochs} epochs of the paper's {full}; it is judged all the same."


def rules_changed(claims: pd.DataFrame) -> str:
    """What was judged by another rule first: a table of both rules with their verdicts, and which verdicts moved.

    A claim of several parts has a row of its own, with the parts that its old verdict was the worst of.
    """
    claims = claims.assign(quantity=claims["quantity"].fillna(""))
    changed = claims.dropna(subset=["changed"]).fillna({"old_verdict": ""})
    if changed.empty:
        return "No rule that was changed bears on these claims."
    whole_claims = changed[~changed["id"].str[-1].str.isalpha()]
    moved = [
        f"{claim.id} from {claim.old_verdict} to {claim.verdict}"
        for claim in whole_claims.itertuples()
        if claim.old_verdict != claim.verdict
    ]
    rows = [
        {
            "": f"**{row.id}**",
            "judged now: quantity, region": f"{row.quantity}, {region_of(row)}" if row.quantity else "its worst part",
            "verdict": _with_measured(row.verdict, row.measured, row.low, row.high),
            "old rule": _old_rule(row, claims),
            "old verdict": _with_measured(row.old_verdict, row.old_measured, row.old_low, row.old_high),
            "changed, and why": row.changed,
        }
        for row in changed.itertuples()
    ]
    return f"Verdicts that moved: {listing(moved)}.\n\n{markdown(pd.DataFrame(rows))}"


def _old_rule(row: Any, claims: pd.DataFrame) -> str:
    """The rule by which a row was judged first; of a claim of several parts, those that it rested on."""
    if not row.old_verdict:
        return "not judged"
    if row.quantity:
        return printed(row.old_rule)
    parts = claims[claims["id"].str.fullmatch(f"{row.id}[a-z]")]
    judged = parts[parts["changed"].isna() | parts["old_verdict"].fillna("").ne("")]
    alone = " alone" * (len(judged) < len(parts))
    return f"the worst of {listing(list(judged['id']))}{alone}, each by its old rule"


def _with_measured(verdict: str, measured: float, low: float, high: float) -> str:
    said = interval(measured, low, high)
    return f"{verdict}: {said}" if verdict and said else verdict
