"""The PyTorch backend: networks of any widths on any device, the trials as a leading dimension, autograd.

Adam is elementwise and each trial has its own mean, so one optimiser over the stacked tensors of summed losses trains
every trial by itself. The trials run one after the other on a CPU, which is faster there. So a trial's last bits cannot
depend on which others are trained with it. Subnormal numbers are flushed to zero.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from replication.training import seeds
from replication.training.adam import Adam
from replication.training.cuda_graphs import Step, replayed
from replication.training.ensemble.batches import epoch_orders
from replication.training.ensemble.training import (
    Parameters,
    Progress,
    Trained,
    Training,
    check_parameters,
    widths_of,
)
from replication.training.torch_threads import subnormals_flushed
from sparcs import penalties, spectral

Activation = Callable[[Tensor], Tensor]


@subnormals_flushed()
def train(
    initial: Parameters,
    x: np.ndarray,
    y: np.ndarray,
    trial_seeds: Sequence[int],
    training: Training,
    on_epoch: Progress | None = None,
    bias: bool = False,
    activation: Activation = torch.relu,
    device: str | torch.device = "cpu",
    trials_at_once: int | None = None,
) -> Trained:
    """Train every trial from its initial parameters, with the batches of its own seed.

    initial: as from ``initial_parameters``, all of one dtype: the dtype of all arithmetic. x: (points, N_1), without
    the constant 1 that ``bias`` appends as a last column; y: (points, N_ℓ), or (points,) for one output. The squared
    error is averaged over batch and outputs. on_epoch(n) says that n more epochs are done; all calls add up to
    trials · epochs. trials_at_once: None means 1 on a CPU and all elsewhere.
    Raises ValueError naming what has a wrong shape.
    """
    x, y = _points(initial, x, y, bias)
    trials = check_parameters(initial, widths_of(initial))
    if len(trial_seeds) != trials:
        raise ValueError(f"trial_seeds has {len(trial_seeds)} entries: initial has {trials} trials")
    if training.drop_last_batch and training.batch_size > len(x):
        raise ValueError(f"batch_size {training.batch_size}: without the last, smaller batch at most {len(x)} points")
    size = trials_at_once or (1 if torch.device(device).type == "cpu" else trials)
    diverged, losses = np.full(trials, -1), np.full(trials, np.nan)
    final = {key: value.copy() for key, value in initial.items()}
    for first in range(0, trials, size):
        part = slice(first, first + size)
        group = Group({key: value[part] for key, value in initial.items()}, x, y, training, activation, device)
        diverged[part], losses[part] = _run(group, trial_seeds[part], training, on_epoch)
        for key, value in group.values().items():
            final[key][part] = value
    return Trained(final, diverged, losses)


def train_steps(
    initial: Parameters,
    x: np.ndarray,
    y: np.ndarray,
    batches: Iterable[np.ndarray],
    training: Training,
    bias: bool = False,
    activation: Activation = torch.relu,
    device: str | torch.device = "cpu",
) -> Iterator[dict[str, np.ndarray]]:
    """Yield every trial's parameters after each step, on the given batches (arrays of indices into the points)."""
    x, y = _points(initial, x, y, bias)
    group = Group(initial, x, y, training, activation, device)
    for batch in batches:
        order = torch.as_tensor(np.asarray(batch, np.int64), device=group.x.device)
        group.step(order.expand(group.trials, -1))
        yield group.values()


