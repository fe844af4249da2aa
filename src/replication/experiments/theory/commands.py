"""The verb that checks what holds for every network."""

import time
from pathlib import Path

import click

from replication.records import provenance
from replication.records.io import write_json, write_table
from replication.records.verbs import COUNT, PATH


@click.command()
@click.option("--networks", type=COUNT, default=200, show_default=True, help="random networks")
@click.option("--direct-networks", type=COUNT, default=6, show_default=True)
@click.option("--steps", type=COUNT, default=1000, show_default=True, help="optimiser steps in direct space")
@click.option("--bundles", type=COUNT, default=7, show_default=True, help="largest B of the matrix identities")
@click.option("--output", type=PATH, required=True, help="output folder")
def check_theory(networks: int, direct_networks: int, steps: int, bundles: int, output: Path) -> None:
    """Check what holds for every network (claims A1, A2, A3, C1), and the paper's misprints."""
    from replication.experiments.theory import checks as theory  # loads torch
    from replication.experiments.theory import identities, misprints

    start = time.process_time()
    write_table(output / "checks.parquet", theory.check_all(networks, direct_networks, steps))
    write_table(output / "identities.parquet", identities.check_all(bundles))
    write_table(output / "misprints.parquet", misprints.check_all())
    write_json(output / "checks.provenance.json", provenance.of_job(time.process_time() - start, "cpu", networks))
