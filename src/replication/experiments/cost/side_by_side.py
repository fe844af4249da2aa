"""Experiment 3's networks on one device: how long a step of each takes alone, and with others side by side.

Images are random: a step takes the same time on any.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from replication.data.image_arrays import Images
from replication.experiments.cifar10 import train as cifar10
from replication.experiments.cifar10.backends import PyTorch
from replication.experiments.cifar10.settings import Cifar10
from replication.experiments.cifar10.side_by_side import SideBySide
from replication.training.classifiers import clock
from replication.training.memory import peak_allocated
from replication.training.torch_threads import one_thread, subnormals_flushed

EPOCHS = 3  # that are timed, after one in which the step is recorded
ALONE = "one at a time"


class Epochs(NamedTuple):
    """What takes networks through an epoch, given its number, and what validates them after it."""

    networks: int
    epoch: Callable[[int], np.ndarray | float]
    validate: Callable[[int], object]


def timed(
    settings: Cifar10,
    device: str,
    trials: Sequence[int],
    images: int | None = None,
    on_way: Callable[[int], None] = lambda _: None,
) -> pd.DataFrame:
    """One row for a network of each head alone, one after the other, and one for each number of trials side by side.

    Columns: ``way``; ``networks`` at once; ``device``; of a network's share ``milliseconds_per_step``, batches drawn
    and augmented, and ``milliseconds_of_validation`` after an epoch; ``trainings`` of the experiment, and ``minutes``
    for all; ``peak_mib`` of memory; ``loss_apart``, how far the first epoch's losses of the first trial are at most
    from those alone. images: at most so many are used, where all take too long; minutes are for all.
    """
    data, used = noise(settings, images)
    heads, rows, first = settings.heads, [], {}
    with one_thread(), subnormals_flushed():
        for head in heads:
            made = lambda head=head: _alone(head, data, used, device)  # noqa: E731
            rows.append({"way": f"{ALONE}, {head}"} | _timed(made, settings, used, device, first.setdefault(head, [])))
            on_way(1)
        mean = pd.DataFrame(rows)[["milliseconds_per_step", "milliseconds_of_validation", "minutes"]].mean()
        rows.append({"way": ALONE, "networks": 1} | mean.to_dict() | {"peak_mib": max(row["peak_mib"] for row in rows)})
        for number in trials:
            losses: list[np.ndarray] = []
            made = lambda number=number: _together(number, heads, data, used, device)  # noqa: E731
            row = {"way": SideBySide.name} | _timed(made, settings, used, device, losses)
            order = SideBySide.ordered(heads)
            apart = max(abs(float(losses[0][0, order.index(head)]) - float(first[head][0])) for head in heads)
            rows.append(row | {"loss_apart": apart})
            on_way(1)
    trainings = settings.trials * len(heads)
    return pd.DataFrame(rows).assign(device=device, trainings=trainings, images=used.images)


def _timed(
    made: Callable[[], Epochs], settings: Cifar10, used: Cifar10, device: str, losses: list[np.ndarray | float]
) -> dict[str, float]:
    """A row of the table; the losses of the first epoch are kept in ``losses``."""
    now, taken = clock(device), []

    def start() -> None:
        taken.append(made())
        losses.append(taken[0].epoch(0))

    peak = peak_allocated(start, device)
    [(networks, epoch, validate)] = taken
    validate(0)
    times = []
    for number in range(1, EPOCHS + 1):
        begun = now()
        epoch(number)
        trained = now()
        validate(number)
        times.append((trained - begun, now() - trained))
    training, validation = np.median(times, axis=0) / networks  # seconds of a network
    step = training / _steps(used)
    whole = settings.training.epochs * (step * _steps(settings) + validation * _validated(settings) / _validated(used))
    return {
        "networks": networks,
        "milliseconds_per_step": 1e3 * step,
        "milliseconds_of_validation": 1e3 * validation,
        "minutes": settings.trials * len(settings.heads) * whole / 60,
        "peak_mib": peak / cifar10.MIB,
    }


def _alone(head: str, images: Images, settings: Cifar10, device: str) -> Epochs:
    run = cifar10.new_run(head, images, settings, 0, device)
    training = PyTorch(run, cifar10.optimizer_of(run, settings), settings, 0)
    return Epochs(1, training.epoch, training.validate)


def _together(trials: int, heads: Sequence[str], images: Images, settings: Cifar10, device: str) -> Epochs:
    group = SideBySide(heads, images, settings, range(trials), device)
    return Epochs(trials * len(heads), group.epoch, group.validate)


def noise(settings: Cifar10, images: int | None) -> tuple[Images, Cifar10]:
    """Random images, and settings that use them all."""
    points = min(settings.images, images or settings.images)
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(256, (points, 32, 32, 3), generator=generator, dtype=torch.uint8).numpy()
    y = np.arange(points) % settings.widths[-1]
    return Images(x, y, x[:1], y[:1], stand_in=True, source="", note=""), settings.model_copy(update={"images": points})


def _validated(settings: Cifar10) -> int:
    return round(settings.validation_share * settings.images)


def _steps(settings: Cifar10) -> int:
    """Of an epoch."""
    return -(-(settings.images - _validated(settings)) // settings.training.batch_size)
