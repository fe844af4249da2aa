"""The heads of the small network, linear, spectral and plain hidden: outputs, gradients, slopes of the features."""

import numpy as np
from numba import njit

from replication.training.small_cnn.shapes import (
    CLASSES,
    FEATURES,
    INPUTS,
    TILE_HEAD,
    TILE_HEAD_SLOPES,
    inlined,
)
from replication.training.small_cnn.tiles import contraction
from replication.training.vectors import LANES, load, sign, splat, store, total, where_greater

_contract_head, _contract_slopes = contraction(*TILE_HEAD), contraction(*TILE_HEAD_SLOPES)


@inlined
def logits_of(network, layout, buffers, groups, open_hidden):
    """The head's outputs."""
    hidden = layout.hidden
    if hidden == 0:
        _product(
            network.values, layout.head, INPUTS, 1, CLASSES, FEATURES + 1,
            buffers.features, INPUTS, groups, buffers.logits, CLASSES,
        )  # fmt: skip
        return
    if open_hidden:
        _product(
            network.values, layout.head, INPUTS, 1, hidden, FEATURES + 1,
            buffers.features, INPUTS, groups, buffers.v, hidden,
        )  # fmt: skip
    if layout.constant:
        _plain_hidden(layout, buffers, groups)
        _product(
            network.values, layout.last, hidden, 1, CLASSES, hidden,
            buffers.u, hidden, groups, buffers.logits, CLASSES,
        )  # fmt: skip
        return
    _output_weights(network, layout, buffers, open_hidden)
    _hidden(network, layout, buffers, groups, open_hidden)
    _product(buffers.weights, 0, hidden, 1, CLASSES, hidden, buffers.u, hidden, groups, buffers.logits, CLASSES)


@inlined
def _output_weights(network, layout, buffers, open_hidden):
    """W_32 = φ₂ (λ_2 − λ_3) (4.3); with all λ_2 = 0 if not open_hidden."""
    values, hidden = network.values, layout.hidden
    for o in range(layout.classes):
        out = splat(values[layout.output_eigenvalues + o])
        for h in range(0, hidden, LANES):
            gap = (
                load(values, layout.hidden_eigenvalues + h) - out if open_hidden else splat(values.dtype.type(0)) - out
            )
            store(buffers.weights, o * hidden + h, load(values, layout.last + o * hidden + h) * gap)


@inlined
def _hidden(network, layout, buffers, groups, open_hidden):
    """u = relu(−λ_2 v) − v."""
    values, real = network.values, network.values.dtype.type
    zero = splat(real(0))
    for group in range(groups):
        for h in range(layout.hidden):
            i = (group * layout.hidden + h) * LANES
            v = load(buffers.v, i)
            z = v * splat(-values[layout.hidden_eigenvalues + h]) if open_hidden else zero
            store(buffers.u, i, where_greater(zero, z, zero, z) - v)


@inlined
def _plain_hidden(layout, buffers, groups):
    """u = relu(v), and the constant."""
    real = buffers.v.dtype.type
    zero = splat(real(0))
    for group in range(groups):
        for h in range(layout.hidden):
            i = (group * layout.hidden + h) * LANES
            v = load(buffers.v, i)
            store(buffers.u, i, where_greater(zero, v, zero, v))
        store(buffers.u, (group * layout.hidden + layout.constant) * LANES, splat(real(1)))


@inlined
def backward_head(network, layout, buffers, groups, loss):
    """From the logits' slopes to the gradients of the head and the slopes of the features."""
    values, gradient, hidden = network.values, network.gradient, layout.hidden
    _transpose(buffers, groups)
    if hidden == 0:
        _product(
            values,
            layout.head,
            1,
            INPUTS,
            FEATURES + 2,
            CLASSES,
            buffers.logits,
            CLASSES,
            groups,
            buffers.slopes,
            INPUTS,
        )
        _weight_slopes(buffers.logits, CLASSES, groups, buffers.transposed, gradient, layout.head)
        return
    _last_slopes(layout, buffers, groups, gradient)
    if layout.constant:
        _plain_backward(network, layout, buffers, groups)
    else:
        _spectral_backward(network, layout, buffers, groups, loss)
    _product(values, layout.head, 1, INPUTS, FEATURES + 2, hidden, buffers.v, hidden, groups, buffers.slopes, INPUTS)
    _weight_slopes(buffers.v, hidden, groups, buffers.transposed, gradient, layout.head)
    if loss.rows > 0 and not layout.constant:
        _add_rows(network, layout, loss)


@inlined
def _add_rows(network, layout, loss):
    """The gradient of ρ Σ_h |λ_h| ‖φ₁[h, :]‖₂, the norms of the rows of W_21 = −λ_2 φ₁ (4.3); 0 at λ_h = 0."""
    values, gradient, real = network.values, network.gradient, network.values.dtype.type
    for h in range(layout.hidden):
        eigenvalue = values[layout.hidden_eigenvalues + h]
        if eigenvalue == 0:
            continue
        at, square = layout.head + h * INPUTS, splat(real(0))
        for j in range(0, INPUTS, LANES):
            phi = load(values, at + j)
            square = square + phi * phi
        norm = np.sqrt(total(square))
        if norm > 0:
            rho = real(loss.rows)
            gradient[layout.hidden_eigenvalues + h] += rho * norm if eigenvalue > 0 else -rho * norm
            scale = splat(rho * abs(eigenvalue) / norm)
            for j in range(0, INPUTS, LANES):
                store(gradient, at + j, load(gradient, at + j) + scale * load(values, at + j))


