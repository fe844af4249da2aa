"""Experiment 4: CIFAR-100 on a pre-trained backbone (Table 5), and probes of the backbone's features."""

from replication.experiment import Experiment, Stage
from replication.experiments.cifar100.settings import (
    Cifar100,
    Cifar100Trial,
    ProbeTrial,
    fine_tuning_jobs,
    jobs,
    probe_jobs,
)

KEY = ("head", "trial")
EXPERIMENT = Experiment(
    name="cifar100",
    title="CIFAR-100 on a pre-trained network",
    paper="Table 5, Figure 18, Table 2",
    notebook="05_cifar100",
    trained_on="CIFAR-100",
    settings=Cifar100,
    data=("images", "features"),
    stages=(
        Stage(
            name="trials",
            rule="train_cifar100",
            jobs=jobs,
            train="train:run",
            settings=Cifar100Trial,
            tables={
                "trials": KEY,
                "eigenvalues": (*KEY, "layer", "neuron"),
                "losses": (*KEY, "step"),
                "costs": (*KEY, "device"),
            },
            ensemble=("head",),
            parameters=True,
            memory=24000,
            minutes=1440,
        ),
        Stage(
            name="probes",
            rule="train_probes",
            jobs=probe_jobs,
            train="probes:run",
            settings=ProbeTrial,
            tables={"probes": ("input_size", *KEY)},
            ensemble=("input_size", "head"),
            network="network:NETWORK",
            memory=8000,
            minutes=240,
        ),
        Stage(
            name="fine_tuning",
            rule="fine_tune_cifar100",
            jobs=fine_tuning_jobs,
            train="fine_tuning:run",
            settings=Cifar100Trial,
            tables={"fine_tuning": KEY},
            ensemble=("head",),
            memory=24000,
            minutes=1440,
        ),
    ),
    claims="claims:CLAIMS",
    compared=("training", "images", "validation_share", "test_images", "widths", "input_size"),
)
