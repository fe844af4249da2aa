"""The page of a claim: the paper's words, the region and its reason, each seed, who judges it, how to run it again."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from replication.experiment import Experiment
from replication.experiments import EXPERIMENTS
from replication.judging.grounds import Grounds, read_grounds
from replication.records.git import ROOT
from replication.site.run import Run
from replication.site.scorecard import Row
from replication.site.strips import Strip, row, strips


@dataclass(frozen=True)
class Judge:
    """The function that measures a claim: its file, line and source."""

    name: str
    file: Path
    line: int
    source: str

    @property
    def place(self) -> str:
        """File and line, as they are named in the repository."""
        return f"{self.file.relative_to(ROOT).as_posix()}, line {self.line}"


@dataclass(frozen=True)
class Page:
    """What stands on a claim's page; strips: by the id of the part that they show."""

    row: Row
    experiment: Experiment
    grounds: Grounds
    strips: dict[str, list[Strip]]
    judge: Judge | None
    commands: list[tuple[str, str]]


def pages(run: Run, rows: list[Row]) -> Iterator[Page]:
    """A page for every claim, in the order of the scorecard."""
    testing = [each for each in EXPERIMENTS.values() if each.claims]
    tested = {claim.id: (each, claim.measure) for each in testing for claim in each.load(each.claims)}
    grounds = {name: ground for each in testing for name, ground in read_grounds(_file(each)).items()}
    for claim in rows:
        experiment, measure = tested[claim.id]
        yield Page(
            claim,
            experiment,
            grounds.get(claim.id, Grounds()),
            {part.id: strips(run.measured[part.id]) for part in (claim, *claim.parts) if part.id in run.measured},
            _judge(measure) if measure else None,
            _commands(experiment, claim.scale),
        )


def intervals(run: Run, rows: list[Row]) -> list[tuple[Row, Strip | None]]:
    """The interval of each claim's deciding part against its region; None where nothing was measured."""
    measured = run.measured
    return [(claim, row(measured[name]) if (name := claim.headline.id) in measured else None) for claim in rows]


def _file(experiment: Experiment) -> Path:
    return ROOT / "src" / Path(*experiment.package.split(".")) / "claims.toml"


def _judge(measure) -> Judge:
    lines, first = inspect.getsourcelines(measure)
    decorators = next(number for number, line in enumerate(lines) if line.startswith("def "))
    return Judge(measure.__name__, Path(inspect.getsourcefile(measure)), first + decorators, "".join(lines))


def _commands(experiment: Experiment, scales: str) -> list[tuple[str, str]]:
    """What judges the published tables anew, and what trains them anew, at the largest scale that they come from."""
    verdicts, scale = f"claims/{experiment.name}.csv", scales.split(", ")[-1]
    return [
        ("Judge the published tables again, in seconds:", f"snakemake --cores 1 results/rebuilt/{verdicts}"),
        (f"Train again at scale {scale}, and judge:",
         f"snakemake --cores all --config scale={scale} -- results/{scale}/{verdicts}"),
    ]  # fmt: skip
