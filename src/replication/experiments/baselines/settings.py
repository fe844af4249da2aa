"""The settings of the comparison with other ways to search for a small network (claim G2)."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from replication.data.names import ALPHA_BETA, NEW_TEACHERS, TEACHER
from replication.experiment import Data, Job
from replication.experiments.depth.settings import at_most, data_of, points_of
from replication.experiments.regression.settings import DataSets
from replication.experiments.teacher_student.settings import teacher, teacher_name
from replication.params.fields import (
    NAMED,
    Count,
    CountOrZero,
    Fraction,
    Model,
    Part,
    Positive,
    TrialsOrZero,
    Width,
    chunks,
    distinct,
    span,
)

Option = bool | int | float | str
KINDS = {"bool": (bool,), "int": (int,), "float": (int, float), "str": (str,)}  # of values, by a search's annotations
SHARED = 3  # arguments that every search has: the task, strengths and seeds
FOLDER = Path(__file__).parents[2] / "baselines"  # where the methods are
PRICED = ("rows", "paths")  # penalties of a spectral search in which a layer has a price
FIRST_NEW_TRIAL = 13  # trials 0 to 9 and seeds 10 to 12 were used in choosing prices and strengths
TUNING_TRIALS = "searches per value of a tuned option, on seeds of their own; 0: every option as it stands"


class BaselineTask(Model):
    """One kind of data, the maximal network on it, and how long every method trains."""

    hidden: Annotated[list[Width], Field(min_length=1)] = Field(description="neurons of the maximal hidden layers")
    bias: bool = Field(description="a constant-1 neuron in the input layer")
    points: Count = Field(description="training points, the first of the data set's, those for choosing included")
    batch_size: Count = Field(description="points per optimiser step; the last, smaller batch is kept")
    steps: Count = Field(description="optimiser steps of the weights in one search")


class BaselineTasks(BaselineTask, Part):
    """Trials on one kind of data."""

    trials: TrialsOrZero = Field(description="searches per data set, method and strength; 0 leaves the task out")
    tuning_trials: TrialsOrZero = Field(description=TUNING_TRIALS)


class BaselineTeacher(BaselineTasks):
    """The teacher of experiment 2."""

    bias: Literal[False] = Field(description="no bias neuron, as in experiment 2")


class BaselineAlphaBeta(DataSets, BaselineTasks):
    """Data sets of experiment 1."""

    bias: Literal[True] = Field(description="a constant-1 neuron in the input layer, as in experiment 1")


class BaselineConfirmation(Part):
    """Trials for what was chosen on the others: their seeds and teachers had no part in choosing."""

    first_trial: CountOrZero = Field(
        description=f"number of the first one, {FIRST_NEW_TRIAL} or more: nothing was chosen on those"
    )
    trials: TrialsOrZero = Field(description="searches per method and strength, each on a teacher of its own; 0: none")

    @field_validator("first_trial")
    @classmethod
    def _nothing_was_chosen_on_it(cls, first_trial: int) -> int:
        if first_trial < FIRST_NEW_TRIAL:
            raise ValueError(
                f"allowed are {FIRST_NEW_TRIAL} and more, since prices and strengths were chosen on trials before it"
            )
        return first_trial


class BaselineMethod(Model):
    """One method: the file that holds it, and its own hyperparameters."""

    search: Annotated[str, Field(pattern="^[a-z][a-z_]*$")] = Field(description="a file in src/replication/baselines")
    options: dict[str, Option] = Field(default={}, description="arguments of its function search")
    tuned: dict[str, Annotated[list[Option], Field(min_length=1)]] = Field(
        default={}, max_length=1, description="one of these options, with the values that are tried for it"
    )
    swept: bool = Field(default=True, description="false: the strength means nothing to it, and one is enough")
    only: Literal["teacher", "alpha_beta"] | None = Field(default=None, description="the only task it can run on")

    @field_validator("tuned")
    @classmethod
    def _values_differ(cls, tuned: dict[str, list[Option]]) -> dict[str, list[Option]]:
        for option, values in tuned.items():
            distinct(f"tuned.{option}", values)
        return tuned

    @field_validator("search")
    @classmethod
    def _file_exists(cls, search: str) -> str:
        path = FOLDER / f"{search}.py"
        if not path.exists():
            raise ValueError(f"there is no file src/replication/baselines/{search}.py")
        if "\ndef search(" not in path.read_text(encoding="utf-8"):
            raise ValueError(f"src/replication/baselines/{search}.py has no function search, so it is no method")
        return search


def _require_options(name: str, method: BaselineMethod) -> None:
    """Raise ValueError unless a method's options, and those that are tuned, are arguments of its search, and fit."""
    kinds, defaults = _arguments(method.search)
    given = [("options", *each) for each in method.options.items()]
    given += [("tuned", option, value) for option, values in method.tuned.items() for value in values]
    penalties = [value for _, option, value in given if option == "penalty"] or [defaults.get("penalty")]
    without_price = [each for each in penalties if each not in PRICED] if "penalty" in kinds else []
    for place, option, value in given:
        field = f"catalogue.{name}.{place}.{option}"
        if option not in kinds:
            raise ValueError(f"{field}: allowed are options of {method.search}, {', '.join(kinds) or 'which has none'}")
        allowed = KINDS.get(kinds[option], (type(value),))
        if type(value) not in allowed or value in (inf, -inf) or value != value:
            raise ValueError(f"{field} = {value!r}: allowed is a finite value of type {kinds[option]}")
        if option == "price" and without_price:
            allowed = f"none with penalty {without_price[0]!r}, only with {' and '.join(PRICED)}"
            raise ValueError(f"{field} = {value!r}: allowed is {allowed}")


