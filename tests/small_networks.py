"""Runs in miniature whose networks are published."""

import shutil
from pathlib import Path

from replication.records import io
from small_runs import run

IMAGES = {"images": {"stand_in": True, "download": False}}
CIFAR10 = {
    "cifar10": {"images": 160, "training": {"epochs": 1}, "heads": ["linear", "spectral", "spectral_authors_sign"]}
}
PROBES = {"training": {"epochs": 1}, "trials": 1, "further_input_sizes": []}
CIFAR100 = {"cifar100": {"widths": [1280, 8, 100], "input_size": 64, "probes": PROBES}}
SEARCHES = {"hidden": [8], "points": 60, "batch_size": 48, "steps": 800, "trials": 1}
BASELINES = {
    "baselines": {
        "methods": ["lasso_random", "linear"],
        "strengths": [0.0003, 0.003],
        "learning_rate": 0.01,
        "retraining_steps": 1,
        "test_points": 40,
        "teacher": SEARCHES,
        "alpha_beta": {"trials": 0},
        "confirmation": {"trials": 0},
    }
}
HEADS = ("linear", "spectral")


def publish(folder, networks, *options):
    return run(
        "publish-networks", "--results", folder / "results", "--data", folder / "data", "--networks", networks, *options
    )


def check(networks, output):
    return run("check-networks", networks, "--output", output)


def rewritten(path, change):
    """A record with other values."""
    io.write_json(path, change(io.read_json(path)))


def of(runs, folder, *experiments):
    """A copy of the runs of these experiments alone."""
    copied = Path(shutil.copytree(runs, folder))
    for path in (copied / "results").iterdir():
        if path.is_dir() and path.name not in experiments:
            shutil.rmtree(path)
    return copied
