# SPDX-License-Identifier: Apache-2.0
"""What sums of rows need and numba has no word for: a stripe of a table in vector registers."""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_I64 = ir.IntType(64)
STRIPE_BYTES = 256
"""Of one row in one stripe: four vector registers where they are widest."""


def _lanes(array_type):
    return STRIPE_BYTES * 8 // array_type.dtype.bitwidth


def _bytes(array_type):
    return array_type.dtype.bitwidth // 8


def _data(context, builder, array_type, value):
    return context.make_array(array_type)(context, builder, value).data


def _vector_at(builder, data, place, vector):
    return builder.bitcast(builder.gep(data, [place]), vector.as_pointer())


def _spread(builder, value, vector):
    """Give a vector with one value in every lane."""
    one = builder.insert_element(ir.Constant(vector, None), value, ir.IntType(32)(0))
    every = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None)
    return builder.shuffle_vector(one, one, every)


def _sum(context, builder, kinds, args, factor=None):
    """Give the sum of the rows that ``index[lo:hi]`` names, in order; see `sum_rows`."""
    table_type, _, index_type = kinds[:3]
    table, index = (
        _data(context, builder, kind, args[k]) for k, kind in ((0, table_type), (2, index_type))
    )
    lanes = _lanes(table_type)
    vector = ir.VectorType(context.get_value_type(table_type.dtype), lanes)
    add = builder.fadd if isinstance(table_type.dtype, types.Float) else builder.add
    total = cgutils.alloca_once_value(builder, ir.Constant(vector, None))
    with cgutils.for_range_slice(builder, args[3], args[4], _I64(1)) as (k, _):
        row = builder.sext(builder.load(builder.gep(index, [k])), _I64)
        place = builder.add(args[1], builder.mul(row, _I64(lanes)))
        term = builder.load(_vector_at(builder, table, place, vector), align=_bytes(table_type))
        before = builder.load(total)
        if factor is None:
            after = add(before, term)
        else:
            name = f"llvm.fma.v{lanes}f{table_type.dtype.bitwidth}"
            kind = ir.FunctionType(vector, [vector] * 3)
            multiply_add = cgutils.get_or_insert_function(builder.module, kind, name)
            every = _spread(builder, factor(row), vector)
            after = builder.call(multiply_add, [every, term, before])
        builder.store(after, total)
    return builder.load(total)


def _store(context, builder, out_type, out, value):
    target = _vector_at(builder, _data(context, builder, out_type, out), _I64(0), value.type)
    builder.store(value, target, align=_bytes(out_type))
    return context.get_dummy_value()


def _scaled(context, builder, value, unit_type, unit, to_type):
    """Numbers of another type, times the unit."""
    numbers = ir.VectorType(context.get_value_type(to_type.dtype), value.type.count)
    if isinstance(value.type.element, ir.IntType):
        value = builder.sitofp(value, numbers)
    factor = context.cast(builder, unit, unit_type, to_type.dtype)
    return builder.fmul(value, _spread(builder, factor, numbers))


@intrinsic
def sum_rows(typing_context, table, base, index, lo, hi, out):
    """``out[:] = sum of table[base + index[k] * lanes:][:lanes]``, k from lo below hi, in order.

    ``lanes`` of the type of the table fill a stripe; the sum stays in registers, which numba
    alone does not manage.
    """

    def codegen(context, builder, signature, args):
        total = _sum(context, builder, signature.args, args)
        return _store(context, builder, signature.args[5], args[5], total)

    return types.void(table, types.int64, index, types.int64, types.int64, out), codegen


@intrinsic
def add_sum_of_rows(typing_context, table, base, index, lo, hi, unit, out, at):
    """Add such a sum, times the unit, to ``out[at:][:lanes]``, in the type of that."""

    def codegen(context, builder, signature, args):
        unit_type, out_type = signature.args[5], signature.args[6]
        total = _sum(context, builder, signature.args, args)
        more = _scaled(context, builder, total, unit_type, args[5], out_type)
        data = _data(context, builder, out_type, args[6])
        target = _vector_at(builder, data, args[7], more.type)
        before = builder.load(target, align=_bytes(out_type))
        builder.store(builder.fadd(before, more), target, align=_bytes(out_type))
        return context.get_dummy_value()

    whole = types.int64
    return types.void(table, whole, index, whole, whole, types.float64, out, whole), codegen


@intrinsic
def sum_scaled_rows(typing_context, table, base, index, lo, hi, out, x, at):
    """As `sum_rows`, each row times ``x[at + index[k]]``; product and sum are rounded once."""

    def codegen(context, builder, signature, args):
        values = _data(context, builder, signature.args[6], args[6])

        def factor(row):
            return builder.load(builder.gep(values, [builder.add(args[7], row)]))

        total = _sum(context, builder, signature.args, args, factor)
        return _store(context, builder, signature.args[5], args[5], total)

    whole = types.int64
    return types.void(table, whole, index, whole, whole, out, x, whole), codegen


