# SPDX-License-Identifier: Apache-2.0
"""The canonical LIF as pure functions of input and state, time first.

The update is that of ``neurons.LIF``; it is written once, in `lif_step`. Modules hold parameters,
never formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

import torch
from torch import Tensor

from spikesim.errors import ValidationError
from spikesim.neurons.firing import Refractory, Reset
from spikesim.nn.arithmetic.exact import spread
from spikesim.nn.arithmetic.surrogate import ATan, Surrogate, spike


class LIFState(NamedTuple):
    """What a population carries from tick to tick.

    Attributes
    ----------
    v : float tensor, shape (B, ...)
        Membrane after reset.
    i : float tensor, shape (B, ...), or None
        Synaptic current; None for delta synapses (``alpha == 0``).
    refr : int32 tensor, shape (B, ...), ticks, or None
        Refractory ticks left; None for neurons that have none.
    """

    v: Tensor
    i: Tensor | None = None
    refr: Tensor | None = None


@dataclass(frozen=True)
class LIFParams:
    """Values `lif_step` needs; tensors broadcast against (B, ...).

    Fields are those of ``neurons.LIF``; ``detach_reset`` keeps the reset out of the gradient.
    """

    beta: Tensor | float
    alpha: Tensor | float = 0.0
    gain: Tensor | float = 1.0
    bias: Tensor | float = 0.0
    v_th: Tensor | float = 1.0
    v_reset: Tensor | float = 0.0
    reset: Reset = "hard"
    reset_amount: Tensor | float | None = None
    refractory_ticks: Tensor | int = 0
    refractory: Refractory = "hold"
    v_init: Tensor | float = 0.0
    v_floor: Tensor | float | None = None
    strict: bool = False
    detach_reset: bool = True
    surrogate: Surrogate = field(default_factory=ATan)

    @property
    def has_current(self) -> bool:
        """Whether a synaptic current has to be kept between ticks."""
        return not _is(self.alpha, 0.0)

    @property
    def has_refractory(self) -> bool:
        """Whether refractory ticks have to be counted."""
        return not _is(self.refractory_ticks, 0)

    def spread(self, shape: Sequence[int]) -> LIFParams:
        """Give learned values the shape of one tick, so that their gradients are summed exactly."""
        learned = {
            f.name: spread(value, shape)
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), Tensor) and value.requires_grad
        }
        return replace(self, **learned) if learned else self


def lif_init(a: Tensor, params: LIFParams) -> LIFState:
    """State before the first tick, for one tick's input ``a`` of shape (B, ...)."""
    zeros = torch.zeros_like(a)
    return LIFState(
        zeros if _is(params.v_init, 0.0) else zeros + params.v_init,
        torch.zeros_like(a) if params.has_current else None,
        torch.zeros_like(a, dtype=torch.int32) if params.has_refractory else None,
    )


def lif_check(state: LIFState, a: Tensor, params: LIFParams) -> None:
    """Refuse a state that is not one of these neurons for input like ``a``, shape (B, ...).

    Raises
    ------
    ValidationError
        If it lacks a part, has one too many, or is of another shape, type or device.
    """
    problem = None
    if not isinstance(state, LIFState):
        problem = f"a {type(state).__name__}"
    elif (state.i is not None, state.refr is not None) != (
        params.has_current,
        params.has_refractory,
    ):
        parts = [name for name in ("v", "i", "refr") if getattr(state, name) is not None]
        problem = f"one with {', '.join(parts)}"
    elif wrong := [part.shape for part in state if part is not None and part.shape != a.shape]:
        problem = f"one of shape {tuple(wrong[0])}"
    elif (state.v.dtype, state.v.device) != (a.dtype, a.device):
        problem = f"one of {state.v.dtype} on {state.v.device}"
    if problem:
        raise ValidationError(
            f"LIFLayer: expected a state of shape {tuple(a.shape)} and {a.dtype} on {a.device}, as "
            f"this layer handed back, got {problem}; begin anew without a state (nn.reset)"
        )


def lif_step(a: Tensor, state: LIFState, params: LIFParams) -> tuple[Tensor, LIFState]:
    """One tick of the canonical neuron.

    Parameters
    ----------
    a : float tensor, shape (B, ...)
        Sum of the weights due in this tick.
    state : LIFState
        State after the previous tick.
    params : LIFParams
        Parameters.

    Returns
    -------
    spikes : float tensor of 0 and 1, shape (B, ...)
    state : LIFState
    """
    i = a if state.i is None else params.alpha * state.i + a
    h = params.beta * state.v + (i if _is(params.gain, 1.0) else params.gain * i)
    if not _is(params.bias, 0.0):
        h = h + params.bias
    if params.v_floor is not None:
        h = torch.clamp(h, min=params.v_floor)
    free = None if state.refr is None else state.refr == 0
    if free is not None and params.refractory == "hold":
        h = torch.where(free, h, state.v)
    s = spike(h - params.v_th, params.surrogate, params.strict)
    if free is not None:
        s = s * free
    v = lif_reset(h, s, params)
    return s, LIFState(v, None if state.i is None else i, lif_refractory(state.refr, s, params))


def lif_refractory(refr: Tensor | None, s: Tensor, params: LIFParams) -> Tensor | None:
    """Refractory ticks left after a tick with spikes ``s``."""
    if refr is None:
        return None
    return torch.where(s > 0, params.refractory_ticks, (refr - 1).clamp_(min=0))


def lif_reset(h: Tensor, s: Tensor, params: LIFParams) -> Tensor:
    """Membrane after the reset that spikes ``s`` cause on ``h``; integers and floats alike."""
    fired = s.detach() if params.detach_reset else s
    if params.reset == "soft":
        amount = params.v_th if params.reset_amount is None else params.reset_amount
        return h - fired * amount
    if params.reset == "hard":
        kept = h * (1.0 - fired)
        return kept if _is(params.v_reset, 0.0) else kept + fired * params.v_reset
    return h


def lif_seq(a: Tensor, params: LIFParams, state: LIFState | None = None) -> tuple[Tensor, LIFState]:
    """All ticks of the canonical neuron.

    Parameters
    ----------
    a : float tensor, shape (T, B, ...)
        Input per tick.
    params : LIFParams
        Parameters.
    state : LIFState, optional
        State before the first tick; that of `lif_init` by default.

    Returns
    -------
    spikes : float tensor, shape (T, B, ...)
    state : LIFState
        After the last tick.
    """
    # unbind, not a[t]: indexing time under autograd zero-fills [T, B, n] once per tick.
    ticks = a.unbind(0)
    params = params.spread(a.shape[1:])
    now = lif_init(a.new_zeros(a.shape[1:]), params) if state is None else state
    spikes = []
    for tick in ticks:
        s, now = lif_step(tick, now, params)
        spikes.append(s)
    return torch.stack(spikes) if spikes else torch.zeros_like(a), now


def _is(value: Tensor | float | None, constant: float) -> bool:
    return not isinstance(value, Tensor) and value == constant
