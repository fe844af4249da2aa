"""The verb that measures training speed; a benchmark, not a test."""

from pathlib import Path

import click
import pandas as pd

from sparcs import provenance
from sparcs.commands.common import PATH
from sparcs.files import write_csv


@click.command()
@click.option("--repeats", type=click.IntRange(1), default=7, show_default=True)
@click.option("--output", type=PATH, required=True)
def benchmark_step(repeats: int, output: Path) -> None:
    """Microseconds per optimiser step of experiment 1 in each way of training it, side by side."""
    from sparcs.ensemble.benchmark import microseconds_per_step  # loads torch

    table = pd.DataFrame(microseconds_per_step(repeats=repeats))
    table = table.assign(machine=provenance.machine(), commit=provenance.commit(), date=provenance.now())
    write_csv(output, table)
    click.echo(table.iloc[:, :5].round(3).to_string(index=False))
