"""Published trials in place of jobs of a run, on request: which jobs they stand for, and the files of such a job."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import click
import pandas as pd

from sparcs import params
from sparcs.commands.common import INPUT, PATH, SEED, Json, sidecar
from sparcs.files import ArtifactError, read_json, read_table, write_json, write_table
from sparcs.nasbench.table import SCORES
from sparcs.sources import sources, unchanged_since

RECORDED = ["commit", "machine", "device", "finished", "minutes", "made_from", "scale"]  # columns of a published trial
TABLES = {  # ends of a job's files, and the published tables that hold their rows
    "teacher_student": {f"_{name}": f"teacher_student/{name}" for name in ("trials", "eigenvalues", "pruning")},
    "hyperparameters": {"": "hyperparameters/trials"},
    "depth": {f"_{name}": f"depth/{name}" for name in ("trials", "layers")},
    "rivals": {f"_{name}": f"rivals/{name}" for name in ("trials", "costs", "history")},
    "tuning": {"": "rivals/tuning"},
    "cifar10": {f"_{name}": f"cifar10/{name}" for name in ("trials", "epochs", "eigenvalues", "costs")},
    "cifar10_sweep": {"_trials": "cifar10_sweep/trials"},
    "cifar100": {f"_{name}": f"cifar100/{name}" for name in ("trials", "eigenvalues", "losses", "costs")},
    "probes": {"": "cifar100/probes"},
    "nasbench": {f"_{name}": f"nasbench/{name}" for name in ("trials", "history", "costs")},
}
TRIALS = {kind: next(iter(ends.values())) for kind, ends in TABLES.items()} | {"tuning": "rivals/trials"}
VERBS = {"tuning": "rivals", "cifar10_sweep": "cifar10", "probes": "cifar100"}  # in whose module they are
GENERATED = {"teacher_student", "hyperparameters", "depth", "rivals", "tuning"}  # on data that the run generates

Where = Mapping[str, Sequence]  # columns of a table, and the values of the rows that are meant


class Job(NamedTuple):
    """A training job of a run: what its files are called, its rows, and what they depend on.

    stem: of its files, below results/<scale>; settings: as JSON; modules: whose sources its result depends on.
    """

    kind: str
    stem: str
    where: dict[str, list]
    settings: str
    modules: tuple[str, ...]

    def files(self) -> dict[str, str]:
        """Its tables below results/<scale>, with the published tables that hold their rows."""
        return {f"{self.stem}{end}.parquet": f"{table}.parquet" for end, table in TABLES[self.kind].items()}

    def alike(self) -> tuple:
        """The same for jobs of one kind that differ in their trials alone."""
        others = sorted((name, tuple(values)) for name, values in self.where.items() if name != "trial")
        return self.kind, *others


def jobs(run: params.Settings) -> Iterator[Job]:
    """The jobs of a run that published trials can stand for.

    Experiment 1 is not among them: its tables are made from parameters, which are not published.
    """
    two, depth, rivals, nasbench = run.teacher_student, run.depth, run.rivals, run.nasbench
    for (ensemble, teacher, chunk), trials in two.jobs().items():
        where = {"ensemble": [ensemble], "teacher": [params.teacher_parts(teacher)[0]], "trial": trials}
        settings = two.of_ensemble(ensemble).part(params.TeacherTrial)
        yield _job("teacher_student", f"teacher_student/trials/{ensemble}/{teacher}/{chunk}", where, settings)
    yield from _sweeps(run)
    for data_set, layers, gain, chunk in depth.jobs():
        where = {"data_set": [data_set], "depth": [int(layers)], "gain": [float(gain)], "trial": _trials(chunk)}
        settings = depth.task_of(data_set).part(params.DepthTrial)
        yield _job("depth", f"depth/trials/{data_set}/{layers}/{gain}/{chunk}", where, settings)
    for data_set, method, chunk in rivals.jobs():
        own = rivals.of_job(data_set, method)
        where = {"task": [data_set], "method": [method], "strength": own.strengths, "trial": _trials(chunk)}
        search = f"sparcs.rivals.{own.method.search}"
        yield _job("rivals", f"rivals/trials/{data_set}/{method}/{chunk}", where, own.model_dump_json(), search)
    for data_set, method in rivals.tuning_jobs():
        own, where = rivals.of_job(data_set, method), {"task": [data_set], "method": [method]}
        search = f"sparcs.rivals.{own.method.search}"
        yield _job("tuning", f"rivals/tuning/{data_set}/{method}", where, own.model_dump_json(), search)
    for head, trial in run.cifar10.jobs():
        settings = run.cifar10.part(params.Cifar10Trial)
        yield _job("cifar10", f"cifar10/trials/{head}/{trial}", {"head": [head], "trial": [trial]}, settings)
    for point, trial in run.cifar10.sweep_jobs():
        head, own = run.cifar10.sweep_points()[point]
        penalty = {} if head == "linear" else {"penalty": [own.training.penalty], "rho": [own.training.rho]}
        where = {"head": [head], **penalty, "trial": [trial]}
        settings = own.part(params.Cifar10Trial)
        yield _job("cifar10_sweep", f"cifar10_sweep/trials/{point}/{trial}", where, settings)
    for head, trial in run.cifar100.jobs():
        settings = run.cifar100.part(params.Cifar100Trial)
        yield _job("cifar100", f"cifar100/trials/{head}/{trial}", {"head": [head], "trial": [trial]}, settings)
    for chunk in run.cifar100.probes.chunks():
        where = {"head": ["linear", "spectral", "mlp"], "trial": _trials(chunk)}
        settings = run.cifar100.probe_trial().model_dump_json()
        yield _job("probes", f"cifar100/probes/{chunk}", where, settings)
    for method, trial in nasbench.jobs():
        settings = nasbench.part(params.CellSearch)
        yield _job("nasbench", f"nasbench/trials/{method}/{trial}", {"method": [method], "trial": [trial]}, settings)


def _sweeps(run: params.Settings) -> Iterator[Job]:
    """The sweep's jobs: one per penalty on experiment 1, one per penalty and strength on experiment 2."""
    sweep = run.hyperparameters
    for name, settings in run.sweeps().items():
        training = settings.training
        if isinstance(settings, params.Regression):
            own = {"experiment": ["regression"], "rho": sweep.rhos, "alpha": sweep.alphas}
            trials, part = sweep.trials, settings.part(params.RegressionTrial)
        else:
            own = {"experiment": ["teacher_student"], "rho": [training.rho]}
            trials, part = sweep.teacher_trials, settings.part(params.TeacherTrial)
        where = {**own, "penalty": [training.penalty], "trial": list(range(trials))}
        yield _job("hyperparameters", f"hyperparameters/sweeps/{name}", where, part)


