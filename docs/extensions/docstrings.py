"""Docstrings as this project writes them, "x: (batch, N_1). Returns …", with their parameters as a table."""

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

from docutils import nodes
from sphinx.addnodes import desc_content, desc_sig_name
from sphinx.application import Sphinx

MARKS = re.compile(r"\||_(?![\w{])")  # a substitution's and a link's in reStructuredText, a norm's and an index's here
LITERAL = re.compile(r"[^`]+|(``.*?``)|`", re.DOTALL)
OUTCOME = re.compile(r"(?:^|(?<=[.;] ))(?=(?:Returns|Raises) )")


def fields(paragraph: str, names: Iterable[str]) -> Iterator[str]:
    """A paragraph as lines of a field list, if it says something of one of these parameters, else as it is.

    "x: the input. Returns y." becomes ":param x: the input." and ":returns: y."
    """
    one = "|".join(map(re.escape, names)) or r"\b\B"
    named = re.compile(rf"(?:^|(?<=[.;] ))((?:{one})(?:, (?:{one}))*): ")
    if not named.match(paragraph) and not OUTCOME.match(paragraph):
        yield paragraph
        return
    for sentence in OUTCOME.split(paragraph):
        if OUTCOME.match(sentence):
            kind, said = sentence.split(maxsplit=1)
            yield f":{kind.lower()}: {said}"
            continue
        _, *parts = named.split(sentence)
        for together, said in zip(parts[::2], parts[1::2], strict=True):
            for name in together.split(", "):
                yield f":param {name}: {said.strip().rstrip(';')}"


def itemize(app: Sphinx, what: str, name: str, documented: Any, options: Any, lines: list[str]) -> None:
    """Rewrite a docstring's lines in place."""
    if what not in ("function", "method", "class"):
        return
    try:
        names = [each for each in inspect.signature(documented).parameters if each != "self"]
    except (TypeError, ValueError):  # it has none, as a dictionary's type
        names = []
    text = LITERAL.sub(lambda found: found[1] or MARKS.sub(r"\\\g<0>", found[0]), "\n".join(lines))
    paragraphs = [paragraph.splitlines() for paragraph in text.split("\n\n")]
    lines[:] = [line for paragraph in paragraphs for line in (*_rewritten(paragraph, names), "")]


def _rewritten(paragraph: list[str], names: list[str]) -> list[str]:
    """Its fields if it has any; lists, tables and paragraphs of another kind as they are."""
    for start, line in enumerate(paragraph):
        found = list(fields(" ".join(map(str.strip, paragraph[start:])), names))
        if found[0].startswith(":") and not line.startswith((":", " ")):
            return [*paragraph[:start], "", *found]
    return paragraph


def tabulate_fields(app: Sphinx, document: nodes.document) -> None:
    """Turn Sphinx's list of a function's parameters, "name (type) – meaning", into a table, here and in every page."""
    for field in document.findall(nodes.field):
        name, body = field.children
        content = field.parent.parent
        if name.astext() == "Parameters" and isinstance(content, desc_content):
            rows = [_cells(paragraph) for paragraph in body.findall(nodes.paragraph)]
            signature = [found.astext() for found in content.parent[0].findall(desc_sig_name)]
            rows.sort(key=lambda row: signature.index(row[0][0].astext()))
            body.children = [_table(rows)]


def _cells(paragraph: nodes.paragraph) -> list[list[nodes.Node]]:
    """Name, type and meaning of a parameter, as Sphinx sets them: name, " (", type, ")", " – ", meaning."""
    name, *rest = paragraph.children
    end = next((place for place, node in enumerate(rest) if node.astext() == " – "), len(rest))
    return [[name], [node for node in rest[:end] if node.astext() not in (" (", ")")], rest[end + 1 :]]


def _table(rows: list[list[list[nodes.Node]]]) -> nodes.table:
    """A table with a heading; a column that is empty throughout is left out."""
    used = [column for column in range(3) if any(row[column] for row in rows)]
    heading = [[nodes.Text(("parameter", "type", "meaning")[column])] for column in range(3)]
    group = nodes.tgroup("", *(nodes.colspec() for _ in used), cols=len(used))
    for kind, part in ((nodes.thead, [heading]), (nodes.tbody, rows)):
        lines = [
            nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *row[column])) for column in used)) for row in part
        ]
        group += kind("", *lines)
    return nodes.table("", group, classes=["parameters"])


def skip(app: Sphinx, what: str, name: str, member: Any, skipped: bool, options: Any) -> bool | None:
    """Fields of a named tuple are parameters of it, and stand there."""
    return True if type(member).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect all to autodoc."""
    app.connect("autodoc-process-docstring", itemize)
    app.connect("doctree-read", tabulate_fields)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
