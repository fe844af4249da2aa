"""Verbs of experiment 3."""

from pathlib import Path

import click
import numpy as np
import pandas as pd

from replication.data import images
from replication.experiments.cifar10.settings import Cifar10Trial
from replication.records.io import read_json, read_table, write_arrays, write_table
from replication.records.verbs import (
    COUNT,
    FILE,
    INPUT,
    PATH,
    TRIAL,
    Jobs,
    Json,
    Settings,
    device_option,
    name_of_run,
    progress,
    recorded,
    root_seed_option,
    sidecar,
)

TABLES = ("trials", "epochs", "eigenvalues", "costs")
CURVES = {
    "train_loss": "train_loss",
    "plain": "validation_accuracy",
    "augmented": "validation_accuracy_augmented",
    "plain_pruned": "validation_accuracy_pruned",
    "augmented_pruned": "validation_accuracy_augmented_pruned",
}
MODULE = "replication.experiments.cifar10.commands"


@click.command()
@click.option("--images", "record", type=INPUT, required=True, help="record of the images")
@click.option("--head", type=click.Choice(["linear", "spectral", "spectral_authors_sign"]), required=True)
@click.option("--trial", type=TRIAL, required=True)
@click.option("--settings", type=Settings(Cifar10Trial), required=True)
@click.option("--checkpoint-every", type=COUNT, required=True, help="epochs")
@root_seed_option
@device_option
@click.option("--output", type=PATH, required=True, help="stem of the outputs")
def train_cifar10(
    record: Path,
    head: str,
    trial: int,
    settings: Cifar10Trial,
    checkpoint_every: int,
    root_seed: int,
    device: str,
    output: Path,
) -> None:
    """Train the small network with one head, going on from a checkpoint if this very run left one."""
    from replication.experiments.cifar10 import train as cifar10  # loads torch
    from replication.training import checkpoints

    data = images.load(record)
    seed = cifar10.seed_of(root_seed, trial)
    costs = cifar10.memory_of_steps(head, data, settings, seed, device)
    run = cifar10.new_run(head, data, settings, seed, device)
    optimizer, module = cifar10.optimizer_of(run, settings), cifar10.whole(run)
    checkpoint = output.with_name(f"{output.name}.checkpoint.safetensors")
    name = name_of_run(MODULE, settings, head, seed, device, record)
    _, rows = checkpoints.load(checkpoint, name, module, optimizer)
    run.take(rows)
    before = float(rows.get("core_seconds", 0.0))
    sizes = {"train": run.split.y_train, "validation": run.split.y_validation, "test": run.split.y_test}
    used = ", ".join([*(f"{name} {len(labels)}" for name, labels in sizes.items()), data.note])
    with recorded(sidecar(output), settings, root_seed, device, 1, [record], used, before) as spent:
        with progress(settings.training.epochs, f"{head} {trial}") as bar:
            bar(run.epochs)

            def on_epoch(run: cifar10.Run) -> None:
                bar(1)
                last = run.epochs == settings.training.epochs or run.diverged_epoch >= 0
                if run.epochs % checkpoint_every == 0 and not last:
                    measured = run.rows() | {"core_seconds": np.array(spent())}
                    checkpoints.save(checkpoint, name, run.epochs, module, optimizer, measured)

            cifar10.train(run, optimizer, settings, seed, on_epoch)
        row = {"head": head, "trial": trial, "seed": seed, "stand_in": data.stand_in}
        row |= {"approximate_images": data.approximate, "epochs": run.epochs, "diverged_epoch": run.diverged_epoch}
        costs |= {"seconds": run.seconds, "milliseconds_per_step": 1e3 * run.seconds / cifar10.steps(run, settings)}
        tables = {
            "trials": pd.DataFrame([row | cifar10.measure(run, settings)]),
            "epochs": epoch_table(run.curves).assign(head=head, trial=trial),
            "eigenvalues": eigenvalue_table(run.eigenvalues, settings.widths).assign(head=head, trial=trial),
            "costs": pd.DataFrame([{"head": head, "trial": trial, "device": device} | costs]),
        }
        write_arrays(output.with_name(f"{output.name}.safetensors"), cifar10.parameters(run))
        for table, rows in tables.items():
            write_table(output.with_name(f"{output.name}_{table}.parquet"), rows)
    checkpoint.unlink(missing_ok=True)


