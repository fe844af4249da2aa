"""Experiment 4: one pass over CIFAR-100 on a pre-trained backbone, linear head against SPARCS head (Table 5)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from replication.data import backbones
from replication.data.augmentation import Normalisation
from replication.data.backbones import Backbone
from replication.data.image_arrays import Images
from replication.experiments.cifar100.features import Extractor, about, activities, enlarged
from replication.training import classifiers, memory
from replication.training.seeds import generator
from replication.training.split import Split, split_of
from replication.training.torch_threads import subnormals_flushed
from replication.training.work import Results, Work

MEASURED = 3  # steps after which memory is measured: from the first on Adam has its state, and all are alike
MIB = 2**20


class Batch(NamedTuple):
    """What is random in one step: the training images, which of them are flipped, the seed of the dropped layers."""

    rows: Tensor
    flips: Tensor
    seed: int


@dataclass
class Run(Extractor):
    """A network in training. losses: cross-entropy of each step's batch; seconds: of training alone, by ``clock``."""

    head: nn.Module
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def diverged(self) -> bool:
        """Whether the last loss was not finite."""
        return bool(self.losses) and not np.isfinite(self.losses[-1])

    def rows(self) -> dict[str, np.ndarray]:
        """What was measured on the way, for a checkpoint."""
        return {"losses": np.array(self.losses), "seconds": np.array(self.seconds)}

    def take(self, rows: Mapping[str, np.ndarray]) -> None:
        """Continue from the rows of a checkpoint, if there are any."""
        if rows:
            self.losses, self.seconds = rows["losses"].tolist(), float(rows["seconds"])


def run(images: Images, work: Work) -> Results:
    """Train a pre-trained backbone with one head, and measure it and what its steps cost."""
    settings, [trial], [seed] = work.settings, work.trials, work.seeds
    split, backbone = split_of(images, settings, seed), backbones.pretrained(settings.backbone)
    costs = memory_of_steps(work.keys["head"], backbone, split, settings, seed, work.device)
    done = whole_training(split, work)
    row = {"trial": trial, "seed": seed, **about(settings, images)}
    row |= {"training_points": len(split.y_train), "test_points": len(split.y_test), "diverged": done.diverged}
    costs |= {"seconds": done.seconds, "milliseconds_per_step": 1e3 * done.seconds / len(done.losses)}
    losses = pd.DataFrame({"step": range(1, len(done.losses) + 1), "loss": done.losses})
    tables = {
        "trials": pd.DataFrame([row | measure(done, split, settings)]),
        "eigenvalues": classifiers.eigenvalue_table(done.head).assign(trial=trial),
        "losses": losses.assign(trial=trial),
        "costs": pd.DataFrame([{"trial": trial, "device": work.device} | costs]),
    }
    return tables, {key: value.cpu().numpy() for key, value in done.head.state_dict().items()}


def whole_training(split: Split, work: Work) -> Run:
    """A network trained to the end, from the checkpoint if there is one."""
    settings, [seed] = work.settings, work.seeds
    started = new_run(work.keys["head"], backbones.pretrained(settings.backbone), settings, seed, work.device)
    optimizer, module = optimizer_of(started, settings.training), whole(started)
    started.take(work.checkpoint.load(module, optimizer))
    total = steps(len(split.y_train), settings.training)
    progress = work.progress(total, "steps")
    progress(len(started.losses))

    def on_step(going: Run) -> None:
        progress(1)
        if work.checkpoint.every and len(going.losses) % work.checkpoint.every == 0 and len(going.losses) < total:
            work.checkpoint.save(module, optimizer, going.rows())

    return train(started, optimizer, split, settings.training, seed, on_step)


def new_run(head: str, backbone: Backbone, settings: SimpleNamespace, seed: int, device: str = "cpu") -> Run:
    """A network at its start. The backbone's own module is trained: give each run one of its own."""
    made = classifiers.new_head(head, settings.widths, settings.bias, seed)
    normalise = Normalisation(backbone.mean, backbone.deviation, device)
    return Run(backbone.module.to(device), normalise, settings.input_size, device, made.to(device))


def whole(run: Run) -> nn.ModuleDict:
    """Backbone and head as one module."""
    return nn.ModuleDict({"backbone": run.backbone, "head": run.head})


def optimizer_of(run: Run, training: SimpleNamespace) -> torch.optim.Optimizer:
    """Adam over backbone and head."""
    return torch.optim.Adam(whole(run).parameters(), lr=training.learning_rate, fused=True)


