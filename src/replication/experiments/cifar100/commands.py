"""Verbs of experiment 4 and of the probes of its features."""

from pathlib import Path

import click
import numpy as np
import pandas as pd

from replication.data import images
from replication.experiments.cifar100.settings import HEADS, Cifar100Features, Cifar100Trial, ProbeTrial
from replication.records.io import (
    ArtifactError,
    read_arrays,
    read_json,
    read_table,
    write_arrays,
    write_json,
    write_table,
)
from replication.records.verbs import (
    COUNT,
    FILE,
    INPUT,
    PATH,
    TRIAL,
    Jobs,
    Json,
    Settings,
    Trials,
    device_option,
    name_of_run,
    progress,
    recorded,
    root_seed_option,
    sidecar,
)

TABLES = ("trials", "eigenvalues", "losses", "costs")
PROBES = (*HEADS, "mlp")
MODULE = "replication.experiments.cifar100.commands"


@click.command()
@click.option("--images", "record", type=INPUT, required=True, help="record of the images")
@click.option("--head", type=click.Choice(HEADS), required=True)
@click.option("--trial", type=TRIAL, required=True)
@click.option("--settings", type=Settings(Cifar100Trial), required=True)
@click.option("--checkpoint-every", type=COUNT, required=True, help="steps")
@root_seed_option
@device_option
@click.option("--output", type=PATH, required=True, help="stem of the outputs")
def train_cifar100(
    record: Path,
    head: str,
    trial: int,
    settings: Cifar100Trial,
    checkpoint_every: int,
    root_seed: int,
    device: str,
    output: Path,
) -> None:
    """Train a pre-trained backbone with one head, going on from a checkpoint if this very run left one."""
    from replication.data.backbones import pretrained  # these load torch
    from replication.experiments.cifar100 import train as cifar100
    from replication.training import checkpoints, classifiers

    data, seed = images.load(record), cifar100.seed_of(root_seed, trial)
    split = cifar100.split_of(data, settings, seed)
    costs = cifar100.memory_of_steps(head, pretrained(settings.backbone), split, settings, seed, device)
    run = cifar100.new_run(head, pretrained(settings.backbone), settings, seed, device)
    optimizer, module = cifar100.optimizer_of(run, settings.training), cifar100.whole(run)
    checkpoint = output.with_name(f"{output.name}.checkpoint.safetensors")
    name = name_of_run(MODULE, settings, head, seed, device, record)
    _, rows = checkpoints.load(checkpoint, name, module, optimizer)
    run.take(rows)
    before = float(rows.get("core_seconds", 0.0))
    steps = cifar100.steps(len(split.y_train), settings.training)
    used = "stand-in" if data.stand_in else "CIFAR-100"
    used += f": train {len(split.y_train)}, validation {len(split.y_validation)}, test {len(split.y_test)}"
    with recorded(sidecar(output), settings, root_seed, device, 1, [record], used, before) as spent:
        with progress(steps, f"{head} {trial}", "steps") as bar:
            bar(len(run.losses))

            def on_step(run: cifar100.Run) -> None:
                bar(1)
                if len(run.losses) % checkpoint_every == 0 and len(run.losses) < steps:
                    measured = run.rows() | {"core_seconds": np.array(spent())}
                    checkpoints.save(checkpoint, name, len(run.losses), module, optimizer, measured)

            cifar100.train(run, optimizer, split, settings.training, seed, on_step)
        row = {"head": head, "trial": trial, "seed": seed, **about(settings, data)}
        row |= {"training_points": len(split.y_train), "test_points": len(split.y_test), "diverged": run.diverged}
        costs |= {"seconds": run.seconds, "milliseconds_per_step": 1e3 * run.seconds / len(run.losses)}
        losses = pd.DataFrame({"step": range(1, len(run.losses) + 1), "loss": run.losses})
        tables = {
            "trials": pd.DataFrame([row | cifar100.measure(run, split, settings)]),
            "eigenvalues": classifiers.eigenvalue_table(run.head).assign(head=head, trial=trial),
            "losses": losses.assign(head=head, trial=trial),
            "costs": pd.DataFrame([{"head": head, "trial": trial, "device": device} | costs]),
        }
        parameters = {key: value.cpu().numpy() for key, value in run.head.state_dict().items()}
        write_arrays(output.with_name(f"{output.name}.safetensors"), parameters)
        for table, table_rows in tables.items():
            write_table(output.with_name(f"{output.name}_{table}.parquet"), table_rows)
    checkpoint.unlink(missing_ok=True)


