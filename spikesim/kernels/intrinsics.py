# SPDX-License-Identifier: Apache-2.0
"""What kernels need and numba has no word for: addresses, prefetch, and order between threads."""

from __future__ import annotations

import platform

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_I64 = ir.IntType(64)
_BYTE_POINTER = ir.IntType(8).as_pointer()


@intrinsic
def call_at(typing_context, address, context, tick):
    """Call the C function ``void f(int64 context, int64 tick)`` at an address."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(ir.VoidType(), [_I64, _I64])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen


@intrinsic
def pointer(typing_context, address):
    """Make an untyped pointer of an address, for ``numba.carray``."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], _BYTE_POINTER)

    return types.voidptr(types.int64), codegen


@intrinsic
def as_float(typing_context, bits):
    """Read the 64 bits of an integer as a float64."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@intrinsic
def prefetch(typing_context, array, index):
    """Ask for the cache line of ``array[index]`` in L2; never faults, changes nothing."""

    def codegen(context, builder, signature, args):
        array_type = signature.args[0]
        data = context.make_array(array_type)(context, builder, args[0]).data
        place = builder.bitcast(builder.gep(data, [args[1]]), _BYTE_POINTER)
        kind = ir.FunctionType(ir.VoidType(), [_BYTE_POINTER] + [ir.IntType(32)] * 3)
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        # Read, keep in L2 (locality 2; L1 was no faster), data cache.
        builder.call(function, [place, *(ir.Constant(ir.IntType(32), k) for k in (0, 2, 1))])
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


def _place(context, builder, array_type, args):
    data = context.make_array(array_type)(context, builder, args[0]).data
    return builder.gep(data, [args[1]])


@intrinsic
def load_acquire(typing_context, array, index):
    """Read ``array[index]`` (int64); what was stored before its store_release is visible then."""

    def codegen(context, builder, signature, args):
        place = _place(context, builder, signature.args[0], args)
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(array, types.int64), codegen


@intrinsic
def store_release(typing_context, array, index, value):
    """Write ``array[index]`` (int64) after everything this thread stored before."""

    def codegen(context, builder, signature, args):
        place = _place(context, builder, signature.args[0], args)
        builder.store_atomic(args[2], place, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen


@intrinsic
def yield_core(typing_context):
    """Give the core away; a compiled loop has no other way to let others run."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def bits_to_float32(typing_context, bits):
    """Read the 32 bits of an integer as a float32."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), codegen


@intrinsic
def trailing_zeros(typing_context, bits):
    """Count the zeros below the lowest bit that is set (uint64, not 0)."""

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), codegen


@intrinsic
def lane_mask(typing_context, array, index, bits):
    """Bit k of the result: whether ``array[index + k] & bits`` is not 0, k < 64.

    ``array`` and ``bits`` are of one type, uint8 or uint16.
    """

    def codegen(context, builder, signature, args):
        lane = ir.IntType(signature.args[0].dtype.bitwidth)
        lanes = ir.VectorType(lane, 64)
        place = _place(context, builder, signature.args[0], args)
        values = builder.load(builder.bitcast(place, lanes.as_pointer()), align=1)
        first = builder.insert_element(ir.Constant(lanes, [0] * 64), args[2], ir.IntType(32)(0))
        spread = ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64)
        every = builder.shuffle_vector(first, first, spread)
        zero = ir.Constant(lanes, [0] * 64)
        found = builder.icmp_unsigned("!=", builder.and_(values, every), zero)
        return builder.bitcast(found, ir.IntType(64))

    return types.uint64(array, types.int64, array.dtype), codegen


@intrinsic
def rounded(typing_context, value):
    """Nearest int32 of a float32, ties to even: two instructions of vector code, no call."""

    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType()])
        rint = cgutils.get_or_insert_function(builder.module, kind, "llvm.rint.f32")
        return builder.fptosi(builder.call(rint, [args[0]]), ir.IntType(32))

    return types.int32(types.float32), codegen


def _control(builder, name, place):
    kind = ir.FunctionType(ir.VoidType(), [_BYTE_POINTER])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{name}")
    builder.call(function, [place])


@intrinsic
def swap_float_control(typing_context, word):
    """Set the floating-point control word of this thread; gives the one before.

    -1 is the word in force, with denormal numbers taken as 0 (FTZ and DAZ): a trace that has
    died away would slow its neuron down by up to a hundred times on some processors. Does
    nothing where the processor is no x86.
    """
    on_x86 = platform.machine().lower() in ("x86_64", "amd64")

    def codegen(context, builder, signature, args):
        if not on_x86:
            return args[0]
        i32 = ir.IntType(32)
        slot = cgutils.alloca_once(builder, i32)
        place = builder.bitcast(slot, _BYTE_POINTER)
        _control(builder, "stmxcsr", place)
        before = builder.load(slot)
        flushing = builder.or_(before, ir.Constant(i32, 0x8040))
        asked = builder.icmp_signed("==", args[0], ir.Constant(i32, -1))
        builder.store(builder.select(asked, flushing, args[0]), slot)
        _control(builder, "ldmxcsr", place)
        return before

    return types.int32(types.int32), codegen


if numba.config.DISABLE_JIT:
    # Plain Python runs the kernels one by one: no addresses, no caches, one thread.

    def prefetch(array, index):
        """Nothing to fetch."""

    def trailing_zeros(bits):
        """Count the zeros below the lowest bit that is set (uint64, not 0)."""
        return (int(bits) & -int(bits)).bit_length() - 1

    def lane_mask(array, index, bits):
        """Bit k of the result: whether ``array[index + k] & bits`` is not 0, k < 64."""
        found = (array[index : index + 64] & bits) != 0
        return np.uint64(sum(1 << int(k) for k in np.flatnonzero(found)))

    def rounded(value):
        """Nearest int32 of a float32, ties to even."""
        return np.int32(np.rint(value))

    def bits_to_float32(bits):
        """Read the 32 bits of an integer as a float32."""
        return np.int32(bits).view(np.float32)

    def as_float(bits):
        """Read the 64 bits of an integer as a float64."""
        return np.int64(bits).view(np.float64)
