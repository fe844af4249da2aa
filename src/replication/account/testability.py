"""Reasons why a run can't test the paper's claims: size, settings, stand-in data, a substitute backbone."""

from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from replication.data.names import TEACHER
from replication.experiments import EXPERIMENTS
from replication.experiments.baselines.comparison import name_of
from replication.experiments.cifar10.claims import SWEEP
from replication.judging.verdicts import Tables

MORE_IS_FINE = (
    "epochs",
    "steps",
    "trials",
    "tuning_trials",
    "points",
    "held_out_points",
    "test_points",
    "images",
    "test_images",
)


def run_too_small(run: Mapping, paper: Mapping) -> dict[str, str]:
    """The reasons why a run can't test its claims, per experiment: it is less than the paper's run, or another one.

    run, paper: the two settings as nested mappings; those published before an experiment was added do not have it. More
    trials, epochs, points or data sets are no reason. Those of experiment 3's sweep over penalties stand under SWEEP.
    """
    compared = {name: each.compared for name, each in EXPERIMENTS.items() if each.compared and name in run}
    reasons = {name: _differences(run[name], paper[name], keys) for name, keys in compared.items()}
    swept = run.get("hyperparameters", {}).get("teacher_trials")
    stages = () if swept is None else EXPERIMENTS["hyperparameters"].stages[: 2 if swept else 1]
    for name in (stage.name for stage in stages):  # each is of one experiment, and named after it
        of_run, full = ({**settings[name], "training": _unswept(settings[name])} for settings in (run, paper))
        keys = [key for key in EXPERIMENTS[name].compared if key not in ("alphas", "betas")]
        reasons["hyperparameters"] += _differences(of_run, full, keys)
    if "sweep" in run.get("cifar10", {}):
        of_sweep, full = (
            settings["cifar10"] | {"training": _of_sweep(settings["cifar10"])} for settings in (run, paper)
        )
        reasons[SWEEP] = _differences(of_sweep, full, EXPERIMENTS["cifar10"].compared)
    return {name: "not the paper's run: " + ", ".join(parts) for name, parts in reasons.items() if parts}


def data_unfit(tables: Tables) -> dict[str, str]:
    """The reasons why a run's images or backbone can't test its claims, per experiment."""
    trials = {name: tables[f"{name}/trials"] for name in EXPERIMENTS if f"{name}/trials" in tables}
    swept = {SWEEP: tables[SWEEP]} if SWEEP in tables else {}
    reasons = {name: ", ".join(_unfit(rows)) for name, rows in (trials | swept).items()}
    return {name: text for name, text in reasons.items() if text}


def _unfit(trials: pd.DataFrame) -> Iterator[str]:
    if "stand_in" in trials and trials["stand_in"].any():
        yield "stand-in data"
    if "substitute_backbone" in trials:
        for backbone in sorted(trials.loc[trials["substitute_backbone"].astype(bool), "backbone"].unique()):
            yield f"on the substitute backbone {backbone}"


def field_incomplete(run: Mapping, tables: Tables) -> dict[str, str]:
    """The baselines that a run of all of them lacks on the task that claim G2 is judged on."""
    trials = tables.get("baselines/trials")
    if trials is None or run["baselines"]["methods"] is not None:
        return {}
    there = set(trials.loc[trials["task"] == TEACHER, "method"])
    of_task = [name for name, method in run["baselines"]["catalogue"].items() if method["only"] in (None, TEACHER)]
    missing = [name_of(name) for name in of_task if name not in there] if there else []
    return {"baselines": "not the whole field: without " + ", ".join(missing)} if missing else {}


def why_untested(run: Mapping, paper: Mapping, tables: Tables) -> dict[str, str]:
    """Everything that keeps a run from testing its claims, per experiment; what it measured stands all the same."""
    parts = run_too_small(run, paper), data_unfit(tables), field_incomplete(run, tables)
    names = sorted({name for each in parts for name in each})
    return {name: "; ".join(each[name] for each in parts if name in each) for name in names}


def _differences(run: Mapping, paper: Mapping, keys: Iterable[str]) -> list[str]:
    """Differences that make ``run`` less than ``paper``, or another run, as phrases; a key that both lack is none."""
    phrases = []
    for key in keys:
        name = key.replace("_", " ")
        if key not in run or key not in paper:
            phrases += [f"{name} is not recorded"] if key in run or key in paper else []
            continue
        value, full = run[key], paper[key]
        if isinstance(full, Mapping):
            phrases += _differences(value, full, full)
        elif key in MORE_IS_FINE:
            phrases += [f"{name} {value} of {full}"] if value < full else []
        elif key == "methods":
            phrases += [] if value is None else [f"{len(value)} method{'s' * (len(value) != 1)}"]
        elif key in ("alphas", "betas", "rhos", "penalties", "strengths"):
            phrases += [f"{len(set(full) & set(value))} of {len(full)} {name}"] if set(full) - set(value) else []
        elif value != full:
            phrases.append(f"{name} {value}, not {full}")
    return phrases


def _of_sweep(settings: Mapping) -> dict:
    return _unswept(settings) | {name: settings["sweep"][name] for name in ("epochs", "penalties", "rhos")}


def _unswept(settings: Mapping) -> dict:
    return {key: value for key, value in settings["training"].items() if key not in ("penalty", "rho")}
