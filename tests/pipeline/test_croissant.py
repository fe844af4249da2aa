"""The generated data sets in Croissant's form: opened by rdflib, and by mlcroissant where that is installed."""

import json
import os
import shutil
import subprocess
from hashlib import sha256

import numpy as np
import pytest
from rdflib import RDF, Graph, Namespace

import tiny
from command_lines import assert_one_sentence, run
from replication.data import regression
from replication.records.io import read_arrays

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")  # rdflib's own
POINTS = {"points": 50, "data_seed": 42, "held_out_points": 40, "held_out_seed": 43}
MEMBERS = {"points": [], "low": ["--alpha", "0.25", "--beta", "5.0"], "high": ["--alpha", "1.0", "--beta", "5.0"]}
TEACHER = ["--settings", json.dumps({"points": 30, "test_points": 20}), "--size", "4", "--seed", "42"]
CR, SCHEMA = Namespace("http://mlcommons.org/croissant/"), Namespace("https://schema.org/")


def draw(verb, folder, name, *options):
    files = ["--output", folder / f"{name}.safetensors", "--metadata", folder / f"{name}.json"]
    assert run(verb, *options, *files) == (0, "")


@pytest.fixture(scope="module", params=["regression", "teacher_student"])
def folder(request, tmp_path_factory):
    """A folder with one family's data and its description."""
    folder = tmp_path_factory.mktemp("data") / request.param
    if request.param == "regression":
        for name, options in MEMBERS.items():
            draw("generate-regression-data", folder, name, "--settings", json.dumps(POINTS), *options)
    else:
        draw("generate-teacher-data", folder, "teacher42", *TEACHER, "--rotations", "2")
    described = folder / "croissant.json"
    assert run("describe-data", request.param, *folder.glob("*.json"), "--output", described) == (0, "")
    return folder


def rows(description, name):
    """A table that stands in the description, its columns by their own names."""
    (found,) = [each for each in description["recordSet"] if each["name"] == name]
    assert {column for row in found["data"] for column in row} == {field["@id"] for field in found["field"]}
    return [{column.split("/")[1]: value for column, value in row.items()} for row in found["data"]]


def test_every_file_that_it_names_is_there_with_its_digest(folder):
    here = Namespace("http://data.example/")
    graph = Graph().parse(folder / "croissant.json", format="json-ld", publicID=here)  # its terms stand in it
    (dataset,) = graph.subjects(RDF.type, SCHEMA.Dataset)
    assert graph.value(dataset, SCHEMA.name).value == folder.name
    files = {file.removeprefix(here): file for file in graph.objects(dataset, SCHEMA.distribution)}
    assert {*files} == {path.name for path in folder.glob("*.safetensors")}
    for name, file in files.items():
        content = (folder / name).read_bytes()
        assert (file, RDF.type, CR.FileObject) in graph and graph.value(file, SCHEMA.contentUrl).value == name
        assert graph.value(file, SCHEMA.sha256).value == sha256(content).hexdigest()
        assert graph.value(file, SCHEMA.contentSize).value == f"{len(content)} B"


def test_its_tables_say_what_the_files_hold(folder):
    description = json.loads((folder / "croissant.json").read_text())
    named = {(row["file"], row["array"]): (row["dtype"], row["shape"]) for row in rows(description, "arrays")}
    for path in folder.glob("*.safetensors"):
        for array, value in read_arrays(path).items():
            assert named.pop((path.name, array)) == (str(value.dtype), " × ".join(map(str, value.shape)))
    assert not named
    for row in rows(description, "data_sets"):
        held = read_arrays(folder / row.pop("file"))
        if folder.name == "regression":
            y = regression.target(regression.points(POINTS["points"], POINTS["data_seed"]), **row)
            np.testing.assert_array_equal(held["y_train"], y.astype(np.float32))
        else:
            assert row == {"n": 4, "seed": 42, "rotations": 2} and held["w1"].shape == (4, 4)


def test_mlcroissant_finds_no_error(folder):
    validator = shutil.which("mlcroissant", path=f"{tiny.BIN}{os.pathsep}{os.environ['PATH']}")
    if not validator:
        pytest.skip("description not checked by mlcroissant: it is not installed")
    command = [validator, "validate", "--jsonld", folder / "croissant.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "error(s)" not in done.stderr, done.stderr


def test_what_is_no_record_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "a.json").write_text('{"what": "a table"}')
    code, error = run("describe-data", "regression", tmp_path / "a.json", "--output", tmp_path / "croissant.json")
    assert code == 2 and "a.json" in error and not (tmp_path / "croissant.json").exists()
    assert_one_sentence(error)
