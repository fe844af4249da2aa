"""The verbs: one sentence and exit code 2 for a mistake, nothing written; the same bytes for any chunking."""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pytest

from replication import cli, params
from replication.experiments.regression.settings import RegressionData, RegressionTrial
from replication.experiments.settings import resolve_settings
from replication.experiments.teacher_student import train as teacher_student
from replication.experiments.teacher_student.settings import TeacherData, TeacherTrial
from replication.records import io, provenance, verbs

BASE = params.read_yaml(Path(__file__).parents[2] / "params.yaml")
SMALL = {
    "regression": {"points": 300, "held_out_points": 200, "widths": [2, 20, 1]},
    "baselines": {"test_points": 200, "alpha_beta": {"points": 300}},
}
SMOKE = resolve_settings(BASE, {"scale": "smoke"} | SMALL)
ONE, TWO = SMOKE.regression, SMOKE.teacher_student


def run(*arguments):
    """Exit code of one verb."""
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    return stopped.value.code or 0


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    sets = {name: list(keys) for name, keys in ONE.data_sets().items()}
    settings = ONE.part(RegressionData)
    assert (
        run("generate-regression-data", "--settings", settings, "--data-sets", json.dumps(sets), "--folder", folder)
        == 0
    )
    return folder


def train(data, output, trials, settings=None, name="beta5_alpha1"):
    return run(
        "train-regression", "--points", data / "points.safetensors", "--targets", data / f"{name}.safetensors",
        "--trials", trials, "--settings", settings or ONE.part(RegressionTrial), "--root-seed", 1,
        "--parameters", output / f"{trials}.safetensors", "--table", output / f"{trials}.parquet",
    )  # fmt: skip


def test_the_data_sets_have_a_record_with_checksums(data):
    record = io.read_json(data / "metadata.json")
    assert record["data_seed"] == 42
    for name, digest in record["sha256"].items():
        assert io.sha256(data / name) == digest


def test_tables_do_not_depend_on_chunks(data, tmp_path):
    settings = ONE.model_copy(update={"trials": 3, "alphas": [1.0], "betas": [5.0]})
    files = {}
    for chunk in (1, 2, 3):
        in_chunks = settings.model_copy(update={"chunk": chunk})
        folder = tmp_path / str(chunk) / "trials" / "beta5_alpha1"
        for trials in in_chunks.chunks():
            assert train(data, folder, trials) == 0
        output = tmp_path / str(chunk)
        code = run(
            "tabulate-regression",
            "--settings",
            in_chunks.model_dump_json(),
            "--folder",
            folder.parent,
            "--output",
            output,
        )
        assert code == 0
        files[chunk] = {path.name: path.read_bytes() for path in output.glob("*.parquet")}
    assert len(files[1]) == 6
    assert files[1] == files[2] == files[3]


def test_a_job_measures_its_core_time_and_its_childrens(tmp_path, monkeypatch):
    """The verb computes for half a second, a quarter of it in a child, by the system's clock of each process."""

    @click.command()
    def compute():
        burn = "import time\nwhile time.process_time() < 0.25: pass"
        subprocess.run([sys.executable, "-S", "-c", burn], check=True)
        start = time.process_time()
        while time.process_time() < start + 0.25:
            pass

    monkeypatch.setitem(cli.VERBS, "compute", "records.verbs")
    monkeypatch.setattr(verbs, "compute", compute, raising=False)
    before = sum(os.times()[:4])
    assert run("--log", tmp_path / "logs/rule/a0.5.log", "compute") == 0
    spent = io.read_json(tmp_path / "benchmarks/rule/a0.5.json")["core_seconds"] - before
    assert 0.45 <= spent <= sum(os.times()[:4]) - before + 0.05


def test_a_verb_that_failed_keeps_no_core_time(tmp_path):
    assert run("--log", tmp_path / "logs/rule.log", "describe-params", "nonsense") == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("log", ["", ".", "/", "/dev/null", "logs/.log", "logs/rule"])
def test_a_log_without_a_log_s_name_is_refused(log, capsys):
    assert run("--log", log, "describe-params", "nonsense") == 2
    error = capsys.readouterr().err
    assert "allowed is the path of a log, <name>.log" in error and error.count("\n") == 1


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-1.0", "true", '"1"', "null", "1" + 400 * "0"])
def test_core_seconds_that_are_no_time_are_refused(text, tmp_path, capsys):
    (tmp_path / "rule.tsv").write_text("s\tcpu_time\tmax_rss\n90\t1\t100\n")
    (tmp_path / "rule.json").write_text(f'{{"core_seconds": {text}}}')
    table = tmp_path / "core_minutes.csv"
    job = [tmp_path / "rule.tsv", "--folder", tmp_path, "--scale", "smoke", "--output", table]
    assert run("tabulate-core-minutes", *job) == 2
    error = capsys.readouterr().err
    assert "rule.json: core_seconds = " in error and "allowed is a finite number" in error and not table.exists()


