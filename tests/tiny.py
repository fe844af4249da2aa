"""Clones of this checkout, as it is now, at a scale that a whole run of takes seconds; programs run in them."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from replication.params.loading import merge

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
SCALE = "smoke"
OVERLAY = {
    "regression": {
        "alphas": [0.5, 1],
        "betas": [5],
        "points": 400,
        "held_out_points": 400,
        "widths": [2, 20, 1],
        "training": {"epochs": 1},
        "chunk": 2,
    },
    "teacher_student": {
        "widths": [10, 12, 12, 10],
        "points": 512,
        "test_points": 400,
        "selection_points": 100,
        "training": {"epochs": 1},
    },
    "hyperparameters": {"alphas": [0.5, 1], "rhos": [0.0001, 0.01], "trials": 1},
    "depth": {"teacher": {"hidden": 8, "points": 256, "test_points": 200, "selection_points": 100}},
    "baselines": {"test_points": 200, "alpha_beta": {"points": 400, "steps": 20, "tuning_trials": 1}},
    "cells": {"images": 32, "ranking_images": 16, "batch_size": 16, "epochs": 1},
    "tabular": {"steps": 10},
    "cifar10": {"images": 64, "test_images": 20, "training": {"epochs": 1}},
    "cifar100": {"images": 40, "test_images": 20, "probes": {"training": {"epochs": 1}}},
}


CHUNKS = (  # another way to share out the trials among jobs
    "regression={chunk: 1}",
    "cifar10={checkpoint_every: 1}",
    "teacher_student={chunk: 1}",
    "depth={chunk: 1}",
    "baselines={chunk: 1}",
    "tabular={chunk: 1}",
)


def environment(folder):
    """The environment of a program that runs in a clone: with the clone's own sources."""
    variables = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(folder / "src"), "COLUMNS": "500"}
    return os.environ | variables


def run(folder, *command, check=True, **more):
    """Run a program in a clone; returns what it wrote. more: environment variables."""
    command = [str(part) for part in command]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment(folder) | more, check=False
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0 or not check, f"{' '.join(command)}\n{output[-5000:]}"
    return output


def start(folder, commands):
    """Start programs in a clone, one after the other until one fails; returns at once."""
    script = " && ".join(shlex.join(command) for command in commands)
    return subprocess.Popen(
        ["bash", "-c", script], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(folder),
    )  # fmt: skip


def commit(folder, message):
    """Commit everything that Git does not ignore."""
    run(folder, "git", "add", "--all")
    run(folder, "git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", message)


def copy_of_checkout(folder):
    """A repository with the files of this checkout, edits included, and the tiny scale in its params.yaml."""
    files = run(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in files:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    run(folder, "git", "init", "--quiet")
    change_params(folder, {"scale": SCALE, "scales": {SCALE: OVERLAY}})
    commit(folder, "tiny")
    return folder


def clone(source, folder):
    """A Git clone as anybody else would have it."""
    run(source, "git", "clone", "--quiet", source, folder)
    return folder


def change_params(folder, changes):
    """Merge ``changes`` into params.yaml."""
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(merge(yaml.safe_load(path.read_text()), changes), sort_keys=False))
