"""The verbs: what they write, the same bytes for any chunking; what they say; how they measure what they cost."""

import os
import platform
import subprocess
import sys
import time

import click
import numpy as np
import pandas as pd
import pytest

import tiny
from command_lines import BASE, FIRST, assert_one_sentence, job_text, jobs_of, make_inputs, run, tabulate, train
from replication import cli, params
from replication.experiments.settings import resolve_settings
from replication.experiments.teacher_student import train as teacher_student
from replication.records import io, provenance, verbs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what the verbs read."""
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


def carried_out(folder, output, name, stage="trials", **changes):
    """Carry out all jobs of a stage at other settings of its experiment, and gather its tables; their bytes by name."""
    settings = resolve_settings(BASE, params.merge(SMALL, {name: changes}))
    jobs = [*jobs_of(settings, name, stage)]
    for job, text in jobs:
        code, error = train(f"{name}.{stage}", text, folder, output)
        assert code == 0 and job.name, error
    assert tabulate(output, name, {stage: [job.name for job, _ in jobs]}, settings)[0] == 0
    return {path.name: path.read_bytes() for path in (output / name).glob("*.parquet")}


def first_row_file(output, stage):
    """The first table of a stage's first job."""
    experiment, of_kind, job = FIRST[f"train {stage}"]
    return output / experiment.name / of_kind.name / f"{job.name}_{next(iter(of_kind.tables))}.parquet"


def changed(folder, output, stage, *more, **changes):
    """Exit code and standard error of a stage's first job at other settings."""
    name = f"train {stage}"
    text = job_text(name, settings=params.merge(FIRST[name][2].settings, changes))
    return train(stage, text, folder, output, *more)


def test_the_data_sets_have_a_record_with_checksums(folder):
    records = [*(folder / "data/regression").glob("*.json")]
    assert len(records) > 2
    for record in map(io.read_json, records):
        assert record["data_seed"] == 42
        for name, digest in record["sha256"].items():
            assert io.sha256(folder / "data/regression" / name) == digest


SMALL = params.merge(
    {"scale": "smoke"} | tiny.OVERLAY,
    {"regression": {"alphas": [1], "trials": 3}, "teacher_student": {"ensembles": {"l2": {"trials": 3}}}},
)


def test_a_table_of_an_earlier_run_that_this_one_does_not_make_is_taken_away(folder, tmp_path):
    stale = tmp_path / "teacher_student/map.parquet"
    io.write_table(stale, pd.DataFrame({"size": ["full"]}))
    assert "map.parquet" not in carried_out(folder, tmp_path, "teacher_student")
    assert not stale.exists()


@pytest.mark.parametrize(("name", "tables"), [("regression", 6), ("teacher_student", 3)])
def test_tables_do_not_depend_on_chunks(folder, tmp_path, name, tables):
    files = [carried_out(folder, tmp_path / str(chunk), name, chunk=chunk) for chunk in (1, 2, 3)]
    assert len(files[0]) == tables
    assert files[0] == files[1] == files[2]


def test_students_are_measured(folder, tmp_path):
    carried_out(folder, tmp_path, "teacher_student")
    trials = io.read_table(tmp_path / "teacher_student/trials.parquet")
    assert set(teacher_student.MEASURES) <= set(trials.columns)
    assert (trials["test_r2"] < 1).all()
    assert trials["live_neurons"].between(0, 24).all()


def test_the_sweep_on_experiment_2(folder, tmp_path):
    more = {"penalties": ["l1"], "rhos": [1e-2, 1e-4], "teacher_trials": 2}
    carried_out(folder, tmp_path, "hyperparameters", "teacher_student", **more)
    table = io.read_table(tmp_path / "hyperparameters/trials.parquet")
    assert table[["penalty", "rho", "trial"]].to_numpy().tolist() == [
        ["l1", 1e-4, 0], ["l1", 1e-4, 1], ["l1", 1e-2, 0], ["l1", 1e-2, 1]
    ]  # fmt: skip
    assert table["r2"].notna().all() and table["alpha"].isna().all()


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
    assert run("--log", tmp_path / "logs/rule/a0.5.log", "compute") == (0, "")
    spent = io.read_json(tmp_path / "benchmarks/rule/a0.5.json")["core_seconds"] - before
    assert 0.45 <= spent <= sum(os.times()[:4]) - before + 0.05


def test_a_verb_that_failed_keeps_no_core_time(tmp_path):
    assert run("--log", tmp_path / "logs/rule.log", "describe-params", "nonsense")[0] == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("log", ["", ".", "/", "/dev/null", "logs/.log", "logs/rule"])
