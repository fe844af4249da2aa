"""A place for the files that programs keep in the home directory, where that is missing or read-only."""

import atexit
import os
import tempfile
from pathlib import Path

FOLDERS = {  # of Snakemake and whatever follows the XDG convention, of Matplotlib, of IPython
    "XDG_CACHE_HOME": "cache",
    "MPLCONFIGDIR": "matplotlib",
    "IPYTHONDIR": "ipython",
}


def provide() -> None:
    """Point those environment variables that are not set to a temporary folder if HOME cannot be written."""
    if is_writable():
        return
    folder = tempfile.TemporaryDirectory(prefix="sparcs-home-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    for variable, name in FOLDERS.items():
        os.environ.setdefault(variable, str(Path(folder.name, name)))


def is_writable() -> bool:
    """Whether a file can be made in the home directory; permissions alone do not tell."""
    try:
        tempfile.TemporaryFile(dir=Path.home()).close()
    except (OSError, RuntimeError):  # RuntimeError: nobody knows where it is
        return False
    return True
