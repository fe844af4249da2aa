"""Rules of the whole repository: style, module order, one way to install."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from markers import APART
from replication.cli import VERBS
from replication.experiments import EXPERIMENTS
from replication.records.sources import changes_with, imported_by, sources, templates_of
from replication.report.template import TEMPLATE

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["snakefmt", "--check", "workflow"],
        ["lint-imports"],
    ],
    ids=lambda command: " ".join(command),
)
def test_style_and_module_order(command):
    done = run(Path(sys.executable).with_name(command[0]), *command[1:])
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_snakefile_is_an_index():
    assert len((ROOT / "workflow" / "Snakefile").read_text().splitlines()) <= 40


RULES = sorted((ROOT / "workflow/rules").glob("*.smk"))


def test_slurm_is_asked_for_what_a_stage_needs():
    """By the registry and the rules alone: a profile's resources would hide theirs."""
    profile = yaml.safe_load((ROOT / "workflow/profiles/slurm/config.yaml").read_text())
    assert "set-resources" not in profile and profile["default-resources"] == ["mem_mb=2000", "runtime=60"]
    for stage in (stage for each in EXPERIMENTS.values() for stage in each.stages):
        assert 1000 <= stage.memory <= 64000 and 30 <= stage.minutes <= 2880, stage
    rules = "\n".join(path.read_text() for path in RULES)
    assert rules.count("mem_mb=") == rules.count("runtime=") == 2  # of every stage, and of the features


def test_dvc_has_a_stage_for_every_experiment():
    described = run(sys.executable, "-m", "replication", "describe-dvc")
    assert described.stdout == (ROOT / "dvc.yaml").read_text(), "python -m replication describe-dvc > dvc.yaml"


def test_every_rule_has_one_thread_but_those_that_must_be_alone():
    """Snakemake hands it on as OMP_NUM_THREADS: trainings flush subnormal numbers in their own thread alone."""
    for path in RULES:
        allowed = "workflow.cores" if path.stem == "benchmark" else "1"
        assert set(re.findall(r"^ +threads: (\S+)", path.read_text(), flags=re.MULTILINE)) <= {allowed}, path


def test_conda_installs_the_same_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip = environment["dependencies"][0], environment["dependencies"][-1]["pip"]
    assert python == f"python{PROJECT['requires-python']},<3.14"  # the layer takes later ones
    assert pip == ["-c requirements.lock", "-e .[test]"]


def test_the_lock_pins_every_dependency():
    locked = {line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines()}
    wanted = PROJECT["dependencies"] + [name for extra in PROJECT["optional-dependencies"].values() for name in extra]
    assert {re.split(r"[\[<>=]", name)[0] for name in wanted} <= locked | {PROJECT["name"]}


def test_the_lock_is_that_of_the_project():
    """`uv lock --check` sees that from the files alone."""
    checked = run("uv", "lock", "--check", "--offline")
    assert checked.returncode == 0, checked.stderr
    plain = ("--no-hashes", "--no-annotate", "--no-header", "--no-emit-project")
    exported = run("uv", "export", "--frozen", "--offline", "--all-extras", *plain)
    assert exported.stdout == (ROOT / "requirements.lock").read_text()


def test_ci_runs_the_test_command_of_the_readme():
    commands = re.findall(r"^pip install .*$", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    assert 'pip install -c requirements.lock -e ".[test]" && pytest -n 2 --dist loadfile' in commands
    assert 'pip install -c requirements.lock -e ".[paper]" && snakemake --cores all' in commands
    script = (ROOT / ".ci" / "run").read_text()
    assert "'^pip install .*&& pytest'" in script and f"markers=({' '.join(APART)})" in script


def test_links_of_the_readme_resolve():
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text) + re.findall(r'src="([^"]+)"', text):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_notebooks_are_committed_without_outputs():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert '"output_type"' not in path.read_text(), path


