# SPDX-License-Identifier: Apache-2.0
"""All ticks of LIF neurons that their own spikes drive, as one operator, ``spikesim::rlif_seq``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikesim.kernels import train
from spikesim.kernels.train import kinds
from spikesim.nn import exact
from spikesim.nn.functional import LIFParams, LIFState
from spikesim.nn.ops import memory
from spikesim.nn.ops.event_linear import Stripes, scale_of, table_of, weight_gradient
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
    s, last, v, i, refr, _ = _rlif_seq(fed, weight, keep, *Neurons.of(x, params, state))
    i_after, refr_after = None if state.i is None else i, None if state.refr is None else refr
    return s, last, LIFState(v, i_after, refr_after)


@torch.library.custom_op(
    "spikesim::rlif_seq", mutates_args=(),
    schema=f"(Tensor fed, Tensor weight, bool keep, {ARGUMENTS}) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
)  # fmt: skip
def _rlif_seq(fed: Tensor, weight: Tensor, keep: bool, *args: Any) -> tuple[Tensor, ...]:
    """Spikes, those of the last tick, the state, and what drove the neurons, if it is to be kept.

    That is all that going back needs: no product is made twice.
    """
    from spikesim.kernels.train.rlif import ROOM, rlif_forward  # loads the compiler

    neurons = Neurons(*args)
    x = neurons.x
    steps, batch, n = x.shape
    v, i, refr = neurons.state()
    s = memory.empty(x.shape, x.dtype)
    drive = memory.empty(x.shape if keep else (1, batch, n), x.dtype)
    table = table_of(weight.T, exact=True)
    known = table or Stripes(train.event.table_for(1, 1, np.int32), 1, 1, 1.0)
    shared = (
        rows(x), *neurons.constants(), neurons.kind, known.entries, known.unit,
        np.empty(batch * n, np.int32), np.empty(batch + 1, np.int64), *_sums(known.entries.dtype),
    )  # fmt: skip
    scratch = np.empty((ROOM, n), kind_of(x)), np.empty(n, np.int32)
    after = flat(v), flat(i), flat(refr), rows(drive), rows(s)
    back = flat(fresh(fed.detach()))
    if table:
        rlif_forward(0, steps, *shared, back, *scratch, *after)
    else:
        for t in range(steps):
            rlif_forward(t, t + 1, *shared, back, *scratch, *after)
            back = flat(exact.linear(s[t], weight))
    return s, s[-1].clone(), v, i, refr, drive if keep else x.new_empty(0, batch, n)


@torch.library.custom_op(
    "spikesim::rlif_seq_backward", mutates_args=(),
    schema="(Tensor? gs, Tensor? glast, Tensor? gv, Tensor? gi, Tensor s, Tensor weight, "
    f"bool for_weight, {ARGUMENTS}) -> (Tensor, Tensor, Tensor, Tensor)",
)  # fmt: skip
def _rlif_seq_backward(
    gs: Tensor | None, glast: Tensor | None, gv: Tensor | None, gi: Tensor | None, s: Tensor,
    weight: Tensor, for_weight: bool, *args: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of input, v, i and weight; ``x`` is what drove the neurons."""
    from spikesim.kernels.train.rlif import on_grid_of, rlif_back

    neurons = Neurons(*args)
    x = neurons.x
    steps, batch, n = x.shape
    # -0.0 is nothing to add; 0.0 would turn a sum of -0.0 around.
    nothing = torch.full_like(x[0], -0.0)
    gx = memory.empty(x.shape, x.dtype)
    gv = fresh(nothing if gv is None else gv)
    gi = x.new_empty(0) if neurons.i is None else fresh(nothing if gi is None else gi)
    gs = nothing[None] if gs is None else gs[:1] if gs.stride(0) == 0 else gs
    later = (nothing if glast is None else glast).to(torch.float64, copy=True).contiguous()
    room, kept = _again(neurons)
    whole = np.int64 if x.dtype == torch.float64 else np.int32
    top = np.zeros(1, whole)
    given = neurons.constants()[0], neurons.kind, neurons.surrogate, kind_of(x)(neurons.slope)
    back = flat(later), rows(gs), kept[0], rows(s), *kept[1:], room, flat(gv), flat(gi)
    written = rows(gx), rows(gx).view(whole), top
    bits = exact.half_bits(n)
    table, grid = exact.on_grid(weight, bits[1]), torch.empty(batch, n, dtype=torch.float64)
    tops = []
    for t in range(steps - 1, -1, -1):
        rlif_back(t, *given, *back, *written)
        tops.append(float(top.view(kind_of(x))[0]))
        if t:
            on_grid_of(rows(gx)[t], exact.beside(tops[-1], bits[0]), flat(grid))
            torch.mm(grid, table, out=later)
    found = _weight_gradient(gx, s, tops[::-1]) if for_weight else x.new_empty(0)
    return gx, gv, gi, found


