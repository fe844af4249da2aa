"""Tables of the report on cells: accuracies, cells, and four operations beside five."""

import numpy as np
import pandas as pd

from replication.experiments.cells.figures import METHODS, SCORES
from replication.judging.statistics import mean_interval
from replication.report.stand_in import title
from replication.report.tables import markdown
from replication.report.text import interval, number

TOOK = {"cpu": "core-minutes", "cuda": "minutes on the GPU"}


def cells_table(trials: pd.DataFrame, reference: pd.DataFrame, costs: pd.DataFrame) -> str:
    """Accuracies of each method's cells on the three data sets, mean and range, skips, and the cost of a search.

    trials: those of ``finished``; costs: of the searches on any devices, each in rows of its own.
    """
    minutes = (costs.groupby(["method", "device"])["seconds"].mean() / 60).unstack()
    took = [device for device in TOOK if device in minutes]
    rows = []
    for method in [method for method in METHODS if (trials["method"] == method).any()]:
        of_method = trials[trials["method"] == method]
        row = {"method": METHODS[method], "n": len(of_method)}
        row |= {f"{label}, %": _range(of_method[f"{name}_accuracy"]) for name, label in SCORES.items()}
        row |= {"edges that skip": f"{of_method['skips'].mean():.1f}"}
        rows.append(row | {TOOK[device]: number(minutes[device].get(method, np.nan)) for device in took})
    for name, label in (("best", "best cell of all"), ("mean", "mean of all cells"), ("all_skip", "skips alone")):
        by_score = reference.set_index("score")[name]
        row = {"method": f"*{label}*", "n": ""}
        row |= {f"{shown}, %": _one(by_score.get(f"{data}_accuracy", np.nan)) for data, shown in SCORES.items()}
        rows.append(row | {"edges that skip": ""} | {TOOK[device]: "" for device in took})
    return f"{title('Cells', trials)} Accuracies from the tabular benchmark.\n\n{markdown(pd.DataFrame(rows))}"


def found_table(trials: pd.DataFrame) -> str:
    """Every cell that was found. trials: those of ``finished``."""
    if trials.empty:
        return "No search ended."
    names = "<code>" + trials["cell"].str.replace("|", "&#124;") + "</code>"  # a bar would end the table's cell
    rows = trials.assign(cell=names, method=trials["method"].map(METHODS))
    return markdown(rows[["method", "trial", "cell"]])


def operations_table(cells: pd.DataFrame, without_none: pd.DataFrame) -> str:
    """Each method's cells with five operations and with four: accuracy on CIFAR-10 and their paired difference."""
    if without_none.empty:
        return "The search without the operation none: it has not been run."
    accuracy = "cifar10_accuracy"
    pairs = cells.merge(without_none, on=["method", "trial"], suffixes=("_five", "_four"))
    rows = []
    for method in [method for method in METHODS if (without_none["method"] == method).any()]:
        of_method = pairs[pairs["method"] == method]
        differences = (of_method[f"{accuracy}_four"] - of_method[f"{accuracy}_five"]).dropna()
        rows.append(
            {
                "method": METHODS[method],
                "five operations, %": _mean(cells, method),
                "four operations, %": _mean(without_none, method),
                "four minus five, points": interval(*mean_interval(differences.to_numpy())) or "untested",
                "n": len(differences),
            }
        )
    return f"Both searches of a trial have one seed.\n\n{markdown(pd.DataFrame(rows))}"


def _mean(trials: pd.DataFrame, method: str) -> str:
    mean = trials.loc[trials["method"] == method, "cifar10_accuracy"].mean()
    return "untested" if np.isnan(mean) else f"{mean:.2f}"


def _range(values: pd.Series) -> str:
    if values.isna().all():
        return "untested"
    spread = f" ({values.min():.2f} to {values.max():.2f})" if len(values) > 1 else ""
    return f"{values.mean():.2f}{spread}"


def _one(value: float) -> str:
    return "untested" if np.isnan(value) else f"{value:.2f}"
