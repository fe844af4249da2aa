"""Bad params.yaml and command lines: each gives a valid run, or one sentence, exit code 2 and no file."""

import contextlib
import copy
import json
import os
import re
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from command_lines import BASE, ROOT, SMOKE, lines, placed
from replication import cli, params
from replication.experiments.settings import SCALES, resolve_settings
from replication.records import io

BIN = Path(sys.executable).parent
TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")
OFTEN = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
RARELY = settings(OFTEN, max_examples=20)
BAD = "Bad input"
FILES = "files of settings: changed at random, cut short, not text, or made to harm careless readers"

pytestmark = pytest.mark.reliability
DEEP = "[" * 3_000
BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
TEXTS = [
    BOMB,
    "a: &a [*a]",
    "a: &a {<<: *a}",
    DEEP,
    "{" * 3_000,
    "a: " + "9" * 5000,
    "2001-99-99",
    "a: 2001-99-99",
    "? [a]\n: b",
    "a: 1\na: 2",
    "\0",
    "!!python/object/apply:os.system [ls]",
    "a: !!binary x",
    "a: 0x",
    "a: 1:99:99",
    "---\n---\n",
    "%",
    "\t",
]
NUMBERS = [-1, 0, 1, 2, 1.5, 10**30, -(10**30), 1e308, float("nan"), float("inf"), 2**32, True]
leaf = st.sampled_from(
    [*NUMBERS, None, "", "l2", "1e-3", "9" * 5000, "a\nb", "../../x", [], {}, [[]], {"": {}}]
) | st.text(max_size=4)
garbage = st.recursive(
    leaf,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def places(value, prefix=()):
    """The path of every key and index below a value."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*prefix, key)
        yield from places(value[key], (*prefix, key))


@st.composite
def mutated(draw, value, most=3):
    """A copy of nested mappings and lists with some of its parts dropped, added, renamed, wrapped or replaced."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, most))):
        paths = list(places(value))
        if not paths:
            return value
        *path, key = draw(st.sampled_from(paths))
        inside = value
        for step in path:
            inside = inside[step]
        kind = draw(st.sampled_from(["drop", "add", "replace", "replace", "replace", "wrap", "double"]))
        if kind == "drop":
            del inside[key]
        elif kind == "add" and isinstance(inside, dict):
            inside[draw(st.sampled_from(["x", "", 1, None, "a\nb"]))] = draw(garbage)
        elif kind == "wrap":
            inside[key] = draw(st.sampled_from([lambda v: [v], lambda v: {"x": v}, lambda v: str(v)]))(inside[key])
        elif kind == "double" and isinstance(inside, list):
            inside.append(inside[key])
        else:
            inside[key] = draw(garbage)
    return value


def run(*arguments):
    """Exit code and standard error of one verb."""
    with contextlib.redirect_stderr(StringIO()) as error, contextlib.redirect_stdout(StringIO()):
        try:
            cli.main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            return stopped.code or 0, error.getvalue()
    raise AssertionError("a verb always exits")


def assert_one_sentence(error, program="replication"):
    last = error.splitlines()[-1]
    assert last.startswith(f"{program}: ") and len(last) < 600 and "Traceback" not in error, error


def below(folder):
    """Every file below a folder, with its content."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("params")


def try_params(folder, content):
    """A params.yaml with this content is read, or refused in one sentence."""
    path, output = folder / "params.yaml", folder / "out" / "settings.json"
    path.write_bytes(content)
    code, error = run("record-settings", "--params-file", path, "--output", output)
    assert code in (0, 2)
    assert output.exists() == (code == 0)
    if code:
        assert_one_sentence(error)
    shutil.rmtree(output.parent, ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def nothing_else(evidence):
    """What the tests of this module assert of every case."""
    yield
    evidence(BAD, "cases that ended in a traceback or in more than one sentence", 0)
    evidence(BAD, "files left by a refused case", 0)


@OFTEN
@given(mutated(BASE))
def test_params_that_were_changed_anywhere(evidence, values):
    for scale in SCALES:
        try:
            resolved = resolve_settings(values, {"scale": scale})
        except params.ParameterError as error:
            assert "\n" not in str(error) and len(str(error)) < 600
        else:
            assert resolved.sweeps() and resolved.regression_data_sets() and resolved.depth.jobs()
    evidence(BAD, "settings changed at random, at every scale")


@settings(OFTEN, max_examples=30)
@given(mutated(BASE))
def test_a_params_file_that_was_changed_anywhere(place, evidence, values):
    try_params(place, yaml.safe_dump(values, allow_unicode=True).encode("utf-8", "surrogatepass"))
    evidence(BAD, FILES)


@settings(OFTEN, max_examples=30)
@given(
    st.sampled_from(TEXTS).map(str.encode)
    | st.binary(max_size=40)
    | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.integers(0, len(TEXT)).map(lambda length: TEXT[:length].encode())
    | st.tuples(st.sampled_from(TEXTS), st.integers(0, 40)).map(
        lambda pair: "\n".join([*TEXT.splitlines()[: pair[1]], pair[0], *TEXT.splitlines()[pair[1] :]]).encode()
    )
)
def test_any_text_as_params(place, evidence, content):
    try_params(place, content)
    evidence(BAD, FILES)


@pytest.mark.parametrize("content", TEXTS, ids=range(len(TEXTS)))
def test_texts_that_harm_careless_readers(place, evidence, content):
    try_params(place, content.encode())
    evidence(BAD, FILES)


ONLY_PARSED = ("check_theory", "train_depth", "execute_notebook")  # when valid, these need seconds


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what the verbs read."""
    folder = tmp_path_factory.mktemp("inputs")
    valid = lines(folder)
    for verb, names in (
        ("generate-regression-data", {"OUT": folder}),
        (
            "train-regression",
            {"OUT/p": folder / "one/beta5_alpha1/0-1.safetensors", "OUT/t": folder / "one/beta5_alpha1/0-1.parquet"},
        ),
        ("generate-teacher-data", {"OUT/t": folder / "teacher42_rotations2.safetensors", "OUT/m": folder / "m.json"}),
    ):
        code, error = run(verb, *(names.get(word, word) for word in valid[verb]))
        assert code == 0, error
    values = SMOKE.model_dump(mode="json")
    io.write_json(folder / "settings.json", {"scale": "smoke", "paper": values, "run": values})
    io.write_json(folder / "provenance.json", {"experiments": {}})
    (folder / "text").write_text("not what you think\n")
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "rule.tsv").write_text("s\tcpu_time\tmax_rss\n1.5\t1.2\t300\n")
    (folder / "benchmarks" / "rule.json").write_text('{"core_seconds": 1.2}')
    return folder


