"""Histograms of eigenvalues: the mean over networks, and their spread."""

import numpy as np
import pandas as pd

from replication.report.intervals import spread

FLOOR = 1e-6  # smaller values, zeros included, are counted in the first bin
BINS_PER_DECADE = 4


def log_edges(sizes: pd.Series) -> np.ndarray:
    """Edges of bins that are equal on a logarithmic axis, from FLOOR to the decade above the largest size."""
    decades = np.log10(FLOOR), np.ceil(np.log10(max(1.0, sizes.max())))
    edges = np.logspace(*decades, round(decades[1] - decades[0]) * BINS_PER_DECADE + 1)
    edges[0] = FLOOR  # not a rounding error above it
    return edges


def histogram(rows: pd.DataFrame, column: str, edges: np.ndarray, network: list[str]) -> pd.DataFrame:
    """Neurons per bin: mean over the networks, and their ``spread``; no bins where there is no network.

    network: the columns that tell one network from another.
    """
    if rows.empty:
        return pd.DataFrame(columns=["lower", "upper", "n", "mean", "trials_low", "trials_high"], dtype=float)
    counts = [np.histogram(of_one[column], edges)[0] for _, of_one in rows.groupby(network)]
    counts = np.array(counts)  # (networks, bins)
    low, high = spread(counts)
    columns = {"n": len(counts), "mean": counts.mean(axis=0), "trials_low": low, "trials_high": high}
    return pd.DataFrame({"lower": edges[:-1], "upper": edges[1:], **columns})
