# SPDX-License-Identifier: Apache-2.0
"""Speed of the core as a library and as a virtual board, and what programming costs.

    python -m benchmarks.board [--images 200] [--steps 16]

The network is a dense 64-160-10 stack of random weights, the size of the digits network; input
is Bernoulli with rate 0.3. Programming is measured on a weight memory filled to the last word.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace

import numpy as np

from spikesim.engines import prepare
from spikesim.hw.board import VirtualBoard
from spikesim.hw.compile import compile_network
from spikesim.hw.device import Device
from spikesim.hw.golden.fast import run_batch
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.rtl.model import RtlModel
from spikesim.network import Network
from spikesim.neurons import LIF


def digits_sized_program():
    """Give a dense 64-160-10 network on the default core."""
    rng = np.random.default_rng(0)
    net = Network(dt=1e-3, name="64-160-10")
    net.add_input("in", 64)
    net.add_population("hidden", 160, LIF(beta=0.9))
    net.add_population("out", 10, LIF(beta=0.9))
    net.connect("in", "hidden", rng.normal(0, 0.3, (64, 160)).astype(np.float32))
    net.connect("hidden", "out", rng.normal(0, 0.2, (160, 10)).astype(np.float32))
    return compile_network(net).program


def full_memory_program(program):
    """Give the same program with every weight word in use."""
    config = program.config
    rng = np.random.default_rng(1)
    weights = rng.integers(1, 127, (config.weight_words, config.lanes)).astype(np.int8)
    weights[: program.weights.shape[0]] = program.weights
    return replace(program, weights=weights)


def measure_batch(device, program, rasters, steps):
    """Give (images/s, steps/s, clocks/s of the core, line bytes per image, counts)."""
    ready = prepare(program, device)
    before = device.statistics()
    begin = time.perf_counter()
    result = ready.batch({"in": rasters}, steps)
    wall = time.perf_counter() - begin
    after = device.statistics()
    line = sum(after[name] - before[name] for name in ("bytes_out", "bytes_in"))
    images = len(rasters)
    rates = images / wall, images * steps / wall, result.cycles.sum() / wall, line / images
    return rates, result


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--steps", type=int, default=16)
    options = parser.parse_args(arguments)
    program = digits_sized_program()
    config = program.config
    shape = (options.images, options.steps, 64)
    rasters = np.random.default_rng(2).random(shape) < 0.3
    steps = options.steps + program.latency
    model = RtlModel(config)
    clocks = 2_000_000
    begin = time.perf_counter()
    model.run_clocks(clocks)
    print(f"idle core as a library: {clocks / (time.perf_counter() - begin) / 1e6:.1f} M clocks/s")
    print(f"network 64-160-10, {options.images} images of {steps} steps")
    print(f"{'engine':28}{'images/s':>10}{'steps/s':>10}{'Mclocks/s':>11}{'bytes/image':>12}")
    padded = np.zeros((options.images, options.steps, config.n_axons), bool)
    padded[:, :, :64] = rasters
    run_batch(program, padded[:1], steps)
    begin = time.perf_counter()
    golden = run_batch(program, padded, steps)
    wall = time.perf_counter() - begin
    row("golden, fast", options.images / wall, options.images * steps / wall, None, None)
    library = Device.open(InProcessTransport(model, "rtl"))
    rates, result = measure_batch(library, program, rasters, steps)
    row("RTL in process", *rates)
    assert (result.cycles == golden.total_cycles).all()
    with VirtualBoard(config, tcp=True) as board:
        for name, port in (("board, bypass, terminal", board.port), ("board, TCP", board.tcp)):
            with Device.open(port) as device:
                rates, result = measure_batch(device, program, rasters, steps)
                assert (result.cycles == golden.total_cycles).all()
                row(name, *rates)
    programming(program)
    return 0


def row(name, images, steps, clocks, line):
    """Print one line of the table."""
    shown = "" if clocks is None else f"{clocks / 1e6:.2f}"
    size = "" if line is None else f"{line:.0f}"
    print(f"{name:28}{images:>10.1f}{steps:>10.0f}{shown:>11}{size:>12}")


def programming(program):
    """Compare the cost of a full weight memory with the line time of its own bytes."""
    config = program.config
    full = full_memory_program(program)
    clk_hz, baud = 12_000_000, 460_800
    model = RtlModel(config, clk_hz, baud=baud)
    model.set_line("uart", baud)
    device = Device.open(InProcessTransport(model, "rtl, bit by bit"))
    before, begin = device.statistics()["bytes_out"], model.clocks
    wall = time.perf_counter()
    device.load(full, verify=True)
    wall = time.perf_counter() - wall
    weights = full.weights.size
    line_bytes = device.statistics()["bytes_out"] - before
    seconds = (model.clocks - begin) / clk_hz
    ideal = weights * 10 / baud
    print(
        f"programming {weights} weights at {baud} baud, verified by CRC-32: {line_bytes} bytes, "
        f"{seconds:.2f} s simulated ({wall:.1f} s wall); line time of the weights {ideal:.2f} s, "
        f"ratio {seconds / ideal:.3f}"
    )


if __name__ == "__main__":
    sys.exit(main())
