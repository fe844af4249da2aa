"""Docstrings as this project writes them, "x: (batch, N_1). Returns …", with their parameters as a table."""

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.addnodes import desc_content, desc_sig_name, desc_signature
from sphinx.application import Sphinx
from sphinx.util.typing import stringify_annotation

MARKS = re.compile(r"\||_(?![\w{])")  # a substitution's and a link's in reStructuredText, a norm's and an index's here
LITERAL = re.compile(r"[^`]+|(``.*?``)|`", re.DOTALL)
OUTCOME = re.compile(r"(?:^|(?<=[.;] ))(?=(?:Returns|Raises) )")
ORDER = ("Parameters", "Returns", "Yields", "Return type", "Raises")
SHARED = {  # what a parameter of this name is wherever a docstring says nothing of it
    "phi": "φ_1 … φ_B, each (…, N_{k+1}, N_k)",
    "lam": "λ_1 … λ_ℓ, each (…, N_k)",
    "epochs": "passes over the training points",
    "batch_size": "points of an optimiser step",
    "learning_rate": "Adam's step size",
    "train_input_eigenvalues": "train λ_1 too; otherwise it is 0",
    "trial_seeds": "one for each trial",
    "training": "how each network is trained",
    "on_epoch": "called with the number of epochs that were done since the last call",
    "bias": "append a neuron fixed at 1 to the input layer",
    "activation": "f, elementwise",
    "device": "where it trains",
    "dtype": "of the parameters",
    "graph": "a network's bundles and biases",
    "f": "f of an array, elementwise",
    "root": "the seed of all trials, in ``params.yaml``",
    "experiment": "its name",
    "data_set": "its name",
    "trial": "its number",
    "seed": "that of a trial",
}


def fields(paragraph: str, names: Iterable[str]) -> Iterator[str]:
    """A paragraph as what it says in general, and as lines of a field list, if it says something of parameters.

    "x: the input. Returns y." becomes ":param x: the input." and ":returns: y."
    """
    one = "|".join(map(re.escape, names)) or r"\b\B"
    named = re.compile(rf"(?:^|(?<=[.;] ))((?:{one})(?:, (?:{one}))*): ")
    for sentences in OUTCOME.split(paragraph):
        if OUTCOME.match(sentences):
            kind, said = sentences.split(maxsplit=1)
            yield f":{kind.lower()}: {said.strip()}"
            continue
        general, *parts = named.split(sentences)
        if general.strip():
            yield general.strip()
        for together, said in zip(parts[::2], parts[1::2], strict=True):
            said = said.strip().rstrip(";")
            said = said.rstrip(".") if len(said) == 2 else said  # one letter and a stop would begin a list
            yield from (f":param {name}: {said}" for name in together.split(", "))


def itemize(app: Sphinx, what: str, name: str, documented: Any, options: Any, lines: list[str]) -> None:
    """Rewrite a docstring's lines in place: first what they say in general, then one list of fields."""
    if what not in ("function", "method", "class"):
        return
    try:
        names = [each for each in inspect.signature(documented).parameters if each != "self"]
    except (TypeError, ValueError):  # it has none, as a dictionary's type
        names = []
    text = LITERAL.sub(lambda found: found[1] or MARKS.sub(r"\\\g<0>", found[0]), "\n".join(lines))
    general: list[str] = []
    listed: list[str] = []
    for paragraph in text.split("\n\n"):
        said, of_parameters = _parted(paragraph.splitlines(), names)
        general += [*said, ""] if said else []
        listed += of_parameters
    known = {found[1] for line in listed if (found := re.match(r":param \**(\w+):", line))}
    listed += [f":param {each}: {SHARED[each]}" for each in names if each not in known and each in SHARED]
    lines[:] = [*general, *listed, ""]


def _parted(paragraph: list[str], names: list[str]) -> tuple[list[str], list[str]]:
    """What a paragraph says in general, and its fields: from the first line on that begins with one."""
    if paragraph and paragraph[0].startswith(":"):  # a list of fields already
        return [], paragraph
    for start, line in enumerate(paragraph):
        found = list(fields(" ".join(map(str.strip, paragraph[start:])), names))
        if not line.startswith(" ") and (found[0].startswith(":") or (start == 0 and len(found) > 1)):
            said = [each for each in found if not each.startswith(":")]
            return [*paragraph[:start], *said], [each for each in found if each.startswith(":")]
    return paragraph, []


def correct_types(app: Sphinx, domain: str, kind: str, content: desc_content) -> None:
    """Types of a class's parameters are its constructor's, not those of attributes of the same names; Array is one."""
    signature = content.parent[0]
    module, path = signature.get("module"), signature.get("fullname")
    types = app.env.current_document.autodoc_annotations.get(f"{module}.{path}")
    if domain != "py" or not types:
        return
    documented: Any = import_module(module)
    for part in path.split("."):
        documented = getattr(documented, part)
    if kind == "class" and inspect.isfunction(documented.__init__):
        given = inspect.signature(documented.__init__).parameters.values()
        types |= {each.name: stringify_annotation(each.annotation, "smart") for each in given if each.name in types}
    if vars(sys.modules[module]).get("Array") is Any:  # the module's name of NumPy's and PyTorch's arrays
        types |= {name: written.replace("~typing.Any", "Array") for name, written in types.items()}
    if types.get("return") == "None":
        del types["return"]


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
    for listed in document.findall(nodes.field_list):
        if isinstance(listed.parent, desc_content) and isinstance(listed.parent.parent[0], desc_signature):
            listed.children.sort(key=lambda field: ORDER.index(field[0].astext()))


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
    app.connect("object-description-transform", correct_types, priority=400)  # before types are set into the lists
    app.connect("doctree-read", tabulate_fields)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
