"""The house rule of language: its splitter, and what it finds."""

import runpy
from pathlib import Path

import pytest

from language import faults, sentences

ROOT = Path(__file__).parents[2]
FILLED = runpy.run_path(str(ROOT / "docs/extensions/pages.py"))["filled"]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_keep_the_house_rule(page):
    text = page.read_text(encoding="utf-8")
    text = FILLED(text) if page.parent.name == "docs" else text
    assert not [(sentence, found) for sentence in sentences(text) if (found := faults(sentence))]


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("R² is 0.5. It has n = 3.", ["R² is 0.5.", "It has n = 3."]),
        ("Of others, e.g. By name, i.e. Theirs.", ["Of others, e.g. By name, i.e. Theirs."]),
        ("**Figure 7.** The norm\nrises. (It does.) So", ["Figure 7.", "The norm rises.", "(It does.)", "So"]),
        ("# A title\n- one\n- two\n\n1. three", ["A title", "one", "two", "three"]),
        ("| a | b |\n|---|---|\n| 1. A | 2 |\n\nText.", ["Text."]),
        ("```sh\nsnakemake. All\n```\nRun `python -m a`. Then\n$$a = 1. B$$\nwait.", ["Run code.", "Then", "wait."]),
        ("At $\\alpha = 0.5$ it is so. $\\beta$ is not.", ["At formula it is so.", "formula is not."]),
        ("The paper says “no. It is 5 but for 6.” And [so on](https://a.b/c_d.md).",
         ["The paper says quotation.", "And so on."]),
        ("> **Only an example.** Not *tested*: <span class='x'>B1</span>.", ["Only an example.", "Not tested: B1."]),
        ("<!-- a\n\nb. C -->See <https://a.b>.", ["See address."]),
        ("It keeps W_21 and _that_ one.", ["It keeps W_21 and that one."]),
        ("", []),
    ],
)  # fmt: skip
def test_a_text_is_split_into_what_a_reader_reads(markdown, expected):
    assert sentences(markdown) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        " ".join(["word"] * 25),
        "It gains 2.4 points [1.1, 3.6] in Table 3 and Figures 7 and 10 by (4.3) on CIFAR-10.",
        "R² is 0.9998 of 99.95 %, at 2.5 × 10⁻⁵.",
        "All 4,004 networks of 2026 fit, as on 2026-11-29.",
        "It is more than 12,000 times as large, or 999 times.",
        "The weight W_21 is 10⁻⁶.",
        "The loss rises by 41,000 %.",
        "It ran on Linux x86_64.",
        "Python 3.11 runs layer 2 of arXiv:2504.00885.",
    ],
)
def test_a_good_sentence_has_no_fault(sentence):
    assert faults(sentence) == []


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        (" ".join(["word"] * 26), "26 words"),
        ("It is 1, 2, 3 and 10⁻⁴.", "4 numbers"),
        ("It is 0.1234.", "0.1234: more than 3 significant digits"),
        ("It is −1,234.5.", "−1,234.5: more than 3 significant digits"),
        ("R² is 0.8998.", "0.8998: more than 3 significant digits"),
        ("All fit but for one.", "“but for”: “except”"),
        ("It starts From nothing.", "“from nothing”: “from scratch”"),
        ("With l2_squared it is small.", "l2_squared: an identifier"),
        ("Call compact() first.", "compact(): an identifier"),
        ("See params.yaml too.", "params.yaml: an identifier"),
        ("It is 1,200 times as large.", "1,200: a ratio above 1,000 without “more than”"),
        ("It is 1,200× as large.", "1,200: a ratio above 1,000 without “more than”"),
        ("It rises by 1,200,000 %.", "1,200,000: a ratio above 1,000 without “more than”"),
    ],
)
def test_a_fault_is_named(sentence, fault):
    assert fault in faults(sentence)
