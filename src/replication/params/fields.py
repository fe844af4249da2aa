"""The shared parts of all experiments' settings: kinds of numbers, the rows of training, checks of lists."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def _path(value: str) -> str:
    if not re.fullmatch(r"[^-{}\x00-\x1f\x7f][^{}\x00-\x1f\x7f]*", value):
        raise ValueError("allowed is the path of a file, without braces and line breaks, that does not begin with -")
    return value


MOST_TRIALS = 10**5  # and neurons of a layer: more would only exhaust the memory, long after the mistake
Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
CountOrZero = Annotated[int, Field(strict=True, ge=0, le=10**9)]
Trials = Annotated[int, Field(strict=True, ge=1, le=MOST_TRIALS)]
TrialsOrZero = Annotated[int, Field(strict=True, ge=0, le=MOST_TRIALS)]
Trial = Annotated[int, Field(strict=True, ge=0, lt=MOST_TRIALS)]
Width = Annotated[int, Field(strict=True, ge=1, le=MOST_TRIALS)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**32)]
Real = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Positive = Annotated[Real, Field(gt=0)]
NonNegative = Annotated[Real, Field(ge=0)]
Fraction = Annotated[Real, Field(ge=0, le=1)]
Penalty = Literal["l2", "l1", "l2_squared"]
PenaltyOfWeights = Literal["rows", "nearest", "paths"]
Widths = Annotated[list[Width], Field(min_length=2, max_length=100)]
FilePath = Annotated[str, AfterValidator(_path)]  # Snakemake takes braces in names of files for wildcards
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]  # of a file: no folder in it


NAMED = r"^[a-z][a-z0-9_]*$"  # of a method or an ensemble, of which names of files are made


class Model(BaseModel):
    """A frozen model that accepts no unknown key."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainingSettings(Model):
    """The rows that Tables 3, 4 and 5 share."""

    epochs: Count = Field(description="passes over the training points")
    batch_size: Count = Field(description="points per optimiser step; the last, smaller batch is kept")
    learning_rate: Positive = Field(description="Adam's step size")
    penalty: Penalty = Field(description="Ω of (4.4): l2 is the unsquared norm per layer")
    rho: NonNegative = Field(description="strength ρ of the penalty in (4.4)")
    train_input_eigenvalues: bool = Field(description="train and penalise λ_1 too (experiment 1), or fix it at 0")


class PricedTraining(TrainingSettings):
    """The same with a penalty that may be on weights, and pay for the skip."""

    penalty: Literal[Penalty, PenaltyOfWeights] = Field(
        description="Ω of (4.4), or of the weights that eigenvalues open (sparcs.penalties)"
    )
    rho_skip: NonNegative = Field(description="strength of ‖W_ℓ1‖, the skip from input to output")


class Part(Model):
    """A settings class of which a job is given only a part: the leaves that its result depends on."""

    def part(self, model: type[Model]) -> dict[str, Any]:
        """The fields of ``model``, a base class of this one, as plain values."""
        return self.model_dump(mode="json", include=set(model.model_fields))

    def with_penalty(self, **changes: object) -> Self:
        """These settings with another penalty or ρ."""
        return self.model_copy(update={"training": self.training.model_copy(update=changes)})


def require_split(images: int, share: float) -> None:
    """Raise ValueError if a share of so many images leaves none to validate, or none to train."""
    if not 0 < round(share * images) < images:
        raise ValueError(
            f"images = {images}, validation_share = {share:g}: allowed are numbers that leave an image to train "
            "and one to validate"
        )


def distinct(name: str, values: list) -> None:
    """Raise ValueError, naming the field, if a value stands in the list twice."""
    repeated = [value for k, value in enumerate(values) if value in values[:k]]
    if repeated:
        raise ValueError(f"{name} = {values}: allowed are distinct values, {repeated[0]} stands there twice")


def distinct_names(field: str, names: list[str]) -> None:
    """Raise ValueError if two values have the same name: names keep six digits."""
    if len(set(names)) < len(names):
        raise ValueError(f"{field}: allowed are values that differ in their first six digits")


def chunks(trials: range, chunk: int) -> list[range]:
    """Consecutive chunks of trials."""
    return [trials[k : k + chunk] for k in range(0, len(trials), chunk)]


def span(trials: range) -> str:
    """A chunk's name, "first-last"."""
    return f"{trials[0]}-{trials[-1]}"
