# SPDX-License-Identifier: Apache-2.0
"""A small program with two inputs and a loop, and every core that runs it in this process."""

import numpy as np

import spikesim
from spikesim.hw.compile import compile_network
from spikesim.hw.device import Device
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.protocol_model import GoldenDevice
from spikesim.network import Network
from spikesim.neurons import LIF

STEPS = 12
ENGINES = ["golden", "golden-readable", "device"]


def two_input_program():
    rng = np.random.default_rng(3)
    net = Network(1e-3, "two inputs")
    net.add_input("a", 5)
    net.add_input("b", 7)
    net.add_population("hidden", 9, LIF(beta=0.9))
    net.add_population("out", 3, LIF(beta=0.8, alpha=0.5), start_tick=1)
    net.connect("a", "hidden", rng.normal(0.2, 0.3, (5, 9)))
    net.connect("b", "hidden", rng.normal(0.2, 0.3, (7, 9)))
    net.connect("hidden", "out", rng.normal(0.2, 0.3, (9, 3)), delay_ticks=2)
    net.connect("out", "hidden", rng.normal(0.0, 0.3, (3, 9)), delay_ticks=3)
    return compile_network(net, record=["hidden", "out"]).program


def drive(seed=0, steps=STEPS):
    rng = np.random.default_rng(seed)
    return {"a": rng.random((steps, 5)) < 0.3, "b": rng.random((steps, 7)) < 0.3}


def prepared(program, engine):
    if engine != "device":
        return spikesim.engines.prepare(program, engine)
    device = Device.open(InProcessTransport(GoldenDevice(program.config), "device"))
    return spikesim.engines.prepare(program, device, each_step=True)