def _again(neurons: Neurons) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Scratch, and what every tick of the way back reads: see `rlif_again`."""
    from spikesim.kernels.train.rlif import ROOM, rlif_again

    x, kind = neurons.x, neurons.kind
    n = x.shape[2]
    room, own = np.empty((ROOM, n), kind_of(x)), np.empty(n, np.int32)
    read = True, kind & (kinds.HOLD | kinds.GATE), kind & kinds.FLOORED
    kept = tuple(
        rows(memory.empty(x.shape if every else (1, *x.shape[1:]), x.dtype)) for every in read
    )
    rlif_again(rows(x), *neurons.constants(), kind, room, own, *map(flat, neurons.state()), *kept)
    return room, kept


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
    lists = [
        np.empty(size, kind)
        for size, kind in (
            (batch * n, np.int32), (batch + 1, np.int64), (batch * n, np.int32),
            (n + 1, np.int64),
        )
    ]  # fmt: skip
    table = train.event.table_for(batch, n, np.int32)
    row = np.zeros(train.event.lanes_of(np.int32), kind_of(gx))
    found, one = gx.new_empty(n, n), np.empty(n * n, kind_of(gx))
    by_tick = np.array([1.0 if scale is None else scale for scale in scales])
    rlif_weight_gradient(
        rows(gx), rows(s), n, by_tick, *lists, row, table, *_sums(table.dtype), one, flat(found)
    )
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
        x.new_empty((x.shape[0] if keep else 0, *x.shape[1:])),
    )  # fmt: skip


@_rlif_seq_backward.register_fake
def _shapes_backward(
    gs: Any, glast: Any, gv: Any, gi: Any, s: Tensor, weight: Tensor, for_weight: bool, *args: Any
) -> tuple[Tensor, ...]:
    x, v, i = args[:3]
    return (
        x.new_empty(x.shape), v.new_empty(v.shape), x.new_empty(0 if i is None else i.shape),
        x.new_empty(weight.shape if for_weight else 0),
    )  # fmt: skip


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(output[4], output[5])
    ctx.save_for_backward(output[0], inputs[1], output[5], *inputs[_X + 1 : _X + 13])
    ctx.rest = inputs[_X + 13 :]


def _backward(
    ctx: Any, gs: Tensor | None, glast: Tensor | None, gv: Tensor | None, gi: Tensor | None, *_: Any
) -> tuple[Tensor | None, ...]:
    s, weight, *neurons = ctx.saved_tensors
    needs = ctx.needs_input_grad
    for_weight = bool(needs[1]) and len(s) > 1  # the spikes of the last tick go nowhere
    gi = None if neurons[2] is None else gi
    gx, gv, gi, gw = _rlif_seq_backward(
        gs, glast, gv, gi, s, weight, for_weight, *neurons, *ctx.rest
    )
    grads: list[Tensor | None] = [None] * (_X + len(Neurons._fields))
    grads[0] = gx[0].clone() if needs[0] else None  # in memory of its own
    grads[1] = gw if for_weight else None
    grads[_X : _X + 3] = [
        grad if need else None
        for grad, need in zip((gx, gv, gi), needs[_X : _X + 3], strict=True)
    ]
    return tuple(grads)


_rlif_seq.register_autograd(_backward, setup_context=_setup)
