"""Experiment 3: a small convolutional network from scratch on CIFAR-10, linear head against SPARCS head (Table 5)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from replication.data.augmentation import DEVIATION, MEAN, Normalisation
from replication.data.image_arrays import Images
from replication.experiments.cifar10.backends import Fused, PyTorch, activities, backend, batches, fits, step
from replication.experiments.cifar10.run import CURVES, Run, new_run, optimizer_of, pruned, whole
from replication.experiments.cifar10.side_by_side import SideBySide, train_side_by_side
from replication.training import memory
from replication.training.classifiers import accuracy, clock, compacted, diverged
from replication.training.torch_threads import subnormals_flushed
from replication.training.work import NoCheckpoint, Results, Work, WorkError
from sparcs.network import SpectralNetwork

MEASURED = 5  # steps whose memory is measured
MIB = 2**20  # bytes


def run(images: Images, work: Work) -> Results:
    """Train the small network of every trial and head of a job, and measure it and what its steps cost."""
    several = len(singles_of(work)) > 1
    memory_of = {  # of every head once: it is the same for all trials
        head: memory_of_steps(head, images, work.settings, work.seeds[0], work.device) for head in heads_of(work)
    }
    parts: dict[str, list[pd.DataFrame]] = {}
    arrays: dict[str, np.ndarray] = {}
    for one, done in trained(images, work):
        [trial], head = one.trials, one.keys["head"]
        tables = {
            "trials": pd.DataFrame([row(done, images, one)]),
            "epochs": epoch_table(done.curves),
            "eigenvalues": eigenvalue_table(done.eigenvalues, work.settings.widths),
            "costs": pd.DataFrame([{"device": work.device} | memory_of[head] | time_of(done, work)]),
        }
        for name, table in tables.items():
            parts.setdefault(name, []).append(table.assign(trial=trial, head=head))
        start = f"{head}.{trial}." if several else ""
        arrays |= {f"{start}{name}": value for name, value in parameters(done).items()}
    return {name: pd.concat([each for each in of if len(each)] or of[:1]) for name, of in parts.items()}, arrays


def sweep(images: Images, work: Work) -> Results:
    """The same at one kind and strength of the penalty: the trial's row alone."""
    return {"sweep": pd.DataFrame([row(whole_training(images, work), images, work)])}, {}


def heads_of(work: Work) -> tuple[str, ...]:
    """The heads of a job: one, or several."""
    head = work.keys["head"]
    return (head,) if isinstance(head, str) else tuple(head)


def singles_of(work: Work) -> list[Work]:
    """Every trial with every head as a job of its own; only a job that is one itself can keep its state."""
    made = [
        replace(work, keys={**work.keys, "head": head}, trials=(trial,), seeds=(seed,), checkpoint=NoCheckpoint())
        for trial, seed in zip(work.trials, work.seeds, strict=True)
        for head in heads_of(work)
    ]
    return made if len(made) > 1 else [replace(made[0], checkpoint=work.checkpoint)]


def trained(images: Images, work: Work) -> Iterator[tuple[Work, Run]]:
    """The network of every trial and head, and the job that it is by itself: side by side on a GPU, else in turn.

    On a CPU a network is trained faster alone, and its last bits can't depend on the others of its job.
    """
    if is_shared(work):
        yield from trained_together(images, work)
    else:
        for one in singles_of(work):
            yield one, whole_training(images, one)


def is_shared(work: Work) -> bool:
    """Whether networks share the device, so that none has a time of its own."""
    return work.device == "cuda" and len(singles_of(work)) > 1


def trained_together(images: Images, work: Work) -> Iterator[tuple[Work, Run]]:
    """Every network of a job trained to the end side by side, from the checkpoint if there is one.

    Raises WorkError if they need more memory than the GPU has.
    """
    try:
        group = whole_group(images, work)
    except torch.OutOfMemoryError as error:
        many = f"{len(work.trials)} trials with {len(heads_of(work))} heads each"
        raise WorkError(f"chunk: {many} need more memory than the GPU has: allowed are fewer trials at once") from error
    of = {(one.trials, one.keys["head"]): one for one in singles_of(work)}
    for trial, head, done in group.runs():
        yield of[(work.trials[trial],), head], done


def whole_group(images: Images, work: Work) -> SideBySide:
    """The networks of a job, trained to the end."""
    group = SideBySide(heads_of(work), images, work.settings, work.seeds, work.device)
    group.load(work.checkpoint)
    progress = work.progress(work.settings.training.epochs, "epochs")
    progress(group.epochs)

    def on_epoch(last: bool) -> None:
        progress(1)
        if work.checkpoint.every and group.epochs % work.checkpoint.every == 0 and not last:
            group.save(work.checkpoint)

    train_side_by_side(group, on_epoch)
    return group


def whole_training(images: Images, work: Work) -> Run:
    """A network trained to the end, from the checkpoint if there is one."""
    settings, [seed] = work.settings, work.seeds
    started = new_run(work.keys["head"], images, settings, seed, work.device)
    optimizer, module = optimizer_of(started, settings), whole(started)
    started.take(work.checkpoint.load(module, optimizer))
    progress = work.progress(settings.training.epochs, "epochs")
    progress(started.epochs)

    def on_epoch(going: Run) -> None:
        progress(1)
        last = going.epochs == settings.training.epochs or going.diverged_epoch >= 0
        if work.checkpoint.every and going.epochs % work.checkpoint.every == 0 and not last:
            work.checkpoint.save(module, optimizer, going.rows())

    return train(started, optimizer, settings, seed, on_epoch)


