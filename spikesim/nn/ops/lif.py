# SPDX-License-Identifier: Apache-2.0
"""All ticks of a population of LIF neurons as one operator, ``spikesim::lif_seq``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.kernels.train import kinds
from spikesim.nn.exact import summed
from spikesim.nn import functional
from spikesim.nn.functional import LIFParams, LIFState, lif_init
from spikesim.nn.ops import memory
from spikesim.nn.ops.backend import chosen_backend
from spikesim.nn.surrogate import surrogate_code

_SCRATCH = 1 << 19
"""Bytes that a tile takes through all ticks on the way back; they stay in the second cache."""
_TILE = 128, 1024
"""Least and most elements of a tile."""
_PLAIN = kinds.HARD | kinds.SOFT | kinds.STRICT | kinds.DETACH | kinds.JUMPS
"""What a neuron of the plain kernels may have."""


class _Neurons(NamedTuple):
    """Arguments of both operators that tell input, state and neurons.

    A constant is a tensor that broadcasts against the shape of a tick, or else the entry of
    ``numbers`` at its place, where nan stands for none.
    """

    x: Tensor
    v: Tensor
    i: Tensor | None
    refr: Tensor | None
    beta: Tensor | None
    alpha: Tensor | None
    gain: Tensor | None
    bias: Tensor | None
    v_th: Tensor | None
    v_reset: Tensor | None
    reset_amount: Tensor | None
    v_floor: Tensor | None
    refractory_ticks: Tensor | None
    numbers: Sequence[float]
    ticks: int
    kind: int
    surrogate: int
    slope: float


_CONSTANTS = _Neurons._fields[4:12]
_LEARNED = [_Neurons._fields.index(name) for name in kinds.LEARNED]
_ARGUMENTS = (
    "Tensor x, Tensor v, Tensor? i, Tensor? refr, "
    + ", ".join(f"Tensor? {name}" for name in (*_CONSTANTS, "refractory_ticks"))
    + ", float[] numbers, int ticks, int kind, int surrogate, float slope"
)


_PAYS = 1024
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
    small = a.numel() < _PAYS and not torch.compiler.is_compiling()
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
    given = [getattr(params, name) for name in _CONSTANTS]
    code, surrogate = surrogate_code(params.surrogate), params.surrogate
    assert code is not None, surrogate
    ticks = params.refractory_ticks
    of_all = not isinstance(ticks, Tensor)
    s, v, i, refr = _lif_seq(
        a, now.v, now.i, now.refr,
        *(value if isinstance(value, Tensor) else None for value in given),
        None if of_all else ticks, [_number(value) for value in given],
        int(ticks) if of_all else 0, _kind(params), int(code), float(surrogate.slope),
    )  # fmt: skip
    return s, LIFState(v, None if now.i is None else i, None if now.refr is None else refr)


def _number(value: Tensor | float | None) -> float:
    return math.nan if value is None or isinstance(value, Tensor) else float(value)


def _kind(params: LIFParams) -> int:
    moved = isinstance(params.v_reset, Tensor) or params.v_reset != 0.0
    parts = {
        kinds.HARD: params.reset == "hard",
        kinds.SOFT: params.reset == "soft",
        kinds.STRICT: params.strict,
        kinds.DETACH: params.detach_reset,
        kinds.CURRENT: params.has_current,
        kinds.HOLD: params.has_refractory and params.refractory == "hold",
        kinds.GATE: params.has_refractory and params.refractory == "gate",
        kinds.FLOORED: params.v_floor is not None,
        kinds.JUMPS: params.reset == "hard" and moved,
    }
    return sum(bit for bit, on in parts.items() if on)


@torch.library.custom_op(
    "spikesim::lif_seq", mutates_args=(),
    schema=f"({_ARGUMENTS}) -> (Tensor, Tensor, Tensor, Tensor)",
)  # fmt: skip
def _lif_seq(*args: Any) -> tuple[Tensor, ...]:
    """Spikes (T, B, ...) and the state after the last tick; parts it lacks have no elements."""
    from spikesim.kernels.train import lif as kernels  # loads the compiler
    from spikesim.kernels.train import lif_plain as plain

    neurons = _Neurons(*args)
    state = _state(neurons)
    s = memory.empty(neurons.x.shape, neurons.x.dtype)
    x, v, out = _rows(neurons.x), _flat(state[0]), _rows(s)
    constants, ticks = _constants(neurons)
    if _is_plain(neurons):
        plain.plain_forward(x, *_numbers(neurons, constants), 0, v.size, _TILE[1], v, out)
    else:
        kernels.lif_forward(
            x, constants, ticks, neurons.kind, 0, v.size, _TILE[1], *map(_flat, state), out
        )
    return (s, *state)


@torch.library.custom_op(
    "spikesim::lif_seq_backward", mutates_args=(),
    schema=f"(Tensor? gs, Tensor? gv, Tensor? gi, {_ARGUMENTS}, bool[] needed) -> Tensor[]",
)  # fmt: skip
def _lif_seq_backward(
    gs: Tensor | None, gv: Tensor | None, gi: Tensor | None, *args: Any
) -> list[Tensor]:
    """Gradients of x, v, i and ``kinds.LEARNED``; what is not needed has no elements."""
    from spikesim.kernels.train import lif as kernels
    from spikesim.kernels.train import lif_plain as plain

    neurons, needed = _Neurons(*args[:-1]), args[-1]
    x = neurons.x
    learned = [neurons[k] for k, need in zip(_LEARNED, needed[3:], strict=True) if need]
    before = _state(neurons)
    # -0.0 is nothing to add; 0.0 would turn a sum of -0.0 around.
    nothing = torch.full_like(before[0], -0.0)
    gx = memory.empty(x.shape if needed[0] else (0, *x.shape[1:]), x.dtype)
    gv = nothing.clone() if gv is None else gv.clone(memory_format=torch.contiguous_format)
    if neurons.i is None:
        gi = x.new_empty(0)
    else:
        gi = nothing.clone() if gi is None else gi.clone(memory_format=torch.contiguous_format)
    sums = torch.full((len(learned), *nothing.shape), -0.0, dtype=x.dtype)
    rows, out, gs_rows = _rows(x), _rows(gx), _rows(_over_time(gs, nothing))
    constants, ticks = _constants(neurons)
    code, slope = neurons.surrogate, rows.dtype.type(neurons.slope)
    if _is_plain(neurons) and needed[0]:
        plain.plain_backward(
            rows, *_numbers(neurons, constants), code, slope, 0, nothing.numel(), _tile(x, 1),
            _flat(before[0]), gs_rows, _flat(gv), out,
        )  # fmt: skip
    else:
        kernels.lif_backward(
            rows, constants, ticks, neurons.kind, code, slope, _places(neurons, needed[3:]),
            0, nothing.numel(), _tile(x, 3), *map(_flat, before), gs_rows, _flat(gv), _flat(gi),
            out, _rows(sums),
        )  # fmt: skip
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
    of = [neurons[k] for k in (0, 1, 2, *_LEARNED)]
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
    needed = [bool(ctx.needs_input_grad[k]) for k in (0, 1, 2, *_LEARNED)]
    needed[-1] &= bool(ctx.rest[2] & kinds.SOFT)  # nothing else depends on its amount
    if ctx.saved_tensors[2] is None:
        gi = None
    found = _lif_seq_backward(gs, gv, gi, *ctx.saved_tensors, *ctx.rest, needed)
    grads: list[Tensor | None] = [None] * len(_Neurons._fields)
    for k, need, grad in zip((0, 1, 2, *_LEARNED), needed, found, strict=True):
        grads[k] = grad if need else None
    return tuple(grads)


_lif_seq.register_autograd(_backward, setup_context=_setup)


def _state(neurons: _Neurons) -> tuple[Tensor, Tensor, Tensor]:
    """Copies of the state that kernels may change."""
    parts = (neurons.v, neurons.i, neurons.refr)
    v, i, refr = (
        None if part is None else part.detach().clone(memory_format=torch.contiguous_format)
        for part in parts
    )
    return (
        v,
        neurons.x.new_empty(0) if i is None else i,
        neurons.x.new_empty(0, dtype=torch.int32) if refr is None else refr,
    )


def _rows(x: Tensor) -> np.ndarray:
    """View as (T, elements of a tick)."""
    array: np.ndarray = x.detach().contiguous().numpy()
    return array.reshape(len(array), math.prod(array.shape[1:]))


def _flat(x: Tensor) -> np.ndarray:
    array: np.ndarray = x.numpy().reshape(-1)
    return array


def _over_time(gs: Tensor | None, nothing: Tensor) -> Tensor:
    """Gradient of the spikes; one tick of it where it is the same in all, as that of a count."""
    if gs is None:
        return nothing[None]
    return gs[:1] if gs.stride(0) == 0 and len(gs) else gs


def _constants(neurons: _Neurons) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the constants, per neuron or one for all, and refractory ticks."""
    shape = neurons.x.shape[2:]
    several = [t for t in neurons[4:13] if t is not None]
    width = max(1, math.prod(shape)) if several else 1
    kind = _rows(neurons.x[:0]).dtype
    values: dict[str, Any] = {}
    for name, number in zip(_CONSTANTS, neurons.numbers, strict=True):
        tensor = getattr(neurons, name)
        values[name] = number if tensor is None else _spread(tensor, shape)
    if neurons.kind & kinds.SOFT:
        of_th = neurons.reset_amount is None and math.isnan(values["reset_amount"])
        jump = -np.asarray(values["v_th" if of_th else "reset_amount"])
    else:
        jump = values["v_reset"] if neurons.kind & kinds.JUMPS else -0.0
    bias = values["bias"]
    if neurons.bias is None and bias == 0.0:
        bias = -0.0
    floor = values["v_floor"] if neurons.kind & kinds.FLOORED else -math.inf
    rows = np.empty((7, width), kind)
    for row, value in zip(
        rows,
        (values["beta"], values["alpha"], values["gain"], bias, values["v_th"], jump, floor),
        strict=True,
    ):
        row[:] = value
    own = neurons.refractory_ticks
    ticks = [neurons.ticks] if own is None else _spread(own, shape)
    return rows, np.array(ticks, np.int32)


