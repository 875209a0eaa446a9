# SPDX-License-Identifier: Apache-2.0
"""What a convolution needs in vector registers: see ``conv`` and ``conv_grad``."""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_I64 = ir.IntType(64)


@intrinsic(prefer_literal=True)
def sum_windows(
    typing_context, table, base, stride, offsets, factors, at, lo, hi, out, rows, lanes
):
    """Sum windows of ``rows`` rows of ``lanes`` numbers, each times a factor.

    ``out[r * lanes + c] = sum of factors[at + k] * table[base + offsets[k] + r * stride + c]``, k
    from lo below hi, in order; product and sum are rounded once. ``rows`` and ``lanes`` are
    constants of the code: the sums stay in registers while there are enough of them.
    """
    if not isinstance(rows, types.IntegerLiteral) or not isinstance(lanes, types.IntegerLiteral):
        return None
    n_rows, n_lanes = rows.literal_value, lanes.literal_value

    def codegen(context, builder, signature, args):
        number = context.get_value_type(table.dtype)
        vector = ir.VectorType(number, n_lanes)
        align = table.dtype.bitwidth // 8

        def data(k):
            return context.make_array(signature.args[k])(context, builder, args[k]).data

        values, places, scales, target = data(0), data(3), data(4), data(8)

        def vector_at(pointer, place):
            return builder.bitcast(builder.gep(pointer, [place]), vector.as_pointer())

        totals = [
            cgutils.alloca_once_value(builder, ir.Constant(vector, None)) for _ in range(n_rows)
        ]
        kind = ir.FunctionType(vector, [vector] * 3)
        name = f"llvm.fma.v{n_lanes}f{table.dtype.bitwidth}"
        multiply_add = cgutils.get_or_insert_function(builder.module, kind, name)
        every = ir.Constant(ir.VectorType(ir.IntType(32), n_lanes), None)
        for total in totals:
            builder.store(ir.Constant(vector, None), total)
        with cgutils.for_range_slice(builder, args[6], args[7], _I64(1)) as (k, _):
            offset = builder.sext(builder.load(builder.gep(places, [k])), _I64)
            place = builder.add(args[1], offset)
            factor = builder.load(builder.gep(scales, [builder.add(args[5], k)]))
            one = builder.insert_element(ir.Constant(vector, None), factor, ir.IntType(32)(0))
            factor = builder.shuffle_vector(one, one, every)
            for total in totals:
                term = builder.load(vector_at(values, place), align=align)
                builder.store(
                    builder.call(multiply_add, [factor, term, builder.load(total)]), total
                )
                place = builder.add(place, args[2])
        for r, total in enumerate(totals):
            place = vector_at(target, _I64(r * n_lanes))
            builder.store(builder.load(total), place, align=align)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(
        table, whole, whole, offsets, factors, whole, whole, whole, out, rows, lanes
    ), codegen


VECTOR_BYTES = 64
"""Of the channels that are pooled together, and of as many pixels."""


def _turned(builder, rows):
    """Transpose vectors, as many as each has lanes."""
    n, step = len(rows), 1
    while step < n:
        for i in (i for i in range(n) if not i & step):
            pair = rows[i], rows[i + step]
            for at, shift in ((i, 0), (i + step, step)):
                picks = [k + shift if not k & step else n + k - (step - shift) for k in range(n)]
                mask = ir.Constant(ir.VectorType(ir.IntType(32), n), picks)
                rows[at] = builder.shuffle_vector(*pair, mask)
        step *= 2
    return rows


@intrinsic
def pool_block(typing_context, sums, base, offsets, at, right, below, best, chosen):
    """Largest of four pixels for a vector of channels and as many places, turned.

    Place k has the pixels ``sums[base + offsets[at + k]:]`` and those ``right`` and ``below`` of
    it; ``best[c * lanes + k]`` is the largest of channel c there, and ``chosen[c * lanes + k]``
    which it is, the first of equal ones, line by line.
    """

    def codegen(context, builder, signature, args):
        def data(k):
            return context.make_array(signature.args[k])(context, builder, args[k]).data

        values, places, best, chosen = data(0), data(2), data(6), data(7)
        number = context.get_value_type(sums.dtype)
        lanes, width = VECTOR_BYTES * 8 // sums.dtype.bitwidth, sums.dtype.bitwidth // 8
        vector, whole = ir.VectorType(number, lanes), ir.VectorType(ir.IntType(8 * width), lanes)
        byte = ir.VectorType(ir.IntType(8), lanes)

        def load(place):
            where = builder.bitcast(builder.gep(values, [place]), vector.as_pointer())
            return builder.load(where, align=width)

        tops, codes = [], []
        for k in range(lanes):
            offset = builder.load(builder.gep(places, [builder.add(args[3], _I64(k))]))
            place = builder.add(args[1], builder.sext(offset, _I64))
            under = builder.add(place, args[5])
            top, code = load(place), ir.Constant(whole, [0] * lanes)
            others = builder.add(place, args[4]), under, builder.add(under, args[4])
            for number_of, other in enumerate(others, 1):
                value = load(other)
                larger = builder.fcmp_ordered(">", value, top)
                top = builder.select(larger, value, top)
                code = builder.select(larger, ir.Constant(whole, [number_of] * lanes), code)
            tops.append(top)
            codes.append(builder.trunc(code, byte))
        for target, rows, kind, align in (
            (best, _turned(builder, tops), vector, width),
            (chosen, _turned(builder, codes), byte, 1),
        ):
            for c, row in enumerate(rows):
                where = builder.gep(target, [_I64(c * lanes)])
                builder.store(row, builder.bitcast(where, kind.as_pointer()), align=align)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(sums, whole, offsets, whole, whole, whole, best, chosen), codegen


_PLAIN = numba.config.DISABLE_JIT

if _PLAIN:

    def sum_windows(table, base, stride, offsets, factors, at, lo, hi, out, rows, lanes):
        """Sum windows of ``rows`` rows of ``lanes`` numbers, each times a factor."""
        out[: rows * lanes] = 0
        for k in range(lo, hi):
            for r in range(rows):
                first = base + int(offsets[k]) + r * stride
                out[r * lanes : (r + 1) * lanes] += factors[at + k] * table[first : first + lanes]

    def pool_block(sums, base, offsets, at, right, below, best, chosen):
        """Largest of four pixels for a vector of channels and as many places, turned."""
        lanes = VECTOR_BYTES // sums.itemsize
        for k in range(lanes):
            first = base + int(offsets[at + k])
            four = [
                sums[place : place + lanes]
                for place in (first, first + right, first + below, first + below + right)
            ]
            best[k : lanes * lanes : lanes] = np.max(four, axis=0)
            chosen[k : lanes * lanes : lanes] = np.argmax(four, axis=0)
