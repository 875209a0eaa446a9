# SPDX-License-Identifier: Apache-2.0
"""One run of spikesim, one row: ``python -m benchmarks.simulator.own brunel --size 3125``.

A process of its own for every run, as for the peers, so that build times and resident memory
mean the same. The first ticks, which compile or load kernels, are run before the clock starts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.peers import measure
from benchmarks.peers.parameters import Brunel, DiehlCook

WARM_UP_S, WARM_UP_TICKS = 0.01, 350
#: Networks, and the size of the small one that is built first, so that kernels are loaded.
NETWORKS = {
    "cuba": 400, "brunel": 500, "brunel-own": 500, "stdp": 500, "microcircuit": 0.02,
    "digits": 20, "build": 1e6,
}  # fmt: skip


def model(network: str, size: float, seed: int, seconds: float) -> Any:
    """Give the benchmark network of that name."""
    from benchmarks.simulator import models

    if network == "cuba":
        return models.cuba(int(size), seed)
    if network == "microcircuit":
        return models.microcircuit(size, seed)
    if network == "digits":
        return models.digits(int(size), seed, max(1, round(seconds / _image_s())))
    if network == "build":
        return models.blank(size, seed)
    return models.brunel(int(size), seed, plastic=network == "stdp", own=network == "brunel-own")


def plastic_bytes(simulator: Any) -> dict[str, float]:
    """Memory of a synapse that learns: its rows, its weight, and what its neurons remember."""
    learning = [p.nnz for p in simulator.net.projections.values() if p.plasticity is not None]
    if not learning:
        return {}
    held = simulator.start({}, 0).memory["plastic"]
    return {"bytes_per_plastic_synapse": held / sum(learning)}


def main(argv: Sequence[str] | None = None) -> int:
    """Build, warm up, run, print one row."""
    parser = measure.arguments(__doc__, seconds=1.0)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--size", type=float, default=4000, help="neurons, scale, or synapses")
    parser.add_argument("--window", type=float, help="seconds the statistics are taken over")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args(argv)
    from spikesim import __version__
    from spikesim.sim import Simulator

    watch = measure.Stopwatch()
    with watch("compile"):
        small = model(options.network, NETWORKS[options.network], options.seed, _image_s())
        ready = Simulator(small.net, dtype=options.dtype, threads=options.threads)
        if options.network == "digits":
            present(ready.start(small.inputs, 10, seed=options.seed), 10)
        # Several windows with spikes: what moves and sorts them is loaded with the first.
        ready.run(small.inputs, WARM_UP_TICKS, seed=options.seed)
    before_mb = measure.peak_rss_mb()
    with watch("build"):
        made = model(options.network, options.size, options.seed, options.seconds)
        simulator = Simulator(made.net, dtype=options.dtype, threads=options.threads)
    built_mb = measure.peak_rss_mb()
    synapses = made.net.n_synapses
    more: dict[str, Any] = {
        "synapses": synapses, "bytes_per_synapse": simulator.nbytes / synapses,
        "build_wall_s": watch.wall["build"], "build_mb": built_mb - before_mb,
        "threads": options.threads, "version": __version__,
    }  # fmt: skip
    more |= plastic_bytes(simulator)
    dt = made.net.dt
    steps = round(options.seconds / dt)
    if steps:
        with watch("compile"):
            simulator.run(made.inputs, max(1, round(WARM_UP_S / dt)), seed=options.seed)
    with watch("run"):
        session = simulator.start(made.inputs, steps, seed=options.seed)
        if options.network == "digits":
            present(session, steps)
        else:
            session.advance(steps)
        recording = session.finish()
    if options.network == "stdp":
        weights = session.weights("exc->exc").weights
        more["mean_weight_j"] = float(np.mean(weights, dtype=np.float64)) / Brunel.j
    trains = {name: recording.spikes[name] for name in made.net.populations}
    window = options.seconds if options.window is None else options.window
    if options.network == "digits":
        del trains["inh"]
        more["output_spikes"] = len(trains["exc"].ticks)
        more["presentations"] = max(1, round(options.seconds / _image_s()))
    rate, cv, rates = statistics(trains, dt, window)
    spikes = {name: len(train.ticks) for name, train in trains.items()}
    measure.print_row(
        "spikesim", watch=watch, seconds=steps * dt, rate_hz=rate, cv_isi=cv,
        syn_events=int(recording.meta["events"]), spikes=spikes, rates_hz=rates, **more,
    )  # fmt: skip
    return 0


def present(session: Any, steps: int) -> None:
    """Show image after image: neurons back to rest, weights rescaled, thresholds kept."""
    q = DiehlCook()
    while session.tick < steps:
        session.clear(keep=("theta",))
        session.normalize("image->exc", q.norm * 1e-3)
        session.advance(min(q.steps, steps - session.tick))


def statistics(
    trains: dict[str, Any], dt: float, window: float
) -> tuple[float, float | None, dict[str, float]]:
    """Rate and CV over all populations, and the rate of each, transient left out."""
    times, neurons, rates, first = [], [], {}, 0
    for name, train in trains.items():
        # A spike of a tick happens at its end.
        seconds = (train.ticks + 1) * dt
        times.append(seconds)
        neurons.append(train.index + first)
        rates[name] = measure.activity(seconds, train.index, train.n, window)[0]
        first += train.n
    rate, cv = measure.activity(np.concatenate(times), np.concatenate(neurons), first, window)
    return rate, cv, rates


def _image_s() -> float:
    q = DiehlCook()
    return q.steps * q.dt


if __name__ == "__main__":
    sys.exit(main())