def epoch_table(curves: dict[str, list[float]]) -> pd.DataFrame:
    """One row per epoch, counted from 1."""
    table = pd.DataFrame(curves).rename(columns=CURVES)
    return table.assign(epoch=np.arange(1, len(table) + 1))


def eigenvalue_table(kept: dict[int, np.ndarray], widths: list[int]) -> pd.DataFrame:
    """One row per epoch kept and neuron of the hidden layer (2) and the last one (3)."""
    layers = np.repeat([2, 3], widths[1:])
    neurons = np.concatenate([np.arange(1, width + 1) for width in widths[1:]])
    frames = [
        pd.DataFrame({"epoch": epoch, "layer": layers, "neuron": neurons, "eigenvalue": values})
        for epoch, values in sorted(kept.items())
        if len(values)
    ]
    columns = ["epoch", "layer", "neuron", "eigenvalue"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns, dtype=float)


@click.command()
@click.option("--jobs", type=Json(Jobs), required=True, help="[[head, trial], …]")
@click.option("--folder", type=INPUT, required=True, help="the jobs' results")
@click.option("--output", type=PATH, required=True, help="folder of the tables")
def tabulate_cifar10(jobs: list[tuple[str, int]], folder: Path, output: Path) -> None:
    """Gather experiment 3 into tidy tables: trials, epochs, eigenvalues, costs."""
    for name, table in gather(folder, jobs).items():
        write_table(output / f"{name}.parquet", table)


def gather(folder: Path, jobs: list[tuple[str, int]]) -> dict[str, pd.DataFrame]:
    """The tables of the given jobs (head, trial), ordered by head and trial."""
    heads = list(dict.fromkeys(head for head, _ in jobs))
    jobs = sorted((tuple(job) for job in jobs), key=lambda job: (heads.index(job[0]), job[1]))
    return {name: _table(folder, jobs, name) for name in TABLES}


@click.command()
@click.option("--jobs", type=Json(Jobs), required=True, help="[[point, trial], …]")
@click.option("--folder", type=PATH, required=True, help="the jobs' results")
@click.option("--output", type=FILE, required=True)
def tabulate_cifar10_sweep(jobs: list[tuple[str, int]], folder: Path, output: Path) -> None:
    """Gather the sweep over kinds and strengths of the penalty into one tidy table."""
    write_table(output, gather_sweep(folder, jobs))


def gather_sweep(folder: Path, jobs: list[tuple[str, int]]) -> pd.DataFrame:
    """One row per point and trial, with its penalty and ρ; the linear head has penalty "none", ρ = 0."""
    rows = [read_table(folder / point / f"{trial}_trials.parquet").assign(**_penalty(folder / point / str(trial)))
            for point, trial in jobs]  # fmt: skip
    first = ["head", "penalty", "rho", "trial", "seed"]
    table = pd.concat(rows, ignore_index=True)
    order = table.sort_values(["head", "penalty", "rho", "trial"], kind="stable").reset_index(drop=True)
    return order[[*first, *order.columns.difference(first, sort=False)]]


def _penalty(stem: Path) -> dict[str, object]:
    training = read_json(sidecar(stem))["settings"]["training"]
    return {"penalty": training["penalty"] if training["rho"] else "none", "rho": training["rho"]}


def _table(folder: Path, jobs: list[tuple[str, int]], name: str) -> pd.DataFrame:
    frames = [read_table(folder / head / f"{trial}_{name}.parquet") for head, trial in jobs]
    full = [frame for frame in frames if len(frame)] or frames[:1]
    table = pd.concat(full, ignore_index=True)
    first = [key for key in ("head", "trial", "epoch", "seed") if key in table.columns]
    return table[[*first, *table.columns.difference(first, sort=False)]]