def test_core_minutes_are_those_that_the_jobs_measured(tmp_path, capsys):
    (tmp_path / "train").mkdir()
    for trial, (seconds, sampled) in enumerate([(120.0, 1), (60.0, 2)]):
        (tmp_path / f"train/{trial}.5.tsv").write_text(f"s\tcpu_time\tmax_rss\n90\t{sampled}\t{100 + trial}\n")
        io.write_json(tmp_path / f"train/{trial}.5.json", {"core_seconds": seconds})
    (tmp_path / "other.tsv").write_text("s\tcpu_time\tmax_rss\n90\t1\t100\n")
    jobs = [tmp_path / name for name in ("train/0.5.tsv", "train/1.5.tsv", "other.tsv")]
    table = tmp_path / "core_minutes.csv"
    assert run("tabulate-core-minutes", *jobs, "--folder", tmp_path, "--scale", "smoke", "--output", table) == 0
    assert "other.tsv is missing" in capsys.readouterr().err
    assert table.read_text().splitlines()[1] == "train,2,3.0,3.0,101,smoke"


def test_a_trial_that_diverges_is_reported_and_the_others_kept(data, tmp_path, capsys):
    training = ONE.training.model_copy(update={"learning_rate": 1e30})
    settings = ONE.model_copy(update={"training": training}).part(RegressionTrial)
    assert train(data, tmp_path, "0-1", settings) == 0
    table = io.read_table(tmp_path / "0-1.parquet")
    assert (table["diverged_epoch"] >= 0).all() and table["r2"].isna().all()
    assert f"trial 1 (seed {table['seed'][1]}) diverged in epoch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trials": "9-3"}, "9-3"),
        ({"settings": "{"}, "not JSON"),
        ({"settings": "[]"}, "params = []"),
        ({"settings": '{"widths": [2, 3, 1]}'}, "is missing"),
        ({"name": "absent"}, "absent.safetensors"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(data, tmp_path, capsys, change, message):
    assert train(data, tmp_path / "out", **{"trials": "0", **change}) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and error.startswith("replication: ")
    assert not (tmp_path / "out").exists()


def test_an_altered_data_set_is_named(data, tmp_path, capsys):
    for name in ("points", "beta5_alpha1"):
        content = bytearray((data / f"{name}.safetensors").read_bytes())
        content[-5] ^= 1
        (tmp_path / f"{name}.safetensors").write_bytes(content)
    assert train(tmp_path, tmp_path / "out", "0") == 2
    assert "points.safetensors was altered" in capsys.readouterr().err


def test_a_kernel_on_a_gpu_is_refused(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    settings = ONE.model_copy(update={"backend": "kernel"}).part(RegressionTrial)
    code = run(
        "train-regression", "--points", data / "points.safetensors", "--targets", data / "beta5_alpha1.safetensors",
        "--trials", "0", "--settings", settings, "--root-seed", 1, "--device", "cuda",
        "--parameters", tmp_path / "p", "--table", tmp_path / "t",
    )  # fmt: skip
    assert code == 2
    assert "allowed is device = 'cpu'" in capsys.readouterr().err


def draw_teacher(settings, folder):
    teacher = folder / "teacher42_rotations2.safetensors"
    code = run(
        "generate-teacher-data", "--settings", settings.part(TeacherData), "--size", 5, "--seed", 42,
        "--rotations", 2, "--output", teacher, "--metadata", folder / "m.json",
    )  # fmt: skip
    assert code == 0
    return teacher


def test_a_device_that_is_not_there_is_refused(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(params.ParameterError, match="no CUDA device"):
        verbs.require_device("cuda")


def test_experiment_2_in_chunks_of_any_size(tmp_path):
    small = TWO.model_copy(
        update={"points": 600, "test_points": 500, "selection_points": 100, "widths": [5, 12, 12, 5]}
    )
    teacher = draw_teacher(small, tmp_path)
    files = {}
    for chunk in (1, 2):
        settings = small.model_copy(update={"chunk": chunk})
        folder = tmp_path / str(chunk)
        for (ensemble, name, part), trials in settings.jobs().items():
            code = run(
                "train-teacher-student", "--teacher", teacher, "--trials", json.dumps(trials), "--root-seed", 1,
                "--settings", settings.of_ensemble(ensemble).part(TeacherTrial),
                "--output", folder / "trials" / ensemble / name / part,
            )  # fmt: skip
            assert code == 0
        settings_json = settings.model_dump_json()
        assert (
            run(
                "tabulate-teacher-student",
                "--settings",
                settings_json,
                "--folder",
                folder / "trials",
                "--output",
                folder,
            )
            == 0
        )
        files[chunk] = {path.name: path.read_bytes() for path in folder.glob("*.parquet")}
    assert set(files[1]) == {"trials.parquet", "eigenvalues.parquet", "pruning.parquet"}
    assert files[1] == files[2]
    trials = io.read_table(tmp_path / "1" / "trials.parquet")
    assert set(teacher_student.MEASURES) <= set(trials.columns)
    assert (trials["test_r2"] < 1).all()
    assert trials["live_neurons"].between(0, 24).all()


def test_the_torch_backend_gives_the_kernel_s_results(data, tmp_path):
    for backend in ("kernel", "torch"):
        settings = ONE.model_copy(update={"backend": backend}).part(RegressionTrial)
        assert train(data, tmp_path / backend, "0-1", settings) == 0
    kernel, torch = (io.read_table(tmp_path / backend / "0-1.parquet") for backend in ("kernel", "torch"))
    assert kernel["seed"].tolist() == torch["seed"].tolist()
    for column in ("gamma_norm", "mse", "train_mse", "mean_abs_eigenvalue"):
        np.testing.assert_allclose(kernel[column], torch[column], rtol=1e-3, err_msg=column)


def test_the_sweep_on_experiment_2(tmp_path):
    small = TWO.model_copy(update={"points": 300, "test_points": 200, "selection_points": 50, "widths": [5, 12, 12, 5]})
    teacher = draw_teacher(small, tmp_path)
    for rho in (1e-4, 1e-2):
        settings = small.with_penalty(penalty="l1", rho=rho).part(TeacherTrial)
        code = run(
            "sweep-teacher-student", "--teacher", teacher, "--trials", 2, "--root-seed", 1, "--settings", settings,
            "--output", tmp_path / f"{rho}.parquet",
        )  # fmt: skip
        assert code == 0
    output = tmp_path / "trials.parquet"
    assert (
        run("tabulate-hyperparameters", tmp_path / "0.01.parquet", tmp_path / "0.0001.parquet", "--output", output) == 0
    )
    table = io.read_table(output)
    assert table[["penalty", "rho", "trial"]].to_numpy().tolist() == [
        ["l1", 1e-4, 0], ["l1", 1e-4, 1], ["l1", 1e-2, 0], ["l1", 1e-2, 1]
    ]  # fmt: skip
    assert table["r2"].notna().all() and table["alpha"].isna().all()


def test_every_verb_has_help(capsys):
    for verb in cli.VERBS:
        assert run(verb, "--help") == 0
    assert "Train trials of experiment 1" in capsys.readouterr().out


def test_an_unknown_verb_is_one_sentence(capsys):
    assert run("trian") == 2
    assert capsys.readouterr().err == "replication: No such command 'trian'.\n"


@pytest.mark.parametrize("epochs", [1, 2])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_student_that_diverges_has_a_row_of_nan(tmp_path, capsys, epochs):
    """It may diverge by its last step, which no loss of a batch tells."""
    small = TWO.model_copy(update={"points": 300, "test_points": 200, "selection_points": 50, "widths": [5, 12, 12, 5]})
    training = {"learning_rate": 1e20, "epochs": epochs, "batch_size": 300}
    small = small.model_copy(update={"training": small.training.model_copy(update=training)})
    teacher = draw_teacher(small, tmp_path)
    code = run(
        "train-teacher-student", "--teacher", teacher, "--trials", "[0, 1]", "--root-seed", 1,
        "--settings", small.part(TeacherTrial), "--output", tmp_path / "out" / "0-1",
    )  # fmt: skip
    assert code == 0
    assert "trial 1" in capsys.readouterr().err
    trials = io.read_table(tmp_path / "out" / "0-1_trials.parquet")
    assert (trials["diverged_epoch"] == epochs - 1).all()
    assert trials[teacher_student.MEASURES].isna().all(axis=None)


def test_processors_that_share_a_name_are_told_apart():
    cpuinfo = "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n\nprocessor\t: 1\nmodel\t\t: 2\n"
    assert provenance.processor_of(cpuinfo) == "AMD EPYC family 25 model 1"
    assert (
        provenance.processor_of(cpuinfo.replace(": 1\nmodel name", ": 17\nmodel name")) == "AMD EPYC family 25 model 17"
    )
    assert provenance.processor_of("model name : some, other") == "some, other"
    assert provenance.processor_of("Features : fp asimd\n") == platform.machine()


def test_a_record_names_the_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "some GPU")
    assert provenance.of_job(1.0, "cuda", 1)["machine"] == f"{provenance.machine()}, some GPU"
    assert provenance.of_job(1.0, "cpu", 1)["machine"] == provenance.machine()


def test_stems_that_share_what_stands_before_a_point_have_records_of_their_own():
    names = ["run.v1", "run.v2", "run.v1.parquet", "run"]
    assert [verbs.sidecar(Path("folder", name)).name for name in names] == [
        "run.v1.provenance.json",
        "run.v2.provenance.json",
        "run.v1.provenance.json",
        "run.provenance.json",
    ]
