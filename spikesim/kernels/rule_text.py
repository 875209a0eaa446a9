# SPDX-License-Identifier: Apache-2.0
"""The fixed parts of generated rule kernels, into which ``generate_rule`` puts the rule.

Arguments are named alike in all of them; ``plastic.PlasticBlock`` calls them by name.
``hot`` has, per target, the number of spikes in its ring, the tick up to which they are
applied to everything, the tick of the newest, and that of the one before (deferred) or whether it
stands in the list ``alive`` (dense): what every visit reads, in one cache line.

Dense kernels leave out what cannot change a bit. Where a text changes the weight by products
that all have a trace of the other side as a factor, targets (sources) whose traces are 0 are
not visited: a decay table ends in 0, so this is the rule itself and no approximation.
"""

HEADER = '''# SPDX-License-Identifier: Apache-2.0
"""Generated: kernels of one plasticity rule."""
from math import sqrt

import numpy as np
from spikesim.kernels.elementary import {exp} as exp
from spikesim.kernels.intrinsics import prefetch, rounded
from spikesim.kernels.jit import kernel


@kernel
def decay(tables, which, ticks):
    coarse = min(ticks >> 8, tables.shape[1] - 257)
    return tables[which, ticks & 255] * tables[which, 256 + coarse]
'''

ARRIVE = """
@kernel
def {name}(tick, piece_lo, piece_hi, piece_slot, n_pieces, targets, weights, acc, base, inv_scale,
           last, pre, ticks, before, hot, post_value, {more}eligibility,
           signal, signal_tick, consts, tables):
{constants}
    _here = acc[base:]
{prepare}
    for _q in range(n_pieces[0]):
        _slot = piece_slot[_q]
{before_row}
        for _j in range(piece_lo[_q], piece_hi[_q]):
            _k = np.int64(targets[_j])
{body}
{after_row}
"""

POST_TRACE = "decay(tables, {table}, tick - hot[_k, 2]) * post_value[_k, {r}]"

# Where targets are met more than once in a tick, their traces are computed before it: 2.2
# instead of 3.3 ns per synapse.
TABLED = [
    "_visits = 0",
    "for _q in range(n_pieces[0]):",
    "    _visits += piece_hi[_q] - piece_lo[_q]",
    "_many = _visits > hot.shape[0]",
    "if _many:",
    "    for _k in range(hot.shape[0]):",
]

DENSE = """
@kernel
def arrive_dense(tick, piece_slot, n_pieces, weights, acc, base, inv_scale, last, pre, hot,
                 post_value, post_now, alive, n_alive, eligibility, signal, signal_tick, consts,
                 tables):
{constants}
    _n = hot.shape[0]
    _here = acc[base : base + _n]
    if n_pieces[0] > 0:
        _left = 0
        for _i in range(n_alive[0]):
            _k = np.int64(alive[_i])
{fill}
            alive[_left] = _k
            _lives = {keep}
            hot[_k, 3] = _lives
            _left += _lives
        n_alive[0] = _left
    for _q in range(n_pieces[0]):
        _slot = np.int64(piece_slot[_q])
        _w_row = weights[_slot * _n : (_slot + 1) * _n]
        _e_row = eligibility[_slot * _n : (_slot + 1) * _n]
{before_row}
        if {full}:
            for _k in range(_n):
{body}
        else:
            for _k in range(_n):
                w = _w_row[_k]
{deliver}
            for _i in range(n_alive[0]):
                _k = np.int64(alive[_i])
                w = _w_row[_k]
{change}
                _w_row[_k] = w
{after_row}
"""

COLUMNS = """
@kernel
def post_now(tick, fired, n_fired, column_start, column_synapse, column_slot, weights, last, pre,
             hot, post_value, eligibility, signal, signal_tick, consts, tables):
{constants}
    for _i in range(n_fired[0]):
        _k = fired[_i]
{values}
        _stop = column_start[_k + 1]
        for _c in range(column_start[_k], _stop):
            # Each weight lies in a row, and so in a cache line, of its own.
            prefetch(weights, np.int64(column_synapse[min(_c + 16, _stop - 1)]))
            _j, _slot = np.int64(column_synapse[_c]), np.int64(column_slot[_c])
{sparse}
{update}


@kernel
def post_dense(tick, fired, n_fired, weights, last, pre, pre_now, rows, hot, post_value,
               alive, n_alive, eligibility, signal, signal_tick, consts, tables):
{constants}
    _n = hot.shape[0]
    _m = 0
    if n_fired[0] > 0:
        for _slot in range(last.size):
{fill}
        # Apart from the loop above, which is vector code.
        for _slot in range(last.size):
            rows[_m] = _slot
            _m += {keep}
    for _i in range(n_fired[0]):
        _k = fired[_i]
{values}
        for _c in range(_m):
            _slot = np.int64(rows[_c])
            _j = _slot * _n + _k
{dense}
{update}
        if hot[_k, 3] == 0:
            hot[_k, 3] = 1
            alive[n_alive[0]] = _k
            n_alive[0] += 1
"""

POST = """
@kernel
def post(tick, fired, n_fired, ticks, before, hot, danger, post_value, consts,
         tables):
{constants}
    for _i in range(n_fired[0]):
        _k = fired[_i]
{values}
{ring}
"""

RING = [
    "ticks[_k, _e] = tick",
    "hot[_k, 0] += 1",
    "if hot[_k, 0] >= 60 and ticks[_k, (hot[_k, 0] - 60) & 63] > hot[_k, 1]:",
    "    danger[0] = 1",
]

PENDING = """
@kernel
def settle(tick, slot_start, targets, weights, last, pre, ticks, before, hot, oldest,
           danger, eligibility, signal, signal_tick, consts, tables):
    if danger[0] == 0:
        return
    danger[0] = 0
{constants}
    _newest = np.int64(-1)
    for _k in range(hot.shape[0]):
        oldest[_k] = hot[_k, 1]
        if hot[_k, 0] > 32:
            oldest[_k] = max(hot[_k, 1], ticks[_k, (hot[_k, 0] - 33) & 63])
            _newest = max(_newest, np.int64(oldest[_k]))
    for _slot in range(last.size):
        _a = np.int64(last[_slot])
        if _a > _newest:
            continue
        for _j in range(slot_start[_slot], slot_start[_slot + 1]):
            _k = np.int64(targets[_j])
            if _a <= oldest[_k] and hot[_k, 1] < oldest[_k]:
{old}
    for _k in range(hot.shape[0]):
        hot[_k, 1] = oldest[_k]


@kernel
def flush(tick, slot_start, targets, weights, out_weights, last, pre, ticks, before, hot,
          eligibility, out_eligibility, signal, signal_tick, consts, tables):
{constants}
    for _slot in range(last.size):
        _a = np.int64(last[_slot])
        for _j in range(slot_start[_slot], slot_start[_slot + 1]):
            _k = np.int64(targets[_j])
{every}
"""
