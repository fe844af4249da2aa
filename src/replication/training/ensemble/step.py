"""One optimiser step of one 2-H-1 network, compiled: forward, backward by hand, Adam.

Notation as in ``spectral``: W_21[h,k] = φ_1[h,k](λ_1k − λ_2h),  w_h = W_32[h] = φ_2h(λ_2h − λ_3),  W_31 = −w φ_1
(4.3),  x_b = (x_b0, x_b1, 1),  z_bh = W_21[h]·x_b,  y_b = W_31·x_b + Σ_h w_h relu(z_bh)  (4.5).

What makes it fast:

* w relu(z) = ½ w z + ½ w|z|. The first half is linear in x and joins W_31; with t = −½|w| z the second is |t| sign(w).
* t's sign bit says whether the neuron is on (z > 0, so relu′(0) = 0); the bits of 20 samples share a word.
* Backward needs only G[h,k] = Σ_b [z_bh > 0] (∂L/∂y_b) x_bk, since w and W_21 factor out. The 16 possible sums of four
  samples are tabulated; four sign bits pick one: a lookup and an addition do four samples for 16 neurons.

H is padded to a multiple of 16 with neurons that are zero and stay zero. Subnormal numbers, to which the moments of
dead neurons decay, are flushed to zero.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from replication.training.compiled import cached
from replication.training.floating_point import FLUSHED, exchange_mode
from replication.training.fused_adam import BETA_1, BETA_2, EPSILON, adam
from replication.training.vectors import (
    AVX512,
    LANES,
    TILE,
    hidden_sums,
    load,
    load_splat,
    magnitude,
    permute,
    shift_right,
    sign,
    splat,
    store,
    total,
    where_bit,
)

NIBBLES = TILE // 4
X0, X1, TARGET, SCALE, Y, D0, D1, D2 = range(8)  # rows of Buffers.samples
SUBSETS = np.array([[float(i >> bit & 1) for i in range(LANES)] for bit in range(4)])  # is sample ``bit`` in subset i?


class State(NamedTuple):
    """Parameters and Adam's moments, each (5 · padded H + 16,): φ_1's three columns, φ_2, λ_2, then λ_1 and λ_3."""

    values: np.ndarray
    first: np.ndarray
    second: np.ndarray


class Buffers(NamedTuple):
    """Room for one step: weights, tables and samples in the parameters' dtype, words uint32."""

    weights: np.ndarray  # (blocks · 4 · 16,), see vectors.hidden_sums
    words: np.ndarray  # (tiles · blocks · 16,)
    tables: np.ndarray  # (tiles · NIBBLES · 3 · 16,)
    samples: np.ndarray  # (8 · width,)
    subsets: np.ndarray  # (4 · 16,), SUBSETS


class Loss(NamedTuple):
    """ρ Ω's gradient is  group·λ/‖λ‖ + square·λ + absolute·sign(λ); of λ_1 only if train_input."""

    group: float
    square: float
    absolute: float
    train_input: bool


@njit
def _ends(values, tail):
    """λ_1's three numbers and λ_3, each in every lane."""
    first, second, bias = load_splat(values, tail), load_splat(values, tail + 1), load_splat(values, tail + 2)
    return first, second, bias, load_splat(values, tail + 3)


@njit
def _form_weights(values, weights, blocks):
    """Scaled W_21 and w for every neuron; returns the linear map (3) with relu's linear half in it, and Σλ_2²."""
    size = blocks * LANES
    real = values.dtype.type
    half, unit, zero, tiny = splat(real(0.5)), splat(real(1)), splat(real(0)), splat(real(1e-20))
    in0, in1, in2, out = _ends(values, 5 * size)
    skip0, skip1, skip2, square = zero, zero, zero, zero
    for block in range(blocks):
        i = block * LANES
        phi0, phi1, phi2 = load(values, i), load(values, size + i), load(values, 2 * size + i)
        hidden = load(values, 4 * size + i)
        w = load(values, 3 * size + i) * (hidden - out)
        scale = magnitude(w) * half + tiny  # not zero, or t would lose its sign where w = 0
        gap0, gap1, gap2 = hidden - in0, hidden - in1, hidden - in2
        store(weights, 4 * i, scale * (phi0 * gap0))
        store(weights, 4 * i + LANES, scale * (phi1 * gap1))
        store(weights, 4 * i + 2 * LANES, scale * (phi2 * gap2) + zero)  # -0 + 0 = +0: then z = 0 never gives t = -0
        store(weights, 4 * i + 3 * LANES, w)
        skip0 = skip0 - w * phi0 * (half * gap0 + unit)
        skip1 = skip1 - w * phi1 * (half * gap1 + unit)
        skip2 = skip2 - w * phi2 * (half * gap2 + unit)
        square = square + hidden * hidden
    return total(skip0), total(skip1), total(skip2), total(square)


