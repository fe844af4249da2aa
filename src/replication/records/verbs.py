"""What the commands share: typed arguments, progress, the record of settings."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from replication import params
from replication.records.io import ArtifactError, read_json

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
SEED = click.IntRange(0, 2**32 - 1)


SIZE = click.IntRange(2, 10**4)  # n of SO(n)


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


@contextmanager
def progress(total: int, what: str, unit: str = "epochs") -> Iterator[Callable[[int], None]]:
    """Show a progress bar on standard error; gives the function that moves it on."""
    with tqdm(total=total, desc=what, mininterval=1, maxinterval=30, unit_scale=True, unit=f" {unit}") as bar:
        yield bar.update


def read_settings(path: Path) -> dict[str, Any]:
    """The record of ``record-settings``, with the parts run and paper. Raises ArtifactError for another file."""
    settings = read_json(path)
    if not all(isinstance(settings.get(part), dict) for part in ("run", "paper")):
        raise ArtifactError(f"{path} holds no settings of a run: allowed is a file that record-settings has written")
    return settings
