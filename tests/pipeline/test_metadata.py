"""What machines read about the project: one version, one licence, one paper, in the forms that they ask for."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import tiny

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
CODEMETA, ZENODO = (json.loads((ROOT / name).read_text()) for name in ("codemeta.json", ".zenodo.json"))


def test_they_name_one_version_and_the_changelog_has_it_with_a_day():
    assert {each["version"] for each in (PROJECT, CITATION, CODEMETA, ZENODO)} == {PROJECT["version"]}
    (newest, *_) = re.findall("^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert re.fullmatch(rf"{re.escape(PROJECT['version'])} \((unreleased, )?\d{{4}}-\d\d-\d\d\)", newest)


def test_they_name_one_licence_one_author_and_one_paper():
    assert {PROJECT["license"], CITATION["license"], ZENODO["license"], CODEMETA["license"].split("/")[-1]} == {"MIT"}
    named = [each["authors"] for each in (PROJECT, CITATION)] + [CODEMETA["author"], ZENODO["creators"]]
    assert len({author["name"] for authors in named for author in authors}) == 1
    (paper,), (related,) = CITATION["references"], ZENODO["related_identifiers"]
    same = CODEMETA["referencePublication"]
    assert {related["identifier"], same["identifier"], paper["identifiers"][0]["value"]} == {"arXiv:2504.00885"}
    assert {paper["url"], same["url"], *PROJECT["urls"].values()} == {"https://arxiv.org/abs/2504.00885"}
    assert paper["title"] == same["name"] and paper["title"] in CODEMETA["description"]
    names = [(author["given-names"], author["family-names"]) for author in paper["authors"]]
    assert names == [(author["givenName"], author["familyName"]) for author in same["author"]]
    assert CITATION["title"] == ZENODO["title"] and CODEMETA["keywords"] == ZENODO["keywords"]


def test_the_citation_follows_its_schema():
    tiny.run(
        ROOT,
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.citation-file-format",
        "CITATION.cff",
    )


def test_codemeta_asks_for_what_the_package_asks_for():
    assert CODEMETA["@context"] == "https://w3id.org/codemeta/3.0" and CODEMETA["@type"] == "SoftwareSourceCode"
    assert CODEMETA["softwareRequirements"] == [Requirement(each).name for each in PROJECT["dependencies"]]


def test_zenodo_knows_its_fields():
    known = {"title", "description", "version", "upload_type", "access_right", "license", "language", "creators"}
    assert {*ZENODO} == known | {"keywords", "related_identifiers"}
    assert (ZENODO["upload_type"], ZENODO["access_right"]) == ("software", "open")


def test_the_workflow_catalog_finds_what_it_asks_for():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    deployment = usage["software-stack-deployment"]
    assert {*deployment} == {"conda", "apptainer", "apptainer+conda", "report"} and deployment["apptainer"]
    assert (ROOT / "workflow/Snakefile").exists() and "params.yaml" in (ROOT / "config/README.md").read_text()
    rules = "\n".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert "container:" in rules and "conda:" not in rules


@pytest.mark.environments
def test_pypi_would_show_the_package(tmp_path):
    """`twine check --strict` renders the description; uv fetches twine for it."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "build", "--quiet", "--out-dir", tmp_path, ROOT], check=True)
    built = [*tmp_path.glob("*.whl"), *tmp_path.glob("*.tar.gz")]
    assert len(built) == 2
    subprocess.run([*uv, "tool", "run", "--quiet", "twine", "check", "--strict", *built], check=True)
