# SPDX-License-Identifier: Apache-2.0
"""All ticks of LIF neurons that their own spikes drive, as one operator, ``spikesim::rlif_seq``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikesim.kernels import train
from spikesim.kernels.train import kinds
from spikesim.nn.arithmetic import exact
from spikesim.nn.functional import LIFParams, LIFState
from spikesim.nn.ops import memory
from spikesim.nn.ops.event_linear import Panels, Stripes, scale_of, table_of, weight_gradient
from spikesim.nn.ops.lif_arguments import ARGUMENTS, Neurons, flat, fresh, kind_of, rows

_X = 3
"""Place of the first of `Neurons` among the arguments of the operator."""


def rlif_seq(
    x: Tensor, fed: Tensor, weight: Tensor, params: LIFParams, state: LIFState
) -> tuple[Tensor, Tensor, LIFState]:
    """Neurons driven by ``x[t] + event_linear(s[t-1], weight)``, by compiled kernels.

    The same bits as the loop over ticks, forward and backward.

    Parameters
    ----------
    x : float32 or float64 tensor, shape (T, B, n)
        At least one tick, on the CPU.
    fed : tensor, shape (B, n)
        What comes back in the first tick.
    weight : tensor, shape (n, n)
    params : LIFParams
        Without a gradient, and with a surrogate that has a code.
    state : LIFState
        Before the first tick.

    Returns
    -------
    s : tensor, shape (T, B, n)
        Spikes.
    last : tensor, shape (B, n)
        Those of the last tick.
    state : LIFState
        After it.
    """
    given = x, fed, weight, state.v, state.i
    keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in given)
    s, last, v, i, refr, *_ = _rlif_seq(fed, weight, keep, *Neurons.of(x, params, state))
    i_after, refr_after = None if state.i is None else i, None if state.refr is None else refr
    return s, last, LIFState(v, i_after, refr_after)


@torch.library.custom_op(
    "spikesim::rlif_seq", mutates_args=(),
    schema=f"(Tensor fed, Tensor weight, bool keep, {ARGUMENTS}) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
)  # fmt: skip
def _rlif_seq(fed: Tensor, weight: Tensor, keep: bool, *args: Any) -> tuple[Tensor, ...]:
    """Spikes, those of the last tick, the state, and what going back reads, if it is to be kept.

    So no product is made twice; and input need not be kept.
    """
    from spikesim.kernels.train.rlif import rlif_forward  # loads the compiler

    neurons = Neurons(*args)
    x = neurons.x
    steps, batch, n = x.shape
    v, i, refr = neurons.state()
    s = memory.empty(x.shape, x.dtype)
    kept = [memory.empty(shape, x.dtype) for shape in _kept(x.shape, neurons.kind, keep=keep)]
    room, ticks = _room(neurons)
    table = table_of(weight.T, exact=True)
    known = table or Stripes(train.event.table_for(1, 1, np.int32), 1, 1, 1.0)
    shared = (
        rows(x), ticks, neurons.kind, known.entries, known.unit, np.empty(batch * n, np.int32),
        np.empty(batch + 1, np.int64), *_sums(known.entries.dtype),
    )  # fmt: skip
    after = room, flat(v), flat(i), flat(refr), *map(rows, kept), rows(s)
    back = flat(fresh(fed.detach()))
    if table:
        rlif_forward(0, steps, *shared, back, *after)
    else:
        for t in range(steps):
            rlif_forward(t, t + 1, *shared, back, *after)
            back = flat(exact.linear(s[t], weight))
    return s, s[-1].clone(), v, i, refr, *kept


def _kept(shape: Sequence[int], kind: int, *, keep: bool) -> list[tuple[int, ...]]:
    """Shapes of membranes, who was free, and who above the floor; one tick of what nobody reads."""
    read = True, kind & (kinds.HOLD | kinds.GATE), kind & kinds.FLOORED
    return [(shape[0] if keep and every else 1, *shape[1:]) for every in read]


def _room(neurons: Neurons) -> tuple[np.ndarray, np.ndarray]:
    """Give constants of every neuron with room for scratch behind, and refractory ticks."""
    from spikesim.kernels.train.rlif import ROOM

    constants, ticks = neurons.constants()
    n = neurons.x.shape[2]
    room = np.empty((ROOM, n), constants.dtype)
    room[: len(constants)] = constants
    return room, np.ascontiguousarray(np.broadcast_to(ticks, (n,)))


@torch.library.custom_op(
    "spikesim::rlif_seq_backward", mutates_args=(),
    schema="(Tensor? gs, Tensor? glast, Tensor? gv, Tensor? gi, Tensor s, Tensor[] kept, "
    f"Tensor weight, bool for_weight, {ARGUMENTS}) -> (Tensor, Tensor, Tensor, Tensor)",
)  # fmt: skip
def _rlif_seq_backward(
    gs: Tensor | None, glast: Tensor | None, gv: Tensor | None, gi: Tensor | None, s: Tensor,
    kept: list[Tensor], weight: Tensor, for_weight: bool, *args: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of input, v, i and weight; of ``x``, one tick is enough, whatever is in it."""
    from spikesim.kernels.train.rlif import rlif_backward

    neurons = Neurons(*args)
    _, batch, n = s.shape
    # -0.0 is nothing to add; 0.0 would turn a sum of -0.0 around.
    nothing = torch.full_like(s[0], -0.0)
    gx = memory.empty(s.shape, s.dtype)
    gv = fresh(nothing if gv is None else gv)
    gi = s.new_empty(0) if neurons.i is None else fresh(nothing if gi is None else gi)
    gs = nothing[None] if gs is None else gs[:1] if gs.stride(0) == 0 else gs
    bits = exact.half_bits(n)
    panels = Panels.of(exact.on_grid(weight, bits[1]), batch)
    later = s.new_empty(panels.high, panels.wide)
    later[:batch, :n] = nothing if glast is None else glast
    room, _ = _room(neurons)
    tops = np.empty(len(s))
    before, free, above = map(rows, kept)
    rlif_backward(
        neurons.kind, neurons.surrogate, room.dtype.type(neurons.slope), bits[0], panels.entries,
        rows(gs), before, free, above, rows(s), room, np.zeros(panels.high * n), later.numpy(),
        flat(gv), flat(gi), rows(gx), tops,
    )  # fmt: skip
    found = _weight_gradient(gx, s, tops.tolist()) if for_weight else s.new_empty(0)
    return gx, gv, gi, found


