# SPDX-License-Identifier: Apache-2.0
"""The core in numba, many inputs at once: equal to ``readable`` in every word of every step.

Each image runs alone on its own copy of state and accumulators, so the result does not depend
on the batch it is in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

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
from spikesim.hw.golden.fast_kernels import (
    ACC_BITS_AT,
    AXONS_AT,
    CHAIN_AT,
    COUNT_MAX_AT,
    DECAY_BITS_AT,
    LANES_AT,
    NEURONS_AT,
    POP_AT,
    SEGMENT_AT,
    SLOTS_AT,
    SOURCE_AT,
    STATE_BITS_AT,
    STEP_AT,
    run_steps,
)
from spikesim.hw.program import Program

RECORDS = ("spikes", "cycles", "membrane", "state")

IntArray = npt.NDArray[np.integer[Any]]


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


@dataclass(eq=False)
class FastState:
    """Every architectural word of a batch of B cores between two steps.

    Attributes
    ----------
    step : int
        Next step.
    neurons : int32 array, shape (3, B, N)
        v, i and refr.
    acc : int32 array, shape (B, D, N)
    fired : bool array, shape (B, N)
    counts : int32 array, shape (B, N)
    total_cycles : int64 array, shape (B,)
    """

    step: int
    neurons: npt.NDArray[np.int32]
    acc: npt.NDArray[np.int32]
    fired: npt.NDArray[np.bool_]
    counts: npt.NDArray[np.int32]
    total_cycles: npt.NDArray[np.int64]

    @classmethod
    def initial(cls, program: Program, n_batch: int) -> FastState:
        """State before step 0."""
        n, slots = program.config.n_neurons, program.config.delay_slots
        neurons = np.zeros((3, n_batch, n), np.int32)
        neurons[0] = _initial_membrane(program)
        return cls(
            0,
            neurons,
            np.zeros((n_batch, slots, n), np.int32),
            np.zeros((n_batch, n), np.bool_),
            np.zeros((n_batch, n), np.int32),
            np.zeros(n_batch, np.int64),
        )


def run_batch(
    program: Program,
    rasters: npt.ArrayLike,
    steps: int | None = None,
    record: Iterable[str] = (),
    state: FastState | None = None,
    tables: tuple[IntArray, ...] | None = None,
) -> BatchResult:
    """Run one program on many inputs, each from the start state or from a state of its own.

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
    state : FastState, optional
        Where to go on from, changed in place; by default the start state.
    tables : tuple of int arrays, optional
        What ``core_tables`` gave, where it was changed or is used again.

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
    now = FastState.initial(program, n_batch) if state is None else state
    cycles = np.zeros((n_batch, n_steps if "cycles" in wanted else 0), np.int64)
    spikes = np.zeros((n_batch, n_steps if "spikes" in wanted else 0, n), np.bool_)
    history = np.zeros((3, n_batch, kept, n), np.int32)
    acc_history = np.zeros((n_batch, acc_kept, slots, n), np.int32)
    ops = run_steps(
        core_tables(program) if tables is None else tables, events, now.step, n_steps,
        now.neurons, now.acc, now.fired, now.counts, now.total_cycles,
        cycles, spikes, history, acc_history,
    )  # fmt: skip
    now.step += n_steps
    names = ("v", "i", "refr")
    return BatchResult(
        counts=now.counts,
        total_cycles=now.total_cycles,
        synaptic_ops=int(ops),
        state=dict(zip(names, now.neurons, strict=True)) | {"acc": now.acc, "fired": now.fired},
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


def core_tables(program: Program) -> tuple[IntArray, ...]:
    """Plain int32 arrays in the order that ``run_steps`` unpacks them."""
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
    sizes[[AXONS_AT, NEURONS_AT, LANES_AT, SLOTS_AT]] = (
        config.n_axons, config.n_neurons, config.lanes, config.delay_slots,
    )  # fmt: skip
    sizes[[ACC_BITS_AT, STATE_BITS_AT]] = config.acc_bits, config.state_bits
    sizes[[STEP_AT, SOURCE_AT, SEGMENT_AT, POP_AT]] = (
        CYCLES_STEP, CYCLES_SOURCE, CYCLES_SEGMENT, CYCLES_POP,
    )  # fmt: skip
    sizes[[CHAIN_AT, COUNT_MAX_AT, DECAY_BITS_AT]] = MAX_CHAIN, (1 << COUNT_BITS) - 1, DECAY_BITS
    return segments, np.ascontiguousarray(populations), params, weights, sizes
