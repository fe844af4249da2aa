"""Verbs that turn tables into claims, records and reports."""

import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import click
import pandas as pd

from replication import params
from replication.account.catalogue import require_every_claim
from replication.account.provenance_text import with_origins
from replication.account.testability import why_untested
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import paper_settings, resolve_settings
from replication.judging.table import read_claims
from replication.judging.verdicts import judge
from replication.records import provenance
from replication.records.io import (
    ArtifactError,
    read_csv,
    read_json,
    read_measures,
    require_unique,
    write_csv,
    write_json,
)
from replication.records.verbs import FILE, INPUT, PATH, Json, read_settings


@click.command()
@click.option("--params-file", type=INPUT, required=True)
@click.option("--overrides", type=Json(dict[str, Any]), default="{}")
@click.option("--output", type=FILE, required=True)
def record_settings(params_file: Path, overrides: dict, output: Path) -> None:
    """Write the paper's settings and this run's, side by side."""
    base = params.read_yaml(params_file)
    run = resolve_settings(base, overrides)
    paper = paper_settings(base)
    write_json(output, {"scale": run.scale, "paper": paper.model_dump(), "run": run.model_dump()})


@click.command()
@click.argument("experiment", type=click.Choice([name for name, each in EXPERIMENTS.items() if each.claims]))
@click.argument("tables", nargs=-1, type=INPUT)
@click.option("--settings", type=INPUT, required=True, help="settings.json")
@click.option(
    "--provenance",
    "records",
    type=INPUT,
    multiple=True,
    help="provenance.json, of an experiment whose tables are given",
)
@click.option("--code", default="unknown", show_default=True, help="fingerprint of the sources that judge")
@click.option("--output", type=FILE, required=True, help="claims.csv of the experiment")
def judge_claims(
    experiment: str, tables: tuple[Path, ...], settings: Path, records: tuple[Path, ...], code: str, output: Path
) -> None:
    """Judge the claims of an EXPERIMENT on its tables; each verdict names what trained and what judged."""
    judged = EXPERIMENTS[experiment]
    claims, both = judged.load(judged.claims), read_settings(settings)
    read = {f"{path.parent.name}/{path.stem}": read_unique(path) for path in tables}
    trained = {record.parent.name: read_json(record) for record in records}
    for record in records:
        if not all(isinstance(trained[record.parent.name].get(name), str) for name in ("commit", "fingerprint")):
            raise ArtifactError(f"{record} is not a record of tables: it names no commit and fingerprint")
    try:
        verdicts = judge(claims, read, why_untested(both["run"], both["paper"], read))
        verdicts = with_origins(verdicts, claims, read, both["run"], trained)
    except KeyError as error:
        raise ArtifactError(f"{', '.join(map(str, tables))}: {error} is missing in one of these tables") from None
    write_csv(output, verdicts.assign(analysed_by=f"commit {provenance.commit()}, fingerprint {code}"))


def read_unique(path: Path) -> pd.DataFrame:
    """A table of an experiment as claims and figures take it. Raises ArtifactError if one of its keys stands twice."""
    table, of = read_measures(path), EXPERIMENTS.get(path.parent.name)
    if of and path.stem in of.tables:
        require_unique(table, of.tables[path.stem], path)
    return table


@click.command()
@click.argument("parts", nargs=-1, type=INPUT, required=True)
@click.option("--output", type=FILE, required=True, help="claims.csv; metrics.json beside it has the verdicts in short")
def gather_claims(parts: tuple[Path, ...], output: Path) -> None:
    """Every experiment's verdicts in one table, in the paper's order."""
    verdicts = pd.concat([read_claims(path, ["measured", "statement"]) for path in parts], ignore_index=True)
    verdicts = verdicts.sort_values("id", kind="stable").reset_index(drop=True)
    require_every_claim(verdicts["id"])
    write_csv(output, verdicts)
    write_json(output.with_name("metrics.json"), in_short(verdicts))  # for `dvc metrics`
    for _, row in verdicts.iterrows():
        click.echo(f"{row['id']:5} {row['verdict']:15} {row['measured']:.4g}  {row['statement']}")


def in_short(verdicts: pd.DataFrame) -> dict[str, dict]:
    """The number of claims with each verdict, and each claim's verdict with its measured value, if there is one."""
    each = verdicts.set_index("id")[["verdict", "measured"]]
    return {
        "verdicts": each["verdict"].value_counts().sort_index().to_dict(),
        "claims": {name: row.dropna().to_dict() for name, row in each.iterrows()},
    }


