"""A step of trainings at the paper's full size: what is too long to be run whole can still be timed.

Experiment 4, networks of one to ten hidden layers on experiment 2's teacher, and the search on NAS-Bench-201's cells.
Images and points are random, and so are the backbone's weights: a step takes the same time on any.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from replication.data.augmentation import DEVIATION, MEAN, Normalisation
from replication.data.backbones import untrained
from replication.experiments.cells import train as search
from replication.experiments.cells.settings import Cells
from replication.experiments.cells.space import EDGES
from replication.experiments.cells.supernet import Supernet
from replication.experiments.cifar100 import train as cifar100
from replication.experiments.cifar100.settings import HEADS, Cifar100
from replication.experiments.cost.against_depth import take_turns
from replication.experiments.depth.settings import Depth
from replication.experiments.settings import Settings
from replication.training import classifiers
from replication.training.cuda_graphs import replayed
from replication.training.ensemble import batched
from replication.training.ensemble.training import Training, initial_parameters
from replication.training.torch_threads import one_thread, subnormals_flushed

SECONDS = 3.0  # of measuring each step, at least
CLASSES = 10  # of CIFAR-10
COLORS = 256


class Step(NamedTuple):
    """One optimiser step of a training.

    what: the name of trainings of that kind, as in the account of what remains; samples: in its batch; needed: samples
    in the batches of a whole training; trainings: how many there are of that kind.
    """

    experiment: str
    what: str
    samples: int
    needed: int
    trainings: int
    take: Callable[[], object]


def steps(settings: Settings, device: str, images: int | None = None) -> Iterator[Step]:
    """Every step that is timed, made when its turn comes. images: in a batch at most, where memory holds no more."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield from _cifar100(settings.cifar100, device, images)
        yield _cells(settings.cells, device, images)
        yield from _depth(settings.depth, settings.teacher_student.widths[0], device)


def timed(
    settings: Settings,
    device: str,
    images: int | None = None,
    seconds: float = SECONDS,
    on_step: Callable[[int], None] = lambda _: None,
) -> pd.DataFrame:
    """One row per step that is timed.

    Columns: ``experiment``, ``what``, ``device``, ``samples``, ``milliseconds`` (median), ``trainings``, and
    ``seconds`` of a whole training without evaluation. There a sample of a larger batch takes as long as one of this.
    """
    rows = []
    with one_thread(), subnormals_flushed():
        for step in steps(settings, device, images):
            [times] = take_turns({step.what: step.take}, seconds, classifiers.clock(device)).values()
            median = float(np.median(times))
            name = {"experiment": step.experiment, "what": step.what, "device": device, "samples": step.samples}
            cost = {"milliseconds": 1e3 * median, "seconds": median * step.needed / step.samples}
            rows.append(name | cost | {"trainings": step.trainings})
            on_step(1)
    return pd.DataFrame(rows)


def _cifar100(settings: Cifar100, device: str, images: int | None) -> Iterator[Step]:
    """The whole network with either head, on enlarged images."""
    training, samples = settings.training, _at_most(settings.training.batch_size, images)
    x = torch.randint(COLORS, (samples, 3, 32, 32), dtype=torch.uint8).to(device)
    y = torch.randint(settings.widths[-1], (samples,)).to(device)
    needed = training.epochs * (settings.images - round(settings.validation_share * settings.images))
    for head in HEADS:
        run = cifar100.new_run(head, untrained(settings.backbone), settings, 0, device)
        optimizer = cifar100.optimizer_of(run, training)
        cifar100.whole(run).train()

        def take(run=run, optimizer=optimizer) -> float:
            return cifar100.step(run, optimizer, training, 0, cifar100.enlarged(run, x), y)

        yield Step("cifar100", head, samples, needed, settings.trials, take)


def _cells(settings: Cells, device: str, images: int | None) -> Step:
    """Both gradients of a step: that of the mixture and that of the supernet."""
    samples = _at_most(settings.batch_size, images)
    network = Supernet(settings.operations, settings.channels, settings.cells, CLASSES, 0).to(device)
    mixture = search.Simplex((len(EDGES), len(settings.operations)), settings.rates.gaea)
    optimizer = torch.optim.SGD(
        network.parameters(), lr=settings.learning_rate, momentum=0.9, weight_decay=search.WEIGHT_DECAY
    )
    x = Normalisation(MEAN, DEVIATION, device)(
        torch.randint(COLORS, (samples, 3, 32, 32), dtype=torch.uint8).to(device)
    )
    y = torch.randint(CLASSES, (samples,)).to(device)

    def take() -> float:
        mixture.step(search.gradient_of_weights(network, mixture, x, y))
        return search.step(network, optimizer, mixture.weights().detach(), x, y)

    searches = settings.trials * len(search.LEVELS.keys() & set(settings.methods))
    needed = settings.epochs * search.steps(settings.images, settings) * settings.batch_size
    return Step("cells", "searches", samples, needed, searches, take)


def _depth(settings: Depth, inputs: int, device: str) -> Iterator[Step]:
    """Single networks of every depth on the teacher, as often as there are trainings of it."""
    teacher, start = settings.teacher, settings.initial_scale
    trainings = Counter(dict.fromkeys(teacher.depths, teacher.trials))
    trainings.update({depth: start.trials * len(start.xavier_gains) for depth in start.depths})
    training = Training(**teacher.training.model_dump())
    x, y = (torch.randn(training.batch_size, inputs).numpy() for _ in range(2))
    order = torch.arange(training.batch_size, device=device).expand(1, -1)
    for depth, count in sorted(trainings.items()):
        widths = (inputs, *[teacher.hidden] * depth, inputs)
        group = batched.Group(initial_parameters(widths, [0]), x, y, training, torch.relu, torch.device(device))
        step = replayed(group.step, device)
        needed = training.epochs * teacher.points

        def take(step=step) -> list[float]:
            return step(order).tolist()  # read, so that the clock waits for the device

        yield Step("depth", "on the teacher", training.batch_size, needed, count, take)


def _at_most(batch: int, images: int | None) -> int:
    return min(batch, images or batch)