PANEL = (8, 16) if binding.get_host_cpu_features().get("avx512f") else (4, 8)
"""Rows and columns of a product whose sums stay in vector registers together."""


@intrinsic
def multiply_panel(typing_context, table, base, x, at, stride, terms, out, to, wide):
    """Product of some rows of ``x`` and a table of some columns, as many as `PANEL` says.

    ``out[to + r * wide + c] = sum of x[at + r * stride + k] * table[base + columns * k + c]``, k
    below ``terms`` in order, each product added without rounding between; both factors and sums
    are float64, rounded at the end to the type of ``out``.
    """

    def codegen(context, builder, signature, args):
        table, x = (_data(context, builder, signature.args[k], args[k]) for k in (0, 2))
        out = _data(context, builder, signature.args[6], args[6])
        sums = ir.VectorType(ir.DoubleType(), PANEL[1])
        kind = ir.FunctionType(sums, [sums] * 3)
        name = f"llvm.fma.v{PANEL[1]}f64"
        multiply_add = cgutils.get_or_insert_function(builder.module, kind, name)
        totals = [
            cgutils.alloca_once_value(builder, ir.Constant(sums, None)) for _ in range(PANEL[0])
        ]
        starts = [
            builder.add(args[3], builder.mul(args[4], _I64(r))) for r in range(PANEL[0])
        ]  # fmt: skip
        with cgutils.for_range_slice(builder, _I64(0), args[5], _I64(1)) as (k, _):
            place = builder.add(args[1], builder.mul(k, _I64(PANEL[1])))
            row = builder.load(_vector_at(builder, table, place, sums), align=8)
            for start, total in zip(starts, totals, strict=True):
                factor = builder.load(builder.gep(x, [builder.add(start, k)]))
                every = _spread(builder, factor, sums)
                builder.store(builder.call(multiply_add, [every, row, builder.load(total)]), total)
        number = context.get_value_type(signature.args[6].dtype)
        found = ir.VectorType(number, PANEL[1])
        for r, total in enumerate(totals):
            place = builder.add(args[7], builder.mul(args[8], _I64(r)))
            value = builder.load(total)
            if found != sums:
                value = builder.fptrunc(value, found)
            target = _vector_at(builder, out, place, found)
            builder.store(value, target, align=_bytes(signature.args[6]))
        return context.get_dummy_value()

    whole = types.int64
    return types.void(table, whole, x, whole, whole, whole, out, whole, whole), codegen


@intrinsic
def add_chosen_rows(typing_context, table, base, bits, start, places, lo, hi, out, to):
    """Add the rows of a table that bits choose to ``out[to:][:lanes]``.

    For k from lo below hi, in order, those from ``base + (16 k + bits[start + places[k]]) * lanes``
    on; ``bits`` are below 16.
    """

    def codegen(context, builder, signature, args):
        table_type, _, bits_type, _, places_type, _, _, out_type, _ = signature.args
        table, bits, places, out = (
            _data(context, builder, kind, args[k])
            for k, kind in ((0, table_type), (2, bits_type), (4, places_type), (7, out_type))
        )
        lanes = _lanes(table_type)
        vector = ir.VectorType(context.get_value_type(table_type.dtype), lanes)
        target = _vector_at(builder, out, args[8], vector)
        total = cgutils.alloca_once_value(builder, ir.Constant(vector, None))
        builder.store(builder.load(target, align=_bytes(out_type)), total)
        with cgutils.for_range_slice(builder, args[5], args[6], _I64(1)) as (k, _):
            place = builder.add(args[3], builder.load(builder.gep(places, [k])))
            code = builder.zext(builder.load(builder.gep(bits, [place])), _I64)
            row = builder.add(builder.shl(k, _I64(4)), code)
            at = builder.add(args[1], builder.mul(row, _I64(lanes)))
            term = builder.load(_vector_at(builder, table, at, vector), align=_bytes(table_type))
            builder.store(builder.fadd(builder.load(total), term), total)
        builder.store(builder.load(total), target, align=_bytes(out_type))
        return context.get_dummy_value()

    whole = types.int64
    return types.void(table, whole, bits, whole, places, whole, whole, out, whole), codegen


@intrinsic
def store_entries(typing_context, values, at, scale, table, to):
    """Store ``values[at:][:lanes]`` in ``table[to:][:lanes]``.

    As they are; in a table of integers, those next to ``values * scale``, ties to even.
    """

    def codegen(context, builder, signature, args):
        from_type, _, scale_type, to_type, _ = signature.args
        lanes = _lanes(to_type)
        number, entry = (context.get_value_type(kind.dtype) for kind in (from_type, to_type))
        numbers, entries = (ir.VectorType(kind, lanes) for kind in (number, entry))
        source = _vector_at(builder, _data(context, builder, from_type, args[0]), args[1], numbers)
        value = builder.load(source, align=_bytes(from_type))
        if isinstance(to_type.dtype, types.Integer):
            factor = context.cast(builder, args[2], scale_type, from_type.dtype)
            scaled = builder.fmul(value, _spread(builder, factor, numbers))
            name = f"llvm.rint.v{lanes}f{from_type.dtype.bitwidth}"
            kind = ir.FunctionType(numbers, [numbers])
            nearest = cgutils.get_or_insert_function(builder.module, kind, name)
            value = builder.fptosi(builder.call(nearest, [scaled]), entries)
        target = _vector_at(builder, _data(context, builder, to_type, args[3]), args[4], entries)
        builder.store(value, target, align=_bytes(to_type))
        return context.get_dummy_value()

    return types.void(values, types.int64, types.float64, table, types.int64), codegen


