# SPDX-License-Identifier: Apache-2.0
"""Exact products of matrices of integers in three products of 16-bit halves.

Entries are multiples of a power of two, of at most 24 bits and a sign. With ``a = 4096 a1 + a0``,
``a b = 4096**2 a1 b1 + 4096 ((a1 + a0) (b1 + b0) - a1 b1 - a0 b0) + a0 b0`` (Karatsuba). For up to
`TERMS` terms, each of the three sums fits 32 bits; that in brackets may leave them on the way.
Where processors multiply pairs of 16 bits and add them up in one instruction, four times as many a
cycle as products of float64, that takes three quarters of the time of `event.panel_sums`.
"""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from spikesim.kernels.jit import kernel

_I64 = ir.IntType(64)
ROWS, COLUMNS = 8, 32
"""Of a panel, whose sums stay in vector registers."""
TERMS = 256
PAYS = bool(binding.get_host_cpu_features().get("avx512vnni"))
"""Whether this processor has the instruction."""
_HALF = 4096


def rooms(rows: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Table of a matrix (n, n), and scratch for so many rows to be multiplied by it; zeros."""
    pairs, high, wide = -(-n // 2), -(-rows // ROWS) * ROWS, -(-n // COLUMNS) * COLUMNS
    table, parts = (np.zeros((3, size * pairs * 2), np.int16) for size in (wide, high))
    return table, parts, np.zeros((3, high * wide), np.int32)


def _data(context, builder, kind, value):
    return context.make_array(kind)(context, builder, value).data


@intrinsic
def _multiply_panel(typing_context, table, base, x, at, pairs, out, to, wide, less, other):
    """Multiply `ROWS` rows of ``x`` from ``at`` on by `COLUMNS` columns of the table.

    Less what stands in two others of the kind of ``out``, unless they have no entries.
    """

    def codegen(context, builder, signature, args):
        kinds, lanes = signature.args, 16
        table, x, out = (_data(context, builder, kinds[k], args[k]) for k in (0, 2, 5))
        pair, sums = ir.IntType(32), ir.VectorType(ir.IntType(32), lanes)
        none = ir.Constant(sums, None)
        kind = ir.FunctionType(sums, [sums] * 3)
        name = "llvm.x86.avx512.vpdpwssd.512"
        add_products = cgutils.get_or_insert_function(builder.module, kind, name)
        panel = [(r, c) for r in range(ROWS) for c in range(0, COLUMNS, lanes)]
        totals = {key: cgutils.alloca_once_value(builder, none) for key in panel}
        row_size = builder.mul(args[4], _I64(2))
        starts = [builder.add(args[3], builder.mul(row_size, _I64(r))) for r in range(ROWS)]

        def at_place(data, place, number):
            return builder.bitcast(builder.gep(data, [place]), number.as_pointer())

        def target(data, r, c):
            place = builder.add(args[6], builder.mul(args[7], _I64(r)))
            return at_place(data, builder.add(place, _I64(c)), sums)

        taken = context.make_array(kinds[8])(context, builder, args[8])
        with builder.if_then(builder.icmp_signed("!=", taken.nitems, _I64(0))):
            for k in (8, 9):
                data = _data(context, builder, kinds[k], args[k])
                for key, total in totals.items():
                    some = builder.load(target(data, *key), align=4)
                    builder.store(builder.sub(builder.load(total), some), total)
        with cgutils.for_range_slice(builder, _I64(0), args[4], _I64(1)) as (k, _):
            place = builder.add(args[1], builder.mul(k, _I64(2 * COLUMNS)))
            columns = {
                c: builder.load(at_place(table, builder.add(place, _I64(2 * c)), sums), align=2)
                for c in range(0, COLUMNS, lanes)
            }
            twice = builder.mul(k, _I64(2))
            for r, start in enumerate(starts):
                two = builder.load(at_place(x, builder.add(start, twice), pair), align=2)
                one = builder.insert_element(none, two, ir.IntType(32)(0))
                every = builder.shuffle_vector(one, one, none)
                for c, column in columns.items():
                    total = totals[r, c]
                    more = builder.call(add_products, [builder.load(total), every, column])
                    builder.store(more, total)
        for key, total in totals.items():
            builder.store(builder.load(total), target(out, *key), align=4)
        return context.get_dummy_value()

    whole = types.int64
    given = table, whole, x, whole, whole, out, whole, whole, less, other
    return types.void(*given), codegen


if numba.config.DISABLE_JIT or not PAYS:

    def _plain_panel(table, base, x, at, pairs, out, to, wide, less, other):
        """As `_multiply_panel`."""
        for r in range(ROWS):
            for c in range(COLUMNS):
                place, total = to + r * wide + c, 0
                for k in range(2 * pairs):
                    entry = table[base + (k // 2 * COLUMNS + c) * 2 + k % 2]
                    total += int(x[at + r * 2 * pairs + k]) * int(entry)
                if less.size:
                    total -= int(less[place]) + int(other[place])
                out[place] = ((total + 2**31) % 2**32) - 2**31

    _multiply_panel = _plain_panel if numba.config.DISABLE_JIT else kernel(_plain_panel)


@kernel
def _split(values, scale, parts, at):
    """Halves of ``values * scale``, rounded, and their sums, in three rows from ``at`` on."""
    number = values.dtype.type
    factor, half, part = number(scale), number(_HALF), number(1.0 / _HALF)
    end = at + values.size
    highs, lows, both = parts[0, at:end], parts[1, at:end], parts[2, at:end]
    for k in range(values.size):
        whole = np.rint(values[k] * factor)
        high = np.rint(whole * part)
        low = whole - high * half
        highs[k] = np.int32(high)
        lows[k] = np.int32(low)
        both[k] = np.int32(high + low)


@kernel
def lay_halves(matrix, n, scale, parts, table):
    """Lay a matrix (n, n) in a table; ``parts`` as of `rooms`, at least n wide, is scratch."""
    pairs = (n + 1) // 2
    for k in range(n):
        _split(matrix[k * n : (k + 1) * n], scale, parts, 0)
        for half in range(3):
            for j in range(n):
                panel = (j // COLUMNS * pairs + k // 2) * COLUMNS + j % COLUMNS
                table[half, 2 * panel + k % 2] = parts[half, j]


@kernel
def multiply_halves(x, n, scale, unit, table, parts, sums, out):
    """Product of a matrix and that of a table, rounded at the end.

    Parameters
    ----------
    x : float array, shape (m * n,)
        Row after row.
    n : int
        At most `TERMS`.
    scale, unit : float
        What makes integers of ``x``; and that of the sums.
    table, parts, sums
        As of `rooms`.
    out : float array, at least m rows and n columns
        Written.
    """
    pairs, rows = (n + 1) // 2, x.size // n
    wide = table.shape[1] // (2 * pairs)
    high = sums.shape[1] // wide
    for r in range(rows):
        _split(x[r * n : (r + 1) * n], scale, parts, r * 2 * pairs)
    for k in range(3):
        taken = sums[:2, : sums.shape[1] if k == 2 else 0]
        for first in range(0, wide, COLUMNS):
            for r in range(0, high, ROWS):
                _multiply_panel(
                    table[k], first * pairs * 2, parts[k], r * 2 * pairs, pairs, sums[k],
                    r * wide + first, wide, taken[0], taken[1],
                )  # fmt: skip
    half = np.float64(_HALF)
    for r in range(rows):
        lo, hi = r * wide, r * wide + n
        upper, lower, middle = sums[0, lo:hi], sums[1, lo:hi], sums[2, lo:hi]
        to = out[r]
        for j in range(n):
            to[j] = ((upper[j] * half + middle[j]) * half + lower[j]) * unit