def about(settings: Cifar100Features, data: images.Images) -> dict[str, object]:
    """What every row says of the images and the backbone that it was made from."""
    return {
        "backbone": settings.backbone,
        "substitute_backbone": settings.substitute_backbone,
        "input_size": settings.input_size,
        "stand_in": data.stand_in,
    }


@click.command()
@click.option("--images", "record", type=INPUT, required=True, help="record of the images")
@click.option("--settings", type=Settings(Cifar100Features), required=True)
@device_option
@click.option("--output", type=FILE, required=True, help="file of the features; beside it, what they were made from")
def extract_features(record: Path, settings: Cifar100Features, device: str, output: Path) -> None:
    """Compute the backbone's features of plain images once, for all probes."""
    from replication.data.backbones import pretrained  # loads torch
    from replication.experiments.cifar100 import train as cifar100

    data = images.load(record)
    write_arrays(output, cifar100.features(pretrained(settings.backbone), data, settings, device))
    write_json(output.with_suffix(".json"), about(settings, data))


@click.command()
@click.argument("features", type=INPUT)
@click.option("--trials", type=Trials(), required=True)
@click.option("--settings", type=Settings(ProbeTrial), required=True)
@root_seed_option
@device_option
@click.option("--output", type=FILE, required=True, help="the trials' table")
def train_probes(
    features: Path, trials: list[int], settings: ProbeTrial, root_seed: int, device: str, output: Path
) -> None:
    """Train every head on FEATURES, the file written by ``extract-features``."""
    from replication.experiments.cifar100 import probes  # loads torch

    arrays = read_arrays(features)
    for name in ("x_train", "y_train", "x_test", "y_test"):
        if name not in arrays:
            raise ArtifactError(f"{features} does not hold features: {name} is missing")
    made_from, rows = read_json(features.with_suffix(".json")), []
    with (
        recorded(sidecar(output), settings, root_seed, device, len(trials), [features], "features"),
        progress(len(trials) * len(PROBES) * settings.training.epochs, "probes") as on_epoch,
    ):
        for trial, seed in zip(trials, probes.seeds(root_seed, trials), strict=True):
            split = probes.split_of(arrays, settings, seed, device)
            points = {"training_points": len(split.train[1]), "test_points": len(split.test[1])}
            for head in PROBES:
                trained = probes.train(head, split, settings, seed, lambda head: on_epoch(1))
                measured = probes.measure(head, split, settings, seed, trained)
                rows.append({"head": head, "trial": trial, "seed": seed} | made_from | points | measured)
        write_table(output, pd.DataFrame(rows))


@click.command()
@click.option("--jobs", type=Json(Jobs), required=True, help="[[head, trial], …]")
@click.option("--probes", type=INPUT, multiple=True, required=True, help="tables of the probes' jobs")
@click.option("--folder", type=INPUT, required=True, help="the jobs' results")
@click.option("--output", type=PATH, required=True, help="folder of the tables")
def tabulate_cifar100(jobs: list[tuple[str, int]], probes: tuple[Path, ...], folder: Path, output: Path) -> None:
    """Gather experiment 4 into tidy tables: trials, eigenvalues, losses, costs, probes."""
    for name, table in (gather(folder, jobs) | {"probes": ordered([read_table(path) for path in probes])}).items():
        write_table(output / f"{name}.parquet", table)


def gather(folder: Path, jobs: list[tuple[str, int]]) -> dict[str, pd.DataFrame]:
    """The tables of the given jobs (head, trial), ordered by head and trial."""
    return {
        name: ordered([read_table(folder / head / f"{trial}_{name}.parquet") for head, trial in jobs])
        for name in TABLES
    }


def ordered(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """One table of several, by head and trial; head and trial are its first columns."""
    table = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    table = table.assign(head=pd.Categorical(table["head"], PROBES)).sort_values(["head", "trial"], kind="stable")
    table = table.assign(head=table["head"].astype(str)).reset_index(drop=True)
    return table[["head", "trial", *table.columns.difference(["head", "trial"], sort=False)]]
