"""The crate of a run, written with rocrate and opened again with rdflib, without a network."""

import json
import os
import shutil
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest
from rdflib import RDF, Graph, Namespace, URIRef

from command_lines import assert_one_sentence, run
from replication.publish.crate import METADATA, PROFILES, TERMS

ROOT = Path(__file__).parents[2]
HERE = Namespace("http://crate.example/")  # where the crate's own files are, for rdflib
SCHEMA, DCTERMS = Namespace("http://schema.org/"), Namespace("http://purl.org/dc/terms/")
WORKFLOW = URIRef("https://bioschemas.org/terms/ComputationalWorkflow")
# rocrate ships the terms of version 1.3, which has all of 1.1 and sha256: nothing is fetched.
CONTEXT = json.loads((files("rocrate") / "data/ro-crate.jsonld").read_text())["@context"]
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")  # rdflib's own


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small part of what is published, with its crate."""
    folder = tmp_path_factory.mktemp("crate") / "results"
    folder.mkdir()
    for name in ("claims.csv", "core_minutes.csv", "provenance.json", "settings.json"):
        shutil.copy(ROOT / "results/published" / name, folder)
    shutil.copytree(ROOT / "results/published/theory", folder / "theory")
    assert run("build-crate", folder) == (0, "")
    return folder


@pytest.fixture(scope="module")
def graph(folder):
    described = json.loads((folder / METADATA).read_text())
    assert described["@context"] == ["https://w3id.org/ro/crate/1.1/context", TERMS]
    known = set(CONTEXT) | {"@id", "@type"}
    assert {name for entity in described["@graph"] for name in entity} <= known
    return Graph().parse(data=json.dumps(described | {"@context": CONTEXT}), format="json-ld", publicID=HERE)


def test_every_file_that_it_names_is_there_with_its_digest(folder, graph):
    named = {str(file).removeprefix(HERE): file for file in graph.objects(HERE[""], SCHEMA.hasPart)}
    there = {path.relative_to(folder).as_posix() for path in folder.glob("**/*") if path.is_file()}
    assert {*named} == there - {METADATA} and "theory/identities.parquet" in there
    for name, file in named.items():
        content = (folder / name).read_bytes()
        assert graph.value(file, SCHEMA.sha256).value == sha256(content).hexdigest()
        assert graph.value(file, SCHEMA.contentSize).value == str(len(content))
        assert (file, RDF.type, SCHEMA.MediaObject) in graph


def test_it_says_which_workflow_made_what_from_what(graph):
    workflow = graph.value(HERE[""], SCHEMA.mainEntity)
    assert workflow == HERE["workflow/Snakefile"] and (workflow, RDF.type, WORKFLOW) in graph
    assert {str(each) for each in graph.objects(HERE[""], DCTERMS.conformsTo)} == {*PROFILES}
    run = HERE["#run"]
    assert (run, RDF.type, SCHEMA.CreateAction) in graph and (run, SCHEMA.instrument, workflow) in graph
    assert (run, SCHEMA.object, HERE["settings.json"]) in graph and (run, SCHEMA.result, HERE["claims.csv"]) in graph
    assert (HERE["#theory"], SCHEMA.result, HERE["theory/identities.parquet"]) in graph
    record = json.loads((ROOT / "results/published/provenance.json").read_text())
    assert graph.value(run, SCHEMA.endTime).value == f"{record['date'].replace(' ', 'T')}+00:00"
    actions = {str(each).removeprefix(HERE["#"]) for each in graph.objects(HERE[""], SCHEMA.mentions)}
    assert actions == {"run", *record["experiments"]}
    for name, each in record["experiments"].items():
        assert each["machine"] in graph.value(HERE[f"#{name}"], SCHEMA.description)


def test_it_is_the_same_for_the_same_files(folder):
    before = (folder / METADATA).read_bytes()
    for path in folder.glob("**/*"):
        os.utime(path, (0, 0))
    assert run("build-crate", folder) == (0, "") and (folder / METADATA).read_bytes() == before


def test_a_folder_without_records_is_refused_in_a_sentence(tmp_path):
    for name in ("provenance.json", "settings.json"):
        (tmp_path / name).write_text("{}")
    code, error = run("build-crate", tmp_path)
    assert code == 2 and str(tmp_path) in error
    assert_one_sentence(error)
    assert {path.name for path in tmp_path.iterdir()} == {"provenance.json", "settings.json"}