class Group:
    """Trials trained together: their parameters, their optimiser, the points, on one device.

    A trial alone has no leading dimension: plain matrix products have less to do than batched ones of one matrix.
    """

    def __init__(self, initial, x, y, training, activation, device) -> None:
        self.x, self.y = (torch.as_tensor(array, device=device) for array in (x, y))
        self.training, self.activation = training, activation
        widths = widths_of(initial)
        self.trials = len(initial["eigenvalues.0"])
        fixed = not training.train_input_eigenvalues
        self.form = spectral.cheaper_form(widths, training.batch_size, fixed)
        self.forward = (
            spectral.forward_bundles
            if self.form == "bundles"
            else partial(spectral.forward_eigenbasis, input_is_zero=fixed)
        )
        self.leading = (self.trials,) if self.trials > 1 else ()
        self.parameters = {
            key: torch.tensor(value.reshape(*self.leading, *value.shape[1:]), device=device)
            for key, value in initial.items()
        }
        self.phi = [self.parameters[f"eigenvectors.{k}"] for k in range(len(widths) - 1)]  # (…, N_{k+1}, N_k)
        self.lam = [self.parameters[f"eigenvalues.{k}"] for k in range(len(widths))]  # (…, N_k)
        first = 0 if training.train_input_eigenvalues else 1
        self.prices = _prices(widths, training) if training.penalty in penalties.KINDS else []
        self.penalised = [] if self.prices else _penalised(self.lam[first:-1], training.rho)
        trained = [value.requires_grad_() for value in (*self.phi, *self.lam[first:])]
        self.optimizer = Adam(trained, training.learning_rate)

    def step(self, order: Tensor) -> Tensor:
        """One Adam step on the points ``order``, (trials, batch); returns the mean squared errors, (trials,)."""
        order = order.reshape(*self.leading, -1)  # (…, batch)
        x, y = self.x[order], self.y[order]  # (…, batch, N_1), (…, batch, N_ℓ)
        errors = self.forward(self.phi, self.lam, x, self.activation) - y  # (…, batch, N_ℓ)
        mean_square = (errors * errors).mean(dim=(-2, -1))  # (…)
        loss = mean_square.sum()
        for rho, blocks in self.penalised:
            loss = loss + rho * spectral.penalty(blocks, self.training.penalty).sum()
        if self.prices:
            loss = loss + penalties.penalty(self.phi, self.lam, self.training.penalty, self.prices).sum()
        if self.training.rho_skip > 0:
            skip = spectral.bundle_weight(self.phi, self.lam, len(self.lam), 1)  # (…, N_ℓ, N_1)
            loss = loss + self.training.rho_skip * penalties.skip(skip).sum()
        if self.training.orthonormality > 0:
            loss = loss + self.training.orthonormality * orthonormality(self.phi).sum()
        self.optimizer.step(torch.autograd.grad(loss, self.optimizer.parameters))
        return mean_square.detach().reshape(self.trials)

    def stacked(self) -> dict[str, Tensor]:
        """The parameters with the trials as leading dimension, sharing memory with those that are trained."""
        shapes = {key: value.shape[len(self.leading) :] for key, value in self.parameters.items()}
        return {key: value.detach().reshape(self.trials, *shapes[key]) for key, value in self.parameters.items()}

    def finite(self) -> Tensor:
        """Which trials have no NaN or infinity among their parameters, (trials,)."""
        each = [value.isfinite().flatten(1).all(dim=1) for value in self.stacked().values()]
        return torch.stack(each).all(dim=0)

    def values(self) -> dict[str, np.ndarray]:
        """Copies of the parameters as they are now, named as in ``initial_parameters``."""
        return {key: value.cpu().numpy().copy() for key, value in self.stacked().items()}


def orthonormality(phi: Sequence[Tensor]) -> Tensor:
    """Σ_i ‖φ_i φ_iᵀ − I‖_F + ‖(‖φ_i[:,m]‖ − 1)_m‖₂: how far the eigenvectors' rows and columns are from orthonormal.

    The authors' later module adds it to Σ|λ|. It keeps φ from growing while λ shrinks, which would leave W_21 as it is.
    phi: φ_1 … φ_B, each (…, N_{i+1}, N_i). Returns (…).
    """
    norm = torch.linalg.vector_norm
    total = 0
    for block in phi:
        gram = block @ block.mT  # (…, N_{i+1}, N_{i+1})
        identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
        total = total + norm(gram - identity, dim=(-2, -1)) + norm(norm(block, dim=-2) - 1, dim=-1)
    return total


