# SPDX-License-Identifier: Apache-2.0
"""All ticks of LIF neurons that their own spikes drive, as one operator, ``spikesim::rlif_seq``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikesim.kernels import train
from spikesim.kernels.train import kinds
from spikesim.nn.arithmetic import exact
from spikesim.nn.functional import LIFParams, LIFState, lif_step
from spikesim.nn.ops import memory
from spikesim.nn.ops.backend import chosen_backend
from spikesim.nn.ops.event_linear import (
    Panels,
    Stripes,
    columns_of,
    event_linear,
    table_of,
    weight_gradient,
)
from spikesim.nn.ops.lif import PAYS
from spikesim.nn.ops.lif_arguments import ARGUMENTS, LEARNED, Neurons, flat, fresh, kind_of, rows

_X = 5
"""Place of the first of `Neurons` among the arguments of the operator."""
_KEPT = 4
"""Tensors that forward keeps besides spikes, their lists and the state."""


def run_rlif(
    x: Tensor, fed: Tensor | None, weight: Tensor, bias: Tensor | None, params: LIFParams,
    state: LIFState,
) -> tuple[Tensor, Tensor, LIFState]:  # fmt: skip
    """Neurons driven by ``x[t] + event_linear(s[t-1], weight, bias)``, by what `nn.backend` says.

    Parameters
    ----------
    x : float32 or float64 tensor, shape (T, B, n)
        At least one tick, on the CPU.
    fed : tensor, shape (B, n), or None
        What comes back in the first tick; None where no spikes were before.
    weight : tensor, shape (n, n)
    bias : tensor, shape (n,), optional
    params : LIFParams
        With a surrogate that has a code.
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
    small = x.numel() < PAYS and not torch.compiler.is_compiling()
    if chosen_backend() == "reference" or (chosen_backend() == "auto" and small):
        return _by_ticks(x, fed, weight, bias, params, state)
    return rlif_seq(x, fed, weight, bias, params, state)


def _by_ticks(
    x: Tensor, fed: Tensor | None, weight: Tensor, bias: Tensor | None, params: LIFParams,
    state: LIFState,
) -> tuple[Tensor, Tensor, LIFState]:  # fmt: skip
    params = params.spread(x.shape[1:])
    spikes: list[Tensor] = []
    for tick in x.unbind(0):
        if spikes or fed is None:
            last = spikes[-1] if spikes else torch.zeros_like(tick)
            fed = event_linear(last, weight, bias)
        s, state = lif_step(tick + fed, state, params)
        spikes.append(s)
    return torch.stack(spikes), spikes[-1], state


def rlif_seq(
    x: Tensor, fed: Tensor | None, weight: Tensor, bias: Tensor | None, params: LIFParams,
    state: LIFState,
) -> tuple[Tensor, Tensor, LIFState]:  # fmt: skip
    """`run_rlif` by compiled kernels: the same bits as the loop over ticks, forward and backward.

    Parameters and results are those of `run_rlif`.
    """
    neurons = Neurons.of(x, params, state)
    given = [fed, weight, bias, *neurons[:3], *(neurons[k] for k in LEARNED)]
    asked = [t is not None and t.requires_grad for t in given]
    keep = torch.is_grad_enabled() and any(asked)
    # A gradient of these two reads what drove the membranes.
    flows = keep and (_asks(neurons.gain) or (state.i is not None and _asks(neurons.alpha)))
    s, last, v, i, refr, *_ = _rlif_seq(fed, weight, bias, keep, flows, *neurons)
    i_after, refr_after = None if state.i is None else i, None if state.refr is None else refr
    return s, last, LIFState(v, i_after, refr_after)


def _asks(constant: Tensor | None) -> bool:
    return constant is not None and constant.requires_grad


