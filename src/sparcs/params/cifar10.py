"""The settings of experiment 3: CIFAR-10 from scratch."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sparcs.params.fields import Count, Fraction, Model, Part, Positive, TrainingSettings, Widths, distinct

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
        if self.training.train_input_eigenvalues:
            raise ValueError("training.train_input_eigenvalues = true: allowed is false, λ_1 is fixed at 0 here")
        return self


class Cifar10(Cifar10Trial, Part):
    """Experiment 3: a small convolutional network with each head."""

    heads: Annotated[list[Head], Field(min_length=1)] = Field(
        description="what follows the features: linear, spectral (4.3), or spectral with the authors' sign of W_31"
    )
    trials: Count = Field(description="independent trainings of each head")
    checkpoint_every: Count = Field(description="epochs between checkpoints; results do not depend on it")

    @model_validator(mode="after")
    def _heads_differ(self) -> "Cifar10":
        distinct("heads", self.heads)
        return self

    def jobs(self) -> list[tuple[str, int]]:
        """(head, trial) of every job, the heads of one trial one after the other."""
        return [(head, trial) for trial in range(self.trials) for head in self.heads]
