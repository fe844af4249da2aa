"""Croissant: the generated data sets as machines read them, from the records that lie beside them."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from replication.params import ParameterError
from replication.records.io import ArtifactError, read_arrays, read_json, require_file, write_bytes
from replication.records.verbs import FILE, INPUT

OWN = (  # what Croissant adds to schema.org
    "citeAs column equivalentProperty extract field fileObject fileProperty fileSet format includes isLiveDataset"
    " jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source"
    " subField transform"
)
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{name: {"@id": f"cr:{name}", "@type": "@json"} for name in ("data", "examples")},
    **{name: f"cr:{name}" for name in OWN.split()},
}
PAPER = "https://arxiv.org/abs/2504.00885"
FAMILIES = {  # title and keys of each family of data sets
    "regression": ("The α/β family of functions, from linear to quadratic", ("alpha", "beta")),
    "teacher_student": ("Teachers of rotations in SO(n)", ("n", "seed", "rotations")),
}
TYPES = {float: "sc:Float", int: "sc:Integer", str: "sc:Text"}


@click.command()
@click.argument("family", type=click.Choice(list(FAMILIES)))
@click.argument("records", type=INPUT, nargs=-1, required=True)
@click.option("--output", type=FILE, required=True, help="croissant.json, in the folder of the data")
def describe_data(family: str, records: tuple[Path, ...], output: Path) -> None:
    """Describe the data sets of a FAMILY, whose RECORDS lie beside them, in Croissant's form."""
    known = {path: read_json(path) for path in sorted(records)}
    for path, record in known.items():
        if not all(isinstance(record.get(name), of) for name, of in (("what", str), ("drawn", str), ("sha256", dict))):
            raise ArtifactError(f"{path} is not a record of generated data: it needs what, drawn and sha256")
        if not path.resolve().is_relative_to(output.parent.resolve()):
            raise ParameterError(f"output = {output}: allowed is the folder of {path} or one above it")
    text = json.dumps(described(family, known, output.parent), indent=2, ensure_ascii=False)
    write_bytes(output, f"{text}\n".encode())


def described(family: str, records: Mapping[Path, Mapping[str, Any]], folder: Path) -> dict[str, Any]:
    """The data sets of a family, by their records, as JSON-LD; paths are relative to the folder."""
    title, keys = FAMILIES[family]
    first = next(iter(records.values()))
    files, sets, arrays = [], [], []
    for path, record in records.items():
        for name, digest in record["sha256"].items():
            data = path.with_name(name)
            require_file(data)
            place = data.resolve().relative_to(folder.resolve()).as_posix()
            files.append(file_object(place, data.stat().st_size, digest))
            if all(key in record for key in keys):
                sets.append({"file": place} | {key: record[key] for key in keys})
            arrays += [
                {"file": place, "array": array, "dtype": str(value.dtype), "shape": " × ".join(map(str, value.shape))}
                for array, value in read_arrays(data).items()
            ]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": family,
        "alternateName": title,
        "description": f"{first['what']}. {first['drawn']}.",
        "license": "https://spdx.org/licenses/MIT",
        "url": PAPER,
        "creator": {"@type": "sc:Organization", "name": "The SPARCS reproduction maintainers"},
        "citeAs": f"Peri, Chicchi, Fanelli, Giambagli: Spectral Architecture Search for Neural Network Models, {PAPER}",
        "version": version("sparcs"),
        "distribution": files,
        "recordSet": [
            record_set(name, what, rows)
            for name, what, rows in (
                ("data_sets", "which file holds which data set", sets),
                ("arrays", "what each safetensors file holds", arrays),
            )
            if rows
        ],
    }


def file_object(place: str, size: int, digest: str) -> dict[str, str]:
    """A safetensors file below the folder of the description."""
    return {
        "@type": "cr:FileObject",
        "@id": place,
        "name": place,
        "contentUrl": place,
        "contentSize": f"{size} B",
        "encodingFormat": "application/octet-stream",
        "sha256": digest,
    }


def record_set(name: str, what: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A small table that stands in the description itself; all rows have the columns of the first."""
    fields = [
        {"@type": "cr:Field", "@id": f"{name}/{column}", "name": column, "dataType": TYPES[type(value)]}
        for column, value in rows[0].items()
    ]
    data = [{f"{name}/{column}": value for column, value in row.items()} for row in rows]
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "description": what, "field": fields, "data": data}
