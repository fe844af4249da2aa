"""Jobs, data and tables that do not fit: each gives one sentence, exit code 2 and no file."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from command_lines import FIRST, assert_one_sentence, below, job_text, lines, make_inputs, placed, run
from replication import params
from replication.experiment import Experiment
from replication.records import io


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what the verbs read."""
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


def trained(folder, output, stage="regression.trials", /, **changes):
    """Exit code and standard error of a stage's first job, some of whose fields are others."""
    words = lines(Path("FOLDER"))[f"train {stage}"]
    words[words.index("--job") + 1] = job_text(f"train {stage}", **changes)
    return run(*placed(words, folder, output))


NO_NUMBER = json.dumps({"a": float("nan")})
WRONG_JOBS = {
    "no JSON": ("{", "is not JSON"),
    "no job": ("[]", "params = "),
    "nothing in it": ("{}", "name is missing"),
    "a number that is none": (NO_NUMBER, "NaN stands there, allowed are finite numbers"),
    "a number that is too large": ({"keys": {"alpha": 1, "beta": 1e308 * 10}}, "allowed are finite numbers"),
    "a place outside": ({"name": "../../x"}, "name = '../../x'"),
    "a long name": ({"name": "x" * 200}, "at most 150"),
    "a trial below 0": ({"trials": [-1]}, "trials.0 = -1: "),
    "a setting out of range": ({"settings": {"widths": [2, 0, 1]}}, "widths.1 = 0: "),
    "an unknown setting": ({"settings": {"typo": 1}}, "typo is an unknown field"),
    "other data": ({"files": ["images/cifar10.json"]}, "allowed are those of data/<scale>, regression"),
    "data elsewhere": ({"files": ["regression/../../x"]}, "allowed are those of data/<scale>, regression"),
    "no data": ({"files": []}, "data.x_train is missing"),
    "data that are not there": ({"files": ["regression/absent.safetensors"]}, "absent.safetensors"),
    "a seed out of range": ({"root_seed": 2**32}, "root_seed = "),
}


@pytest.mark.parametrize("what", WRONG_JOBS)
def test_a_wrong_job_is_one_sentence(folder, tmp_path, what):
    job, message = WRONG_JOBS[what]
    if isinstance(job, str):
        words = lines(Path("FOLDER"))["train regression.trials"]
        words[words.index("--job") + 1] = job
        code, error = run(*placed(words, folder, tmp_path / "out"))
    else:
        code, error = trained(folder, tmp_path / "out", **job)
    assert code == 2 and message in error, error
    assert_one_sentence(error)
    assert not list(tmp_path.iterdir())


def test_kernels_that_would_not_be_compiled_are_refused_in_one_sentence(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    code, error = trained(folder, tmp_path / "out")
    assert code == 2 and "NUMBA_DISABLE_JIT = 1: allowed is 0" in error
    assert_one_sentence(error)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["regression.typo", "typo.trials", "regression", "", "regression.trials.x"])
def test_a_stage_that_there_is_not_is_one_sentence(tmp_path, name):
    job = job_text("train regression.trials")
    code, error = run("train", name, "--job", job, "--data", tmp_path, "--results", tmp_path)
    assert code == 2 and "allowed are theory.checks, regression.trials, " in error
    assert not list(tmp_path.iterdir())


TEACHER, POINTS = "teacher_student/teacher42_rotations2.safetensors", "regression/points.safetensors"
IMAGES = "images/cifar10.json"


@pytest.mark.parametrize(
    ("stage", "place", "content", "message"),
    [
        ("regression.trials", POINTS, TEACHER, r"x_train has the shape \(512, 10\): allowed is \(points, 2\)"),
        ("regression.trials", "regression/beta5_alpha0.5.safetensors", POINTS, "has no array y_train"),
        ("hyperparameters.regression", POINTS, TEACHER, "x_train has the shape"),
        ("teacher_student.trials", TEACHER, POINTS, "has no array y_train"),
        ("teacher_student.trials", TEACHER, "regression/both", r"x_train has the shape .*: allowed is \(points, 10\)"),
        ("depth.trials", TEACHER, POINTS, "has no array y_train"),
        ("baselines.trials", POINTS, IMAGES, "cannot be read"),
        ("cifar10.trials", IMAGES, TEACHER, "cifar10.json"),
        (
            "cifar100.trials",
            "images/cifar100.json",
            IMAGES,
            "is of the images of cifar10: allowed are those of cifar100",
        ),
        ("cells.trials", IMAGES, POINTS, "cifar10.json"),
    ],
)
def test_data_of_something_else_are_refused(folder, tmp_path, stage, place, content, message):
    copy = Path(shutil.copytree(folder, tmp_path / "inputs"))
    arrays = {f: io.read_arrays(copy / "data/regression" / f"{f}.safetensors") for f in ("points", "beta5_alpha0.5")}
    io.write_arrays(copy / "data/regression/both", arrays["points"] | arrays["beta5_alpha0.5"])
    shutil.copy(copy / "data" / content, copy / "data" / place)
    code, error = trained(copy, tmp_path / "out", stage)
    assert code == 2 and re.search(message, error), error
    assert_one_sentence(error)
    assert not (tmp_path / "out").exists()


