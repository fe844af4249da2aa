"""Other ways to search for a small network, on the data of experiments 1 and 2."""

from replication.experiment import Experiment, Stage
from replication.experiments.baselines.settings import Baselines, BaselineTrial, check, jobs, tuning_jobs

KEY = ("task", "method", "trial", "strength")
ENSEMBLE = ("task", "method")
EXPERIMENT = Experiment(
    name="baselines",
    title="Other ways to search",
    paper="Section 1's “other viable alternatives”",
    notebook="07_baselines",
    trained_on="generated: as in experiments 1 and 2",
    settings=Baselines,
    data=("regression", "teacher_student"),
    stages=(
        Stage(
            name="tuning",
            rule="tune_baselines",
            jobs=tuning_jobs,
            train="train:tuning",
            settings=BaselineTrial,
            tables={"tuning": ("task", "method", "value", "tuning_trial")},
            ensemble=ENSEMBLE,
            gpu=False,
            seed_name="rivals_tuning",  # the names that are hashed are data, whatever the room is called
            memory=4000,
            minutes=240,
        ),
        Stage(
            name="trials",
            rule="search_baselines",
            jobs=jobs,
            train="train:run",
            settings=BaselineTrial,
            tables={"trials": KEY, "costs": KEY, "history": (*KEY, "step")},
            ensemble=ENSEMBLE,
            network="network:NETWORK",
            gpu=False,
            seed_name="rivals",
            memory=4000,
            minutes=720,
        ),
    ),
    claims="claims:CLAIMS",
    compared=(
        "methods",
        "strengths",
        "teacher",
        "validation_share",
        "test_points",
        "loss_budget",
        "min_r2",
        "max_neurons",
        "retraining_steps",
    ),
    check=check,
)