def _arguments(search: str) -> tuple[dict[str, str], dict[str, Option]]:
    """The annotations of a search's options, and their defaults, by name; without loading what trains."""
    source = ast.parse((FOLDER / f"{search}.py").read_text(encoding="utf-8"))
    [function] = [node for node in source.body if isinstance(node, ast.FunctionDef) and node.name == "search"]
    options = function.args.args[SHARED:]
    kinds = {each.arg: ast.unparse(each.annotation) for each in options if each.annotation}
    names, values = (reversed(each) for each in (options, function.args.defaults))  # the last ones have defaults
    return kinds, {each.arg: ast.literal_eval(value) for each, value in zip(names, values, strict=False)}


class BaselineProtocol(Model):
    """What all methods share, whatever the task."""

    validation_share: Annotated[Fraction, Field(gt=0, lt=1)] = Field(
        description="share of the points on which everything is chosen and bi-level methods train their gates"
    )
    test_points: Count = Field(description="held-out points to measure on, the first of the data set's")
    learning_rate: Positive = Field(description="Adam's step size for the weights")
    strengths: Annotated[list[Positive], Field(min_length=1)] = Field(
        description="strengths of the size penalty, distinct: expected parameters over all parameters, times this"
    )
    loss_budget: Positive = Field(description="relative increase of the loss that compaction may cost")
    min_r2: Annotated[Fraction, Field(gt=0, lt=1)] = Field(
        description="R² on the validation points that a second compaction keeps"
    )
    max_neurons: Literal[30] = Field(description="hidden neurons that a third one may keep; columns are named after it")
    retraining_steps: CountOrZero = Field(description="optimiser steps after compaction")

    @model_validator(mode="after")
    def _strengths_differ(self) -> "BaselineProtocol":
        distinct("strengths", self.strengths)
        return self


class BaselineTrial(BaselineProtocol):
    """What the trials of one job depend on, apart from their data and seeds."""

    task: BaselineTask
    method: BaselineMethod
    tuning_trials: TrialsOrZero = Field(description=TUNING_TRIALS)


