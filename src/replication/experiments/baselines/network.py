"""The networks of the comparison that are published: of every method the small one that is counted on the teacher.

No job keeps them. They are found again, from their row's seed and strength and with its options.
"""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from replication.baselines.task import SearchResult, Task
from replication.data.names import TEACHER
from replication.experiment import Network
from replication.experiments.baselines.comparison import GOOD_R2, KEYS, TARGETS, networks, smallest
from replication.experiments.baselines.measures import (
    as_it_is,
    fewest_neurons,
    loss_at,
    loss_of,
    module,
    relu,
    strongest,
    within,
    without_constant,
)
from replication.experiments.baselines.train import search, task_of
from replication.experiments.teacher_student.network import draw
from replication.training.torch_threads import one_thread, subnormals_flushed
from replication.training.work import plain
from sparcs import pruning
from sparcs.compact_network import CompactNetwork
from sparcs.metrics import r_squared
from sparcs.pruning import Graph


def label(keys: Mapping[str, Any]) -> str:
    """The method, on the paper's teacher."""
    return keys["method"] if keys["task"] == TEACHER else ""


def chosen(rows: pd.DataFrame) -> pd.DataFrame:
    """Of a trial's rows, one a strength, the small network that the comparison counts; none if no R² is good enough."""
    return smallest(networks(rows)).merge(rows[[*KEYS, "alpha", "seed", "options"]], on=KEYS)


@one_thread()
@subnormals_flushed()
def again(
    data: Mapping[str, np.ndarray], settings: Mapping[str, Any], row: Mapping[str, Any]
) -> tuple[CompactNetwork, dict[str, float]]:
    """The network of a row of ``chosen``, searched for again, and its size and fit."""
    settings = plain(settings)
    method = SimpleNamespace(**vars(settings.method) | {"options": plain(json.loads(row["options"]))})
    task, *test = task_of(data, settings)
    [[result]] = search(method, task, [row["strength"]], [row["seed"]])
    graph = small(row["target"], result, task, settings)
    x_test, y_test = test
    points = (without_constant(task.x_choose, task), task.y_choose), (without_constant(x_test, task), y_test)
    return module(graph), as_it_is(graph, points)


def small(target: str, result: SearchResult, task: Task, settings: SimpleNamespace) -> Graph:
    """The small network of a target that ``measures.measure`` makes of what was found, as it is."""
    graph, points = pruning.reduced(result.graph, relu), (without_constant(task.x_choose, task), task.y_choose)
    if target not in TARGETS[:2]:
        return strongest(graph, settings.max_neurons)
    budget = (1 + settings.loss_budget) * loss_of(graph, points)
    good = within(points, budget if target == "loss_budget" else loss_at(settings.min_r2, task.y_choose))
    return pruning.fewest_bundles(fewest_neurons(graph, good), relu, good)


def points(data: Mapping[str, np.ndarray], settings: Mapping[str, Any], features: None) -> tuple:
    """The test points that the comparison measures on, both (points, n)."""
    task, x_test, y_test = task_of(data, plain(settings))
    return without_constant(x_test, task).numpy(), y_test.numpy()


NETWORK = Network(
    label=label,
    chosen=chosen,
    told=("target", "neurons", "parameters", "options"),
    rule=f"of the first trial that has one the smallest network with R² ≥ {GOOD_R2} on the test points",
    again=again,
    points=points,
    draw=draw,
    metric="test_r2",
    score=r_squared,
    tolerance=1e-5,
    on="the test points",
    inputs="points x of [−1, 1]ⁿ, n = 20 in the paper, float32 (batch, n)",
)
