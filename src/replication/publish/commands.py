"""The verb that copies what is finished at a scale to where Git tracks it."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import click
import pandas as pd

from replication import params
from replication.account.commands import record_of
from replication.account.scorecard import with_verdicts
from replication.experiments.baselines import commands as baselines
from replication.experiments.settings import Settings
from replication.publish.finished import GATHERERS, columns_of, finished, finished_jobs, with_minutes
from replication.publish.jobs import GENERATED, data_of
from replication.publish.lost_rows import Tables, losses, require_nothing_lost
from replication.publish.published_tables import (
    ALIKE,
    DATA,
    KEYS,
    OTHERS,
    TRIAL,
    UNIT,
    WHOLE,
    read_published,
    require_columns,
)
from replication.records import provenance
from replication.records.io import (
    ArtifactError,
    read_csv,
    read_table,
    remove_others,
    write_csv,
    write_json,
    write_table,
)
from replication.records.verbs import INPUT, PATH, read_settings
from replication.report.provenance_text import TIMED
from sparcs.io import atomic

AS_CSV = ("baselines",)  # whose trials are published as text too, for readers without this project


@click.command()
@click.option("--results", type=INPUT, required=True, help="results/<scale>")
@click.option("--lock", type=INPUT, required=True, help="requirements.lock")
@click.option("--published", type=PATH, required=True, help="output folder")
@click.option("--replace", is_flag=True, help="also where published rows would be lost")
def publish(results: Path, lock: Path, published: Path, replace: bool) -> None:
    """Copy finished trials, with scale, commit, machine and minutes on each row, and the settings that made them.

    Only trials made with the recorded settings are copied. Rows published before stay where they were made from the
    same settings and data. Nothing is written if anything fails, or if rows would be lost (``lost_rows``) unasked.
    """
    settings = read_settings(results / "settings.json")
    run = params.validate(Settings, settings["run"])
    if run.scale == "smoke":
        raise params.ParameterError("scale = 'smoke': allowed to be published are laptop, overnight, paper")
    same = same_data(settings, published)
    tables = merged_tables(run, results, published, same)
    whole = {path.relative_to(results): path for pattern in WHOLE for path in sorted(results.glob(pattern))}
    if not replace:
        require_nothing_lost(losses(tables, whole, published, settings, same))
    trials = published_trials(published, tables, whole)
    if trials.empty or not (tables or whole):
        click.echo("nothing is finished: nothing is published")
        return
    records = {  # before anything is written, so that what fails leaves all as it was
        "settings": merged_settings(settings, published, described(tables, whole, published)),
        "provenance": provenance.of_tables(trials, lock),
    }
    minutes = merged_core_minutes(results / "core_minutes.csv", published / "core_minutes.csv")
    for name, table in tables.items():
        write_or_remove(published / f"{name}.parquet", table)
        folder, _, part = name.partition("/")
        if part == "trials" and folder in AS_CSV:
            write_csv(published / f"{name}.csv", table, float_format="%.9g")  # all digits are in the other one
    for path, source in whole.items():
        copy(source, published / path)
    if minutes is not None:
        write_csv(published / "core_minutes.csv", minutes)
    for name, record in records.items():
        write_json(published / f"{name}.json", record)


def merged_tables(run: Settings, results: Path, published: Path, same: bool) -> dict[str, pd.DataFrame | None]:
    """Every table with new rows, as it is to be published, by experiment and name; None: it has no rows any more.

    same: whether what is published of generated data holds.
    """
    tables = {}
    for experiment in GATHERERS:
        gathered = finished(experiment, run, results)
        if gathered:
            gathered["trials"] = gathered["trials"].assign(scale=run.scale)
            keep = same or experiment not in GENERATED
            together = merged_experiment(gathered, published / experiment, experiment, keep)
            tables |= {f"{experiment}/{name}": table for name, table in together.items()}
        click.echo(f"{experiment}: {len(gathered['trials']) if gathered else 0} trials")
    return tables | merged_probes(run, results, published) | merged_tuning(run, results, published, same)


def merged_probes(run: Settings, results: Path, published: Path) -> dict[str, pd.DataFrame]:
    """The probes of finished jobs, as other trials are published, in a table of their own."""
    done = finished_jobs("probes", run, results)
    files = [(results / file, columns_of(results / job.record)) for job in done for file in job.files()]
    rows = [read_table(file).assign(**columns) for file, columns in files]
    click.echo(f"probes of cifar100: {sum(map(len, rows))} trials")
    if not rows:
        return {}
    new = pd.concat(rows, ignore_index=True)
    new = new.assign(scale=run.scale, minutes=new["minutes"] / new["head"].nunique())  # a job trains every head
    keys = KEYS["cifar100/probes"]
    before = read_published(published, "cifar100/probes", [*keys, "made_from"], new)
    return {"cifar100/probes": merged(new, before, keys, [])}


def merged_tuning(run: Settings, results: Path, published: Path, keep: bool) -> dict[str, pd.DataFrame]:
    """The trials of the baselines' tuned options by finished jobs, in place of earlier trials of the same options.

    Tuning is merged by itself: a search that was made with the value that is chosen again stays as it is. keep: false
    if nothing that is published holds.
    """
    done = [job.key for job in finished_jobs("tuning", run, results)]
    click.echo(f"tuning of baselines: {len(done)} methods and tasks")
    if not done:
        return {}
    folder = results / "baselines" / "tuning"
    new = with_minutes(baselines.gather_tuning(folder, sorted(done)), folder).assign(scale=run.scale)
    keys = KEYS["baselines/tuning"]
    before = read_published(published, "baselines/tuning", [*keys, "made_from"], new) if keep else None
    return {"baselines/tuning": merged(new, before, keys, ["task", "method"])}


@click.command()
@click.option("--results", type=INPUT, required=True, help="what was made from the published tables")
@click.option("--figures", type=INPUT, required=True, help="figures made from them")
@click.option("--published", type=PATH, required=True, help="output folder of claims and pages")
@click.option("--published-figures", type=PATH, required=True, help="output folder of figures")
@click.option("--report", "reports", multiple=True, required=True, help="name of a notebook")
@click.option("--figure", "drawn", multiple=True, required=True, help="name of a figure")
@click.option("--readme", type=INPUT, required=True, help="its answer and scorecard are written anew")
def publish_pages(
    results: Path,
    figures: Path,
    published: Path,
    published_figures: Path,
    reports: tuple[str, ...],
    drawn: tuple[str, ...],
    readme: Path,
) -> None:
    """Copy claims, reports, site and figures that were made from the published tables; write README's verdicts.

    Pages and figures of other names are removed from what is published.
    """
    pages = [results / "claims.csv", *(results / f"reports/{name}.html" for name in reports)]
    pages += results.glob("site/**/*.*")
    pictures = [path for name in drawn for path in figures.glob(f"{name}.*")]
    places = {path: published / path.relative_to(results) for path in pages if path.is_file()}
    places |= {path: published_figures / path.name for path in pictures}
    for path, place in sorted(places.items()):
        copy(path, place)
    for folder in (published / "reports", published / "site", published_figures):
        remove_others(folder, set(places.values()))
    text = with_verdicts(readme.read_text(encoding="utf-8"), read_csv(published / "claims.csv"))
    with atomic(readme) as partial:
        partial.write_text(text, encoding="utf-8")


def described(tables: Tables, whole: Iterable[Path], published: Path) -> set[str]:
    """The experiments whose settings are now the run's: those with trials of it, or with no trials at all."""
    added = {name.partition("/")[0] for name in tables} | {path.parts[0] for path in whole}
    return {name for name in added if f"{name}/trials" in tables or not (published / name / "trials.parquet").exists()}


