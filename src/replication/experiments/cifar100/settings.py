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
    TrialsOrZero,
    Widths,
    chunks,
    distinct,
    require_split,
    span,
)

BACKBONES = ("efficientnet_v2_s", "tf_efficientnetv2_s.in1k", "tf_efficientnet_lite0")  # the first is the paper's
FEATURES = 1280  # of each of them
CLASSES = 100
HEADS = ("linear", "spectral")
INPUT_SIZES = (32, 512)  # pixels: fewer leave a backbone nothing to pool, more are not in the images
InputSize = Annotated[Count, Field(ge=INPUT_SIZES[0], le=INPUT_SIZES[1])]


class Cifar100Features(Model):
    """What a backbone's features of the images depend on."""

    backbone: Literal[BACKBONES] = Field(description="the pre-trained network; any but the first is a substitute")
    input_size: InputSize = Field(description="pixels to which the 32×32 images are enlarged")
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

    further_input_sizes: list[InputSize] = Field(
        description="pixels at which the features are computed, too, besides the trials' input_size; distinct"
    )
    training: TrainingSettings
    trials: Trials = Field(description="independent trainings of each head at each size")
    chunk: Count = Field(description="trials per job; results do not depend on it")

    @model_validator(mode="after")
    def _fits(self) -> "Probes":
        _input_fixed(self.training)
        distinct("further_input_sizes", self.further_input_sizes)
        return self


class FineTuning(Model):
    """Trainings of the whole network on larger images, and longer: an illustration, which no claim is judged by."""

    input_size: InputSize = Field(description="pixels to which the images are enlarged here")
    epochs: Count = Field(description="passes over the training images")
    trials: TrialsOrZero = Field(description="independent trainings of each head; 0 leaves them out")


class Cifar100(Cifar100Trial, Part):
    """Experiment 4: a pre-trained backbone, trained further with each head."""

    trials: Trials = Field(description="independent trainings of each head")
    checkpoint_every: Count = Field(description="steps between checkpoints; results do not depend on it")
    probes: Probes
    fine_tuning: FineTuning


CIFAR100 = Data(name="cifar100", files=("images/cifar100.json",))


def jobs(run: Any) -> Iterator[Job]:
    """Single trials, the heads of one after the other.

    A trial has the same seed under every head: split, batches, flips and dropped layers pair.
    """
    return _whole_networks(run.cifar100, run.cifar100.trials)


def fine_tuning_jobs(run: Any) -> Iterator[Job]:
    """The same, on images of another size and in more passes; a trial has the seed that it has among those."""
    cifar100, tuned = run.cifar100, run.cifar100.fine_tuning
    training = cifar100.training.model_copy(update={"epochs": tuned.epochs})
    longer = cifar100.model_copy(update={"input_size": tuned.input_size, "training": training})
    return _whole_networks(longer, tuned.trials)


def probe_jobs(run: Any) -> Iterator[Job]:
    """Chunks of trials, each of every head, on the features of images of every size.

    A trial has the same seed at every size, too.
    """
    cifar100, probes = run.cifar100, run.cifar100.probes
    for size in probe_sizes(run):
        for trials in chunks(range(probes.trials), probes.chunk):
            yield Job(
                name=f"{size}/{span(trials)}",
                settings=cifar100.part(ProbeTrial) | {"training": probes.training.model_dump(mode="json")},
                keys={"input_size": size},
                trials=tuple(trials),
                data=features(run, size),
                seeds="features",
            )


def probe_sizes(run: Any) -> list[int]:
    """The sizes of images whose features are probed, in pixels, ascending: the trials' own is always among them."""
    return sorted({run.cifar100.input_size, *run.cifar100.probes.further_input_sizes})


def features(run: Any, size: int) -> Data:
    """The backbone's features of CIFAR-100's images at a size."""
    return Data(
        name=f"features_{size}",
        files=(f"features/cifar100_{size}.safetensors", f"features/cifar100_{size}.json"),
        settings=feature_settings(run, size),
        modules=("replication.experiments.cifar100.features",),
    )


def feature_settings(run: Any, size: int) -> dict[str, Any]:
    """What the features of images at a size depend on, as plain values."""
    return run.cifar100.part(Cifar100Features) | {"input_size": size}


def _whole_networks(cifar100: Cifar100, trials: int) -> Iterator[Job]:
    for trial in range(trials):
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


def _input_fixed(training: TrainingSettings) -> None:
    if training.train_input_eigenvalues:
        raise ValueError("training.train_input_eigenvalues = true: allowed is false, λ_1 is fixed at 0 here")
