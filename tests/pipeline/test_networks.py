"""Published networks: chosen by rule, loaded with sparcs alone, evaluated again."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file

from replication.data import backbones
from replication.data.augmentation import DEVIATION, MEAN, Normalisation, channels_first
from replication.data.images import load
from replication.experiments import EXPERIMENTS
from replication.experiments.cifar10.run import new_network
from replication.experiments.cifar100.features import features as features_of
from replication.publish.cards import card_of, code_of
from replication.publish.networks import checked, loaded, outputs
from replication.records import io
from replication.training.trained import named, network_of
from replication.training.work import plain
from small_networks import CIFAR10, IMAGES, check
from small_runs import jobs_of, run, settings_of
from sparcs import CompactNetwork, SpectralNetwork

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results/published/networks"
NAMES = [
    "baselines_lasso_random",
    *("cifar100_probe_linear", "cifar100_probe_spectral"),
    *("cifar10_linear", "cifar10_spectral", "cifar10_spectral_authors_sign"),
    *("regression_alpha0", "regression_alpha1", "teacher_student_l2"),
]


def test_every_kind_is_published_and_holds(networks, tmp_path):
    assert sorted(path.stem for path in networks.glob("*.md")) == NAMES
    assert check(networks, tmp_path / "networks.csv") == 0
    table = pd.read_csv(tmp_path / "networks.csv").set_index("network")
    assert [*table.index] == NAMES and (table["outputs_differ_by"] < 1e-6).all()
    generated = ~table.index.str.startswith("cifar")
    assert (table["again"] - table["value"])[generated].abs().max() < 1e-6 and table["again"][~generated].isna().all()


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.md")), ids=lambda path: path.stem)
def test_a_network_that_git_holds_is_what_its_card_says(path):
    checked(path.with_suffix(".safetensors"))


def test_the_card_says_where_a_network_comes_from(runs, networks):
    card = card_of(networks / "teacher_student_l2.safetensors")
    record = io.read_json(runs / "results/teacher_student/trials/l2/teacher42_rotations2/0.provenance.json")
    [row] = io.read_table(runs / "results/teacher_student/trials/l2/teacher42_rotations2/0_trials.parquet").to_dict(
        "records"
    )
    assert card.keys == {"ensemble": "l2", "teacher": 42, "rotations": 2, "penalty": "l2", "rho": 0.003}
    assert (card.trial, card.seed, card.value) == (0, row["seed"], row["test_r2"])
    assert card.origin == {"scale": "overnight"} | {
        name: record[name] for name in ("commit", "machine", "device", "finished", "fingerprint")
    }
    assert card.data.files == record["inputs"] and card.data.keys == {"seed": 42, "rotations": 2}
    assert card.data.settings == {"points": 60, "test_points": 40, "size": 3}
    assert card.settings == record["settings"] and card.chosen == "the first trial that did not diverge"
    text = (networks / "teacher_student_l2.md").read_text()
    for said in (record["commit"], record["fingerprint"], f"{card.value:.6g}", str(card.seed), code_of(card)):
        assert said in text


def test_a_published_network_is_the_trained_one(runs, networks):
    network = SpectralNetwork.load(networks / "regression_alpha1.safetensors")
    parameters = io.read_arrays(runs / "results/regression/trials/beta5_alpha1/0-1.safetensors")
    assert network.widths == (3, 4, 1) and network.train_input_eigenvalues
    for name, value in network.state_dict().items():
        assert np.array_equal(value.numpy(), parameters[name][0])


@pytest.mark.parametrize("head", CIFAR10["cifar10"]["heads"])
def test_a_head_that_the_kernel_trained_comes_out_as_pytorchs_module(runs, networks, head):
    """The module that trainings start from, with the kernel's final state, is the oracle."""
    settings = next(jobs_of(settings_of(IMAGES, CIFAR10), "cifar10"))[2].settings
    module = new_network(head, plain(settings), 0).eval()
    state = io.read_arrays(runs / f"results/cifar10/trials/{head}/0.safetensors")
    module.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    module["head"].half().float()
    images = load(runs / "data/images/cifar10.json")
    x = Normalisation(MEAN, DEVIATION)(channels_first(images.x_test[:64]))
    sample = load_file(networks / f"cifar10_{head}_sample.safetensors")
    with torch.no_grad():
        features = module["features"](x)
        logits = module["head"](features)
        archived = torch.export.load(networks / f"cifar10_{head}.pt2").module()(x)
    assert np.allclose(sample["inputs"], features, atol=1e-6) and np.allclose(sample["outputs"], logits, atol=1e-5)
    assert torch.allclose(archived, features, atol=1e-6) and np.array_equal(sample["targets"], images.y_test[:64])
    held = load_file(networks / f"cifar10_{head}_features.safetensors")
    assert {f"features.{name}" for name in held} == {name for name in state if name.startswith("features.")}


