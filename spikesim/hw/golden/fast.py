# SPDX-License-Identifier: Apache-2.0
"""The core in numba, many inputs at once: equal to ``readable`` in every word of every step.

Each image runs alone on its own copy of state and accumulators, so the result does not depend
on the batch it is in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.hw.generated import (
    COUNT_BITS,
    CYCLES_POP,
    CYCLES_SEGMENT,
    CYCLES_SOURCE,
    CYCLES_STEP,
    DECAY_BITS,
    MAX_CHAIN,
)
from spikesim.hw.program import Program
from spikesim.kernels.compiled import compiled

RECORDS = ("spikes", "cycles", "membrane", "state")

# Places in the array of sizes. Compiled code is cached by the text of this file alone, so numbers
# of core.toml reach it as arguments: as globals they would go stale when core.toml changes.
(
    _AXONS,
    _NEURONS,
    _LANES,
    _SLOTS,
    _ACC_BITS,
    _STATE_BITS,
    _STEP,
    _SOURCE,
    _SEGMENT,
    _POP,
    _CHAIN,
    _COUNT_MAX,
    _DECAY_BITS,
) = range(13)

Function = TypeVar("Function", bound=Callable[..., Any])
IntArray = npt.NDArray[np.integer[Any]]


def _compiled(function: Function) -> Function:
    """Compile on first call, cached on disk; exact integers need no fast-math."""
    return compiled(function, nogil=True)


@dataclass(frozen=True)
class BatchResult:
    """What a batch of B runs of T steps did on a core of N neurons.

    Attributes
    ----------
    counts : int32 array, shape (B, N)
        Spike counters, saturating at 65535.
    total_cycles : int64 array, shape (B,)
        Clock cycles of all steps.
    synaptic_ops : int
        Weights added over the whole batch, padding lanes included.
    state : dict of int32 arrays
        After the last step: ``v``, ``i``, ``refr`` of shape (B, N), ``acc`` of shape
        (B, D, N) and ``fired``, a bool array of shape (B, N).
    cycles : int64 array, shape (B, T), or None
        Clock cycles of each step.
    spikes : bool array, shape (B, T, N), or None
        Which neurons fired in each step.
    history : dict of int32 arrays
        ``v``, ``i``, ``refr`` of shape (B, T, N) after each step if ``"membrane"`` or ``"state"``
        was recorded, and ``acc`` of shape (B, T, D, N) with ``"state"``.
    """

    counts: npt.NDArray[np.int32]
    total_cycles: npt.NDArray[np.int64]
    synaptic_ops: int
    state: dict[str, npt.NDArray[Any]]
    cycles: npt.NDArray[np.int64] | None = None
    spikes: npt.NDArray[np.bool_] | None = None
    history: dict[str, npt.NDArray[np.int32]] = field(default_factory=dict)


def run_batch(
    program: Program,
    rasters: npt.ArrayLike,
    steps: int | None = None,
    record: Iterable[str] = (),
) -> BatchResult:
    """Run one program on many inputs, each from the start state.

    Parameters
    ----------
    program : Program
    rasters : bool or 0/1 array, shape (B, T, A)
        Spikes of each axon in each step; A may be smaller than the core's axons.
    steps : int, optional
        Steps to run; T by default. Steps beyond T get no input.
    record : iterable of {"spikes", "cycles", "membrane", "state"}
        What to keep of each step. ``"state"`` keeps every architectural word and is meant for
        comparisons on short runs.

    Returns
    -------
    BatchResult

    Raises
    ------
    ValidationError
        If the input has another shape, more axons than the core, or an unknown record.
    """
    events = _events(program, rasters)
    n_batch, given = events.shape[:2]
    n_steps = given if steps is None else int(steps)
    wanted = set(record)
    problems = []
    if wanted - set(RECORDS):
        problems.append(f"golden: expected records among {RECORDS}, got {sorted(wanted)}")
    if n_steps < 0:
        problems.append(f"golden: expected steps >= 0, got {n_steps}")
    if problems:
        raise ValidationError(problems)
    config = program.config
    n, slots = config.n_neurons, config.delay_slots
    kept = n_steps if wanted & {"membrane", "state"} else 0
    acc_kept = n_steps if "state" in wanted else 0
    state = np.zeros((3, n_batch, n), np.int32)
    state[0] = _initial_membrane(program)
    acc = np.zeros((n_batch, slots, n), np.int32)
    fired = np.zeros((n_batch, n), np.bool_)
    counts = np.zeros((n_batch, n), np.int32)
    total = np.zeros(n_batch, np.int64)
    cycles = np.zeros((n_batch, n_steps if "cycles" in wanted else 0), np.int64)
    spikes = np.zeros((n_batch, n_steps if "spikes" in wanted else 0, n), np.bool_)
    history = np.zeros((3, n_batch, kept, n), np.int32)
    acc_history = np.zeros((n_batch, acc_kept, slots, n), np.int32)
    ops = _run(
        _tables(program), events, n_steps, state, acc, fired, counts, total, cycles, spikes,
        history, acc_history,
    )  # fmt: skip
    names = ("v", "i", "refr")
    return BatchResult(
        counts=counts,
        total_cycles=total,
        synaptic_ops=int(ops),
        state=dict(zip(names, state, strict=True)) | {"acc": acc, "fired": fired},
        cycles=cycles if "cycles" in wanted else None,
        spikes=spikes if "spikes" in wanted else None,
        history=_history(history, acc_history),
    )


def _history(
    history: npt.NDArray[np.int32], acc: npt.NDArray[np.int32]
) -> dict[str, npt.NDArray[np.int32]]:
    kept = dict(zip(("v", "i", "refr"), history, strict=True)) if history.shape[2] else {}
    return kept | ({"acc": acc} if acc.shape[1] else {})


def _events(program: Program, rasters: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    array = np.asarray(rasters)
    limit = program.config.n_axons
    if array.ndim != 3 or array.shape[2] > limit:
        raise ValidationError(
            f"golden: expected input of shape (batch, steps, at most {limit} axons), got "
            f"{array.shape}"
        )
    if array.dtype != np.bool_:
        if array.dtype.kind not in "iuf" or not ((array == 0) | (array == 1)).all():
            raise ValidationError(
                f"golden: expected bool or values 0 and 1, got dtype {array.dtype} with others; "
                "encode intensities into spikes first"
            )
        array = array.astype(np.bool_)
    return np.ascontiguousarray(array)


def _initial_membrane(program: Program) -> npt.NDArray[np.int32]:
    v = np.zeros(program.config.n_neurons, np.int32)
    lanes = program.config.lanes
    for record in program.populations:
        v[record["first"] * lanes : (record["last"] + 1) * lanes] = record["v_init"]
    return v


def _tables(program: Program) -> tuple[IntArray, ...]:
    """Plain int32 arrays in the order that ``_run`` unpacks them."""
    config = program.config
    segments = np.zeros((config.n_segments, 7), np.int32)
    names = ("valid", "base", "first", "count", "delay", "more", "next")
    for k, name in enumerate(names):
        segments[: program.segments.shape[0], k] = program.segments[name]
    columns = ("first", "last", "hold", "reset", "gain", "alpha_v", "alpha_i", "reset_value",
               "v_floor", "start_tick")  # fmt: skip
    populations = np.stack([program.populations[name] for name in columns], axis=1)
    params = np.stack([program.params[name] for name in ("v_th", "bias", "refr_len")])
    weights = np.ascontiguousarray(program.weights.reshape(-1)).astype(np.int16)
    sizes = np.zeros(13, np.int64)
    sizes[[_AXONS, _NEURONS, _LANES, _SLOTS]] = (
        config.n_axons, config.n_neurons, config.lanes, config.delay_slots,
    )  # fmt: skip
    sizes[[_ACC_BITS, _STATE_BITS]] = config.acc_bits, config.state_bits
    sizes[[_STEP, _SOURCE, _SEGMENT, _POP]] = (
        CYCLES_STEP, CYCLES_SOURCE, CYCLES_SEGMENT, CYCLES_POP,
    )  # fmt: skip
    sizes[[_CHAIN, _COUNT_MAX, _DECAY_BITS]] = MAX_CHAIN, (1 << COUNT_BITS) - 1, DECAY_BITS
    return segments, np.ascontiguousarray(populations), params, weights, sizes


@_compiled
def _run(
    tables: Any,
    events: Any,
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
    """All images, all steps; gives the number of weights added."""
    segments, populations, params, weights, sizes = tables
    n_axons, n_neurons, lanes = sizes[_AXONS], sizes[_NEURONS], sizes[_LANES]
    slots = sizes[_SLOTS]
    ops = 0
    for b in range(events.shape[0]):
        ring = acc[b].reshape(-1)
        for t in range(n_steps):
            used = sizes[_STEP]
            if t < events.shape[1]:
                for axon in range(events.shape[2]):
                    if events[b, t, axon]:
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
                used += sizes[_POP] + (populations[p, 1] - populations[p, 0] + 1) * lanes
                _update(populations[p], params, sizes, t, slot, state[:, b], fired[b], counts[b])
            total[b] += used
            if cycles.shape[1]:
                cycles[b, t] = used
            if spikes.shape[1]:
                spikes[b, t] = fired[b]
            if history.shape[2]:
                history[:, b, t] = state[:, b]
            if acc_history.shape[1]:
                acc_history[b, t] = acc[b]
    return ops


@_compiled
def _deliver(
    source: Any, t: Any, segments: Any, weights: Any, ring: Any, sizes: Any
) -> tuple[int, int]:
    """Add the row of one source to the ring; gives its cycles and the weights added."""
    n_neurons, lanes, slots = sizes[_NEURONS], sizes[_LANES], sizes[_SLOTS]
    high = np.int32((1 << (sizes[_ACC_BITS] - 1)) - 1)
    low = np.int32(-high - 1)
    used = sizes[_SOURCE]
    added = 0
    entry = source
    if segments[entry, 0] == 0:
        return used, added
    for _ in range(sizes[_CHAIN]):
        n = (segments[entry, 3] + 1) * lanes
        start = (t + segments[entry, 4]) % slots * n_neurons + segments[entry, 2] * lanes
        base = segments[entry, 1] * lanes
        # Separate views let the compiler vectorize the saturating additions.
        target = ring[start : start + n]
        row = weights[base : base + n]
        for k in range(n):
            target[k] = min(max(target[k] + np.int32(row[k]), low), high)
        used += sizes[_SEGMENT] + segments[entry, 3] + 1
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
    lanes, shift = sizes[_LANES], sizes[_DECAY_BITS]
    high = np.int64((1 << (sizes[_STATE_BITS] - 1)) - 1)
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
            counts[j] = min(counts[j] + 1, sizes[_COUNT_MAX])
            fired[j] = True
        state[0, j] = u
        state[1, j] = i
        state[2, j] = params[2, j] if spike else max(refr - 1, 0)
