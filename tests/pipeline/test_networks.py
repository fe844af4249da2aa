"""Published networks: chosen by rule, loaded with sparcs alone, evaluated again, refused when they were altered."""

import json
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
from safetensors import safe_open
from safetensors.numpy import load_file

from replication.data import backbones
from replication.data.augmentation import DEVIATION, MEAN, Normalisation, channels_first
from replication.data.images import load
from replication.experiments import EXPERIMENTS
from replication.experiments.cifar10.run import new_network
from replication.experiments.cifar100.features import features as features_of
from replication.publish import network_commands
from replication.publish.cards import CARD, card_of, code_of
from replication.publish.networks import checked, loaded, outputs
from replication.records import io
from replication.training.trained import named, network_of
from replication.training.work import plain
from small_runs import change, files_in, generate, jobs_of, record_settings, run, settings_of, train
from small_runs import publish as publish_tables
from sparcs import CompactNetwork, SpectralNetwork

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results/published/networks"
IMAGES = {"images": {"stand_in": True, "download": False}}
CIFAR10 = {
    "cifar10": {"images": 160, "training": {"epochs": 1}, "heads": ["linear", "spectral", "spectral_authors_sign"]}
}
PROBES = {"training": {"epochs": 1}, "trials": 1, "further_input_sizes": []}
CIFAR100 = {"cifar100": {"widths": [1280, 8, 100], "input_size": 64, "probes": PROBES}}
SEARCHES = {"hidden": [8], "points": 60, "batch_size": 48, "steps": 800, "trials": 1}
BASELINES = {
    "baselines": {
        "methods": ["lasso_random", "linear"],
        "strengths": [0.0003, 0.003],
        "learning_rate": 0.01,
        "retraining_steps": 1,
        "test_points": 40,
        "teacher": SEARCHES,
        "alpha_beta": {"trials": 0},
        "confirmation": {"trials": 0},
    }
}
HEADS = ("linear", "spectral")
NAMES = [
    "baselines_lasso_random",
    *("cifar100_probe_linear", "cifar100_probe_spectral"),
    *("cifar10_linear", "cifar10_spectral", "cifar10_spectral_authors_sign"),
    *("regression_alpha0", "regression_alpha1", "teacher_student_l2"),
]


def publish(folder, networks, *options):
    return run(
        "publish-networks", "--results", folder / "results", "--data", folder / "data", "--networks", networks, *options
    )


def check(networks, output):
    return run("check-networks", networks, "--output", output)