@subnormals_flushed()
def train(
    run: Run,
    optimizer: torch.optim.Optimizer,
    split: Split,
    training: SimpleNamespace,
    seed: int,
    on_step: Callable[[Run], None] | None = None,
) -> Run:
    """Train up to the last step, from where the run stands; a run whose loss is no longer finite stops there."""
    whole(run).train()
    now = classifiers.clock(run.device)
    for batch in islice(schedule(len(split.y_train), training, seed), len(run.losses), None):
        start = now()
        run.losses.append(step(run, optimizer, training, batch.seed, *prepared(run, split, batch)))
        run.seconds += now() - start
        if run.diverged:
            break
        if on_step:
            on_step(run)
    return run


def steps(points: int, training: SimpleNamespace) -> int:
    """Steps of a whole training; the last, smaller batch of a pass is kept."""
    return training.epochs * -(-points // training.batch_size)


def schedule(points: int, training: SimpleNamespace, seed: int) -> Iterator[Batch]:
    """All steps' random choices. Those of an epoch are drawn together, so a run that goes on needs no old state."""
    starts = range(0, points, training.batch_size)
    for epoch in range(training.epochs):
        order = torch.from_numpy(generator(seed, "batches", epoch).permutation(points))
        random = generator(seed, "augmentation", epoch)
        flips = torch.from_numpy(random.integers(0, 2, points).astype(bool))
        for first, batch_seed in zip(starts, random.integers(0, 2**63, len(starts)).tolist(), strict=True):
            part = slice(first, first + training.batch_size)
            yield Batch(order[part], flips[part], batch_seed)


def prepared(run: Run, split: Split, batch: Batch) -> tuple[Tensor, Tensor]:
    """A batch on the run's device, flipped, enlarged and normalised: (batch, 3, s, s) and classes (batch,).

    The images stay in the main memory, as a data loader has it.
    """
    x = split.x_train[batch.rows].to(run.device)  # (batch, 3, 32, 32)
    flips = batch.flips.to(run.device)[:, None, None, None]
    return enlarged(run, torch.where(flips, x.flip(-1), x)), split.y_train[batch.rows].to(run.device)


def step(
    run: Run, optimizer: torch.optim.Optimizer, training: SimpleNamespace, seed: int, x: Tensor, y: Tensor
) -> float:
    """One Adam step on backbone and head; returns the cross-entropy of the batch.

    seed: of the layers that the backbone drops at random, where it does.
    """
    optimizer.zero_grad()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        output = run.head(run.backbone(x))  # (batch, classes)
    data_loss, loss = classifiers.losses(run.head, output, y, training)
    loss.backward()
    optimizer.step()
    return float(data_loss.detach())


def measure(run: Run, split: Split, settings: SimpleNamespace) -> dict[str, float]:
    """What is reported of a trained network, on plain images; NaN for what a run that diverged does not have.

    ``diverged``: also if its last step made it so, which no loss of a batch tells.
    """
    lost = classifiers.not_measured(run.head) | {"diverged": True}
    if run.diverged:
        return lost
    validation = activities(run, split.x_validation), split.y_validation.to(run.device)
    if classifiers.diverged(whole(run), run.head, *validation):
        return lost
    test = activities(run, split.x_test), split.y_test.to(run.device)
    measures = classifiers.measure(run.head, validation, test)
    return measures | classifiers.compacted(run.head, validation, test, settings.loss_budget)


def memory_of_steps(
    head: str, backbone: Backbone, split: Split, settings: SimpleNamespace, seed: int, device: str
) -> dict[str, float]:
    """MiB allocated after a step, on average over MEASURED steps (the paper's measure), and the peak of a step.

    The backbone given is trained for that. On a CPU the bytes of live tensors count, on CUDA what its allocator counts.
    The images that wait for their batch are not counted.
    """
    run = new_run(head, backbone, settings, seed, device)
    optimizer = optimizer_of(run, settings.training)
    whole(run).train()
    after, peaks = [], []
    for batch in islice(schedule(len(split.y_train), settings.training, seed), MEASURED):
        x, y = prepared(run, split, batch)
        optimizer.zero_grad()  # what a step releases must not count as held in it
        before = _allocated(run, optimizer, x, y)

        def one_step(x: Tensor = x, y: Tensor = y, seed: int = batch.seed) -> None:
            step(run, optimizer, settings.training, seed, x, y)

        peaks.append(before + memory.peak_allocated(one_step, device))
        after.append(_allocated(run, optimizer, x, y))
    return {"mean_allocated_mib": float(np.mean(after)) / MIB, "peak_allocated_mib": max(peaks) / MIB}


def _allocated(run: Run, optimizer: torch.optim.Optimizer, *batch: Tensor) -> int:
    """Bytes allocated between two steps."""
    if run.device == "cuda":
        return torch.cuda.memory_allocated()
    return memory.held(whole(run), optimizer, *batch)
