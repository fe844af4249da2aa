"""The verb that copies what is finished at a scale to where Git tracks it."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pandas as pd

from sparcs import params, provenance
from sparcs.commands import cifar10, cifar100, depth, nasbench, regression, rivals, teacher_student
from sparcs.commands.common import INPUT, PATH, sidecar
from sparcs.figures.scorecard import with_scorecard
from sparcs.files import ArtifactError, atomic, read_json, read_table, write_csv, write_json, write_table

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
    "rivals": ["costs", "history", "tuning"],
    "cifar10": ["epochs", "eigenvalues", "costs"],
    "cifar10_sweep": [],
    "cifar100": ["eigenvalues", "losses", "costs"],
    "nasbench": ["history", "costs"],
}
AS_CSV = ("rivals",)  # whose trials are published as text too, for readers without this project


@click.command()
@click.option("--results", type=INPUT, required=True, help="results/<scale>")
@click.option("--lock", type=INPUT, required=True, help="requirements.lock")
@click.option("--published", type=PATH, required=True, help="output folder")
def publish(results: Path, lock: Path, published: Path) -> None:
    """Copy finished trials, with scale, commit, machine and minutes on each row, and the settings that made them.

    Only trials made with the recorded settings. Rows published before stay where they were made from the same settings
    and data, and are replaced otherwise.
    """
    settings = read_json(results / "settings.json")
    run = params.validate(params.Settings, settings["run"])
    if run.scale == "smoke":
        raise params.ParameterError("scale = 'smoke': allowed to be published are laptop, overnight, paper")
    gatherers = {
        "regression": finished_regression,
        "teacher_student": finished_teacher_student,
        "hyperparameters": finished_hyperparameters,
        "depth": finished_depth,
        "rivals": finished_rivals,
        "cifar10": finished_cifar10,
        "cifar10_sweep": finished_cifar10_sweep,
        "cifar100": finished_cifar100,
        "nasbench": finished_nasbench,
    }
    found = []
    for experiment, gather in gatherers.items():
        tables = gather(run, results / experiment)
        if tables:
            tables["trials"] = tables["trials"].assign(scale=run.scale)
            write_merged(tables, published / experiment, experiment)
            found.append(experiment)
        click.echo(f"{experiment}: {len(tables['trials']) if tables else 0} trials")
    publish_probes(run, results / "cifar100" / "probes", published / "cifar100")
    for pattern in WHOLE:
        for path in sorted(results.glob(pattern)):
            copy(path, published / path.relative_to(results))
    if (results / "core_minutes.csv").exists():
        write_core_minutes(results / "core_minutes.csv", published / "core_minutes.csv")
    trials = published_trials(published)
    if trials.empty:
        click.echo("nothing is finished: nothing is published")
        return
    record = provenance.of_tables(trials, lock)
    write_json(published / "settings.json", merged_settings(settings, published, found))
    write_json(published / "provenance.json", record)


def publish_probes(run: params.Settings, folder: Path, published: Path) -> None:
    """The probes of finished jobs, as other trials are published, into a table of their own."""
    settings = run.cifar100.probe_trial().model_dump_json()
    paths = [folder / f"{chunk}.parquet" for chunk in run.cifar100.probes.chunks()]
    rows = [read_table(path).assign(**_columns(sidecar(path))) for path in paths if made_with(path, settings, run)]
    if rows:
        new = pd.concat(rows, ignore_index=True)
        new = new.assign(scale=run.scale, minutes=new["minutes"] / new["head"].nunique())  # a job trains every head
        write_table(published / "probes.parquet", merged(new, _before(published, "probes"), ["head", "trial"], []))
    click.echo(f"probes of cifar100: {sum(map(len, rows))} trials")


@click.command()
@click.option("--results", type=INPUT, required=True, help="what was made from the published tables")
@click.option("--figures", type=INPUT, required=True, help="figures made from them")
@click.option("--published", type=PATH, required=True, help="output folder of claims and pages")
@click.option("--published-figures", type=PATH, required=True, help="output folder of figures")
@click.option("--readme", type=INPUT, required=True, help="its scorecard is written anew")
def publish_pages(results: Path, figures: Path, published: Path, published_figures: Path, readme: Path) -> None:
    """Copy claims, reports, site and figures that were made from the published tables; write README's scorecard."""
    for pattern in PAGES:
        for path in sorted(results.glob(pattern)):
            copy(path, published / path.relative_to(results))
    for path in sorted(figures.glob("*.*")):
        copy(path, published_figures / path.name)
    text = with_scorecard(readme.read_text(encoding="utf-8"), pd.read_csv(published / "claims.csv"))
    with atomic(readme) as partial:
        partial.write_text(text, encoding="utf-8")