def _penalised(blocks: list[Tensor], rho: float | Sequence[float]) -> list[tuple[float, list[Tensor]]]:
    """Which eigenvalues share a strength, with it; those of strength 0 are left out."""
    if np.isscalar(rho):
        return [(rho, blocks)] if blocks and rho > 0 else []
    if len(rho) != len(blocks):
        raise ValueError(f"rho {list(rho)}: must be one number, or one for each of {len(blocks)} hidden layers")
    return [(each, [block]) for each, block in zip(rho, blocks, strict=True) if each > 0]


def _prices(widths: Sequence[int], training: Training) -> list[float]:
    """The strength of every hidden layer in a penalty on weights; none if all are 0."""
    hidden, rho = len(widths) - 2, training.rho
    if np.isscalar(rho):
        prices = penalties.prices(widths) if training.penalty in ("rows", "nearest") else [1.0] * hidden
        rho = [rho * price for price in prices]
    if len(rho) != hidden:
        raise ValueError(f"rho {list(rho)}: must be one number, or one for each of {hidden} hidden layers")
    return list(rho) if any(rho) else []


def _run(
    group: Group, trial_seeds: Sequence[int], training: Training, on_epoch: Progress | None
) -> tuple[np.ndarray, np.ndarray]:
    """Train a group; returns each trial's epoch of divergence (−1: none) and its last epoch's loss, (trials,) each.

    A diverged trial keeps the parameters of that epoch's end. Its NaNs stay in its own slice.
    """
    generators = [seeds.generator(seed, "batches") for seed in trial_seeds]
    diverged = np.full(group.trials, -1)
    frozen = {}
    step = replayed(group.step, group.x.device)
    for epoch in range(training.epochs):
        mean_square = _epoch(group, step, generators, training)
        finite = (group.finite() & mean_square.isfinite()).cpu().numpy()
        for trial in np.flatnonzero(~finite & (diverged < 0)):
            diverged[trial] = epoch
            frozen[trial] = {key: value[trial].clone() for key, value in group.stacked().items()}
        stopped = (diverged >= 0).all()
        if on_epoch:
            on_epoch(group.trials * (training.epochs - epoch if stopped else 1))
        if stopped:
            break
    for trial, values in frozen.items():
        for key, value in values.items():
            group.stacked()[key][trial] = value
    return diverged, np.where(diverged < 0, mean_square.double().cpu().numpy(), np.nan)


def _epoch(group: Group, step: Step, generators: Sequence[np.random.Generator], training: Training) -> Tensor:
    """Make one pass over the points; returns each trial's squared error, averaged over those it saw, (trials,)."""
    points, size = len(group.x), training.batch_size
    seen = points - points % size if training.drop_last_batch else points
    orders = np.concatenate([epoch_orders(generator, points, 1) for generator in generators])  # (trials, points)
    orders = torch.as_tensor(orders[:, :seen], device=group.x.device).long()
    weighted = 0
    for order in orders.split(size, dim=1):
        weighted = weighted + order.shape[1] * step(order)
    return weighted / seen


def _points(initial: Parameters, x: np.ndarray, y: np.ndarray, bias: bool) -> tuple[np.ndarray, np.ndarray]:
    """x with its bias column and y as (points, N_ℓ), in the parameters' dtype."""
    widths, dtype = widths_of(initial), initial["eigenvalues.0"].dtype
    inputs, outputs = widths[0] - int(bias), widths[-1]
    if x.ndim != 2 or x.shape[1] != inputs or len(x) == 0:
        raise ValueError(f"x of shape {x.shape}: must be (points, {inputs})")
    if y.shape != (len(x), outputs) and not (outputs == 1 and y.shape == (len(x),)):
        raise ValueError(f"y of shape {y.shape}: must be {(len(x), outputs)}")
    if bias:
        x = np.column_stack([x, np.ones(len(x))])
    return x.astype(dtype), y.reshape(len(x), outputs).astype(dtype)
