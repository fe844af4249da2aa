"""Networks as they are published, chosen by a rule that was fixed beforehand, and the check that they are whole.

Of a network NAME there are NAME.safetensors, with parameters and description as ``sparcs`` loads them and the card in
the metadata; NAME.md, the card; and NAME_sample.safetensors, SAMPLE inputs with their targets and outputs. One that
stands on what makes its inputs of images has the parameters of that in NAME_features.safetensors, and in NAME.pt2 both
together as a ``torch.export`` archive.
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
from replication.records.fingerprints import jobs_of
from replication.records.io import ArtifactError, as_safetensors, read_arrays, read_table, sha256
from sparcs import CompactNetwork, SpectralNetwork

SAMPLE = 64  # inputs that are published with a network
CLOSE = 1e-4  # of the largest output: by which outputs may differ where another processor computes them
ROWS = 1000  # inputs at a time, so that activities stay in the cache
KINDS = {kind.__name__: kind for kind in (SpectralNetwork, CompactNetwork)}
ORIGIN = ("commit", "machine", "device", "finished", "fingerprint")


@dataclass(frozen=True)
class Choice:
    """The training whose network is published under a label, or why none is yet. row: that of the table of trials."""

    experiment: Experiment
    stage: Stage
    label: str
    job: Job
    row: Mapping[str, Any]
    why: str

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.experiment.name}_{self.label}"


def choices(experiment: Experiment, stage: Stage, run: Any, folder: Path) -> Iterator[Choice]:
    """Of every label the first training that did not diverge.

    folder: that of the experiment's results. Trials are looked at in order: one that is not finished may precede.
    """
    published: Network = experiment.load(stage.network)
    trainings: dict[str, list[tuple[int, Job, str, dict]]] = {}
    for _, job, here in jobs_of(experiment, run, stage):
        for values in product(*job.several.values()):
            keys = {**job.keys, **dict(zip(job.several, values, strict=True))}
            trainings.setdefault(published.label(keys), []).append((keys["trial"], job, here, keys))
    trainings.pop("", None)
    for label, of_label in trainings.items():
        row, why = {}, "all trials diverged"
        for trial, job, here, keys in sorted(of_label, key=itemgetter(0)):
            if reason := unfinished(folder, stage, job, here):
                why = f"trial {trial}: {reason}"
                break
            [row] = rows_of(stage, written(folder, stage, job.name, next(iter(stage.tables))), keys).to_dict("records")
            if np.isfinite(row[published.metric]):
                why = ""
                break
        yield Choice(experiment, stage, label, job, row, why)


def unfinished(folder: Path, stage: Stage, job: Job, here: str) -> str:
    """Why no network of a job can be published; "" if one can. here: the fingerprint that it has in this checkout."""
    if not record_file(folder, stage, job.name).exists():
        return "not finished"
    record = record_of(record_file(folder, stage, job.name))
    if record["fingerprint"] != here:
        return "of other settings or sources than here"
    if record.get("stand_in"):
        return "of stand-in images"
    return "" if parameters_file(folder, stage, job.name).exists() else "its parameters are not there"


def rows_of(stage: Stage, trials: pd.DataFrame, keys: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of a training in the table of trials."""
    for name in next(iter(stage.tables.values())):
        trials = trials[trials[name] == keys[name]]
    return trials


def files_of(choice: Choice, folder: Path, data: Path, scale: str) -> dict[str, bytes]:
    """The files of a network by name. folder: the experiment's results; data: data/<scale>.

    Raises ArtifactError if the network has not its row's metric on the data, or these are not those of its training.
    """
    experiment, stage, job, row, name = choice.experiment, choice.stage, choice.job, choice.row, choice.name
    published: Network = experiment.load(stage.network)
    record = record_of(record_file(folder, stage, job.name))
    for file, digest in record["inputs"].items():
        if sha256(data / file) != digest:
            raise ArtifactError(f"{data / file} is not what {name} was trained on: it has another SHA-256")
    module, features = published.build(read_arrays(parameters_file(folder, stage, job.name)), job, row)
    x, y = published.points(read_data(job.files, data), job.settings, features)
    value = float(row[published.metric])
    require_value(name, published, value, module, x, y)
    sample = {"inputs": x[:SAMPLE], "targets": y[:SAMPLE], "outputs": outputs(module, x[:SAMPLE])}
    beside = {}
    if features is not None:
        whole = nn.Sequential(features, module)
        sample["outputs_of_noise"] = outputs(whole, noise())
        beside = {f"{name}_features.safetensors": as_safetensors(state(features)), f"{name}.pt2": archive(whole)}
    beside[f"{name}_sample.safetensors"] = as_safetensors(sample)
    card = Card(
        name=name,
        experiment=experiment.name,
        stage=stage.name,
        kind=type(module).__name__,
        keys={key: None if pd.isna(row[key]) else row[key] for key in job.keys},
        trial=row["trial"],
        seed=row["seed"],
        value=value,
        data=DataCard(
            name=job.data.name,
            settings=dict(job.data.settings),
            keys=dict(job.data.keys),
            files=record["inputs"],
        ),
        settings=dict(job.settings),
        origin={"scale": scale, **{field: record[field] for field in ORIGIN}},
        files=digests(beside),
    )
    beside[f"{name}.md"] = text_of(card).encode()
    card = card.model_copy(update={"files": digests(beside)})
    metadata = {KINDS[card.kind].METADATA: json.dumps(module.description()), CARD: card.model_dump_json()}
    return {f"{name}.safetensors": as_safetensors(state(module), **metadata), **beside}


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """The SHA-256 of each file, by name."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}


def checked(path: Path) -> dict[str, Any]:
    """A published network loaded and evaluated again, as a row. Raises ArtifactError unless all is as published.

    Its metric is measured again on generated data; on images its outputs and its archive's are compared with those
    of the sample.
    """
    card = card_of(path)
    for file, digest in card.files.items():
        if sha256(path.with_name(file)) != digest:
            raise ArtifactError(f"{path.with_name(file)} was altered: it does not have the SHA-256 that {path} names")
    try:
        module = KINDS[card.kind].load(path).eval()
    except ValueError as error:
        raise ArtifactError(str(error)) from None
    published, sample = card.network, read_arrays(path.with_name(f"{card.name}_sample.safetensors"))
    compared = [(outputs(module, sample["inputs"]), sample["outputs"])]
    if published.images:
        whole = torch.export.load(path.with_suffix(".pt2")).module()
        compared.append((outputs(whole, noise()), sample["outputs_of_noise"]))
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


def table_value(card: Card, folder: Path) -> float:
    """The metric of the training in the published table, NaN if that has none of its fingerprint."""
    stage = EXPERIMENTS[card.experiment].stage(card.stage)
    path = folder / card.experiment / f"{next(iter(stage.tables))}.parquet"
    if not path.exists():
        return float("nan")
    rows = rows_of(stage, read_table(path), {**card.keys, "trial": card.trial})
    rows = rows[rows["fingerprint"] == card.origin["fingerprint"]]
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


@torch.no_grad()
def outputs(module: nn.Module, x: np.ndarray) -> np.ndarray:
    """The network's outputs, (points, …) -> (points, N_ℓ)."""
    return torch.cat([module(part) for part in torch.from_numpy(x).split(ROWS)]).numpy()


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
