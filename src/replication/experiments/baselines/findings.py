"""What the comparison with baselines found (Table R1), as the values that its report's sentences take."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from replication.data.names import TEACHER
from replication.experiments.baselines.comparison import (
    FEW,
    FEWEST_SEEDS,
    GOOD_R2,
    REFERENCE,
    SCALARS,
    compare,
    most_exact,
    name_of,
    networks,
    scalars,
    smallest,
)
from replication.experiments.baselines.figures import methods_of, searches, title_of
from replication.judging.divergence import divergence
from replication.report.intervals import count_range

RESULTS = ("SPARCS better", "baseline better", "no difference", "not tested")
RETRAINED = "max_30_neurons_retrained_test_r2"


def size(trials: pd.DataFrame, settings: Mapping) -> dict:
    """Methods, tasks, seeds, strengths and steps, and how many searches diverged."""
    run = settings["run"]["baselines"]
    by_name = trials.assign(method=trials["method"].map(name_of))
    steps = sorted({run[kind]["steps"] for kind in ("teacher", "alpha_beta") if run[kind]["trials"]})
    return {
        "methods": trials["method"].nunique(),
        "tasks": [title_of(task) for task in trials["task"].unique()],
        "each": count_range(trials.groupby(["task", "method"])["trial"].nunique()),
        "strengths": [f"{value:g}" for value in sorted(trials["strength"].unique())],
        "searches": searches(trials),
        "steps": [f"{count:,}" for count in steps],
        "diverged": divergence(by_name, "test_r2", ["method"]).text or "no searches diverged",
    }


def grids(trials: pd.DataFrame) -> dict:
    """The strengths that methods were searched with on the teacher task, where these are not the same for all."""
    of_method = trials[trials["task"] == TEACHER].groupby("method")["strength"].unique()
    methods: dict[tuple, list[str]] = {}
    for method, strengths in of_method.items():
        if len(strengths) > 1:  # else it has none to choose from
            methods.setdefault(tuple(sorted(strengths)), []).append(name_of(method))
    return {"grids": methods if len(methods) > 1 else {}}


def against_sparcs(trials: pd.DataFrame) -> dict:
    """Each baseline against SPARCS with L2 on both scalars of the teacher task; no row without that task."""
    compared = compare(trials).dropna(subset=["ratio"])
    rows = []
    for method, of_method in compared.groupby("method", sort=False):
        by_scalar = of_method.set_index("scalar")[["ratio", "result"]].to_dict("index")
        rows.append({"name": name_of(method), **{scalar: by_scalar.get(scalar) for scalar in SCALARS}})
    counts = compared.groupby("scalar")["result"].value_counts()
    return {
        "scalars": {
            text: {result: int(counts.get((scalar, result), 0)) for result in RESULTS}
            for scalar, text in SCALARS.items()
        },
        "baselines": compared["method"].nunique(),
        "rows": sorted(rows, key=lambda row: row["parameters"]["ratio"] if row["parameters"] else np.inf),
        "names": list(SCALARS),
        "fewest": FEWEST_SEEDS,
    }


def networks_found(trials: pd.DataFrame) -> dict:
    """What the smallest and the most exact networks of each method on the teacher task are; linear methods by name."""
    on_teacher = trials[trials["task"] == TEACHER]
    points = networks(on_teacher)
    fits, within = smallest(points), smallest(points[points["target"] == "loss_budget"])
    left = 1 - most_exact(points).groupby("method")["test_r2"].median()
    rows = []
    for method in methods_of(on_teacher):
        found, budget = fits[fits["method"] == method], within[within["method"] == method]
        searched = on_teacher[on_teacher["method"] == method]
        rows.append(
            {
                "name": name_of(method),
                "neurons": found["neurons"].mean(),
                "bundles": found["bundles"].mean(),
                "parameters": float(np.exp(np.log(budget["parameters"]).mean())),
                "left": left.get(method, np.nan),
                "retrained": int((searched[RETRAINED] >= GOOD_R2).sum()),
                "searches": len(searched),
            }
        )
    most = on_teacher.groupby("method")["loss_budget_neurons"].max()
    return {
        "rows": rows,
        "good": GOOD_R2,
        "few": FEW,
        "linear": [name_of(method) for method in methods_of(on_teacher) if most[method] == 0],
    }


def why_larger(trials: pd.DataFrame) -> dict:
    """What is left of SPARCS's own networks on the teacher task, if baselines find smaller ones."""
    compared = compare(trials)
    better = (compared["scalar"] == "parameters") & (compared["result"] == "baseline better")
    of_sparcs = trials[
        (trials["task"] == TEACHER) & (trials["method"] == REFERENCE) & (trials["loss_budget_neurons"] > 0)
    ]
    return {
        "smaller_found": bool(better.any()) and len(of_sparcs) > 0,
        "neurons": of_sparcs["loss_budget_neurons"].mean(),
        "layers": of_sparcs["loss_budget_hidden_layers"].mean(),
    }


def without_teacher(trials: pd.DataFrame) -> dict:
    """Who finds the smallest and the most exact network on each task, by medians over seeds."""
    tasks = []
    for task, of_task in trials.groupby("task", sort=False):
        both = scalars(of_task).groupby("method")[list(SCALARS)].median()
        if both["error"].isna().all():
            tasks.append({"title": title_of(task), "best": []})
            continue
        best = [
            {"what": text, "name": name_of(both[scalar].idxmin()), "value": both[scalar].min(),
             "sparcs": both[scalar].get(REFERENCE, np.nan)}
            for scalar, text in SCALARS.items()
        ]  # fmt: skip
        tasks.append({"title": title_of(task), "best": best})
    return {"tasks": tasks}


def misses(trials: pd.DataFrame, task: str) -> dict:
    """The methods of which some seed has no compacted network that fits without retraining, at any strength."""
    of_task = trials[trials["task"] == task]
    points = networks(of_task)
    best = points[~points["retrained"]].groupby(["method", "trial"])["test_r2"].max()
    seeds = of_task[["method", "trial"]].drop_duplicates().groupby("method").size()
    fit = (best >= GOOD_R2).groupby("method").sum().reindex(seeds.index, fill_value=0)
    methods = [
        {"name": name_of(method), "lost": int(seeds[method] - fit[method]), "seeds": int(seeds[method])}
        for method in methods_of(of_task)
        if fit[method] < seeds[method]
    ]
    return {"good": GOOD_R2, "methods": methods}
