"""Synthetic tables of the comparison with baselines, shaped as results/<scale>/baselines: no number is a result."""

import numpy as np
import pandas as pd

from replication.experiments.baselines.comparison import FIT, NETWORK

SMOKE = {"methods": ["sparcs_l2", "linear", "gaea"], "tasks": ["beta5_alpha1"], "seeds": 2, "strengths": [0.01]}
FULL = {
    "methods": ["sparcs_l2", "sparcs_l1", "linear", "mlp_magnitude", "lasso_random", "darts", "gaea"],
    "tasks": ["beta5_alpha0", "beta5_alpha1", "teacher"],
    "seeds": 10,
    "strengths": [0.01, 0.1],
}
SETTINGS = {
    "methods": None,
    "strengths": [0.01, 0.1],
    "teacher": {"hidden": [100, 100], "points": 20000, "steps": 10000, "trials": 10, "tuning_trials": 1},
    "alpha_beta": {"hidden": [300], "points": 10000, "steps": 10000, "trials": 10, "tuning_trials": 3},
    "validation_share": 0.2,
    "test_points": 10000,
    "loss_budget": 0.05,
    "min_r2": 0.98,
    "max_neurons": 30,
    "retraining_steps": 1000,
}
MAXIMAL = {"teacher": 18400}


def baselines(rng: np.random.Generator, size: dict) -> dict[str, pd.DataFrame]:
    """Tables trials, costs, history and tuning."""
    keys = [
        {"task": task, "alpha": alpha_of(task), "method": method, "trial": trial, "strength": strength, "seed": trial}
        for task in size["tasks"]
        for method in size["methods"]
        for trial in range(size["seeds"])
        for strength in size["strengths"]
    ]
    costs = [
        key | {"core_seconds": rng.uniform(1, 20), "alone_seconds": np.nan, "peak_mib": rng.uniform(1, 9)}
        for key in keys
    ]
    gates = ("entropy", "decided", "expected_size", "validation_mse")
    history = [
        key | {"step": step, "gradient_evaluations": 2 * step} | {name: rng.uniform(0.1, 1) for name in gates}
        for key in keys
        if key["method"] in ("darts", "gaea")
        for step in (0, 50, 100)
    ]
    tuning = [
        {
            "task": task,
            "method": "gaea",
            "option": "rate",
            "value": value,
            "tuning_trial": 0,
            "seed": 7,
            "chosen": value == "3.0",
        }
        | {"parameters": 100.0, "validation_mse": rng.uniform(0.1, 1)}
        for task in size["tasks"]
        for value in ("1.0", "3.0")
    ]
    trials = [key | {"options": '{"rate": 3.0}'} | search(rng, key) for key in keys]
    tables = {"trials": trials, "costs": costs, "history": history, "tuning": tuning}
    return {f"baselines/{name}": pd.DataFrame(rows) for name, rows in tables.items()}


def search(rng: np.random.Generator, key: dict) -> dict[str, float]:
    """The measures of one search: the fit is the same at every size."""
    row = {"maximal_parameters": MAXIMAL.get(key["task"], 1503), "trained_parameters": 1500, "steps": 10000}
    row |= {"gradient_evaluations": 10000, "trainings": 1}
    fit = dict(zip(FIT, (rng.uniform(1e-4, 1e-3), rng.uniform(1e-4, 1e-3), rng.uniform(0.97, 0.999)), strict=True))
    row |= fit
    for target, neurons in (
        ("loss_budget", rng.integers(5, 100)),
        ("min_r2", rng.integers(5, 50)),
        ("max_30_neurons", 30),
    ):
        row |= {f"{target}_{name}": 1.0 for name in NETWORK}
        row |= {f"{target}_neurons": float(neurons), f"{target}_parameters": float(40 * neurons)}
        row |= {f"{target}_{state}{name}": value for state in ("", "retrained_") for name, value in fit.items()}
    return row | {"recovered": float(key["task"] == "teacher") if key["alpha"] != 1 else np.nan}


def alpha_of(task: str) -> float:
    """α of experiment 1's data sets, NaN for the teacher."""
    return float(task.rpartition("alpha")[2]) if "alpha" in task else np.nan
