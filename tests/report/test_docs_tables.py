"""Tables of the documentation: what stands in a cell stays in it."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_no_row_has_more_cells_than_its_head(page):
    """A bar inside code parts a cell, and what is behind the last heading is lost."""
    cells = None
    for line in page.read_text(encoding="utf-8").splitlines():
        bars = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
        cells = bars if bars is None or cells is None else cells
        assert bars == cells, line
