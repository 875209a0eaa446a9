# SPDX-License-Identifier: Apache-2.0
"""The benchmark networks in NEST: ``python -m benchmarks.peers.nest_networks cuba --size 4000``.

Networks: cuba, brunel, stdp (Brunel with plastic E to E), microcircuit. One thread.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

os.environ["PYNEST_QUIET"] = "1"  # the banner would come before the row

import nest
import numpy as np

from benchmarks.peers import measure
from benchmarks.peers.microcircuit import POPULATIONS, Microcircuit
from benchmarks.peers.parameters import DT, Brunel, Cuba, Stdp

MS, MV, PA, PF = 1e3, 1e3, 1e12, 1e12
"""From SI to the units of NEST."""


def cuba(size: int) -> tuple[Any, dict[str, tuple[int, float]]]:
    """Current-based Vogels-Abbott network."""
    q = Cuba(size)
    c_mem = 200.0  # pF; gives a resistance of 0.1 GOhm, by which a jump in mV becomes pA
    ohms = q.tau_mem * MS / c_mem
    cells = nest.Create("iaf_psc_exp", q.n, {
        "C_m": c_mem, "tau_m": q.tau_mem * MS, "E_L": q.v_rest * MV, "V_th": q.v_th * MV,
        "V_reset": q.v_reset * MV, "t_ref": q.t_ref * MS, "tau_syn_ex": q.tau_exc * MS,
        "tau_syn_in": q.tau_inh * MS, "I_e": 0.0,
        "V_m": nest.random.uniform(q.v_reset * MV, q.v_th * MV),
    })  # fmt: skip
    exc, inh = cells[: q.n_exc], cells[q.n_exc :]
    for source, weight in ((exc, q.w_exc), (inh, q.w_inh)):
        rule: dict[str, Any] = {"rule": "pairwise_bernoulli", "p": q.p}
        if q.n > 4000:
            # NEST tests every pair for Bernoulli connections: 43 s at 40,000 neurons. With the
            # total given, degrees vary just as much and double pairs are rare (p <= 0.5 %).
            rule = {"rule": "fixed_total_number", "N": round(q.p * len(source) * q.n)}
        synapse = {"weight": weight * MV / ohms, "delay": q.delay * MS}
        nest.Connect(source, cells, rule, synapse)
    degree = float(q.synapses_per_neuron)
    return cells, {"exc": (q.n_exc, degree), "inh": (q.n - q.n_exc, degree)}


def brunel(size: int, plastic: bool = False) -> tuple[Any, dict[str, tuple[int, float]]]:
    """Brunel's network; ``plastic`` makes the E to E weights learn."""
    q, rule = Brunel(size), Stdp()
    j = q.j * MV
    cells = nest.Create("iaf_psc_delta", q.n, {
        "C_m": 1.0, "tau_m": q.tau_mem * MS, "E_L": 0.0, "V_th": q.v_th * MV,
        "V_reset": q.v_reset * MV, "t_ref": q.t_ref * MS, "tau_minus": rule.tau * MS,
        "V_m": nest.random.uniform(0.0, q.v_th * MV),
    })  # fmt: skip
    exc, inh = cells[: q.n_exc], cells[q.n_exc :]
    drive = nest.Create("poisson_generator", params={"rate": q.drive_hz})
    fixed = {"delay": q.delay * MS}
    nest.Connect(drive, cells, syn_spec={"weight": j, **fixed})
    plastic_synapse = {
        "synapse_model": "stdp_synapse", "weight": j, **fixed, "Wmax": rule.w_max * j,
        "tau_plus": rule.tau * MS, "lambda": rule.a_plus / rule.w_max,
        "alpha": rule.a_minus / rule.a_plus, "mu_plus": 0.0, "mu_minus": 0.0,
    }  # fmt: skip
    static = {"weight": j, **fixed}
    k_exc = {"rule": "fixed_indegree", "indegree": q.k_exc}
    nest.Connect(exc, exc, k_exc, plastic_synapse if plastic else static)
    nest.Connect(exc, inh, k_exc, static)
    nest.Connect(
        inh, cells, {"rule": "fixed_indegree", "indegree": q.k_inh}, {"weight": -q.g * j, **fixed}
    )
    degree_exc, degree_inh = q.k_exc * q.n / q.n_exc, q.k_inh * q.n / q.n_inh
    return cells, {"exc": (q.n_exc, degree_exc), "inh": (q.n_inh, degree_inh)}


