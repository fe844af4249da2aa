"""The settings of the search on NAS-Bench-201's cells, GAEA's own ground."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from replication.experiment import Data, Job
from replication.params.fields import Count, FilePath, Model, Part, Positive, TrialsOrZero, distinct

Operation = Literal["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
Method = Literal["darts", "darts_single_level", "gaea", "gaea_bilevel", "random", "untrained"]


class Rates(Model):
    """Step sizes of the mixture's weights."""

    darts: Positive = Field(description="Adam's step size for the logits")
    gaea: Positive = Field(description="η of the exponentiated gradient")


class CellSearch(Model):
    """What one search depends on, apart from its method, its images and its seed."""

    operations: Annotated[list[Operation], Field(min_length=2)] = Field(
        description="choices on an edge; all five, or four without none, as GAEA's released command has it"
    )
    channels: Count = Field(description="C of the first stage")
    cells: Count = Field(description="N, cells in each of the three stages")
    images: Count = Field(description="at most so many of the training images are used")
    ranking_images: Count = Field(description="images on which single cells are compared inside the supernet")
    epochs: Count = Field(description="passes over the network's images")
    batch_size: Count = Field(description="images per step, for the network and for the mixture each")
    learning_rate: Positive = Field(description="of the network's SGD at the start, annealed by a half cosine")
    rates: Rates
    candidates: Count = Field(description="random cells that the untrained supernet ranks")

    @model_validator(mode="after")
    def _fits(self) -> "CellSearch":
        distinct("operations", self.operations)
        if self.batch_size > self.images // 2:
            raise ValueError(f"batch_size = {self.batch_size}: allowed are at most half the {self.images} images")
        return self


class Cells(CellSearch, Part):
    """DARTS and GAEA on NAS-Bench-201's cells, with random cells and an untrained supernet as controls."""

    methods: Annotated[list[Method], Field(min_length=1)] = Field(description="what is compared")
    trials: TrialsOrZero = Field(description="searches of each method; 0 leaves the experiment out")
    without_none: TrialsOrZero = Field(
        description="as many again without the operation none, as GAEA's released command has it; 0 leaves them out"
    )
    table: FilePath | None = Field(
        description="CSV of the benchmark's accuracies (docs/cells.md), or null: scores are untested"
    )

    @model_validator(mode="after")
    def _methods_differ(self) -> "Cells":
        distinct("methods", self.methods)
        if self.without_none and ("none" not in self.operations or len(self.operations) < 3):
            raise ValueError(
                f"without_none = {self.without_none}, operations = {self.operations}: allowed are operations with none "
                "and two more"
            )
        return self


def jobs(run: Any) -> Iterator[Job]:
    """Single searches, the methods of one trial one after the other, with one seed."""
    cells = run.cells
    for trial in range(cells.trials):
        for method in cells.methods:
            yield Job(
                name=f"{method}/{trial}",
                settings=cells.part(CellSearch),
                keys={"method": method},
                trials=(trial,),
                data=Data(name="cifar10", files=("images/cifar10.json",)),
                seeds="cells",
            )


def jobs_without_none(run: Any) -> Iterator[Job]:
    """The same without the operation none; a trial has the seed that it has with all operations."""
    cells = run.cells
    operations = [operation for operation in cells.operations if operation != "none"]
    fewer = run.model_copy(
        update={"cells": cells.model_copy(update={"operations": operations, "trials": cells.without_none})}
    )
    return jobs(fewer)


def benchmark(settings: Any) -> tuple[str, ...]:
    """The file of the benchmark's accuracies, if there is one. settings: those of this experiment."""
    return (settings.table,) if settings.table else ()
