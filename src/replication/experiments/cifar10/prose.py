"""The table of both starts with a price on weights."""

import pandas as pd

from replication.judging.statistics import mean_interval
from replication.report.intervals import finished
from replication.report.prose import NOTHING
from replication.report.tables import markdown
from replication.report.text import interval, number

STARTS = {"spectral": "λ_3 = 1", "spectral_authors_sign": "λ_3 = −1"}
KINDS = {"l1": "L1", "l2": "L2", "l2_squared": "L2, squared", "rows": "rows"}


def priced_table(priced: pd.DataFrame) -> str:
    """Accuracy and size of both starts by kind and strength of the penalty: means over the finished trials."""
    if priced.empty:
        return "A price on weights has not been run here."
    rows = []
    for (head, kind, rho), each in finished(priced).groupby(["head", "penalty", "rho"], sort=False):
        rows.append(
            {
                "start": STARTS[head],
                "penalty": KINDS[kind],
                "ρ": number(rho),
                "n": len(each),
                "test accuracy, %": interval(*mean_interval(each["test_accuracy"])),
                "compacted, %": number(each["compact_test_accuracy"].mean()),
                "hidden neurons left": number(each["compact_neurons"].mean()),
                "parameters of the head": number(each["compact_parameters"].mean()),
            }
        )
    return markdown(pd.DataFrame(rows)) if rows else NOTHING
