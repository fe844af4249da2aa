"""Networks as they are published, chosen by a rule that was fixed beforehand, and the check that they are whole.

Of a network NAME there are NAME.safetensors, with parameters and description as ``sparcs`` loads them and the card in
the metadata; NAME.md, the card; and NAME_sample.safetensors, SAMPLE inputs with their targets and outputs. One that
stands on a small network, which makes its inputs of images, has the parameters of that in NAME_features.safetensors,
and in NAME.pt2 as a ``torch.export`` archive. No parameter of the network itself is stored twice.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from itertools import product
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from replication.experiment import Experiment, Job, Network, Stage
from replication.experiments import EXPERIMENTS
from replication.jobs.carry_out import read_data
from replication.jobs.commands import record_of
from replication.jobs.tables import parameters_file, record_file, written
from replication.publish.cards import CARD, Card, DataCard, card_of, text_of
from replication.records import provenance
from replication.records.fingerprints import jobs_of
from replication.records.io import ArtifactError, as_safetensors, read_arrays, read_table, sha256
from sparcs import CompactNetwork, SpectralNetwork

SAMPLE = 64  # inputs that are published with a network
CLOSE = 1e-4  # of the largest output: by which outputs may differ where another processor computes them
SAME = 1e-6  # relative: by which the measures of a network that is trained again may differ
ROWS = 1000  # inputs at a time, so that activities stay in the cache
KINDS = {kind.__name__: kind for kind in (SpectralNetwork, CompactNetwork)}
ORIGIN = ("commit", "machine", "device", "finished", "fingerprint")


class NotTheSameError(Exception):
    """A network that was trained again is another one than that of the table."""


@dataclass(frozen=True)
class Choice:
    """The training whose network is published under a label, or why none is yet. row: that of the table of trials."""

    of: str
    in_stage: str
    label: str
    job: Job
    row: Mapping[str, Any]
    why: str

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.of}_{self.label}"

    @property
    def experiment(self) -> Experiment:
        """Whose training it is."""
        return EXPERIMENTS[self.of]

    @property
    def stage(self) -> Stage:
        """Its stage."""
        return self.experiment.stage(self.in_stage)

    @property
    def published(self) -> Network:
        """How it is published."""
        return self.experiment.load(self.stage.network)

    def record(self, folder: Path) -> dict[str, Any]:
        """Of its job. folder: the experiment's results."""
        return record_of(record_file(folder, self.stage, self.job.name))


def choices(experiment: Experiment, stage: Stage, run: Any, folder: Path) -> Iterator[Choice]:
    """Of every label the first training that has a network to publish.

    folder: that of the experiment's results. Trials are looked at in order: one that is not finished may precede.
    """
    published: Network = experiment.load(stage.network)
    trainings: dict[str, list[tuple[int, Job, str, dict]]] = {}
    for _, job, here in jobs_of(experiment, run, stage):
        several = {**job.several, **published.several}
        for values in product(*several.values()):
            keys = {**job.keys, **dict(zip(several, values, strict=True))}
            trainings.setdefault(published.label(keys), []).append((keys["trial"], job, here, keys))
    trainings.pop("", None)
    for label, of_label in trainings.items():
        row, why = {}, f"no trial fits the rule: {published.rule}"
        for trial, job, here, keys in sorted(of_label, key=itemgetter(0)):
            if reason := unfinished(folder, stage, job, here):
                why = f"trial {trial}: {reason}"
                break
            trials = written(folder, stage, job.name, next(iter(stage.tables)))
            rows = chosen(published, rows_of(stage, trials, keys)).to_dict("records")
            if rows:
                [row], why = rows, ""
                break
        yield Choice(experiment.name, stage.name, label, job, row, why)


def unfinished(folder: Path, stage: Stage, job: Job, here: str) -> str:
    """Why no network of a job can be published; "" if one can. here: the fingerprint that it has in this checkout."""
    if not record_file(folder, stage, job.name).exists():
        return "not finished"
    record = record_of(record_file(folder, stage, job.name))
    if record["fingerprint"] != here:
        return "of other settings or sources than here"
    if record.get("stand_in"):
        return "of stand-in images"
    kept = not stage.parameters or parameters_file(folder, stage, job.name).exists()
    return "" if kept else "its parameters are not there"


