"""One vocabulary for verdicts, wherever they are said: terminal, README, site, reports, documentation."""

import re
from pathlib import Path

import pandas as pd

from replication.account.scorecard import MARKS, count, scorecard
from replication.judging.verdicts import SEVERITY
from replication.report.pages import OWN_TAG
from replication.report.tables import VERDICTS, verdict
from snakemake_logger_plugin_sparcs import display

ROOT = Path(__file__).parents[2]
WORDS = ("replicated", "partly", "inconclusive", "not replicated", "untested")
OTHER_WORDS = re.compile(
    r"\b(?:partially|partly) (?:confirmed|supported|reproduced)|\bnot (?:reproduced|confirmed|supported)\b"
    r"|\b(?:does|do|did) not replicate\b|\breplicates?\b|\bfail(?:s|ed)? to replicate\b|\bundecided\b",
    re.IGNORECASE,
)


def test_every_list_of_verdicts_has_the_five_words():
    assert tuple(VERDICTS) == tuple(display.VERDICTS) == tuple(MARKS) == WORDS
    assert set(SEVERITY) == set(WORDS)
    published = pd.read_csv(ROOT / "results/published/claims.csv")
    assert {*published["verdict"], *published["old_verdict"].dropna()} <= set(WORDS)


def test_the_answer_and_the_scorecard_say_them():
    claims = pd.read_csv(ROOT / "results/published/claims.csv")
    counted = re.findall(r"\d+ (?:is|are) (partly replicated|not replicated|\w+)", count(claims))
    assert {word.removesuffix(" replicated") if word.startswith("partly") else word for word in counted} <= set(WORDS)
    last = [row.rsplit(" | ", 1)[1] for row in scorecard(claims).splitlines()[2:]]
    assert {re.sub(r"^\[?\S |\].*|\s*\|$", "", cell) for cell in last} <= set(WORDS)


def test_reports_mark_them_for_the_style_sheet():
    assert all(OWN_TAG.match(verdict(word)) and f">{word}<" in verdict(word) for word in WORDS)


def test_pages_say_no_verdict_in_other_words():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "src/replication/site").rglob("*.html")]
    for page in pages:
        assert not OTHER_WORDS.search(page.read_text(encoding="utf-8")), page


def test_the_documentation_explains_each():
    table = (ROOT / "docs/claims.md").read_text(encoding="utf-8").split("## The five verdicts")[1].split("##")[0]
    assert re.findall(r"^\| ([a-z][a-z ]+?) \|", table, re.MULTILINE)[1:] == list(WORDS)
