"""The verb that copies what is finished at a scale to where Git tracks it."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pandas as pd

from sparcs import params
from sparcs.commands import regression, teacher_student
from sparcs.commands.common import INPUT, PATH, sidecar
from sparcs.files import ArtifactError, atomic, read_json, read_table, write_table

COPIED = ("*.json", "*.csv", "benchmark/*.csv", "theory/*.parquet", "teacher_student/linear.parquet", "reports/*.html")
KEYS = {
    "regression": ["beta", "alpha", "trial"],
    "teacher_student": ["ensemble", "teacher", "trial"],
    "hyperparameters": ["experiment", "penalty", "rho", "alpha", "trial"],
}


@click.command()
@click.option("--results", type=INPUT, required=True, help="results/<scale>")
@click.option("--figures", type=PATH, required=True, help="figures/<scale>")
@click.option("--published", type=PATH, required=True, help="output folder of tables")
@click.option("--published-figures", type=PATH, required=True, help="output folder of figures")
def publish(results: Path, figures: Path, published: Path, published_figures: Path) -> None:
    """Copy finished trials, with scale, commit, machine and minutes on each row, and all that was made from them.

    Rows of trials published before stay where their settings are the same; of other settings, they are replaced.
    """
    both = read_json(results / "settings.json")
    run = params.validate(params.Settings, both["run"])
    if run.scale == "smoke":
        raise params.ParameterError("scale = 'smoke': allowed to be published are laptop, overnight, paper")
    gatherers: dict[str, Callable[[params.Settings, Path], dict[str, pd.DataFrame]]] = {
        "regression": finished_regression,
        "teacher_student": finished_teacher_student,
        "hyperparameters": finished_hyperparameters,
    }
    for experiment, gather in gatherers.items():
        tables = gather(run, results / experiment)
        if not tables:
            click.echo(f"{experiment}: nothing finished")
            continue
        tables["trials"] = tables["trials"].assign(scale=run.scale, settings=fingerprint(both["run"][experiment]))
        for name, table in tables.items():
            path = published / experiment / f"{name}.parquet"
            write_table(path, merged(table, path, KEYS[experiment]) if name == "trials" else table)
        click.echo(f"{experiment}: {len(tables['trials'])} trials")
    for pattern in COPIED:
        for path in sorted(results.glob(pattern)):
            copy(path, published / path.relative_to(results))
    for path in sorted(figures.glob("*.*")):
        copy(path, published_figures / path.name)


def finished_regression(run: params.Settings, folder: Path) -> dict[str, pd.DataFrame]:
    """Experiment 1's tables of the jobs that are finished."""
    jobs = regression.all_jobs(run.regression, folder / "trials")
    done = {name: [chunk for chunk in chunks if sidecar(chunk).exists()] for name, chunks in jobs.items()}
    done = {name: chunks for name, chunks in done.items() if chunks}
    if not done:
        return {}
    tables = regression.gather(run.regression, folder / "trials", done)
    records = pd.concat(_records(chunk, chunk.with_suffix(".parquet"), name) for name in done for chunk in done[name])
    names = {params.regression_name(alpha, beta): (alpha, beta) for alpha, beta in run.regression.data_sets().values()}
    records[["alpha", "beta"]] = [names[name] for name in records.pop("job")]
    return tables | {"trials": tables["trials"].merge(records, on=KEYS["regression"], validate="1:1")}


def finished_teacher_student(run: params.Settings, folder: Path) -> dict[str, pd.DataFrame]:
    """Experiment 2's tables of the jobs that are finished."""
    stems = {job: folder / "trials" / job[0] / job[1] / job[2] for job in run.teacher_student.jobs()}
    done = [job for job, stem in stems.items() if sidecar(stem).exists()]
    if not done:
        return {}
    tables = teacher_student.gather(run.teacher_student, folder / "trials", done)
    records = pd.concat(
        _records(stems[job], stems[job].with_name(f"{job[2]}_trials.parquet"), job[1]).assign(ensemble=job[0])
        for job in done
    )
    records["teacher"] = [params.teacher_parts(name)[0] for name in records.pop("job")]
    return tables | {"trials": tables["trials"].merge(records, on=KEYS["teacher_student"], validate="1:1")}


def finished_hyperparameters(run: params.Settings, folder: Path) -> dict[str, pd.DataFrame]:
    """The sweep's rows of the jobs that are finished."""
    done = [path for path in sorted(folder.glob("sweeps/*.parquet")) if sidecar(path).exists()]
    rows = [read_table(path).assign(**_columns(sidecar(path))) for path in done]
    return {"trials": pd.concat(rows, ignore_index=True)} if rows else {}


def merged(new: pd.DataFrame, path: Path, keys: list[str]) -> pd.DataFrame:
    """The new rows, and those published before at the same settings for other trials; in the order of the keys."""
    if path.exists():
        old = read_table(path)
        old = old[old["settings"].isin(new["settings"])]
        new = pd.concat([old, new]).drop_duplicates(keys, keep="last")
    return new.sort_values(keys, kind="stable").reset_index(drop=True)


def fingerprint(settings: dict) -> str:
    """Twelve hexadecimal digits that change with any setting a trial depends on, not with how many trials there are."""
    counts = ("trials", "chunk", "ensembles", "teacher_trials", "linear_teachers", "backend")
    text = repr(sorted((name, value) for name, value in settings.items() if name not in counts))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def copy(source: Path, target: Path) -> None:
    """A copy that is whole or absent."""
    with atomic(target) as partial:
        shutil.copyfile(source, partial)


def _records(stem: Path, table: Path, job: str) -> pd.DataFrame:
    """The job's provenance on each of its trials."""
    return read_table(table)[["trial"]].assign(job=job, **_columns(sidecar(stem)))


def _columns(path: Path) -> dict[str, object]:
    record = read_json(path)
    try:
        minutes = record["seconds"] / 60 / record["trials"]
        return {name: record[name] for name in ("commit", "machine", "device", "finished")} | {"minutes": minutes}
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is not a record of a training job: {error} is missing") from None