def test_a_job_of_several_networks_gives_each_of_them(runs):
    """As a GPU's job keeps them."""
    build = EXPERIMENTS["cifar10"].load("network:NETWORK").build
    heads, state = ("linear", "spectral"), {}
    for head in heads:
        own = io.read_arrays(runs / f"results/cifar10/trials/{head}/0.safetensors")
        state |= {f"{head}.{trial}.{name}": value * (1 + trial) for name, value in own.items() for trial in (0, 1)}
    single = next(jobs_of(settings_of(IMAGES, CIFAR10), "cifar10"))[2]
    job = replace(single, keys={"head": heads}, trials=(0, 1))
    for head in heads:
        network, features = build(state, job, {"head": head, "trial": 1})
        alone, below = build(
            named(state, f"{head}.0."), replace(single, keys={"head": head}), {"head": head, "trial": 0}
        )
        for one, other in ((network, alone), (features, below)):
            pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
            assert all(torch.equal(value, 2 * before) for value, before in pairs)


def test_plain_layers_become_a_network_of_the_layer():
    linear, mlp = (
        torch.nn.Linear(5, 3),
        torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3)),
    )
    x = torch.randn(4, 5)
    for module in (linear, mlp, torch.nn.Linear(5, 3, bias=False)):
        network = network_of({name: value.numpy() for name, value in module.state_dict().items()}, {})
        assert isinstance(network, CompactNetwork) and torch.equal(network(x), module(x))