WORDS = [
    "",
    " ",
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "1.5",
    "1e400",
    "9" * 30,
    "9" * 5000,
    "null",
    "true",
    "[]",
    "{}",
    "[[]]",
    '[1, "a"]',
    "[NaN]",
    DEEP,
    '{"a": ' * 5000,
    '{"a": NaN}',
    "9-3",
    "0-99999999999",
    "--",
    "-",
    "--help",
    "--settings",
    "é",
    "\udcff",
    "a\nb",
    "x" * 5000,
    ".",
    "missing/file",
    "FOLDER",
    "FOLDER/text",
    "FOLDER/text/below",
]


@st.composite
def command_lines(draw):
    """A verb and its arguments, some of them wrong; files stand for places in a folder that is not known yet."""
    valid = lines(Path("FOLDER"))
    verb = draw(st.sampled_from(sorted(valid)))
    given = [str(word) for word in valid[verb]]
    words = list(given)
    for _ in range(draw(st.integers(1, 2))):
        k = draw(st.integers(0, len(words)))
        kind = draw(st.sampled_from(["replace", "replace", "mutate", "mutate", "drop", "insert", "double", "swap"]))
        if kind == "insert" or k == len(words):
            words.insert(k, draw(st.sampled_from(WORDS) | st.text(st.characters(exclude_characters="\0/"), max_size=5)))
        elif kind == "drop":
            del words[k]
        elif kind == "double":
            words[k:k] = words[k : k + 2]
        elif kind == "swap":
            other = draw(st.integers(0, len(words) - 1))
            words[k], words[other] = words[other], words[k]
        elif kind == "mutate" and words[k] in given and words[k][0] in "{[":
            words[k] = json.dumps(draw(mutated(json.loads(words[k]), most=2)))
        else:
            words[k] = draw(st.sampled_from(WORDS))
    return [verb, *words]


