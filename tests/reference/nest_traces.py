# SPDX-License-Identifier: Apache-2.0
"""Write traces of NEST's neurons to a file; run with a Python that has NEST.

``python tests/reference/nest_traces.py tests/reference/nest_traces.json``. The file holds
NEST's version, and per model what was set (NEST's names, mV, ms, pF, pA, nS), the
arrivals, the samples of V_m every 0.5 ms, and the spikes.
"""

import json
import sys
from pathlib import Path

DT, T_END, DELAY, EVERY = 0.1, 60.0, 1.0, 0.5
CURRENT = {"C_m": 250.0, "tau_m": 10.0, "E_L": -65.0, "V_reset": -68.0, "V_th": -55.0}
CURRENT |= {"t_ref": 2.0, "I_e": 200.0}
TAUS = {"tau_syn_ex": 5.0, "tau_syn_in": 8.0}
CASES = {
    "iaf_psc_exp": (CURRENT | TAUS, 250.0),
    "iaf_psc_alpha": (CURRENT | TAUS, 250.0),
    "iaf_psc_delta": (CURRENT, 1.5),
    "iaf_cond_exp": (
        {"C_m": 250.0, "g_L": 16.0, "E_L": -65.0, "V_reset": -68.0, "V_th": -55.0}
        | {"t_ref": 2.0, "I_e": 100.0, "E_ex": 0.0, "E_in": -85.0, **TAUS},
        8.0,
    ),
    "aeif_cond_exp": (
        {"C_m": 281.0, "g_L": 30.0, "E_L": -70.6, "V_reset": -70.6, "V_th": -50.4}
        | {"V_peak": 0.0, "Delta_T": 2.0, "a": 4.0, "b": 80.5, "tau_w": 144.0, "t_ref": 1.0}
        | {"I_e": 800.0, "E_ex": 0.0, "E_in": -85.0, **TAUS},
        4.0,
    ),
    "izhikevich": (
        {"a": 0.02, "b": 0.2, "c": -65.0, "d": 8.0, "V_th": 30.0, "I_e": 10.0}
        | {"consistent_integration": False},
        0.0,
    ),
}
# When the membrane receives what, in ms, in multiples of the weight of the case.
ARRIVALS = ((5.0, 1.0), (5.5, 2.0), (12.0, -1.0), (20.0, 3.0), (31.3, 1.0), (40.0, -2.0))


def trace(nest, model, settings, weight):
    """One neuron of NEST with scripted arrivals."""
    nest.ResetKernel()
    nest.resolution = DT
    start = {"V_m": settings.get("E_L", -65.0)}
    start |= {"U_m": -13.0} if model == "izhikevich" else {}
    cell = nest.Create(model, params=settings | start)
    for when, factor in ARRIVALS:
        source = nest.Create("spike_generator", params={"spike_times": [when - DELAY]})
        synapse = {"weight": weight * factor, "delay": DELAY}
        if weight:
            nest.Connect(source, cell, syn_spec=synapse)
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": EVERY})
    spikes = nest.Create("spike_recorder")
    nest.Connect(meter, cell)
    nest.Connect(cell, spikes)
    nest.Simulate(T_END)
    v = [float(x) for x in meter.get("events")["V_m"]]
    return {
        "set": settings,
        "arrivals": [[when, weight * factor] for when, factor in ARRIVALS],
        "v": [round(x, 10) for x in v],
        "spikes": [round(float(x), 4) for x in spikes.get("events")["times"]],
    }


def main(path):
    """Write the file."""
    import nest

    nest.set_verbosity("M_ERROR")
    found = {model: trace(nest, model, *case) for model, case in CASES.items()}
    header = {"nest": nest.__version__, "dt": DT, "every": EVERY}
    Path(path).write_text(json.dumps(header | {"models": found}, indent=None) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
