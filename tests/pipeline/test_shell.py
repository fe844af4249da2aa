"""No setting reaches a shell: neither through Snakemake nor through DVC."""

import re
import subprocess

import pytest
import yaml

import tiny
from replication import params
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import resolve_settings

pytestmark = [pytest.mark.reliability, pytest.mark.pipeline]
BAD = "Bad input"
TRIED = "settings that would be commands in a shell, through Snakemake and DVC: none was run"
HOSTILE = [
    "smoke; touch sprung",
    "smoke && touch sprung | touch sprung > sprung",
    "$(touch sprung)`touch sprung`",
    "'; touch sprung; '\"; touch sprung; \"",
    "smoke\ntouch sprung",
    "${scale} {scale} {threads}",
]
STAGES = yaml.safe_load((tiny.ROOT / "dvc.yaml").read_text())["stages"]
BASE = params.read_yaml(tiny.ROOT / "params.yaml")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    folder = tiny.copy_of_checkout(tmp_path_factory.mktemp("hostile"))
    return folder, (folder / "params.yaml").read_text()


def tried(checkout, changes, *command):
    """Exit code and output of a command with other settings, that has not run what they say."""
    folder, text = checkout
    (folder / "params.yaml").write_text(text)
    tiny.change_params(folder, changes)
    done = subprocess.run(
        command, cwd=folder, env=tiny.environment(folder), capture_output=True, text=True, check=False
    )
    assert not (folder / "sprung").exists()
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def test_no_command_of_a_stage_holds_a_setting():
    assert all(re.fullmatch(r"snakemake( \w+)?", stage["cmd"]) for stage in STAGES.values())


@pytest.mark.parametrize("text", HOSTILE)
def test_a_scale_that_is_a_command_is_refused_and_not_run(checkout, text, evidence):
    scale = {"scale": text, "scales": {text: BASE["scales"]["smoke"]}}  # so that DVC finds its overlay
    code, output = tried(checkout, scale, "dvc", "repro", "theory")
    assert code != 0 and ("allowed are smoke, laptop, overnight, paper" in output or "snakemake" not in output)
    evidence(BAD, TRIED)


def texts(settings, path=()):
    """The place of every text below the settings."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from texts(value, (*path, key))
        elif isinstance(value, str):
            yield (*path, key)


def nested(path, value):
    return {path[0]: nested(path[1:], value)} if path else value


OPEN = [("images", "files", "cifar10"), ("images", "files", "cifar100"), ("cells", "table")]  # null, as they stand
TEXTS = [*texts({key: value for key, value in BASE.items() if key != "scales"}), *OPEN]


@pytest.mark.parametrize("text", HOSTILE)
def test_every_other_text_is_refused_or_is_one_word(checkout, text, evidence):
    """What the settings' own checks let through is given to Snakemake, with a file where one is named."""
    folder, tiny_text = checkout
    taken = {}
    for path in TEXTS:
        try:
            resolve_settings(BASE, params.merge({"scale": "smoke"}, nested(path, text)))
        except params.ParameterError:
            evidence(BAD, TRIED)
        else:
            taken = params.merge(taken, nested(path, text))
    assert all(path in OPEN or "options" in path for path in texts(taken))
    (folder / text).write_bytes(b"")
    few = {"baselines": {"methods": ["sparcs_l1"]}}
    (folder / "params.yaml").write_text(tiny_text)
    settings = resolve_settings(params.read_yaml(folder / "params.yaml"), few)
    [job, *_] = EXPERIMENTS["baselines"].stage("trials").jobs(settings)
    targets = ["data/smoke/images/cifar10.json", f"results/smoke/baselines/trials/{job.name}.provenance.json"]
    code, output = tried(
        checkout, params.merge(taken, {"scales": {"smoke": few}}), "snakemake", "--cores", "1", *targets
    )
    assert code == 1 and "rule search_baselines" in output, output
    assert ("rule prepare_images" in output) == ("images" in taken), output
    evidence(BAD, TRIED, len([*texts(taken)]))


def test_an_option_of_no_search_is_refused_whatever_its_name(checkout):
    options = {"baselines": {"catalogue": {"gaea": {"options": {"{seed}": "{a} $(touch sprung)"}}}}}
    code, output = tried(checkout, options, "snakemake", "-n", "tabulate_baselines")
    assert code == 2 and "options.{seed}: allowed are options of gaea, levels, rate" in output, output
