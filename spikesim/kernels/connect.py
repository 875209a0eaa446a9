# SPDX-License-Identifier: Apache-2.0
"""Which neurons a rule connects, drawn row by row from counters, so that any range can be drawn.

Words are those of ``philox``, purpose 0, read one after the other along each row.
"""

from __future__ import annotations

import numpy as np

from spikesim.kernels.jit import kernel
from spikesim.kernels.philox import philox_group

GAUSSIAN, EXPONENTIAL, BALL = range(3)

_LOW, _32, _U64 = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64


@kernel
def _pick(key, row, count, n, own, distinct, seen, words, out, start):
    """Write ``count`` of ``n`` candidates to ``out[start:]``; ``own`` >= 0 is left out.

    The multiply-shift method; words that would favor some candidates are passed over.
    """
    wide, skipped = _U64(n), _U64(own if own >= 0 else n)
    uneven = (_U64(1) << _32) % wide
    group, done = 0, 0
    while done < count:
        philox_group(key, 0, row, group, 0, words)
        group += 1
        at, few = _U64(start + done), min(64, count - done)
        if not distinct:
            # Nearly always all words are good: without a branch this is vector code.
            passed = 0
            for j in range(_U64(few)):
                product = words[j] * wide
                passed += (product & _LOW) < uneven
                chosen = product >> _32
                out[at + j] = chosen + (chosen >= skipped)
            if passed == 0:
                done += few
                continue
        for j in range(64):
            product = words[j] * wide
            chosen = product >> _32
            if (product & _LOW) < uneven or (distinct and seen[chosen]):
                continue
            if distinct:
                seen[chosen] = 1
            out[start + done] = chosen + (chosen >= skipped)
            done += 1
            if done == count:
                break


@kernel
def _pick_row(key, row, count, n, own, distinct, seen, words, out, start):
    """As ``_pick``; of more than half of the candidates, those left out are drawn."""
    if distinct and 2 * count > n:
        _pick(key, row, n - count, n, -1, True, seen, words, out, start)
        done = 0
        for chosen in range(n):
            if seen[chosen]:
                seen[chosen] = 0
            else:
                out[start + done] = chosen + (own >= 0 and chosen >= own)
                done += 1
        return
    _pick(key, row, count, n, own, distinct, seen, words, out, start)
    if distinct:
        for k in range(start, start + count):
            seen[out[k] - (own >= 0 and out[k] > own)] = 0


@kernel
def pick_rows(key, n_post, without_self, distinct, first, indptr, targets) -> None:
    """Targets of the sources ``first``, … drawn evenly, as many as ``indptr`` has room for."""
    n = n_post - 1 if without_self else n_post
    seen = np.zeros(n if distinct else 0, np.uint8)
    words = np.empty(64, np.uint64)
    for r in range(indptr.size - 1):
        own = first + r if without_self else -1
        count = indptr[r + 1] - indptr[r]
        if count > 0:
            _pick_row(key, first + r, count, n, own, distinct, seen, words, targets, indptr[r])


@kernel
def keep_between(lo, hi, indptr, targets, kept, places) -> None:
    """Move the targets lo <= t < hi of all rows to the front, and say where they were.

    Parameters
    ----------
    indptr : int64 array, shape (rows + 1,)
        Row starts.
    targets : int32 array, shape (nnz,)
        Changed.
    kept : int64 array, shape (rows + 1,)
        Row starts of the kept ones; written.
    places : int32 array, shape (nnz,)
        Number within its row of each kept one; written.
    """
    found = _U64(0)
    first, wide = np.uint32(lo), np.uint32(hi - lo)
    for r in range(indptr.size - 1):
        kept[r] = found
        start = _U64(indptr[r])
        for j in range(start, _U64(indptr[r + 1])):
            # Written in any case: a branch would be a guess.
            target = targets[j]
            targets[found] = target
            places[found] = j - start
            found += _U64(np.uint32(target) - first < wide)
    kept[indptr.size - 1] = found


