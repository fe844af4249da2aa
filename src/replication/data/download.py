"""The download of CIFAR-10's and CIFAR-100's official archives by torchvision, given up after a time of silence."""

import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

SILENCE = 30.0  # seconds
MD5 = {"cifar10": "c58f30108f718f92721af3b95e74349a", "cifar100": "eb9058c3a382ffc7106e4002c42a8d85"}
DATA_SETS = {"cifar10": "torchvision.datasets:CIFAR10", "cifar100": "torchvision.datasets:CIFAR100"}
# A process of its own, because a name lookup that hangs can only be ended by ending its process. The socket's time
# limit ends it even if nobody is left to do so.
FETCH = """
import socket, sys
from importlib import import_module
module, name = sys.argv[1].split(":")
data_set = getattr(import_module(module), name)
socket.setdefaulttimeout(float(sys.argv[3]))
print("connecting", file=sys.stderr, flush=True)
data_set(sys.argv[2], download=True)
"""


class DownloadError(Exception):
    """One clause that says why there is no download."""


def fetch(name: str, folder: Path, silence: float = SILENCE) -> dict[str, np.ndarray]:
    """x_train, y_train, x_test, y_test of the official archive, fetched into a temporary folder inside ``folder``.

    torchvision checks the archive's MD5, and that of every file in it, before it opens them. Raises DownloadError if
    that fails or if nothing at all arrives for ``silence`` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".download_", dir=folder) as temporary:
        _fetch(DATA_SETS[name], Path(temporary), silence)
        return _arrays(DATA_SETS[name], temporary)


def _fetch(data_set: str, folder: Path, silence: float) -> None:
    log = folder / "log"
    with log.open("wb") as output:
        command = [sys.executable, "-c", FETCH, data_set, str(folder), str(silence)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _wait(process, folder, silence)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        lines = log.read_text(errors="replace").split("\n")
        raise DownloadError(f"the download failed ({next(filter(str.strip, reversed(lines)), 'no reason given')})")


def _wait(process: subprocess.Popen, folder: Path, silence: float) -> None:
    size, since = 0, time.monotonic()
    while process.poll() is None:
        # The bytes of the log, the archive and what is unpacked; none at all until the process has begun
        now = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        if now != size or not now:
            size, since = now, time.monotonic()
        if time.monotonic() - since > silence:
            raise DownloadError(f"the download was given up after {silence:g} s of silence")
        time.sleep(0.1)


def _arrays(data_set: str, folder: str) -> dict[str, np.ndarray]:
    module, name = data_set.split(":")
    parts = {split: getattr(import_module(module), name)(folder, train=split == "train") for split in ("train", "test")}
    images = {f"x_{split}": part.data for split, part in parts.items()}
    return images | {f"y_{split}": np.array(part.targets, dtype=np.uint8) for split, part in parts.items()}
