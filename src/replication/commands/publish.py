"""The verb that copies what is finished at a scale to where Git tracks it."""

import hashlib
import json
import shutil
from pathlib import Path

import click
import pandas as pd

from replication import params, provenance
from replication.commands import baselines, cells, cifar10, cifar100, depth, regression, teacher_student
from replication.commands.common import INPUT, PATH, read_settings
from replication.commands.jobs import GENERATED, Job, data_of, jobs
from replication.commands.lost_rows import REMOVED, lost, require_nothing_lost
from replication.figures.provenance_text import TIMED
from replication.figures.scorecard import with_verdicts
from replication.io import ArtifactError, read_csv, read_json, read_table, write_csv, write_json, write_table
from sparcs.io import atomic

WHOLE = (  # tables that are not gathered from trials
    "theory/*.parquet",
    "theory/*.json",
    "teacher_student/linear.parquet",
    "depth/start.parquet",
    "nasbench/reference.parquet",
)
PAGES = ("claims.csv", "reports/*.html", "site/**/*.*")
TRIAL = {
    "regression": ["beta", "alpha", "trial"],
    "teacher_student": ["ensemble", "teacher", "trial"],
    "hyperparameters": ["experiment", "penalty", "rho", "alpha", "trial"],
    "depth": ["data_set", "depth", "gain", "trial"],
    "rivals": ["task", "method", "trial", "strength"],
    "cifar10": ["head", "trial"],
    "cifar10_sweep": ["head", "penalty", "rho", "trial"],
    "cifar100": ["head", "trial"],
    "nasbench": ["method", "trial"],
}
UNIT = {  # of the other tables; one without some of these columns, of all trials that are alike in the others
    "regression": ["beta", "alpha"],
    "teacher_student": ["ensemble", "teacher", "trial"],
    "depth": ["data_set", "depth", "gain", "trial"],
    "rivals": ["task", "method", "trial", "strength"],
    "cifar10": ["head", "trial"],
    "cifar100": ["head", "trial"],
    "nasbench": ["method", "trial"],
}
ALIKE = {  # trials that must be made from the same settings and data to stand in one table
    "regression": [],
    "teacher_student": ["ensemble"],
    "hyperparameters": ["experiment", "penalty", "rho"],
    "depth": ["data_set"],
    "rivals": ["task", "method"],
    "cifar10": [],
    "cifar10_sweep": ["head", "penalty", "rho"],
    "cifar100": [],
    "nasbench": [],
}
OTHERS = {
    "regression": ["data_sets", "paths", "skips", "eigenvalues", "surface"],
    "teacher_student": ["eigenvalues", "pruning"],
    "hyperparameters": [],
    "depth": ["layers"],
    "rivals": ["costs", "history"],
    "cifar10": ["epochs", "eigenvalues", "costs"],
    "cifar10_sweep": [],
    "cifar100": ["eigenvalues", "losses", "costs"],
    "nasbench": ["history", "costs"],
}
KEYS = {f"{experiment}/trials": keys for experiment, keys in TRIAL.items()} | {
    "cifar100/probes": ["head", "trial"],
    "rivals/tuning": ["task", "method", "value", "tuning_trial"],
}
ORIGIN = ["commit", "machine", "finished"]  # columns of what a device took
AS_CSV = ("rivals",)  # whose trials are published as text too, for readers without this project


@click.command()
@click.option("--results", type=INPUT, required=True, help="results/<scale>")
@click.option("--lock", type=INPUT, required=True, help="requirements.lock")
@click.option("--published", type=PATH, required=True, help="output folder")
@click.option("--replace", is_flag=True, help="also where published rows would be lost")
def publish(results: Path, lock: Path, published: Path, replace: bool) -> None:
    """Copy finished trials, with scale, commit, machine and minutes on each row, and the settings that made them.

    Only trials made with the recorded settings. Rows published before stay where they were made from the same settings
    and data. If any would be lost (``lost_rows``), nothing is written unless that is asked for.
    """
    settings = read_settings(results / "settings.json")
    run = params.validate(params.Settings, settings["run"])
    if run.scale == "smoke":
        raise params.ParameterError("scale = 'smoke': allowed to be published are laptop, overnight, paper")
    tables = merged_tables(run, results, published, same_data(settings, published))
    whole = {path.relative_to(results): path for pattern in WHOLE for path in sorted(results.glob(pattern))}
    if not replace:
        require_nothing_lost(losses(tables, whole, published))
    for name, table in tables.items():
        write_or_remove(published / f"{name}.parquet", table)
        folder, _, part = name.partition("/")
        if part == "trials" and folder in AS_CSV:
            write_csv(published / f"{name}.csv", table, float_format="%.9g")  # all digits are in the other one
    for path, source in whole.items():
        copy(source, published / path)
    if (results / "core_minutes.csv").exists():
        write_core_minutes(results / "core_minutes.csv", published / "core_minutes.csv")
    trials = published_trials(published)
    if trials.empty:
        click.echo("nothing is finished: nothing is published")
        return
    record = provenance.of_tables(trials, lock)
    found = [experiment for experiment in GATHERERS if f"{experiment}/trials" in tables]
    write_json(published / "settings.json", merged_settings(settings, published, found))
    write_json(published / "provenance.json", record)


