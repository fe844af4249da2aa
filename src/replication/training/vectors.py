"""Vectors of 16 numbers in numba: what the fused kernels need and a plain loop cannot say.

Each function below becomes one or two instructions on a register of 16 float32 (AVX-512); LLVM splits the vectors for
other processors and for float64. Names and operators are usable inside ``numba.njit`` functions only. Arrays are
one-dimensional and contiguous; an index counts elements.
"""

import operator

import numpy as np
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba.core import cgutils, config, types
from numba.extending import intrinsic, models, overload, register_model

LANES = 16
WORD = ir.IntType(32)
FEATURES = get_host_cpu_features().flatten() if config.CPU_FEATURES is None else config.CPU_FEATURES
AVX512 = "+avx512f" in FEATURES
TILE = 20 if AVX512 else 4  # samples at once: their sums stay in registers, their signs share one word
SUFFIXES = {"float": "f32", "double": "f64", "i32": "i32"}


class Vector(types.Type):
    """16 numbers of one dtype."""

    def __init__(self, dtype):
        super().__init__(f"Vector({dtype})")
        self.dtype = dtype


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(manager.lookup(kind.dtype).get_value_type(), LANES))


def aligned(size: int, dtype: np.dtype, start: np.ndarray | float = 0) -> np.ndarray:
    """A one-dimensional array that begins at a cache line, or vectors would straddle two."""
    dtype = np.dtype(dtype)
    room = np.empty(size * dtype.itemsize + 64, np.uint8)
    first = -room.ctypes.data % 64
    array = room[first : first + size * dtype.itemsize].view(dtype)
    array[:] = start
    return array


@intrinsic
def load(typingctx, array, index):
    """array[index : index + 16]."""

    def codegen(context, builder, signature, arguments):
        return array_at(context, builder, signature, arguments, 0).load(arguments[1])

    return Vector(array.dtype)(array, types.intp), codegen


@intrinsic
def load_splat(typingctx, array, index):
    """array[index] in every lane."""

    def codegen(context, builder, signature, arguments):
        return array_at(context, builder, signature, arguments, 0).load_splat(arguments[1])

    return Vector(array.dtype)(array, types.intp), codegen


@intrinsic
def store(typingctx, array, index, vector):
    """array[index : index + 16] = vector."""

    def codegen(context, builder, signature, arguments):
        array_at(context, builder, signature, arguments, 0).store(arguments[2], arguments[1])
        return context.get_dummy_value()

    return types.none(array, types.intp, vector), codegen


@intrinsic
def splat(typingctx, scalar):
    """The scalar in every lane."""
    return Vector(scalar)(scalar), lambda context, builder, signature, arguments: _splat(builder, arguments[0])


@intrinsic
def total(typingctx, vector):
    """Sum over the lanes, always in the same order."""
    return vector.dtype(vector), lambda context, builder, signature, arguments: _total(builder, arguments[0])


@intrinsic
def shift_right(typingctx, words, count):
    """words >> count, as unsigned numbers; count is a constant."""

    def codegen(context, builder, signature, arguments):
        return builder.lshr(arguments[0], _splat(builder, builder.trunc(arguments[1], WORD)))

    return words(words, types.intp), codegen


@intrinsic
def permute(typingctx, table, words):
    """table[words & 15]: lane by lane, the table is itself a vector."""

    def codegen(context, builder, signature, arguments):
        table, words = arguments
        if str(table.type.element) == "float" and AVX512:
            kind = ir.FunctionType(table.type, [table.type, words.type])
            return builder.call(_function(builder, kind, "llvm.x86.avx512.permvar.sf.512"), arguments)
        words = builder.and_(words, _splat(builder, WORD(15)))
        result = ir.Constant(table.type, ir.Undefined)
        for lane in map(WORD, range(LANES)):
            picked = builder.extract_element(table, builder.extract_element(words, lane))
            result = builder.insert_element(result, picked, lane)
        return result

    return table(table, words), codegen


@intrinsic
def where_bit(typingctx, words, bit, vector):
    """The vector where that bit of the words is 1, else 0."""

    def codegen(context, builder, signature, arguments):
        words, bit, vector = arguments
        mask = _splat(builder, builder.shl(WORD(1), builder.trunc(bit, WORD)))
        zero = builder.icmp_unsigned("==", builder.and_(words, mask), ir.Constant(words.type, None))
        return builder.select(zero, ir.Constant(vector.type, None), vector)

    return vector(words, types.intp, vector), codegen


@intrinsic
def sign(typingctx, vector):
    """−1, 0 or 1; NaN stays NaN."""

    def codegen(context, builder, signature, arguments):
        (vector,) = arguments
        unit = _splat(builder, vector.type.element(1.0))
        zero = builder.fcmp_ordered("==", vector, ir.Constant(vector.type, None))
        return builder.select(zero, vector, call(builder, "copysign", unit, vector))

    return vector(vector), codegen


def _where(comparison):
    """x where a ∘ b, else y; a comparison with NaN is false."""

    @intrinsic
    def choose(typingctx, a, b, x, y):
        def codegen(context, builder, signature, arguments):
            a, b, x, y = arguments
            return builder.select(builder.fcmp_ordered(comparison, a, b), x, y)

        return x(a, b, x, y), codegen

    return choose


where_greater, where_equal = _where(">"), _where("==")


