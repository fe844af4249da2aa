"""Synthetic tables in the shape of results/<scale>/, for the tests of figures and reports: no number is a result."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

import baseline_tables
import image_tables
from replication.experiments import EXPERIMENTS

SMOKE = {
    "alphas": [0.0, 0.5, 1.0],
    "trials": 2,
    "hidden": 300,
    "students": 2,
    "ensembles": ["l2"],
    "swept": 2,
    "depths": [3],
    "baselines": baseline_tables.SMOKE,
    "images": image_tables.SMOKE,
}
FULL = {
    "alphas": [round(0.05 * k, 2) for k in range(21)],
    "trials": 100,
    "hidden": 300,
    "students": 5,
    "ensembles": ["l2", "l1", "l2_squared", "none", "one_rotation"],
    "swept": 10,
    "depths": [1, 2, 5, 10],
    "baselines": baseline_tables.FULL,
    "images": image_tables.FULL,
}
BETAS = [5.0, 1000.0]
IMAGES = {"bias": True, "images": 50_000, "validation_share": 0.1, "test_images": 10_000, "trials": 100}


def write_tables(folder: Path, size: dict, diverged: bool = True) -> Path:
    """Write a full set of synthetic tables; with ``diverged``, one trial of each experiment is NaN."""
    rng = np.random.default_rng(7)
    tables = {
        **regression(rng, size),
        **teacher_student(rng, size),
        "hyperparameters/trials": hyperparameters(rng, size),
        **depth(rng, size),
        **baseline_tables.baselines(rng, size["baselines"]),
        **theory(rng),
        **image_tables.images(rng, size["images"]),
        **cells(rng, size["images"]),
    }
    if diverged:
        spoil(tables["regression/trials"], ["gamma_norm", "mean_abs_eigenvalue", "eigenvalue_norm", "mse", "r2"])
        spoil(tables["hyperparameters/trials"], ["r2", "mse", "gamma_norm", "active_neurons"])
    for name, table in tables.items():
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(path, index=False)
    claims(size).to_csv(folder / "claims.csv", index=False)
    write_core_minutes(folder, size.get("scale", "smoke"))
    (folder / "settings.json").write_text(json.dumps(settings(size)))
    (folder / "provenance.json").write_text(json.dumps(PROVENANCE))
    for name in PROVENANCE["experiments"]:
        (folder / name / "provenance.json").write_text(json.dumps(ORIGIN))
    return folder


def write_published(folder: Path) -> Path:
    """Write synthetic published benchmarks."""
    where = {"machine": "synthetic machine", "commit": "0123456789abcdef", "date": "2026-01-01T00:00:00+00:00"}
    layers, networks = np.repeat([2, 4, 8], 3), ["MLP", "SpectralNetwork", "W_ij formed"]
    cost = {"best": 0.1, "median": 0.1 * layers, "megabytes": 1.0, "ratio": 1.5, "megabytes_ratio": 1.2}
    slopes = {"largest_ratio": 1.5, "slope": 1.0, "slope_least_squares": 1.1}
    tables = {
        "depth": pd.DataFrame({"layers": layers, "network": networks * 3} | cost),
        "depth_summary": pd.DataFrame({"quantity": ["step"] * 3 + ["memory"] * 3, "network": networks * 2} | slopes),
        "teacher_student_step": pd.DataFrame({"way": ["the experiment's trainer", "eager"], "median": [5.0, 10.0]}),
        "step": pd.DataFrame({"way": ["kernel", "eager"], "median": [5.0, 1000.0]}),
        "cifar10_step": pd.DataFrame({"head": ["linear", "spectral"], "batch": "eager", "median": [40.0, 50.0]}),
    }
    (folder / "benchmark").mkdir(parents=True)
    for name, table in tables.items():
        table.assign(**where).to_csv(folder / "benchmark" / f"{name}.csv", index=False)
    write_core_minutes(folder, "laptop")
    return folder


def write_core_minutes(folder: Path, scale: str) -> None:
    cost = {"jobs": 1, "minutes": 0.1, "core_minutes": 0.1, "peak_memory_mib": 100.0, "scale": scale}
    pd.DataFrame([{"rule": "train_regression"} | cost]).to_csv(folder / "core_minutes.csv", index=False)


def share(alpha: float, beta: float) -> float:
    return float((1 + np.tanh(beta * (alpha - 0.5))) / 2)


def regression(rng, size: dict) -> dict[str, pd.DataFrame]:
    trials, sets, paths, skips, eigenvalues, surfaces = [], [], [], [], [], []
    line = np.linspace(-1, 1, 33)
    x1, x2 = (grid.ravel() for grid in np.meshgrid(line, line))
    hidden = np.arange(1, size["hidden"] + 1)
    for beta in BETAS:
        for alpha in size["alphas"]:
            open_ = share(alpha, beta)
            here = {"alpha": alpha, "beta": beta}
            norms = np.abs(0.4 * open_ + 0.02 * rng.standard_normal(size["trials"]) * (0.1 + open_))
            trials.append(
                pd.DataFrame(
                    {
                        **here,
                        "trial": np.arange(size["trials"]),
                        "seed": rng.integers(2**31, size=size["trials"]),
                        "gamma_norm": norms,
                        "mean_abs_eigenvalue": norms / 10,
                        "eigenvalue_norm": norms * 2,
                        "mse": 1e-4,
                        "r2": 1 - 1e-3 * rng.random(size["trials"]),
                        "train_mse": 1e-4,
                        "active_neurons": np.round(40 * norms).astype(float),
                        "skip_norm": 1 - open_,
                        "diverged_epoch": -1,
                    }
                )
            )
            sets.append({**here, "trials": size["trials"], "norm_of_mean_gamma": norms.mean() / 3})
            w21 = rng.standard_normal((3, len(hidden))) * (rng.random(len(hidden)) < 0.15 * open_)
            w32 = rng.standard_normal(len(hidden)) * 0.1
            for k in range(3):
                table = {**here, "trial": 0, "hidden": hidden, "input": k + 1, "w21": w21[k], "w32": w32}
                paths.append(pd.DataFrame({**table, "gamma": w32 * w21[k]}))
            skips.append(
                pd.DataFrame({**here, "trial": 0, "input": [1, 2, 3], "w31": [1 - open_, 1 - open_, 0.2 * open_]})
            )
            for layer, width in ((1, 3), (2, size["hidden"]), (3, 1)):
                values = rng.standard_normal(width) * 0.1
                eigenvalues.append(
                    pd.DataFrame(
                        {**here, "trial": 0, "layer": layer, "neuron": np.arange(1, width + 1), "eigenvalue": values}
                    )
                )
            target = (1 - open_) / 2 * (x1 + x2) + open_ / 2 * (x1**2 + x2**2)
            fitted = target + 0.02 * np.sin(5 * x1) * np.cos(4 * x2)
            surfaces.append(pd.DataFrame({**here, "trial": 0, "x1": x1, "x2": x2, "target": target, "fitted": fitted}))
    tables = {"trials": trials, "paths": paths, "skips": skips, "eigenvalues": eigenvalues, "surface": surfaces}
    joined = {f"regression/{name}": pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    return {**joined, "regression/data_sets": pd.DataFrame(sets)}


def teacher_student(rng, size: dict) -> dict[str, pd.DataFrame]:
    trials, eigenvalues, pruning = [], [], []
    kept = np.arange(401)
    for ensemble in size["ensembles"]:
        for trial in range(size["students"] if ensemble == "l2" else 1):
            here = {"ensemble": ensemble, "teacher": 42, "trial": trial}
            values = {
                2: np.where(rng.random(200) < 0.2, rng.uniform(0.1, 1, 200), 10 ** rng.uniform(-5, -3, 200)),
                3: 10 ** rng.uniform(-7, -4, 200),
            }
            trials.append(
                {
                    **here,
                    "penalty": ensemble if ensemble in ("l1", "l2_squared") else "l2",
                    "rho": 0.0 if ensemble == "none" else 3e-3,
                    "rotations": 1 if ensemble == "one_rotation" else 2,
                    "seed": trial,
                    "test_mse": 1e-4,
                    "test_r2": 0.997 - 1e-4 * trial,
                    "largest_eigenvalue_2": values[2].max(),
                    "largest_eigenvalue_3": values[3].max(),
                    "surviving_layer": 2,
                    "eigenvalue_ratio": values[2].max() / values[3].max(),
                    "other_layer_loss_increase": 12.0,
                    "kept_eigenvalues": 31 + trial,
                    "live_neurons": 231 + trial,
                    "trimmed_r2": 0.98,
                    "kept_neurons_weight_space": 150 + trial,
                    "trimmed_r2_weight_space": 0.98,
                    "diverged_epoch": -1,
                }
            )
            for layer in (2, 3):
                table = {**here, "layer": layer, "neuron": np.arange(1, 201), "eigenvalue": values[layer]}
                eigenvalues.append(pd.DataFrame(table))
            for removal, knee, live in (
                ("eigenvalue", 8, np.minimum(kept + 200 * (kept > 0), 400)),
                ("weight_space", 40, kept),
            ):
                increase = 80 * np.exp(-kept / (knee + 0.3 * trial)) - 80 * np.exp(-400 / knee)
                table = {**here, "removal": removal, "kept": kept, "live": live, "relative_increase": increase}
                pruning.append(pd.DataFrame({**table, "r2": 1 - 0.003 * (1 + increase)}))
    linear = [
        {"teacher": 42 + k, "rotations": 2, "intercept": intercept, "r2": (0.74 if intercept else 0.26) + 0.002 * k}
        for k in range(3)
        for intercept in (False, True)
    ]
    return {
        "teacher_student/trials": pd.DataFrame(trials),
        "teacher_student/eigenvalues": pd.concat(eigenvalues, ignore_index=True),
        "teacher_student/pruning": pd.concat(pruning, ignore_index=True),
        "teacher_student/linear": pd.DataFrame(linear),
    }


def hyperparameters(rng, size: dict) -> pd.DataFrame:
    rows = [
        {
            "experiment": "regression",
            "penalty": penalty,
            "rho": rho,
            "alpha": alpha,
            "beta": 5.0,
            "trial": trial,
            "seed": trial,
            "r2": 1 - min(0.9, 1e-3 + 50 * alpha * rho * (1 + 0.1 * rng.random())),
            "mse": 1e-4,
            "gamma_norm": 0.3,
            "active_neurons": round(60 * alpha * (1 - 50 * rho)),
            "diverged_epoch": -1,
        }
        for penalty in ("l2", "l1", "l2_squared")
        for rho in (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
        for alpha in (0.0, 0.5, 1.0)
        for trial in range(size["swept"])
    ]
    return pd.DataFrame(rows).astype({"active_neurons": float})


def depth(rng, size: dict) -> dict[str, pd.DataFrame]:
    """One hidden layer opens and makes the next one live; α = 0.5 is there for every table of the notebook."""
    trials, layers, start = [], [], []
    for data_set, alpha, gain in (("teacher", np.nan, 1.0), ("teacher", np.nan, 2.0), ("beta5_alpha0.5", 0.5, 1.0)):
        for count in size["depths"]:
            for trial in range(size["students"]):
                here = {"data_set": data_set, "alpha": alpha, "depth": count, "gain": gain, "trial": trial}
                opened = int(rng.integers(2, count + 2))
                used = [layer for layer in (opened, opened + 1) if layer <= count + 1]
                compacted = {"hidden_layers": len(used), "neurons": 60, "parameters": 5000, "multiply_adds": 4900}
                trials.append(
                    {
                        **here,
                        "seed": trial,
                        "diverged_epoch": -1,
                        "test_mse": 1e-3,
                        "test_r2": 0.97 + 0.02 * rng.random(),
                        "surviving_by_eigenvalue": 1.0,
                        "surviving_by_function": float(len(used)),
                        "all_deleted_increase": 30.0,
                        "stayed_linear": 0.0,
                        **{f"compact_{name}": float(value) for name, value in compacted.items()},
                        "neurons": 50.0 * count,
                        "parameters": 2500.0 * count,
                        "multiply_adds": 5000.0 * count,
                        "compact_loss_increase": 0.04,
                        "onnx_difference": 1e-7,
                        "export_difference": 0.0,
                    }
                )
                for layer in range(2, count + 2):
                    live = layer in used
                    layers.append(
                        {
                            **here,
                            "layer": layer,
                            "largest_eigenvalue": 0.1 if layer == opened else 1e-4,
                            "active_eigenvalues": 40 * (layer == opened),
                            "live_neurons": 50 * live,
                            "deleted_increase": 10 * rng.random() + 1 if live else 1e-3 * rng.standard_normal(),
                            "survives_by_eigenvalue": layer == opened,
                            "survives_by_function": live,
                        }
                    )
    for count in size["depths"]:
        for gain in (0.5, 1.0, 2.0):
            for trial in range(size["students"]):
                size_of = {"variance_ratio": 0.8, "largest_singular_value": 2.0, "gradient_eigenvalues": 0.1}
                grown = {name: value * gain ** (2 * count) for name, value in size_of.items()}
                start.append({"depth": count, "gain": gain, "trial": trial, "seed": trial, **grown})
    return {
        f"depth/{name}": pd.DataFrame(rows) for name, rows in (("trials", trials), ("layers", layers), ("start", start))
    }


def theory(rng) -> dict[str, pd.DataFrame]:
    checks = [(name, 3, seed, 1e-15 * rng.random()) for name in ("perceptron_error", "gradient_step_mismatch")
              for seed in range(4)]  # fmt: skip
    checks += [("direct_hidden_weight", 4, 0, 0.0), ("spectral_over_direct", 2, 0, 1.02)]
    checks += [("spectral_over_direct", 9, 0, 0.3), ("spectral_over_direct_small", 3, 0, 1.25)]
    identities = [
        {"identity": name, "bundles": count, "widths": "2-1-2" * name.startswith(("4", "B.2")), "compared": 1000,
         "wrong": 0, "float64_error": np.nan if name.startswith("B.1") else 1e-15}
        for name in ("4.1", "4.2", "4.3", "B.2", "B.13", "B.16", "B.23") for count in (1, 5)
    ]  # fmt: skip
    misprints = [
        {"id": k, "place": "Section 3", "kind": kind, "printed": "|λ| = 1", "correct": "|λ| = 2", "found": "synthetic",
         "holds": holds}
        for k, (kind, holds) in enumerate([("checked", True), ("checked", False), ("wording", None), ("stated", None)])
    ]  # fmt: skip
    return {
        "theory/checks": pd.DataFrame(checks, columns=["check", "layers", "seed", "value"]),
        "theory/identities": pd.DataFrame(identities),
        "theory/misprints": pd.DataFrame(misprints).astype({"holds": "boolean"}),
    }


def cells(rng, size: dict) -> dict[str, pd.DataFrame]:
    """Searches on cells, with a tabular benchmark only where the images are no stand-in."""
    methods = [(method, trial) for method in ("darts", "gaea", "random") for trial in range(size["trials"])]
    scores = [f"{name}_accuracy" for name in ("cifar10", "cifar100", "imagenet16_120")]
    known = not size["stand_in"]
    trials = pd.DataFrame(methods, columns=["method", "trial"]).assign(
        stand_in=size["stand_in"], cell="|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", skips=2
    )
    for score in scores:
        trials[score] = 80 + rng.random(len(trials)) if known else np.nan
    evaluations = [0, 100, 200]
    history = pd.DataFrame(
        [(*job, x, 1.6 - x / 400) for job in methods if job[0] != "random" for x in evaluations],
        columns=["method", "trial", "gradient_evaluations", "entropy"],
    )
    values = [94.4, 87.1, 54.3] if known else [np.nan] * 3
    reference = pd.DataFrame([values] * 3, columns=["best", "mean", "all_skip"]).assign(score=scores)
    tables = {"trials": trials, "history": history, "reference": reference}
    tables["costs"] = trials[["method", "trial"]].assign(device="cpu", seconds=60.0)
    return {f"cells/{name}": table for name, table in tables.items()}


def claims(size: dict) -> pd.DataFrame:
    verdicts = {"B1": "replicated", "B2": "partly", "D2": "not replicated"}
    tested = size is FULL
    ids = ["A1", "A2", "A2a", "A3", "B1", "B1a", "B1b", "B2", "B3", "C1", "D1", "D2", "D2a", "D2b", "D3", "D4"]
    ids += ["E1", "E2", "E2a", "E2b", "E3", "E4", "F1", "F2", "G1", "G2"]
    return pd.DataFrame(
        [
            {
                "id": name,
                "statement": f"synthetic statement of {name}, with |λ| in it",
                "source": "Fig 7",
                "paper": "said",
                "quantity": f"synthetic quantity of {name}",
                "region": ">= 0.4",
                "scale": "smoke",
                "measured": 0.5,
                "low": 0.4 if tested else np.nan,
                "high": 0.6 if tested else np.nan,
                "n": size["trials"],
                "verdict": verdicts.get(name, "replicated") if tested else "untested",
                "reason": "" if tested else "n < 3, fewer epochs than the paper",
                "evidence": "synthetic",
            }
            for name in ids
        ]
    )


def spoil(trials: pd.DataFrame, measures: list[str]) -> None:
    trials.loc[0, measures] = np.nan
    trials.loc[0, "diverged_epoch"] = 1


ORIGIN = {
    "scale": "smoke",
    "commit": "0123456789abcdef",
    "machine": "synthetic machine",
    "device": "cpu",
    "fingerprint": "fedcba9876543210",
    "date": "2000-01-01",
    "first_finished": "2000-01-01",
    "core_minutes": 1.0,
    "trials": 1,
}
PROVENANCE = {
    **ORIGIN,
    "experiments": dict.fromkeys(EXPERIMENTS, ORIGIN),
    "packages": {"numpy": "2"},
    "lock_sha256": "0" * 64,
}


def settings(size: dict) -> dict:
    training = {
        "batch_size": 100,
        "learning_rate": 0.001,
        "penalty": "l2",
        "rho": 0.0001,
        "train_input_eigenvalues": True,
    }
    paper = {
        "scale": "paper",
        "root_seed": 2025,
        "regression": {
            "alphas": FULL["alphas"],
            "betas": BETAS,
            "points": 10000,
            "data_seed": 42,
            "widths": [2, 300, 1],
            "bias": True,
            "training": {"epochs": 300, **training},
            "trials": 100,
            "active_threshold": 0.01,
        },
        "teacher_student": {
            "widths": [20, 200, 200, 20],
            "points": 100000,
            "data_seed": 42,
            "bias": False,
            "training": {"epochs": 180, **training},
            "loss_budget": 0.05,
            "ensembles": {"l2": {"trials": 100}},
        },
        "hyperparameters": {"alphas": [0, 0.5, 1], "beta": 5, "penalties": ["l2"], "rhos": [0.0001], "trials": 100}
        | {"teacher_trials": 0},
        "depth": {
            "teacher": {"hidden": 50, "points": 20000, "loss_budget": 0.05, "training": {"epochs": 60, **training}}
            | {"depths": FULL["depths"], "trials": 5},
            "initial_scale": {"depths": FULL["depths"], "xavier_gains": [2.0], "trials": 5},
            "alpha_beta": {"hidden": 50, "points": 10000, "training": {"epochs": 300, **training}}
            | {"alphas": [0.5], "depths": FULL["depths"], "trials": 10},
        },
        "baselines": baseline_tables.SETTINGS,
        "cifar10": {"widths": [400, 526, 10], "training": {"epochs": 300, **training}, **IMAGES}
        | {"heads": image_tables.FULL["heads"]}
        | {"sweep": {"epochs": 60, "penalties": ["l1", "l2"], "rhos": [0.0001], "trials": 3}},
        "cifar100": {"widths": [1280, 526, 100], "training": {"epochs": 1, **training}, **IMAGES}
        | {"backbone": "efficientnet_v2_s", "input_size": 224}
        | {"probes": {"training": {"epochs": 5, **training}, "trials": 20}},
        "cells": {
            "channels": 24,
            "cells": 5,
            "images": 50_000,
            "epochs": 25,
            "batch_size": 64,
            "methods": ["darts", "gaea", "random"],
            "operations": ["none", "skip_connect"],
            "rates": {"darts": 0.0003, "gaea": 0.1},
            "trials": 3,
        },
    }
    run = json.loads(json.dumps(paper))
    if size is SMOKE:
        run["regression"] |= {"trials": 2, "alphas": SMOKE["alphas"]}
        for task in (run["regression"], run["teacher_student"], run["depth"]["teacher"]):
            task["training"]["epochs"] = 2
    run["teacher_student"]["ensembles"] = {"l2": {"trials": size["students"]}}
    run["cifar100"] |= {key: image_tables.BACKBONE[key] for key in ("backbone", "input_size")}
    run["scale"] = "smoke" if size is SMOKE else "laptop"
    return {"scale": run["scale"], "paper": paper, "run": run}
