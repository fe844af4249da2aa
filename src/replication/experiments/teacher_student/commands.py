"""Verbs of experiment 2."""

from pathlib import Path

import click
import numpy as np
import pandas as pd

from replication.experiments.teacher_student import train as teacher_student
from replication.experiments.teacher_student.settings import TeacherData, TeacherStudent, TeacherTrial, teacher_parts
from replication.params.loading import ParameterError
from replication.records.io import ArtifactError, read_arrays, read_table, write_arrays, write_table
from replication.records.verbs import (
    COUNT,
    FILE,
    INPUT,
    PATH,
    SEED,
    SIZE,
    Json,
    Settings,
    TrialList,
    device_option,
    progress,
    recorded,
    report_divergence,
    require_arrays,
    root_seed_option,
    sidecar,
    sizes,
)
from replication.training.ensemble.training import Trained

TABLES = ("trials", "eigenvalues", "pruning")
EIGENVALUE_COLUMNS = ["layer", "neuron", "eigenvalue", "trial"]
PRUNING_COLUMNS = ["kept", "live", "r2", "relative_increase", "removal", "trial"]


def read_teacher(path: Path, settings: TeacherTrial) -> dict[str, np.ndarray]:
    """A teacher's points; raises ArtifactError unless it fits the network and leaves points to report on."""
    data = read_arrays(path)
    inputs, outputs = (settings.widths[0],), (settings.widths[-1],)
    require_arrays(path, data, {"x_train": inputs, "y_train": outputs, "x_test": inputs, "y_test": outputs})
    if settings.selection_points >= len(data["x_test"]):
        setting = f"selection_points = {settings.selection_points}"
        raise ArtifactError(f"{path}: {setting}: allowed are fewer than its {len(data['x_test'])} test points")
    return data


@click.command()
@click.option("--teacher", type=INPUT, required=True)
@click.option("--trials", type=Json(TrialList), required=True)
@click.option("--settings", type=Settings(TeacherTrial), required=True)
@root_seed_option
@device_option
@click.option("--output", type=PATH, required=True, help="stem of the outputs")
def train_teacher_student(
    teacher: Path, trials: list[int], settings: TeacherTrial, root_seed: int, device: str, output: Path
) -> None:
    """Train trials of experiment 2 on one teacher, measure and prune them."""
    data = read_teacher(teacher, settings)
    seeds = teacher_student.seeds(root_seed, teacher.stem, trials)
    with recorded(sidecar(output), settings, root_seed, device, len(trials), [teacher], sizes(data)):
        with progress(len(trials) * settings.training.epochs, teacher.stem) as on_epoch:
            trained = teacher_student.train(data, seeds, settings, device, on_epoch)
        tables = measure_trials(trained, data, settings, trials, seeds)
        report_divergence(trials, seeds, tables["trials"]["diverged_epoch"])
        write_arrays(output.with_name(f"{output.name}.safetensors"), trained.parameters)
        for name, table in tables.items():
            write_table(output.with_name(f"{output.name}_{name}.parquet"), table)


def measure_trials(
    trained: Trained, data: dict[str, np.ndarray], settings: TeacherTrial, trials: list[int], seeds: list[int]
) -> dict[str, pd.DataFrame]:
    """The tables of one job; a trial that diverged has its row alone, with NaN measures.

    One whose output on the test points is not finite has diverged by its last step, which no training loss tells.
    """
    rows, others = [], {"eigenvalues": [], "pruning": []}
    for index, (trial, seed, diverged) in enumerate(zip(trials, seeds, trained.diverged_epoch, strict=True)):
        row = {"trial": trial, "seed": seed, "diverged_epoch": int(diverged)}
        row |= dict.fromkeys(teacher_student.MEASURES, np.nan)
        if diverged < 0:
            parameters = {name: array[index] for name, array in trained.parameters.items()}
            scalars, eigenvalues, pruning = teacher_student.measure(parameters, data, settings)
            if np.isfinite(scalars["test_mse"]):
                row |= scalars
                others["eigenvalues"].append(eigenvalues.assign(trial=trial))
                others["pruning"].append(pruning.assign(trial=trial))
            else:
                row["diverged_epoch"] = settings.training.epochs - 1
        rows.append(row)
    empty = {"eigenvalues": EIGENVALUE_COLUMNS, "pruning": PRUNING_COLUMNS}
    return {"trials": pd.DataFrame(rows)} | {
        name: pd.concat(parts) if parts else pd.DataFrame(columns=empty[name], dtype=float)
        for name, parts in others.items()
    }


@click.command()
@click.option("--settings", type=Settings(TeacherData), required=True)
@click.option("--size", type=SIZE, required=True, help="n of SO(n)")
@click.option("--first-seed", type=SEED, required=True)
@click.option("--teachers", type=COUNT, required=True)
@click.option("--output", type=FILE, required=True)
def fit_linear(settings: TeacherData, size: int, first_seed: int, teachers: int, output: Path) -> None:
    """Linear regression on several teachers, the paper's first."""
    seeds = range(first_seed, first_seed + teachers)
    if seeds[-1] >= 2**32:
        raise ParameterError(f"teachers = {teachers}: allowed are at most {2**32 - first_seed} from that first seed")
    write_table(output, teacher_student.linear_baseline(size, settings.points, settings.test_points, seeds))


@click.command()
@click.option("--settings", type=Settings(TeacherStudent), required=True)
@click.option("--folder", type=INPUT, required=True, help="the jobs' results")
@click.option("--output", type=PATH, required=True, help="folder of the tables")
def tabulate_teacher_student(settings: TeacherStudent, folder: Path, output: Path) -> None:
    """Gather experiment 2 into tidy tables: trials, eigenvalues, pruning curves."""
    for name, table in gather(settings, folder, list(settings.jobs())).items():
        write_table(output / f"{name}.parquet", table)


def gather(settings: TeacherStudent, folder: Path, jobs: list[tuple[str, str, str]]) -> dict[str, pd.DataFrame]:
    """The tables of the given jobs (ensemble, teacher, chunk)."""
    tables = {name: [] for name in TABLES}
    for ensemble, teacher, chunk in jobs:
        training = settings.of_ensemble(ensemble).training
        seed, rotations = teacher_parts(teacher)
        keys = {"ensemble": ensemble, "teacher": seed}
        more = {"penalty": training.penalty, "rho": training.rho, "rotations": rotations}
        for name in TABLES:
            rows = read_table(folder / ensemble / teacher / f"{chunk}_{name}.parquet")
            tables[name].append(rows.assign(**keys, **(more if name == "trials" else {})))
    return {name: _ordered(pd.concat(parts)) for name, parts in tables.items()}


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Sorted by ensemble, teacher and trial, those columns first: the same for any chunking."""
    keys = ["ensemble", "teacher", "trial", "seed", "penalty", "rho", "rotations"]
    first = [key for key in keys if key in table.columns]
    table = table.sort_values(first[:3], kind="stable").reset_index(drop=True)
    return table[[*first, *table.columns.difference(first, sort=False)]]
