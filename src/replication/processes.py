"""What Snakemake's own process holds: a run of a scale, while it lives, and the lives of its jobs.

A job ends when the Snakemake that started it has died.

Otherwise it would train on as an orphan, beside the job that takes its place. Snakemake starts a job through a shell.
So the job's parent outlives Snakemake, and the kernel's "tell me when my parent dies" would tell nothing. The workflow
names Snakemake's own process instead.
"""

import fcntl
import os
import select
import signal
from pathlib import Path
from threading import Thread
from time import sleep

from replication.params.loading import ParameterError

PROCESS = "SPARCS_ENDS_WITH"  # the environment variable that names a process by its number


def hold(path: Path) -> bool:
    """Lock a file until this process ends, however it ends; False if another process holds it.

    The file stays for good: who opened it before it was deleted would hold another one.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # never closed, and no job inherits it
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems have no such locks
        pass
    return True


def die_with_parent() -> None:
    """Have this process killed as soon as the process that SPARCS_ENDS_WITH names is gone, if it names one.

    Linux tells at once. Elsewhere this process looks for the other one twice a second; that one counts as alive until
    its parent has taken notice. Nothing is cleaned up: what is unfinished has no name of its own yet. Raises
    ParameterError if that variable is no number of a process.
    """
    named = os.environ.get(PROCESS, "")
    if named and not named.isdecimal():
        raise ParameterError(f"{PROCESS} = {named!r}: allowed is the number of a process")
    if named:
        process = int(named)
        wait = _wait if hasattr(os, "pidfd_open") else _poll
        Thread(target=_end_after, args=(wait, process), daemon=True).start()


def _end_after(wait, process: int) -> None:
    wait(process)
    os.kill(os.getpid(), signal.SIGKILL)


def _wait(process: int) -> None:
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:  # it has died already
        return
    except OSError:  # the kernel, or what confines this process, does not allow it
        _poll(process)
        return
    select.select([handle], [], [])


def _poll(process: int) -> None:
    while True:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return
        sleep(0.5)
