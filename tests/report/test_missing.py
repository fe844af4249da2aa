"""The page of what is missing: its counts are those of the published tables, its commands exist, its links lead on."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from replication.records.io import read_measures
from replication.site.pages import document

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results/published"
PAGE = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in PAGE.splitlines() if line.startswith("| ")]


def table(name):
    path = PUBLISHED / f"{name}.parquet"
    return read_measures(path) if path.exists() else pd.DataFrame()


def published(planned):
    """What a row says is published."""
    (found,) = [row[1] for row in ROWS if row[0].startswith(planned)]
    return found


def counts(name, *by):
    """The trials of each kind in a published table."""
    return table(name).groupby(list(by))["trial"].nunique()


def test_the_counts_are_those_of_the_published_tables():
    assert {published("100 seeds of each head of experiment 3")} == set(counts("cifar10/trials", "head").astype(str))
    (passes,) = set(counts("cifar100/trials", "head"))
    assert published("100 passes of each head of experiment 4").startswith(f"{passes}, on EfficientNet-lite0 at 64")
    networks = table("teacher_student/trials").groupby("ensemble").size()
    others = networks.drop(["l2", "authors_last"])
    assert published("100 seeds of the authors' last student") == f"{networks['authors_last']}"
    said = f"{networks['l2']}, and {others.min()} to {others.max()} of each other kind"
    assert published("100 seeds of experiment 2") == said
    sweep = table("hyperparameters/trials").query("experiment == 'teacher_student'")
    (seeds,) = set(sweep.groupby(["penalty", "rho"])["trial"].nunique())
    assert published("100 seeds of its sweep") == f"{seeds}"


@pytest.mark.parametrize(
    "planned, rows",
    [
        ("the same searches without", lambda: table("cells/without_none")),
        ("real tables", lambda: table("tabular/trials")),
        ("probes on features of larger", lambda: table("cifar100/probes").query("input_size > 64")),
        ("networks of any depth with a price", lambda: table("depth/priced")),
    ],
)
def test_what_is_said_to_be_published_not_at_all_is_not(planned, rows):
    assert published(planned) == "none" and rows().empty


def test_every_command_names_a_rule_a_marker_or_a_file_that_is_there():
    commands = [row[-1].strip("`") for row in ROWS if row[-1].startswith("`")]
    asked = {re.match(r"snakemake (\w+)", command)[1] for command in commands if command.startswith("snakemake")}
    listed = subprocess.run(
        [sys.executable, "-m", "snakemake", "--list-rules"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert len(asked) > 5 and asked <= {line.split()[0] for line in listed.stdout.splitlines() if line}
    tests = [command for command in commands if command.startswith("pytest")]
    assert tests == ["pytest tests/experiments/test_subnormals.py", "pytest -m environments"]
    assert (ROOT / tests[0].split()[1]).exists() and "environments:" in (ROOT / "pyproject.toml").read_text()


def test_its_links_lead_to_files_from_wherever_it_is_shown(tmp_path):
    text = document("limits", tmp_path)
    links = re.findall(r'href="([^"#]+)', text)
    assert len(links) > 3 and all((tmp_path / link).resolve().is_file() for link in links)
    assert "<h1>What is missing</h1>" in text and 'class="wide"' in text
