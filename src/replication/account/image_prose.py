"""Sentences on the heads of experiments 3 and 4 that stand in tables of the account."""

import pandas as pd

from replication.experiments.cifar10 import findings
from replication.report.template import points


def gain(rows: pd.DataFrame, head: str, over: str = "linear") -> str:
    """Points above another head with the same seed, the linear one by default, with their interval and n."""
    found = findings.gain(rows, head, over)
    return (
        f"{points(found['points'])} against {over} (n = {found['n']})"
        if found["n"]
        else "not paired with a linear head"
    )
