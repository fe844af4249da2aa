"""The source files that a job's result depends on: the import closure of the module that makes it."""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import grimp

from replication.records.notebooks import code_of

ROOT = Path(__file__).resolve().parents[2]
REGISTRY = "replication.experiments"


def sources(*modules: str) -> list[str]:
    """Files of the given modules and of everything in this project that they import, from the working directory."""
    return files_of(imports_of(*modules))


def imports_of(*modules: str) -> set[str]:
    """The given modules and everything in this project that they import, with the packages around them.

    The registry of experiments, and with it what each of them declares, is among them only where it is named: what is
    done for one experiment goes through the registry, but does not depend on the others.
    """
    graph = _graph()
    every = modules
    if REGISTRY in modules:  # it imports the experiments by name, which no parser sees
        every += tuple(room for room in graph.find_children(REGISTRY) if graph.find_children(room))
    closure = set(every).union(*(graph.find_upstream_modules(module) for module in every))
    closure |= {package for module in closure for package in packages_of(module)}
    return closure - {REGISTRY} | ({REGISTRY} & {*modules})


def files_of(modules: Iterable[str], folder: Path | None = None) -> list[str]:
    """The files of modules, in order, relative to the folder, the working directory by default."""
    return sorted(_file(module, folder or Path.cwd()) for module in modules)


def packages_of(module: str) -> list[str]:
    """The packages around a module, whose ``__init__`` is run when it is imported."""
    parts = module.split(".")
    return [".".join(parts[:k]) for k in range(1, len(parts))]


def changes_with(*modules: str, files: Iterable[Path | str] = ()) -> str:
    """Sixteen hexadecimal digits that change with the content of ``sources(*modules)`` and of ``files``.

    Snakemake does not see edits of imported code, nor any of a file that is older than the result, as all are than what
    ``dvc pull`` has copied here. As a parameter of a rule the fingerprint makes it see them.
    """
    digests = [_digest(Path(path)) for path in (*sources(*modules), *files)]
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def imported_by(notebook: Path) -> list[str]:
    """Modules of this project that a notebook imports, by the statements ``from … import …`` of its cells."""
    statements = [node for node in ast.walk(code_of(notebook)) if isinstance(node, ast.ImportFrom)]
    names = {f"{node.module}.{each.name}" for node in statements for each in node.names}
    return sorted((names | {node.module for node in statements}) & _graph().modules)


def templates_of(*modules: str) -> list[str]:
    """The templates of prose beside the given modules and beside everything in this project that they import."""
    folders = {ROOT.joinpath(*package.split(".")) for module in imports_of(*modules) for package in packages_of(module)}
    return sorted(str(relative(path)) for folder in folders for path in folder.glob("*.md.j2"))


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
