"""An epoch of experiment 3 in a loop as the authors' and in our own, with the SPARCS head and with the linear one.

In the first a DataLoader's two processes crop, flip and normalise image by image, and the epoch's time has the
validation in it; in our own loop images come in whole batches from memory, and training alone is timed. Images are
random: a step takes the same time on any.
"""

import resource
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import perf_counter

import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader

from replication.data.image_arrays import Images
from replication.experiments.cifar10 import train as cifar10
from replication.experiments.cifar10.backends import Fused, PyTorch, fits
from replication.experiments.cifar10.settings import Cifar10
from replication.experiments.cost.against_depth import OneByOne
from replication.experiments.cost.side_by_side import noise
from replication.training.torch_threads import one_thread, subnormals_flushed

HEADS = ("linear", "spectral")
AUTHORS = "DataLoader"
WORKERS = 2  # processes that load images, as in the authors' scripts

Epoch = Callable[[int], object]  # trains for an epoch, given its number


def timed(
    settings: Cifar10,
    device: str,
    images: int,
    repeats: int,
    on_round: Callable[[int], None] = lambda _: None,
    workers: int = WORKERS,
) -> pd.DataFrame:
    """What epochs on so many images take, both heads in every loop, all in turns; a row for each epoch.

    Columns: ``loop`` ("DataLoader", or the name of our backend), ``head``, ``repeat``, ``seconds`` by the clock,
    ``core_seconds`` with those of processes that load images, ``device`` and ``images``, those that validate among
    them. An epoch of each comes first and is not timed. The order turns round from one repeat to the next, for a
    machine gets slower or faster meanwhile.
    """
    data, used = noise(settings, images)
    rows = []
    with one_thread(), subnormals_flushed(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # torchvision's transforms draw from PyTorch's own generator
        epochs = {(loop, head): epoch for head in HEADS for loop, epoch in _loops(head, data, used, device, workers)}
        for epoch in epochs.values():
            epoch(0)
        for repeat in range(repeats):
            for (loop, head), epoch in list(epochs.items())[:: 1 if repeat % 2 else -1]:
                start, spent = perf_counter(), core_seconds()
                epoch(repeat + 1)
                rows.append((loop, head, repeat, perf_counter() - start, core_seconds() - spent))
            on_round(1)
    columns = ["loop", "head", "repeat", "seconds", "core_seconds"]
    return pd.DataFrame(rows, columns=columns).assign(device=device, images=used.images)


def core_seconds() -> float:
    """Of this process so far, and of those that it started and that have ended."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _loops(head: str, images: Images, settings: Cifar10, device: str, workers: int) -> Iterator[tuple[str, Epoch]]:
    """The loops that there are on a device, by name, each with a network of its own."""

    def started() -> cifar10.Run:
        return cifar10.new_run(head, images, settings, 0, device)

    yield AUTHORS, as_the_authors(started(), images, settings, workers)
    for backend in (PyTorch, Fused) if fits(started()) else (PyTorch,):
        run = started()
        yield backend.name, backend(run, cifar10.optimizer_of(run, settings), settings, 0).epoch


def as_the_authors(run: cifar10.Run, images: Images, settings: Cifar10, workers: int) -> Epoch:
    """An epoch with images loaded one by one, each loss read, and augmented images validated afterwards."""
    device, held = run.split.x_train.device, len(run.split.y_validation)

    def loader(rows: slice, shuffle: bool) -> DataLoader:
        part = replace(images, x_train=images.x_train[rows], y_train=images.y_train[rows])
        return DataLoader(OneByOne(part), settings.training.batch_size, shuffle, num_workers=workers)

    training, validation = loader(slice(held, None), shuffle=True), loader(slice(held), shuffle=False)
    optimizer = torch.optim.Adam(cifar10.whole(run).parameters(), lr=settings.training.learning_rate)
    network = nn.Sequential(run.features, run.head)

    def epoch(number: int) -> float:
        for x, y in training:
            float(cifar10.step(run, optimizer, settings, x.to(device), y.to(device)))
        return correct(network, validation, device) / held

    return epoch


@torch.no_grad()
def correct(network: nn.Module, loader: DataLoader, device: torch.device) -> int:
    """How many of a loader's images a network classifies correctly."""
    network.eval()
    return sum(int((network(x.to(device)).argmax(1) == y.to(device)).sum()) for x, y in loader)
