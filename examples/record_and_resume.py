# SPDX-License-Identifier: Apache-2.0
"""Interrupt a learning network in mid-run, go on from its checkpoint: the same spikes.

The recording is streamed to HDF5. The interrupt is a real one, as by Ctrl-C, and the run goes on
in a simulator of its own, as in another process on another day.
"""

import argparse
import os
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from spikesim import Network, Poisson, Recording, Simulator, Trace
from spikesim.learning import VogelsSprekeler
from spikesim.network import FixedProbability, OneToOne, Uniform
from spikesim.neurons import LIFExp

SEED = 3
DT = 0.2e-3
TARGET_HZ = 5.0


def network(n: int) -> Network:
    """Excitation that is too strong, and inhibition that learns to hold it at a rate."""
    net = Network(DT, "inhibitory plasticity", seed=SEED)
    cell = LIFExp(
        tau_mem=20e-3, tau_syn={"exc": 5e-3, "inh": 10e-3}, v_rest=-60e-3, v_th=-50e-3,
        v_reset=-60e-3, t_ref=2e-3,
    )  # fmt: skip
    sizes = {"E": n * 4 // 5, "I": n // 5}
    # Ten percent of all pairs are connected: the fewer neurons, the larger the weights.
    unit = 100.0 / n * 1e-3
    for name, size in sizes.items():
        net.add_population(name, size, cell)
        net.add_input(f"drive {name}", size)
        net.connect(f"drive {name}", name, OneToOne(), weight=1.5e-3, receptor="exc")
    loop, delay = FixedProbability(0.1), Uniform(0.3e-3, 2.8e-3)
    net.connect("E", "E", loop, weight=6 * unit, delay=delay, receptor="exc")
    net.connect("E", "I", loop, weight=6 * unit, delay=delay, receptor="exc")
    net.connect("I", "I", loop, weight=-30 * unit, delay=delay, receptor="inh")
    rule = VogelsSprekeler(w_min=-300 * unit, w_max=0.0, eta=-20 * unit, rate=TARGET_HZ)
    net.connect("I", "E", loop, weight=-5 * unit, delay=delay, receptor="inh", plasticity=rule)
    return net


def main(argv: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller network, a shorter run")
    parser.add_argument("--out", default="record_and_resume.png", help="where the picture goes")
    options = parser.parse_args(argv)
    n, seconds = (250, 4.0) if options.quick else (1000, 20.0)
    steps = round(seconds / DT)
    drive = {"drive E": Poisson(1500.0, counts=True), "drive I": Poisson(1200.0, counts=True)}
    record = ("spikes", Trace("E.v", neurons=[0], every=5))

    def stop_halfway(done: int, steps: int) -> None:
        if done > steps // 2 and done < steps:
            os.kill(os.getpid(), signal.SIGINT)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = Simulator(network(n)).run(drive, steps, seed=SEED, record=record)
        first = Simulator(network(n)).run(
            drive, steps, seed=SEED, record=record, progress=stop_halfway,
            to=folder / "first.h5", checkpoint=folder / "half.checkpoint",
        )  # fmt: skip
        print(f"interrupted after {first.stop * DT:.2f} of {seconds:.0f} s: {first.complete=}")
        Simulator(network(n)).run(
            drive, steps, seed=SEED, record=record,
            to=folder / "rest.h5", resume=folder / "half.checkpoint",
        )  # fmt: skip
        parts = [Recording.open(folder / file) for file in ("first.h5", "rest.h5")]
        different = 0
        for population, trains in whole.spikes.items():
            both = [part.spikes[population] for part in parts]
            joined = {
                (tick, k)
                for part in both
                for tick, k in zip(part.ticks.tolist(), part.index.tolist(), strict=True)
            }
            expected = set(zip(trains.ticks.tolist(), trains.index.tolist(), strict=True))
            different += len(joined ^ expected)
        picture([part.spikes["E"] for part in parts], first.stop, seconds, options.out)
    late = whole.spikes["E"].window(steps * 3 // 4, steps).counts() / (seconds / 4)
    total = sum(len(trains) for trains in whole.spikes.values())
    print(f"rate of E in the last quarter: {late.mean():.2f} Hz (target {TARGET_HZ:g} Hz)")
    print(f"spikes that differ from the uninterrupted run: {different} of {total:,}")
    return float(different)


def picture(parts: list, cut: int, seconds: float, path: str) -> None:
    figure = Figure((9, 4.5), layout="constrained")
    raster, rate = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    spans = ((0.0, cut * DT), (cut * DT, seconds))
    for part, span, label in zip(parts, spans, ("first", "after the checkpoint"), strict=True):
        shown = part.select(range(50))
        raster.plot(shown.times(DT), shown.index, ".", markersize=1.5, label=label)
        # Bins of equal length that fill the span: none is cut by the interrupt.
        counts, edges = np.histogram(part.times(DT), max(1, round((span[1] - span[0]) / 0.1)), span)
        rate.plot((edges[:-1] + edges[1:]) / 2, counts / (np.diff(edges) * part.n))
    raster.set_ylabel("neuron of E")
    figure.legend(loc="outside upper center", ncols=2, markerscale=6)
    rate.axhline(TARGET_HZ, color="k", linewidth=0.6, label="target")
    rate.legend(loc="upper right")
    rate.set_ylabel("rate (Hz)")
    rate.set_xlabel("time (s)")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
