# SPDX-License-Identifier: Apache-2.0
"""Describe a network once, run it on three engines, and see that the integer ones are equal."""

from collections.abc import Sequence

import numpy as np

import spikesim
from spikesim import LIF, Network
from spikesim.hw.compile import compile_network


def main(argv: Sequence[str] | None = None) -> bool:
    # readme: begin
    rng = np.random.default_rng(0)
    net = Network(dt=1e-3, name="first steps")
    net.add_input("pixels", 64)
    net.add_population("hidden", 96, LIF(beta=0.94, v_th=1.0, reset="soft"))
    net.add_population("classes", 10, LIF.from_time_constants(1e-3, tau_mem=20e-3))
    net.connect("pixels", "hidden", rng.normal(0.05, 0.2, (64, 96)))
    net.connect("hidden", "classes", rng.normal(0.06, 0.2, (96, 10)), delay=3e-3)
    spikes = {"pixels": rng.random((50, 64)) < 0.1}  # 50 ticks of 1 ms

    as_float = spikesim.run(net, spikes, 50)  # floating point
    program = compile_network(net).program  # integers only from here on
    golden = spikesim.run(program, spikes, 50, engine="golden")
    rtl = spikesim.run(program, spikes, 50, engine="rtl")  # the Verilog core

    print("output spikes, float :", as_float.counts("classes"))
    print("output spikes, golden:", golden.counts("classes"))
    print("RTL equals golden, spike for spike:", rtl.same_spikes(golden))
    print("clock cycles per step:", golden.meta["cycles"][:5], "...")
    # readme: end
    return rtl.same_spikes(golden)


if __name__ == "__main__":
    main()
