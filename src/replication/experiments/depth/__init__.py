"""One to ten hidden layers where the data needs one."""

from replication.experiment import Experiment, Stage
from replication.experiments.depth.settings import (
    Depth,
    DepthStart,
    DepthTrial,
    check,
    jobs,
    jobs_priced,
    jobs_without_penalty,
    start_jobs,
)

KEY = ("data_set", "depth", "gain", "trial")
EXPERIMENT = Experiment(
    name="depth",
    title="Any depth",
    paper="",
    notebook="08_any_depth",
    trained_on="generated: as in experiments 1 and 2",
    settings=Depth,
    data=("regression", "teacher_student"),
    stages=(
        Stage(
            name="trials",
            rule="train_depth",
            jobs=jobs,
            train="train:run",
            settings=DepthTrial,
            tables={"trials": KEY, "layers": (*KEY, "layer")},
            ensemble=("data_set",),
            parameters=True,
            memory=4000,
            minutes=720,
        ),
        Stage(
            name="start",
            rule="measure_depth_start",
            jobs=start_jobs,
            train="train:starts",
            settings=DepthStart,
            tables={"start": ("depth", "gain", "trial")},
            gpu=False,
        ),
        Stage(
            name="without_penalty",
            rule="train_depth_without_penalty",
            jobs=jobs_without_penalty,
            train="train:run",
            settings=DepthTrial,
            tables={"without_penalty": KEY},
            made_as={"without_penalty": "trials"},
            ensemble=("data_set",),
            memory=4000,
            minutes=240,
        ),
        Stage(
            name="priced",
            rule="train_depth_priced",
            jobs=jobs_priced,
            train="train:run",
            settings=DepthTrial,
            tables={"priced": KEY, "priced_layers": (*KEY, "layer")},
            made_as={"priced": "trials", "priced_layers": "layers"},
            ensemble=("data_set",),
            memory=4000,
            minutes=720,
        ),
    ),
    check=check,
)
