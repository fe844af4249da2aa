"""Real tables: every method tried with as many values, the smallest network within the validation budget measured."""

import json
import time
from collections.abc import Mapping, Sequence
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from replication.baselines.task import Task
from replication.data import tabular
from replication.experiments.tabular.compaction import Value, latencies, module, size_of, smallest
from replication.experiments.tabular.searches import LOSSES, search
from replication.training.seeds import generator
from replication.training.torch_threads import one_thread, subnormals_flushed
from replication.training.work import Results, Work, WorkError
from sparcs.compact import CompactNetwork
from sparcs.metrics import r_squared
from sparcs.pruning import Graph

FLIPS = (False, True)
DENSE = ("parameters", "bytes", "neurons", "hidden_layers")
MEASURES = ["validation_loss", "dense_score", "score", "best_score", *(f"dense_{name}" for name in DENSE), *DENSE]
Split = Mapping[str, Tensor]


@one_thread()
@subnormals_flushed()
def run(data: None, work: Work) -> Results:
    """Train one method on several splits of one table, with every value that is to be tried.

    Tables: ``trials``, a row for a split with sign flips and one without; ``tuning``, a row for each value; ``costs``.
    """
    settings, name = work.settings, work.keys["data_set"]
    try:
        table = tabular.load(name, settings.friedman_points, settings.data_seed)
    except tabular.DataError as error:
        raise WorkError(str(error)) from error
    parts = [of_split(table, settings, seed) for seed in work.seeds]
    tables = {}
    for kind in ("trials", "tuning", "costs"):
        named = zip(work.trials, work.seeds, parts, strict=True)
        tables[kind] = pd.DataFrame(
            [{"trial": trial, "seed": seed} | row for trial, seed, part in named for row in part[kind]]
        )
    return tables, {}


def of_split(table: tabular.Table, settings: SimpleNamespace, seed: int) -> dict[str, list[dict[str, object]]]:
    """The rows of one split, by table.

    Of the values that are tried the best has the least validation loss. The limit is that loss and the budget. Every
    network below it is cut down to it, and the one that ends with the fewest parameters is taken; of equal ones that
    with the smaller validation loss.
    """
    split = split_of(table, settings, seed)
    values, loss = values_of(settings.method), LOSSES[table.task]
    since = time.process_time()
    graphs = search(settings.method, task_of(split, settings), loss, values, seed)
    seconds = time.process_time() - since

    def on_validation(network: CompactNetwork) -> float:
        with torch.no_grad():
            return float(loss(network(split["x_validation"][:, :-1]).double(), split["y_validation"].double()))

    tried = [loss_of(graph, on_validation) for graph in graphs]
    best = int(np.argmin(tried))
    spare = settings.absolute_budget if table.classes else 0.0
    limit = (1 + settings.loss_budget) * tried[best] + spare
    small = {
        place: smallest(graph, on_validation, limit)
        for place, (graph, value) in enumerate(zip(graphs, tried, strict=True))
        if np.isfinite(value) and value <= limit
    }
    sizes = {place: {flips: size_of(graph) for flips, graph in both.items()} for place, both in small.items()}
    chosen = {flips: chosen_of(sizes, tried, flips) for flips in FLIPS} if small else {}
    tuning = [tuning_row(place, values, tried, sizes, chosen) for place in range(len(values))]
    common = {"kind": table.task, "points": len(split["x_train"]), "inputs": table.x.shape[1]}
    common |= {"values": len(values), "diverged_values": int((~np.isfinite(tried)).sum())}
    trials, costs = [], []
    for flips in FLIPS:
        row = common | {"flips": flips, "limit": limit, "value": ""} | dict.fromkeys(MEASURES, np.nan)
        cost = {"flips": flips, "core_seconds": seconds}
        if small:
            place = chosen[flips]
            pair = {"dense_": graphs[place], "": small[place][flips]}
            row |= {"value": json.dumps(values[place]), "validation_loss": on_validation(module(pair[""]))}
            row |= {f"{state}score": score(module(graph), split, table.task) for state, graph in pair.items()}
            row |= {"best_score": score(module(graphs[best]), split, table.task)}
            row |= {f"{state}{name}": size for state, graph in pair.items() for name, size in size_of(graph).items()}
            for state, graph in pair.items():
                times = latencies(graph, split["x_test"][:, :-1], settings.repeats)
                cost |= {f"{state}{name}": value for name, value in times.items()}
        trials.append(row)
        costs.append(cost)
    return {"trials": trials, "tuning": tuning, "costs": costs}


def split_of(table: tabular.Table, settings: SimpleNamespace, seed: int) -> dict[str, Tensor]:
    """x_train, y_train, …, y_test of one split, the constant the last input."""
    rows = tabular.split_rows(
        len(table.x), generator(seed, "split"), settings.validation_share, settings.test_share, settings.most_points
    )
    return {name: torch.from_numpy(array) for name, array in tabular.prepare(table, rows).items()}


def task_of(split: Split, settings: SimpleNamespace) -> Task:
    """What the searches train on."""
    x, y = split["x_train"], split["y_train"]
    return Task(
        x=x,
        y=y,
        x_choose=split["x_validation"],
        y_choose=split["y_validation"],
        widths=(x.shape[1], *settings.hidden, y.shape[1]),
        bias=True,
        steps=settings.steps,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
    )


def values_of(method: SimpleNamespace) -> list[dict[str, object]]:
    """Every combination of the values of the tuned options, whose order does not matter."""
    names = sorted(vars(method.tuned))
    return [dict(zip(names, each, strict=True)) for each in product(*(getattr(method.tuned, name) for name in names))]


def loss_of(graph: Graph, on_validation: Value) -> float:
    """The validation loss; infinite if the training diverged."""
    if not all(np.isfinite(weight).all() for weight in (*graph.weights.values(), *graph.biases.values())):
        return np.inf
    value = on_validation(module(graph))
    return value if np.isfinite(value) else np.inf


def chosen_of(sizes: Mapping[int, Mapping[bool, Mapping[str, float]]], tried: Sequence[float], flips: bool) -> int:
    """The place of the value whose network ends with the fewest parameters."""
    return min(sizes, key=lambda place: (sizes[place][flips]["parameters"], tried[place]))


def tuning_row(
    place: int,
    values: Sequence[Mapping[str, object]],
    tried: Sequence[float],
    sizes: Mapping[int, Mapping[bool, Mapping[str, float]]],
    chosen: Mapping[bool, int],
) -> dict[str, object]:
    """One value: its validation loss before compaction, and the parameters afterwards if it was within the limit."""
    finished = np.isfinite(tried[place])
    of_place = sizes.get(place)
    return {
        "place": place,
        "value": json.dumps(values[place]),
        "diverged": not finished,
        "validation_loss": tried[place] if finished else np.nan,
        "parameters": of_place[False]["parameters"] if of_place else np.nan,
        "flipped_parameters": of_place[True]["parameters"] if of_place else np.nan,
        "chosen": chosen.get(False) == place,
        "chosen_with_flips": chosen.get(True) == place,
    }


def score(network: CompactNetwork, split: Split, kind: str) -> float:
    """R² on the test points, or the share of them that are put into their class."""
    with torch.no_grad():
        output, y = network(split["x_test"][:, :-1]), split["y_test"]
    if kind == tabular.REGRESSION:
        return r_squared(y.numpy(), output.numpy())
    return float((output.argmax(dim=-1) == y.argmax(dim=-1)).double().mean())
