"""Tables and code of the documentation: what stands in a cell stays in it, and no line of code is cut."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
WIDEST = 110  # signs of code that a page of 1,440 pixels shows


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_no_row_has_more_cells_than_its_head(page):
    """A bar inside code parts a cell, and what is behind the last heading is lost."""
    cells = None
    for line in page.read_text(encoding="utf-8").splitlines():
        bars = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
        cells = bars if bars is None or cells is None else cells
        assert bars == cells, line


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_no_line_of_code_is_wider_than_the_page(page):
    blocks = re.findall(r"^```(.*?)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = [line for kind, block in blocks if not kind.startswith("{") for line in block.splitlines()]
    assert [line for line in lines if len(line) > WIDEST] == []
