"""The penalty beside the data loss at the end of training: the paper's rule of thumb for ρ (Appendix G)."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from replication.judging.heads import SPARCS
from replication.report.intervals import finished
from replication.report.stand_in import mark
from replication.report.text import number

Tables = Mapping[str, pd.DataFrame]

SAID = "ρ should be about 10⁻³ of the data loss (Appendix G)"
OMEGA = {  # of a layer's eigenvalues
    "l1": lambda eigenvalues: eigenvalues.abs().sum(),
    "l2": lambda eigenvalues: np.sqrt(eigenvalues.pow(2).sum()),
    "l2_squared": lambda eigenvalues: eigenvalues.pow(2).sum(),
}


def penalty_shares(tables: Tables, run: Mapping) -> Iterator[tuple[str, str, int]]:
    """(what the paper says and of which experiment, what was found, n) of experiments 1 to 3; run: the settings."""
    for name, of_experiment in (("regression", _regression), ("teacher_student", _teacher), ("cifar10", _images)):
        trials = tables[f"{name}/trials"]
        if "training" in run.get(name, {}) and len(trials):
            yield from of_experiment(tables, run[name]["training"])


def _regression(tables: Tables, training: Mapping) -> Iterator[tuple[str, str, int]]:
    trials = tables["regression/trials"].dropna(subset=["train_mse"])
    if len(trials):
        by = [trials["beta"], trials["alpha"]]
        shares = (training["rho"] / trials["train_mse"]).groupby(by).median()
        found = f"ρ over the training loss, medians of the data sets: {number(shares.min())} to {number(shares.max())}"
        if training["penalty"] == "l2":  # Ω is between the norm of both layers together and √2 times that
            terms = (training["rho"] * trials["eigenvalue_norm"] / trials["train_mse"]).groupby(by).median()
            found += f"; ρΩ over it at least {number(terms.min())} to {number(terms.max())}"
        yield f"{SAID}: experiment 1", found, len(trials)


def _teacher(tables: Tables, training: Mapping) -> Iterator[tuple[str, str, int]]:
    trials, eigenvalues = (tables[f"teacher_student/{name}"] for name in ("trials", "eigenvalues"))
    key = ["teacher", "trial"]
    trials = finished(trials)
    trials = trials[trials["ensemble"] == "l2"].set_index(key)["test_mse"] if len(trials) else trials
    if len(trials) and len(eigenvalues) and not isinstance(training["rho"], list):  # one for each layer: no one share
        omega = _omega(eigenvalues[eigenvalues["ensemble"] == "l2"], key, training["penalty"])
        yield _row("experiment 2", "held-out", training["rho"], trials, omega)


def _images(tables: Tables, training: Mapping) -> Iterator[tuple[str, str, int]]:
    epochs, eigenvalues = (tables[f"cifar10/{name}"] for name in ("epochs", "eigenvalues"))
    if epochs.empty or eigenvalues.empty:
        return
    losses = epochs[(epochs["head"] == SPARCS) & (epochs["epoch"] == epochs["epoch"].max())].dropna(subset="train_loss")
    hidden = eigenvalues[(eigenvalues["head"] == SPARCS) & (eigenvalues["layer"] == 2)]
    hidden = hidden[hidden["epoch"] == hidden["epoch"].max()]
    if len(losses):
        omega = _omega(hidden, ["trial"], training["penalty"])
        stamp = mark(tables["cifar10/trials"])
        yield _row(f"experiment 3{stamp}", "training", training["rho"], losses.set_index("trial")["train_loss"], omega)


def _omega(eigenvalues: pd.DataFrame, key: list[str], penalty: str) -> pd.Series:
    """Ω of every network: the sum over its penalised layers."""
    of_layers = eigenvalues.groupby([*key, "layer"])["eigenvalue"].agg(OMEGA[penalty])
    return of_layers.groupby(key if len(key) > 1 else key[0]).sum()


def _row(what: str, which: str, rho: float, loss: pd.Series, omega: pd.Series) -> tuple[str, str, int]:
    shares, terms = rho / loss, (rho * omega / loss).dropna()
    found = f"ρ over the {which} loss {number(shares.median())}; ρΩ over it {number(terms.median())} (medians)"
    return f"{SAID}: {what}", found, len(loss)
