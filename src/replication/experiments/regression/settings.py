"""The settings of experiment 1, the α/β family (Table 3)."""

from collections.abc import Iterator
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from replication.data.settings import RegressionData
from replication.experiment import Data, Job
from replication.params.fields import (
    Count,
    Fraction,
    Model,
    NonNegative,
    Part,
    PenaltyOfWeights,
    Positive,
    PricedTraining,
    TrainingSettings,
    Trials,
    TrialsOrZero,
    Widths,
    chunks,
    distinct,
    distinct_names,
    span,
)


class RegressionTrial(Model):
    """What one trial of experiment 1 depends on, apart from its data set and its seed."""

    widths: Widths = Field(description="N_1, N_2, N_3 without the bias neuron: 2, any, 1")
    bias: Literal[True] = Field(description="a constant-1 neuron in the input layer; this experiment always has it")
    training: TrainingSettings
    backend: Literal["auto", "kernel", "torch"] = Field(
        description="kernel: fused, CPU only; torch: any device; auto: kernel on the CPU, torch elsewhere"
    )
    active_threshold: Positive = Field(description="path norm above which a hidden neuron counts as active")

    @model_validator(mode="after")
    def _widths_fit(self) -> "RegressionTrial":
        if len(self.widths) != 3 or self.widths[0] != 2 or self.widths[-1] != 1:
            raise ValueError(f"widths = {self.widths}: allowed are three layers, 2 inputs and 1 output")
        return self


class RegressionStart(RegressionTrial):
    """What one trial of experiment 1 from a given λ_3 depends on."""

    output_eigenvalue: Literal[1, -1] = Field(description="λ_3 at the start")


class RegressionPricedTrial(RegressionTrial):
    """What one trial of experiment 1 with a price on weights depends on."""

    training: PricedTraining


class DataSets(Model):
    """Some data sets of the α/β family, for other experiments on them."""

    alphas: Annotated[list[Fraction], Field(min_length=1)] = Field(
        description="α of experiment 1's data sets, distinct"
    )
    beta: Positive = Field(description="β of experiment 1's data sets")

    @model_validator(mode="after")
    def _alphas_differ(self) -> "DataSets":
        distinct("alphas", self.alphas)
        distinct_names("alphas", [regression_name(alpha, self.beta) for alpha in self.alphas])
        return self

    def named(self) -> dict[str, float]:
        """Their names, with their α."""
        return {regression_name(alpha, self.beta): alpha for alpha in self.alphas}


class RegressionStarts(DataSets):
    """Beyond the paper: λ_3 = 1 and −1 at the start, on a few data sets."""

    output_eigenvalues: Annotated[list[Literal[1, -1]], Field(min_length=1)] = Field(
        description="λ_3 at the start, distinct"
    )
    trials: TrialsOrZero = Field(description="trials per data set and start; 0 leaves them out")

    @model_validator(mode="after")
    def _starts_differ(self) -> "RegressionStarts":
        distinct("output_eigenvalues", self.output_eigenvalues)
        return self


class RegressionPriced(DataSets):
    """Beyond the paper: a price on the weights that a neuron opens, instead of Table 3's penalty."""

    penalty: PenaltyOfWeights = Field(description="of sparcs.penalties, with its default prices")
    rhos: Annotated[list[Positive], Field(min_length=1)] = Field(description="strengths ρ, distinct")
    rho_skip: NonNegative = Field(description="strength of ‖W_31‖, the skip from input to output")
    trials: TrialsOrZero = Field(description="trials per data set and ρ; 0 leaves them out")

    @model_validator(mode="after")
    def _rhos_differ(self) -> "RegressionPriced":
        distinct("rhos", self.rhos)
        distinct_names("rhos", [f"{rho:g}" for rho in self.rhos])
        return self


class Independent(DataSets):
    """Trials of a second trainer, which shares nothing with the first but the data and Table 3."""

    trials: TrialsOrZero = Field(description="independent trainings per data set; 0 leaves them out")


