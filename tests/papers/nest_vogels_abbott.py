# SPDX-License-Identifier: Apache-2.0
"""The reference rates of ``spikesim.models.vogels_abbott``, from NEST.

``PEERS/bin/python tests/papers/nest_vogels_abbott.py COBA 1 2 3`` prints rate and CV of 1 s for
each seed, where PEERS is the environment that ``make setup-peers`` creates.
"""

from __future__ import annotations

import sys

import nest
import numpy as np

N, N_EXC = 4000, 3200
DISCARD_MS, END_MS = 200.0, 1200.0
CELL = {
    "C_m": 200.0, "V_th": -50.0, "V_reset": -60.0, "t_ref": 5.0, "tau_syn_ex": 5.0,
    "tau_syn_in": 10.0,
}  # fmt: skip
#: Model, its own parameters, and weights: pA (1.62 and 9 mV at 100 MOhm), nS.
NETWORKS = {
    "CUBA": ("iaf_psc_exp", {"tau_m": 20.0, "E_L": -49.0}, 16.2, -90.0),
    "COBA": ("iaf_cond_exp", {"g_L": 10.0, "E_L": -60.0, "E_ex": 0.0, "E_in": -80.0}, 6.0, -67.0),
}


def run(title: str, seed: int) -> tuple[float, float]:
    """Rate in Hz and mean CV of one network."""
    model, own, w_exc, w_inh = NETWORKS[title]
    nest.ResetKernel()
    nest.set(resolution=0.1, rng_seed=seed, local_num_threads=1)
    cells = nest.Create(model, N, {**CELL, **own, "V_m": nest.random.uniform(-60.0, -50.0)})
    rule = {"rule": "pairwise_bernoulli", "p": 0.02}
    nest.Connect(cells[:N_EXC], cells, rule, {"weight": w_exc, "delay": 0.1})
    nest.Connect(cells[N_EXC:], cells, rule, {"weight": w_inh, "delay": 0.1})
    if title == "COBA":
        start = nest.Create("poisson_generator", params={"rate": 100.0, "stop": 50.0})
        sources = nest.Create("parrot_neuron", 20)
        nest.Connect(start, sources, syn_spec={"delay": 0.1})
        some = {"rule": "pairwise_bernoulli", "p": 0.01}
        nest.Connect(sources, cells, some, {"weight": 100.0, "delay": 0.1})
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder)
    nest.Simulate(END_MS)
    events = recorder.get("events")
    kept = events["times"] > DISCARD_MS
    times, senders = events["times"][kept], events["senders"][kept]
    variation = []
    for sender in np.unique(senders):
        intervals = np.diff(np.sort(times[senders == sender]))
        if intervals.size >= 2:
            variation.append(intervals.std() / intervals.mean())
    return times.size / N / (END_MS - DISCARD_MS) * 1e3, float(np.mean(variation))


if __name__ == "__main__":
    for number in sys.argv[2:]:
        rate, cv = run(sys.argv[1], int(number))
        sys.stdout.write(f"{sys.argv[1]} seed {number}: {rate:.2f} Hz, CV {cv:.3f}\n")
