"""The verb that finds, fetches or makes the images of experiments 3 and 4."""

from pathlib import Path

import click

from replication.data.image_sources import place, prepare
from replication.data.images import CLASSES
from replication.data.settings import ImageSources
from replication.records.io import write_json
from replication.records.verbs import FILE, PATH, Settings


@click.command()
@click.argument("name", type=click.Choice(list(CLASSES)))
@click.argument("file", type=PATH, required=False)
@click.option("--settings", type=Settings(ImageSources), required=True)
@click.option("--output", type=FILE, required=True, help="where the record is written")
def prepare_images(name: str, file: Path | None, settings: ImageSources, output: Path) -> None:
    """The record of a data set NAME: its file, the file's SHA-256 and where it came from.

    FILE: that of the images, if it was there when the workflow was planned.
    """
    planned = file is not None and file == place(name, settings)
    write_json(output, prepare(name, settings, output, planned, lambda text: click.echo(text, err=True)))