def merged_tables(run: params.Settings, results: Path, published: Path, same: bool) -> dict[str, pd.DataFrame | None]:
    """Every table with new rows, as it is to be published, by experiment and name; None: it has no rows any more.

    same: whether what is published of generated data holds.
    """
    tables = {}
    for experiment in GATHERERS:
        found = finished(experiment, run, results)
        if found:
            found["trials"] = found["trials"].assign(scale=run.scale)
            keep = same or experiment not in GENERATED
            together = merged_experiment(found, published / experiment, experiment, keep)
            tables |= {f"{experiment}/{name}": table for name, table in together.items()}
        click.echo(f"{experiment}: {len(found['trials']) if found else 0} trials")
    return tables | merged_probes(run, results, published) | merged_tuning(run, results, published, same)


def merged_probes(run: params.Settings, results: Path, published: Path) -> dict[str, pd.DataFrame]:
    """The probes of finished jobs, as other trials are published, in a table of their own."""
    done = finished_jobs("probes", run, results)
    rows = [read_table(results / file).assign(**_columns(results / job.record)) for job in done for file in job.files()]
    click.echo(f"probes of cifar100: {sum(map(len, rows))} trials")
    if not rows:
        return {}
    new = pd.concat(rows, ignore_index=True)
    new = new.assign(scale=run.scale, minutes=new["minutes"] / new["head"].nunique())  # a job trains every head
    return {"cifar100/probes": merged(new, _before(published, "cifar100/probes"), KEYS["cifar100/probes"], [])}


def merged_tuning(run: params.Settings, results: Path, published: Path, keep: bool) -> dict[str, pd.DataFrame]:
    """What finished jobs tried of the rivals' tuned options, in place of what was tried for the same before.

    By itself: a search that was made with the value that is chosen again stays as it is. keep: false if nothing that is
    published holds.
    """
    done = [job.key for job in finished_jobs("tuning", run, results)]
    click.echo(f"tuning of rivals: {len(done)} methods and tasks")
    if not done:
        return {}
    folder = results / "rivals" / "tuning"
    new = _with_minutes(baselines.gather_tuning(folder, sorted(done)), folder).assign(scale=run.scale)
    before = _before(published, "rivals/tuning") if keep else None
    return {"rivals/tuning": merged(new, before, KEYS["rivals/tuning"], ["task", "method"])}


def losses(tables: dict[str, pd.DataFrame | None], whole: dict[Path, Path], published: Path) -> dict[str, dict]:
    """What the published tables of trials, and those that are copied whole, would lose: ``lost`` of each."""
    found = {}
    for name, keys in KEYS.items():
        before, after = _before(published, name), tables.get(name)
        if before is not None and after is not None:
            found[name] = lost(before, after, keys)
    for path, source in whole.items():
        if path.suffix == ".parquet" and (published / path).exists():
            fewer = len(read_table(published / path)) - len(read_table(source))
            found[str(path.with_suffix(""))] = {REMOVED: fewer} if fewer > 0 else {}
    return found


@click.command()
@click.option("--results", type=INPUT, required=True, help="what was made from the published tables")
@click.option("--figures", type=INPUT, required=True, help="figures made from them")
@click.option("--published", type=PATH, required=True, help="output folder of claims and pages")
@click.option("--published-figures", type=PATH, required=True, help="output folder of figures")
@click.option("--readme", type=INPUT, required=True, help="its answer and scorecard are written anew")
def publish_pages(results: Path, figures: Path, published: Path, published_figures: Path, readme: Path) -> None:
    """Copy claims, reports, site and figures that were made from the published tables; write README's verdicts."""
    for pattern in PAGES:
        for path in sorted(results.glob(pattern)):
            copy(path, published / path.relative_to(results))
    for path in sorted(figures.glob("*.*")):
        copy(path, published_figures / path.name)
    text = with_verdicts(readme.read_text(encoding="utf-8"), read_csv(published / "claims.csv"))
    with atomic(readme) as partial:
        partial.write_text(text, encoding="utf-8")


