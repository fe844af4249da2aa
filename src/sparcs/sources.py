"""Which source files a job's result depends on: the import closure of the module that makes it."""

from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]


def sources(*modules: str) -> list[str]:
    """Files of the given modules and of everything in ``sparcs`` that they import, relative to the working directory.

    Snakemake does not see edits of imported code; as inputs of a rule these files make it see them.
    """
    graph = _graph()
    closure = set(modules).union(*(graph.find_upstream_modules(module) for module in modules))
    return sorted(_file(module) for module in closure)


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph("sparcs", cache_dir=None)


def _file(module: str) -> str:
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
