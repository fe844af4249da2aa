"""The workflow, run for real at smoke scale in an empty folder."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from compared import same_text, text_of
from replication import params
from replication.account.catalogue import IDS
from replication.experiments import EXPERIMENTS
from replication.experiments.settings import resolve_settings

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PAGES = ("claims.csv", "reports/*.html", "site/**/*.*")  # of results/published, which are made anew
pytestmark = pytest.mark.pipeline


def snakemake(folder, *arguments):
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "500"}
    command = [BIN / "snakemake", "--snakefile", ROOT / "workflow" / "Snakefile", "--directory", folder, "--cores", "2"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, env=environment, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke")
    code, output = snakemake(folder, "--config", "scale=smoke")
    assert code == 0, output[-5000:]
    return folder


def test_every_output_is_there(finished):
    results, figures = finished / "results" / "smoke", finished / "figures" / "smoke"
    for number in range(1, 19):
        for kind in ("svg", "png", "csv"):
            assert (figures / f"fig{number:02d}.{kind}").stat().st_size > 0
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert (results / "reports" / f"{notebook.stem}.html").stat().st_size > 10_000
        assert (results / "reports" / f"{notebook.stem}.ipynb").stat().st_size > 10_000
    for page in ("index.html", "alpha.html", "claims/D2.html", "intervals.svg"):
        assert (results / "site" / page).stat().st_size > 10_000
    assert "STAND-IN DATA" in (results / "site" / "index.html").read_text()
    assert list(finished.rglob("*.partial*")) == []


def test_snakemake_s_own_report_has_every_figure_with_its_caption_and_category(finished):
    code, output = snakemake(finished, "--config", "scale=smoke", "--report", finished / "report.html")
    assert code == 0, output[-3000:]
    page = (finished / "report.html").read_text(encoding="utf-8")
    categories, results = (
        json.JSONDecoder().raw_decode(page, page.index(f"var {name} = {{") + len(f"var {name} = "))[0]
        for name in ("categories", "results")
    )
    figures = [name for names in categories["Figures"].values() for name in names]
    assert {f"figures/smoke/fig{number:02d}.png" for number in range(1, 19)} <= set(figures)
    assert set(figures) == {name for name in results if name.startswith("figures/")}
    for name in figures:
        assert (
            len(re.sub("<.*?>", "", results[name]["caption"])) > 80 and "the paper" in results[name]["caption"].lower()
        ), name
    assert len(categories["Notebooks"]["Other"]) == len(list((ROOT / "notebooks").glob("*.ipynb")))


def test_every_claim_has_a_verdict(finished):
    verdicts = pd.read_csv(finished / "results" / "smoke" / "claims.csv").set_index("id")
    assert set(IDS) <= set(verdicts.index)
    assert set(verdicts.loc[["A1", "A2", "A3", "C1"], "verdict"]) == {"replicated"}
    assert set(verdicts.loc[["B1", "B2", "B3", "D2", "D3", "D4", "G1"], "verdict"]) == {"untested"}
    assert set(verdicts["scale"]) == {"smoke"} and verdicts.loc["E1", "data"] == "stand-in images, not CIFAR-10"
    assert verdicts.loc["B3", "reason"].startswith("not the paper's run: epochs 2 of 300")


def test_tables_have_the_promised_columns(finished):
    trials = pd.read_parquet(finished / "results" / "smoke" / "regression" / "trials.parquet")
    promised = ["alpha", "beta", "trial", "seed", "gamma_norm", "mean_abs_eigenvalue", "mse", "r2", "active_neurons"]
    assert set(promised) <= set(trials.columns)
    assert len(trials) == 3 * 2 * 2
    assert trials["seed"].nunique() == len(trials)


def test_the_depth_experiment_measures_compacts_and_exports(finished):
    tables = {
        name: pd.read_parquet(finished / "results" / "smoke" / "depth" / f"{name}.parquet")
        for name in ("trials", "layers", "start")
    }
    trials = tables["trials"]
    assert trials[["depth", "trial"]].to_numpy().tolist() == [[3, 0], [3, 1]]
    assert len(tables["layers"]) == 6 and set(tables["start"]["gain"]) == {0.5, 0.7071, 1, 1.4142, 2}
    assert (trials["compact_neurons"] <= trials["neurons"]).all()
    assert (trials[["onnx_difference", "export_difference"]] < 1e-5).all(axis=None)


def test_a_run_has_the_tables_that_the_workflow_expects_and_no_others(finished):
    """Of a file that no rule has made Snakemake knows nothing: a later run that asks for it would have it as it is."""
    run = resolve_settings(params.read_yaml(ROOT / "params.yaml"), {"scale": "smoke"})
    for name, experiment in EXPERIMENTS.items():
        made = {table for stage in experiment.stages if [*stage.jobs(run)] for table in stage.tables}
        found = {path.stem for path in (finished / "results/smoke" / name).glob("*.parquet")}
        assert found == (made | {*experiment.extra} if made else set()), name


def test_core_minutes_cover_every_rule(finished):
    table = pd.read_csv(finished / "results" / "smoke" / "core_minutes.csv")
    expected = {"train_regression", "train_teacher_student", "train_depth", "judge_claims", "report_02_alpha_beta"}
    assert expected <= set(table["rule"])
    assert table.loc[table["rule"] == "train_regression", "jobs"].item() == 6
    assert table["jobs"].sum() <= 80


def test_a_second_run_has_nothing_to_do(finished):
    code, output = snakemake(finished, "-n", "--config", "scale=smoke")
    assert code == 0
    assert "Nothing to be done" in output, output[-3000:]


def test_a_changed_leaf_reruns_only_what_uses_it(finished):
    override = "regression={active_threshold: 0.02}"
    code, output = snakemake(finished, "-n", "--config", "scale=smoke", override)
    assert code == 0
    assert "train_regression" in output and "sweep_regression" in output
    assert "train_teacher_student" not in output and "generate_regression_data" not in output


def test_adding_a_trial_trains_only_that_one(finished):
    more = "regression={trials: 3, chunk: 2}"
    code, output = snakemake(finished, "-n", "--config", "scale=smoke", more)
    assert code == 0, output[-3000:]
    assert re.search(r"train_regression +6\b", output), output[-3000:]  # one job a data set, trial 2; 0 and 1 stay


def test_adding_an_alpha_draws_and_trains_only_that_one(finished):
    more = "regression={alphas: [0, 0.5, 0.75, 1]}"
    code, output = snakemake(finished, "-n", "--config", "scale=smoke", more)
    assert code == 0, output[-3000:]
    rules = dict(re.findall(r"^(\w+) +(\d+)$", output, flags=re.MULTILINE))
    assert rules["generate_regression_data"] == rules["train_regression"] == "2"  # one for each β
    assert not [name for name in rules if name.startswith(("search_", "sweep_", "train_depth"))]


def test_smoke_results_are_not_published(finished):
    code, output = snakemake(finished, "publish", "--config", "scale=smoke")
    assert code != 0
    assert "scale = 'smoke': allowed to be published are laptop, overnight, paper" in output
    assert not (finished / "results" / "published").exists()


@pytest.mark.parametrize(
    ("scale", "students", "sweeps", "deep"),
    [("laptop", 9, 0, 10), ("overnight", 91, 15, 62), ("paper", 1101, 15, 270)],
)
def test_every_scale_has_a_plan(tmp_path, scale, students, sweeps, deep):
    code, output = snakemake(tmp_path, "-n", "--config", f"scale={scale}")
    assert code == 0, output[-3000:]
    assert re.search(rf"train_teacher_student +{students}\b", output)
    assert re.search(r"train_regression +42\b", output)
    assert re.search(rf"train_depth +{deep}\b", output)
    assert bool(sweeps) == bool(re.search(rf"sweep_teacher_student +{sweeps}\b", output))


def test_one_report_is_made_of_its_experiment_alone(tmp_path):
    target = "results/laptop/reports/02_alpha_beta.html"
    code, output = snakemake(tmp_path, target, "-n", "--config", "scale=laptop")
    assert code == 0, output[-3000:]
    rules = dict(re.findall(r"^(\w+) +(\d+)$", output, flags=re.MULTILINE))
    others = {"generate_regression_data", "tabulate_regression", "record_settings", "judge_regression"}
    assert rules.keys() - {"total"} == others | {"train_regression", "report_02_alpha_beta"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (["scale=huge"], "scale = 'huge': allowed are smoke, laptop, overnight, paper"),
        (["scale=smoke", "regression={alphas: [1.5]}"], "regression.alphas.0 = 1.5"),
        (["scale=smoke", "regression={trials: 0}"], "regression.trials = 0"),
        (["scale=smoke", "typo=1"], "typo is an unknown field"),
        (["scale=smoke", "regression={alphas: [0.1234561, 0.1234562]}"], "differ in their first six digits"),
    ],
)
def test_a_wrong_setting_stops_before_anything_is_written(tmp_path, config, message):
    code, output = snakemake(tmp_path, "--config", *config)
    assert code == 2
    assert message in output and "Traceback" not in output
    assert not [path for path in tmp_path.iterdir() if path.name != ".snakemake"]


@pytest.mark.situations
def test_the_report_counts_diverged_trials(finished, tmp_path):
    folder = Path(shutil.copytree(finished, tmp_path / "diverged"))
    pages = {"regression": "02_alpha_beta", "teacher_student": "03_teacher_student"}
    code, output = snakemake(
        folder,
        *(f"results/smoke/reports/{notebook}.html" for notebook in pages.values()),
        "--config",
        "scale=smoke",
        "regression={training: {learning_rate: 1.0e+30}}",
        "teacher_student={training: {learning_rate: 1.0e+30}}",
    )
    assert code == 0, output[-5000:]
    for experiment, notebook in pages.items():
        trials = pd.read_parquet(folder / "results" / "smoke" / experiment / "trials.parquet")
        assert (trials["diverged_epoch"] >= 0).all()
        page = (folder / "results" / "smoke" / "reports" / f"{notebook}.html").read_text()
        assert f"{len(trials)} of {len(trials)} trials diverged" in page or "No trial finished" in page


@pytest.mark.parametrize(
    ("option", "allowed"),
    [
        ("also=cifar10,typo", "also = 'typo': allowed are theory, "),
        ("sample=0", "sample = 0: allowed are whole numbers from 1 to "),
        ("sample=1.5", "sample = 1.5: allowed are whole numbers from 1 to "),
        ("seed=4294967296", "seed = 4294967296: allowed are whole numbers from 0 to 4294967295"),
    ],
)
def test_what_a_spot_check_is_told_is_checked_before_anything_runs(option, allowed, tmp_path):
    code, output = snakemake(tmp_path, "-n", "spot_check", "--config", "scale=smoke", option)
    assert code == 2 and re.search(rf"^snakemake: {allowed}.*\n\Z", output, flags=re.MULTILINE)


def test_a_spot_check_is_told_what_was_asked_for_besides(tmp_path):
    code, output = snakemake(
        tmp_path, "-n", "-p", "spot_check", "--config", "scale=smoke", "also=cifar10,cells", "sample=2"
    )
    assert code == 0 and re.search("spot-check .*--sample 2 --seed 0 --also=cifar10 --also=cells", output)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("publish", "nothing new is finished: nothing is published"),
        ("publish_networks", "teacher_student_l2: not published, trial 0: not finished"),
    ],
)
def test_publish_always_runs(tmp_path, target, said):
    for trials in (1, 2, 2):  # after other settings, too
        code, output = snakemake(tmp_path, target, "--config", "scale=laptop", f"regression={{trials: {trials}}}")
        assert code == 0, output[-3000:]
        assert said in output


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory):
    """A folder with all that is made from the published tables, made again from them, and nothing else."""
    folder = tmp_path_factory.mktemp("rebuilt")
    code, output = snakemake(folder, "published")
    assert code == 0, output[-5000:]
    return folder


def made(folder, patterns):
    """Names of the files of a folder that match one of the patterns."""
    return {str(path.relative_to(folder)) for pattern in patterns for path in folder.glob(pattern)}


def test_git_holds_the_pages_and_figures_that_are_made_from_the_published_tables_and_no_others(rebuilt):
    for kind, patterns in (("figures", ["*.csv", "*.png", "*.svg"]), ("results", PAGES)):
        published = ROOT / kind / "published"
        committed = subprocess.run(["git", "ls-files"], cwd=published, capture_output=True, text=True, check=True)
        assert made(published, patterns) == made(rebuilt / kind / "rebuilt", patterns)
        assert made(published, patterns) <= set(committed.stdout.splitlines())


def test_claims_and_figures_are_made_again_from_the_published_tables(rebuilt):
    """They are those that Git holds, except the last digits, the processor's, and the commit that judged, today's."""
    claims = [pd.read_csv(path / "claims.csv") for path in (rebuilt / "results/rebuilt", ROOT / "results/published")]
    alike = [table.drop(columns="analysed_by") for table in claims]
    pd.testing.assert_frame_equal(*alike, rtol=1e-6, atol=1e-12)
    drawn = sorted((rebuilt / "figures" / "rebuilt").glob("*.csv"))
    assert len(drawn) > 10
    for path in drawn:
        tables = [pd.read_csv(file) for file in (path, ROOT / "figures" / "published" / path.name)]
        pd.testing.assert_frame_equal(*tables, rtol=1e-5, atol=1e-12)


def test_reports_and_site_say_what_the_published_ones_say(rebuilt):
    folders = rebuilt / "results" / "rebuilt", ROOT / "results" / "published"
    pages = sorted(name for name in made(folders[0], PAGES) if name.endswith(".html"))
    assert len(pages) > 20
    texts = {page: [text_of((folder / page).read_text(encoding="utf-8")) for folder in folders] for page in pages}
    assert {page: difference for page, pair in texts.items() if (difference := same_text(*pair))} == {}
