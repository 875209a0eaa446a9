# SPDX-License-Identifier: Apache-2.0
"""Kernels of sparse projections that apply a spike of the target at once, to its column."""

from __future__ import annotations

from spikesim.kernels.generate.expressions import own
from spikesim.kernels.generate.pieces import FROM_ORIGIN, RulePieces, block, kernel

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "arrive_now": (
        "piece_lo", "piece_hi", "piece_slot", "n_pieces", "targets", "weights", "acc", "base",
        "inv_scale", "origin", "last", "pre", "history", "post_value", "post_now", "eligibility",
        "signal", "signal_tick", "consts", "tables",
    ),
    "post_now": (
        "fired", "n_fired", "column_start", "column_synapse", "column_slot", "weights", "origin",
        "last", "pre", "history", "post_value", "eligibility", "signal", "signal_tick", "consts",
        "tables",
    ),
}  # fmt: skip
"""Names of the arguments of each kernel, after the tick."""


def write(pieces: RulePieces) -> list[str]:
    """Give the sources of the kernels of ``ARGUMENTS``."""
    return [_arrive(pieces), _post(pieces)]


def _arrive(pieces: RulePieces) -> str:
    seen = ["np.int64(history[k, NEWEST])"] if pieces.defers else []
    post = [
        f"(post_now[{r}, k] if many else {pieces.post_trace(r)})" for r in range(len(pieces.post))
    ]
    # Where targets are met more than once in a tick, their traces are computed before it: 2.2
    # instead of 3.3 ns per synapse.
    every = block("for k in range(history.shape[0]):", pieces.post_table())
    prepare = [
        "visits = 0",
        *block("for q in range(n_pieces[0]):", ["visits += piece_hi[q] - piece_lo[q]"]),
        "many = visits > history.shape[0]",
        *block("if many:", every),
    ]
    visit = pieces.visit(post, since=["arrived", *seen])
    return pieces.sparse_arrivals("arrive_now", ARGUMENTS["arrive_now"], prepare, visit)


def _post(pieces: RulePieces) -> str:
    synapse = [
        # Each weight lies in a row, and so in a cache line, of its own.
        "prefetch(weights, np.int64(column_synapse[min(c + 16, stop - 1)]))",
        "j, slot = np.int64(column_synapse[c]), np.int64(column_slot[c])",
        "arrived = np.int64(last[slot])",
        *apply_spike(pieces, [pieces.pre_trace(r) for r in range(len(pieces.pre))]),
    ]
    spike = [
        "k = fired[i]",
        *pieces.post_before(),
        "stop = column_start[k + 1]",
        *block("for c in range(column_start[k], stop):", synapse),
        *after_spike(pieces),
    ]
    lines = [FROM_ORIGIN, *pieces.constants, *block("for i in range(n_fired[0]):", spike)]
    return kernel("post_now", ARGUMENTS["post_now"], lines)


def apply_spike(pieces: RulePieces, pre: list[str]) -> list[str]:
    """Change one synapse by a spike of its target; ``pre`` tells how to get each pre trace."""
    since = ["np.int64(last[slot])", "np.int64(history[k, NEWEST])"]
    return [
        *pieces.load(since),
        *pieces.drift("tick"),
        *(f"{own(t.name)} = {how}" for t, how in zip(pieces.pre, pre, strict=True)),
        *(f"{own(t.name)} = {own(t.name, 'post')}" for t in pieces.post),
        *pieces.changes("on_post"),
        *pieces.store(),
    ]


def after_spike(pieces: RulePieces) -> list[str]:
    """Traces of a target after its spike; nothing of it is ever pending."""
    return [*pieces.post_after(), "history[k, APPLIED] = tick"]
