# SPDX-License-Identifier: Apache-2.0
"""Kernels that apply spikes of the target when the next spike of the source arrives."""

from __future__ import annotations

from spikesim.kernels.generate.expressions import own
from spikesim.kernels.generate.layout import kept_traces
from spikesim.kernels.generate.pieces import FROM_ORIGIN, Cells, RulePieces, block, kernel

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "arrive": (
        "piece_lo", "piece_hi", "piece_slot", "n_pieces", "targets", "weights", "acc", "base",
        "inv_scale", "origin", "flushed", "last", "pre", "ticks", "before", "history",
        "post_value", "eligibility", "signal", "signal_tick", "consts", "tables",
    ),
    "post": (
        "fired", "n_fired", "origin", "ticks", "before", "history", "danger", "post_value",
        "consts", "tables",
    ),
    "settle": (
        "slot_start", "targets", "weights", "flushed", "last", "pre", "ticks", "before", "history",
        "leaving", "newest", "danger", "eligibility", "signal", "signal_tick", "consts", "tables",
    ),
    "flush": (
        "slot_start", "targets", "weights", "out_weights", "origin", "flushed", "last", "pre",
        "ticks", "before", "history", "eligibility", "out_eligibility", "signal", "signal_tick",
        "consts", "tables",
    ),
}  # fmt: skip
"""Names of the arguments of each kernel, after the tick."""

_RING = [
    "ticks[k, e] = tick",
    "history[k, COUNT] += 1",
    "if history[k, COUNT] >= 60 and ticks[k, (history[k, COUNT] - 60) & 63] > history[k, APPLIED]:",
    "    danger[0] = 1",
]
_SLOT = "for j in range(np.int64(slot_start[slot]), np.int64(slot_start[slot + 1])):"
_OUT = Cells("out_weights[j]", "out_eligibility[j]")


def write(pieces: RulePieces) -> list[str]:
    """Give the sources of the kernels of ``ARGUMENTS``."""
    return [_arrive(pieces), _post(pieces), _settle(pieces), _flush(pieces)]


def _arrive(pieces: RulePieces) -> str:
    visit = pieces.visit(
        [pieces.post_trace(r) for r in range(len(pieces.post))],
        since=_since(pieces),
        pending=_pend(pieces),
    )
    return pieces.sparse_arrivals("arrive", ARGUMENTS["arrive"], [], visit)


def _since(pieces: RulePieces) -> list[str]:
    return ["arrived", *(["np.int64(history[k, APPLIED])"] if pieces.defers else [])]


def _pend(pieces: RulePieces, stop: str = "end") -> list[str]:
    """Apply the post spikes in the ring since the last arrival, before the one numbered so."""
    if not pieces.defers:
        return []
    # The ring is touched only where two or more are pending.
    newest = "np.int64(history[k, NEWEST] if e == end - 1 else ticks[k, e & 63])"
    body = [f"spiked = {newest}", *pieces.drift("spiked")]
    for r, trace in enumerate(pieces.pre):
        body.append(f"{own(trace.name)} = {pieces.pre_trace(r, 'spiked')}")
    for r in kept_traces(pieces.rule):
        body.append(f"{own(pieces.post[r].name)} = before[k, e & 63, {r}]")
    body += pieces.changes("on_post")
    older = "while first > 0 and first > end - 64 and ticks[k, (first - 1) & 63] >= since:"
    return [
        "since = max(arrived, np.int64(history[k, APPLIED]) + 1, flushed[0])",
        "end = history[k, COUNT]",
        "first = end",
        "if history[k, NEWEST] >= since and end > 0:",
        "    first -= 1",
        "    if history[k, PREVIOUS] >= since:",
        f"        {older}",
        "            first -= 1",
        *block(f"for e in range(first, {stop}):", body),
    ]


def _post(pieces: RulePieces) -> str:
    """Enter spikes into the ring."""
    spike = ["k = fired[i]", "history[k, PREVIOUS] = history[k, NEWEST]"]
    spike += [*pieces.post_before(), *pieces.post_after()]
    if pieces.defers:
        names = {r: own(pieces.post[r].name, "post") for r in kept_traces(pieces.rule)}
        spike.append("e = history[k, COUNT] & 63")
        spike += [f"before[k, e, {r}] = {name}" for r, name in names.items()]
        spike += _RING
    lines = [FROM_ORIGIN, *pieces.constants, *block("for i in range(n_fired[0]):", spike)]
    return kernel("post", ARGUMENTS["post"], lines)


def _settle(pieces: RulePieces) -> str:
    """Apply what leaves the rings, if anything does; see ``post_history.leave``."""
    visit = [*pieces.load(_since(pieces)), *_pend(pieces, "leaving[k]"), *pieces.store()]
    late = "if leaving[k] > 0 and arrived <= ticks[k, (leaving[k] - 1) & 63]:"
    synapse = ["k = np.int64(targets[j])", *block(late, visit if pieces.defers else [])]
    row = [
        "arrived = np.int64(last[slot])",
        *block("if arrived > newest[0]:", ["continue"]),
        *block(_SLOT, synapse),
    ]
    lines = [
        *block("if danger[0] == 0:", ["return"]),
        *pieces.constants,
        *block("for slot in range(last.size):", row),
    ]
    return kernel("settle", ARGUMENTS["settle"], lines)


def _flush(pieces: RulePieces) -> str:
    """Write all weights with everything pending applied."""
    visit = [*pieces.load(_since(pieces)), *_pend(pieces)]
    visit += [*pieces.drift("tick"), *pieces.store(_OUT)]
    if not pieces.rule.changes_weights:
        visit = []
    synapse = ["k = np.int64(targets[j])", *visit]
    row = [
        "arrived = np.int64(last[slot])",
        *block(_SLOT, synapse),
    ]
    lines = [FROM_ORIGIN, *pieces.constants, *block("for slot in range(last.size):", row)]
    return kernel("flush", ARGUMENTS["flush"], lines)
