"""The two stages of the small network: convolution, batch norm, 2×2 maximum, ReLU; forward and backward."""

import numpy as np
from numba import njit

from replication.training.small_cnn.shapes import (
    COLOURS,
    FEATURES,
    FIRST,
    INPUTS,
    SECOND,
    SIDE,
    SLOPES_1,
    SLOPES_2,
    TAPS,
    TILE_1,
    TILE_2,
    TILE_BACK,
    inlined,
)
from replication.training.small_cnn.tiles import contraction, correlation
from replication.training.vectors import LANES, load, splat, store, total, where_equal, where_greater

MOMENTUM, TINY = 0.1, 1e-5  # of the running statistics; added to a variance
NOWHERE = 4.0  # in place of the number of the largest pixel of four, where the ReLU lets nothing pass


def _convolution(outputs, pixels):
    """A compiled function: the convolution of one group of images by 5×5 filters, in tiles of that size."""
    contract = contraction(outputs, pixels, TAPS)

    @njit
    def convolve(filters, at, channels, maps, x, x_at, side, z, z_at):
        size = side - TAPS + 1
        weight = (channels * TAPS * TAPS, TAPS * TAPS, TAPS, 1)
        pixel = (LANES, side * side * LANES, side * LANES, LANES)
        for row in range(size):
            for first in range(0, maps, outputs):
                for column in range(0, size, pixels):
                    contract(
                        filters,
                        at + first * channels * TAPS * TAPS,
                        weight,
                        x,
                        x_at + (row * side + column) * LANES,
                        pixel,
                        (channels, TAPS),
                        z,
                        z_at + ((first * size + row) * size + column) * LANES,
                        (size * size * LANES, LANES),
                    )

    return convolve


def _filter_slopes(outputs, unrolled):
    """A compiled function: adds a row of slopes' products with its inputs to the gradient of the filters, by lane."""
    correlate = correlation(outputs, TAPS, unrolled)

    @njit
    def add(slopes, at, stride, maps, size, x, x_at, channels, side, gradient):
        """slopes: ``size`` pixels of every map, ``stride`` apart; x_at: the row's first input."""
        for channel in range(channels):
            for tap in range(TAPS):
                inputs = x_at + (channel * side + tap) * side * LANES
                for first in range(0, maps, outputs):
                    filters = ((first * channels + channel) * TAPS + tap) * TAPS * LANES
                    correlate(
                        slopes,
                        at + first * stride,
                        stride,
                        x,
                        inputs,
                        size,
                        gradient,
                        filters,
                        channels * TAPS * TAPS * LANES,
                    )

    return add


_convolve_1, _convolve_2 = _convolution(*TILE_1), _convolution(*TILE_2)
_add_slopes_1, _add_slopes_2 = _filter_slopes(*SLOPES_1), _filter_slopes(*SLOPES_2)
_contract_back = contraction(*TILE_BACK, TAPS)


@inlined
def features(network, layout, buffers, groups, count, training):
    """From the images to the head's inputs."""
    size, half = SIDE - TAPS + 1, (SIDE - TAPS + 1) // 2
    smaller = half - TAPS + 1
    for group in range(groups):
        x, z = group * COLOURS * SIDE * SIDE * LANES, group * FIRST * size * size * LANES
        _convolve_1(network.values, layout.filters[0], COLOURS, FIRST, buffers.images, x, SIDE, buffers.z_1, z)
    _normalise(network, layout, buffers, 0, FIRST, buffers.z_1, size * size, groups, count, training)
    stride = FIRST * half * half * LANES
    channels = buffers.channels
    _pool(
        buffers.z_1, FIRST, size, groups, channels[0:], channels[SECOND:], buffers.valid,
        buffers.h_1, stride, buffers.largest_1, stride,
    )  # fmt: skip
    for group in range(groups):
        z = group * SECOND * smaller * smaller * LANES
        _convolve_2(network.values, layout.filters[1], FIRST, SECOND, buffers.h_1, group * stride, half, buffers.z_2, z)
    _normalise(network, layout, buffers, 1, SECOND, buffers.z_2, smaller * smaller, groups, count, training)
    _pool(
        buffers.z_2, SECOND, smaller, groups, channels[4 * SECOND :], channels[5 * SECOND :], buffers.valid,
        buffers.features, INPUTS * LANES, buffers.largest_2, FEATURES * LANES,
    )  # fmt: skip


