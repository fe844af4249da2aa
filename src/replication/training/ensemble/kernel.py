"""The fused CPU kernel: many networks of widths 3 → H → 1 (two inputs and a bias neuron), ReLU, one after the other.

It uses one thread and no torch. A trial's 18 kB of state stay close to the core for its whole training, and no result
depends on which trials are trained together. Numbers may differ in the last bits between kinds of processor. See
``step`` for how.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from replication.training import seeds
from replication.training.ensemble.batches import epoch_orders
from replication.training.ensemble.step import NIBBLES, SUBSETS, Buffers, Loss, State, train_epochs
from replication.training.ensemble.training import (
    Parameters,
    Progress,
    Trained,
    Training,
    check_parameters,
)
from replication.training.fused_adam import BETA_1, adam_rates
from replication.training.vectors import LANES, TILE, aligned
from sparcs import spectral

EPOCHS_AT_ONCE = 5  # their orders stay in the L2 cache


def train(
    initial: Parameters,
    x: np.ndarray,
    y: np.ndarray,
    trial_seeds: Sequence[int],
    training: Training,
    on_epoch: Progress | None = None,
) -> Trained:
    """Train every trial from its initial parameters, with the batches of its own seed.

    initial: as from ``initial_parameters((3, H, 1), …)``, float32 or float64: the dtype of all arithmetic.
    x: (points, 2) without the bias column; y: (points,). on_epoch(n) says now and then that n more epochs are done; all
    calls add up to trials · epochs. Raises ValueError naming what has a wrong shape or dtype.
    """
    hidden, points = _check(initial, x, y, trial_seeds)
    rates = _rates(training, len(y), points.dtype)
    buffers = _buffers(hidden, training.batch_size, points.dtype)
    trials = len(trial_seeds)
    diverged, losses = np.full(trials, -1), np.full(trials, np.nan)
    states = []
    for trial, seed in enumerate(trial_seeds):
        state, generator = _state(initial, trial), seeds.generator(seed, "batches")
        for first in range(0, training.epochs, EPOCHS_AT_ONCE):
            chunk = rates[first : first + EPOCHS_AT_ONCE]
            orders = epoch_orders(generator, len(y), len(chunk))
            finished, loss = train_epochs(state, buffers, points, orders, training.batch_size, _loss(training), chunk)
            stopped = finished < len(chunk)
            if on_epoch:
                on_epoch(training.epochs - first if stopped else len(chunk))
            if stopped:
                diverged[trial] = first + finished
                break
        losses[trial] = np.nan if stopped else loss
        states.append(state)
    return Trained(_parameters([state.values for state in states], hidden), diverged, losses)


def train_steps(
    initial: Parameters, x: np.ndarray, y: np.ndarray, batches: Iterable[np.ndarray], training: Training
) -> Iterator[dict[str, np.ndarray]]:
    """Yield every trial's parameters after each step, on the given batches (arrays of indices into the points).

    It is for comparisons: its compiled step follows ``train`` to the last bit on the same batches.
    """
    trials = len(initial["eigenvalues.0"])
    hidden, points = _check(initial, x, y, range(trials))
    batches = [_indices(batch, len(y)) for batch in batches]
    buffers = _buffers(hidden, max(map(len, batches), default=1), points.dtype)
    states = [_state(initial, trial) for trial in range(trials)]
    for step, batch in enumerate(batches):
        rates = adam_rates(np.array([[step + 1]]), training.learning_rate, points.dtype)
        for state in states:
            train_epochs(state, buffers, points, batch[None], len(batch), _loss(training), rates)
        yield _parameters([state.values for state in states], hidden)


def gradients(
    initial: Parameters, x: np.ndarray, y: np.ndarray, batch: np.ndarray, training: Training
) -> dict[str, np.ndarray]:
    """Every trial's gradient of (4.4) on one batch, in the shapes of its parameters: the kernel's own, for tests.

    It is read from Adam's first moment after one step, (1 − β_1) times the gradient.
    """
    trials = len(initial["eigenvalues.0"])
    hidden, points = _check(initial, x, y, range(trials))
    buffers, states = _buffers(hidden, len(batch), points.dtype), [_state(initial, trial) for trial in range(trials)]
    rates = adam_rates(np.array([[1]]), training.learning_rate, points.dtype)
    order = _indices(batch, len(y))[None]
    for state in states:
        train_epochs(state, buffers, points, order, len(batch), _loss(training), rates)
    moments = _parameters([state.first for state in states], hidden)
    return {key: value / (1 - BETA_1) for key, value in moments.items()}


def _check(initial: Parameters, x: np.ndarray, y: np.ndarray, trial_seeds: Sequence[int]) -> tuple[int, np.ndarray]:
    """The hidden width, and the points as the kernel reads them: x_0, x_1, y in turn."""
    hidden = initial["eigenvalues.1"].shape[-1]
    trials = check_parameters(initial, (3, hidden, 1))
    kinds = {value.dtype for value in initial.values()}
    if len(kinds) != 1 or not kinds <= {np.dtype(np.float32), np.dtype(np.float64)}:
        raise ValueError(f"initial holds {sorted(map(str, kinds))}: must be all float32 or all float64")
    if len(trial_seeds) != trials:
        raise ValueError(f"trial_seeds has {len(trial_seeds)} entries: initial has {trials} trials")
    if x.ndim != 2 or x.shape[1] != 2 or len(x) == 0:
        raise ValueError(f"x of shape {x.shape}: must be (points, 2)")
    if y.shape != x.shape[:1]:
        raise ValueError(f"y of shape {y.shape}: must be {x.shape[:1]}")
    return hidden, np.column_stack([x, y]).astype(kinds.pop()).ravel()


def _indices(batch: np.ndarray, points: int) -> np.ndarray:
    """The batch as the kernel reads it; the kernel itself checks nothing."""
    if len(batch) == 0 or min(batch) < 0 or max(batch) >= points:
        raise ValueError(f"batch {batch}: must be indices from 0 to {points - 1}, at least one")
    return np.ascontiguousarray(batch, np.int32)


def _rates(training: Training, points: int, dtype: np.dtype) -> np.ndarray:
    """Adam's rates of every step, (epochs, steps an epoch, 2)."""
    steps = -(-points // training.batch_size)
    count = np.arange(1, training.epochs * steps + 1).reshape(training.epochs, steps)
    return adam_rates(count, training.learning_rate, dtype)


def _loss(training: Training) -> Loss:
    rho = training.rho
    others = training.orthonormality or training.rho_skip or training.penalty not in spectral.PENALTIES
    if not np.isscalar(rho) or others or training.drop_last_batch:
        raise ValueError(f"{training}: the kernel has one rho, penalties on eigenvalues alone, and every batch")
    weights = {"l2": (rho, 0.0, 0.0), "l2_squared": (0.0, 2 * rho, 0.0), "l1": (0.0, 0.0, rho)}[training.penalty]
    return Loss(*weights, training.train_input_eigenvalues)


def _buffers(hidden: int, batch_size: int, dtype: np.dtype) -> Buffers:
    blocks, tiles = -(-hidden // LANES), -(-batch_size // TILE)
    width = -(-tiles * TILE // LANES) * LANES
    return Buffers(
        weights=aligned(blocks * 4 * LANES, dtype),
        words=aligned(tiles * blocks * LANES, np.dtype(np.uint32)),
        tables=aligned(tiles * NIBBLES * 3 * LANES, dtype),
        samples=aligned(8 * width, dtype),
        subsets=aligned(4 * LANES, dtype, SUBSETS.ravel()),
    )


def _state(initial: Parameters, trial: int) -> State:
    """The trial's parameters as rows padded to whole blocks, and Adam's moments at zero."""
    phi_1, phi_2 = initial["eigenvectors.0"][trial], initial["eigenvectors.1"][trial]  # (H, 3), (1, H)
    rows = np.vstack([phi_1.T, phi_2, initial["eigenvalues.1"][trial]])  # (5, H)
    padded = np.pad(rows, [(0, 0), (0, -rows.shape[1] % LANES)])
    ends = np.concatenate([initial["eigenvalues.0"][trial], initial["eigenvalues.2"][trial]])  # λ_1, λ_3
    values = np.concatenate([padded.ravel(), ends, np.zeros(LANES - len(ends), rows.dtype)])
    return State(*(aligned(values.size, values.dtype, start) for start in (values, 0, 0)))


def _parameters(flat: Sequence[np.ndarray], hidden: int) -> dict[str, np.ndarray]:
    """The inverse of ``_state``, for one of its arrays of each trial."""
    values = np.stack(flat)  # (trials, 5 · padded H + 16)
    rows = values[:, :-LANES].reshape(len(flat), 5, -1)[:, :, :hidden]  # (trials, 5, H)
    return {
        "eigenvectors.0": rows[:, :3].swapaxes(1, 2).copy(),  # (trials, H, 3)
        "eigenvectors.1": rows[:, 3:4].copy(),  # (trials, 1, H)
        "eigenvalues.0": values[:, -LANES : 3 - LANES].copy(),  # (trials, 3)
        "eigenvalues.1": rows[:, 4].copy(),  # (trials, H)
        "eigenvalues.2": values[:, 3 - LANES : 4 - LANES].copy(),  # (trials, 1)
    }