@intrinsic
def mask_unequal(typing_context, values, at, constant):
    """Bit k of the result: whether ``values[at + k]`` is not the constant, k < 64; NaN is not."""

    def codegen(context, builder, signature, args):
        kind, _, constant_type = signature.args
        number = context.get_value_type(kind.dtype)
        numbers = ir.VectorType(number, 64)
        source = _vector_at(builder, _data(context, builder, kind, args[0]), args[1], numbers)
        value = builder.load(source, align=_bytes(kind))
        same = context.cast(builder, args[2], constant_type, kind.dtype)
        found = builder.fcmp_unordered("!=", value, _spread(builder, same, numbers))
        return builder.bitcast(found, _I64)

    return types.uint64(values, types.int64, types.float64), codegen


@intrinsic
def store_scaled(typing_context, values, unit, out, at):
    """``out[at:][:lanes] = values * unit`` in the type of ``out``, for the lanes of a stripe."""

    def codegen(context, builder, signature, args):
        from_type, unit_type, to_type, _ = signature.args
        entries = ir.VectorType(context.get_value_type(from_type.dtype), _lanes(from_type))
        source = _vector_at(builder, _data(context, builder, from_type, args[0]), _I64(0), entries)
        value = builder.load(source, align=_bytes(from_type))
        value = _scaled(context, builder, value, unit_type, args[1], to_type)
        target = _vector_at(builder, _data(context, builder, to_type, args[2]), args[3], value.type)
        builder.store(value, target, align=_bytes(to_type))
        return context.get_dummy_value()

    return types.void(values, types.float64, out, types.int64), codegen


if numba.config.DISABLE_JIT:

    def sum_rows(table, base, index, lo, hi, out):
        """``out[:] = sum of table[base + index[k] * lanes:][:lanes]``, k from lo below hi."""
        out[:] = 0
        for k in range(lo, hi):
            at = base + int(index[k]) * len(out)
            out += table[at : at + len(out)]

    def add_sum_of_rows(table, base, index, lo, hi, unit, out, at):
        """Add such a sum, times the unit, to ``out[at:][:lanes]``."""
        lanes = STRIPE_BYTES // table.itemsize
        rows = base + index[lo:hi].astype(np.int64)[:, None] * lanes + np.arange(lanes)
        total = table[rows].sum(0, table.dtype).astype(out.dtype)
        out[at : at + lanes] += total * out.dtype.type(unit)

    def sum_scaled_rows(table, base, index, lo, hi, out, x, at):
        """As `sum_rows`, each row times ``x[at + index[k]]``; rounded twice, without a compiler."""
        out[:] = 0
        for k in range(lo, hi):
            first = base + int(index[k]) * len(out)
            out += table[first : first + len(out)] * x[at + int(index[k])]

    def multiply_panel(table, base, x, at, stride, terms, out, to, wide):
        """``out[to + r * wide:][:columns]``: rows of ``x`` from ``at`` on, by a table."""
        columns = table[base : base + terms * PANEL[1]].reshape(terms, PANEL[1])
        for r in range(PANEL[0]):
            first = at + r * stride
            out[to + r * wide : to + r * wide + PANEL[1]] = x[first : first + terms] @ columns

    def add_chosen_rows(table, base, bits, start, places, lo, hi, out, to):
        """Add the rows of a table that bits choose to ``out[to:][:lanes]``."""
        lanes = STRIPE_BYTES // table.itemsize
        for k in range(lo, hi):
            at = base + (16 * k + int(bits[start + places[k]])) * lanes
            out[to : to + lanes] += table[at : at + lanes]

    def store_entries(values, at, scale, table, to):
        """``table[to:][:lanes]`` of ``values[at:][:lanes]``, scaled where it holds integers."""
        lanes = STRIPE_BYTES // table.itemsize
        found = values[at : at + lanes]
        whole = table.dtype.kind == "i"
        table[to : to + lanes] = np.rint(found * values.dtype.type(scale)) if whole else found

    def mask_unequal(values, at, constant):
        """Bit k of the result: whether ``values[at + k]`` is not the constant, k < 64."""
        found = values[at : at + 64] != constant
        return np.uint64(sum(1 << int(k) for k in np.flatnonzero(found)))

    def store_scaled(values, unit, out, at):
        """``out[at:][:lanes] = values * unit`` in the type of ``out``."""
        out[at : at + len(values)] = values.astype(out.dtype) * out.dtype.type(unit)