ALONE = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
"""


def alone(folder, code, *blocked):
    """What code prints in a process of its own in which these packages cannot be imported."""
    script = f"BLOCKED = {blocked}\n{ALONE}\n{code}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=folder, capture_output=True, text=True, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "name", ["baselines_lasso_random", "cifar100_probe_spectral", "cifar10_linear", "teacher_student_l2"]
)
def test_the_cards_code_runs_with_sparcs_alone(networks, name):
    [code] = re.findall(r"```python\n(.*?)```", (networks / f"{name}.md").read_text(), re.DOTALL)
    numbers = [*map(float, alone(networks, code, "replication").split())]
    assert len(numbers) == 1 + name.startswith("cifar10_") and max(numbers) < 1e-5


def test_the_documentation_s_blocks_print_what_stands_below_them(networks, tmp_path, monkeypatch):
    shutil.copytree(networks, tmp_path / "results/published/networks")
    monkeypatch.chdir(tmp_path)
    names, printed, compared = {}, "", 0
    page = PUBLISHED.parents[2] / "docs/networks.md"
    for kind, text in re.findall(r"^```(python|text)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        if kind == "text":
            assert printed == text
            compared += 1
            continue
        with redirect_stdout(StringIO()) as output:
            exec(text, names)
        printed = output.getvalue()
    assert compared == 2


def test_an_archive_needs_nothing_of_the_project(networks):
    code = (
        "import torch; from safetensors.torch import load_file\n"
        "features = torch.export.load('cifar10_spectral.pt2').module()\n"
        "print(*features(torch.zeros(3, 3, 32, 32)).shape)\n"
        "assert not {'sparcs', 'replication'} & {*__import__('sys').modules}"
    )
    assert alone(networks, code, "sparcs", "replication").split() == ["3", "400"]


def test_the_small_network_that_the_comparison_counts_is_found_again(runs, networks):
    """Its row, chosen by hand, is the oracle: the fewest parameters of those with R² ≥ 0.98, not trained once more."""
    card = card_of(networks / "baselines_lasso_random.safetensors")
    trials = io.read_table(runs / "results/baselines/trials/teacher/lasso_random/0-0_trials.parquet")
    sizes = {
        (row[f"{target}_parameters"], row["strength"], target): row[f"{target}_test_r2"]
        for row in trials.to_dict("records")
        for target in ("loss_budget", "min_r2", "max_30_neurons")
        if row[f"{target}_test_r2"] >= 0.98
    }
    parameters, strength, target = min(sizes)
    assert (card.keys["parameters"], card.keys["strength"], card.keys["target"]) == (parameters, strength, target)
    assert card.value == sizes[parameters, strength, target]
    network = CompactNetwork.load(networks / "baselines_lasso_random.safetensors")
    assert sum(int(value.count_nonzero()) for value in network.parameters()) == parameters
    text = (networks / "baselines_lasso_random.md").read_text()
    assert {*card.again} == {"commit", "machine"} and "| trained again, commit |" in text and "alpha" not in text


def test_a_probe_is_stored_in_half_precision_and_stays_the_same_classifier(runs, networks):
    for head in ("linear", "spectral"):
        path = networks / f"cifar100_probe_{head}.safetensors"
        assert {str(array.dtype) for array in load_file(path).values()} == {"float16"}
        table = io.read_table(runs / "results/cifar100/probes/64/0-0_probes.parquet").set_index("head")
        card = card_of(path)
        assert card.keys == {"input_size": 64, "head": head} and card.value == table["test_accuracy"][head]


def test_declared_networks_name_metrics_of_their_tables():
    declared = {
        name: experiment.load(stage.network)
        for name, experiment in EXPERIMENTS.items()
        for stage in experiment.stages
        if stage.network
    }
    assert {*declared} >= {"regression", "teacher_student", "baselines", "cifar10", "cifar100"}
    assert all((each.build is None) == (each.again is not None) for each in declared.values())


def real_images(data_set, folder):
    """The images that lie in data/images."""
    if not (ROOT / f"data/images/{data_set}.npz").exists():
        pytest.skip(f"data/images/{data_set}.npz is not there")
    settings = settings_of({"images": {"files": {data_set: str(ROOT / f"data/images/{data_set}.npz")}}}).images
    record = folder / f"{data_set}.json"
    assert run("prepare-images", data_set, "--settings", settings.model_dump_json(), "--output", record) == 0
    return load(record)


@pytest.mark.artifacts
@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("cifar*.md")), ids=lambda path: path.stem)
def test_on_the_images_a_published_network_has_its_accuracy(path, tmp_path):
    """Through the archive of what makes its inputs, or the pre-trained network."""
    card = card_of(path.with_suffix(".safetensors"))
    module, features = loaded(path.with_suffix(".safetensors"))
    images = real_images(card.experiment, tmp_path)
    x, y = images.x_test, images.y_test
    if features:
        x = outputs(lambda part: features(Normalisation(MEAN, DEVIATION)(part)), channels_first(x).numpy())
    else:
        of_images = SimpleNamespace(**card.data.settings | {"images": 1})
        x = features_of(backbones.pretrained(of_images.backbone), images, of_images, "cpu")["x_test"]
    sample = load_file(path.with_name(f"{path.stem}_sample.safetensors"))
    assert np.allclose(x[:64], sample["inputs"], atol=1e-2) and np.array_equal(y[:64], sample["targets"])
    assert abs(card.network.score(y, outputs(module, x)) - card.value) <= card.network.tolerance
