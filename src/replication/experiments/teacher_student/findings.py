"""What the teacher's students do, as the values that the report's sentences take."""

from collections.abc import Mapping

import pandas as pd

from replication.experiments.teacher_student.ensembles import called
from replication.experiments.teacher_student.layers import eigenvalues, hidden, name
from replication.report.intervals import finished
from replication.report.prose import diverged, epochs


def size(trials: pd.DataFrame, of_map: pd.DataFrame, settings: Mapping) -> dict:
    """n, teachers and epochs, of ensembles and the map also where they differ, and how many trials diverged."""
    run, counts = settings["run"]["teacher_student"], trials["ensemble"].value_counts(sort=False)
    own = {called(each): run.get("ensembles", {}).get(each, {}).get("epochs") for each in counts.index}
    own |= {"the map": run["map"]["epochs"]} if len(of_map) and "map" in run else {}
    return {
        "ensembles": counts.rename(called).to_dict(),
        "teachers": trials["teacher"].nunique(),
        "epochs": epochs(settings, "teacher_student"),
        "others": {where: number for where, number in own.items() if number},
        "trials": len(trials),
        "diverged": diverged(trials),
        "of_map": len(of_map),
    }


def students(trials: pd.DataFrame, linear: pd.DataFrame, budget: float) -> dict:
    """Linear and trained fits, the surviving layers, and what pruning leaves, for the default ensemble.

    Means over the finished networks; of what a layer's deletion does to the loss the median.
    """
    rows = finished(trials)
    if rows.empty:
        return {"n": 0}
    with_intercept = linear.loc[linear["intercept"].astype(bool) & (linear["rotations"] == 2), "r2"]
    layers = hidden(rows)
    return {
        "n": len(rows),
        "teachers": len(with_intercept),
        "linear_r2": with_intercept.mean(),
        "layers": [
            {
                "name": name(layer),
                "symbol": eigenvalues(layer),
                "survives": int((rows["surviving_layer"] == layer).sum()),
            }
            for layer in layers
        ],
        "without_other": 1 + rows["other_layer_loss_increase"].median(),
        "budget": budget,
        **rows[["test_r2", "kept_eigenvalues", "live_neurons", "trimmed_r2", "kept_neurons_weight_space"]]
        .mean()
        .to_dict(),
    }


def own_teachers(trials: pd.DataFrame) -> dict:
    """Which ensembles have another teacher for each of several networks."""
    of_each = trials.groupby("ensemble", sort=False)["teacher"].agg(["size", "nunique"])
    return {"ensembles": [*map(called, of_each[(of_each["size"] > 1) & (of_each["size"] == of_each["nunique"])].index)]}


def priced(trials: pd.DataFrame) -> dict:
    """The mean count of live neurons with a price on weights and with Table 4's penalty, and of how many networks."""
    live = {name: finished(trials[trials["ensemble"] == name])["live_neurons"].dropna() for name in ("rows", "l2")}
    return {"live": [(of.mean(), len(of)) for of in live.values()] if all(map(len, live.values())) else []}


def not_run(trials: pd.DataFrame, ensembles: list[str]) -> dict:
    """Those ensembles that have no trial."""
    return {"ensembles": [called(each) for each in ensembles if each not in set(trials["ensemble"])]}


def map_size(run: Mapping, trials: pd.DataFrame) -> dict:
    """How much smaller the networks of the map are, and whether those of equal strengths are trained at full size, too.

    run: the settings of experiment 2; trials: of the map.
    """
    of_map = run.get("map") or {"hidden": 0, "points": 0, "epochs": 0, "batch_size": 0}
    return {
        "hidden": of_map["hidden"],
        "share": of_map["points"] / run["points"],
        "epochs": of_map["epochs"],
        "batch_size": of_map["batch_size"],
        "full": bool(len(trials) and (trials["size"] == "full").any()),
    }