@intrinsic
def hidden_sums(typingctx, weights, blocks, samples, x0, x1, sums, words, word):
    """For a tile of samples b:  t = a_0 x_0b + a_1 x_1b + a_2,  samples[sums + b] = Σ_h |t_h| sign(w_h).

    weights: rows a_0, a_1, a_2, w of 16 hidden neurons in turn, ``blocks`` times. x0, x1, sums, word: where the tile
    begins. Bit b of words[word + h] becomes the sign bit of t_h: 1 where t_h is negative, −0 included.
    """

    def codegen(context, builder, signature, arguments):
        weights, samples, words = (array_at(context, builder, signature, arguments, k) for k in (0, 2, 6))
        _, blocks, _, x0, x1, sums, _, word = arguments
        zero, unit = blocks.type(0), blocks.type(1)
        before = builder.basic_block
        body, after = builder.append_basic_block("block"), builder.append_basic_block("end")
        builder.branch(body)
        builder.position_at_end(body)
        block = builder.phi(blocks.type)
        partial = [builder.phi(weights.vector) for _ in range(TILE)]
        row = builder.mul(block, blocks.type(4 * LANES))
        a0, a1, a2, w = (weights.load(builder.add(row, blocks.type(k * LANES))) for k in range(4))
        one_bit, signs, added = _splat(builder, WORD(1)), ir.Constant(words.vector, None), []
        for b in reversed(range(TILE)):
            first, second = (samples.load_splat(builder.add(x, blocks.type(b))) for x in (x0, x1))
            t = call(builder, "fma", a0, first, call(builder, "fma", a1, second, a2))
            signs = call(builder, "fshl", signs, _high_words(builder, t), one_bit)  # signs << 1 | t's sign
            added.insert(0, builder.fadd(partial[b], call(builder, "copysign", t, w)))
        words.store(signs, builder.add(word, builder.mul(block, blocks.type(LANES))))
        following = builder.add(block, unit)
        block.add_incoming(zero, before)
        block.add_incoming(following, body)
        for sum_so_far, summed in zip(partial, added, strict=True):
            sum_so_far.add_incoming(ir.Constant(weights.vector, None), before)
            sum_so_far.add_incoming(summed, body)
        builder.cbranch(builder.icmp_signed("<", following, blocks), body, after)
        builder.position_at_end(after)
        for b, vector in enumerate(added):
            samples.store(_total(builder, vector), builder.add(sums, blocks.type(b)))
        return context.get_dummy_value()

    at = types.intp
    return types.none(weights, at, samples, at, at, at, words, at), codegen


def _elementwise(name):
    """An LLVM function of one vector, by its name."""

    @intrinsic
    def function(typingctx, vector):
        return vector(vector), lambda context, builder, signature, arguments: call(builder, name, *arguments)

    return function


magnitude = _elementwise("fabs")
root = _elementwise("sqrt")


def _operator(python_operator, instruction):
    """a ∘ b for two vectors; ``contract`` lets a·b + c become one fused instruction."""

    @intrinsic
    def compute(typingctx, a, b):
        def codegen(context, builder, signature, arguments):
            return getattr(builder, instruction)(*arguments, flags=("contract",))

        return a(a, b), codegen

    @overload(python_operator)
    def implementation(a, b):
        if isinstance(a, Vector) and a == b:
            return lambda a, b: compute(a, b)


_operator(operator.add, "fadd")
_operator(operator.sub, "fsub")
_operator(operator.mul, "fmul")
_operator(operator.truediv, "fdiv")


class _Pointer:
    """Loads and stores at elements of a contiguous array."""

    def __init__(self, builder, data, scalar, size):
        self.builder, self.data, self.scalar, self.size = builder, data, scalar, size
        self.vector = ir.VectorType(scalar, LANES)

    def load(self, index):
        return self.builder.load(self._at(index), align=self.size, typ=self.vector)

    def load_splat(self, index):
        return _splat(self.builder, self.builder.load(self._at(index), align=self.size, typ=self.scalar))

    def store(self, value, index):
        self.builder.store(value, self.builder.bitcast(self._at(index), value.type.as_pointer()), align=self.size)

    def _at(self, index):
        return self.builder.gep(self.data, [index])


def array_at(context, builder, signature, arguments, position):
    """The pointer to one of the arguments, for an intrinsic's ``codegen``."""
    kind = signature.args[position]
    scalar = context.get_value_type(kind.dtype)
    data = context.make_array(kind)(context, builder, arguments[position]).data
    return _Pointer(builder, data, scalar, context.get_abi_sizeof(scalar))


def _splat(builder, scalar):
    vector = ir.VectorType(scalar.type, LANES)
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, WORD(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(WORD, LANES), None))


def _total(builder, vector):
    scalar = vector.type.element
    kind = ir.FunctionType(scalar, [scalar, vector.type])
    function = _function(builder, kind, f"llvm.vector.reduce.fadd.v{LANES}{SUFFIXES[str(scalar)]}")
    return builder.call(function, [scalar(0.0), vector], fastmath=("reassoc",))


def _high_words(builder, vector):
    """The 32 bits of each lane that hold its sign."""
    words = ir.VectorType(WORD, LANES)
    if str(vector.type.element) == "float":
        return builder.bitcast(vector, words)
    wide = builder.bitcast(vector, ir.VectorType(ir.IntType(64), LANES))
    return builder.trunc(builder.lshr(wide, _splat(builder, ir.IntType(64)(32))), words)


def call(builder, name, *arguments):
    """LLVM's own function ``name`` of vectors of one type."""
    vector = arguments[0].type
    kind = ir.FunctionType(vector, [vector] * len(arguments))
    return builder.call(_function(builder, kind, f"llvm.{name}.v{LANES}{SUFFIXES[str(vector.element)]}"), arguments)


def _function(builder, kind, name):
    return cgutils.get_or_insert_function(builder.module, kind, name)
