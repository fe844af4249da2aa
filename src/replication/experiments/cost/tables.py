"""Tables of what an answer and a step cost."""

import pandas as pd

from replication.report.tables import markdown
from replication.report.text import number


def latency_table(latency: pd.DataFrame) -> str:
    """Microseconds of a call by network, form and samples at a time, and what each holds; empty if not measured."""
    if latency.empty:
        return ""
    rows = []
    for (network, form), each in latency.groupby(["network", "form"], sort=False):
        row = {"network": f"`{network}`", "form": form, "hidden neurons": each["neurons"].iloc[0]}
        row |= {"parameters": f"{each['parameters'].iloc[0]:,}", "kB": number(each["bytes"].iloc[0] / 1000)}
        for (batch, runtime), timed in each.groupby(["batch", "runtime"]):
            row[f"{runtime}, batch {batch:,}, µs"] = number(timed["microseconds"].item())
        rows.append(row)
    return markdown(pd.DataFrame(rows))


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
