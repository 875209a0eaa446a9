# SPDX-License-Identifier: Apache-2.0
"""Speed of the golden models on a 784-128-10 network: ``python -m benchmarks.golden``.

Prints the median of five runs; the first call, which compiles or loads compiled code, is
reported apart. A synaptic operation is one weight added to one accumulator, padding included.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spikesim.hw.compile import compile_network
from spikesim.hw.config import CoreConfig
from spikesim.hw.golden import GoldenCore
from spikesim.hw.golden.fast import run_batch
from spikesim.hw.program import Program
from spikesim.network import Network
from spikesim.neurons import LIF

REPEATS = 5
STEPS = 10


def digit_program() -> Program:
    """Build a program of the size that classifies 28 x 28 images, with random weights."""
    rng = np.random.default_rng(0)
    net = Network(1e-3, "784-128-10")
    net.add_input("in", 784)
    net.add_population("hidden", 128, LIF(beta=0.9, reset="soft"))
    net.add_population("out", 10, LIF(beta=0.9, reset="soft"), start_tick=1)
    net.connect("in", "hidden", rng.normal(0.01, 0.05, (784, 128)))
    net.connect("hidden", "out", rng.normal(0.05, 0.2, (128, 10)))
    return compile_network(net, CoreConfig.large()).program


def seconds(call: Callable[[], Any]) -> float:
    """Median wall time of ``call`` in seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(images: int) -> dict[str, float]:
    """Run both models; rates per second of wall time."""
    program = digit_program()
    rng = np.random.default_rng(1)
    rasters = rng.random((images, STEPS, 784)) < 0.13
    start = time.perf_counter()
    run_batch(program, rasters[:1])
    first = time.perf_counter() - start
    result = run_batch(program, rasters)
    fast = seconds(lambda: run_batch(program, rasters))

    core = GoldenCore(program.config)
    core.load(program)
    readable_steps = 4

    def readable() -> None:
        for step in range(core.next_step, core.next_step + readable_steps):
            core.queue(step, np.flatnonzero(rasters[0, step % STEPS]).tolist())
            core.step(record=False)

    slow = seconds(readable)
    return {
        "images": images,
        "first_call_s": first,
        "fast_synaptic_ops_per_s": result.synaptic_ops / fast,
        "fast_images_per_s": images / fast,
        "fast_steps_per_s": images * STEPS / fast,
        "readable_steps_per_s": readable_steps / slow,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures as a table, or as JSON with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="50 images")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    figures = measure(50 if options.quick else options.images)
    if options.json:
        print(json.dumps(figures))
    else:
        print("golden model, 784-128-10, 10 steps an image, median of 5, one thread")
        for name, value in figures.items():
            print(f"  {name:<26}{value:>16,.4g}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
