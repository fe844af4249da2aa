"""What the parts of the kernel share: sizes of the network, where its numbers lie, and tiles."""

from typing import NamedTuple

import numpy as np
from numba import njit

from replication.training.vectors import AVX512

SIDE, TAPS = 32, 5  # pixels of an image's side, of a filter's
COLOURS, FIRST, SECOND = 3, 6, 16  # channels
FEATURES, INPUTS = 400, 416  # of the head; with the constant 1 and zeros up to a multiple of 16
CLASSES = 12  # room for the classes: a multiple of a tile
inlined = njit(inline="always")  # compiled with its caller only: LLVM optimises it once, not at every level
GROUPS = 4  # a batch has a multiple of them, for TILE_HEAD

if AVX512:  # outputs and vectors of a tile; outputs and steps unrolled, for the gradients of filters
    TILE_1, TILE_2, TILE_BACK, TILE_HEAD, TILE_HEAD_SLOPES = (6, 4), (4, 5), (3, 7), (6, 4), (12, 2)
    SLOPES_1, SLOPES_2 = (3, 4), (4, 2)
else:  # of 16 registers a tile takes 12, as its vectors are two each
    TILE_1, TILE_2, TILE_BACK, TILE_HEAD, TILE_HEAD_SLOPES = (6, 1), (4, 1), (6, 1), (6, 1), (6, 1)
    SLOPES_1, SLOPES_2 = (1, 1), (1, 1)


class Layout(NamedTuple):
    """Where each parameter begins in the flat arrays of ``Network``. hidden: rows of φ₁ or W₁, 0 for a linear head.

    The head's own are W with the bias as a column, (12, 416), or φ₁ (hidden, 416), φ₂ (12, hidden), λ_2 and λ_3, or of
    a plain hidden layer W₁ (hidden, 416) and W₂ (12, hidden), each with its bias as a column. constant: of W₂'s, the
    place of a hidden neuron that is 1; 0 for the other heads.
    """

    hidden: int
    constant: int
    classes: int
    filters: tuple[int, int]
    biases: tuple[int, int]
    scales: tuple[int, int]
    shifts: tuple[int, int]
    head: int
    last: int
    hidden_eigenvalues: int
    output_eigenvalues: int
    size: int


class Network(NamedTuple):
    """Parameters, Adam's moments and gradients, each (layout.size,), and the batch norms' running statistics."""

    values: np.ndarray
    first: np.ndarray
    second: np.ndarray
    gradient: np.ndarray
    running: np.ndarray  # (4 · 16,): means and variances of the first batch norm, then of the second


class Buffers(NamedTuple):
    """Room for a batch of groups of 16 images; shapes without the 16 lanes at the end."""

    images: np.ndarray  # (groups, 3, 32, 32)
    z_1: np.ndarray  # (groups, 6, 28, 28)
    h_1: np.ndarray  # (groups, 6, 14, 14), in the backward pass their slopes
    largest_1: np.ndarray  # (groups, 6, 14, 14): which of four pixels, 4 for none
    z_2: np.ndarray  # (groups, 16, 10, 10)
    features: np.ndarray  # (groups, 416): h_2, a 1, zeros
    slopes: np.ndarray  # (groups, 416): of the features
    largest_2: np.ndarray  # (groups, 400)
    transposed: np.ndarray  # (groups · 16 images, 416 / 16): the features
    v: np.ndarray  # (groups, hidden)
    u: np.ndarray  # (groups, hidden): what the last weights take
    logits: np.ndarray  # (groups, 12), then their slopes
    weights: np.ndarray  # (12 · hidden,) numbers: W_32
    valid: np.ndarray  # (groups,): 1 for an image, 0 for none
    rows: np.ndarray  # room for the slopes of z, see backward_1 and backward_2
    filters: np.ndarray  # (2400,): gradients of filters by lane
    channels: np.ndarray  # (8 · 16,) numbers: a, b, mean, 1/σ of every channel, for both stages


class Loss(NamedTuple):
    """ρ Ω's gradient is  group·λ/‖λ‖ + square·λ + absolute·sign(λ), of λ_2; rows: ρ of Σ_h |λ_h| ‖φ₁[h, :]‖₂."""

    group: float
    square: float
    absolute: float
    rows: float


class Pictures(NamedTuple):
    """Images as they are stored, and a table of each colour's 256 normalised values."""

    pixels: np.ndarray  # (n · 3 · side²,) uint8
    side: int
    table: np.ndarray  # (3 · 256,)
