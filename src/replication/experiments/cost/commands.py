"""The verb that measures training speed; a benchmark, not a test."""

from pathlib import Path

import click
import pandas as pd

from replication import params
from replication.experiments.cifar10.settings import Cifar10, Cifar10Trial
from replication.experiments.settings import paper_settings
from replication.records import provenance
from replication.records.io import ArtifactError, read_arrays, write_csv
from replication.records.verbs import COUNT, FILE, INPUT, PATH, Settings, device_option, progress
from replication.training import instruction_sets


@click.command()
@click.option("--repeats", type=COUNT, default=7, show_default=True)
@click.option("--output", type=FILE, required=True)
def benchmark_step(repeats: int, output: Path) -> None:
    """Microseconds per optimiser step of experiment 1 in each way of training it, side by side."""
    from replication.experiments.cost.step_time import microseconds_per_step  # loads torch

    table = pd.DataFrame(microseconds_per_step(repeats=repeats))
    table = table.assign(machine=provenance.machine(), commit=provenance.commit(), date=provenance.now())
    write_csv(output, table)
    click.echo(table.iloc[:, :5].round(3).to_string(index=False))


@click.command()
@click.option("--settings", type=Settings(Cifar10Trial), required=True)
@click.option("--output", type=PATH, required=True, help="folder of the tables")
def benchmark_cifar10(settings: Cifar10Trial, output: Path) -> None:
    """Milliseconds per step of experiment 3: by the fused kernel, and by PyTorch on batches of three kinds.

    Once with all the processor's instructions and once with AVX2's at most, each in a process of its own.
    """
    from replication.experiments.cost.against_depth import of_experiment_3  # loads torch

    where = {"machine": provenance.machine(), "commit": provenance.commit(), "date": provenance.now()}
    for name, variables in (("cifar10_step", {}), ("cifar10_step_avx2", instruction_sets.AVX2)):
        table = instruction_sets.in_its_own_process(variables, of_experiment_3, settings)
        write_csv(output / f"{name}.csv", table.assign(**where))
        click.echo(table.round(3).to_string(index=False))


@click.command()
@click.option("--params-file", type=INPUT, required=True)
@click.option("--images", type=COUNT, help="in a batch at most, where memory holds no more; all of a batch by default")
@device_option
@click.option("--output", type=FILE, required=True)
def benchmark_full_size(params_file: Path, images: int | None, device: str, output: Path) -> None:
    """Seconds of a training of the paper's size, from a step of it: experiment 4, deep networks, cells."""
    from replication.experiments.cost import full_size  # loads torch

    paper = paper_settings(params.read_yaml(params_file))
    with progress(len(paper.depth.teacher.depths) + 3, "steps", unit="steps") as on_step:
        table = full_size.timed(paper, device, images, on_step=on_step)
    where = {"machine": provenance.machine(device), "commit": provenance.commit(), "date": provenance.now()}
    write_csv(output, table.assign(**where))
    click.echo(table.round(3).to_string(index=False))


@click.command()
@click.option("--settings", type=Settings(Cifar10), required=True)
@click.option("--trials", type=COUNT, multiple=True, default=(1, 11, 25), help="at once, each with every head")
@click.option("--images", type=COUNT, help="at most, where all take too long; all by default")
@device_option
@click.option("--output", type=FILE, required=True)
def benchmark_side_by_side(
    settings: Cifar10, trials: tuple[int, ...], images: int | None, device: str, output: Path
) -> None:
    """Time of a step of experiment 3's networks, alone and with others side by side, and of all its trainings."""
    from replication.experiments.cost import side_by_side  # loads torch

    with progress(len(settings.heads) + len(trials), "ways", unit="ways") as on_way:
        table = side_by_side.timed(settings, device, trials, images, on_way)
    where = {"machine": provenance.machine(device), "commit": provenance.commit(), "date": provenance.now()}
    write_csv(output, table.assign(**where))
    click.echo(table.round(3).to_string(index=False))