def merged_settings(settings: dict, published: Path, experiments: list[str]) -> dict:
    """The run's settings, with those published before of experiments that this run added nothing to."""
    before = published / "settings.json"
    if not before.exists():
        return settings
    added = {name.removesuffix("_sweep") for name in experiments}
    old = read_settings(before)["run"]
    others = old.keys() & TRIAL.keys() - added
    kept = {name: old[name] for name in others if (published / name / "trials.parquet").exists()}
    return settings | {"run": settings["run"] | kept}


def same_data(settings: dict, published: Path) -> bool:
    """Whether what is published, if anything is, was made from data generated as this run's are."""
    before = published / "settings.json"
    return not before.exists() or data_of(read_settings(before)["run"]) == data_of(settings["run"])


def published_trials(published: Path) -> pd.DataFrame:
    """Where every published trial comes from: the columns of ``provenance.summary``, and the experiment."""
    columns = ["scale", "commit", "machine", "device", "finished", "minutes"]
    tables = {path: read_table(path) for name in TIMED for path in sorted(published.glob(f"*/{name}.parquet"))}
    rows = [
        table[columns].dropna().assign(experiment=path.parent.name, trials=1)
        for path, table in tables.items()
        if "minutes" in table  # tuning published by earlier versions has none
    ]
    rows += [
        pd.DataFrame([read_json(path)]).assign(  # the theory's checks, the same at every scale
            scale="any", experiment=path.parent.name, minutes=lambda job: job["seconds"] / 60
        )
        for path in sorted(published.glob("*/*.provenance.json"))
    ]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def write_core_minutes(path: Path, published: Path) -> None:
    """What every rule of a scale cost, beside the other scales' published before."""
    new = read_csv(path, ["scale", "rule"])
    if published.exists():
        before = read_csv(published, ["scale", "rule"])
        new = pd.concat([before[~before["scale"].isin(new["scale"])], new])
    write_csv(published, new.sort_values(["scale", "rule"]).reset_index(drop=True))


def finished(kind: str, run: params.Settings, results: Path) -> dict[str, pd.DataFrame]:
    """The tables of the finished jobs of one kind, with their records on the trials; none if no job is finished."""
    done = finished_jobs(kind, run, results)
    if not done:
        return {}
    tables = GATHERERS[kind](run, results / kind, [job.key for job in done])
    records = pd.concat(_records(job, results) for job in done)
    recorded = {"trials": tables["trials"].merge(records, on=TRIAL[kind], validate="1:1")}
    if "costs" in tables:  # they are kept when trials are trained again elsewhere, so they say themselves where
        origins = records[[*TRIAL[kind], *ORIGIN]]
        recorded["costs"] = tables["costs"].merge(origins, on=TRIAL[kind], validate="1:1")
    return tables | recorded


def _regression(run: params.Settings, folder: Path, done: list[tuple]) -> dict[str, pd.DataFrame]:
    chunks: dict[str, list[Path]] = {}
    for name, chunk in done:
        chunks.setdefault(name, []).append(folder / "trials" / name / chunk)
    return regression.gather(run.regression, folder / "trials", chunks)


def _hyperparameters(run: params.Settings, folder: Path, done: list[tuple]) -> dict[str, pd.DataFrame]:
    return {"trials": pd.concat([read_table(folder / "sweeps" / f"{name}.parquet") for (name,) in done])}


