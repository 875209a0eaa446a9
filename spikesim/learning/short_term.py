# SPDX-License-Identifier: Apache-2.0
"""Short-term plasticity: synapses that facilitate and tire."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spikesim.learning.rule import PlasticityRule, SpikeTrace
from spikesim.units import ms


@dataclass(frozen=True)
class TsodyksMarkram(PlasticityRule):
    """Facilitation and depression of what a spike releases; the weight itself stays.

    Between spikes utilization u decays to 0 with tau_facil and the used part z = 1 - x of the
    resources with tau_rec; when a spike arrives::

        u <- u + u_release (1 - u),   release = u (1 - z),   z <- z + release

    and the synapse delivers ``release`` times its weight.

    Parameters
    ----------
    u_release : float
        Part of the resources that the first spike uses, 0 to 1.
    tau_rec : float
        Time constant of recovery in seconds.
    tau_facil : float
        Time constant of facilitation in seconds; a very short one gives pure depression.

    References
    ----------
    Tsodyks, Pawelzik, Markram, Neural Computation 10:821 (1998), eq. 3-5. Mongillo, Barak,
    Tsodyks, Science 319:1543 (2008), eq. 1-2.
    """

    u_release: float = 0.5
    tau_rec: float = 800 * ms
    tau_facil: float = 1 * ms

    w_min = -math.inf
    w_max = math.inf

    def problems(self) -> list[str]:
        """Why these parameters make no rule; empty when they do."""
        found = super().problems()
        if not 0 <= self.u_release <= 1:
            found.append(f"expected u_release of 0 to 1, got {self.u_release}")
        return found

    @property
    def pre_traces(self) -> tuple[SpikeTrace, ...]:
        """Utilization and used resources."""
        return (SpikeTrace("u", self.tau_facil, "hold"), SpikeTrace("z", self.tau_rec, "hold"))

    def constants(self) -> dict[str, float]:
        """Give the number of the equation."""
        return {"u_release": self.u_release}

    def on_arrival(self) -> str:
        """Facilitate, release, use up."""
        return "u = u + u_release * (1 - u)\nrelease = u * (1 - z)\nz = z + release"