@torch.library.custom_op(
    "spikesim::rlif_seq", mutates_args=(),
    schema=f"(Tensor? fed, Tensor weight, Tensor? bias_back, bool keep, bool flows, {ARGUMENTS}) "
    f"-> ({', '.join(['Tensor'] * (7 + _KEPT))})",
)  # fmt: skip
def _rlif_seq(
    fed: Tensor | None, weight: Tensor, bias: Tensor | None, keep: bool, flows: bool, *args: Any
) -> tuple[Tensor, ...]:
    """Spikes, those of the last tick, the state, and what going back reads, if it is to be kept.

    So no product is made twice; and input need not be kept.
    """
    from spikesim.kernels.train.rlif import rlif_forward  # loads the compiler

    neurons = Neurons(*args)
    x = neurons.x
    steps, batch, n = x.shape
    v, i, refr = neurons.state()
    s = memory.empty(x.shape, x.dtype)
    shapes = _kept(x.shape, neurons.kind, keep=keep, flows=flows)
    kept = [memory.empty(shape, x.dtype) for shape in shapes]
    room, ticks = _room(neurons)
    lists, begins = (
        memory.empty((len(kept[0]), size), kind)
        for size, kind in ((batch * n, torch.int32), (batch + 1, torch.int64))
    )
    table = table_of(weight.T, exact=True)
    known = table or Stripes(train.event.table_for(1, 1, np.int32), 1, 1, 1.0)
    shared = (
        rows(x), ticks, neurons.kind, known.entries, known.unit, flat(_or_none(bias, x).detach()),
        *_sums(),
    )  # fmt: skip
    after = (
        room, flat(v), flat(i), flat(refr), tuple(map(rows, kept)), rows(lists), rows(begins),
        rows(s),
    )  # fmt: skip
    first = torch.zeros_like(v) if fed is None else fresh(fed.detach())
    if table:
        if fed is None and bias is not None:
            first += bias
        rlif_forward(0, steps, *shared, flat(first), *after)
    else:
        for t in range(steps):
            if t or fed is None:
                first = exact.linear(s[t - 1] if t else first, weight)
                first = first if bias is None else first.add_(bias)
            rlif_forward(t, t + 1, *shared, flat(first), *after)
    return s, s[-1].clone(), v, i, refr, lists, begins, *kept


def _kept(shape: Sequence[int], kind: int, *, keep: bool, flows: bool) -> list[tuple[int, ...]]:
    """Shapes of membranes, who was free, who above the floor, and what drove the membranes.

    One tick of what nobody reads, none of the last.
    """
    read = True, kind & (kinds.HOLD | kinds.GATE), kind & kinds.FLOORED
    ticks = [*(shape[0] if keep and every else 1 for every in read), shape[0] if flows else 0]
    return [(every, *shape[1:]) for every in ticks]


def _or_none(tensor: Tensor | None, like: Tensor) -> Tensor:
    """Give a tensor, or one without elements."""
    return like.new_empty(0) if tensor is None else tensor


def _room(neurons: Neurons) -> tuple[np.ndarray, np.ndarray]:
    """Give constants of every neuron with room for scratch behind, and refractory ticks."""
    from spikesim.kernels.train.rlif import ROOM

    constants, ticks = neurons.constants()
    n = neurons.x.shape[2]
    room = np.empty((ROOM, n), constants.dtype)
    room[: len(constants)] = constants
    return room, np.ascontiguousarray(np.broadcast_to(ticks, (n,)))


class ProductBack:
    """Product of the gradient (B, n) of a tick and the matrix, as `exact` rounds it.

    In float64; in halves of 16 bits (`kernels.train.halves`) where matrix and processor are made
    for that.

    Parameters
    ----------
    matrix : float tensor, shape (n, n)
    rows : int
        B.
    """

    def __init__(self, matrix: Tensor, rows: int) -> None:
        from spikesim.kernels.train import halves

        self.n, bits = len(matrix), exact.half_bits(len(matrix))
        panels = Panels.of(exact.on_grid(matrix, bits[1]), rows)
        self.later = matrix.new_empty(panels.high, panels.wide)
        top, unit = float(matrix.detach().abs().max()), 1.0
        tried = halves.PAYS and self.n <= halves.TERMS and train.event.integers_of(top)
        table, *scratch = halves.rooms(*(rows, self.n) if tried else (0, 0))
        if tried:
            unit = math.ldexp(1.0, math.frexp(top)[1] - bits[1])
            values, room = flat(matrix.detach().contiguous()), np.zeros((3, self.n), np.int16)
            halves.lay_halves(values, self.n, 1.0 / unit, room, table)
        self.arguments = (
            bits[0], panels.entries, (table, unit, *scratch), np.zeros(panels.high * self.n),
            self.later.numpy(),
        )  # fmt: skip

    def __call__(self, gx: np.ndarray, top: float) -> None:
        """Multiply a gradient, shape (B n,), with this largest entry, into ``later``."""
        from spikesim.kernels.train.rlif import product_back

        product_back(gx, top, self.n, *self.arguments)


