# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.engines import prepare, run
from spikesim.errors import DeviceError
from spikesim.hw.compile import compile_network
from spikesim.hw.device import Device
from spikesim.hw.device.batch import Readout
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.protocol_model import GoldenDevice
from spikesim.network import Network
from spikesim.neurons import LIF
from tests.equivalence.random_programs import SMALL, events_raster, random_events, random_program


def firing():
    """One neuron that fires in every step, and a line that drives nothing."""
    net = Network(1e-3)
    net.add_input("in", 1)
    net.add_population("out", 1, LIF(beta=0.0, bias=1.0))
    return compile_network(net, SMALL).program


@pytest.mark.parametrize(("steps", "legal"), [(65_534, True), (65_535, False), (70_000, False)])
def test_a_sample_that_fills_a_counter_is_no_count(steps, legal):
    raster = np.zeros((1, 1, 1), bool)
    with prepare(firing(), "golden") as ready:
        if legal:
            assert steps == ready.batch({"in": raster}, steps).output[0, 0]
            return
        with pytest.raises(DeviceError, match=r"below 65535.*neuron 0 of the core"):
            ready.batch({"in": raster}, steps)


def test_a_full_counter_of_a_device_is_no_count(monkeypatch):
    device = Device.open(InProcessTransport(GoldenDevice(SMALL)))
    device.load(firing())
    raster = np.zeros((1, 4, 1), bool)
    ready = prepare(device.program, device)
    assert [[4]] == ready.batch({"in": raster}, 4).output.tolist()
    inner = Readout.split

    def full(self, answers):
        counts, *rest = inner(self, answers)
        return counts + 65_531, *rest

    monkeypatch.setattr(Readout, "split", full)
    with pytest.raises(DeviceError, match="below 65535"):
        ready.batch({"in": raster}, 4)


def test_another_program_on_the_same_device_replaces_the_first():
    device = Device.open(InProcessTransport(GoldenDevice(SMALL)))
    programs = [random_program(seed, SMALL) for seed in (1, 3, 1)]
    found = []
    for program in programs:
        raster = events_raster(program, random_events(5, program, 25))
        expected = run(program, {"in": raster}, 25, "golden")
        got = run(program, {"in": raster}, 25, device)
        assert expected.same_spikes(got)
        assert program.program_id == device.register("PROGRAM_ID")
        with prepare(program, device) as ready:
            counts = ready.batch({"in": raster[None]}, 25).counts
        with prepare(program, "golden") as ready:
            for name, own in ready.batch({"in": raster[None]}, 25).counts.items():
                np.testing.assert_array_equal(own, counts[name])
        found.append(sum(trains.ticks.size for trains in expected.spikes.values()))
    assert found[0] == found[2] != found[1]


def test_a_smaller_program_leaves_nothing_of_a_larger_one_behind():
    device = Device.open(InProcessTransport(GoldenDevice(SMALL)))
    device.load(random_program(3, SMALL))
    device.load(firing())
    image = firing().image()
    for window, halfwords in image.items():
        there = device.read(window, 0, halfwords.size)
        np.testing.assert_array_equal(halfwords, there)
    used = image["WEIGHT"].size
    assert not device.read("WEIGHT", used, 200).any()
    assert not device.read("SEG", image["SEG"].size, 200).any()
