"""The effect of another processor: the same trials with AVX2 in place of AVX-512, where libraries can be told to."""

import numpy as np
import pandas as pd
import pytest

import tiny
from replication.training.instruction_sets import AVX2
from replication.training.vectors import AVX512

pytestmark = [pytest.mark.pipeline, pytest.mark.artifacts, pytest.mark.reliability]
RUN = (
    "scale=smoke",
    "regression={alphas: [0, 1], betas: [5], trials: 10, chunk: 10, training: {epochs: 300}}",
    "teacher_student={chunk: 1, training: {epochs: 60}}",
    "cifar10={training: {epochs: 20}}",
)
TARGETS = ("tabulate_regression", "tabulate_teacher_student", "tabulate_cifar10")
MEASURES = {  # table, column: what it is
    ("regression", "r2"): "R² of α/β networks after 300 epochs",
    ("regression", "gamma_norm"): "‖Γ‖ of the same",
    ("teacher_student", "test_r2"): "R² of the teacher's students after 60 epochs of 4,096 points",
    ("cifar10", "test_accuracy"): "points of accuracy on stand-in images after 20 epochs",
}


@pytest.mark.skipif(not AVX512, reason="this processor has no AVX-512: there is nothing to leave out")
def test_an_older_instruction_set_changes_the_last_digits(tmp_path, evidence):
    runs = []
    for name, variables in (("own", {}), ("older", AVX2)):
        folder = tmp_path / name
        folder.mkdir()
        workflow = ["--snakefile", tiny.ROOT / "workflow/Snakefile", "--directory", folder, "--cores", 2]
        tiny.run(tiny.ROOT, "snakemake", *workflow, *TARGETS, "--config", *RUN, **variables)
        runs.append(
            {
                experiment: pd.read_parquet(folder / f"results/smoke/{experiment}/trials.parquet")
                for experiment, _ in MEASURES
            }
        )
    differences = {
        (experiment, column): np.abs(runs[0][experiment][column] - runs[1][experiment][column]).max()
        for experiment, column in MEASURES
    }
    assert differences["regression", "gamma_norm"] > 0, "the same bits: no library did as it was told"
    assert differences["regression", "r2"] < 0.01 and differences["teacher_student", "test_r2"] < 0.05
    for name, difference in differences.items():
        evidence("AVX2 in place of AVX-512", f"largest difference in {MEASURES[name]}", float(difference))
    evidence("AVX2 in place of AVX-512", "trials compared", sum(len(table) for table in runs[0].values()))
