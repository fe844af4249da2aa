"""Trainings of experiment 4's whole network in more passes than Table 5's one: the trials' rows alone."""

from replication.data.image_arrays import Images
from replication.experiments.cifar100 import train
from replication.training.work import Results, Work


def run(images: Images, work: Work) -> Results:
    """Train a pre-trained backbone with one head, as a trial of experiment 4, and say in how many passes."""
    tables, _ = train.run(images, work)
    return {"fine_tuning": tables["trials"].assign(epochs=work.settings.training.epochs)}, {}
