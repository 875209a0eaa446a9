# SPDX-License-Identifier: Apache-2.0
"""Sums of windows of an image in vector registers; see ``conv_grad``."""

from __future__ import annotations

import numba
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


_PLAIN = numba.config.DISABLE_JIT

if _PLAIN:

    def sum_windows(table, base, stride, offsets, factors, at, lo, hi, out, rows, lanes):
        """Sum windows of ``rows`` rows of ``lanes`` numbers, each times a factor."""
        out[: rows * lanes] = 0
        for k in range(lo, hi):
            for r in range(rows):
                first = base + int(offsets[k]) + r * stride
                out[r * lanes : (r + 1) * lanes] += factors[at + k] * table[first : first + lanes]