def test_a_log_without_a_log_s_name_is_refused(log):
    code, error = run("--log", log, "describe-params", "nonsense")
    assert code == 2 and "allowed is the path of a log, <name>.log" in error
    assert_one_sentence(error)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-1.0", "true", '"1"', "null", "1" + 400 * "0"])
def test_core_seconds_that_are_no_time_are_refused(text, tmp_path):
    (tmp_path / "rule.tsv").write_text("s\tcpu_time\tmax_rss\n90\t1\t100\n")
    (tmp_path / "rule.json").write_text(f'{{"core_seconds": {text}}}')
    table = tmp_path / "core_minutes.csv"
    job = [tmp_path / "rule.tsv", "--folder", tmp_path, "--scale", "smoke", "--output", table]
    code, error = run("tabulate-core-minutes", *job)
    assert (
        code == 2
        and "rule.json: core_seconds = " in error
        and "allowed is a finite number" in error
        and not table.exists()
    )


def test_core_minutes_are_those_that_the_jobs_measured(tmp_path):
    (tmp_path / "train").mkdir()
    for trial, (seconds, sampled) in enumerate([(120.0, 1), (60.0, 2)]):
        (tmp_path / f"train/{trial}.5.tsv").write_text(f"s\tcpu_time\tmax_rss\n90\t{sampled}\t{100 + trial}\n")
        io.write_json(tmp_path / f"train/{trial}.5.json", {"core_seconds": seconds})
    (tmp_path / "other.tsv").write_text("s\tcpu_time\tmax_rss\n90\t1\t100\n")
    jobs = [tmp_path / name for name in ("train/0.5.tsv", "train/1.5.tsv", "other.tsv")]
    table = tmp_path / "core_minutes.csv"
    code, error = run("tabulate-core-minutes", *jobs, "--folder", tmp_path, "--scale", "smoke", "--output", table)
    assert code == 0 and "other.tsv is missing" in error
    assert table.read_text().splitlines()[1] == "train,2,3.0,3.0,101,smoke"


@pytest.mark.parametrize(
    ("stage", "epochs"), [("regression.trials", 2), ("teacher_student.trials", 1), ("teacher_student.trials", 2)]
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_trials_that_diverge_are_reported_and_have_rows_of_nan(folder, tmp_path, stage, epochs):
    """They may diverge by their last step, which no loss of a batch tells."""
    training = {"learning_rate": 1e30, "epochs": epochs, "batch_size": 600}
    code, error = changed(folder, tmp_path, stage, training=training)
    table = io.read_table(first_row_file(tmp_path, stage))
    assert code == 0 and len(table) == 2 and (table["diverged_epoch"] == epochs - 1).all()
    measures = teacher_student.MEASURES if stage.startswith("teacher") else ["r2", "gamma_norm"]
    assert table[measures].isna().all(axis=None)
    assert f"trial 1 (seed {table['seed'][1]}) diverged in epoch {epochs} and was stopped" in error


def test_an_altered_data_set_is_named(folder, tmp_path):
    below = tmp_path / "data/regression"
    below.mkdir(parents=True)
    for path in (folder / "data/regression").glob("*.safetensors"):
        content = bytearray(path.read_bytes())
        content[-5] ^= 1
        (below / path.name).write_bytes(content)
    code, error = train("regression.trials", job_text("train regression.trials"), tmp_path, tmp_path / "out")
    assert code == 2 and "points.safetensors was altered" in error
    assert not (tmp_path / "out").exists()


def test_a_kernel_on_a_gpu_is_refused(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    code, error = changed(folder, tmp_path / "out", "regression.trials", "--device", "cuda", backend="kernel")
    assert code == 2 and "allowed is device = 'cpu'" in error
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(params.ParameterError, match="no CUDA device"):
        verbs.require_device("cuda")


def test_the_torch_backend_gives_the_kernel_s_results(folder, tmp_path):
    tables = []
    for backend in ("kernel", "torch"):
        assert changed(folder, tmp_path / backend, "regression.trials", backend=backend)[0] == 0
        tables.append(io.read_table(first_row_file(tmp_path / backend, "regression.trials")))
    kernel, torch = tables
    assert kernel["seed"].tolist() == torch["seed"].tolist()
    for column in ("gamma_norm", "mse", "train_mse", "mean_abs_eigenvalue"):
        np.testing.assert_allclose(kernel[column], torch[column], rtol=1e-3, err_msg=column)


def test_every_verb_has_help():
    for verb in cli.VERBS:
        assert run(verb, "--help") == (0, "")


def test_an_unknown_verb_is_one_sentence():
    assert run("trian") == (2, "replication: No such command 'trian'.\n")


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
