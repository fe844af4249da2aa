"""Tables of the comparison with baselines (Table R1): what was found, what it took, what was tuned."""

import json
from collections.abc import Iterator

import numpy as np
import pandas as pd

from replication.data.names import TEACHER
from replication.experiments.baselines.comparison import (
    GOOD_R2,
    OWN,
    REFERENCE,
    SCALARS,
    compare,
    name_of,
    networks,
    scalars,
    smallest,
    with_flips,
)
from replication.experiments.baselines.figures import methods_of, title_of
from replication.judging.statistics import lowest
from replication.report.prose import NOTHING
from replication.report.tables import markdown
from replication.report.template import LARGEST, ratio
from replication.report.text import counted, fixed, interval, number

KEPT = "\N{NO-BREAK SPACE}"  # what stands around it stays in one line


def scalars_table(trials: pd.DataFrame, task: str) -> str:
    """Table R1, the two numbers that are compared on one task: geometric means over seeds, and ratios to SPARCS."""
    of_task = _ended(trials, task)
    if of_task.empty:
        return NOTHING
    both, tests, turned = scalars(of_task), compare(trials, task), with_flips(of_task)
    flipped = scalars(turned) if len(turned) else both.iloc[:0]
    rows = []
    for method in methods_of(of_task):
        each, searched = both[both["method"] == method], of_task[of_task["method"] == method]
        row = {"method": name_of(method), "n": searched["trial"].nunique()}
        for scalar, text in SCALARS.items():
            row[text] = _geometric(each[scalar])
            row[f"{scalar} over SPARCS"] = _ratio(tests, scalar, method)
        row["with flips"] = _geometric(flipped.loc[flipped["method"] == method, "parameters"])
        row["best strength"] = _strengths(smallest(networks(searched)))
        rows.append(row)
    return markdown(pd.DataFrame(rows))


def compacted_table(trials: pd.DataFrame, task: str) -> str:
    """Table R1, what compaction leaves within the loss budget on one task: means over seeds; empty without any."""
    rows = []
    for method, searched in _searches(trials, task):
        best = lowest(searched, "validation_mse", "trial")
        rows.append(
            {
                "method": name_of(method),
                "best R²": fixed(best["test_r2"].mean(), 3),
                "within the budget": fixed(best["loss_budget_test_r2"].mean(), 3),
                "retrained": fixed(best["loss_budget_retrained_test_r2"].mean(), 3),
                "layers": number(best["loss_budget_hidden_layers"].mean()),
                "neurons": number(best["loss_budget_neurons"].mean()),
                "bundles": number(best["loss_budget_bundles"].mean()),
                "parameters": number(best["loss_budget_parameters"].mean()),
                "multiply-adds": number(best["loss_budget_multiply_adds"].mean()),
                "‖in‖ / ‖out‖": _drift(searched),
            }
        )
    return markdown(pd.DataFrame(rows)) if rows else ""


def recovered_table(trials: pd.DataFrame, task: str) -> str:
    """Table R1, how often the network that made one task's data was found; empty where no network made them."""
    rows = [
        {
            "method": name_of(method),
            "recovered": _recovered(searched),
            "norm of its skip": number(searched.loc[_made_the_data(searched), "loss_budget_skip_norm"].mean()),
        }
        for method, searched in _searches(trials, task)
        if searched["recovered"].notna().any()
    ]
    return markdown(pd.DataFrame(rows)) if rows else ""


def costs_table(trials: pd.DataFrame, costs: pd.DataFrame, task: str) -> str:
    """Table R1, what a search took on one task: means over seeds and strengths; alone and memory are of one search."""
    of_task, spent = trials[trials["task"] == task], costs[costs["task"] == task]
    rows = []
    for method in methods_of(of_task):
        searched, cost = of_task[of_task["method"] == method], spent[spent["method"] == method]
        rows.append(
            {
                "method": name_of(method),
                "trained at a time": number(searched["trained_parameters"].mean()),
                "optimiser steps": number(searched["steps"].mean()),
                "gradient evaluations": number(searched["gradient_evaluations"].mean()),
                "trainings": number(searched["trainings"].mean()),
                "core-seconds alone": number(cost["alone_seconds"].mean()),
                "among others": number(cost["core_seconds"].mean()),
                "peak memory, MiB": number(cost["peak_mib"].mean()),
            }
        )
    return markdown(pd.DataFrame(rows))


