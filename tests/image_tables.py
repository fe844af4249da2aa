"""Synthetic tables of experiments 3 and 4 in the shape of results/<scale>/: no number is a result."""

import numpy as np
import pandas as pd

SMOKE = {
    "heads": ["linear", "spectral"],
    "trials": 1,
    "epochs": 2,
    "stand_in": True,
    "probes": 1,
    "sweep": 0,
    "hidden": 526,
}
FULL = {
    "heads": ["linear", "spectral", "spectral_authors_sign"],
    "trials": 3,
    "epochs": 300,
    "stand_in": False,
    "probes": 20,
    "sweep": 3,
    "hidden": 526,
}
BACKBONE = {"backbone": "tf_efficientnet_lite0", "substitute_backbone": True, "input_size": 64}
LEVELS = {"linear": 64.0, "spectral": 70.0, "spectral_authors_sign": 71.5, "mlp": 69.0}


def images(rng, size: dict) -> dict[str, pd.DataFrame]:
    """All tables of both experiments."""
    return cifar10(rng, size) | sweep(rng, size) | cifar100(rng, size) | {"cifar100/probes": probes(rng, size)}


def sweep(rng, size: dict) -> dict[str, pd.DataFrame]:
    """Three kinds of penalty at three strengths, and the linear head; empty where it was not run."""
    points = [("linear", "none", 0.0)]
    points += [("spectral", kind, rho) for kind in ("l1", "l2", "l2_squared") for rho in (1e-5, 1e-4, 1e-3)]
    rows = [
        {
            "head": head,
            "penalty": kind,
            "rho": rho,
            "trial": trial,
            "seed": 100 + trial,
            "stand_in": size["stand_in"],
            "epochs": 60,
            "diverged_epoch": -1,
            "test_accuracy": LEVELS[head] - 4 + rng.normal() - 500 * rho,
            **compaction(head, 216_000, 60 - 20_000 * rho, 60.0),
        }
        for head, kind, rho in points
        for trial in range(size["sweep"])
    ]
    return {"cifar10/sweep": pd.DataFrame(rows, columns=None if rows else ["head", "penalty", "rho", "trial"])}


def cifar10(rng, size: dict) -> dict[str, pd.DataFrame]:
    trials, epochs, eigenvalues, costs = [], [], [], []
    epoch = np.arange(1, size["epochs"] + 1)
    for head in size["heads"]:
        for trial in range(size["trials"]):
            here = {"head": head, "trial": trial}
            linear = head == "linear"
            level = LEVELS[head] + 0.5 * rng.normal()
            curve = level - 30 * np.exp(-np.sqrt(epoch) / 2) + 0.6 * rng.normal(size=len(epoch))
            lost = 28 * (1 - np.exp(-np.maximum(epoch - 15, 0) / 80)) + 0.3 * rng.normal(size=len(epoch))
            pruned = np.full(len(epoch), np.nan) if linear else curve - lost
            epochs.append(
                pd.DataFrame(
                    {
                        **here,
                        "epoch": epoch,
                        "train_loss": 2 / np.sqrt(epoch),
                        "validation_accuracy": curve + 3.5,
                        "validation_accuracy_augmented": curve,
                        "validation_accuracy_pruned": pruned + 3.5,
                        "validation_accuracy_augmented_pruned": pruned,
                    }
                )
            )
            trials.append(
                {
                    **here,
                    "seed": 100 + trial,
                    "stand_in": size["stand_in"],
                    "approximate_images": 0 if size["stand_in"] else 42,
                    "epochs": size["epochs"],
                    "diverged_epoch": -1,
                    "test_accuracy": curve[-1] + 4,
                    "test_accuracy_pruned": pruned[-1] + 4,
                    **compaction(head, 4_010 if linear else 216_000, 72 + trial, curve[-1] + 3.9),
                }
            )
            if not linear:
                for kept in sorted({1, size["epochs"]}):
                    eigenvalues.append(head_eigenvalues(rng, size, 10, 72, 0.4).assign(**here, epoch=kept))
            costs.append(cost(rng, here, 17.9 if linear else 21.2, 2_100.0 if linear else 2_900.0))
    return {
        "cifar10/trials": pd.DataFrame(trials),
        "cifar10/epochs": pd.concat(epochs, ignore_index=True),
        "cifar10/eigenvalues": pd.concat(eigenvalues, ignore_index=True),
        "cifar10/costs": pd.DataFrame(costs),
    }


