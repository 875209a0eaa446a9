# SPDX-License-Identifier: Apache-2.0
"""What more processes cost and bring: ``python -m benchmarks.scaling``.

Message sizes come from real runs under ``mpiexec``. The work of one process among R is replayed
alone on one core: a communicator that repeats what the others said in a recorded run. A fit of
these times, with the latency and the bandwidth of a network as assumptions, gives the curve for
10^9 to 10^11 synapses. Writes ``docs/design/scaling.svg`` and ``benchmarks/results/scaling.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from benchmarks.simulator.models import Model, brunel
from spikesim.sim import Simulator
from spikesim.sim.parallel.mpi import Ranks, find_mpiexec
from tests.reference.thread_ranks import run_ranks

ROOT = Path(__file__).parents[1]
CASES = {"one delay": False, "own delays": True}
STEPS = 3000
"""Ticks of 0.1 ms per run."""

REPEATS = 3
"""Replays, of which the fastest counts: others may use the machine."""

# Assumptions of the curve.
LATENCY = 2e-6
"""Seconds per message between nodes; an allgather takes log2(ranks) of them."""
BANDWIDTH = 10e9
"""Bytes per second into a node."""
CORES = 64
"""Cores, and so blocks, per node: one rank with as many threads."""
IN_DEGREE, RATE, DT = 10_000, 4.0, 1e-4
"""Synapses per neuron, spikes per neuron and second, seconds per tick of the modeled network."""
BYTES_PER_SYNAPSE = 4


def model(own: bool, size: int) -> Model:
    """Brunel's network, with one delay of 15 ticks or own delays of 1 to 29."""
    return brunel(size, seed=1, own=own)


class Recorder:
    """Passes everything on and keeps what all ranks heard."""

    def __init__(self, comm: Any) -> None:
        self._comm = comm
        self.heard: list[npt.NDArray[np.int32]] = []
        self.Get_rank, self.Get_size, self.gather = comm.Get_rank, comm.Get_size, comm.gather

    def Allgather(self, sendbuf: Any, recvbuf: Any) -> None:  # noqa: N802
        """Pass on, and keep."""
        self._comm.Allgather(sendbuf, recvbuf)
        self.heard.append(recvbuf.copy())


class Replay:
    """One rank alone: the others say what they said when it was recorded."""

    def __init__(self, rank: int, size: int, heard: list[npt.NDArray[np.int32]]) -> None:
        self._rank, self._size, self._next = rank, size, iter(heard)

    def Get_rank(self) -> int:  # noqa: N802
        """Give the number of the rank."""
        return self._rank

    def Get_size(self) -> int:  # noqa: N802
        """Give the ranks of the recorded run."""
        return self._size

    def Allgather(self, sendbuf: Any, recvbuf: Any) -> None:  # noqa: N802
        """Give what was recorded."""
        recvbuf[:] = next(self._next)

    def gather(self, sendobj: Any, root: int = 0) -> list[Any] | None:
        """Give the own part alone."""
        return [sendobj] if self._rank == root else None


def work(made: Model, comm: Any) -> tuple[Simulator, float, float, int]:
    """Build and run; gives CPU seconds of both, and synaptic events."""
    began = time.process_time()
    simulator = Simulator(made.net, comm=comm)
    build = time.process_time() - began
    session = simulator.start(made.inputs, STEPS, record=())
    began = time.process_time()
    session.advance(STEPS)
    return simulator, build, time.process_time() - began, session.events


def replay(made: Model, ranks: int, spikes: int) -> dict[str, float]:
    """Time the work of rank 0 of ``ranks``, alone on one core."""

    def record(comm: Any) -> list[npt.NDArray[np.int32]]:
        recorder = Recorder(comm)
        work(made, recorder)
        return recorder.heard

    heard = run_ranks(ranks, record)[0] if ranks > 1 else []
    build = spent = math.inf
    for _ in range(REPEATS):
        comm = Replay(0, ranks, heard) if ranks > 1 else None
        simulator, once, seconds, events = work(made, comm)
        build, spent = min(build, once), min(spent, seconds)
    groups = max(t.n_groups for t in simulator.plan.tables if not t.from_inputs)
    return {
        "ranks": ranks, "seconds": round(spent, 4), "build_seconds": round(build, 3),
        "spikes": spikes, "groups": groups, "events": events,
        "updates": STEPS * simulator.plan.n_neurons / ranks,
        "batches": STEPS / simulator.plan.batch if ranks > 1 else 0,
        "synapses": sum(t.nnz for t in simulator.plan.tables),
    }  # fmt: skip


def spikes_of(made: Model) -> int:
    """Spikes of the whole run."""
    recording = Simulator(made.net).run(made.inputs, STEPS)
    return sum(len(trains) for trains in recording.spikes.values())