def _weight_gradient(gx: Tensor, s: Tensor, tops: list[float]) -> Tensor:
    """Gradient (n, n) of the matrix, tick by tick from the last on, as autograd adds up."""
    from spikesim.kernels.train.rlif import rlif_weight_gradient

    steps, batch, n = gx.shape
    scales = [scale_of(top) for top in tops]
    if steps == 1 or None in scales[1:]:
        total = None
        for t in range(steps - 1, 0, -1):
            one = weight_gradient(gx[t], s[t - 1], exact=True)
            total = one if total is None else total + one
        return gx.new_zeros(n, n) if total is None else total
    lists, turned = (np.empty(batch * n, np.int32) for _ in range(2))
    begin, begin_turned = np.empty(batch + 1, np.int64), np.empty(n + 1, np.int64)
    table = train.event.table_for(batch, n, np.int32)
    row = np.zeros(train.event.lanes_of(np.int32), kind_of(gx))
    found, one = gx.new_empty(n, n), np.empty(n * n, kind_of(gx))
    by_tick = np.array([1.0 if scale is None else scale for scale in scales])
    rlif_weight_gradient(
        rows(gx), rows(s), n, by_tick, lists, begin, turned, begin_turned, row, table,
        *_sums(table.dtype), one, flat(found),
    )  # fmt: skip
    return found.T.contiguous()


def _sums(kind: Any) -> tuple[np.ndarray, np.ndarray]:
    """Scratch of `event_sums` for a table of integers."""
    part = np.empty(train.event.lanes_of(kind), kind)
    return part, part.astype(np.int64)


@_rlif_seq.register_fake
def _shapes(fed: Tensor, weight: Tensor, keep: bool, *args: Any) -> tuple[Tensor, ...]:
    x, v, i, refr = args[:4]
    return (
        x.new_empty(x.shape), v.new_empty(v.shape), v.new_empty(v.shape),
        x.new_empty(0 if i is None else i.shape),
        x.new_empty(0 if refr is None else refr.shape, dtype=torch.int32),
        *(x.new_empty(shape) for shape in _kept(x.shape, args[15], keep=keep)),
    )  # fmt: skip


@_rlif_seq_backward.register_fake
def _shapes_backward(
    gs: Any, glast: Any, gv: Any, gi: Any, s: Tensor, kept: Any, weight: Tensor, for_weight: bool,
    *args: Any,
) -> tuple[Tensor, ...]:  # fmt: skip
    x, v, i = args[:3]
    return (
        s.new_empty(s.shape), v.new_empty(v.shape), x.new_empty(0 if i is None else i.shape),
        x.new_empty(weight.shape if for_weight else 0),
    )  # fmt: skip


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*output[4:])
    ctx.save_for_backward(output[0], *output[5:], inputs[1], *inputs[_X + 1 : _X + 13])
    ctx.rest = inputs[_X + 13 :]


def _backward(
    ctx: Any, gs: Tensor | None, glast: Tensor | None, gv: Tensor | None, gi: Tensor | None, *_: Any
) -> tuple[Tensor | None, ...]:
    s, h, free, above, weight, *neurons = ctx.saved_tensors
    needs = ctx.needs_input_grad
    for_weight = bool(needs[1]) and len(s) > 1  # the spikes of the last tick go nowhere
    gi = None if neurons[1] is None else gi
    gx, gv, gi, gw = _rlif_seq_backward(
        gs, glast, gv, gi, s, [h, free, above], weight, for_weight, s, *neurons, *ctx.rest
    )
    grads: list[Tensor | None] = [None] * (_X + len(Neurons._fields))
    grads[0] = gx[0].clone() if needs[0] else None  # in memory of its own
    grads[1] = gw if for_weight else None
    grads[_X : _X + 3] = [
        grad if need else None for grad, need in zip((gx, gv, gi), needs[_X : _X + 3], strict=True)
    ]
    return tuple(grads)


_rlif_seq.register_autograd(_backward, setup_context=_setup)
