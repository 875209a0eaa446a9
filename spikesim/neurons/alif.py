# SPDX-License-Identifier: Apache-2.0
"""Leaky integrate-and-fire neuron whose threshold rises with its own spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from spikesim.neurons.current import Derivatives
from spikesim.neurons.firing import Refractory
from spikesim.neurons.lif_delta import LIFDelta
from spikesim.neurons.parameters import AnyTimeConstant, Potential, Threshold


@dataclass(frozen=True, eq=False, kw_only=True)
class ALIF(LIFDelta):
    r"""Adaptive LIF of recurrent networks with long memory: ``LIFDelta`` with other defaults.

    ::

        tau_mem    dv/dt = v_rest - v + resistance * i_ext,   v jumps by w at an arrival
        tau_theta dtheta/dt = -theta,                         theta jumps by theta_plus at a spike
        a spike where v >= v_th + theta

    The membrane is dimensionless, with threshold 1 and a soft reset, and moves while
    refractory. Bellec et al. write the threshold as ``b_0 + beta b`` with
    ``b <- rho b + (1 - rho) s``: theta is ``beta b`` and ``theta_plus = beta (1 - rho)``.
    Every ``IntegrateAndFire`` neuron adapts when it is given ``theta_plus``.

    References
    ----------
    Bellec et al. (2018), NeurIPS, eqs. (1)-(2) and supplement.

    Examples
    --------
    >>> ALIF(theta_plus=0.1, tau_theta=0.2).states
    ('v', 'theta', 'theta_rest')
    """

    v_rest: Potential = 0.0
    v_th: Threshold = 1.0
    v_reset: Potential = 0.0
    reset: Literal["hard", "soft"] = "soft"
    refractory: Refractory = "gate"
    theta_plus: Potential | None = 0.1
    tau_theta: AnyTimeConstant = 0.2

    def derivative(self, state: dict[str, Any], i_ext: Any = 0.0) -> Derivatives:
        """Right-hand side of the equations between events, per second."""
        rates = super().derivative(state, i_ext)
        return rates | {"theta": -np.asarray(state["theta"]) / self.tau_theta}
