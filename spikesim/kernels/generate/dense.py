# SPDX-License-Identifier: Apache-2.0
"""Kernels of full matrices, which apply a spike of the target at once.

They leave out what cannot change a bit. Where a text changes the weight by products that all have a
trace of the other side as a factor, targets (sources) whose traces are 0 are not visited: a decay
table ends in 0, so this is the rule itself and no approximation.
"""

from __future__ import annotations

from spikesim.kernels.generate.immediate import after_spike, apply_spike
from spikesim.kernels.generate.pieces import FROM_ORIGIN, Cells, RulePieces, W, block, kernel, some

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "arrive_dense": (
        "piece_slot", "n_pieces", "weights", "acc", "base", "inv_scale", "origin", "last", "pre",
        "history", "post_value", "post_now", "alive", "n_alive", "eligibility", "signal",
        "signal_tick", "consts", "tables",
    ),
    "post_dense": (
        "fired", "n_fired", "weights", "origin", "last", "pre", "pre_now", "rows", "history",
        "post_value", "alive", "n_alive", "eligibility", "signal", "signal_tick", "consts",
        "tables",
    ),
}  # fmt: skip
"""Names of the arguments of each kernel, after the tick."""

# Views of a row, which let the loop be vectorized.
_ROW = Cells("w_row[k]", "e_row[k]")
_LISTED = ["k = np.int64(alive[i])"]


def write(pieces: RulePieces) -> list[str]:
    """Give the sources of the kernels of ``ARGUMENTS``."""
    return [_arrive(pieces), _post(pieces)]


def _arrive(pieces: RulePieces) -> str:
    skips = pieces.skips("on_pre", pieces.post)
    read = [f"post_now[{r}, k]" for r in pieces.reads("on_pre", pieces.post)]
    post = [f"post_now[{r}, k]" for r in range(len(pieces.post))]
    seen = ["np.int64(history[k, NEWEST])"] if pieces.defers else []
    listed = [
        *_LISTED,
        *pieces.post_table(),
        "alive[left] = k",
        f"lives = {some(read) if skips else '1'}",
        "history[k, LISTED] = lives",
        "left += lives",
    ]
    visit = pieces.visit(post, since=["arrived", *seen], cells=_ROW)
    row = block("for k in range(n):", visit)
    if skips:
        deliver = [f"{W} = {_ROW.weight}", *pieces.deliver()]
        change = [*_LISTED, f"{W} = {_ROW.weight}", *pieces.on_pre(post), f"{_ROW.weight} = {W}"]
        few = [
            *block("for k in range(n):", deliver),
            *block("for i in range(n_alive[0]):", change),
        ]
        # A vector pass over all costs as much as some visits one by one.
        row = [*block("if 16 * n_alive[0] > n:", row), *block("else:", few)]
    piece = [
        "slot = np.int64(piece_slot[q])",
        "w_row = weights[slot * n : (slot + 1) * n]",
        "e_row = eligibility[slot * n : (slot + 1) * n]",
        *pieces.before_row(),
        *row,
        *pieces.after_row(),
    ]
    fade = ["left = 0", *block("for i in range(n_alive[0]):", listed), "n_alive[0] = left"]
    lines = [
        FROM_ORIGIN,
        *pieces.constants,
        "n = history.shape[0]",
        "here = acc[base : base + n]",
        *block("if n_pieces[0] > 0:", fade),
        *block("for q in range(n_pieces[0]):", piece),
    ]
    return kernel("arrive_dense", ARGUMENTS["arrive_dense"], lines)


def _post(pieces: RulePieces) -> str:
    used = pieces.reads("on_post", pieces.pre)
    skips = pieces.skips("on_post", pieces.pre)
    fill = ["arrived = np.int64(last[slot])"]
    fill += [f"pre_now[{r}, slot] = {pieces.pre_trace(r)}" for r in used]
    keep = some([f"pre_now[{r}, slot]" for r in used]) if skips else "1"
    find = [
        *block("for slot in range(last.size):", fill),
        # Apart from the loop above, which is vector code.
        *block("for slot in range(last.size):", ["rows[m] = slot", f"m += {keep}"]),
    ]
    synapse = [
        "slot = np.int64(rows[c])",
        "j = slot * n + k",
        *apply_spike(pieces, [f"pre_now[{r}, slot]" for r in range(len(pieces.pre))]),
    ]
    enlist = [
        "history[k, LISTED] = 1",
        "alive[n_alive[0]] = k",
        "n_alive[0] += 1",
    ]
    spike = [
        "k = fired[i]",
        *pieces.post_before(),
        *block("for c in range(m):", synapse),
        *after_spike(pieces),
        *block("if history[k, LISTED] == 0:", enlist),
    ]
    lines = [
        FROM_ORIGIN,
        *pieces.constants,
        "n = history.shape[0]",
        "m = 0",
        *block("if n_fired[0] > 0:", find),
        *block("for i in range(n_fired[0]):", spike),
    ]
    return kernel("post_dense", ARGUMENTS["post_dense"], lines)
