# SPDX-License-Identifier: Apache-2.0
"""Pair STDP whose potentiation grows as a power of the weight."""

from __future__ import annotations

from dataclasses import dataclass

from spikesim.learning.rule import PlasticityRule, SpikeTrace
from spikesim.units import ms


@dataclass(frozen=True)
class PowerLawSTDP(PlasticityRule):
    """Pair STDP fitted to experiment: weights settle without reaching an upper bound.

    With the traces x of the arrivals and y of the target's spikes, all-to-all::

        target fires:    dw = a_plus w_ref**(1 - mu) w**mu x
        spike arrives:   dw = -a_minus w y

    Parameters
    ----------
    w_max : float
        Bound in the unit of the weight, far above the weights to be expected; float32 runs
        need a finite one. The least weight is 0.
    a_plus, a_minus : float
        Change by one pair, as a part of ``w_ref`` and of the weight.
    mu : float
        Exponent of the potentiation, >= 0.
    w_ref : float
        Weight of which ``a_plus`` is a part, > 0.
    tau_plus, tau_minus : float
        Time constants of the two sides of the window, in seconds.

    Raises
    ------
    ValidationError
        If a bound, time constant, exponent or ``w_ref`` is out of its range.

    References
    ----------
    Morrison, Aertsen, Diesmann, Neural Computation 19:1437 (2007); the defaults of ``a_plus``,
    ``a_minus``, ``mu`` are its lambda = 0.1, alpha lambda with alpha = 0.11, and mu = 0.4.

    Examples
    --------
    >>> PowerLawSTDP(w_max=4.0, a_plus=0.5, mu=0.5, w_ref=4.0).constants()["potentiate"]
    1.0
    """

    w_max: float
    a_plus: float = 0.1
    a_minus: float = 0.011
    mu: float = 0.4
    w_ref: float = 1.0
    tau_plus: float = 20 * ms
    tau_minus: float = 20 * ms

    w_min = 0.0

    def problems(self) -> list[str]:
        """Why these parameters make no rule; empty when they do."""
        if not (self.w_ref > 0 and self.mu >= 0):
            return [f"expected w_ref > 0 and mu >= 0, got {self.w_ref} and {self.mu}"]
        return super().problems()

    @property
    def pre_traces(self) -> tuple[SpikeTrace, ...]:
        """SpikeTrace ``x`` of the arrivals."""
        return (SpikeTrace("x", self.tau_plus),)

    @property
    def post_traces(self) -> tuple[SpikeTrace, ...]:
        """SpikeTrace ``y`` of the target's spikes."""
        return (SpikeTrace("y", self.tau_minus),)

    def constants(self) -> dict[str, float]:
        """Amplitudes with what is common to all synapses multiplied in."""
        return {
            "potentiate": self.a_plus * self.w_ref ** (1 - self.mu),
            "depress": self.a_minus,
            "mu": self.mu,
        }

    def on_pre(self) -> str:
        """Depression in proportion to the weight."""
        return "w = w - depress * y * w"

    def on_post(self) -> str:
        """Potentiation by a power of the weight."""
        return "w = w + potentiate * x * w ** mu"
