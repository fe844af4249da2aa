"""The remaining cost of the paper's full sizes: the trainings, and hours projected from those that were timed."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from replication.experiments import EXPERIMENTS
from replication.experiments.cifar10.tables import HEADS, table_of
from replication.experiments.cifar10.tables import TABLES as PAPERS
from replication.experiments.cifar100.settings import HEADS as TWO_HEADS
from replication.experiments.teacher_student.ensembles import called
from replication.report.tables import markdown
from replication.report.text import number

PROBED = 4  # heads on fixed features
AT_ONCE = {"cpu": 2, "cuda": 1}  # trainings side by side: two cores, one GPU
HOUR = 3600  # seconds
STEPS = "benchmark/full_size"  # the table of steps that were timed of trainings of the paper's size
CONTROLS = ("random", "untrained")  # which train nothing
TIMED = {  # what a time is, by device and by where it stands
    ("cpu", "trials"): "core-time of the whole job",
    ("cpu", "costs"): "core-time of training, without evaluation",
    ("cuda", "costs"): "training by the clock, without evaluation",
    ("cuda", "trials"): "core-time of the host, whole job",
}
SOURCES = {"cpu": ("trials", "costs"), "cuda": ("costs", "trials")}  # the first that has a device's times is taken
Tables = Mapping[str, pd.DataFrame]


class Part(NamedTuple):
    """Trainings of an experiment that are alike in size.

    what: their name within the experiment; trainings: how many; size: settings on which their time depends; where:
    columns of the tables of trials and the values of its rows; table: of its trials.
    """

    what: str
    trainings: int
    size: dict
    where: dict[str, list]
    table: str = "trials"


class Time(NamedTuple):
    """The mean time of single trainings of a part on one device. timed: what the time is; rows: of the trials."""

    seconds: float
    timed: str
    rows: pd.DataFrame


def remaining(tables: Tables, run: Mapping, paper: Mapping) -> dict:
    """The paper's sizes: trainings, and hours projected from trainings of that size, where any was timed.

    tables: of the run's trials and costs, and of STEPS if any were timed; run, paper: both settings.
    """
    rows = []
    for name in filter(PARTS.get, EXPERIMENTS):
        of_experiment = parts(name, paper)
        rows.append(
            {
                "name": name,
                "experiment": EXPERIMENTS[name].title,
                "trainings": sum(part.trainings for part in of_experiment),
                "parts": [(part.what, part.trainings) for part in of_experiment],
                "done": sum(_done(name, part, tables, run) for part in of_experiment),
                **{device: _projected(name, of_experiment, tables, run, device) for device in AT_ONCE},
                "papers": _papers(name, paper),
            }
        )
    return {"rows": rows, "totals": {device: sum(row[device]["hours"] for row in rows) for device in AT_ONCE}}


def times_table(tables: Tables, run: Mapping, paper: Mapping) -> str:
    """The times behind the projected hours: one training of the paper's size, on each device that has any."""
    rows = [
        {
            "experiment": ", ".join(filter(None, [EXPERIMENTS[name].title, part.what])),
            "device": device,
            "one training": f"{number(time.seconds)} s",
            "which is": time.timed,
            "n": f"{len(time.rows):,}",
            "machine": _distinct(time.rows, "machine"),
            "commit": _distinct(time.rows, "commit"),
        }
        for name in filter(PARTS.get, EXPERIMENTS)
        for part in parts(name, paper)
        for device in AT_ONCE
        for time in filter(None, [_time(name, part, tables, run, device)])
    ]
    return markdown(pd.DataFrame(rows)) if rows else "No training of the paper's size was timed."


def parts(experiment: str, settings: Mapping) -> list[Part]:
    """The trainings of an experiment at some settings."""
    return list(PARTS[experiment](settings))


PARTS: dict[str, Callable[[Mapping], Iterator[Part]]] = {}  # of the experiments whose trainings can run on a GPU


def parts_of(experiment: str) -> Callable[[Callable], Callable]:
    """Enter a function among PARTS, under its experiment's name."""
    return lambda count: PARTS.setdefault(experiment, count)


@parts_of("regression")
def _regression(settings: Mapping) -> Iterator[Part]:
    regression, size = settings["regression"], _size(settings["regression"], "points", "widths")
    yield Part(
        "on its data sets", regression["trials"] * len(regression["alphas"]) * len(regression["betas"]), size, {}
    )
    if "starts" in regression:  # settings of before have none
        starts = regression["starts"]
        trainings = starts["trials"] * len(starts["alphas"]) * len(starts["output_eigenvalues"])
        yield Part("from either start", trainings, size, {}, table="starts")
    if "priced" in regression:
        priced = regression["priced"]
        trainings = priced["trials"] * len(priced["alphas"]) * len(priced["rhos"])
        yield Part("with a price on weights", trainings, size, {}, table="priced")


