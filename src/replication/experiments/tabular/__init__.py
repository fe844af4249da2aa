"""Real tables that packages ship: test error against size."""

from replication.experiment import Experiment, Stage
from replication.experiments.tabular.settings import DataJob, Tabular, TabularTrial, data_jobs, jobs

KEY = ("data_set", "method", "trial")
EXPERIMENT = Experiment(
    name="tabular",
    title="Real tables",
    paper="",
    notebook="10_tabular",
    trained_on="shipped by scikit-learn and plotnine",
    settings=Tabular,
    stages=(
        Stage(
            name="trials",
            rule="train_tabular",
            jobs=jobs,
            train="train:run",
            settings=TabularTrial,
            tables={"trials": (*KEY, "flips"), "tuning": (*KEY, "place"), "costs": (*KEY, "flips")},
            ensemble=("data_set", "method"),
            gpu=False,
            memory=3000,
            minutes=120,
        ),
        Stage(
            name="data",
            rule="describe_tabular_data",
            jobs=data_jobs,
            train="description:run",
            settings=DataJob,
            tables={"data": ("data_set",)},
            gpu=False,
        ),
    ),
)
