"""A Workflow Run RO-Crate: what a folder of results holds, what made it and from what, as machines read it."""

import json
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from replication.records.git import ROOT
from replication.records.io import ArtifactError, read_json, write_bytes
from replication.records.provenance import JOINED, commit
from replication.records.verbs import INPUT

METADATA = "ro-crate-metadata.json"
WORKFLOW = ("workflow/Snakefile", "workflow/rules/*.smk", "params.yaml", "requirements.lock")  # of the checkout
RESULTS = ("*.csv", "*/*.csv", "*/provenance.json", "*/*.parquet", "reports/*.html", "networks/*")
VERSION = "1.1"  # of RO-Crate: that of these profiles
TERMS = "https://w3id.org/ro/terms/workflow-run/context"  # sha256 among them
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
FORMATS = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".safetensors": "application/octet-stream",
    ".yaml": "application/yaml",
}
NEEDED = (*JOINED, "date", "first_finished", "core_minutes", "trials", "experiments")  # of a record
MAINTAINERS = {"@type": "Organization", "name": "The SPARCS reproduction maintainers"}
PAPER = {
    "@type": "ScholarlyArticle",
    "name": "Spectral Architecture Search for Neural Network Models",
    "identifier": "arXiv:2504.00885",
}


@click.command()
@click.argument("folder", type=INPUT)
def build_crate(folder: Path) -> None:
    """Write ro-crate-metadata.json into a FOLDER of results, and beside it the workflow that they come from."""
    record, settings = (read_json(folder / f"{name}.json") for name in ("provenance", "settings"))
    missing = [name for name in NEEDED if name not in record]
    if missing or "scale" not in settings:
        raise ArtifactError(f"{folder} holds no records of a run: {', '.join(missing) or 'scale'} is missing")
    for path in (path for pattern in WORKFLOW for path in sorted(ROOT.glob(pattern))):
        copy = folder / "workflow" / path.relative_to(ROOT).as_posix().removeprefix("workflow/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    crate = described(folder, record)
    text = json.dumps(crate.metadata.generate(), indent=2, sort_keys=True, ensure_ascii=False)
    write_bytes(folder / METADATA, f"{text}\n".encode())


def described(folder: Path, record: Mapping[str, Any]) -> ROCrate:
    """The crate of a folder whose provenance.json holds ``record``; the same for the same files."""
    crate = ROCrate(version=VERSION)
    crate.metadata.extra_contexts.append(TERMS)
    workflow, agent = add_workflow(crate, folder, record), add(crate, "#maintainers", MAINTAINERS)
    others = sorted(path for path in (folder / "workflow").glob("**/*") if path.is_file() and path.name != "Snakefile")
    used = [add_file(crate, folder, path) for path in (folder / "settings.json", *others)]
    paths = sorted({path for pattern in RESULTS for path in folder.glob(pattern)})
    made = {path: add_file(crate, folder, path) for path in (folder / "provenance.json", *paths)}
    actions = []
    for name, each in {"run": record, **record["experiments"]}.items():
        results = [file for path, file in made.items() if name == "run" or path.parent == folder / name]
        told = times(each) | {"name": name, "description": origin(each), "agent": agent}
        actions.append(crate.add_action(workflow, f"#{name}", used, results, told))
    root = {
        "name": f"SPARCS, reproduced: scale {record['scale']}",
        "description": "Tables, claims and reports of a reproduction of the paper, with what they were made from.",
        "datePublished": instant(record["date"]),
        "license": add(crate, "https://spdx.org/licenses/MIT", {"@type": "CreativeWork", "name": "MIT License"}),
        "author": agent,
        "publisher": agent,
        "citation": add(crate, "https://arxiv.org/abs/2504.00885", PAPER),
        "mentions": actions,
        "conformsTo": [add(crate, url, {"@type": "CreativeWork", "name": name}) for url, name in PROFILES.items()],
    }
    for name, value in root.items():
        crate.root_dataset[name] = value
    return crate


def add_workflow(crate: ROCrate, folder: Path, record: Mapping[str, Any]) -> ContextEntity:
    """The Snakefile as the crate's main entity, with the versions of what it ran with."""
    path, packages = folder / "workflow/Snakefile", record.get("packages", {})
    told = content(path) | {"name": "SPARCS, reproduced", "version": commit()}
    where = {"source": None, "dest_path": "workflow/Snakefile", "properties": told}
    workflow = crate.add_workflow(**where, main=True, lang="snakemake", lang_version=packages.get("snakemake"))
    workflow["softwareRequirements"] = [
        add(crate, f"#{name}", {"@type": "SoftwareApplication", "name": name, "softwareVersion": version})
        for name, version in packages.items()
    ]
    return workflow


def add(crate: ROCrate, identifier: str, properties: Mapping[str, Any]) -> ContextEntity:
    """Something that is no file of the crate."""
    return crate.add(ContextEntity(crate, identifier, properties=dict(properties)))


def add_file(crate: ROCrate, folder: Path, path: Path) -> ContextEntity:
    """A file below the folder, which stays where it is."""
    return crate.add_file(dest_path=path.relative_to(folder).as_posix(), properties=content(path))


def content(path: Path) -> dict[str, Any]:
    """What a file holds: format, size and SHA-256."""
    data = path.read_bytes()
    form = FORMATS.get(path.suffix, "text/plain")
    return {"encodingFormat": form, "contentSize": str(len(data)), "sha256": sha256(data).hexdigest()}


def times(record: Mapping[str, Any]) -> dict[str, Any]:
    """When the jobs of a record ended: the first and the last of them."""
    return {"startTime": instant(record["first_finished"]), "endTime": instant(record["date"])}


def instant(time: str) -> str:
    """A time of a record, which is in UTC, in the form of ISO 8601."""
    return f"{time.replace(' ', 'T')}+00:00"


def origin(record: Mapping[str, Any]) -> str:
    """Where the trials of a record come from."""
    return (
        f"{record['trials']} trials in {record['core_minutes']} core-minutes on {record['machine']};"
        f" commits {record['commit']}; fingerprints {record['fingerprint']}"
    )
