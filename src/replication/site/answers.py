"""The data of the page of two questions: what a loss budget leaves (Figure 10), and what the start changes (16)."""

import numpy as np
import pandas as pd

from replication.account.readings import STUDENTS
from replication.experiments.teacher_student.ensembles import penalty
from replication.experiments.teacher_student.figures.pruning import PAPER_COUNT
from replication.judging.heads import LINEAR, OTHER_SIGN, SPARCS
from replication.site.run import Run

BUDGETS = np.geomspace(1e-3, 1, 61)  # relative increases of the loss; 0.05, the paper's, is near one of them
PAPERS_BUDGET = 0.05
EVERY = 3  # of the epochs are drawn
STARTS = {SPARCS: "λ₃ = +1, as printed", OTHER_SIGN: "λ₃ = −1, as the authors’ scripts"}
IMAGES = {"_augmented": "augmented, as in Figure 16", "": "plain"}
PAPERS_CURVES = {"SPARCS": 70.6, "pruned": 43.0, "linear": 64.0}  # % at the end of Figure 16


def budgets(run: Run) -> dict | None:
    """Neurons that removal (i) keeps within each budget; None without a pruned network.

    budgets: in %; asked: claim D3's region; ensembles: by name, label and, for each seed, its counts of eigenvalues
    kept, of live neurons and R² at every budget.
    """
    pruning = run.table("teacher_student/pruning")
    if pruning is None or pruning.empty:
        return None
    curves = pruning[pruning["removal"] == "eigenvalue"].dropna(subset=["relative_increase"])
    allowed = np.unique([*BUDGETS, PAPERS_BUDGET])
    order = [name for name in dict.fromkeys([*STUDENTS, *curves["ensemble"]]) if (curves["ensemble"] == name).any()]
    return {
        "budgets": [float(f"{100 * budget:.3g}") for budget in allowed],
        "papers": int(np.searchsorted(allowed, PAPERS_BUDGET)),
        "asked": PAPER_COUNT,
        "ensembles": [
            {"name": name, "label": STUDENTS.get(name) or _label(name, run.table("teacher_student/trials")),
             "seeds": [_within(network, allowed) for _, network in of_name.groupby(["teacher", "trial"])]}
            for name in order
            if len(of_name := curves[curves["ensemble"] == name])
        ],
    }  # fmt: skip


def _label(name: str, trials: pd.DataFrame) -> str:
    """The name of an ensemble in words, and its penalty, by its trials."""
    of_name = trials[trials["ensemble"] == name].head(1)
    return ": ".join([name.replace("_", " "), *(penalty(trial) for _, trial in of_name.iterrows())])


def _within(network: pd.DataFrame, allowed: np.ndarray) -> dict[str, list]:
    """The smallest pruned network within each budget, of one trained network."""
    steps = network.sort_values("kept")
    increases = steps["relative_increase"].to_numpy()
    first = [int(np.argmax(increases <= budget)) for budget in allowed]  # the whole network loses nothing
    chosen = steps.iloc[first]
    return {
        "kept": chosen["kept"].astype(int).tolist(),
        "live": chosen["live"].astype(int).tolist(),
        "r2": [float(f"{value:.4f}") for value in chosen["r2"]],
    }


def starts(run: Run) -> dict | None:
    """Validation accuracy along the training, by start and kind of images; None if no head of either start was trained.

    epochs; papers: the ends of Figure 16; curves: by start, images and curve (SPARCS, pruned, linear), one of each
    trial.
    """
    epochs = run.table("cifar10/epochs")
    if epochs is None or not set(STARTS) | {LINEAR} <= set(epochs["head"]):
        return None
    drawn = sorted(epochs["epoch"].unique())
    drawn = drawn[:: -EVERY if len(drawn) > 2 * EVERY else -1][::-1]  # the last is among them
    rows = epochs[epochs["epoch"].isin(drawn)]
    return {
        "epochs": [int(epoch) for epoch in drawn],
        "papers": PAPERS_CURVES,
        "starts": STARTS,
        "images": IMAGES,
        "curves": {
            start: {
                images: {
                    "SPARCS": _curves(rows, start, f"validation_accuracy{images}", drawn),
                    "pruned": _curves(rows, start, f"validation_accuracy{images}_pruned", drawn),
                    "linear": _curves(rows, LINEAR, f"validation_accuracy{images}", drawn),
                }
                for images in IMAGES
            }
            for start in STARTS
        },
    }


def _curves(rows: pd.DataFrame, head: str, column: str, epochs: list[int]) -> list[list[float | None]]:
    curves = rows[rows["head"] == head].pivot(index="trial", columns="epoch", values=column).reindex(columns=epochs)
    return [[None if np.isnan(value) else round(float(value), 2) for value in curve] for curve in curves.to_numpy()]
