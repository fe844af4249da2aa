"""The sweep over kinds and strengths of the penalty (Appendix G)."""

from replication.experiment import Experiment, Stage
from replication.experiments.hyperparameters.settings import Hyperparameters, regression_jobs, teacher_jobs
from replication.experiments.regression.settings import RegressionTrial
from replication.experiments.teacher_student.settings import TeacherTrial

KEY = ("experiment", "penalty", "rho", "alpha", "beta", "trial")
ENSEMBLE = ("experiment", "penalty", "rho")
EXPERIMENT = Experiment(
    name="hyperparameters",
    title="The penalty's kind and strength",
    paper="Appendix G, Table 5",
    notebook="06_hyperparameters",
    trained_on="generated: as in experiments 1 and 2",
    settings=Hyperparameters,
    data=("regression", "teacher_student"),
    stages=(
        Stage(
            name="regression",
            rule="sweep_regression",
            jobs=regression_jobs,
            train="train:regression_sweep",
            settings=RegressionTrial,
            tables={"trials": KEY},
            ensemble=ENSEMBLE,
            seed_name="regression",
            minutes=240,
        ),
        Stage(
            name="teacher_student",
            rule="sweep_teacher_student",
            jobs=teacher_jobs,
            train="train:teacher_sweep",
            settings=TeacherTrial,
            tables={"trials": KEY},
            ensemble=ENSEMBLE,
            seed_name="teacher_student",
            memory=4000,
            minutes=720,
        ),
    ),
    claims="claims:CLAIMS",
    beside=("cifar10/sweep",),
    compared=("alphas", "beta", "penalties", "rhos"),
)