def reusable(run: params.Settings, published: Path) -> list[Job]:
    """The jobs of a run whose trials are all published, from the same settings and with sources as they are now.

    Trials on images must be of real ones. Those of a checkout with changes, or whose commit Git does not know here,
    are trained again. Raises ArtifactError if nothing is published.
    """
    if not (published / "settings.json").exists():
        raise ArtifactError(f"{published}: nothing is published there, so reuse=published has nothing to take")
    before = params.validate(params.Settings, read_json(published / "settings.json")["run"])
    if before.root_seed != run.root_seed:
        return []
    known = {job.alike(): job.settings for job in jobs(before)}
    tables = {kind: published / f"{table}.parquet" for kind, table in TRIALS.items()}
    trials = {kind: read_table(path) for kind, path in tables.items() if path.exists()}
    return [
        job
        for job in jobs(run)
        if job.kind in trials
        and known.get(job.alike()) == job.settings
        and (job.kind not in GENERATED or _data(before) == _data(run))
        and all((published / table).exists() for table in job.files().values())
        and _holds(job, rows_of(trials[job.kind], job.where))
    ]


def _holds(job: Job, rows: pd.DataFrame) -> bool:
    """Whether these are all of the job's trials, of one commit, since which no source of theirs has changed."""
    complete = len(rows) > 0 if job.kind == "tuning" else len(rows) == prod(map(len, job.where.values()))
    if not complete or rows["commit"].nunique() != 1:
        return False
    real = not rows["stand_in"].any() if "stand_in" in rows else True
    return real and unchanged_since(rows["commit"].iloc[0], sources(*job.modules))


def rows_of(table: pd.DataFrame, where: Where) -> pd.DataFrame:
    """The rows with one of the values in every column that the table has."""
    for name, values in where.items():
        if name in table:
            table = table[table[name].isin(list(values))]
    return table


@click.command()
@click.option("--kind", type=click.Choice(list(TABLES)), required=True)
@click.option("--where", type=Json(dict[str, list]), required=True, help="columns and values of the trials")
@click.option("--settings", type=Json(dict[str, Any]), required=True, help="what they were made from")
@click.option("--root-seed", type=SEED, required=True)
@click.option("--published", type=INPUT, required=True, help="results/published")
@click.option("--output", type=PATH, required=True, help="stem of the job's files")
def take_published(kind: str, where: Where, settings: dict, root_seed: int, published: Path, output: Path) -> None:
    """Write a job's files from published trials, with the record of where and when they were trained."""
    trials = rows_of(read_table(published / f"{TRIALS[kind]}.parquet"), where)
    for end, table in TABLES[kind].items():
        rows = rows_of(read_table(published / f"{table}.parquet"), where).reset_index(drop=True)
        plain = rows.drop(columns=[name for name in (*RECORDED, *SCORES.values()) if name in rows])
        if "device" in rows and end == "_costs":
            plain = plain.assign(device=rows["device"])
        write_table(output.with_name(f"{output.name}{end}.parquet"), plain)
    one = trials.iloc[0]
    record = {name: one[name] for name in ("commit", "machine", "device", "made_from")}
    record |= {"finished": trials["finished"].max(), "seconds": 60 * float(trials["minutes"].sum())}
    record |= {"trials": len(trials), "settings": settings, "root_seed": root_seed, "data": "published", "inputs": {}}
    write_json(sidecar(output), record)


def _job(kind: str, stem: str, where: dict, settings: str, *modules: str) -> Job:
    data = ("sparcs.commands.data",) if kind in GENERATED else ()
    return Job(kind, stem, where, settings, (f"sparcs.commands.{VERBS.get(kind, kind)}", *modules, *data))


def _trials(chunk: str) -> list[int]:
    first, last = map(int, chunk.split("-"))
    return list(range(first, last + 1))


def _data(run: params.Settings) -> tuple[str, str]:
    return run.regression.part(params.RegressionData), run.teacher_student.part(params.TeacherData)
