"""CIFAR-10 and CIFAR-100 from one local format, an npz of four arrays, checked before anything is made from it.

A record (JSON) beside a run's data names the file, its SHA-256 and where it came from. Nothing in either can run code.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from replication.data.image_arrays import Images
from replication.records.io import ArtifactError, read_json, require_file

CLASSES = {"cifar10": 10, "cifar100": 100}
SIZES = {"train": 50_000, "test": 10_000}
STAND_IN_SIZES = {"train": 1_437, "test": 360}  # of scikit-learn's 1,797 digits
KEYS = ("x_train", "y_train", "x_test", "y_test")
OPTIONAL_KEYS = ("lossy_train", "lossy_test", "archive_md5")
MOST_BYTES = 2**28  # unpacked, half as much again as CIFAR's: a small zip file can claim to hold any amount


def load(record_path: Path) -> Images:
    """The images that a record names.

    Raises ArtifactError, naming the file, if the record or the file is missing, truncated, altered or not what the
    record says.
    """
    record = read_record(record_path)
    sizes = STAND_IN_SIZES if record["stand_in"] else SIZES
    path = Path(record["path"])
    if not path.exists():
        raise ArtifactError(f"{path} is missing: put it back, or delete {record_path} to have images looked for again")
    arrays, digest = read(path, CLASSES[record["data_set"]], sizes)
    if digest != record["sha256"]:
        raise ArtifactError(
            f"{path} was altered: it does not have the SHA-256 that {record_path} names; put back the file, "
            "or delete that record to accept this one"
        )
    approximate = sum(len(arrays.get(f"lossy_{split}", ())) for split in SIZES)
    told = {key: record[key] for key in ("stand_in", "source", "note")}
    return Images(**{key: arrays[key] for key in KEYS}, **told, approximate=approximate)


def read_record(path: Path) -> dict:
    """A record. Raises ArtifactError if it is missing, or if a field is missing or of the wrong kind."""
    record = read_json(path)
    kinds = {"data_set": str, "path": str, "sha256": str, "source": str, "stand_in": bool, "found": bool, "note": str}
    wrong = [k for k, kind in kinds.items() if not isinstance(record.get(k), kind)]
    if wrong or record["data_set"] not in CLASSES:
        raise ArtifactError(f"{path} is not a record of images: delete it to have it written again")
    return record


def read(path: Path, classes: int, sizes: Mapping[str, int]) -> tuple[dict[str, np.ndarray], str]:
    """All arrays of an npz file and the file's SHA-256; labels become int64.

    sizes: images of "train" and "test". Raises ArtifactError, naming the file and the array, if it can't be read or a
    key, a shape, a dtype or a label is wrong.
    """
    require_file(path, 2 * MOST_BYTES)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            arrays = _unpack(file)
    except ArtifactError as error:
        raise ArtifactError(f"{path} {error}") from None
    except Exception as error:  # a hostile file can make the readers of zip and npy raise almost anything
        raise ArtifactError(f"{path} cannot be read: {' '.join(str(error).split()) or type(error).__name__}") from None
    for split, size in sizes.items():
        problem = (
            _wrong_images(f"x_{split}", arrays[f"x_{split}"], size)
            or _wrong_labels(f"y_{split}", arrays[f"y_{split}"], size, classes)
            or _wrong_indices(f"lossy_{split}", arrays.get(f"lossy_{split}"), size)
        )
        if problem:
            raise ArtifactError(f"{path}: {problem}")
    return arrays | {key: arrays[key].astype(np.int64) for key in ("y_train", "y_test")}, digest


def _unpack(file: BinaryIO) -> dict[str, np.ndarray]:
    with np.load(file, allow_pickle=False) as archive:
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ArtifactError("is a single array: allowed is an npz file")
        missing = [key for key in KEYS if key not in archive.files]
        unknown = [key for key in archive.files if key not in KEYS + OPTIONAL_KEYS]
        if missing or unknown or len(set(archive.files)) < len(archive.files):
            raise ArtifactError(f"holds {', '.join(archive.files)}: allowed are {', '.join(KEYS)}, each once")
        if sum(member.file_size for member in archive.zip.infolist()) > MOST_BYTES:
            raise ArtifactError(f"holds too much: allowed are {MOST_BYTES} bytes")
        arrays = {key: archive[key] for key in archive.files}
    foreign = [key for key, array in arrays.items() if not isinstance(array, np.ndarray)]
    if foreign:
        raise ArtifactError(f"holds something else than an array as {foreign[0]}")
    return arrays


def _wrong_images(name: str, x: np.ndarray, size: int) -> str:
    wanted = (size, 32, 32, 3)
    if x.shape == wanted and x.dtype == np.uint8:
        return ""
    return f"{name} is {x.dtype} of shape {x.shape}: allowed is uint8 of shape {wanted}"


def _wrong_labels(name: str, y: np.ndarray, size: int, classes: int) -> str:
    if y.shape != (size,) or not np.issubdtype(y.dtype, np.integer):
        return f"{name} is {y.dtype} of shape {y.shape}: allowed are integers of shape ({size},)"
    if y.min() < 0 or y.max() >= classes:
        return f"{name} goes from {y.min()} to {y.max()}: allowed are 0 to {classes - 1}"
    return ""


def _wrong_indices(name: str, indices: np.ndarray | None, size: int) -> str:
    if indices is None:
        return ""
    if indices.ndim != 1 or not np.issubdtype(indices.dtype, np.integer):
        return f"{name} is {indices.dtype} of shape {indices.shape}: allowed is a list of integers"
    inside = (indices >= 0) & (indices < size)
    if not inside.all() or len(np.unique(indices)) < len(indices):
        return f"{name} is no list of images: allowed are distinct numbers from 0 to {size - 1}"
    return ""