@njit
def _residuals(samples, width, count, skip0, skip1, skip2):
    """∂L/∂y_b and its products with x_b0, x_b1 into rows D2, D0, D1; returns their sums ∂L/∂W_31, the mean square."""
    real = samples.dtype.type
    zero = splat(real(0))
    sum0, sum1, sum2, square = zero, zero, zero, zero
    bias0, bias1, bias2 = splat(skip0), splat(skip1), splat(skip2)
    for b in range(0, count, LANES):
        x0, x1, scale = load(samples, X0 * width + b), load(samples, X1 * width + b), load(samples, SCALE * width + b)
        error = load(samples, Y * width + b) + bias0 * x0 + bias1 * x1 + bias2 - load(samples, TARGET * width + b)
        d2 = error * scale  # 2/n · error, 0 beyond the batch's end
        d0, d1 = d2 * x0, d2 * x1
        store(samples, D0 * width + b, d0)
        store(samples, D1 * width + b, d1)
        store(samples, D2 * width + b, d2)
        sum0, sum1, sum2, square = sum0 + d0, sum1 + d1, sum2 + d2, square + d2 * error
    return total(sum0), total(sum1), total(sum2), total(square) * real(0.5)


@njit
def _tabulate(tables, samples, width, subsets, groups):
    """tables[group, k, i] = sum of D_k over the samples of the group of four that are in subset i."""
    in0, in1, in2, in3 = load(subsets, 0), load(subsets, LANES), load(subsets, 2 * LANES), load(subsets, 3 * LANES)
    for group in range(groups):
        for k in range(3):
            b = (D0 + k) * width + 4 * group
            low = load_splat(samples, b) * in0 + load_splat(samples, b + 1) * in1
            high = load_splat(samples, b + 2) * in2 + load_splat(samples, b + 3) * in3
            store(tables, (3 * group + k) * LANES, low + high)


@njit
def _active_sums(buffers, width, block, blocks, tiles):
    """G[h,k] for the 16 neurons of a block, one vector for each k."""
    tables, samples = buffers.tables, buffers.samples
    zero = splat(tables.dtype.type(0))
    sum0, sum1, sum2 = zero, zero, zero
    for tile in range(tiles):
        bits = load(buffers.words, (tile * blocks + block) * LANES)
        if AVX512:
            for nibble in range(NIBBLES):
                i = (tile * NIBBLES + nibble) * 3 * LANES
                sum0 = sum0 + permute(load(tables, i), bits)
                sum1 = sum1 + permute(load(tables, i + LANES), bits)
                sum2 = sum2 + permute(load(tables, i + 2 * LANES), bits)
                bits = shift_right(bits, 4)
        else:
            for bit in range(TILE):
                b = tile * TILE + bit
                sum0 = sum0 + where_bit(bits, bit, load_splat(samples, D0 * width + b))
                sum1 = sum1 + where_bit(bits, bit, load_splat(samples, D1 * width + b))
                sum2 = sum2 + where_bit(bits, bit, load_splat(samples, D2 * width + b))
    return sum0, sum1, sum2


@njit
def _update(state, buffers, blocks, tiles, d0, d1, d2, square, loss, rate, correction):
    """Chain rule from G and D = ∂L/∂W_31 to φ and λ, and Adam. With r_k = (λ_2 − λ_1k) G_k + D_k and q_k = φ_1k G_k:

    ∂φ_1k = −w r_k,  ∂w = −Σ_k φ_1k r_k,  ∂φ_2 = (λ_2 − λ_3) ∂w,  ∂λ_2 = φ_2 ∂w − w Σ_k q_k,  ∂λ_1k = Σ_h w q_k,
    ∂λ_3 = −Σ_h φ_2 ∂w.
    """
    values = state.values
    real, size, width = values.dtype.type, blocks * LANES, len(buffers.samples) // 8
    in0, in1, in2, out = _ends(values, 5 * size)
    skip0, skip1, skip2, zero = splat(d0), splat(d1), splat(d2), splat(real(0))
    scale = real(loss.square)
    if square > 0:
        scale += real(loss.group) / np.sqrt(square)
    slope = splat(scale)
    open0, open1, open2, output = zero, zero, zero, zero
    for block in range(blocks):
        i = block * LANES
        g0, g1, g2 = _active_sums(buffers, width, block, blocks, tiles)
        phi0, phi1, phi2 = load(values, i), load(values, size + i), load(values, 2 * size + i)
        outgoing, hidden = load(values, 3 * size + i), load(values, 4 * size + i)
        w = load(buffers.weights, 4 * i + 3 * LANES)
        r0, r1, r2 = (hidden - in0) * g0 + skip0, (hidden - in1) * g1 + skip1, (hidden - in2) * g2 + skip2
        q0, q1, q2 = w * phi0 * g0, w * phi1 * g1, w * phi2 * g2
        by_w = zero - phi0 * r0 - phi1 * r1 - phi2 * r2
        by_hidden = outgoing * by_w - (q0 + q1 + q2) + slope * hidden
        if loss.absolute > 0:
            by_hidden = by_hidden + splat(real(loss.absolute)) * sign(hidden)
        open0, open1, open2, output = open0 + q0, open1 + q1, open2 + q2, output - outgoing * by_w
        adam(values, state.first, state.second, i, zero - w * r0, rate, correction)
        adam(values, state.first, state.second, size + i, zero - w * r1, rate, correction)
        adam(values, state.first, state.second, 2 * size + i, zero - w * r2, rate, correction)
        adam(values, state.first, state.second, 3 * size + i, (hidden - out) * by_w, rate, correction)
        adam(values, state.first, state.second, 4 * size + i, by_hidden, rate, correction)
    return total(open0), total(open1), total(open2), total(output)


