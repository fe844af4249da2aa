"""What a training function imports: its numerics, and nothing that reads, writes, declares settings or parses."""

import pytest

from replication.experiments import EXPERIMENTS
from replication.records.fingerprints import declares
from replication.records.sources import imports_of

STAGES = [(name, stage) for name in ("cifar10", "cifar100", "cells") for stage in EXPERIMENTS[name].stages]


@pytest.mark.parametrize(("name", "stage"), STAGES, ids=lambda each: each if isinstance(each, str) else each.name)
def test_a_training_function_imports_numerics_alone(name, stage):
    imported = {module for module in imports_of(EXPERIMENTS[name].module(stage.train)) if not declares(module)}
    others = ("replication.params", "replication.records", "replication.jobs", "replication.report")
    assert not [
        module for module in imported if module.startswith(others) or module.endswith((".settings", ".commands"))
    ]
    assert "replication.data.images" not in imported  # it reads files


def test_features_do_not_depend_on_the_training_that_goes_on_from_them():
    imported = imports_of("replication.experiments.cifar100.features")
    assert "replication.experiments.cifar100.train" not in imported and "replication.data.backbones" in imported
    probes = imports_of("replication.experiments.cifar100.probes")
    assert not {"replication.experiments.cifar100.train", "replication.data.backbones"} & probes
