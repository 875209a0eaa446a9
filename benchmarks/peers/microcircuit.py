# SPDX-License-Identifier: Apache-2.0
"""The cortical microcircuit of Potjans & Diesmann 2014 as numbers, at any scale. SI units.

A scale below 1 takes that part of the neurons and of the synapses each of them gets; weights
grow by 1/sqrt(scale) and a constant current makes up for the mean input that is lost, so that
mean and variance of the input stay (van Albada et al. 2015, PLoS Comput. Biol. 11:e1004490).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

POPULATIONS = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
N_FULL = (20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948)
#: Probability of at least one synapse, [target][source] in the order of POPULATIONS.
P_CONNECT = (
    (0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0),
    (0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0),
    (0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0),
    (0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0),
    (0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0),
    (0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0),
    (0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252),
    (0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443),
)
K_EXT = (1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100)
#: Mean rates of the full network in Hz, as published with the reference implementation.
RATES_HZ = (0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829)
#: Initial potential, mean and standard deviation, volts.
V_INIT = (-68.28e-3, -63.16e-3, -63.33e-3, -63.45e-3, -63.11e-3, -61.66e-3, -66.72e-3, -61.43e-3)
V_INIT_STD = (5.36e-3, 4.57e-3, 4.74e-3, 4.94e-3, 4.94e-3, 4.55e-3, 5.46e-3, 4.48e-3)


@dataclass(frozen=True)
class Microcircuit:
    """Parameters shared by all populations, and what follows for one scale."""

    scale: float = 1.0
    c_mem: float = 250e-12
    tau_mem: float = 10e-3
    tau_syn: float = 0.5e-3
    v_rest: float = -65e-3
    v_reset: float = -65e-3
    v_th: float = -50e-3
    t_ref: float = 2e-3
    psp: float = 0.15e-3
    """Peak of an excitatory postsynaptic potential."""
    g: float = -4.0
    w_rel_std: float = 0.1
    delay_exc: float = 1.5e-3
    delay_inh: float = 0.75e-3
    delay_rel_std: float = 0.5
    bg_rate_hz: float = 8.0

    @property
    def sizes(self) -> tuple[int, ...]:
        """Neurons by population."""
        return tuple(round(n * self.scale) for n in N_FULL)

    @property
    def w_exc(self) -> float:
        """Current step in amperes of an excitatory synapse at this scale."""
        return self._psc() / math.sqrt(self.scale)

    def weight(self, target: int, source: int) -> float:
        """Mean weight in amperes."""
        if source % 2:
            return self.g * self.w_exc
        return self.w_exc * (2.0 if (target, source) == (0, 2) else 1.0)

    def delay(self, source: int) -> float:
        """Mean delay in seconds."""
        return self.delay_inh if source % 2 else self.delay_exc

    def synapses(self, target: int, source: int) -> int:
        """Synapses from one population to another, pairs with replacement."""
        k = full_synapses(target, source) / N_FULL[target] * self.scale
        return round(k * self.sizes[target])

    def drive_hz(self, target: int) -> float:
        """Rate of all external synapses of one neuron."""
        return self.bg_rate_hz * K_EXT[target] * self.scale

    def i_ext(self, target: int) -> float:
        """Give the current in amperes that makes up for the mean input lost by scaling."""
        lost = K_EXT[target] * self.bg_rate_hz * self._psc()
        for source, rate in enumerate(RATES_HZ):
            k = full_synapses(target, source) / N_FULL[target]
            lost += k * rate * self.weight(target, source) * math.sqrt(self.scale)
        return self.tau_syn * (1.0 - math.sqrt(self.scale)) * lost

    def _psc(self) -> float:
        """Give the current step whose potential peaks at ``psp``."""
        ratio = self.tau_syn / self.tau_mem
        peak = ratio ** (ratio / (1.0 - ratio)) - ratio ** (1.0 / (1.0 - ratio))
        gain = self.tau_mem * self.tau_syn / (self.c_mem * (self.tau_mem - self.tau_syn))
        return self.psp / (gain * peak)


def full_synapses(target: int, source: int) -> int:
    """Synapses of the full network that give the published probability of a connection."""
    pairs = N_FULL[target] * N_FULL[source]
    return round(math.log(1.0 - P_CONNECT[target][source]) / math.log(1.0 - 1.0 / pairs))
