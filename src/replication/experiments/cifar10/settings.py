"""The settings of experiment 3: CIFAR-10 from scratch."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from replication.experiment import Data, Job
from replication.params.fields import (
    Count,
    Fraction,
    Model,
    Part,
    Penalty,
    Positive,
    TrainingSettings,
    Trials,
    TrialsOrZero,
    Widths,
    chunks,
    distinct,
    distinct_names,
    require_split,
    span,
)

FEATURES, CLASSES = 400, 10  # of the small network, of CIFAR-10
Head = Literal["linear", "spectral", "spectral_authors_sign", "hidden"]


class Cifar10Training(TrainingSettings):
    """The rows of Table 5; the penalty may be on the rows of weights that an eigenvalue opens."""

    penalty: Literal[Penalty, "rows"] = Field(description="Ω of (4.4), or rows (sparcs.penalties)")


class Cifar10Trial(Model):
    """What one trial depends on, apart from its head, its images and its seed."""

    widths: Widths = Field(description="N_1, N_2, N_3 of the head; N_1 is the features', N_3 the classes'")
    bias: Literal[True] = Field(description="a constant-1 neuron in the head's input layer")
    images: Count = Field(description="at most so many of the training images are used, for training and validation")
    validation_share: Annotated[Fraction, Field(gt=0, lt=1)] = Field(description="of these, the share that validates")
    test_images: Count = Field(description="at most so many of the test images are used")
    loss_budget: Positive = Field(description="relative increase of the validation loss that compaction may cost")
    training: Cifar10Training

    @model_validator(mode="after")
    def _three_layers(self) -> "Cifar10Trial":
        if len(self.widths) != 3 or (self.widths[0], self.widths[-1]) != (FEATURES, CLASSES):
            raise ValueError(f"widths = {self.widths}: allowed are three layers, {FEATURES} inputs, {CLASSES} outputs")
        require_split(self.images, self.validation_share)
        if self.training.train_input_eigenvalues:
            raise ValueError("training.train_input_eigenvalues = true: allowed is false, λ_1 is fixed at 0 here")
        return self


class Cifar10Sweep(Model):
    """Kinds and strengths of the penalty on the SPARCS head, beside a linear head that was trained as long."""

    epochs: Count = Field(description="passes over the training images")
    penalties: Annotated[list[Penalty], Field(min_length=1)] = Field(description="kinds of Ω")
    rhos: Annotated[list[Positive], Field(min_length=1)] = Field(description="strengths ρ, distinct")
    trials: TrialsOrZero = Field(description="trials of each kind and ρ and of the linear head; 0 leaves the sweep out")

    @model_validator(mode="after")
    def _distinct(self) -> "Cifar10Sweep":
        for name in ("penalties", "rhos"):
            distinct(name, getattr(self, name))
        distinct_names("rhos", [f"{rho:g}" for rho in self.rhos])
        return self


class Cifar10Priced(Model):
    """Beyond the paper: both starts with a price on weights, beside the paper's penalty, for as long as the sweep."""

    heads: Annotated[list[Literal["spectral", "spectral_authors_sign"]], Field(min_length=1)] = Field(
        description="SPARCS heads, distinct"
    )
    penalties: Annotated[list[Literal[Penalty, "rows"]], Field(min_length=1)] = Field(description="kinds, distinct")
    rhos: Annotated[list[Positive], Field(min_length=1)] = Field(description="strengths ρ, distinct")
    trials: TrialsOrZero = Field(description="trials of each head, kind and ρ; 0 leaves them out")

    @model_validator(mode="after")
    def _distinct(self) -> "Cifar10Priced":
        for name in ("heads", "penalties", "rhos"):
            distinct(name, getattr(self, name))
        distinct_names("rhos", [f"{rho:g}" for rho in self.rhos])
        return self


class Cifar10(Cifar10Trial, Part):
    """Experiment 3: a small convolutional network with each head."""

    heads: Annotated[list[Head], Field(min_length=1)] = Field(
        description="what follows the features: linear, spectral (4.3), spectral with the authors' sign of W_31, which "
        "is (4.3) from λ_3 = −1, or hidden: a plain ReLU layer of N_2 neurons"
    )
    trials: Trials = Field(description="independent trainings of each head")
    chunk: Count = Field(description="trials per job on a GPU, each with every head; results do not depend on it")
    checkpoint_every: Count = Field(description="epochs between checkpoints; results do not depend on it")
    sweep: Cifar10Sweep
    priced: Cifar10Priced

    @model_validator(mode="after")
    def _heads_differ(self) -> "Cifar10":
        distinct("heads", self.heads)
        return self


CIFAR10 = Data(name="cifar10", files=("images/cifar10.json",))


def jobs(run: Any) -> Iterator[Job]:
    """Single trials, the heads of one after the other; on a GPU chunks of trials with every head, side by side.

    A trial has the same seed under every head: split, first values of the features, batches and crops pair.
    """
    cifar10 = run.cifar10
    if run.device == "cuda":
        parts = chunks(range(cifar10.trials), cifar10.chunk)
        together = [(span(trials), tuple(cifar10.heads), trials) for trials in parts]
    else:
        together = [(f"{head}/{trial}", head, [trial]) for trial in range(cifar10.trials) for head in cifar10.heads]
    for name, heads, trials in together:
        yield Job(
            name=name,
            settings=cifar10.part(Cifar10Trial),
            keys={"head": heads},
            trials=tuple(trials),
            data=CIFAR10,
            seeds="images",
            every=cifar10.checkpoint_every,
        )


def sweep_jobs(run: Any) -> Iterator[Job]:
    """Single trials at every kind and strength of the penalty; the linear head knows none.

    A trial has the seed that it has without the sweep, so that values of ρ pair.
    """
    yield from _jobs_at(run, _points(run.cifar10.sweep), run.cifar10.sweep.trials)


def priced_jobs(run: Any) -> Iterator[Job]:
    """Single trials of both starts at every kind and strength, with the seeds that they have without."""
    priced = run.cifar10.priced
    points = {
        f"{head}_{kind}_{rho:g}": {"head": head, "penalty": kind, "rho": rho}
        for rho, kind, head in product(priced.rhos, priced.penalties, priced.heads)
    }
    yield from _jobs_at(run, points, priced.trials)


def _jobs_at(run: Any, points: Mapping[str, Mapping[str, str | float]], trials: int) -> Iterator[Job]:
    cifar10 = run.cifar10
    for trial in range(trials):
        for name, keys in points.items():
            penalty = {"rho": keys["rho"]} | ({} if keys["penalty"] == "none" else {"penalty": keys["penalty"]})
            yield Job(
                name=f"{name}/{trial}",
                settings=cifar10.with_penalty(epochs=cifar10.sweep.epochs, **penalty).part(Cifar10Trial),
                keys=keys,
                trials=(trial,),
                data=CIFAR10,
                seeds="images",
                every=cifar10.checkpoint_every,
            )


def _points(sweep: Cifar10Sweep) -> dict[str, dict[str, str | float]]:
    """The points of the sweep by name: head, kind and strength of the penalty."""
    linear = {"head": "linear", "penalty": "none", "rho": 0.0}
    return {"linear": linear} | {
        f"{kind}_{rho:g}": {"head": "spectral", "penalty": kind, "rho": rho}
        for rho in sweep.rhos
        for kind in sweep.penalties
    }
