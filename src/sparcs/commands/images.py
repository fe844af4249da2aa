"""The verb that finds, fetches or makes the images of experiments 3 and 4."""

from pathlib import Path

import click

from sparcs.commands.common import PATH, Settings
from sparcs.data.image_sources import place, prepare
from sparcs.files import write_json
from sparcs.params import ImageSources


@click.command()
@click.option("--settings", type=Settings(ImageSources), required=True)
@click.option("--cifar10", type=PATH, required=True, help="where CIFAR-10's record is written")
@click.option("--cifar100", type=PATH, required=True, help="where CIFAR-100's record is written")
@click.argument("found", type=PATH, nargs=-1)
def prepare_images(settings: ImageSources, cifar10: Path, cifar100: Path, found: tuple[Path, ...]) -> None:
    """A record for each data set: its file, the file's SHA-256 and where it came from.

    FOUND: files that were there when the workflow was planned.
    """
    paths = {"cifar10": cifar10, "cifar100": cifar100}
    records = {
        name: prepare(name, settings, path, place(name, settings) in found, lambda text: click.echo(text, err=True))
        for name, path in paths.items()
    }
    for name, record in records.items():
        write_json(paths[name], record)
