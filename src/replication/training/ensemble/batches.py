"""The order in which a trial sees the points: a fresh shuffle every epoch, the same for every backend."""

import numpy as np
from numba import njit

from replication.training.compiled import cached


def epoch_orders(generator: np.random.Generator, points: int, epochs: int) -> np.ndarray:
    """The next epochs' shuffles of range(points), (epochs, points) int32.

    generator: the trial's own, ``seeds.generator(seed, "batches")``; drawing 3 epochs and then 2 gives what drawing 5
    does. Fisher–Yates with 32-bit words; j = word·(i+1) >> 32 favours some j by less than points/2³², 3e-6 for 10,000.
    """
    words = generator.integers(0, 1 << 64, size=(epochs, (points + 1) // 2), dtype=np.uint64)  # a pair in each
    return _shuffled(words.view(np.uint32), points)


@cached
@njit(nogil=True)
def _shuffled(words, points):
    epochs = len(words)
    orders = np.empty((epochs, points), np.int32)
    for epoch in range(epochs):
        order = orders[epoch]
        for i in range(points):
            order[i] = i
        for i in range(points - 1, 0, -1):
            j = np.int64((np.uint64(words[epoch, i]) * np.uint64(i + 1)) >> np.uint64(32))
            order[i], order[j] = order[j], order[i]
    return orders
