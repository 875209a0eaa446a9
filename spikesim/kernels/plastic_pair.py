# SPDX-License-Identifier: Apache-2.0
"""Deferred pair STDP, the fast path: one 32-byte record per target and a masked window sum.

A synapse is touched only when a spike of its source arrives: it then takes the potentiation
of all post spikes since the previous arrival, delivers, and takes its depression. Values are
relative to an epoch that lies ahead, so that one factor per row and one per record replace an
exponential per pair (measured on 10 M synapses: 3.4 times the throughput of a column index,
at half its memory).

Rounding: weights differ from those of the immediate rule by at most 1e-6 of w_max plus 2**-21 of
the summed size of all changes of that synapse (some five factors, rounded to 2**-24 each). At
physiological rates 1e-6 is most of it; at 500 Hz on both sides the other part is. In float64 the
methods agree bit by bit.

All ticks here count from ``origin``, which follows the run, so that 32 bits hold them.

Record of a target, int32 and float32 views of the same eight words:
0-3 ticks p of the newest four post spikes; 4-6 exp((epoch - p) / tau_plus) of the newest three;
7 post trace times exp((p - epoch) / tau_minus).
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from spikesim.kernels.generate.layout import APPLIED, COUNT
from spikesim.kernels.jit import kernel

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "arrive": (
        "piece_lo", "piece_hi", "piece_slot", "n_pieces", "targets", "weights", "acc", "base",
        "inv_scale", "additive", "origin", "flushed", "last", "pre", "record", "ticks", "history",
        "epoch", "epoch_ticks", "epochs", "late", "pair", "tables",
    ),
    "post": (
        "fired", "n_fired", "origin", "record", "ticks", "history", "danger", "epoch",
        "epoch_ticks", "epochs", "tables",
    ),
    "settle": (
        "slot_start", "targets", "weights", "additive", "flushed", "last", "pre", "ticks",
        "history", "leaving", "newest", "danger", "pair", "tables",
    ),
    "flush": (
        "slot_start", "targets", "weights", "out_weights", "additive", "flushed", "last", "pre",
        "ticks", "history", "pair", "tables",
    ),
}  # fmt: skip
"""Names of the arguments of each kernel, after the tick."""

_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_FLOATS, _INTS = ir.VectorType(_FLOAT, 4), ir.VectorType(_INT, 4)
# Adding and subtracting 1.5 * 2**52 rounds to the nearest integer; np.rint would be a call.
_ROUND = 6755399441055744.0


@intrinsic
def _recent(typing_context, record, at, since):
    """Values of the newest three post spikes of the record at ``at``, 0 where before ``since``."""

    def codegen(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        place = builder.gep(data, [args[1]])
        ticks = builder.load(builder.bitcast(place, _INTS.as_pointer()), align=4)
        place = builder.gep(data, [builder.add(args[1], ir.Constant(args[1].type, 4))])
        values = builder.load(builder.bitcast(place, _FLOATS.as_pointer()), align=4)
        first = builder.insert_element(ir.Constant(_INTS, [0] * 4), args[2], _INT(0))
        limit = builder.shuffle_vector(first, first, ir.Constant(_INTS, [0] * 4))
        mask = builder.icmp_signed(">=", ticks, limit)
        kept = builder.select(mask, values, ir.Constant(_FLOATS, [0.0] * 4))
        found = [builder.extract_element(kept, _INT(lane)) for lane in range(3)]
        return context.make_tuple(builder, signature.return_type, found)

    return types.UniTuple(types.float32, 3)(record, types.int64, types.int32), codegen


# ``decay`` stands here and in every generated rule, because kernels that call each other
# must share a file.


@kernel
def decay(tables, which, ticks):
    """exp(-ticks * dt / tau) of trace ``which``: two table entries; 0 beyond the table."""
    coarse = min(ticks >> 8, tables.shape[1] - 257)
    return tables[which, ticks & 255] * tables[which, 256 + coarse]


@kernel
def _walk(w, k, a, x, stop, additive, flushed, ticks, history, consts, tables):
    """Weight after the post spikes of target ``k`` since tick ``a`` that come before ``stop``."""
    since = max(np.int64(a), np.int64(history[k, APPLIED]) + 1, flushed[0])
    end = history[k, COUNT]
    first = end
    while first > 0 and first > end - 64 and ticks[k, (first - 1) & 63] >= since:
        first -= 1
    for event in range(first, stop):
        step = consts[0] * (x * decay(tables, 0, ticks[k, event & 63] - a))
        w = min(w + (step if additive else step * (consts[3] - w)), consts[3])
    return w


@kernel
def _advance(tick, record, epoch, epoch_ticks, epochs, tables):
    """Let the epoch lie after ``tick``, and take the values of all records along."""
    missing = max(0, (tick - epoch[0]) // epoch_ticks + 1)
    if missing == 0:
        return
    value = record.view(np.float32)
    grow = np.float32(1.0) / decay(tables, 0, epoch_ticks)
    shrink = decay(tables, 1, epoch_ticks)
    # After ``epochs`` of them all values have met their bounds: a pause costs no more.
    for _ in range(min(missing, epochs)):
        for at in range(0, record.size, 8):
            faded = value[at + 7] * shrink
            # Denormals are slow.
            value[at + 7] = faded if faded > np.float32(1e-30) else np.float32(0.0)
            for lane in range(4, 7):
                value[at + lane] = min(value[at + lane] * grow, np.float32(1e30))
    epoch[0] += missing * epoch_ticks


@kernel
def _row(
    additive, targets, weights, acc, record, value, since, gain, fade, bounds, inv_scale, late
):  # fmt: skip
    """Visit one row; gives how many synapses need the long history, listed in ``late``."""
    w_min, w_max = bounds[2], bounds[3]
    one, zero = np.float32(1.0), np.float32(0.0)
    n_late = 0
    for j in range(targets.size):
        k = np.uint64(targets[j])
        at = np.int64(k << np.uint64(3))
        w = weights[j]
        u, v, z = _recent(record, at, since)
        y = fade * value[np.uint64(at + 7)]
        if additive:
            # The amplitude last: in SI units it would make the gain of an old row denormal.
            sent = min(w + bounds[0] * (gain * (u + v + z)), w_max)
            new = max(sent - y, w_min)
        else:
            keep = max(one - gain * u, zero) * max(one - gain * v, zero)
            sent = w_max - (w_max - w) * (keep * max(one - gain * z, zero))
            new = max(sent - y * (sent - w_min), w_min)
        event = np.int32((np.float64(sent) * inv_scale + _ROUND) - _ROUND)
        # Without a branch: it would be mispredicted for every late one.
        is_late = record[np.uint64(at + 3)] >= since
        late[n_late] = j
        n_late += is_late
        acc[k] += np.int32(0) if is_late else event
        weights[j] = w if is_late else new
    return n_late


@kernel
def arrive(
    tick, piece_lo, piece_hi, piece_slot, n_pieces, targets, weights, acc, base, inv_scale,
    additive, origin, flushed, last, pre, record, ticks, history, epoch, epoch_ticks, epochs, late,
    pair, tables,
):  # fmt: skip
    """Apply pending potentiation, deliver and depress the synapses of all due pieces.

    Parameters
    ----------
    piece_lo, piece_hi, piece_slot : integer arrays
        Range of synapses, and index of the state of the piece; ``n_pieces[0]`` of them.
    record : int32 array, shape (n_post * 8,)
        See the module.
    late : int64 array, longer than any piece
        Scratch.
    pair : float32 array, shape (4,)
        a_plus, a_minus, w_min, w_max; the amplitudes as in ``core.rule.PairWindow``.
    """
    if n_pieces[0] == 0:
        return
    tick = tick - origin[0]
    # Only after a pause is there anything to do.
    _advance(tick, record, epoch, epoch_ticks, epochs, tables)
    value = record.view(np.float32)
    here = acc[base:]
    fade = pair[1] / decay(tables, 1, epoch[0] - tick)
    for q in range(n_pieces[0]):
        slot = piece_slot[q]
        a = last[slot]
        x = pre[slot, 0]
        row, w_row = targets[piece_lo[q] : piece_hi[q]], weights[piece_lo[q] : piece_hi[q]]
        since = np.int32(max(np.int64(a), flushed[0]))
        near = decay(tables, 0, epoch[0] - a)
        if near < np.float32(2e-30):
            # Silent for so long that values of the record may have met their bound, 1e30.
            n_late = row.size
            for j in range(n_late):
                late[j] = j
        elif additive:
            gain = x * near
            n_late = _row(
                True, row, w_row, here, record, value, since, gain, fade, pair, inv_scale, late
            )
        else:
            gain = pair[0] * (x * near)
            n_late = _row(
                False, row, w_row, here, record, value, since, gain, fade, pair, inv_scale, late
            )
        for i in range(n_late):
            j = late[i]
            k = np.int64(row[j])
            w = _walk(
                w_row[j],
                k,
                a,
                x,
                history[k, COUNT],
                additive,
                flushed,
                ticks,
                history,
                pair,
                tables,
            )
            here[k] += np.int32((np.float64(w) * inv_scale + _ROUND) - _ROUND)
            y = fade * value[8 * k + 7]
            w_row[j] = max(w - (y if additive else y * (w - pair[2])), pair[2])
        pre[slot, 0] = x * decay(tables, 0, tick - a) + np.float32(1.0)
        last[slot] = tick


@kernel
def post(
    tick, fired, n_fired, origin, record, ticks, history, danger, epoch, epoch_ticks, epochs,
    tables,
):  # fmt: skip
    """Enter the spikes of this tick into the records; sets ``danger`` before one is lost."""
    tick = tick - origin[0]
    value = record.view(np.float32)
    one = np.float32(1.0)
    # The tick after this one is still before the epoch, so arrivals never divide by more.
    _advance(tick + 1, record, epoch, epoch_ticks, epochs, tables)
    fresh = one / decay(tables, 0, epoch[0] - tick)
    trace = decay(tables, 1, epoch[0] - tick)
    for i in range(n_fired[0]):
        k = np.int64(fired[i])
        at = 8 * k
        for lane in range(3, 0, -1):
            record[at + lane] = record[at + lane - 1]
        record[at] = tick
        value[at + 6] = value[at + 5]
        value[at + 5] = value[at + 4]
        value[at + 4] = fresh
        value[at + 7] += trace
        count = np.int64(history[k, COUNT]) + 1
        ticks[k, (count - 1) & 63] = tick
        history[k, COUNT] = count
        if count >= 60 and ticks[k, (count - 60) & 63] > history[k, APPLIED]:
            danger[0] = 1


@kernel
def settle(
    tick, slot_start, targets, weights, additive, flushed, last, pre, ticks, history, leaving,
    newest, danger, pair, tables,
):  # fmt: skip
    """Apply what is about to leave the rings, if anything is; see ``post_history.leave``.

    Only what ``arrive`` would also take one by one is applied, so it does not matter for a
    single bit when this happens, nor to which targets: the newest 32 spikes stay, except those
    so old that a row that has been silent since takes them one by one.
    """
    if danger[0] == 0:
        return
    for slot in range(last.size):
        a = np.int64(last[slot])
        if a > newest[0]:
            continue
        x = pre[slot, 0]
        for j in range(np.int64(slot_start[slot]), np.int64(slot_start[slot + 1])):
            k = np.int64(targets[j])
            if leaving[k] > 0 and a <= ticks[k, (leaving[k] - 1) & 63]:
                weights[j] = _walk(
                    weights[j], k, a, x, leaving[k], additive, flushed, ticks, history, pair, tables
                )


@kernel
def flush(
    tick, slot_start, targets, weights, out_weights, additive, flushed, last, pre, ticks, history,
    pair, tables,
):  # fmt: skip
    """Write all weights with everything pending applied."""
    for slot in range(last.size):
        a, x = np.int64(last[slot]), pre[slot, 0]
        for j in range(np.int64(slot_start[slot]), np.int64(slot_start[slot + 1])):
            k = np.int64(targets[j])
            out_weights[j] = _walk(
                weights[j], k, a, x, history[k, COUNT], additive, flushed, ticks, history, pair,
                tables,
            )  # fmt: skip