def test_a_missing_key_is_one_sentence(folder, tmp_path):
    code, error = trained(folder, tmp_path / "out", "depth.trials", keys={"gain": 1})
    assert code == 2 and "keys.depth is missing" in error, error
    assert_one_sentence(error)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("bug", [KeyError("x"), TypeError("x"), ValueError("x"), ZeroDivisionError("x")], ids=repr)
@pytest.mark.parametrize("verb", ["train regression.trials", "tabulate"])
def test_a_bug_keeps_its_traceback(folder, tmp_path, monkeypatch, verb, bug):
    def broken(*arguments):
        raise bug

    monkeypatch.setattr(Experiment, "load", lambda experiment, path: broken)
    with pytest.raises(type(bug)) as raised:
        run(*placed(lines(Path("FOLDER"))[verb], folder, tmp_path / "out"))
    assert raised.value is bug and not (tmp_path / "out").exists()


def settings_of(name, **changes):
    return {"settings": params.merge(FIRST[f"train {name}"][2].settings, changes)}


@pytest.mark.parametrize(
    ("stage", "changes", "message"),
    [
        ("teacher_student.trials", {"selection_points": 400}, "selection_points = 400: allowed are fewer than the 400"),
        ("teacher_student.linear", {"first_seed": 2**32 - 1}, "first_seed = 4294967295: "),
        ("theory.checks", {"bundles": 0}, "bundles = 0: "),
        ("baselines.trials", {"method": {"options": {"typo": 1}}}, "options {.*'typo': 1.* of "),
        ("baselines.trials", {"method": {"search": "typo"}}, "there is no file src/replication/baselines/typo.py"),
        ("cells.trials", {"batch_size": 10**6}, "batch_size = 1000000: allowed are at most half"),
    ],
)
def test_settings_that_cannot_be_carried_out_are_one_sentence(folder, tmp_path, stage, changes, message):
    code, error = trained(folder, tmp_path / "out", stage, **settings_of(stage, **changes))
    assert code == 2 and re.search(message, error), error
    assert_one_sentence(error)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("verb", "place", "value", "message"),
    [
        ("judge-claims", "--settings", "{}", "holds no settings of a run"),
        ("judge-claims", "--provenance", "{}", "is not a record of tables: it names no commit and fingerprint"),
        ("judge-claims", "table", "", "the column beta is missing"),
        ("record-provenance", 1, "{}", "is missing in one of these records"),
        ("tabulate", None, "{}", "is not a record of a job: commit is missing"),
    ],
)
def test_files_of_something_else_are_refused(folder, tmp_path, verb, place, value, message):
    copy = Path(shutil.copytree(folder, tmp_path / "inputs"))
    other = copy / "other.json"
    words = lines(Path("FOLDER"))[verb]
    if place is None:
        other = next((copy / "results/regression/trials").rglob("*.provenance.json"))
    elif place == "table":
        io.write_table(copy / "results/regression/trials.parquet", pd.DataFrame({"other": [1]}))
    else:
        words[words.index(place) + 1 if isinstance(place, str) else place] = str(other)
    other.write_text(value)
    before = below(copy)
    code, error = run(*placed(words, copy, tmp_path / "out"))
    assert code == 2 and re.search(message, error), error
    assert below(copy) == before and not (tmp_path / "out").exists()


def test_a_table_of_something_else_is_refused(folder, tmp_path):
    copy = Path(shutil.copytree(folder, tmp_path / "inputs"))
    for table in (copy / "results/regression/trials").rglob("*_trials.parquet"):
        io.write_table(table, pd.DataFrame({"other": [1]}))
    before = below(copy)
    code, error = run(*placed(lines(Path("FOLDER"))["tabulate"], copy, tmp_path / "out"))
    assert code == 2 and "regression/trials: the column beta is missing" in error, error
    assert_one_sentence(error)
    assert below(copy) == before


def test_a_job_without_data_needs_no_folder_of_data(tmp_path):
    """In a fresh checkout it can be the first of all, before anything is drawn."""
    code, error = run(
        "train", "teacher_student.linear", "--job", job_text("train teacher_student.linear"),
        "--data", tmp_path / "nothing", "--results", tmp_path / "results",
    )  # fmt: skip
    assert code == 0, error
