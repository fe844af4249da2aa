"""Bad params.yaml and command lines: each gives a valid run, or one sentence, exit code 2 and no file."""

import contextlib
import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from command_lines import BASE, ROOT, SMOKE, assert_one_sentence, below, lines, make_inputs, placed, run
from replication import cli, params
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import SCALES, resolve_settings
from replication.jobs import commands as jobs
from replication.training.work import WorkError

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
            for stage in (stage for each in EXPERIMENTS.values() for stage in each.stages):
                assert all(job.name for job in stage.jobs(resolved))
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


MINUTES = {"execute-notebook"}  # when valid, these need some
CHEAP = {"regression.trials", "teacher_student.trials", "teacher_student.linear", "hyperparameters.regression"}


def without_training(*arguments, **named):
    """In place of a training that would take its time: whatever stands before it has been looked at."""
    raise WorkError("not trained here")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what the verbs read."""
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
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
    verb, *given = draw(st.sampled_from([*lines(Path("FOLDER")).values()]))
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


def assert_refused_whole(folder, words, carried_out):
    """A command line is carried out, or refused in one sentence and leaves no file."""
    output, here, before = folder.parent / "out", folder.parent / "here", below(folder)
    for left in (output, here):  # by a case before that did not hold
        shutil.rmtree(left, ignore_errors=True)
    (here / "below").mkdir(parents=True)
    code, error = carried_out(placed(words, folder, output), here / "below")
    assert code in (0, 2), error
    if code == 2:
        assert_one_sentence(error)
        assert not output.exists() or not below(output), error
        assert not below(here) and below(folder) == before, error
    for made in (output, here):
        shutil.rmtree(made, ignore_errors=True)


@OFTEN
@given(command_lines())
def test_command_lines_that_were_changed_anywhere(folder, evidence, words):
    def carried_out(words, place):
        with pytest.MonkeyPatch.context() as patch, contextlib.chdir(place):
            for name in MINUTES:
                patch.setattr(cli.Verbs().get_command(None, name), "callback", lambda **options: None)
            if not CHEAP & {*words}:
                patch.setattr(jobs, "carry_out", without_training)
            return run(*words)

    assert_refused_whole(folder, words, carried_out)
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
@given(command_lines().filter(lambda words: words[0] not in MINUTES and (words[0] != "train" or CHEAP & {*words})))
def test_command_lines_in_a_process_of_their_own(folder, evidence, words):
    def carried_out(words, place):
        command = [os.fsencode(word) for word in (sys.executable, "-m", "replication", *words)]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, errors="replace", check=False)
        return done.returncode, done.stderr

    assert_refused_whole(folder, words, carried_out)
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


RUNS = [name for name in lines(Path("FOLDER")) if not name.startswith("train") or CHEAP & {*name.split()}]


@pytest.mark.parametrize("name", sorted({*RUNS} - MINUTES - {"publish", "publish-networks"}))  # refuse smoke
def test_the_lines_that_are_changed_are_valid(folder, tmp_path, name):
    code, error = run(*placed(lines(Path("FOLDER"))[name], folder, tmp_path / "out"))
    assert code == 0, error


@pytest.mark.parametrize("experiment", ["cells", "cifar10", "cifar100"])
def test_no_table_is_made_of_no_job(tmp_path, experiment):
    code, error = run("tabulate", experiment, "--jobs", "{}", "--results", str(tmp_path))
    assert code == 2 and "at least 1 item" in error
    assert not list(tmp_path.iterdir())


def test_a_process_that_has_no_number_is_named(monkeypatch):
    monkeypatch.setenv("SPARCS_ENDS_WITH", "abc")
    assert run("--version") == (2, "replication: SPARCS_ENDS_WITH = 'abc': allowed is the number of a process\n")
