"""The sources of the images, in order: a file, the official download, a marked stand-in; and the record of it."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from replication.data import images, official
from replication.data.download import MD5, DownloadError, fetch
from replication.data.settings import ImageSources
from replication.params.loading import ParameterError
from replication.records.io import ArtifactError, require_file, sha256
from sparcs.io import atomic

PLACE = Path("data/images")
STAND_IN_SEED = 0


def place(name: str, settings: ImageSources) -> Path:
    """The path at which a data set's file is looked for: the one that params.yaml names, or one in data/images."""
    named = getattr(settings.files, name)
    return Path(named) if named else PLACE / f"{name}.npz"


def files_in_place(settings: ImageSources, records: Mapping[str, Path]) -> list[str]:
    """The files that are there already, without those that the records' own job downloaded.

    They are the job's inputs. Its own download must not become an input afterwards: a changed set of inputs would make
    the job, and all training that follows, run again.
    """
    paths = {name: place(name, settings) for name in records}
    return [str(path) for name, path in paths.items() if path.exists() and not _downloaded_by(records[name], path)]


def prepare(
    name: str, settings: ImageSources, record_path: Path, planned: bool, report: Callable[[str], None] = print
) -> dict:
    """The record of a data set, whose file is found, downloaded or made.

    planned: whether the file was there when the workflow was planned; report: is told why a stand-in is used.
    Raises ArtifactError if the file that is there is not as it should be, or if there is none and none may be made;
    ParameterError if a file that params.yaml names is missing.
    """
    path, digits = place(name, settings), record_path.with_name(f"{name}_stand_in.npz")
    if getattr(settings.files, name) and not path.exists():
        raise ParameterError(f"images.files.{name} = {str(path)!r}: there is no such file")
    if not (path.exists() or path.is_symlink()):
        try:
            _download(name, settings, path)
        except DownloadError as error:
            reason = f"{path} is missing and {error}"
            if not settings.stand_in:
                raise ArtifactError(f"{reason}: put the file there (docs/images.md says how)") from None
            report(f"{reason}: scikit-learn's digits stand in")
            return _stand_in(name, digits)
    digits.unlink(missing_ok=True)
    arrays, digest = images.read(path, images.CLASSES[name], images.SIZES)
    return _record(name, path, digest, "download" if _official(name, arrays) else "file", planned, _note(name, arrays))


def stand_in(seed: int = STAND_IN_SEED) -> dict[str, np.ndarray]:
    """scikit-learn's 1,797 digits of 8×8 in 17 greys, every pixel enlarged to 4×4, grey in all three channels.

    They are split at random. Returns x_train, y_train, x_test, y_test as an npz file holds them.
    """
    from sklearn.datasets import load_digits  # only here: real images do not need it

    x, y = load_digits(return_X_y=True)  # (1797, 64), (1797,)
    grey = (x.reshape(-1, 8, 8) * 255 / 16).round().astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    order = np.random.default_rng(seed).permutation(len(grey))
    train, test = np.split(order, [images.STAND_IN_SIZES["train"]])
    colour = np.repeat(grey[..., None], 3, axis=-1)  # (1797, 32, 32, 3)
    return {"x_train": colour[train], "y_train": y[train], "x_test": colour[test], "y_test": y[test]}


def _stand_in(name: str, path: Path) -> dict:
    with atomic(path) as partial:
        np.savez(partial, **stand_in())
    note = "STAND-IN DATA: scikit-learn's digits, enlarged to 32×32, not CIFAR's images"
    if name == "cifar100":
        note += "; of the 100 labels only 0 to 9 occur"
    return _record(name, path, sha256(path), "stand-in", False, note)


def _download(name: str, settings: ImageSources, path: Path) -> None:
    if not settings.download:
        raise DownloadError("images.download = false")
    arrays = fetch(name, path.parent)
    with atomic(path) as partial:
        np.savez(partial, **arrays, archive_md5=np.array(MD5[name]))


def _record(name: str, path: Path, digest: str, source: str, planned: bool, note: str) -> dict:
    return {
        "data_set": name,
        "path": path.as_posix(),
        "sha256": digest,
        "source": source,
        "stand_in": source == "stand-in",
        "found": planned,
        "note": note,
    }


def _note(name: str, arrays: dict[str, np.ndarray]) -> str:
    if _official(name, arrays):
        note = f"the official archive (MD5 {MD5[name]}), by the SHA-256 of its pixels and labels"
        unknown = sum(map(len, official.UNKNOWN[name].values()))
        return f"{note}, but for {unknown} images, of which only the file says so" if unknown else note
    lossy = {split: len(arrays.get(f"lossy_{split}", ())) for split in images.SIZES}
    if official.lists_unknown(name, arrays) and official.has_known_pixels(name, arrays):
        note = "the official pixels, as far as public copies show"
    elif "archive_md5" in arrays:
        note = "a file that names the official archive but does not have its pixels, as far as public copies show"
    else:
        note = "a file of the user's own, as it is"
    if total := sum(lossy.values()):
        note += f", but for {total} images ({lossy['train']} training, {lossy['test']} test) that are only approximate"
    return note


def _official(name: str, arrays: dict[str, np.ndarray]) -> bool:
    """Whether the arrays are the archive's: the file's own word counts for ``UNKNOWN`` images alone."""
    says_so = np.array_equal(arrays.get("archive_md5"), MD5[name])
    marked = "lossy_train" in arrays or "lossy_test" in arrays or official.has_jpeg_pixels(name, arrays)
    return says_so and not marked and official.has_known_pixels(name, arrays)


def _downloaded_by(record_path: Path, path: Path) -> bool:
    try:
        record = images.read_record(record_path)
        if record["source"] != "download" or record["found"] or record["path"] != path.as_posix():
            return False
        require_file(path)
        with zipfile.ZipFile(path) as archive:  # still the download, not a file that took its place
            return "archive_md5.npy" in archive.namelist()
    except Exception:  # no record yet, or a file so broken that only the job itself can say how
        return False
