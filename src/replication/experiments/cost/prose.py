"""What the benchmark of a step's cost found, in words and as a table."""

import pandas as pd

from replication.experiments.cost.figures import LABELS
from replication.report.tables import markdown
from replication.report.text import number

SLOPES = (
    "A slope of 1 is a cost linear in depth. The Theil–Sen slope is the median over all pairs of depths. Least squares "
    "gives the few shallow networks much weight, and those cost *less* than their share (one product in the first "
    "layer and one in the last), which it reads as growth; it does so for the MLP too, which has ℓ − 1 products, not ℓ."
)
QUANTITIES = {"step": "time", "memory": "peak memory"}


def findings(depth: pd.DataFrame, summary: pd.DataFrame, step: pd.DataFrame) -> str:
    """Where it was measured, largest ratios and slopes as a table, and experiment 2's step."""
    return "\n\n".join([_where(depth), _table(summary), SLOPES, _of_experiment_2(step)])


def _where(depth: pd.DataFrame) -> str:
    first = depth.iloc[0]
    layers = depth["layers"]
    return (
        f"Measured on {first['machine']} at commit {first['commit'][:7]}, {first['date'][:10]}: {layers.nunique()} "
        f"depths from {layers.min()} to {layers.max()} layers, all networks of a depth in turns in one process, one "
        "thread, denormals flushed to zero; medians."
    )


def _table(summary: pd.DataFrame) -> str:
    rows = [
        {
            "network": LABELS[row.network],
            "of a step": QUANTITIES[row.quantity],
            "largest ratio to the MLP": f"{row.largest_ratio:.2f}",
            "log-log slope (Theil–Sen)": f"{row.slope:.2f}",
            "by least squares": f"{row.slope_least_squares:.2f}",
        }
        for row in summary.itertuples()
    ]
    return markdown(pd.DataFrame(rows))


def _of_experiment_2(step: pd.DataFrame) -> str:
    medians = step.set_index("way")["median"]
    said = ", ".join(f"{way} {number(value)} ms" for way, value in medians.items())
    first = step.iloc[0]
    return (
        f"Experiment 2's whole optimiser step (20-200-200-20, batch 1,024; medians; {first['machine']}, commit "
        f"{first['commit'][:7]}, {first['date'][:10]}): {said}. *Eager* is a loop with a DataLoader."
    )