def tuning_table(tuning: pd.DataFrame) -> str:
    """Every value that was tried of a tuned option on each task, the chosen one bold, and the seeds it was tried on."""
    if tuning.empty:
        return "Nothing was tuned in this run: every option is the one in `params.yaml`."
    rows, tasks = [], tasks_of(tuning)
    seeds = tuning.groupby("task")["tuning_trial"].nunique()
    for method in methods_of(tuning):
        of_method = tuning[tuning["method"] == method]
        row = {"method": name_of(method), "option": of_method["option"].iloc[0]}
        for task in tasks:
            tried = of_method.loc[of_method["task"] == task, ["value", "chosen"]].drop_duplicates()
            values = sorted(tried.itertuples(index=False, name=None), key=_size)
            column = f"{title_of(task)}, {counted(seeds[task], 'seed')}"
            row[column] = ", ".join(f"**{value}**" if chosen else value for value, chosen in values)
        rows.append(row)
    return markdown(pd.DataFrame(rows).fillna(""))


def tasks_of(trials: pd.DataFrame) -> list[str]:
    """The tasks that were run, the teacher first."""
    return sorted(trials["task"].unique(), key=lambda task: (task != TEACHER, task))


def _ended(trials: pd.DataFrame, task: str) -> pd.DataFrame:
    """The searches of a task; none if all of them diverged."""
    of_task = trials[trials["task"] == task]
    return of_task if of_task["test_r2"].notna().any() else of_task.iloc[:0]


def _searches(trials: pd.DataFrame, task: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """The searches of a task by method, in the order of the report."""
    of_task = _ended(trials, task)
    return ((method, of_task[of_task["method"] == method]) for method in methods_of(of_task))


def _size(tried: tuple[str, bool]) -> float:
    """A number's value; words are left in their order."""
    value = json.loads(tried[0])
    return 0.0 if isinstance(value, str) else value


def _drift(searched: pd.DataFrame) -> str:
    """Geometric mean over the searches whose network has hidden neurons; – where it was not measured."""
    return _geometric(searched["in_over_out"].dropna()) if "in_over_out" in searched else "–"


def _geometric(values: pd.Series) -> str:
    return number(float(np.exp(np.log(values).mean())))


def _ratio(tests: pd.DataFrame, scalar: str, method: str) -> str:
    of_method = tests[(tests["scalar"] == scalar) & (tests["method"] == method)]
    if of_method.empty or method in OWN:
        return "1" if method == REFERENCE else ""
    row = of_method.iloc[0]
    if np.isnan(row["effect"]):  # of one pair, or none
        return "–"
    times = ratio(row["ratio"]) if row["ratio"] > LARGEST else interval(row["ratio"], row["low"], row["high"])
    effect = f"r{KEPT}={KEPT}{row['effect']:.2f}".replace("-", "−")
    return f"{times}, {effect}, p{KEPT}={KEPT}{number(row['p_holm']).replace(' ', KEPT)}"


def _strengths(fits: pd.DataFrame) -> str:
    """The strengths that the smallest networks come from, with the number of seeds."""
    counts = fits["strength"].value_counts().sort_index()
    return ", ".join(f"{strength:g}{KEPT}({count})" for strength, count in counts.items())


def _recovered(searched: pd.DataFrame) -> str:
    """How many searches recovered the network that made the data, in all and at each strength in rising order."""
    known = searched[searched["recovered"].notna()]
    matches = _made_the_data(known)
    each = matches.groupby(known["strength"]).sum()
    return f"{matches.sum()} of {len(known)}" + (f" ({', '.join(map(str, each))})" if len(each) > 1 else "")


def _made_the_data(searched: pd.DataFrame) -> pd.Series:
    """Where the network within the budget is built as the one that made the data, and fits: an empty one does not."""
    return (searched["recovered"] == 1) & (searched["loss_budget_test_r2"] >= GOOD_R2)
