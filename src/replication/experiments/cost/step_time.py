"""How long one optimiser step of one network takes in each way of training it, side by side in one process.

Experiment 1's size: widths 3 → 300 → 1, batch 100. Called once, each way trains for at least one epoch; every figure is
the best and the median of the repeats, for a core that is busy elsewhere shows in the median first.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from replication.data import regression
from replication.training.ensemble import batched, kernel
from replication.training.ensemble.training import Training, initial_parameters
from replication.training.torch_threads import one_thread
from sparcs.network import SpectralNetwork

HIDDEN, BATCH, MATRIX = 300, 100, 1024
PERIODS = {"early": (10, 60), "late": (200, 250)}  # epochs of a training of 300


def flop_per_step(hidden: int = HIDDEN, batch: int = BATCH) -> int:
    """Arithmetic operations of a step, 16·H·batch, 0.48 M.

    There is a multiply and an add for each weight of W_21 (3H) and W_32 (H) and each sample, forward once and for the
    weights' gradients once.

    This is what a step needs however it is done; W_31, relu, the chain rule to φ and λ and Adam on 5H + 4 numbers are
    left out.
    """
    return 2 * 2 * (3 + 1) * hidden * batch


def microseconds_per_step(points: int = 10_000, repeats: int = 7) -> list[dict]:
    """One row for each way of training, with what a step of one network takes.

    Columns: ``way``, ``best`` and ``median`` µs, ``gflops``, the rate of ``flop_per_step`` in the best time, and
    ``share_of_sgemm``, that rate over ``sgemm_gflops``. The share can pass 1, for the kernel replaces much of that
    arithmetic by table lookups.

    Ways: ``kernel`` (all of its work: shuffles, gathering, steps), the same ``early`` and ``late`` in a training, when
    neurons have died, ``batched, one trial``, ``batched, 16 trials at once`` and ``eager`` (a SpectralNetwork, a
    DataLoader, autograd, as the paper's scripts do). One thread each, core time.
    """
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (points, 2)).astype(np.float32)
    y = (x * x).sum(axis=1)
    few = slice(0, max(points // 10, BATCH))  # the slow ways take a tenth of the points
    with one_thread():
        sgemm = sgemm_gflops(repeats)
        timed = {
            "kernel": _repeat(lambda: _kernel(x, y), repeats),
            **_kernel_in_time(repeats),
            "batched, one trial": _repeat(lambda: _batched(x[few], y[few], 1), repeats),
            "batched, 16 trials at once": _repeat(lambda: _batched(x[few], y[few], 16), repeats),
            "eager": _repeat(lambda: _eager(x[few], y[few]), repeats),
        }
    return [_row(way, seconds, sgemm) for way, seconds in timed.items()]


def sgemm_gflops(repeats: int = 7) -> float:
    """10⁹ operations a second in a product of two 1024 × 1024 float32 matrices, one thread, the best of the repeats."""
    a = torch.from_numpy(np.random.default_rng(0).normal(size=(MATRIX, MATRIX)).astype(np.float32))
    with one_thread():
        return 2e-9 * MATRIX**3 / min(_repeat(lambda: _seconds(lambda: a @ a), repeats))


def _row(way: str, seconds: list[float], sgemm: float) -> dict:
    best = min(seconds)
    gflops = flop_per_step() / best * 1e-9
    median = float(np.median(seconds))
    return {"way": way, "best": best * 1e6, "median": median * 1e6, "gflops": gflops, "share_of_sgemm": gflops / sgemm}


def _kernel(x: np.ndarray, y: np.ndarray) -> float:
    """Seconds a step."""
    training = _training(epochs=10)
    initial = initial_parameters((3, HIDDEN, 1), [0])
    return _seconds(lambda: kernel.train(initial, x, y, [0], training)) / (training.epochs * _steps(x))


def _kernel_in_time(repeats: int) -> dict[str, list[float]]:
    """Seconds a step within the training of one network at α = 0.6, β = 1000, by the spans of ``PERIODS``."""
    x = regression.points(10_000, 42)
    y = regression.target(x, 0.6, 1000)
    training = _training(epochs=max(last for _, last in PERIODS.values()))
    runs = []
    for _ in range(repeats):
        spent = [time.thread_time()]
        on_epochs = lambda count: spent.extend([time.thread_time()] * count)  # noqa: B023, E731
        kernel.train(initial_parameters((3, HIDDEN, 1), [0]), x, y, [0], training, on_epochs)
        runs.append(spent)  # after each epoch
    return {
        f"kernel, {name}: epochs {first} to {last}": [
            (spent[last] - spent[first]) / ((last - first) * _steps(x)) for spent in runs
        ]
        for name, (first, last) in PERIODS.items()
    }


def _batched(x: np.ndarray, y: np.ndarray, trials: int) -> float:
    """Seconds a step and trial."""
    training = _training(epochs=1)
    initial = initial_parameters((3, HIDDEN, 1), range(trials))
    run = lambda: batched.train(initial, x, y, range(trials), training, bias=True, trials_at_once=trials)  # noqa: E731
    return _seconds(run) / (_steps(x) * trials)


def _eager(x: np.ndarray, y: np.ndarray) -> float:
    """Seconds a step of the loop that everyone writes first."""
    training = _training(epochs=1)
    generator = torch.Generator().manual_seed(0)
    net = SpectralNetwork((2, HIDDEN, 1), bias=True, train_input_eigenvalues=True, generator=generator)
    optimizer = torch.optim.Adam(net.parameters(), lr=training.learning_rate)
    data = TensorDataset(torch.from_numpy(x), torch.from_numpy(y)[:, None])
    loader = DataLoader(data, batch_size=training.batch_size, shuffle=True, generator=generator)

    def epoch() -> None:
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(net(inputs), targets) + training.rho * net.penalty(training.penalty)
            loss.backward()
            optimizer.step()

    return _seconds(epoch) / _steps(x)


def _training(epochs: int) -> Training:
    return Training(epochs, BATCH, learning_rate=1e-3, penalty="l2", rho=1e-4, train_input_eigenvalues=True)


def _steps(x: np.ndarray) -> int:
    return -(-len(x) // BATCH)


def _repeat(measure: Callable[[], float], repeats: int) -> list[float]:
    measure()  # compiles, warms up
    return [measure() for _ in range(repeats)]


def _seconds(run: Callable[[], object]) -> float:
    start = time.thread_time()
    run()
    return time.thread_time() - start