def _is_plain(neurons: _Neurons) -> bool:
    """Whether the plain kernels do: numbers for all, and no gradient through the reset."""
    kind = neurons.kind
    detached = kind & kinds.DETACH or not kind & (kinds.HARD | kinds.SOFT)
    return bool(detached) and not kind & ~_PLAIN and all(t is None for t in neurons[4:13])


def _numbers(neurons: _Neurons, constants: np.ndarray) -> tuple[Any, ...]:
    """Constants as the plain kernels take them."""
    beta, _, gain, bias, v_th, jump, _ = constants[:, 0]
    one, zero = constants.dtype.type(1.0), constants.dtype.type(0.0)
    hard = one if neurons.kind & kinds.HARD else zero
    return beta, gain, bias, v_th, jump, hard, zero if neurons.kind & kinds.STRICT else one


def _tile(x: Tensor, rows: int) -> int:
    """Elements whose ``rows`` values of every tick fit into the scratch."""
    fitting = _SCRATCH // max(1, rows * x.shape[0] * x.itemsize) // 64 * 64
    return int(min(max(fitting, _TILE[0]), _TILE[1]))


def _spread(tensor: Tensor, shape: Sequence[int]) -> np.ndarray:
    array: np.ndarray = np.broadcast_to(tensor.detach().numpy(), tuple(shape)).reshape(-1)
    return array


def _places(neurons: _Neurons, needed: Sequence[bool]) -> np.ndarray:
    """Row of the sums for each of what is learned; a soft reset by the threshold adds to its."""
    places = np.where(needed, np.cumsum(needed) - 1, -1)
    follows = neurons.reset_amount is None and math.isnan(neurons.numbers[6])
    if neurons.kind & kinds.SOFT and follows:
        places[5] = places[4]
    elif not neurons.kind & kinds.SOFT:
        places[5] = -1
    return places.astype(np.int64)
