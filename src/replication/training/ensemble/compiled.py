"""numba's disk cache, kept apart for every version of the compiled source.

numba compares only the file of the function that it caches; an edit of a module whose functions are compiled into that
one would leave a stale program. Here the folder's name holds the SHA-256 of every source file of this package.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from numba import config

PACKAGE = Path(__file__).parent


def cached(function: Callable) -> Callable:
    """A function made by ``numba.njit``, its compiled code kept on disk for this version of the source."""
    before = config.CACHE_DIR
    config.CACHE_DIR = str(PACKAGE / "__pycache__" / f"compiled-{source_digest()}")
    try:
        function.enable_caching()
    finally:
        config.CACHE_DIR = before
    return function


def source_digest() -> str:
    """Twelve hexadecimal digits that change with any source file of this package."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