@inlined
def _normalise(network, layout, buffers, stage, maps, z, pixels, groups, count, training):
    """Mean and 1/σ of a stage: the batch's, which move the running ones, or in evaluation the running ones."""
    channels, running, at = buffers.channels, network.running, 4 * SECOND * stage
    real = z.dtype.type
    mean, inverse = channels[at + 2 * SECOND : at + 3 * SECOND], channels[at + 3 * SECOND : at + 4 * SECOND]
    means, variances = running[2 * SECOND * stage :], running[2 * SECOND * stage + SECOND :]
    bias = network.values[layout.biases[stage] :]
    if training:
        _statistics(z, maps, pixels, groups, buffers.valid, count * pixels, mean, inverse)
        for channel in range(maps):
            variance = inverse[channel]
            unbiased = variance * real(count * pixels) / real(count * pixels - 1)
            means[channel] += real(MOMENTUM) * (mean[channel] + bias[channel] - means[channel])
            variances[channel] += real(MOMENTUM) * (unbiased - variances[channel])
            inverse[channel] = real(1) / np.sqrt(variance + real(TINY))
    else:
        for channel in range(maps):
            mean[channel] = means[channel] - bias[channel]
            inverse[channel] = real(1) / np.sqrt(variances[channel] + real(TINY))
    _prepare(network, layout, buffers, stage, maps)


@inlined
def _prepare(network, layout, buffers, stage, maps):
    """a and b of a stage's maps from its statistics."""
    values, channels = network.values, buffers.channels
    at = 4 * SECOND * stage
    for channel in range(maps):
        a = values[layout.scales[stage] + channel] * channels[at + 3 * SECOND + channel]
        channels[at + channel] = a
        channels[at + SECOND + channel] = (
            values[layout.shifts[stage] + channel] - channels[at + 2 * SECOND + channel] * a
        )


@njit
def _statistics(z, maps, pixels, groups, valid, count, mean, variance):
    """Mean and biased variance of every map over all images and pixels, in two passes."""
    zero = splat(z.dtype.type(0))
    for channel in range(maps):
        sum_0, sum_1, sum_2, sum_3 = zero, zero, zero, zero
        for group in range(groups):
            at = (group * maps + channel) * pixels * LANES
            for i in range(at, at + pixels * LANES, 4 * LANES):
                sum_0, sum_1 = sum_0 + load(z, i), sum_1 + load(z, i + LANES)
                sum_2, sum_3 = sum_2 + load(z, i + 2 * LANES), sum_3 + load(z, i + 3 * LANES)
        middle = total((sum_0 + sum_1) + (sum_2 + sum_3)) / z.dtype.type(count)
        mean[channel] = middle
        centre, squares = splat(middle), zero
        for group in range(groups):
            at = (group * maps + channel) * pixels * LANES
            sum_0, sum_1, sum_2, sum_3 = zero, zero, zero, zero
            for i in range(at, at + pixels * LANES, 4 * LANES):
                d_0, d_1 = load(z, i) - centre, load(z, i + LANES) - centre
                d_2, d_3 = load(z, i + 2 * LANES) - centre, load(z, i + 3 * LANES) - centre
                sum_0, sum_1, sum_2, sum_3 = sum_0 + d_0 * d_0, sum_1 + d_1 * d_1, sum_2 + d_2 * d_2, sum_3 + d_3 * d_3
            squares = squares + load(valid, group * LANES) * ((sum_0 + sum_1) + (sum_2 + sum_3))
        variance[channel] = total(squares) / z.dtype.type(count)