def microcircuit(scale: float) -> tuple[Any, dict[str, tuple[int, float]]]:
    """Potjans-Diesmann microcircuit, weights and delays of their own."""
    from benchmarks.peers.microcircuit import V_INIT, V_INIT_STD

    q = Microcircuit(scale)
    groups = []
    for k, size in enumerate(q.sizes):
        cells = nest.Create("iaf_psc_exp", size, {
            "C_m": q.c_mem * PF, "tau_m": q.tau_mem * MS, "E_L": q.v_rest * MV,
            "V_th": q.v_th * MV, "V_reset": q.v_reset * MV, "t_ref": q.t_ref * MS,
            "tau_syn_ex": q.tau_syn * MS, "tau_syn_in": q.tau_syn * MS, "I_e": q.i_ext(k) * PA,
            "V_m": nest.random.normal(V_INIT[k] * MV, V_INIT_STD[k] * MV),
        })  # fmt: skip
        drive = nest.Create("poisson_generator", params={"rate": q.drive_hz(k)})
        nest.Connect(drive, cells, syn_spec={"weight": q.w_exc * PA, "delay": q.delay_exc * MS})
        groups.append(cells)
    out = [0] * len(groups)
    for target, post in enumerate(groups):
        for source, pre in enumerate(groups):
            total = q.synapses(target, source)
            out[source] += total
            if total == 0:
                continue
            mean, delay = q.weight(target, source) * PA, q.delay(source) * MS
            draws = nest.random.normal(mean, abs(mean) * q.w_rel_std)
            sign = (None, 0.0) if source % 2 else (0.0, None)
            nest.Connect(pre, post, {"rule": "fixed_total_number", "N": total}, {
                "weight": nest.math.redraw(
                    draws, min=-np.inf if sign[0] is None else 0.0,
                    max=np.inf if sign[1] is None else 0.0),
                # half a tick, so that rounding to ticks does not pile up on the shortest
                "delay": nest.math.redraw(
                    nest.random.normal(delay, delay * q.delay_rel_std),
                    min=DT * MS / 2, max=np.inf),
            })  # fmt: skip
    sizes = dict(zip(POPULATIONS, q.sizes, strict=True))
    whole = groups[0]
    for cells in groups[1:]:
        whole += cells
    degrees = (total / size for total, size in zip(out, q.sizes, strict=True))
    return whole, {name: (sizes[name], d) for name, d in zip(sizes, degrees, strict=True)}


def main(argv: Sequence[str] | None = None) -> int:
    """Build, run, print one row."""
    parser = measure.arguments(__doc__, seconds=1.0)
    parser.add_argument("network", choices=("cuba", "brunel", "stdp", "microcircuit"))
    parser.add_argument("--size", type=float, default=4000, help="neurons, or the scale")
    options = parser.parse_args(argv)
    watch = measure.Stopwatch()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.set(resolution=DT * MS, rng_seed=options.seed, local_num_threads=1)
    with watch("build"):
        if options.network == "microcircuit":
            cells, groups = microcircuit(options.size)
        elif options.network == "cuba":
            cells, groups = cuba(int(options.size))
        else:
            cells, groups = brunel(int(options.size), plastic=options.network == "stdp")
        recorder = nest.Create("spike_recorder")
        nest.Connect(cells, recorder)
        nest.Prepare()
    with watch("run"):
        nest.Run(options.seconds * MS)
    nest.Cleanup()
    seen = recorder.get("events")
    times, neurons = seen["times"] / MS, seen["senders"] - cells[0].global_id
    sizes = [size for size, _ in groups.values()]
    spikes = dict(zip(groups, measure.by_population(neurons, sizes).tolist(), strict=True))
    rate, cv = measure.activity(times, neurons, len(cells), options.seconds)
    more: dict[str, Any] = {}
    if options.network == "stdp":
        # A sample: the handles of all connections would take gigabytes and add to the peak.
        some = nest.GetConnections(cells[:20], synapse_model="stdp_synapse")
        weights = some.get("weight")
        more["mean_weight_j"] = float(np.mean(weights)) / (Brunel().j * MV)
    measure.print_row(
        "NEST", watch=watch, seconds=options.seconds, rate_hz=rate, cv_isi=cv,
        syn_events=measure.events(spikes, {name: d for name, (_, d) in groups.items()}),
        spikes=spikes, sizes={name: size for name, (size, _) in groups.items()},
        version=nest.__version__, **more,
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
