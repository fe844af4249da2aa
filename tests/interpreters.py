"""Other versions of Python on this machine."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PYTHONS = ("3.11", "3.12", "3.13")
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"


def interpreter(version):
    """An interpreter of that version; without one the test is skipped."""
    paths = [shutil.which(f"python{version}"), *sorted(PYENV.glob(f"{version}.*/bin/python"))]
    for path in filter(None, paths):
        done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.startswith(f"Python {version}."):
            return path
    pytest.skip(f"no Python {version} on this machine")
