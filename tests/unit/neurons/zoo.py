# SPDX-License-Identifier: Apache-2.0
"""One cell of every model, kept below threshold, with input that suits its unit."""

import math

import numpy as np

from spikesim.neurons import ALIF, AdEx, Izhikevich, LIFAlpha, LIFCond, LIFDelta, LIFExp, Parrot

TAUS = {"exc": 5e-3, "inh": 10e-3}
REVERSALS = {"exc": 0.0, "inh": -80e-3}

# model, and a typical weight on its first and (where there is one) second receptor
QUIET = {
    "LIFExp": (LIFExp(tau_syn=TAUS, v_th=math.inf), (1e-3, -2e-3)),
    "LIFAlpha": (LIFAlpha(tau_syn=TAUS, v_th=math.inf), (1e-3, -2e-3)),
    "LIFCond": (LIFCond(tau_syn=TAUS, e_rev=REVERSALS, v_th=math.inf), (0.2, 0.5)),
    "LIFCond euler": (
        LIFCond(tau_syn=TAUS, e_rev=REVERSALS, v_th=math.inf, method="euler"),
        (0.2, 0.5),
    ),
    "AdEx": (AdEx(tau_syn=TAUS), (20e-12, -40e-12)),
    "AdEx conductances": (AdEx(tau_syn=TAUS, e_rev=REVERSALS), (0.4e-9, 1e-9)),
    "Izhikevich": (Izhikevich(), (1.0,)),
    "Izhikevich midpoint": (Izhikevich(method="midpoint"), (1.0,)),
    "LIFDelta": (LIFDelta(v_th=math.inf), (1e-3,)),
    "ALIF": (ALIF(v_th=math.inf), (0.05,)),
}

# The same with everything that adds lines to the update.
FIRING = {
    "LIFExp": LIFExp(tau_syn=TAUS, t_ref=2e-3, current=12e-3),
    "LIFExp adaptive": LIFExp(tau_syn=TAUS, theta_plus=1e-3, min_isi=3e-3, current=12e-3),
    "LIFAlpha": LIFAlpha(tau_syn=TAUS, t_ref=2e-3, current=12e-3),
    "LIFCond": LIFCond(tau_syn=TAUS, e_rev=REVERSALS, t_ref=2e-3, current=12e-3),
    "LIFCond adaptive": LIFCond(
        tau_syn=TAUS, e_rev=REVERSALS, theta_plus=1e-3, method="euler", current=12e-3
    ),
    "LIFDelta": LIFDelta(current=12e-3, t_ref=2e-3),
    "ALIF": ALIF(current=2.0),
    "AdEx": AdEx(current=1e-9, t_ref=2e-3),
    "AdEx substeps": AdEx(current=1e-9, substeps=2, tau_syn=TAUS, e_rev=REVERSALS),
    "Izhikevich": Izhikevich(current=10.0),
    "Izhikevich midpoint": Izhikevich(method="midpoint", current=10.0),
    "Parrot": Parrot(),
}


def arrivals(weights, steps, n, seed=3):
    """Random arrivals, float array, shape (steps, receptors, n), exact in float32."""
    rng = np.random.default_rng(seed)
    given = np.zeros((steps, len(weights), n), dtype=np.float32)
    for r, (weight, chance) in enumerate(zip(weights, (0.1, 0.03), strict=False)):
        given[:, r] = weight * (rng.random((steps, n)) < chance)
    return given.astype(np.float64)
