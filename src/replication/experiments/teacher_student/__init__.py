"""Experiment 2: a student with two hidden layers and a teacher with one (Section 5, Table 4)."""

from replication.experiment import Experiment, Stage
from replication.experiments.teacher_student.settings import (
    LinearBaseline,
    MapTrial,
    TeacherStudent,
    TeacherTrial,
    jobs,
    linear_jobs,
    map_jobs,
)

KEY = ("ensemble", "teacher", "trial")
EXPERIMENT = Experiment(
    name="teacher_student",
    title="The teacher and its student",
    paper="Section 5, Table 4, Figures 9 and 10",
    notebook="03_teacher_student",
    trained_on="generated: rotations as teacher",
    settings=TeacherStudent,
    data=("teacher_student",),
    stages=(
        Stage(
            name="trials",
            rule="train_teacher_student",
            jobs=jobs,
            train="train:run",
            settings=TeacherTrial,
            tables={
                "trials": KEY,
                "eigenvalues": (*KEY, "layer", "neuron"),
                "pruning": (*KEY, "removal", "kept"),
            },
            ensemble=("ensemble",),
            parameters=True,
            network="network:NETWORK",
            memory=4000,
            minutes=720,
        ),
        Stage(
            name="map",
            rule="map_teacher_student",
            jobs=map_jobs,
            train="train:survival_map",
            settings=MapTrial,
            tables={"map": ("size", "rho_2", "rho_3", "trial")},
            ensemble=("size", "rho_2", "rho_3"),
            seed_name="teacher_student_map",
            memory=4000,
            minutes=720,
        ),
        Stage(
            name="linear",
            rule="fit_linear",
            jobs=linear_jobs,
            train="train:linear",
            settings=LinearBaseline,
            tables={"linear": ("teacher", "rotations", "intercept")},
            gpu=False,
        ),
    ),
    claims="claims:CLAIMS",
    compared=("training", "points", "test_points", "widths", "output_eigenvalue", "loss_budget"),
)