@click.command()
@click.argument("records", nargs=-1, type=INPUT, required=True)
@click.option("--lock", type=INPUT, required=True, help="requirements.lock")
@click.option("--output", type=FILE, required=True)
def record_provenance(records: tuple[Path, ...], lock: Path, output: Path) -> None:
    """Gather the experiments' RECORDS: scales, commits, machines, devices, times, core-minutes."""
    experiments = {path.parent.name: read_json(path) for path in records}
    try:
        write_json(output, provenance.together(experiments, lock))
    except (AttributeError, KeyError, TypeError) as error:
        raise ArtifactError(f"{', '.join(map(str, records))}: {error} is missing in one of these records") from None


@click.command()
@click.argument("benchmarks", nargs=-1, type=PATH, required=True)
@click.option("--folder", type=INPUT, required=True, help="benchmarks of a scale, one file or folder a rule")
@click.option("--scale", required=True)
@click.option("--output", type=FILE, required=True)
def tabulate_core_minutes(benchmarks: tuple[Path, ...], folder: Path, scale: str, output: Path) -> None:
    """Core-minutes and peak memory of every rule, from Snakemake's BENCHMARKS; those that are missing are named.

    Core time is what the job measured itself (``--log``): Snakemake samples it, and misses up to half a minute.
    """
    rows = []
    for path in benchmarks:
        rule = first_below(path, folder).removesuffix(".tsv")
        cost = path.with_name(f"{path.name.removesuffix('.tsv')}.json")
        if not (path.exists() and cost.exists()):
            click.echo(f"{path} is missing and not counted", err=True)
            continue
        measured = read_csv(path, ["s", "max_rss"], sep="\t", na_values=["-"])
        rows.append((rule, measured["s"].sum() / 60, core_seconds(cost) / 60, measured["max_rss"].max()))
    table = pd.DataFrame(rows, columns=["rule", "minutes", "core_minutes", "peak_memory_mib"])
    gathered = table.groupby("rule").agg(
        jobs=("minutes", "size"),
        minutes=("minutes", "sum"),
        core_minutes=("core_minutes", "sum"),
        peak_memory_mib=("peak_memory_mib", "max"),
    )
    write_csv(output, gathered.round(2).reset_index().assign(scale=scale))


def core_seconds(cost: Path) -> float:
    """The core-seconds that a job has measured of itself. Raises ArtifactError for another file."""
    measured = read_json(cost).get("core_seconds")
    if type(measured) not in (int, float) or not 0 <= measured <= sys.float_info.max:
        raise ArtifactError(f"{cost}: core_seconds = {params.shown(measured)}: allowed is a finite number, at least 0")
    return measured


def first_below(path: Path, folder: Path) -> str:
    """The first name of a path below a folder. Raises ParameterError if the path is not below it."""
    if not path.is_relative_to(folder) or path == folder:
        raise params.ParameterError(f"{path}: allowed are files below {folder}")
    return path.relative_to(folder).parts[0]


@click.command()
@click.argument("notebook", type=INPUT)
@click.argument("executed", type=FILE)
@click.argument("page", type=FILE)
@click.option("--parameter", "-p", "parameters", type=(str, str), multiple=True, required=True, help="name and value")
def execute_notebook(notebook: Path, executed: Path, page: Path, parameters: tuple[tuple[str, str], ...]) -> None:
    """Execute a notebook whose parameters are exactly these, and render it as a self-contained HTML page.

    Both name the commit and the fingerprint of what is executed. A cell that fails is shown with its error. Tables in
    which a trial stands twice are refused, without a page.
    """
    from replication.report.pages import CellError, check_parameters, execute, render
    from replication.report.provenance_text import analysed_by

    try:
        check_parameters(notebook, [name for name, _ in parameters])
    except ValueError as error:
        raise params.ParameterError(str(error)) from None
    for path in tables_of(notebook.stem, [Path(value) for name, value in parameters if name == "tables"]):
        read_unique(path)
    origin = analysed_by(notebook)
    try:
        execute(notebook, executed, dict(parameters), origin)
    except CellError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    render(executed, page, origin)


def tables_of(notebook: str, folders: Sequence[Path]) -> Iterator[Path]:
    """The tables in folders that a notebook shows: its experiment's, or all of them if it is none's."""
    shown = [each for each in EXPERIMENTS.values() if each.notebook == notebook] or EXPERIMENTS.values()
    for folder, experiment in product(folders, shown):
        yield from sorted((folder / experiment.name).glob("*.parquet"))
