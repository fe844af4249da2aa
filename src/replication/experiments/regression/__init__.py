"""Experiment 1: the α/β family (Section 5, Table 3)."""

from replication.experiment import Experiment, Stage
from replication.experiments.regression.settings import (
    Regression,
    RegressionPricedTrial,
    RegressionStart,
    RegressionTrial,
    independent_jobs,
    jobs,
    priced_jobs,
    starts_jobs,
)

KEY = ("beta", "alpha", "trial")
EXPERIMENT = Experiment(
    name="regression",
    title="The α/β regression",
    paper="Section 5, Appendix E, Table 3, Figures 7 and 11 to 15",
    notebook="02_alpha_beta",
    trained_on="generated: α/β family",
    settings=Regression,
    data=("regression",),
    stages=(
        Stage(
            name="trials",
            rule="train_regression",
            jobs=jobs,
            train="train:run",
            settings=RegressionTrial,
            tables={
                "trials": KEY,
                "paths": (*KEY, "hidden", "input"),
                "skips": (*KEY, "input"),
                "eigenvalues": (*KEY, "layer", "neuron"),
                "surface": (*KEY, "x1", "x2"),
            },
            parameters=True,
            network="network:NETWORK",
            minutes=120,
        ),
        Stage(
            name="starts",
            rule="train_regression_starts",
            jobs=starts_jobs,
            train="starts:run",
            settings=RegressionStart,
            tables={"starts": ("output_eigenvalue", *KEY)},
            ensemble=("output_eigenvalue", "beta", "alpha"),
        ),
        Stage(
            name="priced",
            rule="train_regression_priced",
            jobs=priced_jobs,
            train="priced:run",
            settings=RegressionPricedTrial,
            tables={"priced": ("rho", *KEY)},
            ensemble=("rho", "beta", "alpha"),
        ),
        Stage(
            name="independent",
            rule="train_regression_independently",
            jobs=independent_jobs,
            train="independent:run",
            settings=RegressionTrial,
            tables={"independent": KEY},
            gpu=False,
        ),
    ),
    finish="train:finish",
    extra={"data_sets": ("beta", "alpha")},
    claims="claims:CLAIMS",
    compared=("training", "points", "held_out_points", "alphas", "betas", "widths"),
)