@parts_of("teacher_student")
def _teacher_student(settings: Mapping) -> Iterator[Part]:
    student = settings["teacher_student"]
    ensembles, of_map = student["ensembles"], student.get("map")
    own = {name: _own_size(ensemble) for name, ensemble in ensembles.items()}
    alike = [name for name in ensembles if not own[name]]
    size = _size(student, "points", "widths")
    yield Part("with Table 4's size", sum(ensembles[name]["trials"] for name in alike), size, {"ensemble": alike})
    for name in (name for name in ensembles if own[name]):
        yield Part(called(name), ensembles[name]["trials"], size | own[name], {"ensemble": [name]})
    if of_map:  # settings from before there was one have none
        strengths = len(of_map["strengths"])
        reduced = {name: value for name, value in of_map.items() if name not in ("trials", "full_trials", "chunk")}
        yield Part("the map of strengths", of_map["trials"] * strengths**2, reduced, {"size": ["reduced"]}, table="map")
        yield Part("the map's diagonal", of_map["full_trials"] * strengths, size, {"size": ["full"]}, table="map")


def _own_size(ensemble: Mapping) -> dict:
    """What an ensemble has of its own that changes the time of a training."""
    return {name: ensemble[name] for name in ("hidden", "epochs") if ensemble.get(name)}


@parts_of("hyperparameters")
def _hyperparameters(settings: Mapping) -> Iterator[Part]:
    sweep = settings["hyperparameters"]
    strengths = len(sweep["penalties"]) * len(sweep["rhos"])
    regression, teacher_student = next(_regression(settings)), next(_teacher_student(settings))
    on_first, on_second = strengths * sweep["trials"] * len(sweep["alphas"]), strengths * sweep["teacher_trials"]
    yield Part("on experiment 1", on_first, regression.size, {"experiment": ["regression"]})
    yield Part("on experiment 2", on_second, teacher_student.size, {"experiment": ["teacher_student"]})


@parts_of("depth")
def _depth(settings: Mapping) -> Iterator[Part]:
    depth = settings["depth"]
    teacher, start, family = depth["teacher"], depth["initial_scale"], depth["alpha_beta"]
    trainings = teacher["trials"] * len(teacher["depths"])
    trainings += start["trials"] * len(start["depths"]) * len(start["xavier_gains"])
    yield Part("on the teacher", trainings, _size(teacher, "points", "hidden"), {"data_set": ["teacher"]})
    if "without_penalty" in depth:  # settings from before have it not
        free, size = depth["without_penalty"], _size(teacher, "points", "hidden")
        yield Part("without a penalty", free["trials"] * len(free["depths"]), size, {}, table="without_penalty")
    if "priced" in depth:
        priced, size = depth["priced"], _size(teacher, "points", "hidden")
        yield Part("with a price on weights", priced["trials"] * len(priced["depths"]), size, {}, table="priced")
    trainings = family["trials"] * len(family["depths"]) * len(family["alphas"])
    size = _size(family, "points", "hidden", "depths", "alphas")
    yield Part("on the α/β family", trainings, size, {"alpha": family["alphas"]})


@parts_of("cifar10")
def _cifar10(settings: Mapping) -> Iterator[Part]:
    cifar10 = settings["cifar10"]
    for head in cifar10["heads"]:
        yield Part(
            HEADS[head], cifar10["trials"], _size(cifar10, "images", "validation_share", "widths"), {"head": [head]}
        )
    sweep = cifar10["sweep"]
    points = 1 + len(sweep["penalties"]) * len(sweep["rhos"])  # and the linear head
    size = _size(cifar10, "images", "validation_share", "widths") | {
        name: sweep[name] for name in sweep if name != "trials"
    }
    yield Part("in the sweep", sweep["trials"] * points, size, {}, table="sweep")
    if "priced" in cifar10:  # settings from before have it not
        priced = cifar10["priced"]
        points = len(priced["heads"]) * len(priced["penalties"]) * len(priced["rhos"])
        yield Part("with a price on weights", priced["trials"] * points, size, {}, table="priced")


@parts_of("cifar100")
def _cifar100(settings: Mapping) -> Iterator[Part]:
    cifar100 = settings["cifar100"]
    size = _size(cifar100, "images", "validation_share", "widths", "backbone", "input_size")
    for head in TWO_HEADS:
        yield Part(HEADS[head], cifar100["trials"], size, {"head": [head]})
    probes, where = cifar100["probes"], {"input_size": [cifar100["input_size"]]}
    yield Part("probes", PROBED * probes["trials"], size | probes["training"], where, table="probes")


