"""Real tables: every method tried with as many values, the smallest network within the validation budget measured."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
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
MEASURES = [
    "limit",
    "validation_loss",
    "dense_score",
    "score",
    "best_score",
    *(f"dense_{name}" for name in DENSE),
    *DENSE,
]
Split = Mapping[str, Tensor]


@dataclass(frozen=True)
class Tried:
    """All values of a method on one split.

    graphs, losses: of each value, on the validation points, infinite where the training diverged; limit: the least loss
    and the budget; small: by place, for those within the limit, the networks cut down to it, by whether signs may be
    flipped; sizes: of these.
    """

    values: list[dict[str, object]]
    graphs: list[Graph]
    losses: list[float]
    limit: float
    small: dict[int, dict[bool, Graph]]
    sizes: dict[int, dict[bool, dict[str, float]]]

    @property
    def best(self) -> int:
        """The place of the least loss."""
        return int(np.argmin(self.losses))

    def chosen(self, flips: bool) -> int | None:
        """The place of the value that ends with the fewest parameters, of equal ones with the smaller loss."""
        places = sorted(self.sizes, key=lambda place: (self.sizes[place][flips]["parameters"], self.losses[place]))
        return next(iter(places), None)


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
    rows, done = {"trials": [], "tuning": [], "costs": []}, work.progress(len(work.trials), "splits")
    for trial, seed in zip(work.trials, work.seeds, strict=True):
        for kind, found in of_split(table, settings, seed).items():
            rows[kind] += [{"trial": trial, "seed": seed} | row for row in found]
        done(1)
    return {kind: pd.DataFrame(found) for kind, found in rows.items()}, {}


def of_split(table: tabular.Table, settings: SimpleNamespace, seed: int) -> dict[str, list[dict[str, object]]]:
    """The rows of one split, by table."""
    split, values, loss = split_of(table, settings, seed), values_of(settings.method), LOSSES[table.task]
    since = time.process_time()
    graphs = search(settings.method, task_of(split, settings), loss, values, seed)
    seconds = time.process_time() - since

    def on_validation(network: CompactNetwork) -> float:
        with torch.no_grad():
            return float(loss(network(split["x_validation"][:, :-1]).double(), split["y_validation"].double()))

    spare = settings.absolute_budget if table.classes else 0.0
    tried = compacted(values, graphs, on_validation, 1 + settings.loss_budget, spare)
    lost = int((~np.isfinite(tried.losses)).sum())
    common = {"kind": table.task, "points": len(split["x_train"]), "inputs": table.x.shape[1], "diverged_values": lost}
    trials = [common | trial_row(tried, flips, split, table.task, on_validation) for flips in FLIPS]
    costs = [{"core_seconds": seconds} | cost_row(tried, flips, split, settings.repeats) for flips in FLIPS]
    return {"trials": trials, "tuning": [tuning_row(tried, place) for place in range(len(values))], "costs": costs}


def compacted(
    values: list[dict[str, object]], graphs: list[Graph], on_validation: Value, factor: float, spare: float
) -> Tried:
    """Every network within factor · the least loss + spare cut down to that."""
    losses = [loss_of(graph, on_validation) for graph in graphs]
    limit = factor * min(losses) + spare
    small = {
        place: smallest(graph, on_validation, limit)
        for place, (graph, loss) in enumerate(zip(graphs, losses, strict=True))
        if np.isfinite(loss) and loss <= limit
    }
    sizes = {place: {flips: size_of(graph) for flips, graph in both.items()} for place, both in small.items()}
    return Tried(values, graphs, losses, limit, small, sizes)


def trial_row(tried: Tried, flips: bool, split: Split, kind: str, on_validation: Value) -> dict[str, object]:
    """The chosen network before (``dense``) and after compaction; NaN if every training diverged."""
    place = tried.chosen(flips)
    row = {"flips": flips, "value": ""} | dict.fromkeys(MEASURES, np.nan)
    if place is None:
        return row
    dense, small = tried.graphs[place], tried.small[place][flips]
    row |= {"value": json.dumps(tried.values[place]), "limit": tried.limit}
    row |= {"validation_loss": on_validation(module(small)), "best_score": score(tried.graphs[tried.best], split, kind)}
    row |= {"dense_score": score(dense, split, kind), "score": score(small, split, kind)}
    return row | {f"dense_{name}": size for name, size in size_of(dense).items()} | tried.sizes[place][flips]


def cost_row(tried: Tried, flips: bool, split: Split, repeats: int) -> dict[str, object]:
    """Latencies of the same two networks."""
    place = tried.chosen(flips)
    pair = {} if place is None else {"dense_": tried.graphs[place], "": tried.small[place][flips]}
    return {"flips": flips} | {
        f"{state}{name}": value
        for state, graph in pair.items()
        for name, value in latencies(graph, split["x_test"][:, :-1], repeats).items()
    }


def tuning_row(tried: Tried, place: int) -> dict[str, object]:
    """One value: its validation loss before compaction, and the parameters afterwards if it was within the limit."""
    loss, sizes = tried.losses[place], tried.sizes.get(place)
    return {
        "place": place,
        "value": json.dumps(tried.values[place]),
        "diverged": not np.isfinite(loss),
        "validation_loss": loss if np.isfinite(loss) else np.nan,
        "parameters": sizes[False]["parameters"] if sizes else np.nan,
        "flipped_parameters": sizes[True]["parameters"] if sizes else np.nan,
        "chosen": tried.chosen(False) == place,
        "chosen_with_flips": tried.chosen(True) == place,
    }


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


def score(graph: Graph, split: Split, kind: str) -> float:
    """R² on the test points, or the share of them that are put into their class."""
    with torch.no_grad():
        output, y = module(graph)(split["x_test"][:, :-1]), split["y_test"]
    if kind == tabular.REGRESSION:
        return r_squared(y.numpy(), output.numpy())
    return float((output.argmax(dim=-1) == y.argmax(dim=-1)).double().mean())
