"""The verbs that write networks where Git tracks them, and check those that are there."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pandas as pd

from replication import params, processes
from replication.experiment import Stage
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import Settings
from replication.publish.cards import card_of
from replication.publish.rows import RANK
from replication.records.io import ArtifactError, write_bytes, write_csv
from replication.records.verbs import FILE, INPUT, PATH, read_settings

if TYPE_CHECKING:
    from replication.publish.networks import Choice

MOST_BYTES = 5_000_000  # of all published networks together: Git keeps every version of them
COLUMNS = ["network", "trial", "fingerprint", "metric", "value", "in_table", "again", "outputs_differ_by"]


@click.command()
@click.option("--results", type=INPUT, required=True, help="results/<scale>")
@click.option("--data", type=PATH, required=True, help="data/<scale>")
@click.option("--networks", type=PATH, required=True, help="output folder")
@click.option("--replace", is_flag=True, help="also those of a larger scale")
def publish_networks(results: Path, data: Path, networks: Path, replace: bool) -> None:
    """Write a network of every kind that experiments declare, with its card: of the first trial that did not diverge.

    Where jobs keep no parameters it is trained again, and left out if that gives another one. Nothing is written if
    anything fails, or if all published networks together had more than MOST_BYTES.
    """
    from replication.publish.networks import NotTheSameError, choices, files_of  # loads torch

    run = params.validate(Settings, read_settings(results / "settings.json")["run"])
    if run.scale == "smoke":
        raise params.ParameterError("scale = 'smoke': allowed to be published are laptop, overnight, paper")
    files: dict[str, bytes] = {}
    for experiment in EXPERIMENTS.values():
        for stage in (stage for stage in experiment.stages if stage.network):
            folder = results / experiment.name
            with apart(stage) as carried_out:
                for choice in choices(experiment, stage, run, folder):
                    there = networks / f"{choice.name}.safetensors"
                    why = choice.why or ("" if replace else stays(there, choice, folder, run.scale))
                    try:
                        files |= {} if why else carried_out(files_of, choice, folder, data, run.scale)
                    except NotTheSameError as error:
                        why = str(error)
                    said = f"not published, {why}" if why else f"trial {choice.row['trial']}"
                    click.echo(f"{choice.name}: {said}")
    others = {path.name: path.stat().st_size for path in networks.glob("*") if path.name not in files}
    total = sum(map(len, files.values())) + sum(others.values())
    if total > MOST_BYTES:
        raise ArtifactError(f"{networks} would have {total:,} bytes: allowed are at most {MOST_BYTES:,}")
    for name, content in files.items():
        write_bytes(networks / name, content)


@contextmanager
def apart(stage: Stage) -> Iterator[Callable]:
    """Gives what carries out a function: in this process, or in another one if the stage's networks are trained again.

    MKL settles how it rounds at the first product of a process, which must be of such a training, as in a job.
    """
    if stage.parameters:
        yield lambda function, *arguments: function(*arguments)
        return
    with ProcessPoolExecutor(1, get_context("spawn"), processes.die_with_parent) as others:
        yield lambda function, *arguments: others.submit(function, *arguments).result()


def stays(path: Path, choice: "Choice", folder: Path, scale: str) -> str:
    """Why a published network stays: it is of a larger scale, or would be trained once more; "" if it does not.

    folder: the experiment's results.
    """
    if not path.exists():
        return ""
    card = card_of(path)
    there = card.origin["scale"]
    if RANK.get(there, 0) > RANK[scale]:
        return f"for one of scale {there} is there; replace=yes replaces it"
    own = {**card.origin, "trial": card.trial}
    now = {"scale": scale, "trial": choice.row["trial"], **choice.record(folder)}
    same = card.again and all(now[name] == value for name, value in own.items())
    return "for it is there; replace=yes trains it once more" if same else ""


@click.command()
@click.argument("networks", type=PATH)
@click.option("--output", type=FILE, required=True, help="table in CSV: a row per network")
def check_networks(networks: Path, output: Path) -> None:
    """Load all published NETWORKS, beside the tables, and evaluate them; fails if one is not what its card says."""
    from replication.publish.networks import checked  # loads torch

    others = {path.name for path in networks.glob("*")}
    rows = []
    for path in sorted(path for path in networks.glob("*.safetensors") if path.with_suffix(".md").exists()):
        rows.append(checked(path))
        others -= {path.name, *card_of(path).files}
    for name in sorted(others):
        raise ArtifactError(f"{networks / name} belongs to no published network: allowed are those that a card names")
    write_csv(output, pd.DataFrame(rows, columns=COLUMNS))
