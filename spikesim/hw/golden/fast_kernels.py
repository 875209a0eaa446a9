# SPDX-License-Identifier: Apache-2.0
"""The compiled loops of the fast golden model: every step of every sample, in exact integers.

Compiled code is cached by the text of this file alone, so numbers of core.toml reach it as
arguments: as globals they would go stale when core.toml changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from spikesim.kernels.compiled import compiled

# Places in the array of sizes.
(
    AXONS_AT,
    NEURONS_AT,
    LANES_AT,
    SLOTS_AT,
    ACC_BITS_AT,
    STATE_BITS_AT,
    STEP_AT,
    SOURCE_AT,
    SEGMENT_AT,
    POP_AT,
    CHAIN_AT,
    COUNT_MAX_AT,
    DECAY_BITS_AT,
) = range(13)

Function = TypeVar("Function", bound=Callable[..., Any])


def _compiled(function: Function) -> Function:
    """Compile on first call, cached on disk; exact integers need no fast-math."""
    return compiled(function, nogil=True)


@_compiled
def run_steps(
    tables: Any,
    events: Any,
    start: Any,
    n_steps: Any,
    state: Any,
    acc: Any,
    fired: Any,
    counts: Any,
    total: Any,
    cycles: Any,
    spikes: Any,
    history: Any,
    acc_history: Any,
) -> int:
    """All images, steps from ``start`` on; gives the number of weights added."""
    segments, populations, params, weights, sizes = tables
    n_axons, n_neurons, lanes = sizes[AXONS_AT], sizes[NEURONS_AT], sizes[LANES_AT]
    slots = sizes[SLOTS_AT]
    ops = 0
    for b in range(events.shape[0]):
        ring = acc[b].reshape(-1)
        for k in range(n_steps):
            t = start + k
            used = sizes[STEP_AT]
            if k < events.shape[1]:
                for axon in range(events.shape[2]):
                    if events[b, k, axon]:
                        spent, added = _deliver(axon, t, segments, weights, ring, sizes)
                        used += spent
                        ops += added
            for j in range(n_neurons):
                if fired[b, j]:
                    spent, added = _deliver(n_axons + j, t, segments, weights, ring, sizes)
                    used += spent
                    ops += added
                    fired[b, j] = False
            slot = ring[t % slots * n_neurons : (t % slots + 1) * n_neurons]
            for p in range(populations.shape[0]):
                used += sizes[POP_AT] + (populations[p, 1] - populations[p, 0] + 1) * lanes
                _update(populations[p], params, sizes, t, slot, state[:, b], fired[b], counts[b])
            total[b] += used
            if cycles.shape[1]:
                cycles[b, k] = used
            if spikes.shape[1]:
                spikes[b, k] = fired[b]
            if history.shape[2]:
                history[:, b, k] = state[:, b]
            if acc_history.shape[1]:
                acc_history[b, k] = acc[b]
    return ops


@_compiled
def _deliver(
    source: Any, t: Any, segments: Any, weights: Any, ring: Any, sizes: Any
) -> tuple[int, int]:
    """Add the row of one source to the ring; gives its cycles and the weights added."""
    n_neurons, lanes, slots = sizes[NEURONS_AT], sizes[LANES_AT], sizes[SLOTS_AT]
    high = np.int32((1 << (sizes[ACC_BITS_AT] - 1)) - 1)
    low = np.int32(-high - 1)
    used = sizes[SOURCE_AT]
    added = 0
    entry = source
    if segments[entry, 0] == 0:
        return used, added
    for _ in range(sizes[CHAIN_AT]):
        n = (segments[entry, 3] + 1) * lanes
        start = (t + segments[entry, 4]) % slots * n_neurons + segments[entry, 2] * lanes
        base = segments[entry, 1] * lanes
        # Separate views let the compiler vectorize the saturating additions.
        target = ring[start : start + n]
        row = weights[base : base + n]
        for k in range(n):
            target[k] = min(max(target[k] + np.int32(row[k]), low), high)
        used += sizes[SEGMENT_AT] + segments[entry, 3] + 1
        added += n
        if segments[entry, 5] == 0:
            break
        entry = segments[entry, 6]
    return used, added


@_compiled
def _decayed(z: Any, a: Any, shift: Any) -> Any:
    return (z * a) >> shift if z >= 0 else -((-z * a) >> shift)


@_compiled
def _update(
    population: Any, params: Any, sizes: Any, t: Any, slot: Any, state: Any, fired: Any, counts: Any
) -> None:
    """One population, one tick."""
    lanes, shift = sizes[LANES_AT], sizes[DECAY_BITS_AT]
    high = np.int64((1 << (sizes[STATE_BITS_AT] - 1)) - 1)
    low = -high - 1
    hold, reset, gain = population[2], population[3], population[4]
    alpha_v, alpha_i = np.int64(population[5]), np.int64(population[6])
    reset_value, v_floor = np.int64(population[7]), np.int64(population[8])
    frozen = t < population[9]
    for j in range(population[0] * lanes, (population[1] + 1) * lanes):
        a = np.int64(slot[j])
        slot[j] = 0
        if frozen:
            continue
        v_th, refr = np.int64(params[0, j]), state[2, j]
        drive = min(max(a << gain, low), high)
        i = min(max(_decayed(np.int64(state[1, j]), alpha_i, shift) + drive, low), high)
        u = _decayed(np.int64(state[0, j]), alpha_v, shift) + i + params[1, j]
        u = max(min(max(u, low), high), v_floor)
        if hold and refr > 0:
            u = np.int64(state[0, j])
        spike = refr == 0 and u >= v_th
        if spike:
            if reset == 1:
                u = reset_value
            elif reset == 2:
                u = min(max(u - reset_value, low), high)
            elif reset == 3:
                u = min(max(u - v_th, low), high)
            counts[j] = min(counts[j] + 1, sizes[COUNT_MAX_AT])
            fired[j] = True
        state[0, j] = u
        state[1, j] = i
        state[2, j] = params[2, j] if spike else max(refr - 1, 0)
