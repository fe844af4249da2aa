"""The state of a run by its events: jobs, their cost, what is left, what was made. Nothing here writes."""

import csv
import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

KEPT = 0.25  # minutes that are taken as kept to, so that the first jobs of a second each do not set the pace
LINES, BYTES, WIDEST = 15, 64_000, 400  # of a failed job's log: lines shown, what is read, characters of a line
CONTROLS = re.compile(  # colours and the like, titles of windows, all else that is no text
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
T = TypeVar("T")
Published = Mapping[tuple[str, str], float]  # core-minutes of one job, by scale and rule


@dataclass
class Job:
    """One job, as Snakemake describes it when it starts."""

    rule: str
    message: str
    start: float
    files: tuple[str, ...] = ()  # inputs and outputs
    outputs: tuple[str, ...] = ()
    benchmark: str = ""
    end: float = math.nan
    core_minutes: float = math.nan

    @property
    def scale(self) -> str:
        """The scale, from the place of the benchmark: results/<scale>/benchmarks."""
        return Path(self.benchmark.partition("/benchmarks/")[0]).name


@dataclass
class Run:
    """Jobs by their number, each in one of three states; those that have not started yet are only counted."""

    start: float
    published: Published = field(default_factory=dict)
    planned: Counter[str] = field(default_factory=Counter)  # by rule
    cores: int = 1
    running: dict[int, Job] = field(default_factory=dict)
    finished: dict[int, Job] = field(default_factory=dict)
    failed: dict[int, Job] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """The number of jobs of the run in all."""
        return self.planned.total()

    def begin(self, number: int, job: Job) -> None:
        """A job has started, for the first time or again."""
        self.failed.pop(number, None)
        self.running[number] = job

    def finish(self, number: int, now: float) -> Job:
        """A job has ended well."""
        job = self.finished[number] = self.running.pop(number)
        job.end, job.core_minutes = now, tried(core_minutes_of, job.benchmark, otherwise=math.nan)
        return job

    def fail(self, number: int, job: Job, now: float) -> Job:
        """A job has failed; ``job`` stands for one that was never seen to start."""
        job = self.running.pop(number, job)
        job.end = now
        self.failed[number] = job
        return job

    def left(self, now: float) -> tuple[float, str] | None:
        """Minutes until the end, and the other scale whose times were taken for want of better ones, or "".

        A job is expected to take the published core-minutes of its rule at this scale. Without those it takes the ones
        measured in this run, else those of another scale; all of them at the pace of the jobs that have finished. The
        longest job is waited for, however many cores there are. None if nothing is known of any job that is left.
        """
        done = [*self.finished.values(), *self.failed.values()]
        waiting = self.planned - Counter(job.rule for job in [*done, *self.running.values()])
        elapsed = [(job.rule, (now - job.start) / 60) for job in self.running.values()]
        jobs = [*elapsed, *((rule, 0) for rule in waiting.elements())]
        scales = {job.scale for job in [*done, *self.running.values()]}
        expected = {rule: self.expected(rule, scales) for rule in {rule for rule, _ in jobs}}
        known = [(*expected[rule], spent) for rule, spent in jobs if expected[rule]]
        if not known:
            return None
        pace = self.pace(scales)
        minutes = [max(pace * cost - spent, 0) for cost, _, spent in known]
        others = [scale for _, scale, _ in known if scale]
        return max(sum(minutes) / max(1, self.cores), *minutes), others[0] if others else ""

    def pace(self, scales: Iterable[str]) -> float:
        """Minutes by the clock for an expected core-minute, among the finished jobs and KEPT minutes more.

        Core-minutes leave out what a job waits for, and others may share the machine.
        """
        ended = [(job, self.expected(job.rule, scales)) for job in self.finished.values()]
        known = [(job.end - job.start, expected[0]) for job, expected in ended if expected]
        return (KEPT + sum(seconds for seconds, _ in known) / 60) / (KEPT + sum(cost for _, cost in known))

    def expected(self, rule: str, scales: Iterable[str]) -> tuple[float, str] | None:
        """Core-minutes of a job of a rule, and their scale if it is none of this run's."""
        of_scale = [self.published[scale, rule] for scale in scales if (scale, rule) in self.published]
        measured = [job.core_minutes for job in self.finished.values() if job.rule == rule]
        measured = [minutes for minutes in measured if math.isfinite(minutes)]
        if of_scale or measured:
            return of_scale[0] if of_scale else sum(measured) / len(measured), ""
        others = [(minutes, scale) for (scale, name), minutes in self.published.items() if name == rule]
        return others[0] if others else None

    @property
    def core_minutes(self) -> float:
        """The core-minutes of the finished jobs, as far as they were measured."""
        return sum(job.core_minutes for job in self.finished.values() if math.isfinite(job.core_minutes))

    def made(self, name: str) -> list[str]:
        """Files that this run has made and whose path has this end."""
        return [path for path in self.outputs() if path.endswith(name)]

    def claims(self) -> list[str]:
        """The table of all verdicts, if this run has made it; else those of single experiments."""
        return self.made("/claims.csv") or [path for path in self.outputs() if re.search(r"/claims/\w+\.csv$", path)]

    def outputs(self) -> Iterator[str]:
        """The files that the finished jobs have made."""
        return (path for job in self.finished.values() for path in job.outputs)

    def has_stand_in(self) -> bool:
        """Whether a finished job made or read the record of stand-in images, or judged a claim by such images."""
        files = {path for job in self.finished.values() for path in job.files}
        records = [path for path in files if re.search(r"/images/\w+\.json$", path)]
        return any(tried(is_stand_in, path, otherwise=False) for path in records) or any(
            tried(names_stand_in, path, otherwise=False) for path in self.claims()
        )


def tried(read: Callable[[str | Path], T], path: str | Path, otherwise: T) -> T:
    """The content of a file, or ``otherwise``: a damaged one may raise anything, and no line may be lost for it."""
    try:
        return read(path)
    except Exception:
        return otherwise


def is_stand_in(record: str) -> bool:
    """Whether a record of images is of stand-ins."""
    return json.loads(Path(record).read_text(encoding="utf-8"))["stand_in"]


def names_stand_in(claims: str) -> bool:
    """Whether a claim was judged by stand-in images."""
    return "stand-in images" in Path(claims).read_text(encoding="utf-8")


def published_in(path: Path) -> dict[tuple[str, str], float]:
    """Core-minutes of one job by scale and rule, from the published table; nothing if there is none."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    by_job = {(row["scale"], row["rule"]): float(row["core_minutes"]) / int(row["jobs"]) for row in rows}
    return {key: minutes for key, minutes in by_job.items() if math.isfinite(minutes)}


def core_minutes_of(benchmark: str) -> float:
    """The core-minutes that a job has measured of itself, kept beside its benchmark; NaN if nothing is there."""
    measured = Path(f"{benchmark.removesuffix('.tsv')}.json")
    if not measured.is_file():
        return math.nan
    return json.loads(measured.read_text(encoding="utf-8"))["core_seconds"] / 60


def verdicts_in(path: str) -> tuple[Counter[str], Counter[str]]:
    """The number of a table's claims with each verdict, of the paper and beyond it; their parts are not counted."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        whole = [row for row in csv.DictReader(file) if not row["id"][-1].isalpha()]
    papers, others = ([row["verdict"] for row in whole if bool(row["paper"]) is of_paper] for of_paper in (True, False))
    return Counter(papers), Counter(others)


def last_lines(path: str) -> list[str]:
    """The end of a log as it stood on a screen: what was written last of a line that was written over.

    Both ends are kept of a long line.
    """
    with Path(path).open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - BYTES))
        text = file.read().decode(errors="replace")
    lines = text.removesuffix("\n").split("\n")[-LINES:]
    lines = [CONTROLS.sub("", line.strip("\r").rpartition("\r")[-1]) for line in lines]
    return [line if len(line) <= WIDEST else f"{line[: WIDEST // 2]} … {line[-WIDEST // 2 :]}" for line in lines]
