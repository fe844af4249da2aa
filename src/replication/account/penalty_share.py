"""The penalty beside the data loss at the end of training: the paper's rule of thumb for ρ (Appendix G)."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from replication.judging.heads import SPARCS
from replication.report.intervals import finished
from replication.report.stand_in import mark

Tables = Mapping[str, pd.DataFrame]

OMEGA = {  # of a layer's eigenvalues
    "l1": lambda eigenvalues: eigenvalues.abs().sum(),
    "l2": lambda eigenvalues: np.sqrt(eigenvalues.pow(2).sum()),
    "l2_squared": lambda eigenvalues: eigenvalues.pow(2).sum(),
}


def penalty_shares(tables: Tables, run: Mapping) -> Iterator[dict]:
    """ρ, and ρΩ where Ω is known, over the loss of experiments 1 to 3; run: the settings.

    loss: which; shares, terms: the medians of both, the smallest and the largest of them if they are ``of_sets``.
    """
    for name, of_experiment in (("regression", _regression), ("teacher_student", _teacher), ("cifar10", _images)):
        if "training" in run.get(name, {}) and len(tables[f"{name}/trials"]):
            yield from of_experiment(tables, run[name]["training"])


def _regression(tables: Tables, training: Mapping) -> Iterator[dict]:
    trials = tables["regression/trials"].dropna(subset=["train_mse"])
    if len(trials):
        by = [trials["beta"], trials["alpha"]]
        shares = (training["rho"] / trials["train_mse"]).groupby(by).median()
        terms = []
        if training["penalty"] == "l2":  # Ω is between the norm of both layers together and √2 times that
            of_norm = (training["rho"] * trials["eigenvalue_norm"] / trials["train_mse"]).groupby(by).median()
            terms = [of_norm.min(), of_norm.max()]
        found = {"shares": [shares.min(), shares.max()], "terms": terms, "n": len(trials)}
        yield {"experiment": "experiment 1", "stamp": "", "loss": "training", "of_sets": True, **found}


def _teacher(tables: Tables, training: Mapping) -> Iterator[dict]:
    eigenvalues, key = tables["teacher_student/eigenvalues"], ["teacher", "trial"]
    trials = finished(tables["teacher_student/trials"])
    trials = trials[trials["ensemble"] == "l2"].set_index(key)["test_mse"] if len(trials) else trials
    if len(trials) and len(eigenvalues) and not isinstance(training["rho"], list):  # one for each layer: no one share
        omega = _omega(eigenvalues[eigenvalues["ensemble"] == "l2"], key, training["penalty"])
        found = _medians(training["rho"], trials, omega)
        yield {"experiment": "experiment 2", "stamp": "", "loss": "held-out", **found}


def _images(tables: Tables, training: Mapping) -> Iterator[dict]:
    epochs, eigenvalues = (tables[f"cifar10/{name}"] for name in ("epochs", "eigenvalues"))
    if epochs.empty or eigenvalues.empty:
        return
    losses = epochs[(epochs["head"] == SPARCS) & (epochs["epoch"] == epochs["epoch"].max())].dropna(subset="train_loss")
    hidden = eigenvalues[(eigenvalues["head"] == SPARCS) & (eigenvalues["layer"] == 2)]
    hidden = hidden[hidden["epoch"] == hidden["epoch"].max()]
    if len(losses):
        omega = _omega(hidden, ["trial"], training["penalty"])
        found = _medians(training["rho"], losses.set_index("trial")["train_loss"], omega)
        yield {"experiment": "experiment 3", "stamp": mark(tables["cifar10/trials"]), "loss": "training", **found}


def _omega(eigenvalues: pd.DataFrame, key: list[str], penalty: str) -> pd.Series:
    """Ω of every network: the sum over its penalised layers."""
    of_layers = eigenvalues.groupby([*key, "layer"])["eigenvalue"].agg(OMEGA[penalty])
    return of_layers.groupby(key if len(key) > 1 else key[0]).sum()


def _medians(rho: float, loss: pd.Series, omega: pd.Series) -> dict:
    terms = (rho * omega / loss).dropna()
    return {"of_sets": False, "shares": [(rho / loss).median()], "terms": [terms.median()], "n": len(loss)}