def rows_of(stage: Stage, trials: pd.DataFrame, keys: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of a training in the table of trials."""
    for name in keys.keys() & {*next(iter(stage.tables.values()))}:
        trials = trials[trials[name] == keys[name]]
    return trials


def chosen(published: Network, rows: pd.DataFrame) -> pd.DataFrame:
    """Of a training's rows that of the network that is published, or none where that diverged."""
    row = published.chosen(rows)
    return row[np.isfinite(row[published.metric])]


def files_of(choice: Choice, folder: Path, data: Path, scale: str) -> dict[str, bytes]:
    """The files of a network by name. folder: the experiment's results; data: data/<scale>.

    Raises ArtifactError if the network has not its row's metric on the data, or these are not those of its training;
    NotTheSameError if it is trained again and is another one.
    """
    job, row, name, published = choice.job, choice.row, choice.name, choice.published
    record = choice.record(folder)
    for file, digest in record["inputs"].items():
        if sha256(data / file) != digest:
            raise ArtifactError(f"{data / file} is not what {name} was trained on: it has another SHA-256")
    given, features, again = read_data(job.files, data), None, {}
    if published.again:
        module, again = trained_again(choice, given), {"commit": provenance.commit(), "machine": provenance.machine()}
    else:
        parameters = read_arrays(parameters_file(folder, choice.stage, job.name))
        module, features = published.build(parameters, job, row)
    x, y = published.points(given, job.settings, features)
    beside = {} if features is None else {f"{name}_features.safetensors": as_safetensors(state(features))}
    about = dict.fromkeys([*job.keys, *next(iter(choice.stage.tables.values())), *published.told])
    card = Card(
        name=name,
        experiment=choice.of,
        stage=choice.in_stage,
        kind=type(module).__name__,
        keys={key: None if pd.isna(row[key]) else row[key] for key in about if key != "trial"},
        trial=row["trial"],
        seed=row["seed"],
        chosen=published.rule,
        value=float(row[published.metric]),
        data=DataCard(
            name=job.data.name,
            settings=dict(job.data.settings),
            keys=dict(job.data.keys),
            files=record["inputs"],
        ),
        settings=dict(job.settings),
        origin={"scale": scale, **{field: record[field] for field in ORIGIN}},
        again=again,
        files={},
    )
    module = rounded(module, published.stored)
    require_value(name, published, card.value, module, x, y)
    sample = {"inputs": x[:SAMPLE], "targets": y[:SAMPLE], "outputs": outputs(module, x[:SAMPLE])}
    if features is not None:
        sample["outputs_of_noise"] = outputs(nn.Sequential(features, module), noise())
        beside[f"{name}.pt2"] = archive(features)
    beside[f"{name}_sample.safetensors"] = as_safetensors(sample)
    return with_card(card, module, beside)


def with_card(card: Card, module: nn.Module, beside: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a network and those beside it, with the card that names these."""
    card = card.model_copy(update={"files": digests(beside)})
    beside = {**beside, f"{card.name}.md": text_of(card).encode()}
    card = card.model_copy(update={"files": digests(beside)})
    metadata = {KINDS[card.kind].METADATA: json.dumps(module.description()), CARD: card.model_dump_json()}
    parameters = {name: value.astype(card.network.stored) for name, value in state(module).items()}
    return {f"{card.name}.safetensors": as_safetensors(parameters, **metadata), **beside}


def trained_again(choice: Choice, data: Any) -> nn.Module:
    """The network of a training whose job kept no parameters. Raises NotTheSameError if it is not that of its row.

    Another type of processor rounds otherwise, which may lead to another network.
    """
    module, measured = choice.published.again(data, choice.job.settings, choice.row)
    for name, value in measured.items():
        before = choice.row[name]
        if not np.isclose(value, before, rtol=SAME, atol=0, equal_nan=True):
            raise NotTheSameError(f"trained again here its {name} is {value:.6g}, in the table {before:.6g}")
    return module


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """The SHA-256 of each file, by name."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}


def checked(path: Path) -> dict[str, Any]:
    """A published network loaded and evaluated again, as a row. Raises ArtifactError unless all is as published.

    Its metric is measured again on generated data; on images its outputs, and those on what its archive makes, are
    compared with those of the sample.
    """
    card = card_of(path)
    for file, digest in card.files.items():
        if sha256(path.with_name(file)) != digest:
            raise ArtifactError(f"{path.with_name(file)} was altered: it does not have the SHA-256 that {path} names")
    module, features = loaded(path)
    published, sample = card.network, read_arrays(path.with_name(f"{card.name}_sample.safetensors"))
    compared = [(outputs(module, sample["inputs"]), sample["outputs"])]
    if features:
        compared.append((outputs(nn.Sequential(features, module), noise()), sample["outputs_of_noise"]))
    off = max(float(np.abs(now - then).max() / np.abs(then).max()) for now, then in compared)
    if not off <= CLOSE:
        raise ArtifactError(
            f"{path}: outputs differ from those of its sample by {off:.3g} of the largest: allowed is {CLOSE:g}"
        )
    in_table = table_value(card, path.parents[1])
    if not (np.isnan(in_table) or in_table == card.value):
        sentence = f"{path}: {published.metric} is {card.value:.9g} by its card, in the published table {in_table:.9g}"
        raise ArtifactError(f"{sentence}: allowed is the same")
    again = float("nan")
    if published.draw:
        x, y = published.points(published.draw(card.data.model_dump()), card.settings, None)
        again = require_value(str(path), published, card.value, module, x, y)
    about = {"network": card.name, "trial": card.trial, "fingerprint": card.origin["fingerprint"]}
    values = {"value": card.value, "in_table": in_table, "again": again}
    return about | {"metric": published.metric, **values, "outputs_differ_by": off}


def loaded(path: Path) -> tuple[nn.Module, nn.Module | None]:
    """A published network in float32, and what makes its inputs of images, if that is published, too.

    Raises ArtifactError if there is no network in the file.
    """
    card = card_of(path)
    try:
        module = KINDS[card.kind].load(path).float().eval()
    except ValueError as error:
        raise ArtifactError(str(error)) from None
    return module, torch.export.load(path.with_suffix(".pt2")).module() if card.network.images else None


def table_value(card: Card, folder: Path) -> float:
    """The metric of the training in the published table, NaN if that has none of its fingerprint."""
    stage = EXPERIMENTS[card.experiment].stage(card.stage)
    path = folder / card.experiment / f"{next(iter(stage.tables))}.parquet"
    if not path.exists():
        return float("nan")
    rows = rows_of(stage, read_table(path), {**card.keys, "trial": card.trial})
    rows = chosen(card.network, rows[rows["fingerprint"] == card.origin["fingerprint"]])
    return float(rows[card.network.metric].iloc[0]) if len(rows) else float("nan")


def require_value(
    what: str, published: Network, value: float, module: nn.Module, x: np.ndarray, y: np.ndarray
) -> float:
    """The metric of a network on some points. Raises ArtifactError unless it is the value, within the tolerance."""
    again = published.score(y, outputs(module, x))
    if not abs(again - value) <= published.tolerance:
        sentence = f"{what}: {published.metric} is {again:.6g} on {published.on}, in the table {value:.6g}"
        raise ArtifactError(f"{sentence}: allowed is a difference of {published.tolerance:g}")
    return again


def state(module: nn.Module) -> dict[str, np.ndarray]:
    """Parameters and buffers by name."""
    return {name: value.numpy() for name, value in module.state_dict().items()}


def rounded(module: nn.Module, stored: str) -> nn.Module:
    """The network as it is read again from numbers of the type that is stored."""
    return module.to(getattr(torch, stored)).float()


@torch.no_grad()
def outputs(module: nn.Module, x: np.ndarray) -> np.ndarray:
    """The network's outputs, (points, …) -> (points, N_ℓ)."""
    return torch.cat([module(part.float()) for part in torch.from_numpy(x).split(ROWS)]).numpy()


def noise() -> np.ndarray:
    """Normal numbers in place of normalised images, float32 (SAMPLE, 3, 32, 32)."""
    return np.random.RandomState(0).standard_normal((SAMPLE, 3, 32, 32)).astype(np.float32)


@torch.no_grad()
def archive(module: nn.Module) -> bytes:
    """A network of any number of images as ``torch.export.save`` writes it."""
    content, batch = BytesIO(), {0: torch.export.Dim("batch")}
    example = torch.from_numpy(noise()[:2].copy())  # the archive keeps it, with all that it is a view of
    program = torch.export.export(module, (example,), dynamic_shapes=(batch,))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # lines of source, with the folders of this machine
    torch.export.save(program, content)
    return content.getvalue()
