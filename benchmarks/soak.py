# SPDX-License-Identifier: Apache-2.0
"""Run a plastic network for minutes and see whether memory stays flat.

Everything that could grow is on: spikes, states, rates and weights streamed to HDF5, a
checkpoint every few seconds, plastic synapses with delays, random drive with and without lists.
A checkpoint takes a few MB for a moment; the slope is that of what stays, the least of each minute.
What looks like growth and ends by itself is kept out of the figure:

* Freed memory that Python and the C library hold for themselves, up to 6 MB with the load of the
  machine, and 0.3 MB of free tuples of each length: handed back before each sample.
* Freed arrays of which numpy holds seven of each size below 1 kB: spike counts change from window
  to window, so these come in one by one for an hour (0.4 MB in 10 minutes, against nothing with
  all of them there from the start): filled before the first sample.
* Windows of ticks that get longer when the machine is less busy: kept at one length.

python -m benchmarks.soak --minutes 10
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from spikesim import Network, Poisson, Rate, Recording, Simulator, Trace, Weights
from spikesim.learning import PairSTDP
from spikesim.network import AllToAll, FixedProbability, OneToOne, Uniform
from spikesim.neurons import LIFExp

PERIOD_S = 10.0
WARM_UP_S = 60.0  # kernels are loaded, windows find their length, the allocator its level
FLAT_MB_PER_MIN = 0.1
# Below what a window would hold on a busy machine.
CHUNK_TICKS = 500
CHECKPOINT_TICKS = 20_000


def network(n: int = 1000) -> Network:
    """E and I, 8:2, with STDP between the E and from an input: about 130,000 synapses."""
    net = Network(dt=0.5e-3, seed=1, name="soak")
    cell = LIFExp(
        tau_mem=20e-3, tau_syn=5e-3, v_rest=-60e-3, v_th=-50e-3, v_reset=-60e-3, t_ref=2e-3
    )
    net.add_input("background", n)
    net.add_input("pattern", 100)
    net.add_population("E", n * 8 // 10, cell)
    net.add_population("I", n * 2 // 10, cell)
    net.add_input("background I", n * 2 // 10)
    rule = PairSTDP(w_max=3e-3, a_plus=0.01, a_minus=0.0105)
    loop, delay = FixedProbability(0.1), Uniform(0.5e-3, 4.5e-3)
    net.connect("pattern", "E", AllToAll(), weight=1e-3, plasticity=rule, name="pattern->E")
    net.connect("E", "E", loop, weight=0.5e-3, delay=delay, plasticity=rule, name="E->E")
    net.connect("E", "I", loop, weight=1.5e-3, delay=delay)
    net.connect("I", "E", loop, weight=-6e-3, delay=delay)
    net.connect("I", "I", loop, weight=-6e-3, delay=delay)
    net.connect("background I", "I", OneToOne(), weight=1.0e-3)
    net.connect("background", "E", FixedProbability(0.01), weight=1.0e-3)
    return net


def resident_mb() -> float:
    """Memory of this process in MB (10^6 bytes), without what is free already."""
    gc.collect()
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("/proc/self/status has no VmRSS; this benchmark needs Linux")


def fill_caches() -> None:
    """Give numpy all the small freed arrays that it holds."""
    for size in range(1, 1024):
        arrays = [np.empty(size, dtype=np.uint8) for _ in range(8)]
        del arrays


def regression(minutes: Sequence[float], mb: Sequence[float]) -> tuple[float, float]:
    """Slope in MB/min and its standard error.

    Examples
    --------
    >>> regression([0.0, 1.0, 2.0], [5.0, 6.0, 7.0])
    (1.0, 0.0)
    """
    x, y = np.asarray(minutes), np.asarray(mb)
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    rest = y - y.mean() - slope * x
    error = float(np.sqrt(rest @ rest / max(x.size - 2, 1) / (x @ x)))
    return round(slope, 6), round(error, 6)


def floors(samples: Sequence[tuple[float, float]], period: float) -> list[tuple[float, float]]:
    """Middle and least MB of each period of minutes.

    Examples
    --------
    >>> floors([(0.0, 5.0), (0.6, 4.0), (1.2, 4.5), (1.9, 9.0)], 1.0)
    [(0.5, 4.0), (1.5, 4.5)]
    """
    least: dict[int, float] = {}
    for minute, mb in samples:
        k = int(minute / period)
        least[k] = min(mb, least.get(k, mb))
    return [((k + 0.5) * period, mb) for k, mb in least.items()]


def samples(folder: Path, seconds: float) -> Iterator[tuple[float, float, int]]:
    """Wall seconds, MB and ticks, every ``PERIOD_S`` of a run of that length."""
    drive = {
        "background": Poisson(400.0),
        "pattern": Poisson(np.linspace(5.0, 60.0, 100)),
        "background I": Poisson(1500.0, counts=True),
    }
    keep = (
        "spikes",
        Trace("E.v", neurons=range(0, 800, 100), every=10),
        Rate("E", bin=0.1),
        Weights("E->E", every=20_000, synapses=range(0, 50_000, 100)),
    )
    fill_caches()
    session = Simulator(network()).start(drive, 10**10, record=keep, seed=7, to=folder / "soak.h5")
    began = time.perf_counter()
    due = 0.0
    while (spent := time.perf_counter() - began) < seconds:
        if spent >= due:
            due += PERIOD_S
            yield spent, resident_mb(), session.tick
        session.advance(CHUNK_TICKS)
        if session.tick % CHECKPOINT_TICKS == 0:
            session.save(folder / "soak.checkpoint")
    yield spent, resident_mb(), session.tick
    session.finish()


def main(argv: Sequence[str] | None = None) -> bool:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", type=Path, help="write the samples and the slope here")
    options = parser.parse_args(argv)
    if options.minutes < 1:
        parser.error("expected at least 1 minute, too little is seen in less")
    seconds = 60 * options.minutes
    warm_up = min(WARM_UP_S, seconds / 5)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for spent, mb, tick in samples(Path(name), seconds):
            rows.append((spent, mb, tick))
            print(f"{spent:7.1f} s  {mb:8.2f} MB  {tick:>10,} ticks", flush=True)
        recording = Recording.open(Path(name) / "soak.h5")
        spikes, size = len(recording.spikes["E"]), (Path(name) / "soak.h5").stat().st_size
        saved = (Path(name) / "soak.checkpoint").exists()
    settled = [(spent / 60, mb) for spent, mb, _ in rows if spent >= warm_up]
    least = floors(settled, min(1.0, options.minutes / 8))
    slope, error = regression(*zip(*least, strict=True))
    flat = slope < FLAT_MB_PER_MIN
    print(
        f"{spikes:,} spikes of E over {recording.steps * recording.dt:,.0f} s in a file of "
        f"{size / 1e6:.0f} MB, checkpoints {'written' if saved else 'missing'}"
    )
    print(
        f"memory after {warm_up:.0f} s: {least[0][1]:.1f} to {least[-1][1]:.1f} MB, peak "
        f"{max(mb for _, mb in settled):.1f}; {slope:+.3f} ± {error:.3f} MB/min over "
        f"{settled[-1][0] - settled[0][0]:.1f} min: {'flat' if flat else 'NOT flat'} "
        f"(limit {FLAT_MB_PER_MIN} MB/min)"
    )
    if options.json:
        result = {"rows": rows, "slope_mb_per_min": slope, "error": error, "flat": flat}
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return flat


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
