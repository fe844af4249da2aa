"""Seeds are data: the names that are hashed into them never change, whatever a folder or module is called."""

from pathlib import Path

import pytest

from replication import params
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import resolve_settings
from replication.jobs.carry_out import seeds_of
from replication.training.seeds import STREAMS, generator

ROOT_SEED = 2025
OVERNIGHT = resolve_settings(params.read_yaml(Path(__file__).parents[2] / "params.yaml"), {"scale": "overnight"})


@pytest.mark.parametrize(
    ("experiment", "stage", "data_set", "expected"),
    [
        ("regression", "trials", "beta5_alpha0", 19965175900235),
        ("teacher_student", "trials", "teacher42_rotations2", 216025493334854),
        ("hyperparameters", "regression", "beta5_alpha0", 19965175900235),
        ("hyperparameters", "teacher_student", "teacher42_rotations2", 216025493334854),
        ("depth", "trials", "teacher42_rotations2", 27732368341097),
        ("depth", "start", "teacher42_rotations2", 27732368341097),
        ("baselines", "trials", "teacher", 23438185654441),
        ("baselines", "tuning", "teacher", 37795524941948),
        ("cifar10", "trials", "images", 260894670042156),
        ("cifar10", "sweep", "images", 260894670042156),
        ("cifar100", "trials", "images", 43130417399807),
        ("cifar100", "probes", "features", 113798032485456),
        ("cells", "trials", "cells", 29461738770211),
        ("tabular", "trials", "friedman1", 270099039501914),
    ],
)
def test_the_seeds_of_every_experiment_are_those_of_the_published_trials(experiment, stage, data_set, expected):
    """Those of trial 0 in every job on a data set."""
    of = EXPERIMENTS[experiment]
    jobs = [job for job in of.stage(stage).jobs(OVERNIGHT) if job.seeds == data_set and 0 in job.trials]
    seeds = {seeds_of(of, of.stage(stage), job, ROOT_SEED)[job.trials.index(0)] for job in jobs}
    assert seeds == {expected}


def test_every_stream_draws_what_it_always_drew():
    first = [2032329983, 2228177951, 2762783682, 1916876593, 2591886174, 3545739507, 3110246456]
    assert [int(generator(1, stream).integers(2**32)) for stream in STREAMS] == first
