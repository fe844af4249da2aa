"""The settings of experiment 4: CIFAR-100 on a pre-trained backbone, and of the probes of its features."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from replication.experiment import Data, Job
from replication.params.fields import (
    Count,
    Fraction,
    Model,
    Part,
    Positive,
    TrainingSettings,
    Trials,
    Widths,
    chunks,
    require_split,
    span,
)

BACKBONES = ("efficientnet_v2_s", "tf_efficientnetv2_s.in1k", "tf_efficientnet_lite0")  # the first is the paper's
FEATURES = 1280  # of each of them
CLASSES = 100
HEADS = ("linear", "spectral")
INPUT_SIZES = (32, 512)  # pixels: fewer leave a backbone nothing to pool, more are not in the images


class Cifar100Features(Model):
    """What a backbone's features of the images depend on."""

    backbone: Literal[BACKBONES] = Field(description="the pre-trained network; any but the first is a substitute")
    input_size: Annotated[Count, Field(ge=INPUT_SIZES[0], le=INPUT_SIZES[1])] = Field(
        description="pixels to which the 32×32 images are enlarged"
    )
    images: Count = Field(description="at most so many of the training images are used, for training and validation")
    test_images: Count = Field(description="at most so many of the test images are used")


class Cifar100Trial(Cifar100Features):
    """What one trial depends on, apart from its head, its images and its seed."""

    widths: Widths = Field(description="N_1, N_2, N_3 of the head; N_1 is the features', N_3 the classes'")
    bias: bool = Field(description="a constant-1 neuron in the head's input layer")
    validation_share: Annotated[Fraction, Field(gt=0, lt=1)] = Field(description="of the images, what validates")
    loss_budget: Positive = Field(description="relative increase of the validation loss that compaction may cost")
    training: TrainingSettings

    @model_validator(mode="after")
    def _fits(self) -> "Cifar100Trial":
        if len(self.widths) != 3 or (self.widths[0], self.widths[-1]) != (FEATURES, CLASSES):
            raise ValueError(f"widths = {self.widths}: allowed are three layers, {FEATURES} inputs, {CLASSES} outputs")
        _input_fixed(self.training)
        require_split(self.images, self.validation_share)
        training_images = self.images - round(self.validation_share * self.images)
        if training_images % self.training.batch_size == 1:
            raise ValueError(
                f"images = {self.images}: allowed are numbers that leave no batch of one image, which batch "
                f"normalisation cannot take; {training_images} train, in batches of {self.training.batch_size}"
            )
        return self


class ProbeTrial(Model):
    """What one probe depends on, apart from its head, the features and its seed."""

    widths: Widths
    bias: bool
    validation_share: Fraction
    training: TrainingSettings


class Probes(Model):
    """Heads trained on the features alone, the backbone left as it is: linear, spectral, and a plain hidden layer."""

    training: TrainingSettings
    trials: Trials = Field(description="independent trainings of each head")
    chunk: Count = Field(description="trials per job; results do not depend on it")

    @model_validator(mode="after")
    def _fits(self) -> "Probes":
        _input_fixed(self.training)
        return self


class Cifar100(Cifar100Trial, Part):
    """Experiment 4: a pre-trained backbone, trained further with each head."""

    trials: Trials = Field(description="independent trainings of each head")
    checkpoint_every: Count = Field(description="steps between checkpoints; results do not depend on it")
    probes: Probes


CIFAR100 = Data(name="cifar100", files=("images/cifar100.json",))


def jobs(run: Any) -> Iterator[Job]:
    """Single trials, the heads of one after the other.

    A trial has the same seed under every head: split, batches, flips and dropped layers pair.
    """
    cifar100 = run.cifar100
    for trial in range(cifar100.trials):
        for head in HEADS:
            yield Job(
                name=f"{head}/{trial}",
                settings=cifar100.part(Cifar100Trial),
                keys={"head": head},
                trials=(trial,),
                data=CIFAR100,
                seeds="images",
                every=cifar100.checkpoint_every,
            )


def probe_jobs(run: Any) -> Iterator[Job]:
    """Chunks of trials, each of every head, on the features."""
    cifar100, probes = run.cifar100, run.cifar100.probes
    for trials in chunks(range(probes.trials), probes.chunk):
        yield Job(
            name=span(trials),
            settings=cifar100.part(ProbeTrial) | {"training": probes.training.model_dump(mode="json")},
            trials=tuple(trials),
            data=features(run),
            seeds="features",
        )


def features(run: Any) -> Data:
    """The backbone's features of CIFAR-100's images."""
    return Data(
        name="features",
        files=("features/cifar100.safetensors", "features/cifar100.json"),
        settings=run.cifar100.part(Cifar100Features),
        modules=("replication.experiments.cifar100.features",),
    )


def _input_fixed(training: TrainingSettings) -> None:
    if training.train_input_eigenvalues:
        raise ValueError("training.train_input_eigenvalues = true: allowed is false, λ_1 is fixed at 0 here")