class Baselines(BaselineProtocol, Part):
    """The comparison: every method on every task."""

    catalogue: dict[Annotated[str, Field(pattern=NAMED)], BaselineMethod] = Field(
        description="every method by its name in the tables"
    )
    methods: Annotated[list[str], Field(min_length=1)] | None = Field(
        description="those of the catalogue that run; null: all"
    )
    chunk: Count = Field(description="trials per job; results do not depend on it")
    teacher: BaselineTeacher
    confirmation: BaselineConfirmation
    alpha_beta: BaselineAlphaBeta

    @model_validator(mode="after")
    def _methods_exist(self) -> "Baselines":
        distinct("methods", self.chosen())
        for name in self.chosen():
            if name not in self.catalogue:
                raise ValueError(f"methods: {name!r} is not in the catalogue, which has {', '.join(self.catalogue)}")
        budgets = {name: len(*method.tuned.values()) for name, method in self.catalogue.items() if method.tuned}
        if len(set(budgets.values())) > 1:
            counted = ", ".join(f"{name} {count}" for name, count in budgets.items())
            raise ValueError(
                f"catalogue: every tuned option must have as many values as any other, found are {counted}"
            )
        for name, method in self.catalogue.items():
            _require_options(name, method)
        if not self.pairs():
            raise ValueError(
                f"teacher.trials = {self.teacher.trials}, alpha_beta.trials = {self.alpha_beta.trials}: allowed is 1 "
                f"or more for a task on which one of the methods runs, which are {', '.join(self.chosen())}"
            )
        return self

    def chosen(self) -> list[str]:
        """The methods that run."""
        return list(self.catalogue) if self.methods is None else self.methods

    def data_sets(self) -> dict[str, float | None]:
        """The data sets that are used, with their α; the teacher has none."""
        sets = {TEACHER: None} if self.teacher.trials else {}
        sets |= {NEW_TEACHERS: None} if self.confirmation.trials else {}
        return sets | (self.alpha_beta.named() if self.alpha_beta.trials else {})

    def pairs(self) -> list[tuple[str, str]]:
        """(data set, method) of all that is searched."""
        return [
            (data_set, method)
            for data_set in self.data_sets()
            for method in self.chosen()
            if self.catalogue[method].only in (None, kind_of(data_set))
        ]

    def tasks_of(self, data_set: str) -> BaselineTasks:
        """The settings of a data set's trials."""
        return self.teacher if kind_of(data_set) == TEACHER else self.alpha_beta

    def trials_of(self, data_set: str) -> range:
        """The numbers of a data set's trials."""
        if data_set == NEW_TEACHERS:
            return range(self.confirmation.first_trial, self.confirmation.first_trial + self.confirmation.trials)
        return range(self.tasks_of(data_set).trials)

    def of_job(self, data_set: str, method: str) -> BaselineTrial:
        """What the trials of a method on a data set depend on."""
        chosen = self.catalogue[method]
        shared = {name: getattr(self, name) for name in BaselineProtocol.model_fields}
        shared["strengths"] = self.strengths if chosen.swept else self.strengths[:1]
        tasks = self.tasks_of(data_set)
        tuning_trials = tasks.tuning_trials if chosen.tuned else 0
        if not tuning_trials:
            chosen = chosen.model_copy(update={"tuned": {}})
        task = BaselineTask(**{name: getattr(tasks, name) for name in BaselineTask.model_fields})
        return BaselineTrial(**shared, task=task, method=chosen, tuning_trials=tuning_trials)


def kind_of(data_set: str) -> str:
    """The kind of task that a data set belongs to."""
    return TEACHER if data_set in (TEACHER, NEW_TEACHERS) else ALPHA_BETA


def jobs(run: Any) -> Iterator[Job]:
    """Chunks of trials of every method on every data set; all strengths of a trial are searched for together."""
    baselines = run.baselines
    for data_set, method in baselines.pairs():
        job = _job(run, data_set, method)
        tuning = _tuning(_job(run, TEACHER, method) if data_set == NEW_TEACHERS else job)
        for trials in chunks(baselines.trials_of(data_set), 1 if data_set == NEW_TEACHERS else baselines.chunk):
            yield replace(
                job,
                name=f"{job.name}/{span(trials)}",
                keys={"task": data_set, "alpha": baselines.data_sets()[data_set], "method": method},
                trials=tuple(trials),
                data=teacher_of(run, trials[0]) if data_set == NEW_TEACHERS else job.data,
                after=(("tuning", tuning),) if tuning.trials else (),
            )


def tuning_jobs(run: Any) -> Iterator[Job]:
    """Every value of a method's tuned option on every data set, where there are trials for it."""
    baselines = run.baselines
    tasks = dict.fromkeys((TEACHER if kind_of(task) == TEACHER else task, method) for task, method in baselines.pairs())
    for data_set, method in tasks:
        job = _job(run, data_set, method)
        if _tuning(job).trials:
            yield _tuning(job)


def teacher_of(run: Any, trial: int) -> Data:
    """A teacher of a trial's own, drawn with another seed than the paper's."""
    return teacher(run, teacher_name(run.teacher_student.data_seed + 1 + trial, 2))


def _tuning(job: Job) -> Job:
    """The job that tunes a method on a data set; it has no trials if nothing is tuned."""
    return replace(job, trials=tuple(range(job.settings["tuning_trials"])))


def _job(run: Any, data_set: str, method: str) -> Job:
    """A method on a data set, without trials. Methods share the seeds of a data set, so that they pair."""
    baselines = run.baselines
    settings = baselines.of_job(data_set, method)
    return Job(
        name=f"{data_set}/{method}",
        settings=settings.model_dump(mode="json"),
        keys={"task": data_set, "method": method},
        data=data_of(run, baselines.alpha_beta.named().get(data_set), baselines.alpha_beta.beta),
        seeds=data_set,
        modules=(f"replication.baselines.{settings.method.search}",),
    )


def check(run: Any) -> None:
    """Raise ValueError if a task takes more points than its data has."""
    for kind, (train, test) in points_of(run).items():
        task = getattr(run.baselines, kind)
        if task.trials or (kind == TEACHER and run.baselines.confirmation.trials):
            at_most(f"baselines.{kind}.points", task.points, train)
            at_most("baselines.test_points", run.baselines.test_points, test)