@parts_of("cells")
def _cells(settings: Mapping) -> Iterator[Part]:
    cells = settings["cells"]
    size = {name: cells[name] for name in ("operations", "channels", "cells", "images", "epochs", "batch_size")}
    controls = [name for name in cells["methods"] if name in CONTROLS]
    searching = [name for name in cells["methods"] if name not in CONTROLS]
    for what, methods in (("searches", searching), ("controls", controls)):
        yield Part(what, cells["trials"] * len(methods), size, {"method": methods})
    if "without_none" in cells:  # settings from before have it not
        size = size | {"operations": [operation for operation in cells["operations"] if operation != "none"]}
        for what, methods in (("searches without the operation none", searching), ("controls without it", controls)):
            trainings = cells["without_none"] * len(methods)
            yield Part(what, trainings, size, {"method": methods}, table="without_none")


def _size(settings: Mapping, *names: str) -> dict:
    """The settings of the training, and these others."""
    return {**settings["training"], **{name: settings[name] for name in names}}


def _time(experiment: str, part: Part, tables: Tables, run: Mapping, device: str) -> Time | None:
    """The time of a part's trainings on a device, if any of its size was timed there, or at least a step of it."""
    for source in SOURCES[device] if _same_size(experiment, part, run) else ():
        if source == "costs" and part.table != "trials":  # they are the trials' alone
            continue
        name = part.table if source == "trials" else source
        rows = _rows(tables.get(f"{experiment}/{name}", pd.DataFrame()), part.where, device)
        if len(rows):
            return Time(float(rows["seconds"].mean()), TIMED[device, source], rows)
    steps = tables.get(STEPS, pd.DataFrame())
    if steps.empty:
        return None
    rows = _rows(steps, {"experiment": [experiment], "what": part.where.get("head", [part.what])}, device)
    if rows.empty:
        return None
    mean = float(np.average(rows["seconds"], weights=rows["trainings"]))
    return Time(mean, f"all its steps, of which one was timed ({rows['samples'].iloc[0]} samples)", rows)


def _done(experiment: str, part: Part, tables: Tables, run: Mapping) -> int:
    """The number of a part's trainings that were done."""
    table = tables.get(f"{experiment}/{part.table}", pd.DataFrame())
    return int(_chosen(table, part.where).sum()) if len(table) and _same_size(experiment, part, run) else 0


def _same_size(experiment: str, part: Part, run: Mapping) -> bool:
    """Whether a run has trainings like those of a part."""
    return part.size in [other.size for other in parts(experiment, run) if other.what == part.what]


def _chosen(table: pd.DataFrame, where: Mapping[str, list]) -> pd.Series:
    chosen = pd.Series(True, index=table.index)
    for column, values in where.items():
        chosen &= table[column].isin(values)
    return chosen


def _rows(table: pd.DataFrame, where: Mapping[str, list], device: str) -> pd.DataFrame:
    """A part's rows on one device that have a time, in seconds; a run's own trials have none."""
    if "minutes" in table:
        table = table.assign(seconds=60 * table["minutes"])
    if not {"seconds", "device", *where} <= set(table):
        return table.head(0)
    return table[_chosen(table, where) & (table["device"] == device)].dropna(subset=["seconds"])


def _projected(
    experiment: str, of_experiment: list[Part], tables: Tables, run: Mapping, device: str
) -> dict[str, float]:
    """Hours of all trainings of the parts that were timed on a device, and how many trainings those are."""
    every = [(part, _time(experiment, part, tables, run, device)) for part in of_experiment]
    timed = [(part.trainings, time.seconds) for part, time in every if time is not None]
    hours = sum(trainings * seconds for trainings, seconds in timed) / HOUR / AT_ONCE[device]
    return {"hours": hours, "trainings": sum(trainings for trainings, _ in timed)}


def _papers(experiment: str, paper: Mapping) -> dict | None:
    """Hours of all trainings of both heads, at the time that the paper's tables give for one of each."""
    table = table_of(EXPERIMENTS[experiment])
    if table is None:
        return None
    seconds = PAPERS[table]["seconds"]
    hours = paper[experiment]["trials"] * sum(seconds.values()) / HOUR
    return {"hours": hours, "heads": [HEADS[head] for head in seconds]}


def _distinct(rows: pd.DataFrame, column: str) -> str:
    return "; ".join(sorted(rows[column].unique())) if column in rows else "not in the table"
