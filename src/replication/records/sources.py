"""The source files that a job's result depends on: the import closure of the module that makes it."""

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[2]


def sources(*modules: str) -> list[str]:
    """Files of the given modules and of everything in this project that they import, relative to the working directory.

    Snakemake does not see edits of imported code. These files, as inputs of a rule, make it see them.
    """
    return files_of(imports_of(*modules))


def imports_of(*modules: str) -> set[str]:
    """The given modules and everything in this project that they import, with the packages around them."""
    graph = _graph()
    closure = set(modules).union(*(graph.find_upstream_modules(module) for module in modules))
    return closure | {package for module in closure for package in packages_of(module)}


def files_of(modules: Iterable[str]) -> list[str]:
    """The files of modules, in order."""
    return sorted(_file(module, Path.cwd()) for module in modules)


def packages_of(module: str) -> list[str]:
    """The packages around a module, whose ``__init__`` is run when it is imported."""
    parts = module.split(".")
    return [".".join(parts[:k]) for k in range(1, len(parts))]


def fingerprint(*modules: str, files: Iterable[Path | str] = ()) -> str:
    """Sixteen hexadecimal digits that change with the content of ``sources(*modules)`` and of ``files``.

    Snakemake looks at a file's content only if its time is newer than the result's. Results that were copied here,
    for instance by ``dvc pull``, are newer than any edit before. As a parameter of a rule the fingerprint makes
    Snakemake see the edit all the same.
    """
    digests = [_digest(Path(path)) for path in (*sources(*modules), *files)]
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def imported_by(notebook: Path) -> list[str]:
    """Modules of this project that a notebook imports, by the statements ``from … import …`` of its cells."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    statements = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    names = {f"{node.module}.{each.name}" for node in statements for each in node.names}
    return sorted((names | {node.module for node in statements}) & _graph().modules)


def relative(path: Path, folder: Path | None = None) -> Path:
    """The path relative to the folder, the working directory by default, if it lies below.

    So a run names it alike in every clone.
    """
    folder = folder or Path.cwd()
    return path.relative_to(folder) if path.is_relative_to(folder) else path


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph("replication", "sparcs", cache_dir=None)


@cache
def _file(module: str, folder: Path) -> str:
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return str(relative(path, folder))