@kernel
def pick_sources(key, in_degree, n_pre, without_self, distinct, lo, hi, cursor, targets) -> None:
    """Let the targets lo <= j < hi draw sources; ``cursor[s]`` moves by the synapses of s.

    With ``targets`` of no size they are only counted, else j is written at the cursor.
    """
    n = n_pre - 1 if without_self else n_pre
    seen = np.zeros(n if distinct else 0, np.uint8)
    words = np.empty(64, np.uint64)
    drawn = np.empty(in_degree, np.int32)
    write = targets.size > 0
    for j in range(lo, hi):
        own = j if without_self else -1
        _pick_row(key, j, in_degree, n, own, distinct, seen, words, drawn, 0)
        if write:
            for k in range(in_degree):
                targets[cursor[drawn[k]]] = j
                cursor[drawn[k]] += 1
        else:
            for k in range(in_degree):
                cursor[drawn[k]] += 1


@kernel
def rewire_rows(key, n, per_source, share, first, indptr, targets) -> None:
    """Ring neighbors of the sources ``first``, …, each replaced with probability ``share``.

    A replaced one goes to a neuron that is neither the source, nor a ring neighbor, nor
    chosen already.
    """
    seen = np.zeros(n, np.uint8)
    words = np.empty(64, np.uint64)
    wide, limit = _U64(n), share * 4294967296.0
    uneven = (_U64(1) << _32) % wide
    for r in range(indptr.size - 1):
        source, start = first + r, indptr[r]
        for k in range(per_source):
            offset = k - per_source // 2
            targets[start + k] = (source + offset + (offset >= 0) + n) % n
            seen[targets[start + k]] = 1
        seen[source] = 1
        for k in range(per_source):
            # Groups of words per synapse: the first word decides, others are tried as targets.
            group = 0
            philox_group(key, 0, source, group, k, words)
            if np.float64(np.int64(words[0])) >= limit:
                continue
            position = 1
            while True:
                if position == 64:
                    position, group = 0, group + 1
                    philox_group(key, 0, source, group, k, words)
                product = words[position] * wide
                position += 1
                chosen = np.int64(product >> _32)
                if (product & _LOW) >= uneven and not seen[chosen]:
                    seen[chosen] = 1
                    targets[start + k] = -1 - chosen  # marked until the ring is cleared
                    break
        seen[source] = 0
        for k in range(per_source):
            offset = k - per_source // 2
            seen[(source + offset + (offset >= 0) + n) % n] = 0
            if targets[start + k] < 0:
                targets[start + k] = -1 - targets[start + k]
                seen[targets[start + k]] = 0


@kernel
def _window(center, pitch, reach, n, periodic):
    """First grid line within ``reach`` of a place, and how many there are."""
    lo = int(np.ceil((center - reach) / pitch - 0.5))
    hi = int(np.floor((center + reach) / pitch - 0.5))
    if periodic:
        if hi - lo + 1 > n:
            lo, hi = 0, n - 1
    else:
        lo, hi = max(lo, 0), min(hi, n - 1)
    return lo, max(hi - lo + 1, 0)


