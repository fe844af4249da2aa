"""Files that are written whole or not at all, with nothing but the standard library."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path


class ArtifactError(Exception):
    """One sentence about a file that is missing, altered or not what it should be."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``; the file written there is renamed to ``path`` if the block ends well.

    Files that killed writers left there are removed; those of living writers stay. Raises OSError with the name
    ``path`` if the disk is full or the folder can't be written. Raises ArtifactError if ``path`` is something other
    than a file, since renaming would replace a device, for instance.
    """
    if not path.name or (path.exists() and not path.is_file()):
        raise ArtifactError(f"{path} is not the name of a file")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for other in path.parent.glob(f".{escape(path.name)}.*.partial*"):
            if not _lives(other.name.removeprefix(f".{path.name}.").partition(".")[0]):
                other.unlink(missing_ok=True)  # another writer may have been faster
        yield partial
        partial.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        with suppress(OSError):
            partial.unlink()


def _lives(process: str) -> bool:
    """Whether another process of this machine has this number; where that cannot be asked, none does."""
    if os.name != "posix" or not process.isdecimal() or int(process) == os.getpid():
        return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        pass
    return True