def merged_settings(settings: dict, published: Path, experiments: list[str]) -> dict:
    """The run's settings, with those published before of experiments that this run added nothing to."""
    before = published / "settings.json"
    if not before.exists():
        return settings
    added = {name.removesuffix("_sweep") for name in experiments}
    old = read_json(before)["run"]
    kept = {name: old[name] for name in TRIAL if name not in added and (published / name / "trials.parquet").exists()}
    return settings | {"run": settings["run"] | kept}


def published_trials(published: Path) -> pd.DataFrame:
    """Where every published trial comes from: the columns of ``provenance.summary``, and the experiment."""
    columns = ["scale", "commit", "machine", "device", "finished", "minutes"]
    rows = [
        read_table(path)[columns].assign(experiment=path.parent.name, trials=1)
        for path in sorted([*published.glob("*/trials.parquet"), *published.glob("*/probes.parquet")])
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
    new = pd.read_csv(path)
    if published.exists():
        before = pd.read_csv(published)
        new = pd.concat([before[~before["scale"].isin(new["scale"])], new])
    write_csv(published, new.sort_values(["scale", "rule"]).reset_index(drop=True))


def finished_regression(run: params.Settings, folder: Path) -> dict[str, pd.DataFrame]:
    """Experiment 1's tables of the jobs that are finished."""
    jobs = regression.all_jobs(run.regression, folder / "trials")
    settings = run.regression.part(params.RegressionTrial)
    done = {name: [chunk for chunk in chunks if made_with(chunk, settings, run)] for name, chunks in jobs.items()}
    done = {name: chunks for name, chunks in done.items() if chunks}
    if not done:
        return {}
    tables = regression.gather(run.regression, folder / "trials", done)
    data_sets = run.regression.data_sets()
    records = pd.concat(
        _records(chunk, chunk.with_suffix(".parquet")).assign(alpha=data_sets[name][0], beta=data_sets[name][1])
        for name, chunks in done.items()
        for chunk in chunks
    )
    return tables | {"trials": tables["trials"].merge(records, on=TRIAL["regression"], validate="1:1")}


def finished_teacher_student(run: params.Settings, folder: Path) -> dict[str, pd.DataFrame]:
    """Experiment 2's tables of the jobs that are finished."""
    stems = {job: folder.joinpath("trials", *job) for job in run.teacher_student.jobs()}
    settings = {name: run.teacher_student.of_ensemble(name).part(params.TeacherTrial) for name, _, _ in stems}
    done = [job for job, stem in stems.items() if made_with(stem, settings[job[0]], run)]
    if not done:
        return {}
    tables = teacher_student.gather(run.teacher_student, folder / "trials", done)
    records = pd.concat(
        _records(stems[job], stems[job].with_name(f"{job[2]}_trials.parquet")).assign(
            ensemble=job[0], teacher=params.teacher_parts(job[1])[0]
        )
        for job in done
    )
    return tables | {"trials": tables["trials"].merge(records, on=TRIAL["teacher_student"], validate="1:1")}


def finished_hyperparameters(run: params.Settings, folder: Path) -> dict[str, pd.DataFrame]:
    """The sweep's rows of the jobs that are finished."""
    rows = []
    for name, settings in run.sweeps().items():
        path = folder / "sweeps" / f"{name}.parquet"
        trial = params.RegressionTrial if isinstance(settings, params.RegressionTrial) else params.TeacherTrial
        if made_with(path, settings.part(trial), run):
            rows.append(read_table(path).assign(**_columns(sidecar(path))))
    return {"trials": pd.concat(rows, ignore_index=True)} if rows else {}


def finished_depth(run: params.Settings, folder: Path) -> dict[str, pd.DataFrame]:
    """The depth experiment's tables of the jobs that are finished."""
    stems = {job: folder.joinpath("trials", *job) for job in run.depth.jobs()}
    settings = {job: run.depth.task_of(job[0]).part(params.DepthTrial) for job in stems}
    done = [job for job, stem in stems.items() if made_with(stem, settings[job], run)]
    if not done:
        return {}
    tables = depth.gather(run.depth, folder / "trials", done)
    records = pd.concat(
        _records(stems[job], stems[job].with_name(f"{job[3]}_trials.parquet")).assign(
            data_set=job[0], depth=int(job[1]), gain=float(job[2])
        )
        for job in done
    )
    return tables | {"trials": tables["trials"].merge(records, on=TRIAL["depth"], validate="1:1")}


def finished_rivals(run: params.Settings, folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of the comparison with rivals, of the jobs that are finished."""
    stems = {job: folder.joinpath("trials", *job) for job in run.rivals.jobs()}
    settings = {job: run.rivals.of_job(*job[:2]).model_dump_json() for job in stems}
    done = [job for job, stem in stems.items() if made_with(stem, settings[job], run)]
    if not done:
        return {}
    tables = rivals.gather(run.rivals, folder / "trials", done)
    tuned = {(data_set, method) for data_set, method, _ in done} & set(run.rivals.tuning_jobs())
    tables["tuning"] = rivals.gather_tuning(folder / "tuning", sorted(tuned))
    records = pd.concat(
        read_table(stems[job].with_name(f"{job[2]}_trials.parquet"))[["trial", "strength"]].assign(
            task=job[0], method=job[1], **_columns(sidecar(stems[job]))
        )
        for job in done
    )
    return tables | {"trials": tables["trials"].merge(records, on=TRIAL["rivals"], validate="1:1")}


def finished_cifar10(run: params.Settings, folder: Path) -> dict[str, pd.DataFrame]:
    """Experiment 3's tables of the jobs that are finished."""
    settings = run.cifar10.part(params.Cifar10Trial)
    return _finished_heads(run, folder, run.cifar10.jobs(), settings, cifar10.gather)


def finished_cifar10_sweep(run: params.Settings, folder: Path) -> dict[str, pd.DataFrame]:
    """The rows of experiment 3's sweep whose jobs are finished."""
    points = run.cifar10.sweep_points()
    done = [
        (point, trial)
        for point, trial in run.cifar10.sweep_jobs()
        if made_with(folder / "trials" / point / str(trial), points[point][1].part(params.Cifar10Trial), run)
    ]
    rows = [
        cifar10.gather_sweep(folder / "trials", [job]).assign(
            **_columns(sidecar(folder / "trials" / job[0] / str(job[1])))
        )
        for job in done
    ]
    return {"trials": pd.concat(rows, ignore_index=True)} if rows else {}


def finished_cifar100(run: params.Settings, folder: Path) -> dict[str, pd.DataFrame]:
    """Experiment 4's tables of the jobs that are finished."""
    settings = run.cifar100.part(params.Cifar100Trial)
    return _finished_heads(run, folder, run.cifar100.jobs(), settings, cifar100.gather)


def finished_nasbench(run: params.Settings, folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of the searches on cells that are finished."""
    stems = {(method, trial): folder / "trials" / method / str(trial) for method, trial in run.nasbench.jobs()}
    settings = run.nasbench.part(params.CellSearch)
    done = [job for job, stem in stems.items() if made_with(stem, settings, run)]
    if not done:
        return {}
    tables = nasbench.gather(folder / "trials", done, Path(run.nasbench.table) if run.nasbench.table else None)
    del tables["reference"]
    records = pd.concat(
        _records(stems[job], stems[job].with_name(f"{job[1]}_trials.parquet")).assign(method=job[0]) for job in done
    )
    return tables | {"trials": tables["trials"].merge(records, on=["method", "trial"], validate="1:1")}


def _finished_heads(
    run: params.Settings, folder: Path, jobs: list[tuple[str, int]], settings: str, gather: Callable
) -> dict[str, pd.DataFrame]:
    """The tables of the finished ones of the jobs (head, trial), gathered from their folder."""
    stems = {(head, trial): folder / "trials" / head / str(trial) for head, trial in jobs}
    done = [job for job, stem in stems.items() if made_with(stem, settings, run)]
    if not done:
        return {}
    tables = gather(folder / "trials", done)
    records = pd.concat(
        _records(stems[job], stems[job].with_name(f"{job[1]}_trials.parquet")).assign(head=job[0]) for job in done
    )
    return tables | {"trials": tables["trials"].merge(records, on=["head", "trial"], validate="1:1")}


def made_with(stem: Path, settings: str, run: params.Settings) -> bool:
    """Whether a job is finished and was made with these settings (JSON) and the run's root seed."""
    if not sidecar(stem).exists():
        return False
    record = read_json(sidecar(stem))
    return (record.get("settings"), record.get("root_seed")) == (json.loads(settings), run.root_seed)


def write_merged(tables: dict[str, pd.DataFrame], folder: Path, experiment: str) -> None:
    """Write an experiment's tables, with the rows published before that still hold; a table without rows goes."""
    trials = merged(tables["trials"], _before(folder, "trials"), TRIAL[experiment], ALIKE[experiment])
    write_table(folder / "trials.parquet", trials)
    if experiment in AS_CSV:
        write_csv(folder / "trials.csv", trials)
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
        if parts:
            together = pd.concat(parts).sort_values(keys, kind="stable").reset_index(drop=True)
            write_table(folder / f"{name}.parquet", together)
        else:
            (folder / f"{name}.parquet").unlink(missing_ok=True)


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


def _records(stem: Path, table: Path) -> pd.DataFrame:
    """The job's record on each of its trials."""
    return read_table(table)[["trial"]].assign(**_columns(sidecar(stem)))


def _columns(path: Path) -> dict[str, object]:
    record = read_json(path)
    try:
        minutes = record["seconds"] / 60 / record["trials"]
        where = {name: record[name] for name in ("commit", "machine", "device", "finished")}
        return where | {"minutes": minutes, "made_from": record.get("made_from") or fingerprint(record)}
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is not a record of a training job: {error} is missing") from None
