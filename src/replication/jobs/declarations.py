"""Whether what the experiments declare is there, asked before anything is run."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from replication.experiment import Experiment
from replication.params.loading import ParameterError, shown
from replication.records.notebooks import tables_of

ROOMS = Path(__file__).parents[1] / "experiments"


def require_declared(experiments: Mapping[str, Experiment], notebooks: Path) -> None:
    """Raise ParameterError, naming file and field, for the first declaration that does not fit. notebooks: a folder."""
    rules: dict[str, str] = {}
    every = {f"{name}/{table}" for name, experiment in experiments.items() for table in experiment.tables}
    for name, experiment in experiments.items():
        where = f"src/replication/experiments/{name}/__init__.py"
        if experiment.name != name:
            raise ParameterError(f"{where}: name = {shown(experiment.name)}: allowed is its folder's, {name}")
        for field, path in _functions(experiment):
            module, _, function = path.partition(":")
            file = ROOMS / name / f"{module.replace('.', '/')}.py"
            file = file if file.exists() else file.with_suffix("") / "__init__.py"
            if not file.exists() or not re.search(rf"^(def )?{function}\b", file.read_text("utf-8"), re.MULTILINE):
                raise ParameterError(f"{where}: {field} = {shown(path)}: there is no {function} in {module}.py")
        for stage in experiment.stages:
            if rules.setdefault(stage.rule, name) != name or [s.rule for s in experiment.stages].count(stage.rule) > 1:
                raise ParameterError(f"{where}: rule = {shown(stage.rule)}: another stage has it, allowed is one")
        notebook = notebooks / f"{experiment.notebook}.ipynb"
        if not notebook.is_file():
            raise ParameterError(f"{where}: notebook = {shown(experiment.notebook)}: there is no {notebook}")
        for table in experiment.beside:
            if table not in every:
                raise ParameterError(f"{where}: beside = {shown(table)}: no experiment has such a table")
        readable = {*experiment.beside, *(f"{name}/{table}" for table in experiment.tables)}
        for table in tables_of(notebook):
            if table not in readable:
                raise ParameterError(f"{notebook}: table {shown(table)}: allowed are {', '.join(sorted(readable))}")


def _functions(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """The fields that name something in a module of its folder, and what they name."""
    fields = [
        (f"stages.{stage.name}.{field}", getattr(stage, field))
        for stage in experiment.stages
        for field in ("train", "network")
    ]
    return filter(lambda field: field[1], [*fields, ("claims", experiment.claims), ("finish", experiment.finish)])
