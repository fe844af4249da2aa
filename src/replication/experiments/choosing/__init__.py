"""What the choice of penalty, strength, rate and start does on one small task: the measurements behind the guide."""

from replication.experiment import Experiment, Stage
from replication.experiments.choosing.settings import Choosing, Sweep, jobs

POINT = ("width", "penalty", "rho", "initial_scale", "learning_rate", "steps", "shrunk", "validation_points")
EXPERIMENT = Experiment(
    name="choosing",
    title="Choosing penalty, strength, rate and start",
    paper="",
    notebook="11_choosing",
    trained_on="generated: Friedman's first function",
    settings=Choosing,
    stages=(
        Stage(
            name="trials",
            rule="train_choosing",
            jobs=jobs,
            train="train:run",
            settings=Sweep,
            tables={"trials": ("sweep", *POINT, "trial")},
            ensemble=("sweep",),
            gpu=False,
            minutes=240,
        ),
    ),
    beside=("tabular/trials",),
)
