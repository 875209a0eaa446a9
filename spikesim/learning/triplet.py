# SPDX-License-Identifier: Apache-2.0
"""Spike-timing-dependent plasticity of spike triplets."""

from __future__ import annotations

from dataclasses import dataclass

from spikesim.learning.rule import PlasticityRule, SpikeTrace
from spikesim.units import ms


@dataclass(frozen=True)
class TripletSTDP(PlasticityRule):
    """Triplet STDP: pairs, and their change by the spike before.

    With the traces r1, r2 of arrivals and o1, o2 of the target's spikes, each as it was
    before the event itself where the event is its own::

        spike arrives:  dw = -(w_max - w_min) o1 (a2_minus + a3_minus r2)
        target fires:   dw = (w_max - w_min) r1 (a2_plus + a3_plus o2)

    Parameters
    ----------
    w_max, w_min : float
        Bounds, in the unit of the weight.
    a2_plus, a2_minus, a3_plus, a3_minus : float
        Amplitudes of pairs and triplets, as a part of w_max - w_min.
    tau_plus, tau_minus, tau_x, tau_y : float
        Time constants of r1, o1, r2, o2 in seconds.
    pairing : {"all", "nearest"}
        Whether all earlier spikes count or the nearest one.

    References
    ----------
    Pfister, Gerstner, J. Neurosci. 26:9673 (2006), eq. 3-4; the default is the minimal model
    for visual cortex, all-to-all, of table 3.
    """

    w_max: float
    a2_plus: float = 0.0
    a2_minus: float = 7.1e-3
    a3_plus: float = 6.5e-3
    a3_minus: float = 0.0
    tau_plus: float = 16.8 * ms
    tau_minus: float = 33.7 * ms
    tau_x: float = 101 * ms
    tau_y: float = 114 * ms
    w_min: float = 0.0
    pairing: str = "all"

    @classmethod
    def full(cls, w_max: float, w_min: float = 0.0) -> TripletSTDP:
        """All four terms: visual cortex, all-to-all, full model of table 3.

        >>> TripletSTDP.full(w_max=1.0).tau_y
        0.125
        """
        return cls(
            w_max,
            a2_plus=5e-10,
            a2_minus=7e-3,
            a3_plus=6.2e-3,
            a3_minus=2.3e-4,
            tau_y=125 * ms,
            w_min=w_min,
        )

    def problems(self) -> list[str]:
        """Why these parameters make no rule; empty when they do."""
        found = super().problems()
        if self.pairing not in ("all", "nearest"):
            found.append(f"expected pairing 'all' or 'nearest', got {self.pairing!r}")
        return found

    @property
    def pre_traces(self) -> tuple[SpikeTrace, ...]:
        """Fast and slow trace of the arrivals."""
        mode = "set" if self.pairing == "nearest" else "add"
        return (SpikeTrace("r1", self.tau_plus, mode), SpikeTrace("r2", self.tau_x, mode))

    @property
    def post_traces(self) -> tuple[SpikeTrace, ...]:
        """Fast and slow trace of the target's spikes."""
        mode = "set" if self.pairing == "nearest" else "add"
        return (SpikeTrace("o1", self.tau_minus, mode), SpikeTrace("o2", self.tau_y, mode))

    def constants(self) -> dict[str, float]:
        """Amplitudes in the unit of the weight."""
        names = ("a2_plus", "a2_minus", "a3_plus", "a3_minus")
        return {name: getattr(self, name) * (self.w_max - self.w_min) for name in names}

    def on_pre(self) -> str:
        """Depression."""
        return "w = w - o1 * (a2_minus + a3_minus * r2)"

    def on_post(self) -> str:
        """Potentiation."""
        return "w = w + r1 * (a2_plus + a3_plus * o2)"