@njit
def _update_ends(state, tail, open0, open1, open2, output, loss, rate, correction):
    """Adam on λ_1, with its penalty, and on λ_3, from their data gradients."""
    values = state.values
    real = values.dtype.type
    if loss.train_input:
        scale = real(loss.square)
        square = values[tail] ** 2 + values[tail + 1] ** 2 + values[tail + 2] ** 2
        if square > 0:
            scale += real(loss.group) / np.sqrt(square)
        for k, data in enumerate((open0, open1, open2)):
            penalty = scale * values[tail + k] + real(loss.absolute) * np.sign(values[tail + k])
            _adam_scalar(state, tail + k, data + penalty, rate, correction)
    _adam_scalar(state, tail + 3, output, rate, correction)


@njit
def _adam_scalar(state, i, gradient, rate, correction):
    """``adam`` on one number."""
    real = state.values.dtype.type
    state.first[i] += real(1 - BETA_1) * (gradient - state.first[i])
    state.second[i] = real(BETA_2) * state.second[i] + real(1 - BETA_2) * gradient * gradient
    denominator = np.sqrt(state.second[i]) * correction + real(EPSILON)
    state.values[i] -= rate * state.first[i] / denominator


@njit
def _gather(samples, width, points, order):
    """The batch's points, and 2/n as the scale of their errors (0 for the rest of the last tile)."""
    count = len(order)
    real = samples.dtype.type
    for b in range(count):
        point = order[b]
        samples[X0 * width + b] = points[3 * point]
        samples[X1 * width + b] = points[3 * point + 1]
        samples[TARGET * width + b] = points[3 * point + 2]
    for b in range(width):
        samples[SCALE * width + b] = real(2) / real(count) if b < count else real(0)


@njit
def _step(state, buffers, points, order, loss, rate, correction):
    """One step on the points in ``order``; returns their mean squared error before it."""
    blocks, width = len(state.values) // (5 * LANES), len(buffers.samples) // 8
    tiles = (len(order) + TILE - 1) // TILE
    samples = buffers.samples
    _gather(samples, width, points, order)
    skip0, skip1, skip2, square = _form_weights(state.values, buffers.weights, blocks)
    for tile in range(tiles):
        x0, x1, sums = X0 * width + tile * TILE, X1 * width + tile * TILE, Y * width + tile * TILE
        hidden_sums(buffers.weights, blocks, samples, x0, x1, sums, buffers.words, tile * blocks * LANES)
    d0, d1, d2, mean_square = _residuals(samples, width, tiles * TILE, skip0, skip1, skip2)
    _tabulate(buffers.tables, samples, width, buffers.subsets, tiles * NIBBLES)
    open0, open1, open2, output = _update(state, buffers, blocks, tiles, d0, d1, d2, square, loss, rate, correction)
    _update_ends(state, 5 * blocks * LANES, open0, open1, open2, output, loss, rate, correction)
    return mean_square


@njit
def _train_epochs(state, buffers, points, orders, batch_size, loss, rates):
    """``train_epochs`` in the processor's mode."""
    mean_square = 0.0
    for epoch in range(len(orders)):
        order = orders[epoch]
        weighted = 0.0
        for step in range(rates.shape[1]):
            batch = order[step * batch_size : (step + 1) * batch_size]
            rate, correction = rates[epoch, step]
            weighted += len(batch) * _step(state, buffers, points, batch, loss, rate, correction)
        mean_square = weighted / len(order)
        if not (np.isfinite(mean_square) and np.isfinite(state.values).all()):
            return epoch, mean_square
    return len(orders), mean_square


@cached
@njit(nogil=True)
def train_epochs(state, buffers, points, orders, batch_size, loss, rates):
    """Train one network on ``orders`` (epochs, points), changing ``state``; stops after an epoch that is not finite.

    points: (3 · points,) x_0, x_1, y in turn. rates: (epochs, steps an epoch, 2), Adam's rate and correction.
    Returns the number of finite epochs and the last epoch's mean squared error. The bits do not depend on the caller's
    floating-point mode, which is as before afterwards.
    """
    callers = exchange_mode(FLUSHED)
    result = _train_epochs(state, buffers, points, orders, batch_size, loss, rates)
    exchange_mode(callers)
    return result