@kernel
def grid_rows(
    key, kind, p_max, scale, reach, periodic, without_self, shape, extent, first, indptr,
    targets, counts,
) -> None:  # fmt: skip
    """Targets of the sources ``first``, … by distance; counted only if ``targets`` has no size.

    Candidates in the window around a source are thinned to ``p_max`` by geometric steps,
    then to p(d) one by one, so the work grows with the synapses and not with the grid.

    Parameters
    ----------
    shape : int64 array, shape (4,)
        Rows and columns of the source grid, then of the target grid.
    extent : float64 array, shape (2,)
        Height and width of the sheet that both grids cover.
    """
    words = np.empty(64, np.uint64)
    write = targets.size > 0
    stride = 1.0 / np.log1p(-p_max) if p_max < 1.0 else 0.0
    pitch_y, pitch_x = extent[0] / shape[2], extent[1] / shape[3]
    for r in range(counts.size):
        source = first + r
        y0 = (source // shape[1] + 0.5) * extent[0] / shape[0]
        x0 = (source % shape[1] + 0.5) * extent[1] / shape[1]
        top, n_rows = _window(y0, pitch_y, reach, shape[2], periodic)
        left, n_columns = _window(x0, pitch_x, reach, shape[3], periodic)
        place, position, group, found = -1, 64, 0, 0
        while True:
            if position == 64:
                philox_group(key, 0, source, group, 0, words)
                position, group = 0, group + 1
            step = 0.0
            if p_max < 1.0:
                u = (np.float64(np.int64(words[position])) + 0.5) / 4294967296.0
                step = np.floor(np.log(u) * stride)
            if step >= n_rows * n_columns - place - 1:
                break
            place += 1 + int(step)
            keep = (np.float64(np.int64(words[position + 1])) + 0.5) / 4294967296.0
            position += 2
            row, column = top + place // n_columns, left + place % n_columns
            dy = abs((row + 0.5) * pitch_y - y0)
            dx = abs((column + 0.5) * pitch_x - x0)
            if periodic:
                row, column = row % shape[2], column % shape[3]
                dy, dx = dy % extent[0], dx % extent[1]
                dy, dx = min(dy, extent[0] - dy), min(dx, extent[1] - dx)
            d = np.sqrt(dy * dy + dx * dx)
            share = 1.0
            if kind == 0:
                share = np.exp(-0.5 * (d / scale) ** 2)
            elif kind == 1:
                share = np.exp(-d / scale)
            target = row * shape[3] + column
            if d <= reach and keep < share and not (without_self and target == source):
                if write:
                    targets[indptr[r] + found] = target
                found += 1
        counts[r] = found


@kernel
def conv_rows(
    weights, groups, rows, columns, out_height, out_width, first, indptr, places, ends, out
) -> None:
    """Targets of the sources ``first``, … of a convolution in ascending order, or their weights.

    Parameters
    ----------
    weights : float32 array, shape (out_channels, in_channels / groups, rows, columns)
        The kernel; zeros are no synapses.
    rows, columns : int64 array, shape (height, kernel rows) and (width, kernel columns)
        Output row that each input row reaches through each row of the kernel, or -1; columns.
    indptr : int64 array
        Row starts.
    places : int32 array
        Number within its row of each synapse that is wanted; without any, all are.
    ends : bool
        Whether ``out`` takes targets; else weights.
    out : int32 or float32 array, shape (indptr[-1],)
        Written.
    """
    height, width, each = rows.shape[0], columns.shape[0], weights.shape[1]
    share, size = weights.shape[0] // groups, out_height * out_width
    taps = np.empty((weights.shape[2] * weights.shape[3], 3), np.int64)
    for r in range(indptr.size - 1):
        source = first + r
        channel, y, x = source // (height * width), source // width % height, source % width
        # The places that are reached are the same in all output channels.
        reached = 0
        for ky in range(weights.shape[2] - 1, -1, -1):
            for kx in range(weights.shape[3] - 1, -1, -1):
                if rows[y, ky] >= 0 and columns[x, kx] >= 0:
                    taps[reached, 0], taps[reached, 1] = ky, kx
                    taps[reached, 2] = rows[y, ky] * out_width + columns[x, kx]
                    reached += 1
        group = channel // each
        at, end, number = indptr[r], indptr[r + 1], 0
        for o in range(group * share, (group + 1) * share):
            for k in range(reached):
                weight = weights[o, channel - group * each, taps[k, 0], taps[k, 1]]
                if weight == 0:
                    continue
                # A row may hold less than the kernel gives: then places says which, or is empty.
                if at < end and (places.size == 0 or places[at] == number):
                    if ends:
                        out[at] = o * size + taps[k, 2]
                    else:
                        out[at] = weight
                    at += 1
                number += 1