def _with_minutes(tuning: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """What was tried, with the records of its jobs, whose minutes the values that a job tried share."""
    return pd.concat(
        own.assign(**_columns(folder / task / f"{method}.provenance.json", len(own)))
        for (task, method), own in tuning.groupby(["task", "method"], sort=False)
    )


def _nasbench(run: params.Settings, folder: Path, done: list[tuple]) -> dict[str, pd.DataFrame]:
    tables = cells.gather(folder / "trials", done, Path(run.nasbench.table) if run.nasbench.table else None)
    return {name: tables[name] for name in ("trials", *OTHERS["nasbench"])}


GATHERERS = {  # tables of the given jobs, by their keys
    "regression": _regression,
    "teacher_student": lambda run, folder, done: teacher_student.gather(run.teacher_student, folder / "trials", done),
    "hyperparameters": _hyperparameters,
    "depth": lambda run, folder, done: depth.gather(run.depth, folder / "trials", done),
    "rivals": lambda run, folder, done: baselines.gather(run.rivals, folder / "trials", done),
    "cifar10": lambda run, folder, done: cifar10.gather(folder / "trials", done),
    "cifar10_sweep": lambda run, folder, done: {"trials": cifar10.gather_sweep(folder / "trials", done)},
    "cifar100": lambda run, folder, done: cifar100.gather(folder / "trials", done),
    "nasbench": _nasbench,
}


def finished_jobs(kind: str, run: params.Settings, results: Path) -> list[Job]:
    """The jobs of one kind that are finished, made with the run's settings."""
    return [job for job in jobs(run) if job.kind == kind and made_with(job, results, run)]


def made_with(job: Job, results: Path, run: params.Settings) -> bool:
    """Whether a job is finished and was made with its settings and the run's root seed."""
    if not (results / job.record).exists():
        return False
    record = read_json(results / job.record)
    return (record.get("settings"), record.get("root_seed")) == (json.loads(job.settings), run.root_seed)


def merged_experiment(
    tables: dict[str, pd.DataFrame], folder: Path, experiment: str, keep: bool = True
) -> dict[str, pd.DataFrame | None]:
    """An experiment's tables, with the rows published before that still hold; None for a table without rows.

    keep: false if none of them holds.
    """
    published = _before(folder, "trials") if keep else None
    trials = merged(tables["trials"], published, TRIAL[experiment], ALIKE[experiment])
    together = {"trials": trials}
    for name in OTHERS[experiment]:
        before = _before(folder, name)
        columns = tables[name].columns if name in tables else () if before is None else before.columns
        keys = [key for key in UNIT[experiment] if key in columns]
        unit = [*keys, "made_from"]
        units = trials[unit].drop_duplicates()
        new = tables[name].merge(units, on=keys) if name in tables else None
        if before is not None:
            before = before.merge(units, on=unit)
            same = [*unit, "device"] if "device" in before.columns else unit  # what it cost is kept for every device
            before = before if new is None else before[~_keys(before, same).isin(_keys(new, same))]
        parts = [part for part in (before, new) if part is not None and len(part)]
        joined = pd.concat(parts).sort_values(keys, kind="stable").reset_index(drop=True) if parts else None
        together[name] = joined
    return together


def write_or_remove(path: Path, table: pd.DataFrame | None) -> None:
    """Write a table, or remove the one that is there if it has no rows any more."""
    if table is None:
        path.unlink(missing_ok=True)
    else:
        write_table(path, table)


def merged(new: pd.DataFrame, before: pd.DataFrame | None, keys: list[str], alike: list[str]) -> pd.DataFrame:
    """The new rows, and those published before unless new ones like them were made from other settings or data."""
    if before is not None:
        known = _keys(before, alike).isin(_keys(new, alike)) if alike else True
        same = _keys(before, [*alike, "made_from"]).isin(_keys(new, [*alike, "made_from"]))
        new = pd.concat([before[same | ~pd.Series(known, index=before.index)], new]).drop_duplicates(keys, keep="last")
    return new.sort_values(keys, kind="stable").reset_index(drop=True)


def fingerprint(record: dict) -> str:
    """Twelve hexadecimal digits that change with the settings, the root seed or the data that a job was made from."""
    text = json.dumps([record["settings"], record["root_seed"], record["data"]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def copy(source: Path, target: Path) -> None:
    """A copy that is whole or absent."""
    with atomic(target) as partial:
        shutil.copyfile(source, partial)


def _before(folder: Path, name: str) -> pd.DataFrame | None:
    path = folder / f"{name}.parquet"
    return read_table(path) if path.exists() else None


def _keys(table: pd.DataFrame, keys: list[str]) -> pd.Series:
    return pd.Series(list(table[keys].itertuples(index=False, name=None)), index=table.index, dtype=object)


def _records(job: Job, results: Path) -> pd.DataFrame:
    """A job's record on each of its trials."""
    table = read_table(results / next(iter(job.files())))
    table = table.assign(**{name: values[0] for name, values in job.where.items() if name not in table})
    return table[TRIAL[job.kind]].assign(**_columns(results / job.record))


def _columns(path: Path, rows: int | None = None) -> dict[str, object]:
    """A job's record as columns of its rows, one for each trial if nothing else is said."""
    record = read_json(path)
    try:
        minutes = record["seconds"] / 60 / (rows or record["trials"])
        where = {name: record[name] for name in ("commit", "machine", "device", "finished")}
        return where | {"minutes": minutes, "made_from": record.get("made_from") or fingerprint(record)}
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is not a record of a training job: {error} is missing") from None
