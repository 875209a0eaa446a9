# SPDX-License-Identifier: Apache-2.0
"""Plasticity of inhibition that holds the target's rate."""

from __future__ import annotations

from dataclasses import dataclass

from spikesim.learning.rule import PlasticityRule, SpikeTrace
from spikesim.units import Hz, ms


@dataclass(frozen=True)
class VogelsSprekeler(PlasticityRule):
    """Symmetric plasticity of inhibitory synapses, which drives the target to a given rate.

    With the traces x of arrivals and y of the target's spikes::

        spike arrives:  dw = eta (y - 2 rate tau)
        target fires:   dw = eta x

    Without correlations the mean change per second is 2 eta tau r_pre (r_post - rate), so the
    target settles at ``rate``.

    Parameters
    ----------
    w_max, w_min : float
        Bounds, in the unit of the weight.
    eta : float
        Learning rate, in the unit of the weight; negative where inhibition has negative
        weights (w_max = 0).
    rate : float
        Rate that the target is driven to, in Hz.
    tau : float
        Time constant of both traces in seconds.

    References
    ----------
    Vogels, Sprekeler, Zenke, Clopath, Gerstner, Science 334:1569 (2011), eq. 2-4 of the
    supplement.

    Examples
    --------
    >>> VogelsSprekeler(w_max=1.0, eta=0.01, rate=5.0).constants()
    {'eta': 0.01, 'alpha': 0.2}
    """

    w_max: float
    eta: float
    rate: float = 5 * Hz
    tau: float = 20 * ms
    w_min: float = 0.0

    @property
    def pre_traces(self) -> tuple[SpikeTrace, ...]:
        """SpikeTrace of the arrivals."""
        return (SpikeTrace("x", self.tau),)

    @property
    def post_traces(self) -> tuple[SpikeTrace, ...]:
        """SpikeTrace of the target's spikes."""
        return (SpikeTrace("y", self.tau),)

    def constants(self) -> dict[str, float]:
        """Learning rate, and the trace that the target's rate leaves on average, twice."""
        return {"eta": self.eta, "alpha": 2 * self.rate * self.tau}

    def on_pre(self) -> str:
        """Potentiation by the post trace, depression by the constant."""
        return "w = w + eta * (y - alpha)"

    def on_post(self) -> str:
        """Potentiation by the pre trace."""
        return "w = w + eta * x"
