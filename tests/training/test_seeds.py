"""Seeds are data: the names that are hashed into them never change, whatever a folder or module is called."""

import pytest

from replication.experiments.baselines import train as baselines
from replication.experiments.cifar10 import train as cifar10
from replication.experiments.cifar100 import probes
from replication.experiments.cifar100 import train as cifar100
from replication.experiments.depth import train as depth
from replication.experiments.regression import train as regression
from replication.experiments.teacher_student import train as teacher_student
from replication.training.seeds import STREAMS, generator, trial_seed

ROOT_SEED = 2025


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (regression.seeds(ROOT_SEED, "beta5_alpha0", [0]), [19965175900235]),
        (teacher_student.seeds(ROOT_SEED, "teacher42_rotations2", [0]), [216025493334854]),
        (depth.seeds(ROOT_SEED, "teacher42_rotations2", [0]), [27732368341097]),
        (baselines.seeds(ROOT_SEED, "teacher", [0]), [23438185654441]),
        (cifar10.seed_of(ROOT_SEED, 0), 260894670042156),
        (cifar100.seed_of(ROOT_SEED, 0), 43130417399807),
        (probes.seeds(ROOT_SEED, [0]), [113798032485456]),
        (trial_seed(ROOT_SEED, "rivals_tuning", "teacher", 0), 37795524941948),
        (trial_seed(ROOT_SEED, "nasbench", "cells", 0), 29461738770211),
    ],
)
def test_the_seeds_of_every_experiment_are_those_of_the_published_trials(seed, expected):
    assert seed == expected


def test_every_stream_draws_what_it_always_drew():
    first = [2032329983, 2228177951, 2762783682, 1916876593, 2591886174, 3545739507, 3110246456]
    assert [int(generator(1, stream).integers(2**32)) for stream in STREAMS] == first
