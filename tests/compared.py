"""Comparisons of two runs: results byte for byte, pages by what a reader sees."""

import html
import re

import pandas as pd

TIMED = {"costs.parquet"}  # tables of seconds and bytes: never twice the same
COMMITS = ["trained_by", "analysed_by"]  # columns of claims.csv
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def same_bytes(reference, other, pattern, besides=()):
    """The matching files of both folders, all of which must be alike."""
    names = [sorted(path.relative_to(folder) for path in folder.glob(pattern)) for folder in (reference, other)]
    assert names[0] == names[1] != []
    compared = [name for name in names[0] if name.name not in besides]
    assert [str(name) for name in compared if (reference / name).read_bytes() != (other / name).read_bytes()] == []
    return compared


def same_results(reference, other):
    """The tables and figures of two smoke runs; they and the claims must be alike, except that of costs and commits."""
    tables = same_bytes(reference, other, "results/smoke/*/*.parquet", TIMED)
    figures = same_bytes(reference, other, "figures/smoke/*.*")
    assert len(tables) >= 20 and {path.suffix for path in figures} == {".svg", ".png", ".csv", ".rst"}
    claims = [pd.read_csv(folder / "results" / "smoke" / "claims.csv") for folder in (reference, other)]
    alike = [table[~table["id"].str.startswith("E2")].drop(columns=COMMITS) for table in claims]
    pd.testing.assert_frame_equal(*alike, check_exact=True)
    return tables, figures


def text_of(page):
    """What a reader sees of an HTML page, without its markup and the commit that made the page."""
    shown = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    return re.sub(r"([Aa]nalysed by commit) [^ ,]+", r"\1", " ".join(html.unescape(shown).split()))


def same_text(reference, other):
    """The first words of two texts that differ, or nothing; fractions may differ by one in their last digit.

    That digit is the processor's: one that adds in another order can round to the other side.
    """
    words = [text.split() for text in (reference, other)]
    for place, pair in enumerate(zip(*words, strict=False)):
        plain, numbers = zip(*((NUMBER.sub("#", word), NUMBER.findall(word)) for word in pair), strict=True)
        if plain[0] != plain[1] or not all(map(_alike, *numbers)):
            return tuple(" ".join(text[max(place - 5, 0) : place + 10]) for text in words)
    lengths = [len(text) for text in words]
    return () if lengths[0] == lengths[1] else tuple(" ".join(text[min(lengths) - 5 :][:15]) for text in words)


def _alike(number, other):
    digits = len(number.partition(".")[2])
    if digits != len(other.partition(".")[2]):
        return False
    return abs(float(number) - float(other)) < 1.5 * 10**-digits if digits else number == other
