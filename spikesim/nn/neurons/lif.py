# SPDX-License-Identifier: Apache-2.0
"""Leaky integrate-and-fire neurons as a torch layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from spikesim import neurons
from spikesim.errors import ValidationError
from spikesim.neurons.firing import Refractory, Reset
from spikesim.nn.arithmetic.surrogate import ATan, Surrogate
from spikesim.nn.functional import LIFParams, LIFState, lif_check, lif_init, lif_step
from spikesim.nn.neurons.constants import WithConstants, without_address
from spikesim.nn.neurons.learned import (
    LEARNABLE,
    Granularity,
    LearnedConstant,
    Tied,
    names_to_learn,
)
from spikesim.nn.neurons.shapes import broadcast, flat, shape_of
from spikesim.nn.ops.lif import run_lif
from spikesim.nn.time.stateful import Stateful

Constant = float | Sequence[float] | np.ndarray

_NUMBERS = (
    "beta", "alpha", "gain", "bias", "v_th", "v_reset", "reset_amount", "refractory_ticks",
    "v_init", "v_floor",
)  # fmt: skip


class LIFLayer(WithConstants, Stateful):
    """Canonical leaky integrate-and-fire layer, time first.

    The equations are those of ``neurons.LIF``, whose fields the parameters are. Each is one number
    for all, one per channel (the first axis of a shape of several), or one per neuron.

    Input of half precision is run in float32, in which the state stays; spikes have its type.

    Parameters
    ----------
    shape : int or sequence of int, optional
        Neurons: ``n``, ``(channels, n)``, ``(channels, height, width)``, ... Input of another
        shape is refused. Without it any is taken, and what stands in arrays is the last axis.
    beta : float or array
        Membrane decay per tick. Multiples of 1/4096 survive quantization unchanged.
    alpha : float or array
        Current decay per tick; 0 is a delta synapse.
    gain, bias, v_th, v_reset, reset_amount, v_init, v_floor : float or array
        As of ``neurons.LIF``.
    reset : {"hard", "soft", "none"}
        What a spike does to the membrane.
    refractory_ticks : int or array, ticks
        In how many ticks after a spike none is possible.
    refractory : {"hold", "gate"}
        Whether the membrane stands still meanwhile, or only the spike is withheld.
    strict : bool
        Fire above the threshold only.
    dt : float, seconds, or None
        Tick that the constants are for, where they are for one only.
    detach_reset : bool
        Keep the reset out of the gradient.
    surrogate : Surrogate
        Backward derivative of the spike.
    learn : sequence of str, or mapping of str to {"neuron", "channel", "layer"}
        What is trained, among ``beta, alpha, tau_mem, tau_syn, gain, bias, v_th, reset_amount``;
        a value per neuron, unless the mapping says otherwise. ``tau_mem`` and ``tau_syn`` are
        time constants in ticks and stand for ``beta = exp(-1/tau_mem)`` and alpha. Decays stay
        between 0 and 1, time constants, thresholds and reset amounts above 0, whatever the
        optimizer does (``nn.legal``).

    Raises
    ------
    ValidationError
        For values ``neurons.LIF`` refuses, arrays that do not fit the shape, an unknown name in
        ``learn``, ``learn`` without a shape, or a learned value that starts on its border.

    Examples
    --------
    >>> layer = LIFLayer(beta=0.5)
    >>> layer(torch.tensor([[[0.75]], [[0.75]]])).flatten().tolist()
    [0.0, 1.0]
    """

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Refuse the former name of a keyword; the rest is up to ``__init__``."""
        if "threshold" in given:
            raise ValidationError(
                "LIFLayer: the threshold is called v_th, as in neurons.LIF; v_th=..."
            )
        return super().__new__(cls)

    def __init__(
        self,
        shape: int | Sequence[int] | None = None,
        *,
        beta: Constant = 0.9375,
        alpha: Constant = 0.0,
        gain: Constant = 1.0,
        bias: Constant = 0.0,
        v_th: Constant = 1.0,
        v_reset: Constant = 0.0,
        reset: Reset = "hard",
        reset_amount: Constant | None = None,
        refractory_ticks: int | Sequence[int] | np.ndarray = 0,
        refractory: Refractory = "hold",
        v_init: Constant = 0.0,
        v_floor: Constant | None = None,
        strict: bool = False,
        dt: float | None = None,
        detach_reset: bool = True,
        surrogate: Surrogate | None = None,
        learn: Sequence[str] | Mapping[str, Granularity] = (),
    ) -> None:
        super().__init__()
        values: dict[str, Any] = {
            "beta": beta, "alpha": alpha, "gain": gain, "bias": bias, "v_th": v_th,
            "v_reset": v_reset, "reset_amount": reset_amount,
            "refractory_ticks": refractory_ticks, "v_init": v_init, "v_floor": v_floor,
        }  # fmt: skip
        self.shape = shape_of(shape, values)
        full = {key: broadcast(key, value, self.shape) for key, value in values.items()}
        checked = neurons.LIF(
            **{key: flat(value, self.shape) for key, value in full.items()},
            reset=reset, refractory=refractory, strict=strict, dt=dt,
        )  # fmt: skip
        if checked.reset_amount is None and np.isinf(checked.v_th).any():
            # A threshold that is never reached takes nothing off; 0 times itself is no number.
            full["reset_amount"] = np.where(np.isinf(full["v_th"]), 0.0, full["v_th"])
            checked = replace(checked, reset_amount=flat(full["reset_amount"], self.shape))
        self.reset, self.refractory, self.strict = checked.reset, checked.refractory, checked.strict
        self.dt, self.detach_reset = checked.only_dt, detach_reset
        self.surrogate: Surrogate = ATan() if surrogate is None else surrogate
        self._numbers: dict[str, Any] = {}
        for key, value in full.items():
            if np.ndim(value) == 0:
                self._numbers[key] = getattr(checked, key)
            else:
                kind = torch.int32 if key == "refractory_ticks" else torch.float64
                self.register_buffer(key, torch.tensor(np.asarray(value), dtype=kind))
        self._tied: Tied | None = None
        self._tied_to: tuple[str, ...] = ()
        self._learned: dict[str, LearnedConstant] = {}
        for name, granularity in names_to_learn(learn, self.shape).items():
            self._learn(LEARNABLE[name], granularity)

    @classmethod
    def of(
        cls, neuron: neurons.NeuronModel, shape: int | Sequence[int] | None = None, *,
        dt: float | None = None, **options: Any,
    ) -> Self:  # fmt: skip
        """Give the layer of a neuron model that is linear, as ``neurons.LIF``, ``LIFExp``, ...

        Parameters
        ----------
        neuron : NeuronModel
            One with a canonical form (``per_tick``).
        shape : int or sequence of int, optional
            Neurons, as of the class.
        dt : float, seconds, optional
            Tick; needed where the model is in seconds.
        **options
            ``learn``, ``surrogate``, ``detach_reset``.

        Raises
        ------
        ValidationError
            If the model has no canonical form, or needs a dt.

        Examples
        --------
        >>> lif = neurons.LIF.from_time_constants(1e-3, tau_mem=10e-3, method="euler")
        >>> LIFLayer.of(lif, 4).canonical().beta
        0.9
        """
        if not isinstance(neuron, neurons.LIF):
            if dt is None:
                raise ValidationError(
                    f"LIFLayer: {type(neuron).__name__} counts in seconds; expected the tick, "
                    "LIFLayer.of(neuron, shape, dt=1e-3)"
                )
            neuron = neuron.per_tick(dt)
        given = {field.name: getattr(neuron, field.name) for field in fields(neuron)}
        return cls(shape, **given, **options)

    @property
    def n(self) -> int | None:
        """Number of neurons; None where the shape is left open."""
        return None if self.shape is None else math.prod(self.shape)

    @property
    def learned(self) -> tuple[str, ...]:
        """Names of what is trained."""
        return (*self._learned, *self._tied_to)

    def tie(self, constants: Tied, parameters: Mapping[str, torch.nn.Parameter]) -> Self:
        """Make constants functions of parameters that others may use as well; gives the layer.

        Parameters
        ----------
        constants : callable
            Is given the other constants by name, and the parameters as keywords, and gives those
            that follow them. Whatever the parameters are, what it makes of them has to be legal.
        parameters : mapping of str to torch.nn.Parameter
            Become parameters of the layer, with ``raw_`` before their names.

        Examples
        --------
        >>> w = torch.nn.Parameter(torch.tensor(0.0))
        >>> layer = LIFLayer().tie(lambda _, w: {"beta": torch.sigmoid(w)}, {"w": w})
        >>> layer.canonical().beta
        0.5
        """
        self._tied, self._tied_to = constants, tuple(parameters)
        for key, parameter in parameters.items():
            self.register_parameter(_raw(key), parameter)
        for key in self._tie({key: getattr(self.params(), key) for key in _NUMBERS}):
            self._numbers.pop(key, None)
            self._buffers.pop(key, None)
        return self

    def params(self, like: Tensor | None = None) -> LIFParams:
        """Give the current parameters, as `functional.lif_step` takes them.

        Parameters
        ----------
        like : float tensor, optional
            Whose type arrays shall have.
        """
        values: dict[str, Any] = dict(self._numbers)
        for key, buffer in self._buffers.items():
            values[key] = buffer
        for how in self._learned.values():
            values[how.field] = how.value(self._parameters[how.parameter])
        values.update(self._tie(values))
        if like is not None:
            for key, value in values.items():
                if isinstance(value, Tensor) and value.is_floating_point():
                    values[key] = value.to(like.dtype)
        return LIFParams(
            **values, reset=self.reset, refractory=self.refractory, strict=self.strict,
            detach_reset=self.detach_reset, surrogate=self.surrogate,
        )  # fmt: skip

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        """Move to another place or type; constants stay float64, as those that are one number do.

        Rounded to half precision they would be others.
        """
        exact = {name: held for name, held in self._buffers.items() if held is not None}
        super()._apply(fn, recurse)
        for name, held in exact.items():
            now = self._buffers[name]
            if now is not None and now.dtype != held.dtype:
                self._buffers[name] = held.to(now.device)
        return self

    def canonical(self) -> neurons.LIF:
        """Give the same neuron as plain data (float64), for export and quantization.

        Arrays of a shape of several axes become flat, the last axis fastest.
        """
        params = self.params()
        values: dict[str, Any] = {}
        for key in _NUMBERS:
            value = getattr(params, key)
            if isinstance(value, Tensor):
                array = value.detach().cpu().numpy()
                array = array if key == "refractory_ticks" else array.astype(np.float64)
                value = flat(array, self.shape)
            values[key] = value
        return neurons.LIF(
            **values, reset=self.reset, refractory=self.refractory, strict=self.strict, dt=self.dt
        )

    def constants(self) -> dict[str, Any]:
        """Give what a state_dict has to agree in with the layer that loads it.

        Numbers and modes, and of what is a tensor, which kind: values of arrays are loaded, as
        those of parameters are. The slope of the surrogate is left out, which may well change in
        the course of a training.
        """
        kinds: dict[str, Any] = dict.fromkeys(_NUMBERS, "tied")
        kinds |= dict.fromkeys(self._buffers, "array")
        kinds |= {how.field: f"learned as {how.name}" for how in self._learned.values()}
        kinds |= {
            key: value.item() if isinstance(value, np.generic) else value
            for key, value in self._numbers.items()
        }
        tied = {} if self._tied is None else {"tied": without_address(repr(self._tied))}
        return kinds | tied | {
            "reset": self.reset, "refractory": self.refractory, "strict": bool(self.strict),
            "dt": self.dt, "detach_reset": bool(self.detach_reset),
            "surrogate": type(self.surrogate).__name__,
        }  # fmt: skip

    def init(self, x: Tensor) -> LIFState:
        """State before the first tick, for one tick's input of shape (B, ...)."""
        self._expect(x, 1)
        x = full_precision(x)
        return lif_init(x, self.params(x))

    def step(self, x: Tensor, state: LIFState) -> tuple[Tensor, LIFState]:
        """One tick; see `functional.lif_step`."""
        self._expect(x, 1)
        drive = full_precision(x)
        params = self.params(drive)
        lif_check(state, drive, params)
        s, state = lif_step(drive, state, params.spread(x.shape))
        return s.to(x.dtype), state

    def seq(self, x: Tensor, state: LIFState | None = None) -> tuple[Tensor, LIFState]:
        """All ticks, by the code that `nn.backend` asks for; see `functional.lif_seq`."""
        params = self.checked(x, state)
        s, state = run_lif(full_precision(x), params, state)
        return s.to(x.dtype), state

    def checked(self, x: Tensor, state: LIFState | None) -> LIFParams:
        """Refuse input (T, B, ...) or a state that is not of this layer; parameters for it."""
        self._expect(x, 2)
        tick = full_precision(x.new_empty(x.shape[1:]))
        params = self.params(tick)
        if state is not None:
            lif_check(state, tick, params)
        return params

    def extra_repr(self) -> str:
        """Parameters that differ from neuron to neuron are left out, and modes as usual."""
        shown = {k: v for k, v in self._numbers.items() if v is not None}
        shape = self.n if self.shape is None or len(self.shape) == 1 else self.shape
        text = [f"shape={shape}", *(f"{k}={v:g}" for k, v in shown.items())]
        for name, how in self._learned.items():
            value = how.shown(self._parameters[how.parameter].detach())
            text.append(f"{name}={float(value.min()):g}..{float(value.max()):g} (learned)")
        for name, tied in self._tie(vars(self.params())).items():
            value = tied.detach()
            text.append(f"{name}={float(value.min()):g}..{float(value.max()):g} (learned)")
        text += [f"reset={self.reset!r}", f"surrogate={self.surrogate!r}"]
        usual = {"refractory": "hold", "strict": False, "dt": None, "detach_reset": True}
        modes = {key: getattr(self, key) for key in usual}
        return ", ".join([*text, *(f"{k}={v!r}" for k, v in modes.items() if v != usual[k])])

    def _learn(self, how: LearnedConstant, granularity: Granularity) -> None:
        given = getattr(self.params(), how.field)
        if given is None:  # a reset amount that follows the threshold starts there
            given = self.params().v_th
        self._numbers.pop(how.field, None)
        self._buffers.pop(how.field, None)
        start = torch.as_tensor(given, dtype=torch.float64).detach()
        raw = how.start(start, granularity, self.shape or ())
        self.register_parameter(how.parameter, torch.nn.Parameter(raw.float()))
        self._learned[how.name] = how

    def _tie(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        if self._tied is None:
            return {}
        return self._tied(values, **{key: self._parameters[_raw(key)] for key in self._tied_to})

    def _expect(self, x: Tensor, leading: int) -> None:
        axes = ("T", "B")[2 - leading :]
        right = x.ndim > leading if self.shape is None else x.shape[leading:] == self.shape
        if right and x.is_floating_point():
            return
        wanted = ", ".join((*axes, *map(str, self.shape or ("...",))))
        raise ValidationError(
            f"LIFLayer: expected float input of shape ({wanted}), got {x.dtype} of shape "
            f"{tuple(x.shape)}; sequences are for nn.run, single ticks (B, ...) for nn.step"
        )


def _raw(name: str) -> str:
    return f"raw_{name}"


def full_precision(x: Tensor) -> Tensor:
    """Half precision as float32: with 8 bits, a membrane would not feel small weights."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
