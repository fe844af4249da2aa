"""What a notebook says that it reads and shows: literal arguments in its code cells."""

import ast
import json
from pathlib import Path

from sparcs.io import ArtifactError


def figures_of(notebook: Path) -> list[str]:
    """The figures that a notebook shows, in its order: ``notebook.show("fig07", …)``."""
    return _named_by(notebook, "show")


def tables_of(notebook: Path) -> list[str]:
    """The tables of its run that a notebook reads, each once: ``notebook.table("regression/trials")``."""
    return _named_by(notebook, "table")


def published_by(notebook: Path) -> list[str]:
    """The published tables that a notebook reads, and patterns of them, below results/published and without suffix."""
    return _named_by(notebook, "published", "published_parts")


def code_of(notebook: Path) -> ast.Module:
    """The code cells of a notebook as one module. Raises ArtifactError if the file is no notebook of Python."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        return ast.parse("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))
    except (OSError, ValueError, KeyError, TypeError, SyntaxError) as error:
        raise ArtifactError(f"{notebook} is not a notebook of Python: {type(error).__name__}: {error}") from error


def _named_by(notebook: Path, *methods: str) -> list[str]:
    """The first arguments of these methods of ``notebook``. Raises ArtifactError unless all are literals."""
    calls = [node for node in ast.walk(code_of(notebook)) if isinstance(node, ast.Call) and _calls(node, methods)]
    names = []
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        first = call.args[0] if call.args else None
        if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
            raise ArtifactError(f"{notebook}: {ast.unparse(call)}: its first argument must be a name in quotes")
        names.append(first.value)
    return list(dict.fromkeys(names))


def _calls(call: ast.Call, methods: tuple[str, ...]) -> bool:
    function = call.func
    is_method = isinstance(function, ast.Attribute) and function.attr in methods
    return is_method and isinstance(function.value, ast.Name) and function.value.id == "notebook"
