"""What a step of training costs with each penalty: on eigenvalues, and on the weights that they open."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from replication.experiments.cost.against_depth import SECONDS, take_turns
from replication.training.ensemble.batched import Group
from replication.training.ensemble.training import Training, initial_parameters
from replication.training.torch_threads import one_thread, subnormals_flushed

NETWORKS = {  # widths and batch: experiment 2's students, and the deepest of the depth experiment
    "experiment 2": ((20, 200, 200, 20), 1024),
    "ten hidden layers": ((20, *[100] * 10, 20), 128),
}
PENALTIES = ("l2", "l1", "rows", "nearest", "paths")
RHO = 1e-4


def timed(seconds: float = 10 * SECONDS, on_network: Callable[[int], None] = lambda _: None) -> pd.DataFrame:
    """Milliseconds of a step, and its ratio to one without a penalty: ``network``, ``penalty``, ``median``, ``ratio``.

    A whole step of the trainer of experiment 2: forward, loss and penalty, backward, Adam; all penalties in turns, on
    one thread. "skip" pays for the skip alone.
    """
    rows = []
    for name, (widths, batch) in NETWORKS.items():
        generator = torch.Generator().manual_seed(0)
        x, y = (torch.randn(batch, widths[0], generator=generator).numpy() for _ in range(2))
        kinds = {kind: {"penalty": kind, "rho": RHO} for kind in PENALTIES}
        kinds |= {"none": {"penalty": "l2", "rho": 0.0}, "skip": {"penalty": "l2", "rho": 0.0, "rho_skip": RHO}}
        with one_thread(), subnormals_flushed():
            steps = {kind: _step(widths, batch, x, y, options) for kind, options in kinds.items()}
            medians = {kind: float(np.median(spent)) for kind, spent in take_turns(steps, seconds).items()}
        rows += [(name, kind, 1e3 * median, median / medians["none"]) for kind, median in medians.items()]
        on_network(1)
    return pd.DataFrame(rows, columns=["network", "penalty", "median", "ratio"])


def _step(widths: tuple, batch: int, x: np.ndarray, y: np.ndarray, options: dict) -> Callable[[], object]:
    training = Training(1, batch, learning_rate=1e-3, **options)
    group = Group(initial_parameters(widths, [0]), x, y, training, torch.relu, "cpu")
    order = torch.arange(batch)[None]
    return lambda: group.step(order)