@torch.library.custom_op(
    "spikesim::rlif_seq_backward", mutates_args=(),
    schema="(Tensor? gs, Tensor? glast, Tensor? gv, Tensor? gi, Tensor s, Tensor[] kept, "
    f"Tensor weight, int first, {ARGUMENTS}, bool[] needed) -> Tensor[]",
)  # fmt: skip
def _rlif_seq_backward(
    gs: Tensor | None, glast: Tensor | None, gv: Tensor | None, gi: Tensor | None, s: Tensor,
    kept: list[Tensor], weight: Tensor, first: int, *args: Any,
) -> list[Tensor]:  # fmt: skip
    """Gradients of input, v, i, weight, bias and ``kinds.LEARNED``.

    ``first`` : 0 where what comes back in the first tick is of weight and bias, else 1. What is not
    needed, of those from the weight on, has no elements. Of ``x``, one tick is enough, whatever
    is in it.
    """
    from spikesim.kernels.train.rlif import rlif_backward

    neurons, (for_weight, for_bias, *needed) = Neurons(*args[:-1]), args[-1]
    learned: list[Any] = [neurons[k] for k, need in zip(LEARNED, needed, strict=True) if need]
    _, batch, n = s.shape
    # -0.0 is nothing to add; 0.0 would turn a sum of -0.0 around.
    nothing = torch.full_like(s[0], -0.0)
    gx = memory.empty(s.shape, s.dtype)
    gv = fresh(nothing if gv is None else gv)
    gi = s.new_empty(0) if neurons.i is None else fresh(nothing if gi is None else gi)
    gs = nothing[None] if gs is None else gs[:1] if gs.stride(0) == 0 else gs
    product = ProductBack(weight, batch)
    product.later[:batch, :n] = nothing if glast is None else glast
    room, _ = _room(neurons)
    tops = np.empty(len(s))
    sums = torch.full((len(learned), batch, n), -0.0, dtype=s.dtype)
    shift = torch.full((n if for_bias else 0,), -0.0, dtype=s.dtype)
    before = neurons.state()
    lists, begins, *others = map(rows, kept)
    table = train.event.table_for(batch, n, np.int32)
    lanes = train.event.lanes_of(table.dtype)
    gw = s.new_zeros(len(table) // (batch * lanes) if for_weight else 0, n, lanes)
    rlif_backward(
        neurons.kind, neurons.surrogate, room.dtype.type(neurons.slope), exact.sum_bits(batch),
        product.arguments, rows(gs), tuple(others), rows(s), lists, begins, flat(before[0]),
        flat(before[1]), first, room, neurons.places(needed), flat(gv), flat(gi), rows(gx), tops,
        rows(sums), flat(shift), np.empty(batch * n, np.int32), np.empty(n + 1, np.int64),
        np.zeros(lanes, kind_of(s)), table, *_sums(), flat(gw),
    )  # fmt: skip
    if not for_weight:
        gw = s.new_empty(0)
    elif all(map(train.event.integers_of, tops[first:].tolist())):
        gw = columns_of(gw, n, gw.dtype)
    else:
        gw = _weight_gradient(gx, s, first)
    found = (exact.summed(total, of.shape) for total, of in zip(sums, learned, strict=True))
    return [gx, gv, gi, gw, shift, *(next(found) if need else s.new_empty(0) for need in needed)]


def _weight_gradient(gx: Tensor, s: Tensor, first: int) -> Tensor:
    """Gradient (n, n) of the matrix, tick by tick from the last on, as autograd adds up."""
    total = None
    for t in range(len(gx) - 1, first - 1, -1):
        before = s[t - 1] if t else torch.zeros_like(s[0])
        one = weight_gradient(gx[t], before, exact=True)
        total = one if total is None else total + one
    assert total is not None
    return total


def _sums() -> tuple[np.ndarray, np.ndarray]:
    """Scratch of `event_sums` for a table of integers."""
    part = np.empty(train.event.lanes_of(np.int32), np.int32)
    return part, part.astype(np.int64)


@_rlif_seq.register_fake
def _shapes(
    fed: Tensor | None, weight: Tensor, bias: Tensor | None, keep: bool, flows: bool, *args: Any
) -> tuple[Tensor, ...]:
    x, v, i, refr = args[:4]
    kind = args[Neurons._fields.index("kind")]
    kept = _kept(x.shape, kind, keep=keep, flows=flows)
    ticks = kept[0][0]
    return (
        x.new_empty(x.shape), v.new_empty(v.shape), v.new_empty(v.shape),
        x.new_empty(0 if i is None else i.shape),
        x.new_empty(0 if refr is None else refr.shape, dtype=torch.int32),
        x.new_empty((ticks, x.shape[1] * x.shape[2]), dtype=torch.int32),
        x.new_empty((ticks, x.shape[1] + 1), dtype=torch.int64),
        *(x.new_empty(shape) for shape in kept),
    )  # fmt: skip


@_rlif_seq_backward.register_fake
def _shapes_backward(
    gs: Any, glast: Any, gv: Any, gi: Any, s: Tensor, kept: Any, weight: Tensor, first: int,
    *args: Any,
) -> list[Tensor]:  # fmt: skip
    *neurons, (for_weight, for_bias, *needed) = args
    _, v, i = neurons[:3]
    learned = zip((neurons[k] for k in LEARNED), needed, strict=True)
    return [
        s.new_empty(s.shape), v.new_empty(v.shape), s.new_empty(0 if i is None else i.shape),
        s.new_empty(weight.shape if for_weight else 0), s.new_empty(s.shape[2] if for_bias else 0),
        *(s.new_empty(of.shape if need else 0) for of, need in learned),
    ]  # fmt: skip


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*output[4:])
    ctx.save_for_backward(output[0], *output[5:], inputs[1], *inputs[_X + 1 : _X + 13])
    ctx.rest = inputs[_X + 13 :]
    ctx.first = 0 if inputs[0] is None else 1