def merged_settings(settings: dict, published: Path, experiments: set[str]) -> dict:
    """The run's settings, with the published ones of experiments to which this run added nothing.

    The published settings from which data are generated stay too, as long as all trials on such data do.
    """
    path = published / "settings.json"
    if not path.exists():
        return settings
    before = read_settings(path)
    if not experiments & TRIAL.keys():
        return before
    there = {table.parent.name for table in published.glob("*/*.parquet")}
    if there & GENERATED and not experiments & GENERATED:
        there |= {"regression", "teacher_student"}
    kept = {name.removesuffix("_sweep") for name in there} - {name.removesuffix("_sweep") for name in experiments}
    return settings | {"run": settings["run"] | {name: before["run"][name] for name in kept & before["run"].keys()}}


def same_data(settings: dict, published: Path) -> bool:
    """Whether what is published, if anything is, was made from data generated as this run's are."""
    path = published / "settings.json"
    if not path.exists():
        return True
    try:
        return data_of(read_settings(path)["run"]) == data_of(settings["run"])
    except (KeyError, AttributeError, TypeError, IndexError):
        raise ArtifactError(f"{path} lacks settings of the data: allowed is what publish has written") from None


def published_trials(published: Path, tables: Mapping = {}, whole: Mapping = {}) -> pd.DataFrame:
    """The origin of every published trial: the columns of ``provenance.summary``, and the experiment.

    tables, whole: what is to be published in place of what is.
    """
    columns = ["scale", "commit", "machine", "device", "finished", "minutes"]
    names = {f"{path.parent.name}/{path.stem}" for part in TIMED for path in published.glob(f"*/{part}.parquet")}
    read = {name: read_published(published, name) for name in names - tables.keys()}
    rows = []
    for name, table in sorted({**read, **tables}.items()):
        experiment, _, part = name.partition("/")
        if (
            experiment in TRIAL and part in TIMED and "minutes" in table
        ):  # tuning published by earlier versions has none
            require_columns(published / f"{name}.parquet", table, columns)
            rows.append(table[columns].dropna().assign(experiment=experiment, trials=1))
    there = {path.relative_to(published): path for path in published.glob("*/*.provenance.json")}
    for name, path in sorted({**there, **whole}.items()):
        if path.suffix == ".json":  # the theory's checks, the same at every scale
            record = pd.DataFrame([record_of(path)])
            rows.append(record.assign(scale="any", experiment=name.parts[0], minutes=record["seconds"] / 60))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def merged_core_minutes(path: Path, published: Path) -> pd.DataFrame | None:
    """The cost of every rule at a scale, with the published costs of rules and scales that this run has none of."""
    parts = [read_csv(file, ["scale", "rule"]) for file in (published, path) if file.exists()]
    if not path.exists():
        return None
    together = pd.concat(parts).drop_duplicates(["scale", "rule"], keep="last")
    return together.sort_values(["scale", "rule"]).reset_index(drop=True)