@click.command()
@click.option("--settings", type=Settings(Cifar10), required=True)
@click.option("--images", type=COUNT, default=10_000, show_default=True, help="of an epoch, a share of them validates")
@click.option("--repeats", type=COUNT, default=30, show_default=True, help="epochs of each head in each loop")
@device_option
@click.option("--output", type=FILE, required=True)
def benchmark_regimes(settings: Cifar10, images: int, repeats: int, device: str, output: Path) -> None:
    """Seconds of epochs of experiment 3 with either head: in a loop as the authors', and in our own, in turns."""
    from replication.experiments.cost import regimes  # loads torch

    with progress(repeats, "repeats", unit="repeats") as on_round:
        table = regimes.timed(settings, device, images, repeats, on_round)
    where = {"machine": provenance.machine(device), "commit": provenance.commit(), "date": provenance.now()}
    write_csv(output, table.assign(**where))
    click.echo(table.groupby(["loop", "head"])["seconds"].describe().round(3).to_string())


@click.command()
@click.option("--networks", type=INPUT, required=True, help="folder of published networks")
@click.option("--repeats", type=COUNT, default=30, show_default=True)
@click.option("--output", type=FILE, required=True)
def benchmark_latency(networks: Path, repeats: int, output: Path) -> None:
    """Microseconds of a call of each published network, as trained, plain and compacted, on one thread."""
    from torch import from_numpy

    from replication.experiments.cost import latency  # loads torch
    from sparcs import SpectralNetwork

    cards = [path for name in latency.EXPERIMENTS for path in sorted(networks.glob(f"{name}_*.md"))]
    loaded = {path.stem: SpectralNetwork.load(path.with_suffix(".safetensors")) for path in cards}
    if not loaded:
        raise ArtifactError(f"{networks} holds no published network of {' or '.join(latency.EXPERIMENTS)}")
    samples = {name: from_numpy(read_arrays(networks / f"{name}_sample.safetensors")["inputs"]) for name in loaded}
    with progress(len(loaded), "networks", unit="networks") as on_network:
        table = latency.timed(loaded, samples, repeats, on_network=on_network)
    where = {"machine": provenance.machine(), "commit": provenance.commit(), "date": provenance.now()}
    write_csv(output, table.assign(**where))
    click.echo(table[table["batch"] == 1].round(1).to_string(index=False))


@click.command()
@click.option("--output", type=FILE, required=True)
def benchmark_penalties(output: Path) -> None:
    """Milliseconds of an optimiser step with each penalty, in turns."""
    from replication.experiments.cost import penalty_step  # loads torch

    with progress(len(penalty_step.NETWORKS), "networks", unit="networks") as on_network:
        table = penalty_step.timed(on_network=on_network)
    where = {"machine": provenance.machine(), "commit": provenance.commit(), "date": provenance.now()}
    write_csv(output, table.assign(**where))
    click.echo(table.round(2).to_string(index=False))


@click.command()
@click.option("--depth", type=click.IntRange(3), default=64, show_default=True, help="layers of the deepest network")
@click.option("--output", type=PATH, required=True, help="folder of the tables")
def benchmark_cost(depth: int, output: Path) -> None:
    """Step time and peak memory of SpectralNetwork against depth, beside a plain MLP; experiment 2's step."""
    from replication.experiments.cost import against_depth as cost  # loads torch

    with progress(depth - 1, "depth", unit="networks") as on_depth:
        table = cost.against_depth(range(2, depth + 1), on_depth=on_depth)
    where = {"machine": provenance.machine(), "commit": provenance.commit(), "date": provenance.now()}
    tables = {"depth": table, "depth_summary": cost.summary(table), "teacher_student_step": cost.of_experiment_2()}
    for name, rows in tables.items():
        write_csv(output / f"{name}.csv", rows.assign(**where))
        click.echo(rows.round(3).to_string(index=False) if name != "depth" else "")
