"""An experiment as one object: its settings, jobs, training, tables, claims and report, by name.

This module knows no experiment, and loads nothing of what computes: an experiment names its functions by import path.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Data:
    """A data set that jobs are trained on.

    name: as it stands in seeds and tables; files: below data/<scale>; settings: what it is drawn from, apart from
    ``keys``, which tell it from others of its kind; modules: those that make it.
    """

    name: str
    files: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """Trials that are trained together, and all that their results depend on, as plain values.

    name: of its files below those of its stage; keys: columns that all its rows have in common, a tuple where they have
    every one of several values; trials: their numbers;
    settings: what results depend on besides; data: what it is trained on; seeds: the name of its data set in the seeds;
    modules: of its numerics, besides its stage's; after: the jobs whose first tables it takes, with their stages;
    every: epochs or steps between checkpoints, on which results do not depend.
    """

    name: str
    settings: Mapping[str, Any]
    keys: Mapping[str, Any] = field(default_factory=dict)
    trials: tuple[int, ...] = ()
    data: Data | None = None
    seeds: str = ""
    modules: tuple[str, ...] = ()
    after: tuple[tuple[str, "Job"], ...] = ()
    every: int = 0

    @property
    def several(self) -> dict[str, tuple]:
        """The columns in which its rows have several values, its trials' numbers among them, and these values."""
        return {
            name: values
            for name, values in {**self.keys, "trial": self.trials}.items()
            if isinstance(values, tuple) and values
        }

    @property
    def trainings(self) -> int:
        """How many it has: every trial with every one of several values of its keys."""
        return prod(map(len, self.several.values()))

    def has_all(self, rows: "DataFrame") -> bool:
        """Whether rows of its trials alone are all of them, under every one of several values of its keys."""
        several = {name: len(values) for name, values in self.several.items() if name in rows}
        found = {*zip(*(rows[name] for name in several), strict=True)}
        return not rows.empty and (not several or len(found) == prod(several.values()))

    @property
    def files(self) -> tuple[str, ...]:
        """Its data, below data/<scale>."""
        return self.data.files if self.data else ()


FIRST = "the first trial that did not diverge"


@dataclass(frozen=True)
class Network:
    """How the trained networks of a stage are published: a file for each label.

    label: of a training, from the columns that tell it, "" for one that is not published; several: columns that tell
    trainings apart and are not its job's, with their values; chosen: of a training's rows in the stage's first table
    the one, or none, of the network that is published; told: columns of it that a card tells besides; rule: by which
    a training is chosen; build: the network of a training from its job's parameters, the job and that row, and what
    makes the network's inputs of images, or None; again: where a job keeps no parameters, the network trained again
    from the data, the job's settings and that row, and what is measured of it, as the row has it; points: inputs and
    targets, of the data, the job's settings and what makes inputs of images; draw: the data again, of what a card says
    of them, None for images; metric: the column of the row that says how good a network is; score: the same of targets
    and outputs; tolerance: by which it may differ; on: what it is measured on; inputs: what a network takes; images:
    what an archive takes of what makes its inputs, "" if there is none; stored: the type of the numbers in its file.
    """

    label: Callable[[Mapping[str, Any]], str]
    points: Callable[[Any, Mapping, Any], tuple[Any, Any]]
    draw: Callable[[Mapping], Any] | None
    metric: str
    score: Callable[[Any, Any], float]
    tolerance: float
    on: str
    inputs: str
    build: Callable[[Mapping, Job, Mapping], tuple[Any, Any]] | None = None
    again: Callable[[Any, Mapping, Mapping], tuple[Any, Mapping]] | None = None
    several: Mapping[str, tuple] = field(default_factory=dict)
    chosen: "Callable[[DataFrame], DataFrame]" = lambda rows: rows
    told: tuple[str, ...] = ()
    rule: str = FIRST
    images: str = ""
    stored: str = "float32"


