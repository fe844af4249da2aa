"""What to do where Snakemake finds its files locked: by a run that goes on, or by one that was killed."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

LOCKED = "Error: Directory cannot be locked"  # so Snakemake begins, whoever holds the lock, dry runs included


def advice() -> str:
    """To wait for the other Snakemake of this folder, named by its process; to unlock only if there is none."""
    number = next(others(), None)
    if number:
        return (
            f"snakemake: process {number}, another Snakemake, makes these files in {Path.cwd()}:"
            f" wait until it has ended, then give the same command again"
        )
    return (
        f"snakemake: a run that was killed has left its lock in {Path.cwd()}, where no other Snakemake of this machine"
        f" works: snakemake --unlock removes it, then the same command goes on"
    )


def others() -> Iterator[int]:
    """The numbers of the other processes of this machine that are Snakemakes in this folder."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            words = [Path(word).name for word in process.cmdline()[:3]]
            is_snakemake = "snakemake" in words[1:] and words[0].startswith("python")  # as a script, or by -m
            if is_snakemake and process.pid != os.getpid() and Path.cwd().samefile(process.cwd()):
                yield process.pid