@OFTEN
@given(command_lines())
def test_command_lines_that_were_changed_anywhere(folder, evidence, words):
    output, before = folder.parent / "out", below(folder)
    here = folder.parent / "here"
    for left in (output, here):  # by a case before that did not hold
        shutil.rmtree(left, ignore_errors=True)
    (here / "below").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(here / "below"):
        for name in ONLY_PARSED:
            command = cli.Verbs().get_command(None, name.replace("_", "-"))
            patch.setattr(command, "callback", lambda **options: None)
        code, error = run(*placed(words, folder, output))
    assert code in (0, 2), error
    if code == 2:
        assert_one_sentence(error)
        assert not output.exists() or not below(output), error
        assert not below(here), error
        assert below(folder) == before
    for made in (output, here):
        shutil.rmtree(made, ignore_errors=True)
    evidence(BAD, "command lines changed at random")


@pytest.mark.parametrize(
    ("name", "message"), [("a folder", "is not the name of a file"), ("a file/below", "is not a folder")]
)
@pytest.mark.parametrize("option", ["--output", "--metadata"])
def test_a_name_that_no_file_can_have_is_refused_before_anything_is_written(tmp_path, name, message, option):
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a file").write_text("")
    before = below(tmp_path)
    places = {"--output": tmp_path / "t", "--metadata": tmp_path / "m"} | {option: tmp_path / name}
    settings = ["--settings", '{"points": 60, "test_points": 50}', "--size", 3, "--seed", 42, "--rotations", 2]
    code, error = run("generate-teacher-data", *settings, *(word for pair in places.items() for word in pair))
    assert code == 2 and message in error and below(tmp_path) == before


@pytest.mark.parametrize("name", ["x" * 5000, "é" * 100, "x" * 200 + "/i"])
def test_a_name_that_is_too_long_is_refused_before_anything_is_written(tmp_path, name):
    settings = SMOKE.images.model_dump_json()
    code, error = run("prepare-images", "cifar10", "--settings", settings, "--output", tmp_path / name)
    assert code == 2 and "allowed are names of at most 150 bytes" in error
    assert_one_sentence(error)
    assert not list(tmp_path.iterdir())


@RARELY
@given(command_lines().filter(lambda words: words[0].replace("-", "_") not in ONLY_PARSED))
def test_command_lines_in_a_process_of_their_own(folder, evidence, words):
    output, before = folder.parent / "out", below(folder)
    here = folder.parent / "here" / "below"
    here.mkdir(parents=True, exist_ok=True)
    command = [os.fsencode(word) for word in (sys.executable, "-m", "replication", *placed(words, folder, output))]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode in (0, 2), done.stderr
    if done.returncode == 2:
        assert_one_sentence(done.stderr)
        assert not output.exists() or not below(output), done.stderr
        assert not below(here), done.stderr
        assert below(folder) == before
    for made in (output, here):
        shutil.rmtree(made, ignore_errors=True)
    evidence(BAD, "command lines changed at random, each in a process of its own")


@pytest.mark.pipeline
@pytest.mark.parametrize(
    "config",
    [
        "regression={alphas: [.nan]}",
        "regression={trials: 1000000}",
        "regression={training: {epochs: {a: [1, 2]}}}",
        "teacher_student={ensembles: {Bad Name: {trials: 1}}}",
        "cifar10=[1, 2]",
        "depth={teacher: {depths: [1, 1]}}",
    ],
)
def test_a_workflow_with_a_wrong_setting(tmp_path, evidence, config):
    command = [
        BIN / "snakemake",
        "--snakefile",
        ROOT / "workflow" / "Snakefile",
        "--directory",
        tmp_path,
        "--cores",
        "1",
    ]
    done = subprocess.run([*command, "--config", "scale=smoke", config], capture_output=True, text=True, check=False)
    output = (done.stdout + done.stderr).strip()
    assert done.returncode != 0
    assert_one_sentence(output, "snakemake")
    assert not [path for path in below(tmp_path) if ".snakemake" not in path.parts]
    evidence(BAD, "workflows with a wrong setting")


