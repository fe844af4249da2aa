"""The settings of experiment 3: CIFAR-10 from scratch."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

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
    distinct,
    distinct_names,
    require_split,
)

Head = Literal["linear", "spectral", "spectral_authors_sign"]


class Cifar10Trial(Model):
    """What one trial depends on, apart from its head, its images and its seed."""

    widths: Widths = Field(description="N_1, N_2, N_3 of the head; N_1 is the features', N_3 the classes'")
    bias: Literal[True] = Field(description="a constant-1 neuron in the head's input layer")
    images: Count = Field(description="at most so many of the training images are used, for training and validation")
    validation_share: Annotated[Fraction, Field(gt=0, lt=1)] = Field(description="of these, the share that validates")
    test_images: Count = Field(description="at most so many of the test images are used")
    loss_budget: Positive = Field(description="relative increase of the validation loss that compaction may cost")
    training: TrainingSettings

    @model_validator(mode="after")
    def _three_layers(self) -> "Cifar10Trial":
        if len(self.widths) != 3 or self.widths[0] != 400:
            raise ValueError(
                f"widths = {self.widths}: allowed are three layers, the first of the network's 400 features"
            )
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


class Cifar10(Cifar10Trial, Part):
    """Experiment 3: a small convolutional network with each head."""

    heads: Annotated[list[Head], Field(min_length=1)] = Field(
        description="what follows the features: linear, spectral (4.3), or spectral with the authors' sign of W_31"
    )
    trials: Trials = Field(description="independent trainings of each head")
    checkpoint_every: Count = Field(description="epochs between checkpoints; results do not depend on it")
    sweep: Cifar10Sweep

    @model_validator(mode="after")
    def _heads_differ(self) -> "Cifar10":
        distinct("heads", self.heads)
        return self

    def jobs(self) -> list[tuple[str, int]]:
        """(head, trial) of every job, the heads of one trial one after the other."""
        return [(head, trial) for trial in range(self.trials) for head in self.heads]

    def sweep_points(self) -> dict[str, tuple[Head, "Cifar10"]]:
        """The head and the settings of every point of the sweep, by name; the linear head knows no penalty."""
        kinds = {f"{kind}_{rho:g}": (kind, rho) for rho in self.sweep.rhos for kind in self.sweep.penalties}
        spectral = {name: ("spectral", self._swept(penalty=kind, rho=rho)) for name, (kind, rho) in kinds.items()}
        return {"linear": ("linear", self._swept(rho=0))} | spectral

    def sweep_jobs(self) -> list[tuple[str, int]]:
        """(point, trial) of every job of the sweep, the points of one trial one after the other."""
        return [(point, trial) for trial in range(self.sweep.trials) for point in self.sweep_points()]

    def _swept(self, **penalty: object) -> "Cifar10":
        return self.with_penalty(epochs=self.sweep.epochs, **penalty)
