"""What a pruned student keeps: how many of its eigenvalues are the last hidden layer's, and its fit at a count."""

import pandas as pd

NETWORK = ["teacher", "trial"]
PAPERS = 30  # neurons, which the paper calls active at the budget


def last_kept(eigenvalues: pd.DataFrame) -> pd.DataFrame:
    """How many of the ``kept`` largest hidden |λ| are the last layer's, for every count: teacher, trial, kept, last.

    Of equal ones those of earlier layers, and in a layer of smaller numbers, are switched off first.
    """
    order = eigenvalues.assign(size=eigenvalues["eigenvalue"].abs())
    order = order.sort_values([*NETWORK, "size", "layer", "neuron"], ascending=[True, True, False, False, False])
    order = order.assign(last=order["layer"] == order["layer"].max())
    networks = order.groupby(NETWORK)
    table = order[NETWORK].assign(kept=networks.cumcount() + 1.0, last=networks["last"].cumsum().astype(float))
    none = order[NETWORK].drop_duplicates().assign(kept=0.0, last=0.0)
    return pd.concat([none, table], ignore_index=True)


def last_at_budget(trials: pd.DataFrame, eigenvalues: pd.DataFrame) -> pd.Series:
    """How many of the last hidden layer's eigenvalues each network keeps at the loss budget, which the authors count.

    trials, eigenvalues: of one ensemble; a network without eigenvalues there has none.
    """
    counts = last_kept(eigenvalues.dropna(subset=["eigenvalue"]))
    chosen = trials[[*NETWORK, "kept_eigenvalues"]].rename(columns={"kept_eigenvalues": "kept"}).dropna()
    return chosen.merge(counts, on=[*NETWORK, "kept"])["last"]


def r2_at_papers_count(pruning: pd.DataFrame, removal: str = "eigenvalue", count: str = "kept") -> pd.Series:
    """R² of each finished network of one ensemble where its pruning curve has the paper's count left."""
    curves = pruning[(pruning["removal"] == removal) & (pruning[count] == PAPERS)]
    return curves.drop_duplicates(NETWORK)["r2"].dropna()
