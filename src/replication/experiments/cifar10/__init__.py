"""Experiment 3: a convolutional network from scratch on CIFAR-10 (Table 5)."""

from replication.experiment import Experiment, Stage
from replication.experiments.cifar10.settings import Cifar10, Cifar10Trial, jobs, priced_jobs, sweep_jobs

KEY = ("head", "trial")
EXPERIMENT = Experiment(
    name="cifar10",
    title="CIFAR-10 from scratch",
    paper="Table 5, Figures 16 and 17, Table 1",
    notebook="04_cifar10",
    trained_on="CIFAR-10",
    settings=Cifar10,
    data=("images",),
    stages=(
        Stage(
            name="trials",
            rule="train_cifar10",
            jobs=jobs,
            train="train:run",
            settings=Cifar10Trial,
            tables={
                "trials": KEY,
                "epochs": (*KEY, "epoch"),
                "eigenvalues": (*KEY, "epoch", "layer", "neuron"),
                "costs": (*KEY, "device"),
            },
            ensemble=("head",),
            parameters=True,
            network="network:NETWORK",
            memory=6000,
            minutes=720,
        ),
        Stage(
            name="sweep",
            rule="sweep_cifar10",
            jobs=sweep_jobs,
            train="train:sweep",
            settings=Cifar10Trial,
            tables={"sweep": ("head", "penalty", "rho", "trial")},
            ensemble=("head", "penalty", "rho"),
            memory=6000,
            minutes=240,
        ),
        Stage(
            name="priced",
            rule="price_cifar10",
            jobs=priced_jobs,
            train="train:sweep",
            settings=Cifar10Trial,
            tables={"priced": ("head", "penalty", "rho", "trial")},
            made_as={"priced": "sweep"},
            ensemble=("head", "penalty", "rho"),
            memory=6000,
            minutes=240,
        ),
    ),
    claims="claims:CLAIMS",
    compared=("training", "images", "validation_share", "test_images", "widths"),
)
