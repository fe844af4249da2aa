"""Artifacts on disk: written whole or not at all, read back only if unaltered.

Arrays live in safetensors files that carry the SHA-256 of their content; tables in parquet files and records in JSON
files carry a seal, the SHA-256 of their own bytes taken with zeros in its place. None of these formats can run code.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from sparcs.io import ArtifactError, atomic

SEAL = re.compile(rb"(?<=sha256:)[0-9a-f]{64}")
UNSEALED = "sha256:" + 64 * "0"
MOST_BYTES = 2**33  # of a file that is read: ten times the largest, the features of 60,000 images


def require_writable(*folders: Path) -> None:
    """Raise ArtifactError if one of the folders, or where it would be made, can't be written."""
    for folder in folders:
        place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not os.access(place, os.W_OK):
            raise ArtifactError(f"{place} is read-only: results are written there")


def require_file(path: Path, most: int = MOST_BYTES) -> None:
    """Raise ArtifactError unless the path is that of a regular file of at most so many bytes.

    To read a pipe, a device or a file that seems to be huge could take forever.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None
    if not stat.S_ISREG(status.st_mode):
        raise ArtifactError(f"{path} cannot be read: it is a folder, a pipe or a device, allowed is a file")
    if status.st_size > most:
        raise ArtifactError(f"{path} has {status.st_size} bytes: allowed are at most {most}")


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file. Raises ArtifactError if it is none."""
    require_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name as a safetensors file whose header holds their SHA-256."""
    write_bytes(path, as_safetensors(arrays))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with atomic(path) as partial:
        partial.write_bytes(content)


def as_safetensors(arrays: Mapping[str, np.ndarray], **metadata: str) -> bytes:
    """Arrays by name, and texts, as the content of a safetensors file whose header holds the texts and the SHA-256."""
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return save(arrays, metadata={"sha256": _digest(arrays, metadata), **metadata})


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file written by ``write_arrays``. Raises ArtifactError if it is missing or altered."""
    require_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read: {_one_line(error)}") from None
    expected = metadata.pop("sha256", "")
    if _digest(arrays, metadata) != expected:
        raise ArtifactError(f"{path} was altered: its content does not have the SHA-256 that it names")
    return arrays


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a tidy table as sealed parquet with page checksums; the same table gives the same bytes."""
    content = pa.Table.from_pandas(table, preserve_index=False)
    content = content.replace_schema_metadata({**content.schema.metadata, "seal": UNSEALED})
    buffer = BytesIO()
    pq.write_table(content, buffer, write_page_checksum=True)
    with atomic(path) as partial:
        partial.write_bytes(_sealed(buffer.getvalue()))


def read_table(path: Path) -> pd.DataFrame:
    """A table written by ``write_table``. Raises ArtifactError if it is missing or altered.

    A table without a seal, as other programs write it, is taken if its page checksums hold.
    """
    content = pa.BufferReader(_read_sealed(path))
    try:  # in this thread alone: one that Arrow starts can outlive the read, and abort a job that is ending
        file = pq.ParquetFile(content, page_checksum_verification=True, pre_buffer=False)
        return file.read(use_threads=False).to_pandas(use_threads=False)
    except Exception as error:  # without its seal a file may hold anything, and raise almost anything
        raise ArtifactError(f"{path} cannot be read: {_one_line(error)}") from None


def read_measures(path: Path) -> pd.DataFrame:
    """A table as claims and figures take it: an infinite number, of a trial that almost diverged, becomes NaN."""
    return read_table(path).replace([np.inf, -np.inf], np.nan)


def require_unique(table: pd.DataFrame, key: Sequence[str], what: Path) -> None:
    """Raise ArtifactError, naming the table, if it lacks a column of its key or has a key twice: the first of them."""
    missing = [name for name in key if name not in table]
    if missing:
        raise ArtifactError(f"{what}: the column {missing[0]} is missing")
    for row in table.loc[table.duplicated(list(key)), list(key)].itertuples(index=False):
        raise ArtifactError(f"{what}: {', '.join(map(str, row))} stands there twice: allowed is once")


def write_csv(path: Path, table: pd.DataFrame, **options: object) -> None:
    """Write a table as CSV. options: of pandas' to_csv."""
    with atomic(path) as partial:
        table.to_csv(partial, index=False, **options)


def read_csv(path: Path, columns: Iterable[str] = (), **options: object) -> pd.DataFrame:
    """A table in CSV with at least these columns. Raises ArtifactError if it lacks one or can't be read.

    options: of pandas' read_csv.
    """
    require_file(path)
    try:
        table = pd.read_csv(path, **options)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read: {_one_line(error)}") from None
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ArtifactError(f"{path} has no column {missing[0]}")
    return table


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write a record as indented JSON with a seal."""
    text = json.dumps({**value, "seal": UNSEALED}, indent=2, ensure_ascii=False) + "\n"
    with atomic(path) as partial:
        partial.write_bytes(_sealed(text.encode()))


def read_json(path: Path) -> dict:
    """A record without its seal. Raises ArtifactError if it is missing, altered or not a JSON object."""
    content = _read_sealed(path)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} cannot be read: {_one_line(error)}") from None
    if not isinstance(value, dict):
        raise ArtifactError(f"{path} holds a {type(value).__name__}: allowed is a JSON object")
    return {key: inner for key, inner in value.items() if key != "seal"}


def _sealed(content: bytes) -> bytes:
    """The content, whose last seal is zeros, with its SHA-256 in their place."""
    return _with_seal(content, hashlib.sha256(content).hexdigest().encode())


def _read_sealed(path: Path) -> bytes:
    """The bytes of a file. Raises ArtifactError if it can't be read or has a seal that does not fit."""
    require_file(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from None
    if SEAL.search(content) and _sealed(_with_seal(content, 64 * b"0")) != content:
        raise ArtifactError(f"{path} was altered: it does not have the SHA-256 that it names")
    return content


def _with_seal(content: bytes, digits: bytes) -> bytes:
    start = list(SEAL.finditer(content))[-1].start()
    return content[:start] + digits + content[start + 64 :]


def _digest(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode() if metadata else b"")
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(json.dumps([name, str(array.dtype), array.shape]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def remove_others(folder: Path, kept: set[Path]) -> None:
    """Remove the files in a folder, and in its folders, except those kept: what an earlier version has left."""
    for path in sorted(folder.rglob("*.*")):
        if path.is_file() and path not in kept:
            path.unlink()
