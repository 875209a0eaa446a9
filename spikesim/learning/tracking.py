# SPDX-License-Identifier: Apache-2.0
"""The rule of the hardware core: weights track the pre trace at the target's spikes."""

from __future__ import annotations

from dataclasses import dataclass

from spikesim.learning.rule import PlasticityRule, SpikeTrace
from spikesim.units import ms


@dataclass(frozen=True)
class TrackingRule(PlasticityRule):
    """Weight tracks trace: changes at the target's spikes only, and bounds itself.

    ::

        target fires:  dw = rate (a x - b w - c)

    so that w goes to (a <x> - c) / b, where <x> is the mean trace at the target's spikes,
    within 1 / (rate b) spikes. This is the learning rule of the integer core without its
    rounding: there a, b, c are Ap, Bp, Cp and rate is 2**-sh.

    Parameters
    ----------
    w_max, w_min : float
        Bounds, in the unit of the weight.
    rate : float
        Step size, > 0.
    a, b, c : float
        Weight per trace, pull towards 0, and constant depression (unit of the weight).
    tau : float
        Time constant of the trace in seconds.
    step, top : float
        Growth of the trace at an arrival, and its largest value.

    Examples
    --------
    >>> TrackingRule(w_max=127.0, a=1.0, b=2.0, step=32.0, top=255.0).on_post()
    'w = w + rate * (a * x - b * w - c)'
    """

    w_max: float
    rate: float = 1 / 64
    a: float = 1.0
    b: float = 1.0
    c: float = 0.0
    tau: float = 8 * ms
    step: float = 1.0
    top: float = float("inf")
    w_min: float = 0.0

    @property
    def pre_traces(self) -> tuple[SpikeTrace, ...]:
        """SpikeTrace of the arrivals, saturating."""
        return (SpikeTrace("x", self.tau, by=self.step, top=self.top),)

    def constants(self) -> dict[str, float]:
        """Numbers of the equation."""
        return {"rate": self.rate, "a": self.a, "b": self.b, "c": self.c}

    def on_post(self) -> str:
        """Step towards the trace."""
        return "w = w + rate * (a * x - b * w - c)"
