"""The fingerprint of a job: its resolved settings and the sources of its numerics, and nothing else.

Counts of trials, other ensembles, the scale and the device are not part of it; neither are settings classes, commands,
I/O and reports, which the function that trains does not import.
"""

import ast
import hashlib
import json
import tokenize
from collections.abc import Iterator
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from replication.experiment import Experiment, Job, Stage
from replication.records.sources import files_of, imports_of

LEGACY = "legacy"  # of rows published before there were fingerprints


def fingerprint(experiment: Experiment, stage: Stage, job: Job, root_seed: int) -> str:
    """Sixteen hexadecimal digits that change with what a job's results depend on."""
    data = job.data.settings if job.data else {}
    modules = {experiment.module(stage.train), *job.modules, *(job.data.modules if job.data else ())}
    function = stage.train.partition(":")[2]  # which of its module's
    before = [  # with their trials, since tables of other jobs are taken whole
        [fingerprint(experiment, experiment.stage(name), other, root_seed), other.keys, other.trials]
        for name, other in job.after
    ]
    parts = [experiment.seed_name_of(stage), root_seed, function, job.settings, data, before]
    parts.append(numerics(*sorted(modules)))
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def jobs_of(experiment: Experiment, run: Any, *stages: Stage) -> Iterator[tuple[Stage, Job, str]]:
    """An experiment's jobs, of these stages or all, with the fingerprints that they have in this checkout."""
    for stage in stages or experiment.stages:
        for job in stage.jobs(run):
            yield stage, job, fingerprint(experiment, stage, job, run.root_seed)


@cache
def numerics(*modules: str) -> str:
    """What changes with the statements of the given modules, and of those of this project that they import."""
    return hashlib.sha256("".join(map(digest, files(*modules))).encode()).hexdigest()


@cache
def files(*modules: str) -> list[str]:
    """The files of the given modules, and of those of this project that they import."""
    return files_of(name for name in imports_of(*modules) if not declares(name))


@cache
def digest(file: str) -> str:
    """What changes with the statements of a file."""
    return hashlib.sha256(code(source(file)).encode()).hexdigest()


def source(file: str) -> str:
    """The text of a file."""
    return Path(file).read_text(encoding="utf-8")


def declares(module: str) -> bool:
    """Whether a module is the package of an experiment, or of all: those only declare, and compute nothing."""
    return module.startswith("replication.experiments") and module.count(".") <= 2


def code(text: str) -> str:
    """A module's statements, without comments, docstrings and empty lines; the same in every version of Python."""
    tree, lines = ast.parse(text), text.split("\n")  # only these end a line for Python: a form feed doesn't
    for token in tokenize.generate_tokens(StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr)]
    inside = {row for node in texts for row in range(node.lineno - 1, node.end_lineno - 1)}  # white space counts there
    for docstring in filter(None, map(_docstring, ast.walk(tree))):
        start, end = docstring.lineno - 1, docstring.end_lineno
        around = lines[start].encode()[: docstring.col_offset] + lines[end - 1].encode()[docstring.end_col_offset :]
        if not around.strip():  # else a statement stands beside it
            lines[start:end] = [""] * (end - start)
            inside -= {*range(start, end)}
    kept = (line if row in inside else line.rstrip() for row, line in enumerate(lines) if line.strip() or row in inside)
    return "\n".join(kept)


def _docstring(node: ast.AST) -> ast.Expr | None:
    """The statement that is a node's docstring, if it stands on lines of its own."""
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not node.body:
        return None
    first = node.body[0]
    is_text = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return first if is_text and first.lineno > getattr(node, "lineno", 0) else None
