"""Tables of the report on cells: accuracies, cells, four operations beside five, and GAEA's claims."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from replication.experiments.cells.figures import METHODS, SCORES
from replication.judging.statistics import Interval, mean_interval
from replication.report.stand_in import title
from replication.report.tables import markdown
from replication.report.text import interval, listing, number

TOOK = {"cpu": "core-minutes", "cuda": "minutes on the GPU"}
GAEA, DARTS = "gaea_bilevel", "darts"  # of the comparison of searches: alike in all but the step of the gates
TASK = "teacher"  # of that comparison, where it was run
REPORTED = {"cifar10": 94.1, "cifar100": 73.4, "imagenet16_120": 46.4}  # by GAEA's paper, for the single-level variant
EARLY = 0.1  # of a search's steps
NOT_RUN = "it has not been run"
TESTED, MINIATURE, NOT_TESTED = "tested, on the comparison's tasks", "in miniature", "not tested"


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


def gaea_claims(
    cells: pd.DataFrame, without_none: pd.DataFrame, history: pd.DataFrame, run: Mapping, paper: Mapping
) -> str:
    """GAEA's claims, each with how far it is tested and what was found, as Markdown.

    cells, without_none: the searches that ended, with five and with four operations; history: of the comparison's
    searches, step by step; run, paper: both settings of the cells.
    """
    rows = [
        ("mirror descent converges fast", *_of_gates(history, _convergence)),
        ("its architectures are sparse", *_of_gates(history, _sparsity)),
        ("near the optimum on NAS-Bench-201, five operations", *_of_cells(cells, run, paper)),
        ("the same with the released command's four operations, without none", *_of_cells(without_none, run, paper)),
        ("single-level training is enough", *_of_levels(cells)),
        ("best results on the DARTS space, CIFAR-10 and ImageNet", NOT_TESTED, NOT_RUN),
    ]
    return markdown(pd.DataFrame(rows, columns=["GAEA's paper says", "how far tested", "found here"]))


def operations_table(cells: pd.DataFrame, without_none: pd.DataFrame) -> str:
    """Each method's cells with five operations and with four: accuracy on CIFAR-10 and their paired difference."""
    if without_none.empty:
        return f"The search without the operation none: {NOT_RUN}."
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


def _of_gates(history: pd.DataFrame, found) -> tuple[str, str]:
    """How far a claim on the search itself is tested on the comparison's history, and what it says."""
    methods = {GAEA, DARTS}
    rows = history[history["method"].isin(methods)] if len(history) else history
    if rows.empty or set(rows["method"]) != methods:
        return NOT_TESTED, NOT_RUN
    task = TASK if TASK in set(rows["task"]) else rows["task"].iloc[0]
    strengths = sorted(rows["strength"].unique())
    strength = strengths[len(strengths) // 2]  # the middle one, the larger of two
    chosen = rows[(rows["task"] == task) & (rows["strength"] == strength)]
    n = chosen.groupby("method")["trial"].nunique().min()
    place = f"ρ = {number(strength)}, number {len(strengths) // 2 + 1} of {len(strengths)}, taken as the middle"
    return TESTED, f"{found(chosen)} (GAEA and DARTS, both bi-level; task {task}, {place}; n = {n})"


def _convergence(rows: pd.DataFrame) -> str:
    early, late = (
        np.exp(mean_interval(_paired(rows.assign(log=np.log(rows["validation_mse"])), "log", share)))
        for share in (EARLY, 1)
    )
    return (
        f"ratio of GAEA's validation loss to DARTS', geometric mean: {_said(tuple(early))} after a tenth of the steps, "
        f"{_said(tuple(late))} at the end"
    )


def _sparsity(rows: pd.DataFrame) -> str:
    entropy = [mean_interval(_paired(rows, "entropy", share)) for share in (EARLY, 1)]
    decided = mean_interval(_paired(rows, "decided", 1))
    return (
        f"entropy of the gates, 1 where all choices weigh alike, minus DARTS': {_said(entropy[0])} after a tenth of "
        f"the steps, {_said(entropy[1])} at the end; share of decided gates at the end minus DARTS' {_said(decided)}"
    )


def _paired(rows: pd.DataFrame, measure: str, share: float) -> np.ndarray:
    """GAEA minus DARTS, one value per trial, at the first step from this share of the search on."""
    reached = rows[rows["step"] >= share * rows["step"].max()].sort_values("step")
    values = reached.drop_duplicates(["method", "trial"]).pivot(index="trial", columns="method", values=measure)
    return (values[GAEA] - values[DARTS]).dropna().to_numpy(np.float64)


def _of_cells(trials: pd.DataFrame, run: Mapping, paper: Mapping) -> tuple[str, str]:
    """What the single-level variant's cells are worth, beside what GAEA's paper reports of them."""
    cells = trials[trials["method"] == "gaea"] if len(trials) else trials
    if cells.empty:
        return NOT_TESTED, NOT_RUN
    if cells["cifar10_accuracy"].isna().all():
        return NOT_TESTED, "no tabular benchmark was given"
    found = listing(
        [f"{label} {cells[f'{name}_accuracy'].mean():.2f} % ({REPORTED[name]})" for name, label in SCORES.items()]
    )
    smaller = "; ".join(_smaller(run, paper))
    full = f"{MINIATURE}: {smaller}" if smaller else "tested"
    return full, f"{found}; in brackets what GAEA's paper reports; n = {len(cells)}"


def _smaller(run: Mapping, paper: Mapping) -> Iterator[str]:
    """What a search is, other than the full one."""
    for name, label in (("channels", "C"), ("cells", "N"), ("images", "images"), ("epochs", "epochs")):
        if run[name] < paper[name]:
            yield f"{label} {run[name]:,} of {paper[name]:,}"
    times = run["rates"]["gaea"] / paper["rates"]["gaea"]
    if times != 1:
        yield f"{number(times)} times the rate"


def _of_levels(trials: pd.DataFrame) -> tuple[str, str]:
    """Single-level minus bi-level, of the cells' accuracy."""
    accuracy = trials.pivot(index="trial", columns="method", values="cifar10_accuracy") if len(trials) else trials
    if not {"gaea", "gaea_bilevel"} <= set(accuracy):
        return NOT_TESTED, NOT_RUN
    points = (accuracy["gaea"] - accuracy["gaea_bilevel"]).dropna().to_numpy()
    if not len(points):
        return NOT_TESTED, "no tabular benchmark was given"
    return (
        MINIATURE,
        f"single-level minus bi-level, CIFAR-10, points: {_said(mean_interval(points))}; n = {len(points)}",
    )


def _said(bounds: Interval) -> str:
    return interval(*bounds) or "–"


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
