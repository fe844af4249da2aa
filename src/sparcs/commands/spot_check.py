"""The verb that trains some published trials again from their seeds."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import pandas as pd

from sparcs import params, provenance
from sparcs.commands import depth, teacher_student
from sparcs.commands.common import COUNT, FILE, INPUT, SEED, progress
from sparcs.commands.data import regression_arrays
from sparcs.commands.publish import TRIAL
from sparcs.data import teacher
from sparcs.experiments import depth as depth_experiment
from sparcs.experiments import regression as regression_experiment
from sparcs.experiments import teacher_student as teacher_experiment
from sparcs.files import ArtifactError, read_json, read_table, write_csv

Row = pd.Series  # of a table of trials


@click.command()
@click.option("--published", type=INPUT, required=True, help="results/published")
@click.option("--sample", type=COUNT, default=3, show_default=True, help="trials of each experiment")
@click.option("--seed", type=SEED, default=0, show_default=True, help="of the draw")
@click.option("--output", type=FILE, required=True, help="a row per trial, CSV")
def spot_check(published: Path, sample: int, seed: int, output: Path) -> None:
    """Draw published trials of experiments 1 and 2 and of the depth experiment, train them again, and compare.

    On the same type of processor all measures are the same to the last bit; ``largest_difference`` is relative.
    """
    run = read_run(published / "settings.json")
    drawn = [(name, row) for name in AGAIN for row in sampled(published / name / "trials.parquet", sample, seed)]
    if not drawn:
        raise ArtifactError(f"{published} has no trials of {', '.join(AGAIN)} that were trained on a CPU")
    rows = []
    with progress(len(drawn), "trials", unit="trials") as on_trial:
        for name, row in drawn:
            rows.append({"experiment": name} | compared(row, AGAIN[name](run, row), TRIAL[name]))
            on_trial(1)
    write_csv(output, pd.DataFrame(rows).assign(checked_by=provenance.commit(), machine=provenance.machine()))
    click.echo(f"{len(rows)} trials trained again, {sum(row['identical'] for row in rows)} of them identical")


class Run(NamedTuple):
    """The published settings of the experiments that are checked."""

    root_seed: int
    regression: params.Regression
    teacher_student: params.TeacherStudent
    depth: params.Depth


def read_run(path: Path) -> Run:
    """The settings of these experiments alone: those of others may be older than what they are asked for today."""
    values = read_json(path).get("run", {})
    missing = [name for name in Run._fields if name not in values]
    if missing:
        raise ArtifactError(f"{path} has no settings of the published run: {', '.join(missing)} is missing")
    kinds = Run.__annotations__
    return Run(**{name: params.validate(kinds[name], values[name]) for name in Run._fields})


def sampled(path: Path, sample: int, seed: int) -> list[Row]:
    """Rows of a published table drawn at random, in their order; those trained on a GPU can't be compared here."""
    if not path.exists():
        return []
    table = read_table(path).query("device == 'cpu'")
    return [row for _, row in table.sample(min(sample, len(table)), random_state=seed).sort_index().iterrows()]


def compared(published: Row, again: Row, keys: list[str]) -> dict[str, object]:
    """Which trial it is, and how its measures, all of them numbers, differ from those of the one trained again.

    The largest difference is infinite if a measure is missing or not finite on one side only.
    """
    measures = [name for name in again.index if name not in keys]
    one, other = (row.reindex(measures).astype(np.float64).to_numpy() for row in (published, again))
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    finite = np.isfinite(one) & np.isfinite(other)
    a, b = (np.where(finite, values, 0) for values in (one, other))
    scale = np.maximum(np.abs(a), np.abs(b))
    relative = np.abs(a - b) / np.where(scale > 0, scale, 1)
    return {
        "trial": ", ".join(f"{key} {published[key]}" for key in keys),
        "seed": published["seed"],
        "published_by": published["commit"],
        "measures": len(measures),
        "identical": bool(same.all()),
        "largest_difference": float(np.where(same | finite, relative, np.inf).max()),
    }


def regression_again(run: Run, row: Row) -> Row:
    """A trial of experiment 1."""
    settings = _part(run.regression, params.RegressionTrial)
    data = regression_arrays(_part(run.regression, params.RegressionData), row["alpha"], row["beta"])
    name = params.regression_name(row["alpha"], row["beta"])
    seeds = regression_experiment.seeds(run.root_seed, name, [row["trial"]])
    trained = regression_experiment.train(data, seeds, settings, "cpu")
    return regression_experiment.measure(trained, data, settings.active_threshold).assign(seed=seeds).iloc[0]


def teacher_student_again(run: Run, row: Row) -> Row:
    """A trial of experiment 2."""
    settings = _part(run.teacher_student.of_ensemble(row["ensemble"]), params.TeacherTrial)
    name = params.teacher_name(row["teacher"], row["rotations"])
    data = _teacher(run, row["teacher"], row["rotations"])
    seeds = teacher_experiment.seeds(run.root_seed, name, [row["trial"]])
    trained = teacher_experiment.train(data, seeds, settings, "cpu")
    return teacher_student.measure_trials(trained, data, settings, [row["trial"]], seeds)["trials"].iloc[0]


def depth_again(run: Run, row: Row) -> Row:
    """A trial of the depth experiment."""
    settings = _part(run.depth.task_of(row["data_set"]), params.DepthTrial)
    if row["data_set"] == params.TEACHER:
        seed = run.teacher_student.data_seed
        name, arrays = params.teacher_name(seed, 2), _teacher(run, seed, 2)
    else:
        name = row["data_set"]
        arrays = regression_arrays(
            _part(run.regression, params.RegressionData), row["alpha"], run.depth.alpha_beta.beta
        )
    data = depth_experiment.used_points(arrays, settings)
    seeds = depth_experiment.seeds(run.root_seed, name, [row["trial"]])
    trained = depth_experiment.train(data, settings, row["depth"], row["gain"], seeds, "cpu")
    return depth.measure_trials(trained, data, settings, [row["trial"]], seeds)["trials"].iloc[0]


AGAIN: dict[str, Callable[[Run, Row], Row]] = {
    "regression": regression_again,
    "teacher_student": teacher_student_again,
    "depth": depth_again,
}


def _part(settings: params.Model, model: type[params.Model]) -> params.Model:
    return params.from_json(model, settings.part(model))


def _teacher(run: Run, seed: int, rotations: int) -> dict[str, np.ndarray]:
    own = run.teacher_student
    return teacher.draw(own.widths[0], own.points, own.test_points, seed, rotations)
