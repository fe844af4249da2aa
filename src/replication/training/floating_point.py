"""The processor's floating-point mode, set within compiled code.

Numbers below the normal range, such as Adam's moments of a neuron that died, cost some processors about 150 cycles each
and others nothing. A kernel that flushes them to zero is as fast on all of them. It sets the whole mode, rounding
included, and puts the caller's back, so that its bits do not depend on the caller.
"""

from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic

MODE, HALF, NOTHING = ir.IntType(64), ir.IntType(32), ir.VoidType()
ARCHITECTURE = binding.get_process_triple().split("-")[0].replace("arm64", "aarch64")
FLUSHED = {  # round to nearest, no traps, subnormal operands and results are 0
    "x86_64": 0x9FC0,  # MXCSR: FTZ, DAZ, every exception masked
    "aarch64": 1 << 24,  # FPCR: FZ
}.get(ARCHITECTURE, 0)


@intrinsic
def exchange_mode(typingctx, mode):
    """Set this thread's floating-point mode; returns the one before. Does nothing on other architectures."""

    def codegen(context, builder, signature, arguments):
        return exchange(builder, arguments[0], ARCHITECTURE)

    return types.int64(types.int64), codegen


def exchange(builder, mode, architecture):
    """The instructions of ``exchange_mode`` for an architecture."""
    if architecture == "x86_64":  # both instructions take an address
        word = cgutils.alloca_once(builder, HALF)
        _call(builder, "llvm.x86.sse.stmxcsr", NOTHING, word)
        before = builder.zext(builder.load(word), MODE)
        builder.store(builder.trunc(mode, HALF), word)
        _call(builder, "llvm.x86.sse.ldmxcsr", NOTHING, word)
        return before
    if architecture == "aarch64":
        before = _call(builder, "llvm.aarch64.get.fpcr", MODE)
        _call(builder, "llvm.aarch64.set.fpcr", NOTHING, mode)
        return before
    return mode


def _call(builder, name, result, *arguments):
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)