def rewritten(path, change):
    """A record with other values."""
    io.write_json(path, change(io.read_json(path)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
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


@pytest.fixture(scope="module")
def networks(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("published") / "networks"
    assert publish(trained, folder) == 0
    return folder


def of(trained, folder, *experiments):
    """A copy of the runs of these experiments alone."""
    copied = Path(shutil.copytree(trained, folder))
    for path in (copied / "results").iterdir():
        if path.is_dir() and path.name not in experiments:
            shutil.rmtree(path)
    return copied


@pytest.fixture
def copy(networks, tmp_path):
    return Path(shutil.copytree(networks, tmp_path / "networks"))


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


def test_the_card_says_where_a_network_comes_from(trained, networks):
    card = card_of(networks / "teacher_student_l2.safetensors")
    record = io.read_json(trained / "results/teacher_student/trials/l2/teacher42_rotations2/0.provenance.json")
    [row] = io.read_table(trained / "results/teacher_student/trials/l2/teacher42_rotations2/0_trials.parquet").to_dict(
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


def test_a_published_network_is_the_trained_one(trained, networks):
    network = SpectralNetwork.load(networks / "regression_alpha1.safetensors")
    parameters = io.read_arrays(trained / "results/regression/trials/beta5_alpha1/0-1.safetensors")
    assert network.widths == (3, 4, 1) and network.train_input_eigenvalues
    for name, value in network.state_dict().items():
        assert np.array_equal(value.numpy(), parameters[name][0])


@pytest.mark.parametrize("head", CIFAR10["cifar10"]["heads"])
def test_a_head_that_the_kernel_trained_comes_out_as_pytorchs_module(trained, networks, head):
    """The module that trainings start from, with the kernel's final state, is the oracle."""
    settings = next(jobs_of(settings_of(IMAGES, CIFAR10), "cifar10"))[2].settings
    module = new_network(head, plain(settings), 0).eval()
    state = io.read_arrays(trained / f"results/cifar10/trials/{head}/0.safetensors")
    module.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    module["head"].half().float()
    images = load(trained / "data/images/cifar10.json")
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


def test_a_job_of_several_networks_gives_each_of_them(trained):
    """As a GPU's job keeps them."""
    build = EXPERIMENTS["cifar10"].load("network:NETWORK").build
    heads, state = ("linear", "spectral"), {}
    for head in heads:
        own = io.read_arrays(trained / f"results/cifar10/trials/{head}/0.safetensors")
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


def test_the_first_trial_that_did_not_diverge_is_taken_in_order(trained, tmp_path, capsys):
    folder = of(trained, tmp_path / "run", "teacher_student")
    trials = folder / "results/teacher_student/trials/l2/teacher42_rotations2"
    path = trials / "0_trials.parquet"
    io.write_table(path, io.read_table(path).assign(test_r2=np.nan))
    assert publish(folder, tmp_path / "out") == 0
    assert "regression_alpha0: not published, trial 0: not finished\n" in capsys.readouterr().out
    assert card_of(tmp_path / "out/teacher_student_l2.safetensors").trial == 1
    (trials / "0.provenance.json").unlink()
    assert publish(folder, tmp_path / "none") == 0
    assert "teacher_student_l2: not published, trial 0: not finished\n" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_the_small_network_that_the_comparison_counts_is_found_again(trained, networks):
    """Its row, chosen by hand, is the oracle: the fewest parameters of those with R² ≥ 0.98, not trained once more."""
    card = card_of(networks / "baselines_lasso_random.safetensors")
    trials = io.read_table(trained / "results/baselines/trials/teacher/lasso_random/0-0_trials.parquet")
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


def test_a_method_without_a_good_network_has_none(trained, tmp_path, capsys):
    assert publish(of(trained, tmp_path / "run", "baselines"), tmp_path / "out") == 0
    said = "baselines_linear: not published, no trial fits the rule: of the first trial that has one the smallest"
    assert said in capsys.readouterr().out and not [*(tmp_path / "out").glob("baselines_linear*")]


def test_a_probe_is_stored_in_half_precision_and_stays_the_same_classifier(trained, networks):
    for head in ("linear", "spectral"):
        path = networks / f"cifar100_probe_{head}.safetensors"
        assert {str(array.dtype) for array in load_file(path).values()} == {"float16"}
        table = io.read_table(trained / "results/cifar100/probes/64/0-0_probes.parquet").set_index("head")
        card = card_of(path)
        assert card.keys == {"input_size": 64, "head": head} and card.value == table["test_accuracy"][head]


def test_what_trained_again_is_another_network_is_left_out(trained, tmp_path, capsys):
    folder = of(trained, tmp_path / "run", "baselines", "cifar100")
    path = folder / "results/baselines/trials/teacher/lasso_random/0-0_trials.parquet"
    rows = io.read_table(path)
    columns = [name for name in rows if name.endswith("_validation_mse") and "retrained" not in name]
    io.write_table(path, rows.assign(**{name: rows[name] * 1.01 for name in columns}))
    assert publish(folder, tmp_path / "out") == 0
    said = r"baselines_lasso_random: not published, trained again here its validation_mse is .*, in the table"
    assert re.search(said, capsys.readouterr().out)
    assert sorted(path.stem for path in (tmp_path / "out").glob("*.md")) == [f"cifar100_probe_{h}" for h in HEADS]


def test_what_is_published_is_not_trained_once_more_unless_asked_for(trained, copy, tmp_path, capsys):
    folder, before = of(trained, tmp_path / "run", "cifar100"), files_in(copy)
    assert publish(folder, copy) == 0
    assert "cifar100_probe_linear: not published, for it is there; replace=yes" in capsys.readouterr().out
    assert files_in(copy) == before
    assert publish(folder, copy, "--replace") == 0
    assert "cifar100_probe_linear: trial 0\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"stand_in": True}, "of stand-in images"),
        ({"fingerprint": "0" * 16}, "of other settings or sources than here"),
    ],
)
def test_stand_ins_and_other_sources_are_not_published(trained, tmp_path, capsys, changes, why):
    folder = of(trained, tmp_path / "run", "cifar10")
    rewritten(folder / "results/cifar10/trials/linear/0.provenance.json", lambda about: about | changes)
    assert publish(folder, tmp_path / "out") == 0
    assert f"cifar10_linear: not published, trial 0: {why}\n" in capsys.readouterr().out
    assert not (tmp_path / "out/cifar10_linear.safetensors").exists()


def test_a_smoke_run_is_refused_and_a_larger_scale_stays(trained, networks, copy, tmp_path, capsys):
    folder = Path(shutil.copytree(trained, tmp_path / "run"))
    record_settings(
        folder, settings_of({"scale": "smoke", "device": "cpu"}, IMAGES, CIFAR10, {"cifar10": {"trials": 1}})
    )
    assert publish(folder, tmp_path / "out") == 2
    assert "scale = 'smoke': allowed to be published are laptop" in capsys.readouterr().err
    record_settings(
        folder, settings_of({"scale": "laptop", "device": "cpu"}, IMAGES, CIFAR10, {"cifar10": {"trials": 1}})
    )
    assert publish(folder, copy) == 0
    said = "regression_alpha0: not published, for one of scale overnight is there; replace=yes replaces it\n"
    assert said in capsys.readouterr().out
    assert card_of(copy / "regression_alpha0.safetensors").origin["scale"] == "overnight"
    assert publish(folder, copy, "--replace") == 0
    assert card_of(copy / "regression_alpha0.safetensors").origin["scale"] == "laptop"


def test_too_much_is_refused_before_anything_is_written(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(network_commands, "MOST_BYTES", 10**5)
    assert publish(of(trained, tmp_path / "run", "cifar10"), tmp_path / "out") == 2
    assert re.search(r"out would have [\d,]+ bytes: allowed are at most 100,000\n", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_what_is_published_has_the_tables_metric_on_the_data(trained, tmp_path, capsys):
    folder = Path(shutil.copytree(trained, tmp_path / "run"))
    path = folder / "results/regression/trials/beta5_alpha0/0-1_trials.parquet"
    before = io.read_table(path)
    io.write_table(path, before.assign(r2=before["r2"] + 0.01))
    assert publish(folder, tmp_path / "out") == 2
    assert re.search(r"regression_alpha0: r2 is .* on the held-out points, in the table", capsys.readouterr().err)
    io.write_table(path, before)
    generate(folder / "data", settings_of({"regression": {"held_out_seed": 77}}))
    assert publish(folder, tmp_path / "out") == 2
    assert "is not what regression_alpha0 was trained on: it has another SHA-256" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def with_metadata(path, change):
    """Sealed anew."""
    with safe_open(path, "numpy") as file:
        metadata = {key: text for key, text in file.metadata().items() if key != "sha256"}
    path.write_bytes(io.as_safetensors(load_file(path), **change(metadata)))


def of_card(**changes):
    return lambda metadata: metadata | {CARD: json.dumps(json.loads(metadata[CARD]) | changes)}


DAMAGE = {
    "short": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "a bit": lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1])),
    "a letter of the card": lambda path: path.write_bytes(path.read_bytes().replace(b"overnight", b"Overnight")),
    "no card": lambda path: with_metadata(path, lambda metadata: {}),
    "another value": lambda path: with_metadata(path, of_card(value=1.0)),
    "another trial": lambda path: with_metadata(path, of_card(trial=-1)),
    "another name": lambda path: with_metadata(path, of_card(name="other")),
    "another stage": lambda path: with_metadata(path, of_card(stage="linear")),
    "another network": lambda path: with_metadata(path, lambda metadata: metadata | {"spectral_network": "{}"}),
    "the page": lambda path: path.with_suffix(".md").write_text("# Better\n"),
    "no page": lambda path: path.with_suffix(".md").unlink(),
    "the sample": lambda path: path.with_name(f"{path.stem}_sample.safetensors").write_bytes(b"short"),
    "no sample": lambda path: path.with_name(f"{path.stem}_sample.safetensors").unlink(),
    "the archive": lambda path: path.with_name("cifar10_linear.pt2").write_bytes(b"short"),
    "a file more": lambda path: path.with_name("more.safetensors").write_bytes(b""),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_was_altered_is_refused_in_a_sentence(copy, tmp_path, capsys, damage):
    damage(copy / "teacher_student_l2.safetensors")
    assert check(copy, tmp_path / "networks.csv") == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"replication: .*networks/[^\n]*\n", error) and not (tmp_path / "networks.csv").exists()


def test_the_published_table_says_the_same(trained, copy, tmp_path, capsys):
    assert publish_tables(trained, copy.parent) == 0
    assert check(copy, tmp_path / "networks.csv") == 0
    table = pd.read_csv(tmp_path / "networks.csv")
    assert (table["in_table"] == table["value"]).all()
    change(copy.parent, "teacher_student/trials", lambda rows: rows.assign(test_r2=rows["test_r2"] + 1e-6))
    assert check(copy, tmp_path / "networks.csv") == 2
    assert re.search(
        r"teacher_student_l2.*: test_r2 is .* by its card, in the published table", capsys.readouterr().err
    )


def test_no_networks_are_a_table_without_rows(tmp_path):
    assert check(tmp_path / "nothing", tmp_path / "networks.csv") == 0
    assert pd.read_csv(tmp_path / "networks.csv").empty


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
