"""The settings of the data: what experiments 1 and 2 are drawn from, and where images come from."""

from pydantic import Field, model_validator

from replication.params.fields import Count, FilePath, Model, Seed


class ImageFiles(Model):
    """Files of the user's own, in the format of docs/images.md."""

    cifar10: FilePath | None = Field(description="an npz file instead of data/images/cifar10.npz, or null")
    cifar100: FilePath | None = Field(description="an npz file instead of data/images/cifar100.npz, or null")


class ImageSources(Model):
    """The sources of images, in order: a file, the official download, a stand-in."""

    files: ImageFiles
    download: bool = Field(strict=True, description="fetch the official archives if there is no file")
    stand_in: bool = Field(strict=True, description="use marked digits if there is neither a file nor a download")


class RegressionData(Model):
    """What the data sets of experiment 1 depend on."""

    points: Count = Field(description="training points, one x shared by all data sets")
    data_seed: Seed = Field(description="NumPy legacy seed of the training points")
    held_out_points: Count = Field(description="points to measure on")
    held_out_seed: Seed = Field(description="NumPy legacy seed of the held-out points")

    @model_validator(mode="after")
    def _seeds_differ(self) -> "RegressionData":
        if self.held_out_seed == self.data_seed:
            raise ValueError(f"held_out_seed = {self.held_out_seed}: it must differ from data_seed")
        return self


class TeacherData(Model):
    """What a teacher's data set depends on, apart from its seed and number of rotations."""

    points: Count = Field(description="training points")
    test_points: Count = Field(description="held-out points, those for choosing included")
