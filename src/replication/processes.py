"""What Snakemake's own process holds: a run of a scale, while it lives, and the lives of its jobs.

A job ends when the Snakemake that started it has died, and a Snakemake when the DVC that did so has.

Otherwise it would train on as an orphan, beside the job that takes its place. Snakemake starts a job through a shell.
So the job's parent outlives Snakemake, and the kernel's "tell me when my parent dies" would tell nothing. The workflow
names Snakemake's own process instead.
"""

import fcntl
import os
import select
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING

from replication.params.loading import ParameterError

if TYPE_CHECKING:
    from psutil import Process

PROCESS = "SPARCS_ENDS_WITH"  # the environment variable that names a process by its number
STAGE = "DVC_STAGE"  # the one in which DVC names a stage to its command


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
        end_with(int(named))


def end_with_dvc(last: Callable[[], object]) -> None:
    """Have this process killed, after a last deed, as soon as the DVC that runs it as a stage is gone, if one does.

    DVC names the stage to all that it starts, a shell perhaps: it is the nearest ancestor without that name.
    """
    if STAGE in os.environ:
        from psutil import Process  # no job needs it

        end_with(next(each.pid for each in Process().parents() if STAGE not in _environment(each)), last)


def end_with(process: int, last: Callable[[], object] = lambda: None) -> None:
    """Have this process killed, after a last deed, as soon as another one is gone."""
    wait = _wait if hasattr(os, "pidfd_open") else _poll
    Thread(target=_end_after, args=(wait, process, last), daemon=True).start()


def _end_after(wait: Callable[[int], None], process: int, last: Callable[[], object]) -> None:
    wait(process)
    try:
        last()
    finally:
        os.kill(os.getpid(), signal.SIGKILL)


def _environment(process: "Process") -> Mapping[str, str]:
    """The environment of a process; of another user's, which is not told, an empty one."""
    from psutil import AccessDenied

    try:
        return process.environ()
    except AccessDenied:
        return {}


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
