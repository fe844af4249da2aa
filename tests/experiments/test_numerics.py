"""What a training function imports: its numerics, and nothing that reads, writes, declares settings or parses."""

import re
from pathlib import Path

import pytest

from replication import params
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import resolve_settings
from replication.records.fingerprints import declares
from replication.records.sources import files_of, imports_of

RUN = resolve_settings(params.read_yaml(Path(__file__).parents[2] / "params.yaml"), {"scale": "paper"})
MODULES = {  # that train a stage's jobs: their function's, and those that single jobs name
    f"{experiment.name}.{stage.name}": {experiment.module(stage.train)}.union(
        *({*job.modules, *(job.data.modules if job.data else ())} for job in stage.jobs(RUN))
    )
    for experiment in EXPERIMENTS.values()
    for stage in experiment.stages
}
READERS = ("replication.params", "replication.records", "replication.jobs", "replication.report", "replication.judging")
PACKAGES = re.compile(r"^ *(?:import|from) (?:click|pydantic|yaml|tqdm|matplotlib)\b", flags=re.MULTILINE)


@pytest.mark.parametrize("name", MODULES)
def test_a_training_function_imports_numerics_alone(name):
    imported = {module for module in imports_of(*MODULES[name]) if not declares(module)}
    wrong = {module for module in imported if module.startswith(READERS) or module.endswith((".settings", ".commands"))}
    assert wrong == set()
    assert "replication.data.images" not in imported  # it reads files
    assert [file for file in files_of(imported) if PACKAGES.search(Path(file).read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("name", MODULES)
def test_a_stage_s_settings_are_checked(name):
    experiment, stage = name.split(".")
    assert EXPERIMENTS[experiment].stage(stage).settings


def test_features_do_not_depend_on_the_training_that_goes_on_from_them():
    imported = imports_of("replication.experiments.cifar100.features")
    assert "replication.experiments.cifar100.train" not in imported and "replication.data.backbones" in imported
    probes = imports_of("replication.experiments.cifar100.probes")
    assert not {"replication.experiments.cifar100.train", "replication.data.backbones"} & probes