def merged_experiment(
    tables: dict[str, pd.DataFrame], folder: Path, experiment: str, keep: bool = True
) -> dict[str, pd.DataFrame | None]:
    """An experiment's tables, with the rows published before that still hold; None for a table without rows.

    keep: false if none of them holds.
    """
    trials, keys = tables["trials"], TRIAL[experiment]
    published = read_published(folder, "trials", [*keys, "made_from"], trials) if keep else None
    trials = merged(trials, published, keys, ALIKE[experiment])
    together = {"trials": trials}
    for name in OTHERS[experiment]:
        before = read_published(folder, name)
        columns = tables[name].columns if name in tables else () if before is None else before.columns
        keys = [key for key in UNIT[experiment] if key in columns]
        unit = [*keys, "made_from"]
        units = trials[unit].drop_duplicates()
        new = tables[name].merge(units, on=keys) if name in tables else None
        if before is not None:
            require_columns(folder / f"{name}.parquet", before, unit, units)
            before = before.merge(units, on=unit)
            same = [*unit, "device"] if "device" in before.columns else unit  # what it cost is kept for every device
            outdated = _keys(before, same).isin(_keys(new, same)) if new is not None else pd.Series(False, before.index)
            before = before if "trials" in before else before[~outdated]
        parts = [part for part in (before, new) if part is not None and len(part)]
        joined = pd.concat(parts) if parts else None
        if joined is not None and "trials" in joined:  # of each data set what more trials say
            joined = joined.sort_values("trials", kind="stable").drop_duplicates(keys, keep="last")
        together[name] = None if joined is None else joined.sort_values(keys, kind="stable").reset_index(drop=True)
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
        origin = [*alike, "made_from", *(name for name in DATA if name in before and name in new)]
        same = _keys(before, origin).isin(_keys(new, origin))
        new = pd.concat([before[same | ~pd.Series(known, index=before.index)], new]).drop_duplicates(keys, keep="last")
    return new.sort_values(keys, kind="stable").reset_index(drop=True)


def copy(source: Path, target: Path) -> None:
    """A copy that is whole or absent."""
    with atomic(target) as partial:
        shutil.copyfile(source, partial)


def _keys(table: pd.DataFrame, keys: list[str]) -> pd.Series:
    return pd.Series(list(table[keys].itertuples(index=False, name=None)), index=table.index, dtype=object)
