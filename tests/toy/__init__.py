"""The mean target of a data set of experiment 1, resampled: the shortest experiment that there can be."""

from replication.experiments.toy.settings import Toy, ToyTrial, jobs

from replication.experiment import Experiment, Stage

EXPERIMENT = Experiment(
    name="toy",
    title="The mean of a data set",
    paper="",
    notebook="10_toy",
    trained_on="generated: α/β family",
    settings=Toy,
    data=("regression",),
    stages=(
        Stage(
            name="trials",
            rule="train_toy",
            jobs=jobs,
            train="train:run",
            settings=ToyTrial,
            tables={"trials": ("alpha", "beta", "trial")},
            gpu=False,
        ),
    ),
    claims="claims:CLAIMS",
)