class Regression(RegressionData, RegressionTrial, Part):
    """Experiment 1, the α/β family (Table 3)."""

    alphas: Annotated[list[Fraction], Field(min_length=1)] = Field(description="degrees of non-linearity α, distinct")
    betas: Annotated[list[Positive], Field(min_length=1)] = Field(description="sharpness β of the transition, distinct")
    trials: Trials = Field(description="independent trainings per data set")
    chunk: Count = Field(description="trials per job; results do not depend on it")
    starts: RegressionStarts
    priced: RegressionPriced
    independent: Independent

    @model_validator(mode="after")
    def _fits(self) -> "Regression":
        distinct("alphas", self.alphas)
        distinct("betas", self.betas)
        distinct_names("alphas, betas", [regression_name(alpha, beta) for beta in self.betas for alpha in self.alphas])
        return self

    def data_sets(self) -> dict[str, tuple[float, float]]:
        """Names of the data sets with their (α, β)."""
        return {regression_name(alpha, beta): (alpha, beta) for beta in self.betas for alpha in self.alphas}


def regression_name(alpha: float, beta: float) -> str:
    """Name of a data set of experiment 1."""
    return f"beta{beta:g}_alpha{alpha:g}"


def alpha_beta(run: Any, alpha: float, beta: float) -> Data:
    """One data set of the α/β family."""
    name = regression_name(alpha, beta)
    return Data(
        name=name,
        files=("regression/points.safetensors", f"regression/{name}.safetensors"),
        settings=run.regression.part(RegressionData),
        keys={"alpha": alpha, "beta": beta},
        modules=("replication.data.regression",),
    )


def jobs(run: Any) -> Iterator[Job]:
    """Chunks of trials on every data set."""
    regression = run.regression
    for name, (alpha, beta) in regression.data_sets().items():
        for trials in chunks(range(regression.trials), regression.chunk):
            yield Job(
                name=f"{name}/{span(trials)}",
                settings=regression.part(RegressionTrial),
                keys={"alpha": alpha, "beta": beta},
                trials=tuple(trials),
                data=alpha_beta(run, alpha, beta),
                seeds=name,
            )


def starts_jobs(run: Any) -> Iterator[Job]:
    """Every start on every one of its data sets, in chunks of trials.

    A trial has the seed that it has in experiment 1: its φ are the same at every start.
    """
    regression, starts = run.regression, run.regression.starts
    for alpha, output in product(starts.alphas, starts.output_eigenvalues):
        data = alpha_beta(run, alpha, starts.beta)
        for trials in chunks(range(starts.trials), regression.chunk):
            yield Job(
                name=f"{data.name}_from{output:+d}/{span(trials)}",
                settings=regression.part(RegressionTrial) | {"output_eigenvalue": output},
                keys={"output_eigenvalue": output, "alpha": alpha, "beta": starts.beta},
                trials=tuple(trials),
                data=data,
                seeds=data.name,
            )


def priced_jobs(run: Any) -> Iterator[Job]:
    """Chunks of trials at every strength of a price on weights, by PyTorch, for the kernel knows Table 3's penalties.

    A trial has the seed that it has in experiment 1.
    """
    regression, priced = run.regression, run.regression.priced
    for alpha, rho in product(priced.alphas, priced.rhos):
        training = {"penalty": priced.penalty, "rho": rho, "rho_skip": priced.rho_skip}
        settings = regression.part(RegressionTrial)
        data = alpha_beta(run, alpha, priced.beta)
        for trials in chunks(range(priced.trials), regression.chunk):
            yield Job(
                name=f"{data.name}_rho{rho:g}/{span(trials)}",
                settings=settings | {"backend": "torch", "training": settings["training"] | training},
                keys={"rho": rho, "alpha": alpha, "beta": priced.beta},
                trials=tuple(trials),
                data=data,
                seeds=data.name,
            )


def independent_jobs(run: Any) -> Iterator[Job]:
    """All trials of the second trainer on one data set, side by side."""
    regression = run.regression
    for alpha in regression.independent.alphas if regression.independent.trials else ():
        data = alpha_beta(run, alpha, regression.independent.beta)
        yield Job(
            name=data.name,
            settings=regression.part(RegressionTrial),
            keys=data.keys,
            trials=tuple(range(regression.independent.trials)),
            data=data,
            seeds=f"independent/{data.name}",
        )