def fit(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds per unit of work, from least relative squares with no negative cost."""
    names = ("piece", "event", "update", "spike", "batch")
    work = np.array(
        [[r["spikes"] * r["groups"], r["events"], r["updates"],
          r["spikes"] * (r["ranks"] > 1), r["batches"]] for r in rows]
    )  # fmt: skip
    seconds = np.array([r["seconds"] for r in rows])
    size = np.maximum(np.linalg.norm(work, axis=0), 1e-300)
    cost, _ = nnls(work / seconds[:, None] / size, np.ones(len(rows)))
    found = dict(zip(names, (cost / size).tolist(), strict=True))
    error = work @ (cost / size) / seconds - 1
    return {**found, "largest_error": float(np.abs(error).max())}


def real_time_factor(
    synapses: float, nodes: int, delay: int, groups: int, cost: dict[str, float]
) -> tuple[float, float]:
    """Modeled wall seconds per simulated second, and GB per node."""
    neurons, blocks = synapses / IN_DEGREE, nodes * CORES
    spikes, batches = neurons * RATE, 1 / (DT * delay)
    compute = (
        cost["piece"] * spikes * groups + cost["event"] * synapses * RATE / blocks
        + cost["update"] * neurons / DT / blocks
    )  # fmt: skip
    if nodes > 1:
        # Slots are rounded up to a power of two: 1.5 times the words on average.
        sent = 1.5 * 4 * (spikes / batches + nodes * (2 + 2 * delay))
        compute += cost["spike"] * spikes + cost["batch"] * batches
        compute += batches * (math.log2(nodes) * LATENCY + sent / BANDWIDTH)
    memory = synapses / nodes * BYTES_PER_SYNAPSE + 4 * neurons * (groups + 1) * CORES
    return compute, memory / 1e9


def measure_messages(size: int, ranks: int) -> list[dict[str, float]]:
    """Run in real processes; gives what rank 0 prints."""
    command = [find_mpiexec(), "-n", str(ranks), sys.executable, "-m", "benchmarks.scaling",
               "--as-rank", "--size", str(size)]  # fmt: skip
    out = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def as_rank(size: int) -> None:
    """Run both cases as one of several processes; rank 0 prints a line for each."""
    for name, own in CASES.items():
        made, ranks = model(own, size), Ranks.of("world")
        simulator = Simulator(made.net, comm=ranks)
        session = simulator.start(made.inputs, STEPS, record=())
        session.advance(10)
        shares, words = ranks.shares, ranks.words
        began = time.perf_counter()
        session.advance(STEPS - 10)
        wall = time.perf_counter() - began
        count, sent = ranks.shares - shares, ranks.words - words
        exchange = _alone(ranks, sent // count)
        if ranks.rank == 0:
            print(json.dumps({
                "case": name, "ranks": ranks.size, "batch_ticks": simulator.plan.batch,
                "exchanges": count, "bytes_per_message": round(4 * sent / count, 1),
                "wall_seconds": round(wall, 3), "exchange_us": round(1e6 * exchange, 1),
            }))  # fmt: skip


def _alone(ranks: Ranks, words: int) -> float:
    """Seconds of one exchange when all ranks come at once."""
    message = np.zeros(min(words, 4096), dtype=np.int32)
    ranks.share(message)
    began = time.perf_counter()
    for _ in range(500):
        ranks.share(message)
    return (time.perf_counter() - began) / 500


def draw(curves: dict[str, list[tuple[float, float]]], path: Path) -> None:
    """Real-time factor against nodes."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "scaling"
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    colors = {"1e+09": "C0", "1e+10": "C1", "1e+11": "C2"}
    for label, points in curves.items():
        nodes, factor = zip(*points, strict=True)
        axis.loglog(nodes, factor, "--" if "own" in label else "-",
                    color=colors[label.split()[0]], label=label)  # fmt: skip
    axis.axhline(1.0, color="0.6", lw=0.8)
    axis.set(xlabel=f"nodes of {CORES} cores", ylabel="wall s per simulated s (modeled)")
    axis.set_ylim(top=400)  # room for the legend
    axis.legend(fontsize=7, loc="upper center", ncols=2)
    figure.savefig(path, metadata={"Date": None})


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, fit, model, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=12_500, help="neurons of the network")
    parser.add_argument("--as-rank", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.as_rank:
        as_rank(options.size)
        return 0
    messages = [row for ranks in (2, 3) for row in measure_messages(options.size, ranks)]
    for row in messages:
        print(row)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core from here on
    rows: list[dict[str, Any]] = []
    made = {name: model(own, options.size) for name, own in CASES.items()}
    # Without its drive the network is silent: the cost of the neurons alone.
    made["silent"] = replace(made["one delay"], inputs={})
    for name, one in made.items():
        small = model(name == "own delays", 400)
        spikes_of(small)  # compiles what is not yet in the cache, before threads may
        replay(small, 2, 0)
        spikes = spikes_of(one)
        for ranks in (1, 2, 4, 8, 16):
            rows.append({"case": name, **replay(one, ranks, spikes)})
            print(rows[-1])
    cost = fit(rows)
    print({key: float(f"{value:.3g}") for key, value in cost.items()})
    curves: dict[str, list[tuple[float, float]]] = {}
    print("| synapses | delays | nodes | wall s per s | GB per node |\n|---|---|---|---|---|")
    for synapses in (1e9, 1e10, 1e11):
        for label, delay, groups in (("one delay of 1.5 ms", 15, 1), ("own delays", 1, 29)):
            name = f"{synapses:.0e} synapses, {label}"
            for nodes in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512):
                factor, memory = real_time_factor(synapses, nodes, delay, groups, cost)
                curves.setdefault(name, []).append((nodes, factor))
                if nodes in (1, 8, 64, 512):
                    print(f"| {synapses:.0e} | {label} | {nodes} | {factor:.3g} | {memory:.3g} |")
    draw(curves, ROOT / "docs" / "design" / "scaling.svg")
    document = {"messages": messages, "replays": rows, "cost_s": cost, "curves": curves}
    (ROOT / "benchmarks" / "results").mkdir(exist_ok=True)
    (ROOT / "benchmarks" / "results" / "scaling.json").write_text(json.dumps(document, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
