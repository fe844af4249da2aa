"""The verb that computes the features of experiment 4's images."""

from pathlib import Path

import click

from replication.data import images
from replication.experiments.cifar100.settings import Cifar100Features
from replication.records.io import write_arrays, write_json
from replication.records.verbs import FILE, INPUT, Settings, device_option


@click.command()
@click.option("--images", "record", type=INPUT, required=True, help="record of the images")
@click.option("--settings", type=Settings(Cifar100Features), required=True)
@device_option
@click.option("--output", type=FILE, required=True, help="file of the features; beside it, what they were made from")
def extract_features(record: Path, settings: Cifar100Features, device: str, output: Path) -> None:
    """Compute the backbone's features of plain images once, for all probes."""
    from replication.data import backbones  # these load torch
    from replication.experiments.cifar100.features import about, features

    data = images.load(record)
    write_arrays(output, features(backbones.pretrained(settings.backbone), data, settings, device))
    write_json(output.with_suffix(".json"), about(settings, data))
