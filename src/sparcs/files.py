"""Artifacts on disk: written whole or not at all, read back only if unaltered.

Arrays live in safetensors files that carry the SHA-256 of their content, tables in parquet files with page checksums.
Neither format can run code.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file


class ArtifactError(Exception):
    """One sentence about a file that is missing, altered or not what it should be."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``; what is written there is renamed to ``path`` if the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Arrays by name as a safetensors file whose header holds their SHA-256."""
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with atomic(path) as partial:
        save_file(arrays, partial, metadata={"sha256": _digest(arrays)})


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file written by ``write_arrays``; raises ArtifactError if it is missing or altered."""
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            expected = (file.metadata() or {}).get("sha256")
    except (SafetensorError, OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read: {_one_line(error)}") from None
    if _digest(arrays) != expected:
        raise ArtifactError(f"{path} was altered: its content does not have the SHA-256 that it names")
    return arrays


def write_table(path: Path, table: pd.DataFrame) -> None:
    """A tidy table as parquet with page checksums; the same table gives the same bytes."""
    with atomic(path) as partial:
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), partial, write_page_checksum=True)


def read_table(path: Path) -> pd.DataFrame:
    """A table written by ``write_table``; raises ArtifactError if it is missing or altered."""
    try:
        return pq.read_table(path, page_checksum_verification=True).to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read: {_one_line(error)}") from None


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """A table as CSV."""
    with atomic(path) as partial:
        table.to_csv(partial, index=False)


def write_json(path: Path, value: object) -> None:
    """A value as indented JSON."""
    with atomic(path) as partial:
        partial.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict:
    """A JSON file; raises ArtifactError if it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read: {_one_line(error)}") from None


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(json.dumps([name, str(array.dtype), array.shape]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
