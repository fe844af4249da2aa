"""Optimiser steps of the small network, compiled: forward, backward by hand, Adam; and its evaluation.

Notation: x → z₁ = W₁ ∗ x → h₁ = relu(max(a₁ z₁ + b₁)) → z₂ = W₂ ∗ h₁ → h₂ = relu(max(a₂ z₂ + b₂)) → head → softmax.
The maximum is over 2×2 pixels; a = γ/σ and b = β − a μ normalise a channel. A bias before a batch norm changes nothing
but the running mean: its gradient is 0.

What makes it fast:

* The 16 lanes of a vector are 16 images, so that no instruction is lost at an image's border: ``(group, channel, row,
  column, 16)``. Missing images of the last group are zero, and ``valid`` keeps them out of every sum.
* The partial sums of a tile stay in registers (``tiles``).
* A batch norm's backward pass is c_0 + c_1 z in every pixel, besides the slopes of the largest ones. It is formed row
  by row, where the products with the row's inputs take it.
* The spectral head needs the one product v = φ₁x (4.3, λ_1 = 0):  y = W_32 (relu(−λ_2 v) − v),  W_32 = φ₂(λ_2 − λ_3).
  A plain hidden layer is  y = W₂ (relu(W₁x), 1).
"""

import numpy as np
from numba import njit

from replication.training.compiled import cached
from replication.training.floating_point import FLUSHED, exchange_mode
from replication.training.fused_adam import adam
from replication.training.small_cnn.heads import backward_head, logits_of
from replication.training.small_cnn.shapes import (
    CLASSES,
    COLOURS,
    GROUPS,
    SIDE,
    inlined,
)
from replication.training.small_cnn.stages import backward_1, backward_2, features
from replication.training.vectors import LANES, load


@cached
@njit(nogil=True)
def run_batches(network, layout, buffers, pictures, order, top, left, flip, labels, batch_size, training, loss, rates):
    """A step on every batch of the images in ``order``, or in evaluation their classification.

    top, left, flip, labels: of each image of the order. rates: (batches, 2), Adam's rate and correction. Returns the
    mean of the batches' cross-entropies, each before its step, and how many images are classified correctly, as the
    network is and, in evaluation, with λ_2 := 0. The bits do not depend on the caller's floating-point mode, which is
    as before afterwards.
    """
    callers = exchange_mode(FLUSHED)
    summed, correct = network.values.dtype.type(0), np.zeros(2, np.int64)
    heads = 1 if training or layout.hidden == 0 or layout.constant else 2  # with λ_2 := 0 the spectral one alone
    for first in range(0, len(order), batch_size):
        part = slice(first, first + batch_size)
        count = len(order[part])
        groups = -(-count // (GROUPS * LANES)) * GROUPS
        _gather(pictures, order[part], top[part], left[part], flip[part], groups, buffers)
        features(network, layout, buffers, groups, count, training)
        for head in range(heads):
            logits_of(network, layout, buffers, groups, head == 0)
            correct[head] += _correct(buffers.logits, layout.classes, labels[part])
        if training:
            summed += _cross_entropy(buffers.logits, layout.classes, labels[part], groups)
            backward_head(network, layout, buffers, groups, loss)
            backward_2(network, layout, buffers, groups, count)
            backward_1(network, layout, buffers, groups, count)
            rate, correction = rates[first // batch_size]
            for i in range(0, layout.size, LANES):
                adam(network.values, network.first, network.second, i, load(network.gradient, i), rate, correction)
    exchange_mode(callers)
    return summed / network.values.dtype.type(len(rates)), correct


@inlined
def _gather(pictures, rows, top, left, flip, groups, buffers):
    """The batch's crops, normalised, one image in every lane; sets ``valid``."""
    pixels, side, table = pictures
    images, zero, one = buffers.images, buffers.images.dtype.type(0), buffers.images.dtype.type(1)
    for b in range(groups * LANES):
        at = b // LANES * COLOURS * SIDE * SIDE * LANES + b % LANES
        buffers.valid[b] = one if b < len(rows) else zero
        for colour in range(COLOURS):
            for row in range(SIDE):
                to = at + (colour * SIDE + row) * SIDE * LANES
                if b >= len(rows):
                    for column in range(SIDE):
                        images[to + column * LANES] = zero
                    continue
                start = ((rows[b] * COLOURS + colour) * side + top[b] + row) * side + left[b]
                move = 1
                if flip[b]:
                    start, move = start + SIDE - 1, -1
                for column in range(SIDE):
                    images[to + column * LANES] = table[256 * colour + pixels[start + move * column]]


@inlined
def _cross_entropy(logits, classes, labels, groups):
    """The batch's mean cross-entropy; the logits become its slopes, 0 where there is no image."""
    real = logits.dtype.type
    count, loss = real(len(labels)), real(0)
    for b in range(groups * LANES):
        at = b // LANES * CLASSES * LANES + b % LANES
        if b >= len(labels):
            for o in range(CLASSES):
                logits[at + o * LANES] = real(0)
            continue
        highest = logits[at]
        for o in range(1, classes):
            highest = max(highest, logits[at + o * LANES])
        truth, summed = logits[at + labels[b] * LANES] - highest, real(0)
        for o in range(classes):
            power = np.exp(logits[at + o * LANES] - highest)
            logits[at + o * LANES] = power
            summed += power
        for o in range(classes):
            logits[at + o * LANES] = logits[at + o * LANES] / (summed * count)
        logits[at + labels[b] * LANES] -= real(1) / count
        loss += np.log(summed) - truth
    return loss / count


@inlined
def _correct(logits, classes, labels):
    """How many of the largest outputs are the class."""
    count = 0
    for b in range(len(labels)):
        at, best = b // LANES * CLASSES * LANES + b % LANES, 0
        for o in range(1, classes):
            if logits[at + o * LANES] > logits[at + best * LANES]:
                best = o
        count += best == labels[b]
    return count
