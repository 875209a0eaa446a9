# SPDX-License-Identifier: Apache-2.0
"""Spike timing that waits for a reward."""

from __future__ import annotations

from dataclasses import dataclass

from spikesim.learning.rule import PlasticityRule, SpikeTrace
from spikesim.units import ms, second


@dataclass(frozen=True)
class RewardSTDP(PlasticityRule):
    """Pair STDP that fills an eligibility trace, which dopamine turns into weight.

    ::

        target fires:   c += a_plus x
        spike arrives:  c -= a_minus y
        always:         dc/dt = -c / tau_c,  dD/dt = -D / tau_d,  dw/dt = c D

    A reward adds to D. Between two events the product of c and D is integrated in closed form.

    Parameters
    ----------
    w_max, w_min : float
        Bounds, in the unit of the weight.
    a_plus, a_minus : float
        Change of the eligibility by a pair, in units of the weight per second and dopamine.
    tau_plus, tau_minus : float
        Time constants of the window in seconds.
    tau_c, tau_d : float
        Time constants of eligibility and dopamine in seconds.

    References
    ----------
    Izhikevich, Cerebral Cortex 17:2443 (2007), eq. 3-4.
    """

    w_max: float
    a_plus: float = 0.1
    a_minus: float = 0.15
    tau_plus: float = 20 * ms
    tau_minus: float = 20 * ms
    tau_c: float = 1 * second
    tau_d: float = 0.2 * second
    w_min: float = 0.0

    @property
    def pre_traces(self) -> tuple[SpikeTrace, ...]:
        """SpikeTrace of the arrivals."""
        return (SpikeTrace("x", self.tau_plus),)

    @property
    def post_traces(self) -> tuple[SpikeTrace, ...]:
        """SpikeTrace of the target's spikes."""
        return (SpikeTrace("y", self.tau_minus),)

    @property
    def eligibility(self) -> SpikeTrace:
        """What a reward would change."""
        return SpikeTrace("c", self.tau_c, "hold")

    @property
    def modulator(self) -> SpikeTrace:
        """Dopamine."""
        return SpikeTrace("dopamine", self.tau_d, "hold")

    def constants(self) -> dict[str, float]:
        """Amplitudes of the window."""
        return {"a_plus": self.a_plus, "a_minus": self.a_minus}

    def on_pre(self) -> str:
        """Depression becomes eligible."""
        return "c = c - a_minus * y"

    def on_post(self) -> str:
        """Potentiation becomes eligible."""
        return "c = c + a_plus * x"

    def between(self) -> str:
        """Eligibility times dopamine, integrated."""
        return "w = w + c * dopamine * area"