@njit
def _pool(z, maps, size, groups, scale, shift, valid, h, h_stride, largest, largest_stride):
    """h = relu(max of 2×2 pixels of scale·z + shift), 0 where there is no image; largest: which pixel, 4 for none."""
    real = z.dtype.type
    zero, nowhere = splat(real(0)), splat(real(NOWHERE))
    half = size // 2
    for group in range(groups):
        mask = load(valid, group * LANES)
        for channel in range(maps):
            a, b = splat(scale[channel]), splat(shift[channel])
            for row in range(half):
                at = (((group * maps + channel) * size + 2 * row) * size) * LANES
                to = (channel * half + row) * half * LANES
                for column in range(half):
                    i = at + 2 * column * LANES
                    best, place = load(z, i) * a + b, zero
                    for k in range(1, 4):
                        other = load(z, i + (k // 2 * size + k % 2) * LANES) * a + b
                        place = where_greater(other, best, splat(real(k)), place)
                        best = where_greater(other, best, other, best)
                    store(
                        largest, group * largest_stride + to + column * LANES, where_greater(best, zero, place, nowhere)
                    )
                    positive = where_greater(zero, best, zero, best)  # NaN stays NaN
                    store(h, group * h_stride + to + column * LANES, positive * mask)


@inlined
def backward_2(network, layout, buffers, groups, count):
    """The second stage: from the slopes of the features to its gradients and the slopes of h_1 (in h_1's place)."""
    gradient, channels = network.gradient, buffers.channels[4 * SECOND :]
    real = network.values.dtype.type
    side = (SIDE - TAPS + 1) // 2
    size = side - TAPS + 1
    width = size + 2 * (TAPS - 1)  # columns of zeros on both sides
    half = size // 2
    by_scale, by_shift = gradient[layout.scales[1] :], gradient[layout.shifts[1] :]
    mean, inverse = channels[2 * SECOND :], channels[3 * SECOND :]
    _norm_slopes(
        buffers.z_2, SECOND, size, groups, buffers.slopes, INPUTS * LANES, buffers.largest_2, FEATURES * LANES,
        mean, inverse, by_scale, by_shift,
    )  # fmt: skip
    buffers.filters[:] = real(0)
    buffers.rows[:] = real(0)
    outputs, pixels = TILE_BACK
    for group in range(groups):
        mask = load(buffers.valid, group * LANES)
        h_1 = group * FIRST * side * side * LANES
        for channel in range(SECOND):
            c_0, c_1 = _backward_coefficients(
                channels[channel], by_scale[channel], by_shift[channel], mean[channel], inverse[channel],
                real(count * size * size),
            )  # fmt: skip
            for row in range(half):
                z = ((group * SECOND + channel) * size + 2 * row) * size * LANES
                pooled = (channel * half + row) * half * LANES
                _row_slopes(
                    buffers.z_2, z, size, buffers.slopes, group * INPUTS * LANES + pooled,
                    buffers.largest_2, group * FEATURES * LANES + pooled,
                    splat(channels[channel]), splat(c_0), splat(c_1), mask,
                    buffers.rows, ((channel * size + 2 * row) * width + TAPS - 1) * LANES, width,
                )  # fmt: skip
        for row in range(size):
            _add_slopes_2(
                buffers.rows, (row * width + TAPS - 1) * LANES, size * width * LANES, SECOND, size,
                buffers.h_1, h_1 + row * side * LANES, FIRST, side, buffers.filters,
            )  # fmt: skip
        for row in range(side):  # Σ over maps and taps of W_2[map, channel, i, j] · slope[map, row − i, column − j]
            top, bottom = max(0, row - size + 1), min(TAPS - 1, row)
            for first in range(0, FIRST, outputs):
                for column in range(0, side, pixels):
                    _contract_back(
                        network.values, layout.filters[1] + (first * TAPS + top) * TAPS,
                        (TAPS * TAPS, FIRST * TAPS * TAPS, TAPS, 1),
                        buffers.rows, ((row - top) * width + column + TAPS - 1) * LANES,
                        (LANES, size * width * LANES, -width * LANES, -LANES), (SECOND, bottom - top + 1),
                        buffers.h_1, h_1 + ((first * side + row) * side + column) * LANES,
                        (side * side * LANES, LANES),
                    )  # fmt: skip
    _sum_lanes(gradient, layout.filters[1], buffers.filters, SECOND * FIRST * TAPS * TAPS)


@inlined
def backward_1(network, layout, buffers, groups, count):
    """The first stage: from the slopes of h_1 to its gradients."""
    gradient, channels = network.gradient, buffers.channels
    real = network.values.dtype.type
    size = SIDE - TAPS + 1
    half = size // 2
    by_scale, by_shift = gradient[layout.scales[0] :], gradient[layout.shifts[0] :]
    mean, inverse = channels[2 * SECOND :], channels[3 * SECOND :]
    stride = FIRST * half * half * LANES
    _norm_slopes(
        buffers.z_1,
        FIRST,
        size,
        groups,
        buffers.h_1,
        stride,
        buffers.largest_1,
        stride,
        mean,
        inverse,
        by_scale,
        by_shift,
    )
    buffers.filters[:] = real(0)
    for group in range(groups):
        mask = load(buffers.valid, group * LANES)
        for row in range(half):
            for channel in range(FIRST):
                c_0, c_1 = _backward_coefficients(
                    channels[channel], by_scale[channel], by_shift[channel], mean[channel], inverse[channel],
                    real(count * size * size),
                )  # fmt: skip
                pooled = group * stride + (channel * half + row) * half * LANES
                _row_slopes(
                    buffers.z_1, ((group * FIRST + channel) * size + 2 * row) * size * LANES, size,
                    buffers.h_1, pooled, buffers.largest_1, pooled,
                    splat(channels[channel]), splat(c_0), splat(c_1), mask,
                    buffers.rows, channel * 2 * size * LANES, size,
                )  # fmt: skip
            for k in range(2):
                _add_slopes_1(
                    buffers.rows, k * size * LANES, 2 * size * LANES, FIRST, size,
                    buffers.images, (group * COLOURS * SIDE + 2 * row + k) * SIDE * LANES, COLOURS, SIDE,
                    buffers.filters,
                )  # fmt: skip
    _sum_lanes(gradient, layout.filters[0], buffers.filters, FIRST * COLOURS * TAPS * TAPS)


@inlined
def _norm_slopes(
    z, maps, size, groups, slopes, slope_stride, largest, largest_stride, mean, inverse, by_scale, by_shift
):
    """∂L/∂γ and ∂L/∂β of every map from the slopes of the pooled pixels."""
    zero, half = splat(z.dtype.type(0)), size // 2
    for channel in range(maps):
        centre, summed, weighted = splat(mean[channel]), zero, zero
        for group in range(groups):
            for row in range(half):
                at = (((group * maps + channel) * size + 2 * row) * size) * LANES
                to = (channel * half + row) * half * LANES
                for column in range(half):
                    slope = load(slopes, group * slope_stride + to + column * LANES)
                    place = load(largest, group * largest_stride + to + column * LANES)
                    for k in range(4):
                        i = at + (2 * column + k // 2 * size + k % 2) * LANES
                        here = where_equal(place, splat(z.dtype.type(k)), slope, zero)
                        summed = summed + here
                        weighted = weighted + here * (load(z, i) - centre)
        by_shift[channel] = total(summed)
        by_scale[channel] = total(weighted) * inverse[channel]


@inlined
def _backward_coefficients(scale, by_scale, by_shift, mean, inverse, count):
    """c_0, c_1 of _row_slopes: a batch norm's ∂L/∂z = a (∂L/∂y − ∂L/∂β/n − x̂ ∂L/∂γ/n) with x̂ = (z − μ)/σ."""
    c_1 = -scale * inverse * by_scale / count
    return -scale * by_shift / count - c_1 * mean, c_1


@njit
def _row_slopes(z, at, size, slopes, slopes_at, largest, largest_at, a, c_0, c_1, mask, out, out_at, width):
    """∂L/∂z of two rows of a map: a · slope at the largest pixels, + c_0 + c_1 z in every pixel."""
    real = z.dtype.type
    zero = splat(real(0))
    for column in range(size // 2):
        slope = load(slopes, slopes_at + column * LANES) * a
        place = load(largest, largest_at + column * LANES)
        for k in range(4):
            row, i = k // 2, 2 * column + k % 2
            here = where_equal(place, splat(real(k)), slope, zero)
            everywhere = (c_1 * load(z, at + (row * size + i) * LANES) + c_0) * mask
            store(out, out_at + (row * width + i) * LANES, here + everywhere)


@njit
def _sum_lanes(gradient, at, lanes, count):
    for i in range(count):
        gradient[at + i] = total(load(lanes, i * LANES))
