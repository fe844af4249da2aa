"""numba's disk cache of a kernel: kept apart for every version of the source, sealed, filled by one process at a time.

numba compares only the file of the function that it caches; an edit of a module whose functions are compiled into that
one would leave a stale program. Here the folder's name holds the SHA-256 of every source file of the trainings.

numba believes whatever stands in its files, and unpickles it. Here they count only while they have the SHA-256 that
stands beside them; else they are deleted and made again. That notices damage. It stops nobody who may write into the
folder: whoever may do that can as well write the .pyc files beside it, which Python runs.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Any

from numba import config
from numba.core.caching import FunctionCache

PACKAGE = Path(__file__).parent


class SealedCache(FunctionCache):
    """The compiled code of one function on disk. Where none can be read or kept, the function is compiled."""

    def __init__(self, function: Callable) -> None:
        super().__init__(function)
        self._name = Path(self.cache_path) / self._impl.filename_base
        self._seal, self._lock = (self._name.with_name(f"{self._name.name}-{kind}") for kind in ("sha256", "lock"))
        self._held: int | None = None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code for a signature, or None: then this process compiles it, and all others wait until it has."""
        self._hold()
        found = self._found(sig, target_context)
        if found is not None:
            self._release()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the code for a signature; a folder that can't be written costs only a compilation the next time."""
        with suppress(OSError):
            super().save_overload(sig, data)
            self._seal.write_bytes(self._digest())
        self._release()

    def _found(self, sig: Any, target_context: Any) -> Any:
        with suppress(Exception):  # the readers of pickles and of machine code can raise almost anything
            if _content(self._seal) == self._digest():
                return super().load_overload(sig, target_context)
        self._remove()
        return None

    def _files(self) -> list[Path]:
        return sorted(self._name.parent.glob(f"{escape(self._name.name)}.*"))

    def _digest(self) -> bytes:
        """The SHA-256 of all files of this function, with their names."""
        digest = hashlib.sha256()
        for path in self._files():
            digest.update(f"{path.name} {hashlib.sha256(_content(path)).hexdigest()} ".encode())
        return digest.hexdigest().encode()

    def _remove(self) -> None:
        for path in (self._seal, *self._files()):
            with suppress(OSError):
                path.unlink()

    def _hold(self) -> None:
        if self._held is None:
            with suppress(OSError):  # some network file systems have no locks, and some folders can't be written
                self._lock.parent.mkdir(parents=True, exist_ok=True)
                self._held = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o666)
                fcntl.flock(self._held, fcntl.LOCK_EX)

    def _release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""  # to open a pipe could take forever


def cached(function: Callable) -> Callable:
    """A function made by ``numba.njit``, its compiled code kept on disk for this version of the source."""
    before = config.CACHE_DIR
    config.CACHE_DIR = str(PACKAGE / "__pycache__" / f"compiled-{source_digest()}")
    try:
        function._cache = SealedCache(function.py_func)  # as ``enable_caching`` does with numba's own
    finally:
        config.CACHE_DIR = before
    return function


def source_digest() -> str:
    """Twelve hexadecimal digits that change with any source file of the trainings."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(str(path.relative_to(PACKAGE)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
