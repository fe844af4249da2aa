"""The card of a published network: in the metadata of its file, and beside it as a page to read."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from safetensors import safe_open

from replication import params
from replication.experiment import FIRST, Network
from replication.experiments import EXPERIMENTS
from replication.params.fields import Model, Name, Real, Trial
from replication.records.io import ArtifactError, read_arrays

CARD = "card"  # the key of the card in the metadata


class DataCard(Model):
    """What is told of the data that a network was trained on."""

    name: str
    settings: dict[str, Any] = Field(description="from which they are drawn, with the keys")
    keys: dict[str, Any]
    files: dict[str, str] = Field(description="the SHA-256 of each, below data/<scale>")


class Card(Model):
    """What is told of a published network."""

    name: Name = Field(description="of its files")
    experiment: Literal[*EXPERIMENTS]
    stage: str
    kind: Literal["SpectralNetwork", "CompactNetwork"] = Field(description="the class of sparcs that loads it")
    keys: dict[str, Any] = Field(description="columns that tell its training from others")
    trial: Trial
    seed: int
    chosen: str = Field(FIRST, description="the rule by which the trial was chosen, fixed beforehand")
    value: Real = Field(description="of the metric, as the table of trials has it")
    data: DataCard
    settings: dict[str, Any] = Field(description="of the training")
    origin: dict[str, str] = Field(description="of the training: scale, commit, machine, device, finished, fingerprint")
    again: dict[str, str] = Field({}, description="commit and machine of the training that gave it, if not that one")
    files: dict[Name, str] = Field(description="the SHA-256 of the files beside it")

    @property
    def network(self) -> Network:
        """How the networks of its stage are published."""
        experiment = EXPERIMENTS[self.experiment]
        return experiment.load(experiment.stage(self.stage).network)


def card_of(path: Path) -> Card:
    """The card in a network's file. Raises ArtifactError if that was altered, or has none, or one not its own."""
    read_arrays(path)
    with safe_open(path, framework="numpy") as file:
        text = (file.metadata() or {}).get(CARD, "")
    try:
        card = params.from_json(Card, text)
    except params.ParameterError as error:
        raise ArtifactError(f"{path} has no card that publish-networks has written: {error}") from None
    stages = {stage.name for stage in EXPERIMENTS[card.experiment].stages if stage.network}
    if card.name != path.stem or card.stage not in stages:
        raise ArtifactError(f"{path} has the card of {card.name} ({card.experiment}.{card.stage}): allowed is its own")
    return card


def text_of(card: Card) -> str:
    """The card as Markdown."""
    experiment, network = EXPERIMENTS[card.experiment], card.network
    drawn, keys = card.data.settings | card.data.keys, {name: of for name, of in card.keys.items() if of is not None}
    rows = {
        "kind": card.kind,
        "takes": network.inputs,
        **({"the archive takes": network.images} if network.images else {}),
        **({"numbers are stored as": f"{network.stored}, and used as float32"} if network.stored != "float32" else {}),
        f"`{network.metric}`": f"{card.value:.6g} on {network.on}",
        "trial": f"{card.trial} (seed {card.seed}), {card.chosen}",
        "trained on": f"{experiment.trained_on}; {_listed({'name': card.data.name, **drawn})}",
        **{f"`{file}`": f"SHA-256 {digest}" for file, digest in card.data.files.items()},
        "settings": _listed(card.settings),
        **card.origin,
        **{f"trained again, {name}": value for name, value in card.again.items()},
        "licence": "MIT",
    }
    return "\n".join(
        [
            f"# {card.name}\n",
            f"{', '.join(filter(None, [experiment.title, experiment.paper]))}: {_listed(keys)}.\n",
            "| | |\n|---|---|",
            *(f"| {name} | {value} |" for name, value in rows.items()),
            "\nBeside it:\n",
            *(f"- `{file}`, SHA-256 {digest}" for file, digest in card.files.items()),
            f"\nLoaded and evaluated on its sample:\n\n```python\n{code_of(card)}```\n",
        ]
    )


def code_of(card: Card) -> str:
    """Python that loads the network and evaluates it on the sample; with an archive, also on what that makes."""
    single = "" if card.network.stored == "float32" else ".float()"
    lines = [
        "from safetensors.torch import load_file",
        f"from sparcs import {card.kind}",
        "",
        f'network = {card.kind}.load("{card.name}.safetensors"){single}',
        f'sample = load_file("{card.name}_sample.safetensors")  # inputs, targets, and the outputs at publishing',
        f'print((network(sample["inputs"]{single}) - sample["outputs"]).abs().max().item())',
    ]
    if card.network.images:
        lines[:0] = ["import numpy as np", "import torch"]
        lines += [
            f'features = torch.export.load("{card.name}.pt2").module()  # needs nothing of this project',
            'noise = np.random.RandomState(0).standard_normal((64, 3, 32, 32)).astype("float32")',
            'print((network(features(torch.from_numpy(noise))) - sample["outputs_of_noise"]).abs().max().item())',
        ]
    return "\n".join(lines) + "\n"


def _listed(values: Mapping[str, Any]) -> str:
    """Names and values in a line, those of nested ones with a point between."""
    return ", ".join(
        f"{name} {value if isinstance(value, str) else json.dumps(value)}" for name, value in _leaves(values)
    )


def _leaves(values: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{start}{name}.")
        else:
            yield f"{start}{name}", value
