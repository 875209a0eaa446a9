# SPDX-License-Identifier: Apache-2.0
"""Leaky integrate-and-fire neuron whose threshold rises with its own spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from spikesim.neurons.current import CurrentDriven, Derivatives
from spikesim.neurons.parameters import Positive, Real, Threshold


@dataclass(frozen=True, eq=False, kw_only=True)
class ALIF(CurrentDriven):
    r"""LIF with delta synapses and an adaptive threshold, as in spiking LSTM-like networks.

    ::

        tau_mem    dv/dt = v_rest - v + resistance * i_ext,   v jumps by w at an arrival
        tau_theta dtheta/dt = -theta,                         theta jumps by theta_plus at a spike
        a spike where v >= v_th + theta

    An arrival in tick t acts at its end: ``h = exp(-dt/tau_mem) v + ... + in_0``, and may
    fire the neuron in the same tick. Everything else: ``IntegrateAndFire``.
    Bellec et al. write the threshold as ``b_0 + beta b`` with
    ``b <- rho b + (1 - rho) s``: theta is ``beta b`` and ``theta_plus = beta (1 - rho)``.
    Other adaptive models: any ``IntegrateAndFire`` neuron with ``theta_plus``.

    Parameters
    ----------
    v_rest, v_th, v_reset : float or float array, shape (n,)
        As everywhere, here dimensionless by default.

    References
    ----------
    Bellec et al. (2018), NeurIPS, eqs. (1)-(2) and supplement.

    Examples
    --------
    >>> ALIF(theta_plus=0.1, tau_theta=0.2).states
    ('v', 'theta', 'theta_rest')
    """

    v_rest: Real = 0.0
    v_th: Threshold = 1.0
    v_reset: Real = 0.0
    reset: Literal["hard", "soft"] = "soft"
    refractory: Literal["hold", "gate"] = "gate"
    theta_plus: Real | None = 0.1
    tau_theta: Positive = 0.2

    @property
    def membrane_states(self) -> tuple[str, ...]:
        """Only the membrane."""
        return ("v",)

    def synapses(self) -> tuple[list[str], list[str]]:
        """No line, and the input itself as a term of the membrane."""
        return [], ["in_0"]

    def synapse_constants(self, dt: float) -> dict[str, Any]:
        """No constants."""
        return {}

    def derivative(self, state: dict[str, Any], i_ext: Any = 0.0) -> Derivatives:
        """Right-hand side of the equations between events, per second."""
        return {
            "v": np.asarray(self.toward(state["v"], 0.0, i_ext)),
            "theta": -np.asarray(state["theta"]) / self.tau_theta,
        }
