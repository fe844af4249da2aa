"""Tables of what an answer and a step cost."""

import pandas as pd

from replication.experiments.teacher_student.ensembles import called
from replication.report.tables import markdown
from replication.report.text import number

REGRESSION, STUDENT = "regression_alpha", "teacher_student_"  # how the files of published networks begin


def latency_table(latency: pd.DataFrame) -> str:
    """What each network holds in each form, and microseconds of a call by samples at a time; empty if not measured."""
    if latency.empty:
        return ""
    held, took = [], []
    for (network, form), each in latency.groupby(["network", "form"], sort=False):
        row, first = {"network": _called(network), "form": form}, each.iloc[0]
        size = {"parameters": f"{first['parameters']:,}", "kB": number(first["bytes"] / 1000)}
        held.append(row | {"hidden neurons": first["neurons"]} | size)
        times = {
            f"{runtime}, batch {batch:,}, µs": number(timed["microseconds"].item())
            for (batch, runtime), timed in each.groupby(["batch", "runtime"])
        }
        took.append(row | times)
    return f"{markdown(pd.DataFrame(held))}\n\n{markdown(pd.DataFrame(took))}"


def penalties_table(steps: pd.DataFrame) -> str:
    """What a step takes with each penalty, and how many times that of one without; empty if not timed."""
    if steps.empty:
        return ""
    rows = []
    for penalty, each in steps.groupby("penalty", sort=False):
        of_network = each.set_index("network")
        row = {"penalty": {"l1": "L1", "l2": "L2"}.get(penalty, penalty)}
        for network in steps["network"].unique():
            row[f"{network}, ms"] = number(of_network["median"][network])
            row[f"{network}, ratio"] = f"{of_network['ratio'][network]:.2f}"
        rows.append(row)
    return markdown(pd.DataFrame(rows))


def _called(network: str) -> str:
    """A published network of experiment 1 or 2 for the reader, by the name of its file."""
    if network.startswith(REGRESSION):
        return f"experiment 1, α = {network.removeprefix(REGRESSION)}"
    if network.startswith(STUDENT):
        return f"experiment 2, {called(network.removeprefix(STUDENT))}"
    return network