def cifar100(rng, size: dict) -> dict[str, pd.DataFrame]:
    trials, eigenvalues, costs = [], [], []
    for trial in range(size["trials"]):
        for head in ("linear", "spectral"):
            here = {"head": head, "trial": trial}
            linear, accuracy = head == "linear", 62 + rng.normal()
            trials.append(
                {
                    **here,
                    **BACKBONE,
                    "seed": 200 + trial,
                    "stand_in": size["stand_in"],
                    "training_points": 45_000,
                    "test_points": 10_000,
                    "diverged": False,
                    "test_accuracy": accuracy,
                    "validation_accuracy": accuracy + 1,
                    **compaction(head, 128_100 if linear else 727_032, 30, accuracy - 0.2),
                }
            )
            if not linear:
                eigenvalues.append(head_eigenvalues(rng, size, 100, 0, 0.4).assign(**here))
            costs.append(cost(rng, here, 408.4 if linear else 418.5, 1_400.0 if linear else 1_410.0))
    return {
        "cifar100/trials": pd.DataFrame(trials),
        "cifar100/eigenvalues": pd.concat(eigenvalues, ignore_index=True),
        "cifar100/costs": pd.DataFrame(costs),
    }


def probes(rng, size: dict) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "head": head,
                "trial": trial,
                "seed": trial,
                "stand_in": size["stand_in"],
                "backbone": BACKBONE["backbone"],
                "test_accuracy": LEVELS[head] - 10 + 0.2 * rng.normal(),
                "recruited_neurons": 40.0 if head == "spectral" else np.nan,
                "parameters": 128_100,
            }
            for trial in range(size["probes"])
            for head in ("linear", "spectral", "mlp")
        ]
    )


def compaction(head: str, parameters: int, recruited: int, accuracy: float) -> dict:
    """Columns of what is recruited and kept; a linear head has neither, the authors' sign is not compacted."""
    recruitment = {"recruited_neurons": np.nan if head == "linear" else recruited}
    kept = {"neurons": recruited - 3, "parameters": parameters // 5, "test_accuracy": accuracy}
    kept = {f"compact_{name}": value if head == "spectral" else np.nan for name, value in kept.items()}
    return {"parameters": parameters, **recruitment, **kept}


def head_eigenvalues(rng, size: dict, classes: int, recruited: int, high: float) -> pd.DataFrame:
    """Hidden eigenvalues close to 0, except the recruited ones, and those of the last layer around 1."""
    hidden = 1e-3 * rng.normal(size=size["hidden"])
    hidden[:recruited] = rng.choice([-1, 1], recruited) * high * 10 ** (0.15 * rng.normal(size=recruited))
    last = 1 + 0.2 * rng.normal(size=classes)
    return pd.DataFrame(
        {
            "layer": np.repeat([2, 3], [len(hidden), classes]),
            "neuron": [*range(1, len(hidden) + 1), *range(1, classes + 1)],
            "eigenvalue": np.concatenate([hidden, last]),
        }
    )


def cost(rng, here: dict, mean_mib: float, seconds: float) -> dict:
    return {
        **here,
        "device": "cpu",
        "seconds": seconds * (1 + 0.01 * rng.normal()),
        "mean_allocated_mib": mean_mib,
        "peak_allocated_mib": 3 * mean_mib,
        "milliseconds_per_step": 1e3 * seconds / 105_600,
    }
