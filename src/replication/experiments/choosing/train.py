"""One hidden layer on Friedman's first function, with every combination of choices: what fits, opens and goes."""

from collections.abc import Iterator, Mapping
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from replication.data import tabular
from replication.training.adam import Adam
from replication.training.ensemble.batched import Group
from replication.training.ensemble.batches import epoch_orders
from replication.training.ensemble.training import Training, initial_parameters
from replication.training.seeds import generator
from replication.training.torch_threads import one_thread, subnormals_flushed
from replication.training.work import Results, Work
from sparcs.compact import CompactNetwork
from sparcs.metrics import r_squared
from sparcs.network import SpectralNetwork

CHOICES = (  # as in the settings of a sweep
    *("width", "penalty", "rho", "initial_scale", "learning_rate", "steps", "shrunk", "validation_points"),
)
OPEN = 0.01  # of the largest hidden eigenvalue: above it a neuron is recruited
Data = Mapping[str, Tensor]


@one_thread()
@subnormals_flushed()
def run(data: None, work: Work) -> Results:
    """Train a network of every combination from one seed, compact it, and train it on a little."""
    settings, [seed], [trial] = work.settings, work.seeds, work.trials
    values = product(*(getattr(settings, name) for name in CHOICES))
    combinations = [dict(zip(CHOICES, each, strict=True)) for each in values]
    points, done = drawn(settings, seed), work.progress(len(combinations), "networks")
    rows = []
    for choice in combinations:
        measures = measured(points, settings, SimpleNamespace(**choice), seed)
        rows.append({"trial": trial, "seed": seed} | choice | measures)
        done(1)
    table = pd.DataFrame(rows)
    chosen_on = table["validation_points"].astype("float64").fillna(settings.most_validation_points)
    return {"trials": table.assign(validation_points=chosen_on)}, {}


def drawn(settings: SimpleNamespace, seed: int) -> dict[str, Tensor]:
    """x_train, y_train, … of the three splits, standardised by the training points, with a constant 1 in x."""
    counts = settings.points, settings.most_validation_points, settings.test_points
    table = tabular.load("friedman1", sum(counts), settings.data_seed)
    order = generator(seed, "split").permutation(sum(counts))
    arrays = tabular.prepare(table, np.split(order, np.cumsum(counts)[:-1]))
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def measured(points: Data, settings: SimpleNamespace, choice: SimpleNamespace, seed: int) -> dict[str, float]:
    """A row: the fit, what is open, what compaction leaves; NaN where the training diverged."""
    names = ("r2", "linear_r2", "open_share", "zero_share", "neurons", "compact_r2", "tuned_r2")
    row = {"diverged": True} | dict.fromkeys(names, np.nan)
    network = trained(points, settings, choice, seed)
    if not all(value.isfinite().all() for value in network.state_dict().values()):
        return row
    few = slice(None, choice.validation_points)
    x, y = points["x_validation"][few, :-1], points["y_validation"][few]
    small = network.compact(loss=lambda module: nn.functional.mse_loss(module(x), y), budget=settings.loss_budget)
    hidden = network.eigenvalues[1].detach().abs()
    row |= {"diverged": False, "r2": fit(network, points), "linear_r2": linear_fit(points)}
    row |= {"open_share": float((hidden > OPEN * hidden.max()).double().mean())}
    row |= {"zero_share": float((hidden == 0).double().mean()), "neurons": float(sum(small.widths[1:-1]))}
    row |= {"compact_r2": fit(small, points)}
    return row | {"tuned_r2": fit(fine_tuned(small, points, settings, choice, seed), points)}


def trained(points: Data, settings: SimpleNamespace, choice: SimpleNamespace, seed: int) -> SpectralNetwork:
    """A network trained for so many steps, its hidden eigenvalues shrunk towards 0 after each if asked for."""
    x, y = points["x_train"], points["y_train"]
    start = initial_parameters((x.shape[1], choice.width, 1), [seed])
    noise = generator(seed, "initial", 1).normal(size=(1, choice.width))
    start["eigenvalues.1"] = np.float32(choice.initial_scale * noise)
    training = Training(
        epochs=1,
        batch_size=settings.batch_size,
        learning_rate=choice.learning_rate,
        penalty=choice.penalty,
        rho=0.0 if choice.shrunk else choice.rho,
    )
    group = Group(start, x.numpy(), y.numpy(), training, torch.relu, "cpu")
    for batch in batches(len(x), settings.batch_size, choice.steps, seed):
        group.step(batch[None])
        if choice.shrunk:
            with torch.no_grad():
                group.lam[1].copy_(nn.functional.softshrink(group.lam[1], choice.learning_rate * choice.rho))
    network = SpectralNetwork((x.shape[1] - 1, choice.width, 1), bias=True)
    network.load_state_dict({name: torch.from_numpy(value[0]) for name, value in group.values().items()})
    return network


def batches(points: int, size: int, steps: int, seed: int) -> Iterator[Tensor]:
    """Indices of the points of each step, (batch,), a fresh shuffle every epoch."""
    random, done = generator(seed, "batches"), 0
    while done < steps:
        order = torch.from_numpy(epoch_orders(random, points, 1)[0]).long()
        for batch in order.split(size)[: steps - done]:
            yield batch
            done += 1


def fine_tuned(
    small: CompactNetwork, points: Data, settings: SimpleNamespace, choice: SimpleNamespace, seed: int
) -> CompactNetwork:
    """The compact network trained on, without a penalty, on the first batches again."""
    parameters = list(small.parameters())
    optimizer = Adam(parameters, choice.learning_rate)
    for batch in batches(settings.points, settings.batch_size, settings.fine_tuning_steps, seed):
        loss = nn.functional.mse_loss(small(points["x_train"][batch, :-1]), points["y_train"][batch])
        optimizer.step(torch.autograd.grad(loss, parameters))
    return small


def fit(network: nn.Module, points: Data) -> float:
    """R² on the test points."""
    with torch.no_grad():
        return r_squared(points["y_test"].numpy(), network(points["x_test"][:, :-1]).numpy())


def linear_fit(points: Data) -> float:
    """R² of least squares on the test points."""
    solution = torch.linalg.lstsq(points["x_train"].double(), points["y_train"].double()).solution
    return r_squared(points["y_test"].numpy(), (points["x_test"].double() @ solution).numpy())
