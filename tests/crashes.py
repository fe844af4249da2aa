"""Kill a run at random moments, recover as the README says, compare the tables with those of a run left alone.

`python tests/crashes.py --moments 20` prints a summary as JSON.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from compared import TIMED

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
OVERRIDES = (
    "scale=smoke",
    "regression={alphas: [0, 1], betas: [5], trials: 4, chunk: 2, training: {epochs: 30}}",
    "teacher_student={ensembles: {l2: {trials: 1}}, training: {epochs: 8}}",
    "cifar10={heads: [spectral], checkpoint_every: 1, training: {epochs: 4}}",
    "hyperparameters={alphas: [1]}",
    "baselines={methods: [gaea], alpha_beta: {tuning_trials: 1}}",
)
TARGETS = (
    "tabulate_regression",
    "tabulate_teacher_student",
    "tabulate_cifar10",
    "tabulate_baselines",
    "tabulate_cells",
)
PATIENCE = 10.0  # seconds for the jobs of a killed Snakemake to end


class Lost(AssertionError):
    """Something that a crash must not do."""


def main() -> None:
    """Kill as many runs as asked for and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(survive(options.moments, options.seed, Path(folder)), indent=2))


def survive(moments: int, seed: int, folder: Path) -> dict[str, object]:
    """Kill ``moments`` runs, each at a moment and of a victim drawn from ``seed``; raises Lost if anything is lost."""
    whole = folder / "whole"
    start = time.monotonic()
    run(whole)
    seconds = time.monotonic() - start
    expected = tables(whole)
    generator = random.Random(seed)
    victims = []
    for k in range(moments):
        victims.append(crash(folder / str(k), generator, seconds, expected))
        print(f"{k + 1} of {moments}: {victims[-1]}", file=sys.stderr)
    return {
        "moments": moments,
        "seed": seed,
        "seconds_of_a_run": round(seconds, 1),
        "victims": {name: victims.count(name) for name in sorted(set(victims))},
        "tables": len(expected),
        "bytes_compared": moments * sum(map(len, expected.values())),
    }


def crash(folder: Path, generator: random.Random, seconds: float, expected: dict[str, bytes]) -> str:
    """Kill one run, recover it and compare its tables; returns who was killed."""
    moment, wants_trainer = generator.uniform(0, seconds), generator.random() < 0.5
    with subprocess.Popen(
        command(folder), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    ) as running:
        with suppress(subprocess.TimeoutExpired):
            running.wait(moment)
        trainers = [(process, stage) for process in inside(folder) if (stage := trains(process))]
        victim, name = generator.choice(trainers) if wants_trainer and trainers else (running, "snakemake")
        name = "none, it had ended" if running.poll() is not None else name
        with suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGKILL)
        running.wait()
    await_end(folder, f"{name} was killed after {moment:.2f} s")
    if name == "snakemake":
        run(folder, "--unlock")
    run(folder)
    recovered = tables(folder)
    if recovered != expected:
        differ = sorted(
            path for path in expected.keys() | recovered.keys() if expected.get(path) != recovered.get(path)
        )
        raise Lost(f"{name} was killed after {moment:.2f} s: {', '.join(differ)} differ")
    leftovers = list(folder.rglob("*.partial*"))
    if leftovers:
        raise Lost(f"{name} was killed after {moment:.2f} s: {leftovers[0]} was left")
    return name


def run(folder: Path, *more: str) -> None:
    """One command of the README; raises Lost if it fails."""
    done = subprocess.run(command(folder, *more), env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Lost(f"it could not be recovered: {done.stdout[-2000:]} {done.stderr[-3000:]}")


def await_end(folder: Path, after: str) -> None:
    """Wait until no process is left that works in the folder; raises Lost if one stays."""
    until = time.monotonic() + PATIENCE
    while left := inside(folder):
        if time.monotonic() > until:
            raise Lost(f"{after}: {arguments(left[0])} was left as an orphan")
        time.sleep(0.05)


def inside(folder: Path) -> list[psutil.Process]:
    """The processes whose working directory is the folder: Snakemake and its jobs."""
    processes = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder.resolve():
                processes.append(process)
    return processes


def trains(process: psutil.Process) -> str:
    """The stage, if this is a training and not the shell that started it; else nothing."""
    words = arguments(process)
    trains = words[1:3] == ["-m", "replication"] and "train" in words[3:-1]
    return f"train {words[words.index('train') + 1]}" if trains else ""


def arguments(process: psutil.Process) -> list[str]:
    """The process's command line; empty if it has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def tables(folder: Path) -> dict[str, bytes]:
    """The final tables, except those of timings."""
    results = folder / "results" / "smoke"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in results.glob("*/*.parquet")
        if path.name not in TIMED
    }


def command(folder: Path, *more: str) -> list[str]:
    """The command of a run in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    snakemake = [BIN / "snakemake", "--snakefile", ROOT / "workflow" / "Snakefile", "--directory", folder, "--cores", 2]
    return [*map(str, snakemake), *TARGETS, *more, "--config", *OVERRIDES]


def environment() -> dict[str, str]:
    """The environment of a run: this one's Python first."""
    return os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


if __name__ == "__main__":
    main()
