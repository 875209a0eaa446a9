# SPDX-License-Identifier: Apache-2.0
"""Diehl & Cook's network in Brian2 with run-time Cython, as its users train it, one thread.

The same current-based network as BindsNET's. The run-time mode is used because the weights are
rescaled in Python before each image.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import brian2
import numpy as np
from brian2 import NeuronGroup, PoissonGroup, SpikeMonitor, Synapses, second, volt

from benchmarks.peers import measure
from benchmarks.peers.images import strokes
from benchmarks.peers.parameters import DiehlCook


def cells(q: DiehlCook) -> tuple[Any, Any]:
    """Excitatory neurons with a growing threshold, inhibitory neurons."""
    exc = NeuronGroup(
        q.n,
        f"""dv/dt = ({q.rest_exc} * volt - v) / ({q.tau_exc} * second) : volt
        dtheta/dt = -theta / ({q.tau_theta} * second) : volt""",
        threshold=f"v > {q.th_exc} * volt + theta and not_refractory",
        reset=f"v = {q.reset_exc} * volt; theta += {q.theta_plus} * volt",
        refractory=q.ref_exc * second,
        method="exact",
    )
    inh = NeuronGroup(
        q.n,
        f"dv/dt = ({q.rest_inh} * volt - v) / ({q.tau_inh} * second) : volt",
        threshold=f"v > {q.th_inh} * volt",
        reset=f"v = {q.reset_inh} * volt",
        refractory=q.ref_inh * second,
        method="exact",
    )
    return exc, inh


def connections(q: DiehlCook, inputs: Any, exc: Any, inh: Any) -> tuple[Any, Any, Any]:
    """Plastic inputs, excitation one to one, inhibition of all others."""
    plastic = Synapses(
        inputs,
        exc,
        """w : 1
        dpre/dt = -pre / tau : 1 (event-driven)
        dpost/dt = -post / tau : 1 (event-driven)""",
        on_pre="""v_post += w * 1e-3 * volt * int(not_refractory_post)
        pre = 1
        w = clip(w - nu_pre * post, 0, w_max)""",
        on_post="""post = 1
        w = clip(w + nu_post * pre, 0, w_max)""",
        namespace={
            "tau": q.tau_trace * second,
            **{name: getattr(q, name) for name in ("nu_pre", "nu_post", "w_max")},
        },
    )
    plastic.connect()
    up = Synapses(exc, inh, on_pre=f"v_post += {q.w_exc} * volt", delay=q.dt * second)
    up.connect(j="i")
    down = Synapses(inh, exc, on_pre=f"v_post += {q.w_inh} * volt", delay=q.dt * second)
    down.connect(condition="i != j")
    return plastic, up, down


def main(argv: Sequence[str] | None = None) -> int:
    """Present images, print one row."""
    parser = measure.arguments(__doc__, seconds=3.5)
    parser.add_argument("--size", type=float, default=400, help="excitatory neurons")
    options = parser.parse_args(argv)
    q = DiehlCook(int(options.size))
    count = max(1, round(options.seconds / (q.steps * q.dt)))
    shown = iter(strokes(count) / 255 * q.max_rate_hz)
    watch = measure.Stopwatch()
    brian2.seed(options.seed)
    brian2.prefs.codegen.target = "cython"
    brian2.defaultclock.dt = q.dt * second
    with watch("build"):
        inputs = PoissonGroup(q.n_in, np.zeros(q.n_in) * brian2.Hz)
        exc, inh = cells(q)
        plastic, up, down = connections(q, inputs, exc, inh)
        plastic.w = f"{q.w_in} * rand()"
        spikes, drawn = SpikeMonitor(exc, record=True), SpikeMonitor(inputs, record=False)
        begun: list[tuple[float, float]] = []

        @brian2.network_operation(dt=q.steps * q.dt * second, when="start")
        def next_image() -> None:
            begun.append((time.process_time(), time.perf_counter()))
            exc.v, inh.v = q.rest_exc * volt, q.rest_inh * volt
            plastic.pre, plastic.post = 0, 0
            inputs.rates = next(shown) * brian2.Hz
            weights = np.asarray(plastic.w).reshape(q.n_in, q.n)
            plastic.w = (weights * (q.norm / weights.sum(axis=0))).ravel()

        net = brian2.Network(inputs, exc, inh, plastic, up, down, spikes, drawn, next_image)
    with watch("compile"):
        net.run(count * q.steps * q.dt * second)
    # Code is made at the start of that call; what counts runs from the first image on.
    watch.cpu["run"] = time.process_time() - begun[0][0]
    watch.wall["run"] = time.perf_counter() - begun[0][1]
    watch.wall["compile"] -= watch.wall["run"]
    seconds = count * q.steps * q.dt
    fired, n_input = int(spikes.num_spikes), int(drawn.num_spikes)
    measure.print_row(
        "Brian2 Cython", watch=watch, seconds=seconds, rate_hz=fired / q.n / seconds, cv_isi=None,
        syn_events=(n_input + fired) * q.n, presentations=count, input_spikes=n_input,
        output_spikes=fired, version=brian2.__version__,
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
