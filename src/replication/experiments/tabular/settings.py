"""The settings of the experiment on real tables: data sets, methods, and the budget that all share."""

from collections.abc import Iterator
from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from replication.data.table_names import NAMES
from replication.experiment import Job
from replication.params.fields import (
    NAMED,
    Count,
    Fraction,
    Model,
    NonNegative,
    Part,
    Positive,
    Seed,
    TrialsOrZero,
    Width,
    chunks,
    distinct,
    span,
)

Points = Annotated[Count, Field(ge=30)]  # enough for three splits
OF_EIGENVALUES = ("initial_scale", "output_eigenvalue")  # fields that nothing reads in a search without eigenvalues
LEAST_TRAINED = 0.1  # share of the points
OPTIONS = {  # that a search takes; a penalty's strength is always among the tuned ones
    "linear": ("strength",),
    "mlp": ("rate", "hidden", "pruned"),
    "spectral": ("strength", "rate", "hidden"),
}
Share = Annotated[Fraction, Field(gt=0, lt=1)]
Option = NonNegative | Annotated[list[Width], Field(min_length=1)]
Values = Annotated[list[Option], Field(min_length=1)]


class TabularMethod(Model):
    """A way to train, and what is tuned of it: every combination of the values of its tuned options is tried."""

    search: Literal["linear", "mlp", "spectral"] = Field(description="a function of experiments/tabular/searches.py")
    penalty: Literal["l1", "l2", "l2_squared", "rows"] | None = Field(
        default=None, description="of spectral: Ω of (4.4)"
    )
    initial_scale: NonNegative = Field(default=0, description="of spectral: hidden eigenvalues start from N(0, s²)")
    output_eigenvalue: Literal[1, -1] = Field(default=1, description="of spectral: λ_ℓ at the start")
    tuned: dict[Literal["strength", "rate", "hidden", "pruned"], Values] = Field(
        min_length=1, description="options with the values that are tried: penalty, step size, widths, share pruned"
    )

    @model_validator(mode="after")
    def _fits(self) -> "TabularMethod":
        if (self.penalty is not None) != (self.search == "spectral"):
            raise ValueError(f"penalty = {self.penalty!r} of search {self.search!r}: spectral has one, no other does")
        for name in OF_EIGENVALUES if self.search != "spectral" else ():
            value, default = getattr(self, name), TabularMethod.model_fields[name].default
            if value != default:
                raise ValueError(
                    f"{name} = {value!r} of search {self.search!r}: allowed is {default}, since only spectral has "
                    "eigenvalues"
                )
        options = OPTIONS[self.search]
        if not {*self.tuned} <= {*options} or ("strength" in options and "strength" not in self.tuned):
            needed = ", with strength among them" if "strength" in options else ""
            raise ValueError(
                f"tuned = {[*self.tuned]} of search {self.search!r}: allowed are {', '.join(options)}{needed}"
            )
        for option, values in self.tuned.items():
            distinct(f"tuned.{option}", values)
            for value in values:
                if isinstance(value, list) != (option == "hidden"):
                    raise ValueError(
                        f"tuned.{option} = {value!r}: allowed are lists of widths for hidden, else numbers"
                    )
                if (option == "pruned" and value >= 1) or (option == "rate" and value == 0):
                    raise ValueError(f"tuned.{option} = {value!r}: allowed are shares below 1, and positive rates")
        return self

    @property
    def budget(self) -> int:
        """How many combinations are tried."""
        return prod(map(len, self.tuned.values()))


class Drawing(Model):
    """What data sets are drawn from, where they are not shipped."""

    friedman_points: Points = Field(description="points of each of Friedman's three")
    data_seed: Seed = Field(description="seed of these")


class DataJob(Drawing):
    """The data sets to describe."""

    data_sets: list[Literal[NAMES]] = Field(description="their names")


class TabularProtocol(Drawing):
    """What all methods share."""

    most_points: Points | None = Field(description="at most so many of a data set's points, drawn anew in each split")
    validation_share: Share = Field(description="share of the points on which everything is chosen")
    test_share: Share = Field(description="share of the points to measure on")
    hidden: Annotated[list[Width], Field(min_length=1, max_length=20)] = Field(
        description="neurons of the hidden layers, where they are not tuned"
    )
    steps: Count = Field(description="optimiser steps of each training")
    batch_size: Count = Field(description="points per step; the last, smaller batch is kept")
    learning_rate: Positive = Field(description="Adam's step size, where it is not tuned")
    loss_budget: Positive = Field(
        description="relative increase over a method's best validation loss that a smaller network may cost"
    )
    absolute_budget: NonNegative = Field(
        description="the same in nats besides, for classes: a cross-entropy may be near 0"
    )
    repeats: Count = Field(description="forward passes whose median is the latency")

    @model_validator(mode="after")
    def _trains(self) -> "TabularProtocol":
        total = self.validation_share + self.test_share
        if total > 1 - LEAST_TRAINED:
            raise ValueError(f"validation_share + test_share = {total:g}: allowed is {1 - LEAST_TRAINED:g} at the most")
        return self


class TabularTrial(TabularProtocol):
    """What the trials of one job depend on, apart from their data set and seeds."""

    method: TabularMethod


class Tabular(TabularProtocol, Part):
    """The experiment: every method on every data set, several splits."""

    data_sets: Annotated[list[Literal[NAMES]], Field(min_length=1)] | None = Field(
        description="those that are used; null: all"
    )
    catalogue: dict[Annotated[str, Field(pattern=NAMED)], TabularMethod] = Field(
        description="every method by its name in the tables"
    )
    methods: Annotated[list[str], Field(min_length=1)] | None = Field(
        description="those of the catalogue that run; null: all"
    )
    trials: TrialsOrZero = Field(description="splits, each with seeds of its own; 0 leaves the experiment out")
    chunk: Count = Field(description="splits per job; results do not depend on it")

    @model_validator(mode="after")
    def _fits(self) -> "Tabular":
        distinct("methods", self.chosen())
        distinct("data_sets", self.tables())
        for name in self.chosen():
            if name not in self.catalogue:
                raise ValueError(f"methods: {name!r} is not in the catalogue, which has {', '.join(self.catalogue)}")
        counts = {name: method.budget for name, method in self.catalogue.items()}
        if len({*counts.values()}) > 1:
            found = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise ValueError(f"catalogue: every method must have as many values to try as any other, found are {found}")
        return self

    def chosen(self) -> list[str]:
        """The methods that run."""
        return list(self.catalogue) if self.methods is None else self.methods

    def tables(self) -> list[str]:
        """The data sets that are used."""
        return [*NAMES] if self.data_sets is None else self.data_sets


def jobs(run: Any) -> Iterator[Job]:
    """Chunks of splits of every data set, for every method; methods share a data set's seeds, so that they pair."""
    tabular = run.tabular
    for data_set in tabular.tables():
        for method in tabular.chosen():
            settings = tabular.part(TabularProtocol)
            settings["method"] = tabular.catalogue[method].model_dump(mode="json")
            for trials in chunks(range(tabular.trials), tabular.chunk):
                yield Job(
                    name=f"{data_set}/{method}/{span(trials)}",
                    settings=settings,
                    keys={"data_set": data_set, "method": method},
                    trials=tuple(trials),
                    seeds=data_set,
                )


def data_jobs(run: Any) -> Iterator[Job]:
    """The description of all data sets, if any is used."""
    if run.tabular.trials:
        settings = run.tabular.part(Drawing) | {"data_sets": run.tabular.tables()}
        yield Job(name="all", settings=settings)