NEEDS_MORE = {
    "publish",
    "tabulate-depth",
    "record-provenance",
    "judge-claims",
    "check-theory",
    "train-depth",
    "execute-notebook",
}  # files that only a whole run makes, or seconds


SELECTING = {"selection_points": 50}  # as many as there are to test on


@pytest.mark.parametrize(
    ("verb", "option", "value", "message"),
    [
        ("fit-linear", "--first-seed", 2**32 - 1, "teachers = 2: allowed are at most 1 from that first seed"),
        ("train-regression", "--points", "FOLDER/teacher42_rotations2.safetensors", "x_train has the shape .60, 3.: "),
        ("train-regression", "--targets", "FOLDER/points.safetensors", "has no array y_train"),
        ("train-teacher-student", "--teacher", "FOLDER/points.safetensors", "has the shape .*: allowed is .points, 3."),
        ("sweep-teacher-student", "--teacher", "FOLDER/beta5_alpha1.safetensors", "has no array x_train"),
        ("train-teacher-student", "--settings", SELECTING, "selection_points = 50: allowed are fewer than its 50"),
        ("train-depth", None, "FOLDER/beta5_alpha1.safetensors", "has no array x_train"),
        ("judge-claims", "--settings", "FOLDER/beta5_alpha1.json", "holds no settings of a run"),
        ("judge-claims", "--provenance", "FOLDER/beta5_alpha1.json", "is not a record of tables: it names no commit"),
        ("judge-claims", None, "FOLDER/regression/trials.parquet", "is missing in one of these tables"),
        ("record-provenance", None, "FOLDER/beta5_alpha1.json", "is not a record of a job: commit is missing"),
    ],
)
def test_files_of_something_else_are_refused(folder, tmp_path, verb, option, value, message):
    (folder / "beta5_alpha1.json").write_text("{}")
    io.write_table(folder / "regression" / "trials.parquet", pd.DataFrame({"other": [1]}))
    words = list(map(str, lines(Path("FOLDER"))[verb]))
    place = words.index(option) + 1 if option else 0
    words[place] = json.dumps(json.loads(words[place]) | value) if isinstance(value, dict) else str(value)
    code, error = run(*placed([verb, *words], folder, tmp_path / "out"))
    (folder / "beta5_alpha1.json").unlink()
    shutil.rmtree(folder / "regression")
    assert code == 2 and re.search(message, error), error
    assert not (tmp_path / "out").exists()


def test_a_sweep_is_gathered_from_its_own_tables(tmp_path):
    io.write_table(tmp_path / "other.parquet", pd.DataFrame({"penalty": ["l2"]}))
    code, error = run("tabulate-hyperparameters", str(tmp_path / "other.parquet"), "--output", str(tmp_path / "out"))
    assert code == 2 and error.endswith("other.parquet is not a table of the sweep: experiment is missing\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("experiment", ["cells", "cifar10", "cifar100"])
def test_no_table_is_made_of_no_job(tmp_path, experiment):
    code, error = run("tabulate", experiment, "--jobs", "{}", "--results", str(tmp_path))
    assert code == 2 and "at least 1 item" in error
    assert not list(tmp_path.iterdir())


def test_a_process_that_has_no_number_is_named(monkeypatch):
    monkeypatch.setenv("SPARCS_ENDS_WITH", "abc")
    assert run("--version") == (2, "replication: SPARCS_ENDS_WITH = 'abc': allowed is the number of a process\n")


@pytest.mark.parametrize("verb", sorted(set(lines(Path("FOLDER"))) - NEEDS_MORE))
def test_the_lines_that_are_changed_are_valid(folder, tmp_path, verb):
    code, error = run(*placed([verb, *map(str, lines(Path("FOLDER"))[verb])], folder, tmp_path / "out"))
    assert code == 0, error
