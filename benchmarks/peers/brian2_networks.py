# SPDX-License-Identifier: Apache-2.0
"""The benchmark networks in Brian2, C++ stand-alone mode, one thread.

    python -m benchmarks.peers.brian2_networks cuba --size 4000 --folder build/peers/cuba-4000

The first call compiles into the folder, later ones run the binary there with another seed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2 import NeuronGroup, PoissonInput, SpikeMonitor, Synapses, second, volt

from benchmarks.peers import measure
from benchmarks.peers.brian2_binary import compile_network, run_binary
from benchmarks.peers.parameters import DT, Brunel, Cuba, Stdp


def cuba(size: int) -> dict[str, Any]:
    """Current-based Vogels-Abbott network."""
    q = Cuba(size)
    cells = NeuronGroup(
        q.n,
        """dv/dt = (v_rest - v + g_exc + g_inh) / tau_mem : volt (unless refractory)
        dg_exc/dt = -g_exc / tau_exc : volt
        dg_inh/dt = -g_inh / tau_inh : volt""",
        threshold="v > v_th",
        reset="v = v_reset",
        refractory=q.t_ref * second,
        method="exact",
        namespace={
            **{name: getattr(q, name) * volt for name in ("v_rest", "v_th", "v_reset")},
            **{name: getattr(q, name) * second for name in ("tau_mem", "tau_exc", "tau_inh")},
        },
    )
    cells.v = f"({q.v_reset} + rand() * {q.v_th - q.v_reset}) * volt"
    parts = {"cells": cells, "spikes": SpikeMonitor(cells)}
    exc, inh = cells[: q.n_exc], cells[q.n_exc :]
    for name, source, weight in (("exc", exc, q.w_exc), ("inh", inh, q.w_inh)):
        synapses = Synapses(
            source, cells, on_pre=f"g_{name} += w_{name}", delay=q.delay * second,
            namespace={f"w_{name}": weight * volt},
        )  # fmt: skip
        synapses.connect(p=q.p)
        parts[f"{name}_to_all"] = synapses
    return parts


def brunel(size: int, plastic: bool = False) -> dict[str, Any]:
    """Brunel's network; ``plastic`` makes the E to E weights learn."""
    q = Brunel(size)
    cells = NeuronGroup(
        q.n,
        "dv/dt = -v / tau_mem : volt (unless refractory)",
        threshold="v > v_th",
        reset="v = v_reset",
        refractory=q.t_ref * second,
        method="exact",
        namespace={
            "v_th": q.v_th * volt,
            "v_reset": q.v_reset * volt,
            "tau_mem": q.tau_mem * second,
        },
    )
    cells.v = f"rand() * {q.v_th} * volt"
    exc, inh = cells[: q.n_exc], cells[q.n_exc :]
    # One source per 20 Hz: the more sources, the closer the binomial counts are to Poisson.
    drive = PoissonInput(cells, "v", 1000, q.drive_hz / 1000 * brian2.Hz, q.j * volt)
    parts = {"cells": cells, "drive": drive, "spikes": SpikeMonitor(cells)}

    def static(name: str, source: Any, target: Any, k: int, weight: float) -> None:
        synapses = Synapses(
            source, target, on_pre="v += w_fixed", delay=q.delay * second,
            namespace={"w_fixed": weight * volt},
        )  # fmt: skip
        synapses.connect(i=f"s for s in sample(N_pre, size={k})")
        parts[name] = synapses

    if plastic:
        parts["exc_to_exc"] = synapses = stdp_synapses(q, exc)
        parts["w"] = synapses.variables["w"]
        static("exc_to_inh", exc, inh, q.k_exc, q.j)
    else:
        static("exc_to_all", exc, cells, q.k_exc, q.j)
    static("inh_to_all", inh, cells, q.k_inh, -q.g * q.j)
    return parts


def stdp_synapses(q: Brunel, exc: Any) -> Any:
    """Pair rule as Brian2's documentation writes it, traces updated at events only."""
    rule = Stdp()
    synapses = Synapses(
        exc,
        exc,
        """w : volt
        dapre/dt = -apre / tau : 1 (event-driven)
        dapost/dt = -apost / tau : 1 (event-driven)""",
        on_pre="v_post += w; apre += 1; w = clip(w - a_minus * apost, 0 * volt, w_max)",
        on_post="apost += 1; w = clip(w + a_plus * apre, 0 * volt, w_max)",
        delay=q.delay * second,
        namespace={
            "tau": rule.tau * second,
            "a_plus": rule.a_plus * q.j * volt,
            "a_minus": rule.a_minus * q.j * volt,
            "w_max": rule.w_max * q.j * volt,
        },
    )
    synapses.connect(i=f"s for s in sample(N_pre, size={q.k_exc})")
    synapses.w = q.j * volt
    return synapses


def main(argv: Sequence[str] | None = None) -> int:
    """Compile if needed, run, print one row."""
    parser = measure.arguments(__doc__, seconds=1.0)
    parser.add_argument("network", choices=("cuba", "brunel", "stdp"))
    parser.add_argument("--size", type=float, default=4000, help="neurons")
    parser.add_argument("--folder", type=Path, required=True, help="of the compiled network")
    options = parser.parse_args(argv)
    size = int(options.size)
    watch = measure.Stopwatch()

    def build() -> dict[str, Any]:
        return cuba(size) if options.network == "cuba" else brunel(size, options.network == "stdp")

    folder = options.folder / f"{options.network}-{size}-{options.seconds:g}s"
    watch.wall["compile"] = compile_network(folder, build, options.seconds, DT)
    seen = run_binary(folder, options.seed, watch)
    n_exc = size * 4 // 5
    spikes = dict(zip(("exc", "inh"), measure.by_population(seen["i"], (n_exc, size - n_exc)),
                      strict=True))  # fmt: skip
    q = Brunel(size)
    degree = {"exc": q.k_exc * q.n / q.n_exc, "inh": q.k_inh * q.n / q.n_inh}
    if options.network == "cuba":
        degree = dict.fromkeys(degree, float(Cuba.synapses_per_neuron))
    rate, cv = measure.activity(seen["t"], seen["i"], size, options.seconds)
    more = {"mean_weight_j": float(np.mean(seen["w"])) / q.j} if "w" in seen else {}
    measure.print_row(
        "Brian2 C++", watch=watch, seconds=options.seconds, rate_hz=rate, cv_isi=cv,
        syn_events=measure.events(spikes, degree), rss_mb=seen["rss_mb"],
        spikes={name: int(count) for name, count in spikes.items()},
        sizes={"exc": n_exc, "inh": size - n_exc}, version=brian2.__version__, **more,
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
