"""The origin of a result: commit, machine, versions, time."""

import hashlib
import os
import platform
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from replication.records import git

PACKAGES = ("numpy", "numba", "torch", "pandas", "scipy", "snakemake")
CODE = ("src", "workflow", "notebooks")  # where a file that Git does not track may change results


def commit() -> str:
    """The checkout's commit, with "+changes" if tracked files were changed or code was added since.

    "unknown" where there is no Git or no repository of this project's own, "unreadable" where Git cannot tell.
    """
    if not (shutil.which("git") and (git.ROOT / ".git").exists()):
        return "unknown"
    head = git.ask("rev-parse", "--short=12", "HEAD")
    changed = git.ask("status", "--porcelain", "--untracked-files=no")
    added = git.ask("ls-files", "--others", "--exclude-standard", "--", *CODE)
    if head is None or changed is None or added is None:
        return "unreadable"
    return head + "+changes" * bool(changed or added)


def machine(device: str = "cpu") -> str:
    """Processor, number of cores and operating system, and the GPU if the device is one."""
    cpu = f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    return f"{cpu}, {_gpu()}" if device == "cuda" else cpu


def processor(machine: str) -> str:
    """The type of processor, with which the name of a machine begins."""
    return machine.split(", ")[0]


def packages() -> dict[str, str]:
    """Versions of the software that results depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


def of_job(seconds: float, device: str, trials: int) -> dict[str, object]:
    """The record that a training job leaves beside its result."""
    return {
        "commit": commit(),
        "machine": machine(device),
        "device": device,
        "finished": now(),
        "seconds": round(seconds, 3),
        "trials": trials,
    }


JOINED = ("scale", "commit", "machine", "device", "fingerprint")


def summary(rows: pd.DataFrame) -> dict[str, object]:
    """The common origin of trials: JOINED, first and last day, core-minutes, number.

    rows: one per job or trial, with JOINED, finished, minutes and trials.
    """
    joined = {name: "; ".join(sorted(rows[name].unique())) for name in JOINED}
    days = {"date": rows["finished"].max(), "first_finished": rows["finished"].min()}
    return joined | days | {"core_minutes": round(float(rows["minutes"].sum()), 2), "trials": int(rows["trials"].sum())}


def together(experiments: Mapping[str, Mapping[str, Any]], lock: Path) -> dict[str, object]:
    """The common origin of several experiments' trials, from their summaries; versions, the lock's SHA-256."""
    each = list(experiments.values())
    joined = {name: "; ".join(sorted({part for one in each for part in one[name].split("; ")})) for name in JOINED}
    days = {"date": max(one["date"] for one in each), "first_finished": min(one["first_finished"] for one in each)}
    sums = {"core_minutes": round(sum(one["core_minutes"] for one in each), 2)}
    sums |= {"trials": sum(one["trials"] for one in each)}
    software = {"packages": packages(), "lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest()}
    return joined | days | sums | {"experiments": dict(experiments)} | software


def _gpu() -> str:
    import torch  # only now: a job on the CPU's kernel never loads it

    return torch.cuda.get_device_name()


def _processor() -> str:
    try:
        return processor_of(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        return platform.processor() or platform.machine()


def processor_of(cpuinfo: str) -> str:
    """Name, family and model of the first processor: a virtual machine's name may hide its model.

    Models differ in their instruction sets, and so in the last bits of what they compute.
    """
    first, _, _ = cpuinfo.strip().partition("\n\n")
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
    parts = [f"{word} {fields[key]}" for word, key in (("family", "cpu family"), ("model", "model")) if key in fields]
    return " ".join([fields.get("model name", platform.machine()), *parts])