def loaded(modules, looked_for):
    """Which of some packages are loaded with modules."""
    code = f"import sys, {', '.join(modules)}; print(*sorted({looked_for} & {{*sys.modules}}))"
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_what_takes_seconds_to_load_is_loaded_where_it_is_used():
    """Only verbs that compute with PyTorch load it, a CPU job of experiment 1 does not, and the registry declares."""
    verbs = {f"replication.{module}" for module in VERBS.values()}
    assert loaded(["replication.training.ensemble.kernel", *sorted(verbs)], {"torch", "scipy.stats"}) == []
    everything = {"torch", "pandas", "numpy", "scipy", "matplotlib", "numba", "snakemake"}
    assert loaded(["replication.experiments", "replication.experiments.settings"], everything) == []


def test_a_dry_run_loads_nothing_that_takes_seconds(tmp_path):
    snakemake = [sys.executable, "-X", "importtime", "-m", "snakemake", "--snakefile", ROOT / "workflow/Snakefile"]
    done = run(*snakemake, "--directory", tmp_path, "--cores", "1", "-n", "-q", "--config", "scale=laptop")
    assert done.returncode == 0, done.stderr[-2000:]
    packages = set(re.findall(r"^import time:.*\| +(\w+)$", done.stderr, flags=re.MULTILINE))
    assert "snakemake" in packages or "yaml" in packages
    assert not packages & {"torch", "scipy", "matplotlib", "numba", "sklearn", "timm", "nbformat", "IPython"}


def test_sources_are_the_import_closure():
    os.chdir(ROOT)
    paths = sources("replication.experiments.regression.train")
    assert "src/sparcs/spectral.py" in paths and "src/replication/training/ensemble/kernel.py" in paths
    assert not any("teacher" in path or "figures" in path or "cli.py" in path for path in paths)
    baselines = sources("replication.baselines.gaea")
    assert "src/replication/baselines/__init__.py" in baselines  # it sets how MKL rounds
    assert "src/replication/baselines/darts.py" not in baselines


def test_every_rule_sees_edits_of_its_sources_whatever_the_files_times():
    for path in RULES:
        for text in re.split(r"^ *rule .*:$|^ *rule:$", path.read_text(), flags=re.MULTILINE)[1:]:
            _, _, parameters = text.partition("params:")
            by_job = "job=job_text(" in parameters  # with its fingerprint
            always = "output:" not in text or "prepare_images" in text or "take_" in text
            assert always or by_job or re.search(r"code=(numerics|changes_with)\(", parameters), text


def test_a_fingerprint_changes_with_any_of_its_files(tmp_path):
    (tmp_path / "notebook").write_text("1")
    (tmp_path / "copy").write_text("1")
    assert changes_with("replication.training.seeds", files=[tmp_path / "notebook"]) == changes_with(
        "replication.training.seeds", files=[tmp_path / "copy"]
    )
    assert changes_with("replication.training.seeds") != changes_with("replication.params") != changes_with()
    (tmp_path / "edited").write_text("2")
    assert changes_with(files=[tmp_path / "edited"]) != changes_with(files=[tmp_path / "copy"])


def test_a_report_is_redone_when_a_module_of_its_notebook_is_edited():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        code = "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"])
        imported = imported_by(path)
        for package, name in re.findall(r"^from ((?:sparcs|replication)[\w.]*) import (\w+)", code, flags=re.MULTILINE):
            module = ROOT.joinpath("src", *package.split("."), name)
            is_module = module.is_dir() or module.with_suffix(".py").exists()
            assert (f"{package}.{name}" if is_module else package) in imported, (path, package, name)
    theory, depth = (sources(*imported_by(ROOT / f"notebooks/{name}.ipynb")) for name in ("01_theory", "08_any_depth"))
    assert {path for path in theory if "/experiments/depth/" in path} == set()
    assert any(path.endswith("experiments/depth/figures.py") for path in depth)


def test_a_report_is_redone_when_a_template_of_its_sentences_is_edited():
    of_depth = templates_of(*imported_by(ROOT / "notebooks/08_any_depth.ipynb"))
    rooms = {Path(path).parent.name for path in of_depth}
    assert {"depth", "cost", "report"} <= rooms and "cells" not in rooms
    assert {Path(path).name for path in of_depth} == {TEMPLATE}
