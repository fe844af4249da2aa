"""Seeds are data: the names that are hashed into them never change, whatever a folder or module is called."""

from pathlib import Path

import pytest

from replication import params
from replication.experiment import Job
from replication.experiments import EXPERIMENTS
from replication.experiments.baselines import train as baselines
from replication.experiments.depth import train as depth
from replication.experiments.settings import resolve_settings
from replication.jobs.carry_out import seeds_of
from replication.training.seeds import STREAMS, generator, trial_seed

ROOT, ROOT_SEED = Path(__file__).parents[2], 2025


def seed_of(experiment, stage, data_set):
    """The seed of trial 0 of a stage's jobs on a data set."""
    of = EXPERIMENTS[experiment]
    return seeds_of(of, of.stage(stage), Job("0", {}, trials=(0,), seeds=data_set), ROOT_SEED)[0]


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (seed_of("regression", "trials", "beta5_alpha0"), 19965175900235),
        (seed_of("hyperparameters", "regression", "beta5_alpha0"), 19965175900235),
        (seed_of("teacher_student", "trials", "teacher42_rotations2"), 216025493334854),
        (seed_of("hyperparameters", "teacher_student", "teacher42_rotations2"), 216025493334854),
        (depth.seeds(ROOT_SEED, "teacher42_rotations2", [0]), [27732368341097]),
        (baselines.seeds(ROOT_SEED, "teacher", [0]), [23438185654441]),
        (seed_of("cifar10", "trials", "images"), 260894670042156),
        (seed_of("cifar10", "sweep", "images"), 260894670042156),
        (seed_of("cifar100", "trials", "images"), 43130417399807),
        (seed_of("cifar100", "probes", "features"), 113798032485456),
        (seed_of("cells", "trials", "cells"), 29461738770211),
        (trial_seed(ROOT_SEED, "rivals_tuning", "teacher", 0), 37795524941948),
    ],
)
def test_the_seeds_of_every_experiment_are_those_of_the_published_trials(seed, expected):
    assert seed == expected


def test_the_images_jobs_have_those_names_of_data_sets_in_their_seeds():
    run = resolve_settings(params.read_yaml(ROOT / "params.yaml"), {"scale": "paper"})
    names = {
        f"{name}/{stage.name}": {job.seeds for job in stage.jobs(run)}
        for name in ("cifar10", "cifar100", "cells")
        for stage in EXPERIMENTS[name].stages
    }
    assert names == {
        "cifar10/trials": {"images"},
        "cifar10/sweep": {"images"},
        "cifar100/trials": {"images"},
        "cifar100/probes": {"features"},
        "cells/trials": {"cells"},
    }


def test_every_stream_draws_what_it_always_drew():
    first = [2032329983, 2228177951, 2762783682, 1916876593, 2591886174, 3545739507, 3110246456]
    assert [int(generator(1, stream).integers(2**32)) for stream in STREAMS] == first