def row(done: Run, images: Images, work: Work) -> dict[str, object]:
    """A trained network's row in the table of trials."""
    [trial], [seed] = work.trials, work.seeds
    of_images = {"stand_in": images.stand_in, "approximate_images": images.approximate}
    of_run = {"epochs": done.epochs, "diverged_epoch": done.diverged_epoch}
    return {"trial": trial, "seed": seed} | of_images | of_run | measure(done, work.settings)


def epoch_table(curves: Mapping[str, list[float]]) -> pd.DataFrame:
    """One row per epoch, counted from 1."""
    table = pd.DataFrame(curves).rename(columns=CURVES)
    return table.assign(epoch=np.arange(1, len(table) + 1))


def eigenvalue_table(kept: Mapping[int, np.ndarray], widths: Sequence[int]) -> pd.DataFrame:
    """One row per epoch kept and neuron of the hidden layer (2) and the last one (3)."""
    layers = np.repeat([2, 3], widths[1:])
    neurons = np.concatenate([np.arange(1, width + 1) for width in widths[1:]])
    frames = [
        pd.DataFrame({"epoch": epoch, "layer": layers, "neuron": neurons, "eigenvalue": values})
        for epoch, values in sorted(kept.items())
        if len(values)
    ]
    columns = ["epoch", "layer", "neuron", "eigenvalue"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns, dtype=float)


@subnormals_flushed()
def train(
    run: Run,
    optimizer: torch.optim.Optimizer,
    settings: SimpleNamespace,
    seed: int,
    on_epoch: Callable[[Run], None] | None = None,
    made: Callable[..., PyTorch | Fused] = backend,
) -> Run:
    """Train up to the last epoch and validate after each, from where the run stands.

    Cross-entropy plus ρ Ω(λ̃) on augmented images; the last, smaller batch is kept. A run whose loss is no longer
    finite stops there. Gradients and activities too small for float32's normal numbers are flushed to zero.
    made: the backend that trains it.
    """
    now, training = clock(run.split.x_train.device.type), made(run, optimizer, settings, seed)
    while run.epochs < settings.training.epochs and run.diverged_epoch < 0:
        epoch = run.epochs
        start = now()
        loss = training.epoch(epoch)
        run.seconds += now() - start
        run.add(loss, training.validate(epoch), run.head, settings.training.epochs)
        if on_epoch:
            on_epoch(run)
    return run


def time_of(done: Run, work: Work) -> dict[str, object]:
    """Seconds of a training and milliseconds of a step, and what took them; none where networks shared a device."""
    if is_shared(work):
        return {"backend": SideBySide.name, "seconds": np.nan, "milliseconds_per_step": np.nan}
    return {
        "backend": (Fused if fits(done) else PyTorch).name,
        "seconds": done.seconds,
        "milliseconds_per_step": 1e3 * done.seconds / steps(done, work.settings),
    }


def steps(run: Run, settings: SimpleNamespace) -> int:
    """Optimiser steps done."""
    return run.epochs * -(-len(run.split.y_train) // settings.training.batch_size)


def parameters(run: Run) -> dict[str, np.ndarray]:
    """Parameters and buffers by name."""
    return {name: value.cpu().numpy() for name, value in whole(run).state_dict().items()}


def memory_of_steps(head: str, images: Images, settings: SimpleNamespace, seed: int, device: str) -> dict[str, float]:
    """MiB allocated after a step, on average over MEASURED steps (the paper's measure), and the peak of a step.

    Parameters, gradients, Adam's state and the batch are counted; the data set is left out. A network of its own is
    trained for this, before the run.
    """
    run = new_run(head, images, settings, seed, device)
    optimizer = optimizer_of(run, settings)
    after, peaks = [], []
    normalise = Normalisation(MEAN, DEVIATION, device)
    for x, y in islice(batches(run.split, settings, seed, 0, normalise), MEASURED):
        optimizer.zero_grad()  # what a step releases must not count as held in it
        held = memory.held(whole(run), optimizer, x, y)
        peaks.append(held + memory.peak_allocated(lambda x=x, y=y: step(run, optimizer, settings, x, y), device))
        after.append(memory.held(whole(run), optimizer, x, y))
    return {"mean_allocated_mib": float(np.mean(after)) / MIB, "peak_allocated_mib": max(peaks) / MIB}


def measure(run: Run, settings: SimpleNamespace) -> dict[str, float]:
    """What is reported of a trained network: test accuracies, sizes, and what compaction leaves of the head.

    A run whose last step made it diverge, which no loss of a batch tells, has its ``diverged_epoch`` here.
    Compaction keeps the fewest neurons whose validation cross-entropy is within ``loss_budget``.
    """
    split = run.split
    normalise = Normalisation(MEAN, DEVIATION, split.x_test.device)
    row = {"test_accuracy": np.nan, "test_accuracy_pruned": np.nan, "recruited_neurons": np.nan}
    row |= dict.fromkeys(("compact_neurons", "compact_parameters", "compact_test_accuracy"), np.nan)
    row["parameters"] = sum(parameter.numel() for parameter in run.head.parameters())
    if run.diverged_epoch >= 0:
        return row
    held = activities(run.features, split.x_validation, normalise)  # (validation, 400)
    if diverged(whole(run), run.head, held, split.y_validation):
        return row | {"diverged_epoch": run.epochs - 1}
    x = activities(run.features, split.x_test, normalise)  # (test, 400)
    row["test_accuracy"] = accuracy(run.head, x, split.y_test)
    if isinstance(run.head, SpectralNetwork):
        row["test_accuracy_pruned"] = accuracy(pruned(run.head), x, split.y_test)
        row["recruited_neurons"] = run.head.active_neurons(floor=0.0)[0]
        row |= compacted(run.head, (held, split.y_validation), (x, split.y_test), settings.loss_budget)
    return row