@inlined
def _last_slopes(layout, buffers, groups, gradient):
    """The gradient of the last weights, Σ_b ∂L/∂y u: of W_32, or of a plain head's W₂ with its bias."""
    hidden, zero = layout.hidden, splat(gradient.dtype.type(0))
    for o in range(layout.classes):
        for h in range(hidden):
            summed = zero
            for group in range(groups):
                slope = load(buffers.logits, (group * CLASSES + o) * LANES)
                summed = summed + slope * load(buffers.u, (group * hidden + h) * LANES)
            gradient[layout.last + o * hidden + h] = total(summed)


@inlined
def _plain_backward(network, layout, buffers, groups):
    """The slopes of v into v; the constant's v is 0, so that it has none."""
    hidden, zero = layout.hidden, splat(network.values.dtype.type(0))
    _product(
        network.values, layout.last, 1, hidden, hidden, CLASSES,
        buffers.logits, CLASSES, groups, buffers.u, hidden,
    )  # fmt: skip
    for i in range(0, groups * hidden * LANES, LANES):
        store(buffers.v, i, where_greater(load(buffers.v, i), zero, load(buffers.u, i), zero))


@inlined
def _spectral_backward(network, layout, buffers, groups, loss):
    """From the gradient of W_32 by the chain rule to those of φ₂, λ_2 and λ_3, and the slopes of v into v."""
    values, gradient, hidden, real = network.values, network.gradient, layout.hidden, network.values.dtype.type
    zero, square = splat(real(0)), splat(real(0))
    for h in range(0, hidden, LANES):
        square = square + load(values, layout.hidden_eigenvalues + h) * load(values, layout.hidden_eigenvalues + h)
    norm, scale = np.sqrt(total(square)), real(loss.square)
    if norm > 0:
        scale += real(loss.group) / norm
    for h in range(0, hidden, LANES):
        eigenvalues = load(values, layout.hidden_eigenvalues + h)
        by_hidden = splat(scale) * eigenvalues + splat(real(loss.absolute)) * sign(eigenvalues)
        store(gradient, layout.hidden_eigenvalues + h, by_hidden)
    for o in range(layout.classes):
        by_output = zero
        out = splat(values[layout.output_eigenvalues + o])
        for h in range(0, hidden, LANES):
            at = layout.last + o * hidden + h
            by_weight, phi = load(gradient, at), load(values, at)
            eigenvalues = load(values, layout.hidden_eigenvalues + h)
            by_output = by_output - by_weight * phi
            by_hidden = load(gradient, layout.hidden_eigenvalues + h) + by_weight * phi
            store(gradient, layout.hidden_eigenvalues + h, by_hidden)
            store(gradient, at, by_weight * (eigenvalues - out))
        gradient[layout.output_eigenvalues + o] = total(by_output)
    _product(buffers.weights, 0, 1, hidden, hidden, CLASSES, buffers.logits, CLASSES, groups, buffers.u, hidden)
    for h in range(hidden):  # u holds its slopes now; v gets those of v
        eigenvalue, summed = splat(values[layout.hidden_eigenvalues + h]), zero
        for group in range(groups):
            i = (group * hidden + h) * LANES
            slope, v = load(buffers.u, i), load(buffers.v, i)
            on = where_greater(zero, v * eigenvalue, slope, zero)  # z = −λ_2 v > 0
            summed = summed - on * v
            store(buffers.v, i, zero - slope - on * eigenvalue)
        gradient[layout.hidden_eigenvalues + h] += total(summed)


@njit
def _product(matrix, at, out_stride, sum_stride, rows, terms, x, x_rows, groups, y, y_rows):
    """y[g, o] = Σ_k matrix[at + o·out_stride + k·sum_stride] x[g, k] for vectors x[g, k] of 16 images, o < rows."""
    outputs, vectors = TILE_HEAD
    for group in range(0, groups, vectors):
        for first in range(0, rows, outputs):
            _contract_head(
                matrix, at + first * out_stride, (out_stride, sum_stride, 0, 0),
                x, group * x_rows * LANES, (x_rows * LANES, LANES, 0, 0), (terms, 1),
                y, (group * y_rows + first) * LANES, (LANES, y_rows * LANES),
            )  # fmt: skip


@njit
def _weight_slopes(slopes, rows, groups, transposed, gradient, at):
    """gradient[at + o·416 + j] = Σ_b slopes[o, b] x[j, b]."""
    outputs, vectors = TILE_HEAD_SLOPES
    for j in range(0, INPUTS, vectors * LANES):
        for first in range(0, rows, outputs):
            _contract_slopes(
                slopes, first * LANES, (LANES, rows * LANES, 1, 0),
                transposed, j, (LANES, LANES * INPUTS, INPUTS, 0), (groups, LANES),
                gradient, at + first * INPUTS + j, (INPUTS, LANES),
            )  # fmt: skip


@inlined
def _transpose(buffers, groups):
    """The features with the inputs in the lanes, for the gradient of the head's weights."""
    for group in range(groups):
        for j in range(FEATURES + 1):
            for lane in range(LANES):
                to = (group * LANES + lane) * INPUTS + j
                buffers.transposed[to] = buffers.features[(group * INPUTS + j) * LANES + lane]
