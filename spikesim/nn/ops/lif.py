# SPDX-License-Identifier: Apache-2.0
"""All ticks of a population of LIF neurons as one operator, ``spikesim::lif_seq``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.kernels.train import kinds
from spikesim.nn import functional
from spikesim.nn.arithmetic.exact import summed
from spikesim.nn.arithmetic.surrogate import surrogate_code
from spikesim.nn.functional import LIFParams, LIFState, lif_init
from spikesim.nn.ops import memory
from spikesim.nn.ops.backend import chosen_backend
from spikesim.nn.ops.lif_arguments import (
    ARGUMENTS,
    LEARNED,
    TILE,
    Neurons,
    flat,
    fresh,
    kind_of,
    rows,
)
from spikesim.nn.ops.parts import in_parts

PAYS = 1024
"""Elements from which on the kernels take less time than the loop, whatever their size."""


def run_lif(a: Tensor, params: LIFParams, state: LIFState | None = None) -> tuple[Tensor, LIFState]:
    """``functional.lif_seq`` by the code that was asked for (``nn.backend``), or that pays.

    Raises
    ------
    ValidationError
        If a kernel was asked for that does not exist.
    """
    asked, missing = chosen_backend(), why_no_kernel(params, a)
    if asked == "numba" and missing:
        raise ValidationError(
            f"LIFLayer: backend('numba') was asked for, but there is no kernel, since "
            f"{missing}; leave the choice to backend('auto')"
        )
    small = a.numel() < PAYS and not torch.compiler.is_compiling()
    if asked == "reference" or missing or (asked == "auto" and small):
        return functional.lif_seq(a, params, state)
    return lif_seq(a, params, state)


def why_no_kernel(params: LIFParams, a: Tensor | None = None) -> str | None:
    """Why there is no kernel, in words; None where there is one.

    Parameters
    ----------
    params : LIFParams
    a : tensor, optional
        Input, where it is known.
    """
    if surrogate_code(params.surrogate) is None:
        return f"the surrogate {type(params.surrogate).__name__} is Python of yours"
    if a is not None and a.device.type != "cpu":
        return f"the input is on {a.device}"
    if a is not None and a.dtype not in (torch.float32, torch.float64):
        return f"the input is {a.dtype}"
    return None


def lif_seq(a: Tensor, params: LIFParams, state: LIFState | None = None) -> tuple[Tensor, LIFState]:
    """``functional.lif_seq`` by compiled kernels, with the same bits, forward and backward.

    Parameters, results and state are those of ``functional.lif_seq``; the input has to be float32
    or float64, on the CPU, and the surrogate has to have a code.
    """
    now = lif_init(a.new_zeros(a.shape[1:]), params) if state is None else state
    s, v, i, refr = _lif_seq(*Neurons.of(a, params, now))
    return s, LIFState(v, None if now.i is None else i, None if now.refr is None else refr)


@torch.library.custom_op(
    "spikesim::lif_seq", mutates_args=(),
    schema=f"({ARGUMENTS}) -> (Tensor, Tensor, Tensor, Tensor)",
)  # fmt: skip
def _lif_seq(*args: Any) -> tuple[Tensor, ...]:
    """Spikes (T, B, ...) and the state after the last tick; parts it lacks have no elements."""
    neurons = Neurons(*args)
    v, i, refr = neurons.state()
    s = memory.empty(neurons.x.shape, neurons.x.dtype)
    LIFKernels(neurons).forward(rows(neurons.x), (flat(v), flat(i), flat(refr)), rows(s))
    return s, v, i, refr


class LIFKernels:
    """Kernels of some neurons, and the constants these are given.

    Parameters
    ----------
    neurons : Neurons
        Whose input is the current.
    """

    def __init__(self, neurons: Neurons) -> None:
        self.neurons = neurons
        self._surrogate = neurons.surrogate, kind_of(neurons.x)(neurons.slope)
        self._numbers = neurons.plain_numbers() if neurons.plain else ()
        self._constants = () if neurons.plain else neurons.constants()

    def forward(self, x: Any, state: Any, s: Any, part: tuple[int, int] | None = None) -> None:
        """Write the spikes (T, m) of currents and change the state, three arrays (m,).

        ``part`` : the neurons, first and last + 1, that the columns of ``x`` are of.
        """
        from spikesim.kernels.train.lif import lif_forward  # loads the compiler
        from spikesim.kernels.train.lif_plain import plain_forward

        v, first = state[0], part[0] if part else 0
        run: Any
        args: tuple[Any, ...]
        if self.neurons.plain:
            run, args = plain_forward, (x, first, self._numbers, v, s)
        else:
            run, args = lif_forward, (x, first, *self._constants, self.neurons.kind, *state, s)
        if part:
            run(*part, TILE[1], *args)
        else:
            in_parts(run, v.size, TILE[1], len(x), *args)

    def backward(
        self, x: Any, state: Any, grads: Any, gx: Any, sums: Any, needed: Sequence[bool],
        part: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        """Go back, as `kernels.train.lif.lif_backward` says.

        ``grads`` : of spikes, membranes and currents; ``needed`` : of ``kinds.LEARNED``.
        """
        from spikesim.kernels.train.lif import lif_backward
        from spikesim.kernels.train.lif_plain import plain_backward

        neurons, n, first = self.neurons, len(x), part[0] if part else 0
        run: Any
        args: tuple[Any, ...]
        (v, *_), (gs, gv, _) = state, grads
        if neurons.plain and len(gx):
            run, tile, cost = plain_backward, neurons.tile(1), 2 * n
            args = (x, first, self._numbers, *self._surrogate, v, gs, gv, gx)
        else:
            run, tile, cost = lif_backward, neurons.tile(3), 4 * n
            args = (
                x, first, *(self._constants or neurons.constants()), neurons.kind,
                *self._surrogate, neurons.places(needed), *state, *grads, gx, sums,
            )  # fmt: skip
        if part:
            run(*part, tile, *args)
        else:
            in_parts(run, v.size, tile, cost, *args)


@torch.library.custom_op(
    "spikesim::lif_seq_backward", mutates_args=(),
    schema=f"(Tensor? gs, Tensor? gv, Tensor? gi, {ARGUMENTS}, bool[] needed) -> Tensor[]",
)  # fmt: skip
def _lif_seq_backward(
    gs: Tensor | None, gv: Tensor | None, gi: Tensor | None, *args: Any
) -> list[Tensor]:
    """Gradients of x, v, i and ``kinds.LEARNED``; what is not needed has no elements."""
    neurons, needed = Neurons(*args[:-1]), args[-1]
    x = neurons.x
    learned: list[Any] = [neurons[k] for k, need in zip(LEARNED, needed[3:], strict=True) if need]
    v, i, refr = neurons.state()
    # -0.0 is nothing to add; 0.0 would turn a sum of -0.0 around.
    nothing = torch.full_like(v, -0.0)
    gx = memory.empty(x.shape if needed[0] else (0, *x.shape[1:]), x.dtype)
    gv = fresh(nothing if gv is None else gv)
    gi = x.new_empty(0) if neurons.i is None else fresh(nothing if gi is None else gi)
    gs = nothing[None] if gs is None else once_if_constant(gs)
    sums = memory.empty((len(learned), *v.shape), x.dtype).fill_(-0.0)
    state, grads = (flat(v), flat(i), flat(refr)), (rows(gs), flat(gv), flat(gi))
    LIFKernels(neurons).backward(rows(x), state, grads, rows(gx), rows(sums), needed[3:])
    found = iter(summed(total, of.shape) for total, of in zip(sums, learned, strict=True))
    return [
        gx, gv if needed[1] else x.new_empty(0), gi if needed[2] else x.new_empty(0),
        *(next(found) if need else x.new_empty(0) for need in needed[3:]),
    ]  # fmt: skip


@_lif_seq.register_fake
def _shapes(*args: Any) -> tuple[Tensor, ...]:
    x, v, i, refr = args[:4]
    return (
        x.new_empty(x.shape),
        v.new_empty(v.shape),
        x.new_empty(0 if i is None else i.shape),
        x.new_empty(0 if refr is None else refr.shape, dtype=torch.int32),
    )


@_lif_seq_backward.register_fake
def _shapes_backward(gs: Any, gv: Any, gi: Any, *args: Any) -> list[Tensor]:
    *neurons, needed = args
    of = [neurons[k] for k in (0, 1, 2, *LEARNED)]
    x = of[0]
    found = [x.new_empty(t.shape if need else 0) for t, need in zip(of, needed, strict=True)]
    if not needed[0]:
        found[0] = x.new_empty((0, *x.shape[1:]))
    return found


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(output[3])
    ctx.save_for_backward(*inputs[:13])
    ctx.rest = inputs[13:]


def _backward(ctx: Any, gs: Tensor | None, gv: Tensor | None, gi: Tensor | None, _: Any) -> Any:
    needed = [bool(ctx.needs_input_grad[k]) for k in (0, 1, 2, *LEARNED)]
    needed[-1] &= bool(ctx.rest[2] & kinds.SOFT)  # nothing else depends on its amount
    saved = ctx.saved_tensors  # once: torch.utils.checkpoint gives them a single time
    if saved[2] is None:
        gi = None
    found = _lif_seq_backward(gs, gv, gi, *saved, *ctx.rest, needed)
    grads: list[Tensor | None] = [None] * len(Neurons._fields)
    for k, need, grad in zip((0, 1, 2, *LEARNED), needed, found, strict=True):
        grads[k] = grad if need else None
    return tuple(grads)


def once_if_constant(gs: Tensor) -> Tensor:
    """One tick of a gradient that is the same in all, as that of a count is."""
    return gs[:1] if len(gs) and gs.stride(0) == 0 else gs


_lif_seq.register_autograd(_backward, setup_context=_setup)
