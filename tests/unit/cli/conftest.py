# SPDX-License-Identifier: Apache-2.0
"""A small network and program, and a way to call the command line."""

import json

import numpy as np
import pytest

from spikesim.cli.main import main
from spikesim.hw.compile import compile_network
from spikesim.network import Network
from spikesim.neurons import LIF


class Call:
    """Outcome of one command."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def document(self):
        return json.loads(self.out)


@pytest.fixture
def spikesim(capfd):
    """Call ``spikesim`` with arguments; gives exit code, stdout and stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        return Call(stop.value.code, out, err)

    return call


@pytest.fixture
def net():
    rng = np.random.default_rng(3)
    net = Network(1e-3, "small")
    net.add_input("in", 16)
    net.add_population("layer0", 12, LIF(beta=0.9, reset="soft"))
    net.add_population("layer1", 4, LIF(beta=0.9, reset="soft"), start_tick=1)
    net.connect("in", "layer0", rng.normal(0.1, 0.3, (16, 12)))
    net.connect("layer0", "layer1", rng.normal(0.1, 0.4, (12, 4)))
    return net


@pytest.fixture
def files(net, tmp_path):
    """Network file, program file, and labelled images the program takes."""
    net.save(tmp_path / "net.npz")
    program = compile_network(net).program
    program.save(tmp_path / "prog.spk")
    images = np.random.default_rng(4).random((6, 4, 4)).astype(np.float32)
    np.savez(tmp_path / "images.npz", images=images, labels=np.zeros(6, np.int64))
    return tmp_path
