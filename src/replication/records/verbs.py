"""What the commands share: typed arguments, progress, timing, divergence messages."""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import click
import numpy as np
from pydantic import Field
from tqdm import tqdm

from replication import params
from replication.records import provenance
from replication.records.io import ArtifactError, read_arrays, read_json, sha256, write_json

LONGEST_NAME = 150  # bytes; file systems allow 255, and names of other files are made longer


class NamedPath(click.Path):
    """The path of a file or folder with a name of its own, of which names of other files can be made."""

    def convert(self, value, param, ctx):
        """The path."""
        path = super().convert(value, param, ctx)
        if not path.name:
            self.fail(f"{params.shown(value)} names nothing: allowed is the name of a file or folder")
        if any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
            self.fail(f"{params.shown(value)}: allowed are names of at most {LONGEST_NAME} bytes")
        for folder in path.parents:
            if folder.exists() and not folder.is_dir():
                self.fail(f"{params.shown(value)}: {folder} is not a folder")
        return path


class NamedFile(NamedPath):
    """The path of a file, refused before anything is written if something else has its name."""

    def convert(self, value, param, ctx):
        """The path."""
        path = super().convert(value, param, ctx)
        if path.exists() and not path.is_file():
            self.fail(f"{params.shown(value)} is not the name of a file")
        return path


PATH = NamedPath(path_type=Path)
FILE = NamedFile(path_type=Path)
INPUT = click.Path(path_type=Path, exists=True)


COUNT = click.IntRange(1, params.MOST_TRIALS)
TRIAL = click.IntRange(0, params.MOST_TRIALS - 1)
SEED = click.IntRange(0, 2**32 - 1)


SIZE = click.IntRange(2, 10**4)  # n of SO(n)
TrialList = Annotated[list[params.Trial], Field(min_length=1)]
DataSets = Annotated[dict[params.Name, tuple[params.Fraction, params.Positive]], Field(min_length=1)]  # name: α, β


class Json(click.ParamType):
    """JSON text of a value of the given type, for instance ``list[int]`` or a model of settings."""

    name = "json"

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    def convert(self, value, param, ctx):
        """The value."""
        try:
            return params.from_json(self.kind, value)
        except params.ParameterError as error:
            self.fail(str(error), param, ctx)


class Settings(Json):
    """JSON text of the settings that a job depends on."""


class Trials(click.ParamType):
    """Trial numbers, "0-99" or "3"."""

    name = "trials"

    def convert(self, value, param, ctx):
        """The list of trial numbers."""
        match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", value)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        if not first <= last < params.MOST_TRIALS:
            allowed = f"a number or first-last, for instance 0-99, below {params.MOST_TRIALS}"
            self.fail(f"{params.shown(value)}: allowed is {allowed}", param, ctx)
        return list(range(first, last + 1))


def require_device(device: str) -> str:
    """The device, if this machine has it. Raises ParameterError otherwise."""
    if device == "cuda":
        import torch  # only now: a job on the CPU's kernel never loads it

        if not torch.cuda.is_available():
            raise params.ParameterError("device = 'cuda': this machine has no CUDA device that PyTorch can use")
    return device


device_option = click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    callback=lambda context, option, value: require_device(value),
)
root_seed_option = click.option("--root-seed", type=SEED, required=True)


@contextmanager
def progress(total: int, what: str, unit: str = "epochs") -> Iterator[Callable[[int], None]]:
    """Show a progress bar on standard error; gives the function that moves it on."""
    with tqdm(total=total, desc=what, mininterval=1, maxinterval=30, unit_scale=True, unit=f" {unit}") as bar:
        yield bar.update


@contextmanager
def recorded(
    path: Path,
    settings: params.Model,
    root_seed: int,
    device: str,
    trials: int,
    inputs: Sequence[Path],
    data: str,
    before: float = 0.0,
) -> Iterator[Callable[[], float]]:
    """Write the job's record to ``path`` when the block has ended well: what it was made from, where, core-seconds.

    inputs: the data files, whose checksums are kept; data: what the data of all jobs of the experiment have in common;
    before: core-seconds that the job took before it was stopped and went on. Gives a function: core-seconds so far.
    """
    start = time.process_time() - before  # not what other programs took

    def spent() -> float:
        return time.process_time() - start

    yield spent
    made_from = {
        "settings": settings.model_dump(mode="json"),
        "root_seed": root_seed,
        "data": data,
        "inputs": {file.name: sha256(file) for file in inputs},
    }
    write_json(path, provenance.of_job(spent(), device, trials) | made_from)


def read_settings(path: Path) -> dict[str, Any]:
    """The record of ``record-settings``, with the parts run and paper. Raises ArtifactError for another file."""
    settings = read_json(path)
    if not all(isinstance(settings.get(part), dict) for part in ("run", "paper")):
        raise ArtifactError(f"{path} holds no settings of a run: allowed is a file that record-settings has written")
    return settings


def require_arrays(path: Path, arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...] | None]) -> None:
    """Raise ArtifactError unless a file has arrays of these names, (points, *shape); None: of any shape."""
    for name, shape in shapes.items():
        if name not in arrays:
            raise ArtifactError(f"{path} has no array {name}: allowed is a data set of this experiment")
        if shape is not None and arrays[name].shape[1:] != shape:
            wanted = ", ".join(["points", *map(str, shape)])
            raise ArtifactError(f"{path}: {name} has the shape {arrays[name].shape}: allowed is ({wanted})")


def arrays_of(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """The arrays of a teacher's file, or of experiment 1's points and targets. Raises ArtifactError for other files."""
    arrays = {name: array for path in paths for name, array in read_arrays(path).items()}
    test = "test" if "x_test" in arrays else "held_out"
    names = [f"{axis}_{split}" for axis in "xy" for split in ("train", test)]
    require_arrays(paths[-1], arrays, dict.fromkeys(names))
    return arrays


def sizes(data: Mapping[str, np.ndarray]) -> str:
    """The number of points of a data set, as text."""
    return ", ".join(f"{name} {len(array)}" for name, array in sorted(data.items()) if name.startswith("x_"))


def report_divergence(trials: Sequence[int], seeds: Sequence[int], diverged_epoch: np.ndarray) -> None:
    """Print one line for each trial that was stopped because its numbers were no longer finite."""
    for trial, seed, epoch in zip(trials, seeds, diverged_epoch, strict=True):
        if epoch >= 0:
            click.echo(f"trial {trial} (seed {seed}) diverged in epoch {epoch + 1} and was stopped", err=True)


def sidecar(path: Path) -> Path:
    """The record beside a job's result, which is a table or a stem with more than one table."""
    return path.with_name(f"{path.name.removesuffix('.parquet')}.provenance.json")
