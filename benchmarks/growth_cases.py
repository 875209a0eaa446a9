# SPDX-License-Identifier: Apache-2.0
"""The networks of ``benchmarks.growth``, each a function of one size that measures itself."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numba
import numpy as np

from benchmarks.peers.parameters import Growth
from spikesim import Network, Poisson, Simulator
from spikesim.kernels.aligned import aligned
from spikesim.learning import PairSTDP
from spikesim.network import FixedInDegree, FixedTotalNumber, OneToOne, Uniform
from spikesim.neurons import LIFDelta

Row = dict[str, Any]
Q = Growth()
CELL = LIFDelta(
    tau_mem=Q.tau_mem, v_rest=0.0, v_th=Q.v_th, v_reset=Q.v_reset, t_ref=Q.t_ref
)  # fmt: skip


def _driven(parts: int, n: int = Q.n, weight: float = Q.w_drive) -> tuple[Network, dict[str, Any]]:
    """Cut ``n`` neurons into so many populations, each with an input of its own."""
    net = Network(Q.dt, seed=1)
    for k in range(parts):
        size = n // parts + (k < n % parts)
        net.add_population(f"p{k}", size, CELL)
        net.add_input(f"d{k}", size)
        net.connect(f"d{k}", f"p{k}", OneToOne(), weight=weight)
    return net, {f"d{k}": Poisson(Q.drive_hz, counts=True) for k in range(parts)}


def _run(net: Network, inputs: Mapping[str, Any], ticks: int, began: float, **options: Any) -> Row:
    """Build, run, and say what it took; ``began`` is when the description began."""
    to = options.pop("to", None)
    described = time.process_time()
    simulator = Simulator(net, **options)
    built = time.process_time()
    session = simulator.start(inputs, ticks + 2, seed=1, to=to)
    started = time.process_time()
    session.advance(2)  # loads the step loop
    start, events = time.process_time(), session.events
    session.advance(ticks)
    spent = time.process_time() - start
    return {
        "describe_s": described - began,
        "build_s": built - described,
        "start_s": started - built,
        "cpu_s_per_bio_s": spent / (ticks * net.dt),
        "ns_per_event": 1e9 * spent / max(session.events - events, 1),
        "ns_per_neuron": 1e9 * spent / ticks / net.n_neurons,
        "bytes_per_synapse": simulator.nbytes / max(net.n_synapses, 1),
    }


def populations(size: int) -> Row:
    """10,000 neurons and 10**6 synapses in so many populations, ten projections each."""
    began = time.process_time()
    net, inputs = _driven(size)
    for k, (pre, post, weight, delay) in enumerate(Q.projections(size)):
        net.connect(f"p{pre}", f"p{post}", FixedTotalNumber(Q.synapses // Q.count(size)),
                    weight=weight, delay=delay, name=f"c{k}")  # fmt: skip
    return _run(net, inputs, 1000, began)


def single_ticks(size: int) -> Row:
    """``advance(1)`` with so many populations of ten neurons."""
    net = Network(Q.dt)
    for k in range(size):
        net.add_population(f"p{k}", 10, CELL)
    session = Simulator(net).start({}, 10_000)
    session.advance(100)
    began = time.process_time()
    for _ in range(1000):
        session.advance(1)
    return {"us_per_call": 1e3 * (time.process_time() - began)}


def recording(size: int) -> Row:
    """Spikes of so many populations into an HDF5 file."""
    net = Network(Q.dt, seed=1)
    net.add_input("in", Q.n)
    for k in range(size):
        net.add_population(f"p{k}", Q.n // size, CELL)
        net.connect("in", f"p{k}", FixedInDegree(100), weight=2 * Q.w_drive)
    inputs = {"in": Poisson(1000.0)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        row = _run(net, inputs, 5000, time.process_time(), to=path)
        return row | {"file_mb": path.stat().st_size / 1e6}


def plastic(size: int) -> Row:
    """So many projections that learn, onto one population of 10,000 neurons."""
    began = time.process_time()
    net, inputs = _driven(1)
    for k in range(size):
        net.connect("p0", "p0", FixedTotalNumber(Q.synapses // size), weight=1e-5, delay=1.5e-3,
                    plasticity=PairSTDP(w_max=2e-5), name=f"c{k}")  # fmt: skip
    return _run(net, inputs, 1000, began)


def neurons(size: int) -> Row:
    """So many neurons with 100 synapses each; and without spikes, for the cost of a neuron."""
    rows = []
    for weight in (0.0, 5 * Q.w_drive):
        began = time.process_time()
        net, inputs = _driven(1, size, weight)
        net.connect("p0", "p0", FixedInDegree(100), weight=2e-5, delay=1.5e-3)
        rows.append(_run(net, inputs, 300, began))
    more = {"ns_per_neuron": rows[0]["ns_per_neuron"], "ns_plain": plain_loop(size)}
    return rows[1] | more


def plain_loop(size: int) -> float:
    """Nanoseconds of an addition, where a plain loop adds rows of 100 to so many sums.

    As many rows as neurons, of which one in 45 is added in each of nine passes: what the memory
    of the machine allows without any plan.
    """
    rng = np.random.default_rng(0)
    index, sums = aligned(100 * size, np.uint32), aligned(size, np.int32)
    for lo in range(0, size, 10_000):
        rows = rng.integers(0, size, (10_000, 100), dtype=np.uint32)
        index[100 * lo : 100 * (lo + 10_000)] = np.sort(rows, axis=1).ravel()
    spent = []
    for _ in range(9):
        chosen = np.sort(rng.choice(size, size // 45, replace=False))
        _add_rows(chosen[:1], index, sums)  # compiles
        began = time.process_time()
        _add_rows(chosen, index, sums)
        spent.append((time.process_time() - began) / (100 * chosen.size))
    return 1e9 * float(np.median(spent))


@numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def _add_rows(chosen: Any, index: Any, sums: Any) -> None:
    for row in chosen:
        for j in range(100 * row, 100 * row + 100):
            sums[index[j]] += np.int32(7)


def longest_delay(size: int) -> Row:
    """10**5 neurons, one delay of so many ticks, two threads."""
    began = time.process_time()
    net, inputs = _driven(1, 100_000)
    net.connect("p0", "p0", FixedInDegree(100), weight=5e-6, delay_ticks=size)
    return _run(net, inputs, 2000, began, threads=2)


def drawn_delays(size: int) -> Row:
    """10**5 neurons with 100 synapses, delays evenly from 0.1 ms to so many ticks."""
    began = time.process_time()
    net, inputs = _driven(1, 100_000, 5 * Q.w_drive)
    net.connect("p0", "p0", FixedInDegree(100), weight=2e-5, delay=Uniform(Q.dt, size * Q.dt))
    return _run(net, inputs, 300, began)
