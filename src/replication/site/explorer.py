"""The data of the page with the slider: trained networks of experiment 1, small enough to travel in a page.

It draws one network of each data set (trial 0), as Figure 15 does, and the norm of all trials around it.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from replication.experiments.regression.figures.networks import CUTOFF, full_strengths
from replication.site.run import Run

EVERY = 2  # of the grid's lines are drawn, as in Figure 7
FLOOR = 1e-6  # smaller eigenvalues are drawn there
SHOWN = 0  # the trial whose network is drawn
SPREAD = (0.025, 0.975)


def explorer(run: Run) -> dict | None:
    """Everything the page draws, ready for JSON; None if no drawn network of experiment 1 finished its training.

    cutoff, floor: below which nothing is drawn; full: the strengths of the widest lines of paths and skips; hidden:
    number of hidden neurons; grid: the surface's coordinates; sets: one entry per data set, see ``_data_set``.
    """
    tables = {name: run.table(f"regression/{name}") for name in ("trials", "paths", "skips", "eigenvalues", "surface")}
    if any(table is None for table in tables.values()) or tables["surface"]["fitted"].isna().all():
        return None
    groups = {name: dict(list(table.groupby(["beta", "alpha"]))) for name, table in tables.items()}
    keys = sorted(set.intersection(*(set(group) for group in groups.values())))
    full = full_strengths(tables["paths"], tables["skips"])
    grid = np.unique(tables["surface"]["x1"])[::EVERY]
    return {
        "cutoff": CUTOFF,
        "floor": FLOOR,
        "full": [_short(value) for value in full],
        "hidden": int(tables["paths"]["hidden"].max()),
        "grid": grid.round(4).tolist(),
        "sets": [_data_set(*key, *(groups[name][key] for name in tables), grid) for key in keys],
    }


def _data_set(
    beta: float,
    alpha: float,
    trials: pd.DataFrame,
    paths: pd.DataFrame,
    skips: pd.DataFrame,
    eigenvalues: pd.DataFrame,
    surface: pd.DataFrame,
    grid: np.ndarray,
) -> dict:
    """One data set: of its trials ‖Γ‖, R² and open neurons, of the drawn network paths, skips, eigenvalues and surface.

    paths: [hidden, input, Γ] above the cut-off; skips: [input, W_31], all; eigenvalues: by layer, λ_2 as [λ, on a path]
    in descending size; surface: fitted values row by row.
    """
    finished = trials.dropna(subset=["gamma_norm"])
    trials = trials.sort_values("trial")
    shown = trials[trials["trial"] == SHOWN].iloc[0]
    strong = paths[paths["gamma"].abs() > CUTOFF]
    return {
        "beta": beta,
        "alpha": alpha,
        "n": len(finished),
        "mean": _short(finished["gamma_norm"].mean()),
        "spread": [_short(finished["gamma_norm"].quantile(q)) for q in SPREAD],
        "gamma": _short(shown["gamma_norm"]),
        "r2": _short(shown["r2"], 6),
        "trials": [
            [int(row.trial), _short(row.gamma_norm), _short(row.r2, 6), _short(row.active_neurons)]
            for row in trials.itertuples()
        ],
        "paths": [[int(row.hidden), int(row.input), _short(row.gamma)] for row in strong.itertuples()],
        "skips": [[int(row.input), _short(row.w31)] for row in skips.itertuples()],
        "eigenvalues": dict(_eigenvalues(eigenvalues, set(strong["hidden"]))),
        "surface": _fitted(surface, grid),
    }


def _eigenvalues(eigenvalues: pd.DataFrame, on_path: set[int]) -> Iterator[tuple[str, list]]:
    for layer, rows in eigenvalues.groupby("layer"):
        neurons = rows.dropna(subset=["eigenvalue"])  # a network that diverged has none
        if layer == 2:
            neurons = neurons.iloc[np.argsort(-neurons["eigenvalue"].abs().to_numpy(), kind="stable")]
            yield "2", [[_short(row.eigenvalue), int(row.neuron in on_path)] for row in neurons.itertuples()]
        else:
            yield str(layer), [_short(value) for value in neurons.sort_values("neuron")["eigenvalue"]]


def _fitted(surface: pd.DataFrame, grid: np.ndarray) -> list[float | None]:
    on_grid = surface[surface["x1"].isin(grid) & surface["x2"].isin(grid)].sort_values(["x1", "x2"])
    return [_short(value) for value in on_grid["fitted"]]


def _short(value: float, digits: int = 3) -> float | None:
    """A number with a few significant digits; None, which JSON has, for one that is not finite."""
    return float(f"{value:.{digits}g}") if np.isfinite(value) else None
