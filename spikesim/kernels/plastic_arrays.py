# SPDX-License-Identifier: Apache-2.0
"""The arrays of the plastic synapses of one projection onto one block, by their names in kernels.

Ticks are int64: at 0.1 ms a network passes 2**31 of them in 60 hours of its time, minutes of ours.
Only those in a record of the fast pair kernel have 32 bits, and count from an epoch that moves.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from spikesim.kernels.aligned import aligned
from spikesim.kernels.decay_tables import decay_tables
from spikesim.kernels.generate import layout
from spikesim.kernels.generate.layout import constant_values, kept_traces, table_traces
from spikesim.kernels.plastic_pair import LONG_AGO
from spikesim.learning.rule import PlasticityRule

_RANGE = 64.0
"""Time constants that the fast pair kernel looks ahead; e**-64 is a normal float32 still."""
_BOUNDED = 100.0
"""Time constants after which every value of a record has met its bound, 0 or 1e30."""
STATE = {
    "synapse": ("weights", "eligibility"),
    "slot": ("last", "pre"),
    "target": ("ticks", "before", "history", "count", "done", "post_value", "record"),
    "block": ("signal", "signal_tick", "epoch"),
}
"""Arrays that change, by what their first axis counts."""


class PlasticSynapses(NamedTuple):
    """What the arrays of a block are made for; see ``PlasticBlock``."""

    rule: PlasticityRule
    dt: float
    slot_start: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    n_post: int
    dtype: np.dtype[Any]


def has_record(rule: PlasticityRule, dt: float) -> bool:
    """Whether the fast pair kernel can run a rule: its records tell ticks as far as it looks."""
    taus = [trace.tau for trace in (*rule.pre_traces, *rule.post_traces)]
    return rule.pair is not None and _RANGE * max(taus) / dt + 512 < -LONG_AGO


def block_arrays(given: PlasticSynapses, method: str, fast: bool) -> dict[str, Any]:
    """Everything that the kernels of a method read and write."""
    arrays = _arrays(given, late=method == "deferred")
    if fast:
        arrays |= _pair(given)
    elif method == "immediate":
        arrays |= _columns(given, arrays)
    elif method == "dense":
        arrays |= _lists(given, arrays)
    return arrays


def _arrays(given: PlasticSynapses, late: bool) -> dict[str, Any]:
    """Arrays of all methods; those that a rule does not use have one element per target."""
    rule, n_post, dtype = given.rule, given.n_post, given.dtype
    n_slots, own = given.slot_start.size - 1, aligned(given.weights.size, dtype)
    own[:] = given.weights
    n_pre, n_traces = max(1, len(rule.pre_traces)), max(1, len(rule.post_traces))
    # The rings are most of what a target takes: as much as 128 or 256 of its synapses.
    depth = layout.DEPTH if late and rule.on_post() else 1
    kept = depth if kept_traces(rule) else 1
    return {
        "slot_start": np.asarray(given.slot_start, np.int64),
        "targets": np.ascontiguousarray(given.targets),
        "weights": own,
        "eligibility": np.zeros(own.size if rule.eligibility is not None else 0, dtype),
        "last": np.full(n_slots, -1, np.int64),
        "pre": np.zeros((n_slots, n_pre), dtype),
        "ticks": np.full((n_post, depth), -2, np.int64),
        "before": np.zeros((n_post, kept, n_traces), dtype),
        "history": np.tile(np.array([0, -1, -1, 0], np.int64), (n_post, 1)),
        "oldest": np.full(n_post, -1, np.int64),
        "danger": np.zeros(1, np.int32),
        "post_value": np.zeros((n_post, n_traces), dtype),
        "signal": np.zeros(1, dtype),
        "signal_tick": np.zeros(1, np.int64),
        "consts": np.array(list(constant_values(rule).values()), dtype),
        "tables": decay_tables(table_traces(rule), given.dt, dtype),
    }


def _pair(given: PlasticSynapses) -> dict[str, Any]:
    """Arrays of the fast pair kernel."""
    rule, n_post = given.rule, given.n_post
    assert rule.pair is not None
    record = np.zeros((n_post, 8), np.int32)
    record[:, :4] = LONG_AGO
    taus = [trace.tau for trace in (*rule.pre_traces, *rule.post_traces)]
    epoch_ticks = max(2, int(10 * min(taus) / given.dt))
    amplitudes = [rule.pair.a_plus, rule.pair.a_minus, rule.w_min, rule.w_max]
    longest = int(np.diff(given.slot_start).max(initial=0))
    return {
        "tables": decay_tables(table_traces(rule), given.dt, np.float32, _RANGE),
        "additive": rule.pair.additive,
        "record": record.reshape(-1),
        "count": np.zeros(n_post, np.int64),
        "done": np.full(n_post, -1, np.int64),
        "epoch": np.array([epoch_ticks], np.int64),
        "epoch_ticks": epoch_ticks,
        "epochs": int(_BOUNDED * max(taus) / given.dt / epoch_ticks) + 2,
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
        "post_now": np.zeros((arrays["post_value"].shape[1], given.n_post), given.dtype),
        "column_start": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "column_synapse": order.astype(index),
        "column_slot": slots[order].astype(index),
    }


def _lists(given: PlasticSynapses, arrays: dict[str, Any]) -> dict[str, Any]:
    """Arrays of the dense method: traces and lists of those that are not 0."""
    n_slots, n_pre = arrays["pre"].shape
    return {
        "post_now": np.zeros((arrays["post_value"].shape[1], given.n_post), given.dtype),
        "alive": np.zeros(given.n_post, np.int32),
        "n_alive": np.zeros(1, np.int64),
        "pre_now": np.zeros((n_pre, n_slots), given.dtype),
        "rows": np.zeros(n_slots + 1, np.int32),
    }
