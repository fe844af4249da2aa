"""Published networks, of one run in miniature for all tests of them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from replication.records import io
from small_networks import BASELINES, CIFAR10, CIFAR100, IMAGES, publish, rewritten
from small_runs import run, settings_of, train


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """Runs of experiments 1 to 4 and the comparison; images and features are passed off as real ones."""
    folder = tmp_path_factory.mktemp("trained")
    settings = settings_of({"device": "cpu"}, IMAGES, CIFAR10, {"cifar10": {"trials": 1}}, CIFAR100, BASELINES)
    for name in ("regression", "teacher_student", "baselines"):
        train(folder, settings, name)
    random = np.random.RandomState(0)
    features = {f"x_{split}": np.float16(6 * random.rand(200, 1280)) for split in ("train", "test")}
    io.write_arrays(
        folder / "data/features/cifar100_64.safetensors",
        features | {f"y_{split}": random.randint(100, size=200) for split in ("train", "test")},
    )
    io.write_json(folder / "data/features/cifar100_64.json", {"backbone": "some", "stand_in": False})
    train(folder, settings, "cifar100", of_stage="probes")
    images = settings.images.model_dump_json()
    record = folder / "data/images/cifar10.json"
    assert run("prepare-images", "cifar10", "--settings", images, "--output", record) == 0
    train(folder, settings, "cifar10")
    for each in (folder / "results/cifar10").rglob("*.provenance.json"):
        rewritten(each, lambda about: about | {"stand_in": False})
    return folder


@pytest.fixture(scope="session")
def networks(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("published") / "networks"
    assert publish(runs, folder) == 0
    return folder


@pytest.fixture
def copy(networks, tmp_path):
    return Path(shutil.copytree(networks, tmp_path / "networks"))
