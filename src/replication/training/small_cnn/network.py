"""The kernel as the training loop sees it: parameters and Adam's moments by PyTorch's names, epochs, and evaluation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from replication.training.fused_adam import adam_rates
from replication.training.small_cnn.shapes import (
    CLASSES,
    COLOURS,
    FEATURES,
    FIRST,
    GROUPS,
    INPUTS,
    SECOND,
    SIDE,
    TAPS,
    Buffers,
    Layout,
    Loss,
    Network,
    Pictures,
)
from replication.training.small_cnn.step import run_batches
from replication.training.vectors import LANES, aligned

NO_PENALTY = Loss(0.0, 0.0, 0.0, 0.0)
BLOCK = 48  # hidden neurons are padded to a multiple of it: of a vector and of every tile
STAGES = ((COLOURS, FIRST), (FIRST, SECOND))


@dataclass(frozen=True)
class Crops:
    """Which images, and how each is cut: rows (n,) of the pictures, corners (n,), flips (n,), classes (n,)."""

    rows: np.ndarray
    top: np.ndarray
    left: np.ndarray
    flip: np.ndarray
    labels: np.ndarray

    def batches(self, size: int) -> Iterator["Crops"]:
        """So many at a time; the last may be fewer."""
        for first in range(0, len(self.rows), size):
            yield Crops(*(values[first : first + size] for values in vars(self).values()))


class SmallNetwork:
    """One small network with its head and Adam's moments, float32 or float64: the dtype of all arithmetic.

    hidden: N_2 of a spectral head, or with ``plain`` of a ReLU layer without eigenvalues; 0 for a linear head. classes:
    at most 12. batch_size: images of a step, at most.
    ``values``, ``first``, ``second``, ``gradient`` and ``running`` are views by the names of PyTorch's state dict of
    features and head: parameters, their moments, their last gradient, and the batch norms' statistics.
    """

    def __init__(
        self, classes: int, hidden: int, batch_size: int, dtype: type = np.float32, plain: bool = False
    ) -> None:
        if not 2 <= classes <= CLASSES:
            raise ValueError(f"classes {classes}: allowed are 2 to {CLASSES}")
        if hidden < plain or batch_size < 1 or np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(
                f"hidden {hidden}, batch_size {batch_size}, dtype {dtype}: allowed are at least {int(plain)}, at least "
                "1, float32 and float64"
            )
        self.layout, shapes = _layout(classes, hidden, plain)
        self.batch_size, self.dtype, self.steps = batch_size, dtype, 0
        flat = [aligned(self.layout.size, dtype) for _ in range(4)]
        self.network = Network(*flat, aligned(4 * LANES, dtype))
        self.values, self.first, self.second, self.gradient = (
            {name: _view(array, *shape) for name, shape in shapes.items()} for array in flat
        )
        self.running = {
            f"features.stages.{stage}.1.running_{what}": self.network.running[at : at + maps]
            for stage, (_, maps) in enumerate(STAGES)
            for what, at in (("mean", 2 * stage * LANES), ("var", (2 * stage + 1) * LANES))
        }
        self.buffers = _buffers(self.layout.hidden, batch_size, dtype)

    def compile(self, pictures: Pictures) -> None:
        """Compile the kernel, or load it, by a run of no images: no epoch's time shall have it."""
        none = np.zeros(0, np.int64)
        crops = Crops(none, none, none, none.astype(bool), none)
        self._run(pictures, crops, True, NO_PENALTY, np.ones((1, 2), self.dtype))

    def train(self, pictures: Pictures, crops: Crops, training: SimpleNamespace) -> float:
        """One epoch: a step on every batch, the last of which may be smaller. Returns the mean of their losses.

        training: as in params.yaml, learning_rate, penalty and rho of  L = cross-entropy + ρ Ω(λ_2)  (4.4).
        """
        self._check(pictures, crops)
        count = np.arange(self.steps + 1, self.steps + 1 + -(-len(crops.rows) // self.batch_size))
        rates = adam_rates(count, training.learning_rate, self.dtype)
        loss, _ = self._run(pictures, crops, True, _loss(training), rates)
        self.steps += len(count)
        return float(loss)

    def correct(self, pictures: Pictures, crops: Crops) -> tuple[int, int]:
        """How many images are classified correctly in evaluation mode, as the network is and with λ_2 := 0."""
        self._check(pictures, crops)
        _, (whole, removed) = self._run(pictures, crops, False, NO_PENALTY, np.ones((1, 2), self.dtype))
        return int(whole), int(removed)

    def _run(self, pictures: Pictures, crops: Crops, training: bool, loss: Loss, rates: np.ndarray) -> tuple:
        state = self.network, self.layout, self.buffers
        return run_batches(*state, pictures, *vars(crops).values(), self.batch_size, training, loss, rates)

    def _check(self, pictures: Pictures, crops: Crops) -> None:
        """Raises ValueError for what compiled code would read beyond an array."""
        images = len(pictures.pixels) // (COLOURS * pictures.side**2)
        limits = {"rows": images, "top": pictures.side - SIDE + 1, "left": pictures.side - SIDE + 1}
        for name, limit in (limits | {"flip": 2, "labels": self.layout.classes}).items():
            numbers = getattr(crops, name)
            if len(numbers) != len(crops.rows) or not len(numbers) or not 0 <= numbers.min() <= numbers.max() < limit:
                raise ValueError(f"{name}: must be {len(crops.rows)} numbers, at least one, from 0 to {limit - 1}")


def pictures(pixels: np.ndarray, table: np.ndarray) -> Pictures:
    """Images as the kernel reads them.

    pixels: uint8 (n, 3, side, side), side of at least 32; table: (3, 256), what every byte becomes.
    """
    if (
        pixels.dtype != np.uint8
        or pixels.shape[1:] != (COLOURS, pixels.shape[-1], pixels.shape[-1])
        or pixels.shape[-1] < SIDE
    ):
        raise ValueError(
            f"pixels {pixels.dtype} {pixels.shape}: must be uint8 (n, 3, side, side), side at least {SIDE}"
        )
    if table.shape != (COLOURS, 256):
        raise ValueError(f"table {table.shape}: must be (3, 256)")
    return Pictures(np.ascontiguousarray(pixels).reshape(-1), pixels.shape[-1], np.ascontiguousarray(table).reshape(-1))


def _layout(classes: int, hidden: int, plain: bool) -> tuple[Layout, Mapping[str, tuple]]:
    """Offsets of all parameters, and for each name  offset, rows and columns in memory, shape."""
    constant = hidden if plain else 0
    padded = -(-(hidden + plain) // BLOCK) * BLOCK  # with room for the constant
    shapes, offsets, size = {}, {}, 0

    def place(key: str, rows: int, columns: int, names: Mapping[str, tuple]) -> None:
        nonlocal size
        offsets.setdefault(key, []).append(size)
        for name, (start, shape) in names.items():
            shapes[name] = (size + start, rows, columns, shape)
        size += -(-rows * columns // LANES) * LANES

    for stage, (channels, maps) in enumerate(STAGES):
        name, filters = f"features.stages.{stage}", channels * TAPS * TAPS
        place("filters", maps, filters, {f"{name}.0.weight": (0, (maps, channels, TAPS, TAPS))})
        place("biases", 1, maps, {f"{name}.0.bias": (0, (maps,))})
        place("scales", 1, maps, {f"{name}.1.weight": (0, (maps,))})
        place("shifts", 1, maps, {f"{name}.1.bias": (0, (maps,))})
    if plain:
        weights = {"head.0.weight": (0, (hidden, FEATURES)), "head.0.bias": (FEATURES, (hidden,))}
        place("head", padded, INPUTS, weights)
        place("last", CLASSES, padded, {"head.2.weight": (0, (classes, hidden)), "head.2.bias": (hidden, (classes,))})
    elif hidden:
        place("head", padded, INPUTS, {"head.eigenvectors.0": (0, (hidden, FEATURES + 1))})
        place("last", CLASSES, padded, {"head.eigenvectors.1": (0, (classes, hidden))})
        place("hidden_eigenvalues", 1, padded, {"head.eigenvalues.1": (0, (hidden,))})
        place("output_eigenvalues", 1, CLASSES, {"head.eigenvalues.2": (0, (classes,))})
    else:
        place("head", CLASSES, INPUTS, {"head.weight": (0, (classes, FEATURES)), "head.bias": (FEATURES, (classes,))})
    at = {key: tuple(values) if len(values) > 1 else values[0] for key, values in offsets.items()}
    missing = dict.fromkeys(("last", "hidden_eigenvalues", "output_eigenvalues"), 0)
    return Layout(hidden=padded, constant=constant, classes=classes, size=size, **(missing | at)), shapes


def _view(flat: np.ndarray, start: int, rows: int, columns: int, shape: tuple[int, ...]) -> np.ndarray:
    """A parameter within the flat array, in its own shape."""
    size = flat.itemsize
    if len(shape) == 4:
        return flat[start : start + rows * columns].reshape(shape)
    strides = (columns * size, size) if len(shape) == 2 else (columns * size if rows > 1 else size,)
    return np.lib.stride_tricks.as_strided(flat[start:], shape, strides)


def _loss(training: SimpleNamespace) -> Loss:
    rho = training.rho
    return NO_PENALTY._replace(
        **{"l2": {"group": rho}, "l2_squared": {"square": 2 * rho}, "l1": {"absolute": rho}, "rows": {"rows": rho}}[
            training.penalty
        ]
    )


def _buffers(hidden: int, batch_size: int, dtype: np.dtype) -> Buffers:
    groups = -(-batch_size // (GROUPS * LANES)) * GROUPS
    size = SIDE - TAPS + 1
    half, smaller = size // 2, size // 2 - TAPS + 1
    rows = max(2 * FIRST * size, SECOND * smaller * (smaller + 2 * (TAPS - 1)))
    shapes = {
        "images": groups * COLOURS * SIDE * SIDE,
        "z_1": groups * FIRST * size * size,
        "h_1": groups * FIRST * half * half,
        "largest_1": groups * FIRST * half * half,
        "z_2": groups * SECOND * smaller * smaller,
        "features": groups * INPUTS,
        "slopes": groups * INPUTS,
        "largest_2": groups * FEATURES,
        "transposed": groups * INPUTS,
        "v": groups * hidden,
        "u": groups * hidden,
        "logits": groups * CLASSES,
        "weights": -(-CLASSES * hidden // LANES),
        "valid": groups,
        "rows": rows,
        "filters": SECOND * FIRST * TAPS * TAPS,
        "channels": 8 * SECOND // LANES,
    }
    buffers = Buffers(**{name: aligned(LANES * size, dtype) for name, size in shapes.items()})
    buffers.features.reshape(groups, INPUTS, LANES)[:, FEATURES] = 1
    return buffers
