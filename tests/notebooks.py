"""A notebook's cells, run in this process on the tables in a folder, and what a reader must never meet on its page."""

import re
from pathlib import Path

import nbformat

from replication.report import notebook as host

ROOT = Path(__file__).parents[1]
NOTEBOOKS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}


def said_on(name, folder, figures, monkeypatch):
    """The text that a notebook shows. Figures are drawn, as far as their layout, but not written."""
    shown = []
    monkeypatch.setattr(host, "display", lambda part, **_: shown.append(part))
    monkeypatch.setattr(host, "Markdown", str)
    monkeypatch.setattr(host, "Image", lambda path: "")
    monkeypatch.setattr(host, "save", lambda figure, *_: figure.draw_without_rendering())
    where = {
        "tables": folder,
        "claims": folder / "claims.csv",
        "figures": figures,
        "published": ROOT / "results/published",
    }
    names = {key: str(value) for key, value in where.items()}
    for cell in nbformat.read(NOTEBOOKS[name], as_version=4).cells:
        if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", []):
            exec(cell.source, names)
    return "\n\n".join(shown)


def prose_of(name, folder, monkeypatch):
    """The texts of a notebook: those written in it, and those that it makes of the tables, except captions."""
    monkeypatch.setattr(host.Notebook, "show", lambda *_, **__: None)
    written = [cell.source for cell in nbformat.read(NOTEBOOKS[name], as_version=4).cells if cell.cell_type != "code"]
    return "\n\n".join([*written, said_on(name, folder, folder / "figures", monkeypatch)])


def assert_readable(text):
    """Assert that no missing number stands in a sentence or a table, and that no table is without rows."""
    assert "Answer: " in text
    assert re.findall(r".*\bnan\b.*|.*\bNone\b [^.].*|^\|\s*\|$", text, re.MULTILINE) == []
