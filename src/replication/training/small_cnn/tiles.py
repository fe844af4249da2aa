"""Register tiles: sums of products whose partial sums stay in the processor's registers.

Every convolution and matrix product of the kernel is one of two sums over arrays of vectors (16 numbers each):

* ``contraction``: y[o, p] = Σ w[o, …] x[p, …], a number of w times a vector of x. The lanes of x and y are images (or
  inputs, for a gradient of weights).
* ``correlation``: y[o, t] += Σ_q d[o, q] x[q + t], a vector times a vector: the gradient of a convolution's weights,
  whose lanes are summed at the very end.

A function is made for each shape of the tile; all that is inside it is unrolled. Strides count numbers.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from replication.training.vectors import LANES, array_at, call


def contraction(outputs: int, vectors: int, taps: int = 1):
    """A function of (w, at, strides, x, at, strides, counts, y, at, strides), for a tile of outputs × vectors:

        y[o, p] = Σ_i Σ_j Σ_t  w[o, i, j, t] · x[p, i, j, t],   i < counts[0], j < counts[1], t < taps.

    strides: of w along (o, i, j, t), of x along (p, i, j, t), of y along (o, p); ``at``: where the tile begins.
    """

    @intrinsic
    def contract(typingctx, w, w_at, w_strides, x, x_at, x_strides, counts, y, y_at, y_strides):
        def codegen(context, builder, signature, arguments):
            weights, inputs, sums = (array_at(context, builder, signature, arguments, k) for k in (0, 3, 7))
            _, w_at, w_strides, _, x_at, x_strides, counts, _, y_at, y_strides = arguments
            w_strides, x_strides = (_unpacked(builder, strides, 4) for strides in (w_strides, x_strides))
            kept = [[_zero(builder, inputs.vector) for _ in range(vectors)] for _ in range(outputs)]
            i_count, j_count = _unpacked(builder, counts, 2)
            with cgutils.for_range(builder, i_count) as i, cgutils.for_range(builder, j_count) as j:
                w_here, x_here = (
                    _moved(builder, at, (i.index, strides[1]), (j.index, strides[2]))
                    for at, strides in ((w_at, w_strides), (x_at, x_strides))
                )
                for t in range(taps):
                    row = [
                        inputs.load(_moved(builder, x_here, (t, x_strides[3]), (p, x_strides[0])))
                        for p in range(vectors)
                    ]
                    for o in range(outputs):
                        weight = weights.load_splat(_moved(builder, w_here, (t, w_strides[3]), (o, w_strides[0])))
                        for p in range(vectors):
                            builder.store(call(builder, "fma", weight, row[p], builder.load(kept[o][p])), kept[o][p])
            y_strides = _unpacked(builder, y_strides, 2)
            for o in range(outputs):
                for p in range(vectors):
                    sums.store(builder.load(kept[o][p]), _moved(builder, y_at, (o, y_strides[0]), (p, y_strides[1])))
            return context.get_dummy_value()

        at, four, two = types.intp, types.UniTuple(types.intp, 4), types.UniTuple(types.intp, 2)
        return types.none(w, at, four, x, at, four, two, y, at, two), codegen

    return contract


def correlation(outputs: int, taps: int, unrolled: int):
    """A function of (d, at, stride, x, at, counts, row strides, y, at, stride), for a tile of outputs × taps:

        y[o, t] += Σ_q  d[o, q] · x[q + t],   q < count, a multiple of ``unrolled``.

    stride: of d and of y along o; q and t move by one vector.
    """

    @intrinsic
    def correlate(typingctx, d, d_at, d_stride, x, x_at, count, y, y_at, y_stride):
        def codegen(context, builder, signature, arguments):
            slopes, inputs, sums = (array_at(context, builder, signature, arguments, k) for k in (0, 3, 6))
            _, d_at, d_stride, _, x_at, count, _, y_at, y_stride = arguments
            places = [[_moved(builder, y_at, (o, y_stride), (t, LANES)) for t in range(taps)] for o in range(outputs)]
            kept = [[cgutils.alloca_once_value(builder, sums.load(place)) for place in row] for row in places]
            step = count.type(unrolled)
            with cgutils.for_range_slice(builder, count.type(0), count, step) as (q, _):
                d_here, x_here = (_moved(builder, at, (q, LANES)) for at in (d_at, x_at))
                window = [inputs.load(_moved(builder, x_here, (k, LANES))) for k in range(unrolled + taps - 1)]
                for k in range(unrolled):
                    for o in range(outputs):
                        slope = slopes.load(_moved(builder, d_here, (o, d_stride), (k, LANES)))
                        for t in range(taps):
                            summed = call(builder, "fma", slope, window[k + t], builder.load(kept[o][t]))
                            builder.store(summed, kept[o][t])
            for row, row_places in zip(kept, places, strict=True):
                for partial, place in zip(row, row_places, strict=True):
                    sums.store(builder.load(partial), place)
            return context.get_dummy_value()

        at = types.intp
        return types.none(d, at, at, x, at, at, y, at, at), codegen

    return correlate


def _zero(builder, vector):
    return cgutils.alloca_once_value(builder, ir.Constant(vector, None))


def _unpacked(builder, numbers, count):
    return [builder.extract_value(numbers, k) for k in range(count)]


def _moved(builder, at, *moves):
    """at + Σ count · stride; either may be known when the function is compiled."""
    for count, stride in moves:
        known = [isinstance(value, int) for value in (count, stride)]
        if all(known):
            distance = at.type(count * stride)
        else:
            count, stride = (
                at.type(value) if number else value for value, number in zip((count, stride), known, strict=True)
            )
            distance = builder.mul(count, stride)
        at = builder.add(at, distance)
    return at
