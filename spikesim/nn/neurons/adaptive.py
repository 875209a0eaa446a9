# SPDX-License-Identifier: Apache-2.0
"""Neurons whose threshold rises with their own spikes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spikesim import neurons
from spikesim.errors import ValidationError
from spikesim.nn.arithmetic.exact import spread
from spikesim.nn.functional import LIFState, lif_check, lif_step
from spikesim.nn.neurons import legal
from spikesim.nn.neurons.learned import Granularity, LearnedConstant
from spikesim.nn.neurons.lif import Constant, LIFLayer, full_precision
from spikesim.nn.neurons.shapes import broadcast, flat
from spikesim.nn.time.stateful import Stateful

_ADAPTATION = {
    "theta_plus": LearnedConstant(
        "theta_plus", "theta_plus", legal.from_positive, legal.positive, low=0.0
    ),
    "rho": LearnedConstant("rho", "rho", legal.from_share, legal.share, low=0.0, high=1.0),
}


class ALIFState(NamedTuple):
    """What adaptive neurons carry from tick to tick.

    Attributes
    ----------
    lif : LIFState
        Membrane, current and refractory ticks.
    theta : float tensor, shape (B, ...)
        By how much the threshold is raised, after the last tick.
    """

    lif: LIFState
    theta: Tensor


class ALIFLayer(Stateful):
    """Leaky integrate-and-fire layer with an adaptive threshold, time first.

    ::

        theta = rho theta;   the tick of LIFLayer with threshold v_th + theta, which gives s;
        theta = theta + theta_plus s

    These are the ticks of ``neurons.AdaptiveLIF``, which is what is exported, and of
    ``neurons.ALIF`` but for rounding. Soft reset takes off ``v_th``, without theta, unless a
    ``reset_amount`` is given. The core has no such neuron.

    Parameters
    ----------
    shape : int or sequence of int, optional
        Neurons, as of `LIFLayer`.
    theta_plus : float or array
        By how much a spike raises the threshold; 0 or more.
    rho : float or array
        Decay of that per tick, 0 to 1.
    reset : {"hard", "soft", "none"}
        What a spike does to the membrane.
    learn : sequence of str, or mapping of str to {"neuron", "channel", "layer"}
        Names of `LIFLayer`, and ``theta_plus`` (stays above 0) and ``rho`` (between 0 and 1).
    **lif : keyword arguments
        Of `LIFLayer`.

    Raises
    ------
    ValidationError
        As `LIFLayer`, and if theta_plus is negative or rho not between 0 and 1.

    References
    ----------
    Bellec, Salaj, Subramoney, Legenstein, Maass: Long short-term memory and learning-to-learn in
    networks of spiking neurons. NeurIPS 2018, eqs. (1)-(2). Before a decay theta is their
    ``beta b / rho``, so ``theta_plus = beta (1 - rho) / rho``.

    Examples
    --------
    >>> layer = ALIFLayer(1, beta=0.0, theta_plus=0.5, rho=0.5)
    >>> layer(torch.full((4, 1, 1), 1.25)).flatten().tolist()
    [1.0, 1.0, 0.0, 1.0]
    """

    def __init__(
        self,
        shape: int | Sequence[int] | None = None,
        *,
        theta_plus: Constant = 0.1,
        rho: Constant = 0.995,
        reset: Any = "soft",
        learn: Sequence[str] | Mapping[str, Granularity] = (),
        **lif: Any,
    ) -> None:
        super().__init__()
        names = [learn] if isinstance(learn, str) else learn
        asked: dict[str, Granularity] = (
            dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, "neuron")
        )
        own = {name: asked.pop(name) for name in list(asked) if name in _ADAPTATION}
        self.lif = LIFLayer(shape, reset=reset, learn=asked, **lif)
        if own and self.shape is None:
            raise ValidationError(f"ALIFLayer: learn={sorted(own)} needs the shape of the layer")
        self._own = tuple(own)
        for name, given, high in (("theta_plus", theta_plus, np.inf), ("rho", rho, 1.0)):
            value = np.asarray(broadcast(name, given, self.shape, "ALIFLayer"), dtype=np.float64)
            if not ((value >= 0.0) & (value <= high)).all():
                raise ValidationError(
                    f"ALIFLayer: expected {name} from 0 to {high:g}, got {float(value.min()):g} to "
                    f"{float(value.max()):g}"
                )
            constant = torch.tensor(value)
            if name in own:
                how = _ADAPTATION[name]
                raw = how.start(constant, own[name], self.shape or ())
                self.register_parameter(how.parameter, torch.nn.Parameter(raw.float()))
            else:
                self.register_buffer(name, constant)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Neurons; None where the shape is left open."""
        return self.lif.shape

    def canonical(self) -> neurons.AdaptiveLIF:
        """Give the same neuron as plain data (float64), for export; see `LIFLayer.canonical`."""
        values = {
            name: flat(value.numpy(force=True).astype(np.float64), self.shape)
            for name, value in ((name, self._value(name)) for name in _ADAPTATION)
        }
        return neurons.AdaptiveLIF.of(self.lif.canonical(), **values)

    def init(self, x: Tensor) -> ALIFState:
        """State before the first tick, for one tick's input of shape (B, ...)."""
        lif = self.lif.init(x)
        return ALIFState(lif, torch.zeros_like(lif.v))

    def step(self, x: Tensor, state: ALIFState) -> tuple[Tensor, ALIFState]:
        """One tick: spikes for input (B, ...), and the new state."""
        self.lif._expect(x, 1)
        drive = full_precision(x)
        params = self.lif.params(drive)
        lif_check(state.lif, drive, params)
        params = params.spread(x.shape)
        theta = self._constant("rho", drive) * state.theta
        amount = params.v_th if params.reset_amount is None else params.reset_amount
        raised = replace(params, v_th=params.v_th + theta, reset_amount=amount)
        s, lif = lif_step(drive, state.lif, raised)
        return s.to(x.dtype), ALIFState(lif, theta + self._constant("theta_plus", drive) * s)

    def extra_repr(self) -> str:
        """Give what adapts."""
        shown = []
        for name in _ADAPTATION:
            value = self._value(name).detach()
            low, high = float(value.min()), float(value.max())
            how = " (learned)" if name in self._own else ""
            shown.append(f"{name}={low:g}{'' if low == high else f'..{high:g}'}{how}")
        return ", ".join(shown)

    def _value(self, name: str) -> Tensor:
        if name not in self._own:
            return self.get_buffer(name)
        how = _ADAPTATION[name]
        return how.value(self.get_parameter(how.parameter))

    def _constant(self, name: str, like: Tensor) -> Tensor:
        value = self._value(name).to(like.dtype)
        return spread(value, like.shape) if value.requires_grad else value