def _backward(
    ctx: Any, gs: Tensor | None, glast: Tensor | None, gv: Tensor | None, gi: Tensor | None, *_: Any
) -> tuple[Tensor | None, ...]:
    saved = ctx.saved_tensors
    s, *kept = saved[: 3 + _KEPT]
    weight, *neurons = saved[3 + _KEPT :]
    needs = [bool(need) for need in ctx.needs_input_grad]
    several = len(s) > ctx.first  # the spikes of the last tick go nowhere
    of_learned = [needs[_X + k] for k in LEARNED]
    of_learned[-1] &= bool(ctx.rest[2] & kinds.SOFT)  # nothing else depends on its amount
    needed = [needs[1] and several, needs[2] and several, *of_learned]
    gi = None if neurons[1] is None else gi
    gx, gv, gi, *found = _rlif_seq_backward(
        gs, glast, gv, gi, s, kept, weight, ctx.first, s, *neurons, *ctx.rest, needed
    )
    grads: list[Tensor | None] = [None] * (_X + len(Neurons._fields))
    grads[0] = gx[0].clone() if needs[0] else None  # in memory of its own
    places = [1, 2, *(_X + k for k in LEARNED)]
    for k, need, grad in zip(places, needed, found, strict=True):
        grads[k] = grad if need else None
    for k, grad in zip(range(_X, _X + 3), (gx, gv, gi), strict=True):
        grads[k] = grad if needs[k] else None
    return tuple(grads)


_rlif_seq.register_autograd(_backward, setup_context=_setup)
