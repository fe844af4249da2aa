"""What holds for every network: the identities, the perceptron start, and the mistakes of the paper's text."""

from replication.experiment import Experiment, Stage
from replication.experiments.theory.settings import Checks, jobs

EXPERIMENT = Experiment(
    name="theory",
    title="What holds for every network",
    paper="Sections 2 to 4, Appendices A to D, Figures 1 to 6 and 8",
    notebook="01_theory",
    trained_on="generated: random networks",
    stages=(
        Stage(
            name="checks",
            rule="check_theory",
            jobs=jobs,
            train="train:check",
            settings=Checks,
            tables={
                "checks": ("check", "layers", "seed"),
                "identities": ("identity", "bundles", "widths", "seed"),
                "misprints": ("id",),
                "statements": ("statement", "layers", "seed", "step"),
            },
            gpu=False,
        ),
    ),
    claims="claims:CLAIMS",
)
