"""The settings of where the images of experiments 3 and 4 come from."""

from pydantic import Field

from replication.params.fields import Model


class ImageFiles(Model):
    """Files of the user's own, in the format of docs/images.md."""

    cifar10: str | None = Field(min_length=1, description="an npz file instead of data/images/cifar10.npz, or null")
    cifar100: str | None = Field(min_length=1, description="an npz file instead of data/images/cifar100.npz, or null")


class ImageSources(Model):
    """The sources of images, in order: a file, the official download, a stand-in."""

    files: ImageFiles
    download: bool = Field(strict=True, description="fetch the official archives if there is no file")
    stand_in: bool = Field(strict=True, description="use marked digits if there is neither a file nor a download")
