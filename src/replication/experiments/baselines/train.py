"""The baselines, measured: all search on the same data, and one compaction says how small their networks are."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from itertools import product
from types import SimpleNamespace
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from replication.baselines.task import SearchResult, Task
from replication.data.names import NEW_TEACHERS, TEACHER
from replication.experiments.baselines.measures import STATES, TARGETS, loss_at, measure
from replication.experiments.baselines.tuned import with_option, with_tuned
from replication.training.memory import peak_allocated
from replication.training.torch_threads import one_thread, subnormals_flushed
from replication.training.work import Results, Work, WorkError

T = TypeVar("T")
Data = Mapping[str, np.ndarray]

MEMORY_STEPS = 20  # of the short search whose memory is measured


def run(data: Data, work: Work) -> Results:
    """Search with one method on one task, for every strength, and measure what it finds.

    A method that has a tuned option searches with the value that was chosen for it.
    """
    settings = work.settings
    if work.before:
        keys = work.keys | ({"task": TEACHER} if work.keys["task"] == NEW_TEACHERS else {})
        settings = SimpleNamespace(**vars(settings) | {"method": with_tuned(settings.method, work.before[0], keys)})
    tables = search_and_measure(data, settings, work.keys["task"], work.trials, work.seeds)
    return tables | {"trials": tables["trials"].assign(options=json.dumps(vars(settings.method.options)))}, {}


def tuning(data: Data, work: Work) -> Results:
    """Try every value of a method's tuned option on seeds of their own, and mark the best."""
    if not vars(work.settings.method.tuned) or not work.trials:
        raise WorkError("settings: method.tuned is empty or tuning_trials is 0, so there is nothing to tune")
    return {"tuning": tune(data, work.settings, work.keys["task"], work.trials, work.seeds)}, {}


def task_of(data: Data, settings: SimpleNamespace) -> tuple[Task, Tensor, Tensor]:
    """The task, and the test points: x (points, N_1), y (points, N_ℓ).

    data: experiment 1's or 2's arrays. The last ``validation_share`` of the training points are for choosing.
    """
    task_settings = settings.task
    test = "test" if "x_test" in data else "held_out"
    x, y = _points(data, "train", task_settings.points, task_settings)
    x_test, y_test = _points(data, test, settings.test_points, task_settings)
    kept = len(x) - max(1, round(settings.validation_share * len(x)))
    task = Task(
        x=x[:kept],
        y=y[:kept],
        x_choose=x[kept:],
        y_choose=y[kept:],
        widths=(x.shape[1], *task_settings.hidden, y.shape[1]),
        bias=task_settings.bias,
        steps=task_settings.steps,
        batch_size=task_settings.batch_size,
        learning_rate=settings.learning_rate,
    )
    return task, x_test, y_test


@one_thread()
@subnormals_flushed()
def search_and_measure(
    data: Data,
    settings: SimpleNamespace,
    data_set: str,
    trials: Sequence[int],
    seeds: Sequence[int],
) -> dict[str, pd.DataFrame]:
    """Search and measure: tables ``trials`` and ``costs``, a row per trial and strength, and the gates' ``history``.

    ``core_seconds``: the process time of the search for all rows together, over their number. Most methods train them
    side by side, which shares the overhead of an operation, the more the more there are; random search, Bayesian search
    and NEAT cannot. ``alone_seconds``: that of a search for the first of them alone, which compares between methods;
    ``peak_mib`` is of it too. Both stand in the first row and are NaN in the others.
    """
    points = task_of(data, settings)
    task, strengths = points[0], settings.strengths
    # Before the searches: it loads and compiles what is timed
    alone = {"peak_mib": peak_of(settings.method, task, strengths, seeds[0]) / 2**20}
    _, alone["alone_seconds"] = timed(lambda: function_of(settings.method)(task, strengths[:1], seeds[:1]))
    results, seconds = timed(lambda: search(settings.method, task, strengths, seeds))
    rows, costs, history = [], [], []
    for trial, seed, of_seed in zip(trials, seeds, results, strict=True):
        for strength, result in zip(strengths, of_seed, strict=True):
            name = {"trial": trial, "seed": seed, "strength": strength}
            rows.append(name | measure(result, *points, settings, seed, data_set))
            costs.append(name | {"core_seconds": seconds / (len(seeds) * len(strengths))})
            history += [name | row for row in result.history]
    columns = ["trial", "seed", "strength", "step", "gradient_evaluations", "entropy", "decided", "expected_size"]
    gates = pd.DataFrame(history, columns=[*columns, "validation_mse"])
    costs[0] |= alone
    return {"trials": pd.DataFrame(rows), "costs": pd.DataFrame(costs), "history": gates}


