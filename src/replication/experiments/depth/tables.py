"""Tables of the depth report: compaction, the networks without a penalty and with a price, and the α/β data."""

import pandas as pd

from replication.experiments.depth.figures import default_start
from replication.report.prose import NOTHING
from replication.report.tables import markdown
from replication.report.text import fixed, number


def compaction_table(trials: pd.DataFrame) -> str:
    """What is left of the networks of each depth within the loss budget: means over the finished trials."""
    networks = default_start(trials).query("diverged_epoch < 0")
    if networks.empty:
        return NOTHING
    rows = [
        {
            "hidden layers allowed": depth,
            "n": len(rows),
            "left": number(rows["compact_hidden_layers"].mean()),
            "hidden neurons": _shrunk(rows, "neurons"),
            "parameters": _shrunk(rows, "parameters"),
            "multiply-adds": _shrunk(rows, "multiply_adds"),
            "loss": f"{100 * rows['compact_loss_increase'].mean():+.1f} %",
            "ONNX": number(rows["onnx_difference"].max()),
            "torch.export": number(rows["export_difference"].max()),
        }
        for depth, rows in networks.groupby("depth")
    ]
    return markdown(pd.DataFrame(rows))


def without_penalty_table(trials: pd.DataFrame, free: pd.DataFrame) -> str:
    """Layers in use and fit without a penalty, beside those with it: means over the finished trials of each depth."""
    networks = free[free["diverged_epoch"] < 0] if len(free) else free
    if networks.empty:
        return "Without a penalty: it has not been run." if free.empty else NOTHING
    penalised = default_start(trials).query("diverged_epoch < 0")
    rows = []
    for depth, of_depth in networks.groupby("depth"):
        beside = penalised[penalised["depth"] == depth]
        both = {"without": of_depth, "with": beside}
        rows.append(
            {"hidden layers allowed": depth, "n without, with": f"{len(of_depth)}, {len(beside)}"}
            | {f"in use, {name}": number(each["surviving_by_function"].mean()) for name, each in both.items()}
            | {f"by eigenvalue, {name}": number(each["surviving_by_eigenvalue"].mean()) for name, each in both.items()}
            | {f"R², {name}": fixed(each["test_r2"].mean(), 3) for name, each in both.items()}
        )
    return markdown(pd.DataFrame(rows))


def priced_table(trials: pd.DataFrame, priced: pd.DataFrame) -> str:
    """What a price on weights leaves of each depth, beside the penalty on eigenvalues: means over finished trials."""
    networks = priced[priced["diverged_epoch"] < 0] if len(priced) else priced
    if networks.empty:
        return "With a price on weights: it has not been run." if priced.empty else NOTHING
    paper = default_start(trials).query("diverged_epoch < 0")
    rows = []
    for depth, of_depth in networks.groupby("depth"):
        beside = paper[paper["depth"] == depth]
        both = {"priced": of_depth, "Table 4's": beside}
        rows.append(
            {"hidden layers allowed": depth, "n": f"{len(of_depth)}, {len(beside)}"}
            | {f"one in use, {name}": _share(each["surviving_by_function"] == 1) for name, each in both.items()}
            | {f"neurons left, {name}": number(each["compact_neurons"].mean()) for name, each in both.items()}
            | {f"R², {name}": fixed(each["test_r2"].mean(), 3) for name, each in both.items()}
        )
    return markdown(pd.DataFrame(rows))


def alpha_beta_table(trials: pd.DataFrame) -> str:
    """Experiment 1's data sets at every depth: means over the finished trials."""
    networks = trials[trials["alpha"].notna() & (trials["diverged_epoch"] < 0)]
    if networks.empty:
        return "No trial on these data finished at this scale."
    rows = [
        {
            "α": f"{alpha:g}",
            "hidden layers allowed": depth,
            "n": len(rows),
            "in use by eigenvalue": number(rows["surviving_by_eigenvalue"].mean()),
            "in use by function": number(rows["surviving_by_function"].mean()),
            "stayed linear": f"{int(rows['stayed_linear'].sum())} of {len(rows)}",
            "R²": fixed(rows["test_r2"].mean(), 3),
            "hidden neurons after compaction": number(rows["compact_neurons"].mean()),
        }
        for (alpha, depth), rows in networks.groupby(["alpha", "depth"])
    ]
    return markdown(pd.DataFrame(rows))


def _share(hits: pd.Series) -> str:
    return f"{int(hits.sum())} of {len(hits)}" if len(hits) else "–"


def _shrunk(rows: pd.DataFrame, column: str) -> str:
    return f"{rows[column].mean():,.0f} → {rows[f'compact_{column}'].mean():,.0f}"
