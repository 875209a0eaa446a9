# SPDX-License-Identifier: Apache-2.0
"""Numbers of the cortical microcircuit by population, as in its published implementations."""

from __future__ import annotations

POPULATIONS = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")

N_FULL = (20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948)
"""Neurons (table 5 of the paper)."""

CONNECTION_PROBABILITY = (
    (0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0),
    (0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0),
    (0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0),
    (0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0),
    (0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0),
    (0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0),
    (0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252),
    (0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443),
)
"""Probability that two neurons have at least one synapse, [target][source] (table 5)."""

K_EXTERNAL = (1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100)
"""External synapses of a neuron (table 5)."""

RATES_HZ = (0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829)
"""Mean rates of the full network, ``full_mean_rates`` of NEST's implementation (NEST 3)."""

#: Membrane potential at the start, mean and standard deviation in volts, of NEST's
#: implementation: the same for all, or by population, which avoids the burst at the start.
V_INIT = {
    "original": ((-58e-3, 10e-3),) * 8,
    "optimized": (
        (-68.28e-3, 5.36e-3),
        (-63.16e-3, 4.57e-3),
        (-63.33e-3, 4.74e-3),
        (-63.45e-3, 4.94e-3),
        (-63.11e-3, 4.94e-3),
        (-61.66e-3, 4.55e-3),
        (-66.72e-3, 5.46e-3),
        (-61.43e-3, 4.48e-3),
    ),
}
