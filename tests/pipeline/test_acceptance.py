"""An experiment, a figure and a baseline take what CONTRIBUTING says: each is added to a copy, and seen everywhere."""

import json
import re
import shutil

import pandas as pd
import pytest
import yaml

import tiny
from replication.experiments import EXPERIMENTS

pytestmark = [pytest.mark.pipeline, pytest.mark.situations]
TOY = tiny.ROOT / "tests/toy"


@pytest.fixture(scope="module")
def finished(one_core, tmp_path_factory):
    """A copy of a finished run, and its jobs as they are told to their verb."""
    folder = tmp_path_factory.mktemp("acceptance") / "copy"
    shutil.copytree(one_core(), folder, symlinks=True)
    return folder


def jobs(folder, scale="smoke"):
    """Every job of a run by stage and name, as its verb is told it: with its fingerprint."""
    code = """
import json, sys
from pathlib import Path
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import load_settings
from replication.records.fingerprints import fingerprint
run = load_settings(Path("params.yaml"), {"scale": sys.argv[1]})
print(json.dumps({f"{e.name}.{s.name}/{j.name}": fingerprint(e, s, j, run.root_seed)
                  for e in EXPERIMENTS.values() for s in e.stages for j in s.jobs(run)}))
"""
    return json.loads(tiny.run(folder, "python", "-c", code, scale))


def planned(folder, *targets):
    """Names of the rules that a run would run."""
    output = tiny.run(folder, "snakemake", "-n", "--quiet", "rules", "--config", *tiny.CHUNKS, "--", *targets)
    return set(re.findall(r"^(\w+) +\d+$", output, flags=re.MULTILINE)) - {"total"}


def edit(path, before, after):
    """Replace a text that must be there."""
    text = path.read_text()
    assert before in text, before
    path.write_text(text.replace(before, after, 1))


def test_an_experiment_is_its_folder_a_line_its_settings_and_its_notebook(finished, tmp_path):
    folder = tmp_path / "toy"
    shutil.copytree(finished, folder, symlinks=True)
    before = jobs(folder)
    room = folder / "src/replication/experiments/toy"
    shutil.copytree(TOY, room, ignore=shutil.ignore_patterns("*.ipynb", "*.yaml", "__pycache__"))
    edit(folder / "src/replication/experiments/__init__.py", '    "cells",\n', '    "cells",\n    "toy",\n')
    with (folder / "params.yaml").open("a") as file:
        file.write((TOY / "params.yaml").read_text())
    shutil.copy(TOY / "10_toy.ipynb", folder / "notebooks")
    after = jobs(folder)
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {"toy.trials/beta5_alpha1"}
    own = {"train_toy", "tabulate_toy", "judge_toy", "report_10_toy"}
    of_all = {"record_settings", "record_provenance", "judge_claims", "report_00_summary", "build_site"}
    assert planned(folder, "all") == own | of_all | {"tabulate_core_minutes", "all"}
    tiny.run(folder, "snakemake", "--cores", "1", "--config", *tiny.CHUNKS)
    results = folder / "results/smoke"
    assert len(pd.read_parquet(results / "toy/trials.parquet")) == 3
    assert "T1" in set(pd.read_csv(results / "claims.csv")["id"])
    assert "Means of resampled targets" in (results / "site/figures.html").read_text()
    assert "10_toy.html" in (results / "site/reports.html").read_text()
    assert "goes beyond the paper" in (results / "site/claims/T1.html").read_text()
    assert "toy" in yaml.safe_load(tiny.run(folder, "python", "-m", "replication", "describe-dvc"))["stages"]
    assert "train_toy" in set(pd.read_csv(results / "core_minutes.csv")["rule"])
    tiny.run(folder, "snakemake", "--cores", "1", "--config", "scale=laptop", "--", "tabulate_toy")
    tiny.run(folder, "snakemake", "--cores", "1", "--config", "scale=laptop", "--", "publish")
    published = pd.read_parquet(folder / "results/published/toy/trials.parquet")
    assert published["fingerprint"].tolist() == 3 * [jobs(folder, "laptop")["toy.trials/beta5_alpha1"]]


def test_a_figure_is_its_function_and_its_call(finished, tmp_path):
    folder = tmp_path / "figure"
    shutil.copytree(finished, folder, symlinks=True)
    with (folder / "src/replication/experiments/hyperparameters/figures.py").open("a") as file:
        file.write((TOY / "figures.py").read_text().partition('"""\n\n')[2])
    notebook = folder / "notebooks/06_hyperparameters.ipynb"
    content = json.loads(notebook.read_text())
    call = (
        'notebook.show("fig_toy", fig.fig_toy_table(trials.assign(mean=trials.r2)), fig.fig_toy, fig.fig_toy_caption)'
    )
    content["cells"].append({**content["cells"][-1], "id": "cell-toy", "source": [call]})
    notebook.write_text(json.dumps(content))
    assert planned(folder, "all") == {"report_06_hyperparameters", "build_site", "tabulate_core_minutes", "all"}
    tiny.run(folder, "snakemake", "--cores", "1", "--config", *tiny.CHUNKS)
    assert (folder / "figures/smoke/fig_toy.png").exists()
    assert "Means of resampled targets" in (folder / "results/smoke/site/figures.html").read_text()


def test_a_baseline_is_a_file_and_a_line(finished, tmp_path):
    folder = tmp_path / "baseline"
    shutil.copytree(finished, folder, symlinks=True)
    before = jobs(folder)
    shutil.copy(TOY / "least_squares.py", folder / "src/replication/baselines")
    methods = [*yaml.safe_load((folder / "params.yaml").read_text())["scales"]["smoke"]["baselines"]["methods"]]
    catalogue = {"least_squares": {"search": "least_squares", "swept": False}}
    tiny.change_params(folder, {"baselines": {"catalogue": catalogue}})
    tiny.change_params(folder, {"scales": {"smoke": {"baselines": {"methods": [*methods, "least_squares"]}}}})
    after = jobs(folder)
    assert before.items() <= after.items()
    searches = [name for name in before if re.match(r"baselines\..*/linear/", name)]
    assert after.keys() - before.keys() == {name.replace("/linear/", "/least_squares/") for name in searches}
    tiny.run(
        folder, "snakemake", "--cores", "1", "--config", *tiny.CHUNKS, "--", "results/smoke/reports/07_baselines.html"
    )
    trials = pd.read_parquet(folder / "results/smoke/baselines/trials.parquet").set_index("method")["validation_mse"]
    assert trials["least_squares"].tolist() == trials["linear"].tolist()  # the same method, under another name
    assert "least_squares" in (folder / "results/smoke/reports/07_baselines.html").read_text()


def test_claims_follow_their_code_when_settings_change_too(finished, tmp_path):
    folder = tmp_path / "claims"
    shutil.copytree(finished, folder, symlinks=True)
    claims, metrics = folder / "src/replication/experiments/regression/claims.py", "results/smoke/metrics.json"
    claims.write_text(claims.read_text() + "\nEDITED = True\n")
    of_regression = {"judge_regression", "judge_claims"}
    assert planned(folder, metrics) == of_regression
    tiny.change_params(folder, {"cells": {"epochs": 2}})  # beyond the paper: no other experiment sees it
    assert planned(folder, metrics) == of_regression
    tiny.change_params(folder, {"regression": {"points": 10001}})  # the paper's, which this scale does not run with
    of_all = {f"judge_{name}" for name, experiment in EXPERIMENTS.items() if experiment.claims}
    assert planned(folder, metrics) == of_regression | of_all | {"record_settings"}
