"""A figure's words: the docstring of the function that draws it, read without loading what draws."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from replication.experiment import Experiment
from replication.records.io import ArtifactError
from replication.records.notebooks import code_of, figures_of
from replication.records.sources import ROOT

THE_PAPER = ("The paper: ", "Beyond the paper: ")  # how the third paragraph begins
GREEK = {"alpha": "α", "beta": "β", "lambda": "λ", "phi": "φ", "varphi": "φ", "pi": "π", "rho": "ρ"}
SIGNS = GREEK | {"Gamma": "Γ", "Lambda": "Λ", "Phi": "Φ", "ell": "ℓ", "in": "∈", "neq": "≠", "tanh": "tanh "}


@dataclass(frozen=True)
class Caption:
    """The text of a figure: a heading, what it shows, and what the paper has there.

    file, line: of the function that draws it.
    """

    title: str
    shows: str
    paper: str
    file: Path = Path()
    line: int = 0


def caption_of(room: Experiment | str, figure: str) -> Caption:
    """The first three paragraphs of a figure's docstring; room: an experiment, or the full name of its package.

    Raises ArtifactError if there is no such function in its ``figures``, or its docstring says something else.
    """
    package = room if isinstance(room, str) else room.package
    file, function = _functions(package).get(figure, (None, None))
    if function is None:
        raise ArtifactError(f"{package}.figures has no function {figure}")
    docstring = ast.get_docstring(function) or ""
    paragraphs = [" ".join(text.split()) for text in docstring.split("\n\n") if text.strip()]
    if len(paragraphs) < 3 or not paragraphs[2].startswith(THE_PAPER):
        raise ArtifactError(
            f"{package}.figures.{figure}: its docstring has to be a title, what it shows, and what the paper has there "
            f"({' or '.join(repr(start.strip()) for start in THE_PAPER)}), a paragraph each"
        )
    return Caption(paragraphs[0].rstrip("."), *paragraphs[1:3], file, function.lineno)


def rooms_of(notebook: Path) -> dict[str, str]:
    """The figures that a notebook shows, in its order, each with the package in whose ``figures`` its function is.

    Raises ArtifactError for a figure without one among the ``figures`` that the notebook imports.
    """
    packages = list(dict.fromkeys(_figures_imported(code_of(notebook))))
    return {figure: _room(figure, packages, notebook) for figure in figures_of(notebook)}


def room_of(function: Callable) -> str:
    """The package in whose ``figures`` a function is, also of one with some arguments given."""
    whole = function.func if isinstance(function, partial) else function
    return whole.__module__.partition(".figures")[0]


def plain(text: str) -> str:
    """Text without Markdown's and TeX's marks."""
    text = re.sub(r"\\frac\{(.*?)\}\{(.*?)\}", r"\1/\2", text.replace("\\|", "‖"))
    text = re.sub(r"\\([A-Za-z]+)(?: (?=[\w\\]))?", lambda match: SIGNS.get(match[1], ""), text)
    text = re.sub(r"(?<=[_^])\{(.*?)\}|[*$\\{}`]", r"\1", text)
    return re.sub(r"(?<![\w-])-(?=\d)", "−", text)


def as_rst(caption: Caption, measured: str) -> str:
    """A figure's words for Snakemake's report: the title, what came out, what the paper has there.

    Snakemake fills captions as Jinja templates, so no brace may open one.
    """
    text = "\n\n".join(re.sub(r"([\\*`|_])", r"\\\1", part) for part in (caption.title, plain(measured), caption.paper))
    return re.sub(r"{(?=[{%#])", "{{ '{' }}", text) + "\n"


@cache
def _functions(package: str) -> dict[str, tuple[Path, ast.FunctionDef]]:
    """The functions in a package's ``figures``, a module or a package of them, each with its file."""
    folder = ROOT.joinpath(*package.split("."))
    files = [*sorted(folder.glob("figures.py")), *sorted(folder.glob("figures/*.py"))]
    nodes = ((file, node) for file in files for node in ast.parse(file.read_text(encoding="utf-8")).body)
    return {node.name: (file, node) for file, node in nodes if isinstance(node, ast.FunctionDef)}


def _figures_imported(code: ast.Module) -> Iterator[str]:
    """The packages whose ``figures`` are imported by ``from <package> import figures``."""
    for node in ast.walk(code):
        if isinstance(node, ast.ImportFrom) and node.module and any(each.name == "figures" for each in node.names):
            yield node.module


def _room(figure: str, packages: list[str], notebook: Path) -> str:
    rooms = [package for package in packages if figure in _functions(package)]
    if not rooms:
        raise ArtifactError(f"{notebook}: none of the figures that it imports, {packages}, has a function {figure}")
    return rooms[0]
