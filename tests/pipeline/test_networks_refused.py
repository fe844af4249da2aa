"""What is not published of networks, what was altered, and what is refused in a sentence."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from replication.publish import network_commands
from replication.publish.cards import CARD, card_of
from replication.records import io
from small_networks import CIFAR10, HEADS, IMAGES, check, of, publish, rewritten
from small_runs import change, files_in, generate, record_settings, settings_of
from small_runs import publish as publish_tables


def test_the_first_trial_that_did_not_diverge_is_taken_in_order(runs, tmp_path, capsys):
    folder = of(runs, tmp_path / "run", "teacher_student")
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


def test_a_method_without_a_good_network_has_none(runs, tmp_path, capsys):
    assert publish(of(runs, tmp_path / "run", "baselines"), tmp_path / "out") == 0
    said = "baselines_linear: not published, no trial fits the rule: of the first trial that has one the smallest"
    assert said in capsys.readouterr().out and not [*(tmp_path / "out").glob("baselines_linear*")]


def test_what_trained_again_is_another_network_is_left_out(runs, tmp_path, capsys):
    folder = of(runs, tmp_path / "run", "baselines", "cifar100")
    path = folder / "results/baselines/trials/teacher/lasso_random/0-0_trials.parquet"
    rows = io.read_table(path)
    columns = [name for name in rows if name.endswith("_validation_mse") and "retrained" not in name]
    io.write_table(path, rows.assign(**{name: rows[name] * 1.01 for name in columns}))
    assert publish(folder, tmp_path / "out") == 0
    said = r"baselines_lasso_random: not published, trained again here its validation_mse is .*, in the table"
    assert re.search(said, capsys.readouterr().out)
    assert sorted(path.stem for path in (tmp_path / "out").glob("*.md")) == [f"cifar100_probe_{h}" for h in HEADS]


def test_what_is_published_is_not_trained_once_more_unless_asked_for(runs, copy, tmp_path, capsys):
    folder, before = of(runs, tmp_path / "run", "cifar100"), files_in(copy)
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
def test_stand_ins_and_other_sources_are_not_published(runs, tmp_path, capsys, changes, why):
    folder = of(runs, tmp_path / "run", "cifar10")
    rewritten(folder / "results/cifar10/trials/linear/0.provenance.json", lambda about: about | changes)
    assert publish(folder, tmp_path / "out") == 0
    assert f"cifar10_linear: not published, trial 0: {why}\n" in capsys.readouterr().out
    assert not (tmp_path / "out/cifar10_linear.safetensors").exists()


def test_a_smoke_run_is_refused_and_a_larger_scale_stays(runs, networks, copy, tmp_path, capsys):
    folder = Path(shutil.copytree(runs, tmp_path / "run"))
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


def test_too_much_is_refused_before_anything_is_written(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(network_commands, "MOST_BYTES", 10**5)
    assert publish(of(runs, tmp_path / "run", "cifar10"), tmp_path / "out") == 2
    assert re.search(r"out would have [\d,]+ bytes: allowed are at most 100,000\n", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_what_is_published_has_the_tables_metric_on_the_data(runs, tmp_path, capsys):
    folder = Path(shutil.copytree(runs, tmp_path / "run"))
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


def test_the_published_table_says_the_same(runs, copy, tmp_path, capsys):
    assert publish_tables(runs, copy.parent) == 0
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