@dataclass(frozen=True)
class Stage:
    """Jobs of one kind.

    name: the folder of their files in that of the experiment; rule: Snakemake's; jobs: from the settings of a whole
    run; train: "module:function" in the experiment's folder, see ``replication.training.work``; settings: the model
    that a job's settings are checked against; tables: those that a job writes, with the columns that tell their rows
    apart, the trials' first; made_as: the names that train gives tables, where they are others; ensemble: the columns
    that trials have in common which are judged together; parameters: whether a job writes final parameters, too;
    network: "module:NAME" of how networks of these are published; gpu: whether it can use one; seed_name: in place of
    the experiment's; memory, minutes: what Slurm is asked for, in MB and minutes.
    """

    name: str
    rule: str
    jobs: Callable[[Any], Iterable[Job]]
    train: str
    tables: Mapping[str, tuple[str, ...]]
    settings: type | None = None
    made_as: Mapping[str, str] = field(default_factory=dict)
    ensemble: tuple[str, ...] = ()
    parameters: bool = False
    network: str = ""
    gpu: bool = True
    seed_name: str = ""
    memory: int = 2000
    minutes: int = 60


@dataclass(frozen=True)
class Experiment:
    """An experiment of the paper, or beyond it.

    name: its folder, its block in params.yaml, its folder of results; title: for readers; paper: where the paper has
    it, "" for one beyond the paper; notebook: its report;
    settings: the model of its block, if it has one; data: the folders below data/<scale> of what it is trained on;
    trained_on: the same for readers, "generated: …", "shipped by …" or the name of a data set of images; seed_name:
    hashed into seeds, so it never changes; claims: "module:NAME" of the claims that it tests; beside: tables of other
    experiments, "experiment/table", that these and its report read, too, where they are there; finish:
    "module:function" that adds to the gathered tables what no job can know alone, and extra, the tables that it adds
    with the columns that tell their rows apart; compared: settings that must be the paper's for its claims to be
    tested; reads: files that its tables are made from, besides its jobs', from its settings; check: raises ValueError
    if the settings of a run do not fit each other.
    """

    name: str
    title: str
    paper: str
    notebook: str
    stages: tuple[Stage, ...]
    trained_on: str = ""
    settings: type | None = None
    data: tuple[str, ...] = ()
    seed_name: str = ""
    claims: str = ""
    beside: tuple[str, ...] = ()
    finish: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    compared: tuple[str, ...] = ()
    reads: Callable[[Any], tuple[str, ...]] = lambda settings: ()
    check: Callable[[Any], None] | None = None

    @property
    def tables(self) -> dict[str, tuple[str, ...]]:
        """Its gathered tables, with the columns that tell their rows apart."""
        return {name: key for stage in self.stages for name, key in stage.tables.items()} | dict(self.extra)

    @property
    def trained(self) -> tuple[str, ...]:
        """The tables whose rows are trainings: the first of its first stage, and of others that have ensembles."""
        first, *others = self.stages
        return tuple(
            dict.fromkeys(next(iter(each.tables)) for each in (first, *others) if each is first or each.ensemble)
        )

    def stage(self, name: str) -> Stage:
        """One of its stages. Raises KeyError if it has none of that name."""
        return {stage.name: stage for stage in self.stages}[name]

    def tables_before(self, job: Job) -> list[str]:
        """The tables that a job takes of others, below results/<scale>, without their ending."""
        firsts = {stage.name: next(iter(stage.tables)) for stage in self.stages}
        return [f"{self.name}/{stage}/{other.name}_{firsts[stage]}" for stage, other in job.after]

    def seed_name_of(self, stage: Stage) -> str:
        """The experiment's name in the seeds of a stage's trials."""
        return stage.seed_name or self.seed_name or self.name

    def load(self, path: str) -> Any:
        """What "module:name" in the experiment's folder names; its module is imported now."""
        module, _, name = path.partition(":")
        return getattr(import_module(f"{self.package}.{module}"), name)

    def module(self, path: str) -> str:
        """The full name of the module of "module:name"."""
        return f"{self.package}.{path.partition(':')[0]}"

    @property
    def package(self) -> str:
        """The full name of its folder."""
        return f"replication.experiments.{self.name}"
