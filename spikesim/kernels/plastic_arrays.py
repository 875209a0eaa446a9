# SPDX-License-Identifier: Apache-2.0
"""The arrays of the plastic synapses of one projection onto one block, by their names in kernels.

Those of the synapses belong to the projection, those of the targets may serve several
(``PostHistory``).

Ticks count from an origin that follows the run (``PostHistory.rebase``), so they can have 32 bits:
2**31 ticks of 0.1 ms are 60 hours, which a small network passes in minutes. Ticks of rules that
need to know how long ago an event was, however long, have 64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spikesim.kernels.aligned import aligned
from spikesim.kernels.decay_tables import FADED, decay_tables
from spikesim.kernels.generate import layout
from spikesim.kernels.generate.layout import constant_values, kept_traces, table_traces
from spikesim.learning.rule import PlasticityRule

_RANGE = 64.0
"""Time constants that the fast pair kernel looks ahead; e**-64 is a normal float32 still."""
_BOUNDED = 100.0
"""Time constants after which every value of a record has met its bound, 0 or 1e30."""
STATE = {
    "synapse": ("weights", "eligibility"),
    "slot": ("last", "pre"),
    "target": ("ticks", "before", "history", "post_value", "record"),
    "block": ("origin", "flushed", "signal", "signal_tick", "epoch"),
}
"""Arrays that change, by what their first axis counts."""
SPAN = 1 << 30
"""Ticks that a block may go on from its origin."""
LONG_AGO = -2 * SPAN
"""The least stored tick in 32 bits: of events that are as old, or never were."""


class PlasticSynapses(NamedTuple):
    """What the arrays of a block are made for; see ``PlasticBlock``."""

    rule: PlasticityRule
    dt: float
    slot_start: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    n_post: int
    dtype: np.dtype[Any]


def is_fast(rule: PlasticityRule, dt: float) -> bool:
    """Whether the fast pair kernel can run a rule: it has to look back in 32 bits."""
    return rule.pair is not None and _looks_back(table_traces(rule), dt, _RANGE) < SPAN


def _looks_back(taus: list[float], dt: float, reach: float) -> float:
    """Ticks after which the decay of all tables does not change any more."""
    return reach * max((tau for tau in taus if np.isfinite(tau)), default=0.0) / dt + 1024


def _tick_type(
    rule: PlasticityRule, dt: float, dtype: np.dtype[Any]
) -> type[np.signedinteger[Any]]:
    """Type of stored ticks.

    What happens to the eligibility between two events is told from both their ticks.
    """
    far = _looks_back(table_traces(rule), dt, FADED[dtype.name]) >= SPAN
    return np.int64 if far or rule.eligibility is not None else np.int32


def _runs_fast(rule: PlasticityRule, dt: float, dtype: np.dtype[Any], method: str) -> bool:
    return method == "deferred" and dtype == np.float32 and is_fast(rule, dt)


def history_form(
    rule: PlasticityRule, dt: float, dtype: np.dtype[Any], method: str
) -> tuple[Any, ...]:
    """Describe what a rule remembers of post spikes: equal where two do it alike."""
    traces = [(trace.mode, trace.by, trace.top) for trace in rule.post_traces]
    return (
        _runs_fast(rule, dt, dtype, method), _tick_type(rule, dt, dtype), bool(rule.on_post()),
        tuple(kept_traces(rule)), tuple(traces), len(rule.pre_traces), tuple(table_traces(rule)),
    )  # fmt: skip


def history_arrays(
    rule: PlasticityRule, dt: float, n_post: int, dtype: np.dtype[Any], method: str
) -> dict[str, Any]:
    """Arrays of the targets; those that a rule does not use have one element per target."""
    ticks, n_traces = _tick_type(rule, dt, dtype), max(1, len(rule.post_traces))
    # The rings are most of what a target takes: as much as 64 or 128 of its synapses.
    depth = layout.DEPTH if method == "deferred" and rule.on_post() else 1
    kept = depth if kept_traces(rule) else 1
    arrays: dict[str, Any] = {
        "origin": np.zeros(1, np.int64),
        "ticks": np.full((n_post, depth), -2, ticks),
        "before": np.zeros((n_post, kept, n_traces), dtype),
        "history": np.tile(np.array([0, -1, -1, 0], ticks), (n_post, 1)),
        "leaving": np.zeros(n_post, np.int64),
        "newest": np.zeros(1, np.int64),
        "cut": np.full(1, np.iinfo(np.int64).min, np.int64),
        "danger": np.zeros(1, np.int32),
        "post_value": np.zeros((n_post, n_traces), dtype),
    }
    if _runs_fast(rule, dt, dtype, method):
        return arrays | _record(rule, dt, n_post)
    if method != "deferred":
        arrays["post_now"] = np.zeros((n_traces, n_post), dtype)
    if method == "dense":
        arrays |= {"alive": np.zeros(n_post, np.int32), "n_alive": np.zeros(1, np.int64)}
    return arrays


def _record(rule: PlasticityRule, dt: float, n_post: int) -> dict[str, Any]:
    """Give the records of the fast pair kernel, and the epoch of their values."""
    record = np.zeros((n_post, 8), np.int32)
    record[:, :4] = LONG_AGO
    taus = [trace.tau for trace in (*rule.pre_traces, *rule.post_traces)]
    epoch_ticks = max(2, int(10 * min(taus) / dt))
    return {
        "record": record.reshape(-1),
        "epoch": np.array([epoch_ticks], np.int64),
        "epoch_ticks": epoch_ticks,
        "epochs": int(_BOUNDED * max(taus) / dt / epoch_ticks) + 2,
    }


def synapse_arrays(given: PlasticSynapses, method: str) -> dict[str, Any]:
    """Arrays of the synapses, of their slots and of the rule."""
    arrays = _arrays(given)
    if _runs_fast(given.rule, given.dt, given.dtype, method):
        return arrays | _pair(given)
    if method == "immediate":
        arrays |= _columns(given, arrays)
    elif method == "dense":
        n_slots, n_pre = arrays["pre"].shape
        arrays["pre_now"] = np.zeros((n_pre, n_slots), given.dtype)
        arrays["rows"] = np.zeros(n_slots + 1, np.int32)
    return arrays


def _arrays(given: PlasticSynapses) -> dict[str, Any]:
    """Arrays of all methods."""
    rule, dtype = given.rule, given.dtype
    n_slots, own = given.slot_start.size - 1, aligned(given.weights.size, dtype)
    own[:] = given.weights
    return {
        "slot_start": np.asarray(given.slot_start, np.uint32),
        "targets": np.ascontiguousarray(given.targets),
        "weights": own,
        "eligibility": np.zeros(own.size if rule.eligibility is not None else 0, dtype),
        "last": np.full(n_slots, -1, _tick_type(rule, given.dt, dtype)),
        "pre": np.zeros((n_slots, max(1, len(rule.pre_traces))), dtype),
        "flushed": np.full(1, LONG_AGO, np.int64),
        "signal": np.zeros(1, dtype),
        "signal_tick": np.zeros(1, np.int64),
        "consts": np.array(list(constant_values(rule).values()), dtype),
        "tables": decay_tables(table_traces(rule), given.dt, dtype),
    }


def _pair(given: PlasticSynapses) -> dict[str, Any]:
    """Arrays of the fast pair kernel."""
    rule = given.rule
    assert rule.pair is not None
    amplitudes = [rule.pair.a_plus, rule.pair.a_minus, rule.w_min, rule.w_max]
    longest = int(np.diff(given.slot_start).max(initial=0))
    return {
        "tables": decay_tables(table_traces(rule), given.dt, np.float32, _RANGE),
        "additive": rule.pair.additive,
        "pair": np.array(amplitudes, np.float32),
        "late": np.zeros(longest + 1, np.int64),
    }


def _columns(given: PlasticSynapses, arrays: dict[str, Any]) -> dict[str, Any]:
    """Arrays of the immediate method: the index of columns."""
    targets, slot_start = arrays["targets"], arrays["slot_start"]
    order = np.argsort(targets, kind="stable")
    counts = np.bincount(targets, minlength=given.n_post)
    slots = np.repeat(np.arange(slot_start.size - 1), np.diff(slot_start))
    # Half the memory wherever it will do.
    index = np.int32 if order.size < 2**31 else np.int64
    return {
        "column_start": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "column_synapse": order.astype(index),
        "column_slot": slots[order].astype(index),
    }