def timed(run: Callable[[], T]) -> tuple[T, float]:
    """What ``run`` gives, and the process time that it takes, in seconds."""
    begin = time.process_time()
    return run(), time.process_time() - begin


@one_thread()
@subnormals_flushed()
def tune(
    data: Data,
    settings: SimpleNamespace,
    data_set: str,
    trials: Sequence[int],
    seeds: Sequence[int],
) -> pd.DataFrame:
    """Try every value of the tuned option: a row per value and trial, ``chosen`` the value that is best.

    ``parameters``: of the smallest network, as it is, whose R² on the validation points is at least ``min_r2``, over
    the strengths. Without one they are those of the maximal network. ``validation_mse``: the least one of the small
    networks with at most ``max_neurons`` neurons, infinite without any. The best value has the least geometric mean
    over the trials of the first, of equal ones that of the second. Of equal ones in both it is the first value. The
    seeds are others than those of the searches; ``value`` is JSON text.
    """
    points = task_of(data, settings)
    good = loss_at(settings.min_r2, points[0].y_choose)
    [(option, values)] = vars(settings.method.tuned).items()
    rows = []
    for value in values:
        method = with_option(settings.method, option, value)
        peak_of(method, points[0], settings.strengths, seeds[0])  # refuses a value that is not allowed
        results = search(method, points[0], settings.strengths, seeds)
        for trial, seed, of_seed in zip(trials, seeds, results, strict=True):
            measured = [measure(result, *points, settings, seed, data_set) for result in of_seed]
            name = {"option": option, "value": json.dumps(value), "tuning_trial": trial, "seed": seed}
            parameters = min(fewest_parameters(row, good) for row in measured)
            error = min(smallest_error(row, settings.max_neurons) for row in measured)
            rows.append(name | {"parameters": parameters, "validation_mse": error})
    table = pd.DataFrame(rows)
    means = np.log(table[["parameters", "validation_mse"]]).groupby(table["value"], sort=False).mean()
    best = means.sort_values(["parameters", "validation_mse"], kind="stable").index[0]
    return table.assign(chosen=table["value"] == best)


def fewest_parameters(row: Mapping[str, float], loss: float) -> float:
    """Parameters of the smallest network, as it is, with at most this validation loss; else of the maximal one."""
    sizes = [row[f"{target}_parameters"] for target in TARGETS if row[f"{target}_validation_mse"] <= loss]
    return min(sizes, default=row["maximal_parameters"])


def smallest_error(row: Mapping[str, float], neurons: int) -> float:
    """The least validation error of the small networks of a search with at most so many neurons; infinite without."""
    errors = [
        row[f"{target}_{state}validation_mse"]
        for target in TARGETS
        for state in STATES
        if row[f"{target}_neurons"] <= neurons
    ]
    return min(filter(np.isfinite, errors), default=np.inf)


def search(
    method: SimpleNamespace, task: Task, strengths: Sequence[float], seeds: Sequence[int]
) -> list[list[SearchResult]]:
    """What the method finds from each seed at each strength, with its options; all of them are searched for together.

    A single one gets a twin. The product of one pair of matrices is left to other kernels than that of several, which
    round otherwise. A result must not depend on how many others there are.
    """
    runs = list(product(seeds, strengths))
    runs = runs if len(runs) > 1 else 2 * runs
    results = function_of(method)(task, [strength for _, strength in runs], [seed for seed, _ in runs])
    return [results[k * len(strengths) : (k + 1) * len(strengths)] for k in range(len(seeds))]


def function_of(method: SimpleNamespace) -> Callable[[Task, Sequence[float], Sequence[int]], list[SearchResult]]:
    """The method's function ``search``, with its options."""
    return partial(import_module(f"replication.baselines.{method.search}").search, **vars(method.options))


def peak_of(method: SimpleNamespace, task: Task, strengths: Sequence[float], seed: int) -> int:
    """Most bytes of tensors that a search for one strength holds at once, from a short one.

    Raises WorkError if the method does not have or allow one of its options.
    """
    batch = slice(task.batch_size)  # no more points at once than a step has: what is looked at beside it does not count
    short = replace(
        task, steps=min(task.steps, MEMORY_STEPS), x_choose=task.x_choose[batch], y_choose=task.y_choose[batch]
    )
    try:
        return peak_allocated(lambda: function_of(method)(short, strengths[:1], [seed]))
    except (TypeError, ValueError) as error:
        raise WorkError(f"options {vars(method.options)} of {method.search}: {error}") from error


def _points(data: Data, split: str, count: int, task: SimpleNamespace) -> tuple[Tensor, Tensor]:
    x, y = (np.float32(data[f"{axis}_{split}"][:count]).reshape(count, -1) for axis in "xy")
    x = np.column_stack([x, np.ones(count, np.float32)]) if task.bias else x
    return torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(y)
