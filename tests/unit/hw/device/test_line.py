# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.core import SpikeTrains
from spikesim.hw.device import Device
from spikesim.hw.device.batch import Readout, sample_requests
from spikesim.hw.device.line import line_bytes
from spikesim.hw.device.requests import crc_request, read_requests
from spikesim.hw.generated import Window
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.protocol_model import GoldenDevice
from tests.equivalence.random_programs import SMALL, random_events, random_program


@pytest.mark.parametrize("seed", range(3))
def test_bytes_foretold_are_those_that_a_device_exchanges(seed):
    program = random_program(seed, SMALL)
    device = Device.open(InProcessTransport(GoldenDevice(SMALL)))
    device.load(program)
    events = random_events(seed, program, 30)
    ticks = [tick for tick, axons in enumerate(events) for _ in axons]
    trains = SpikeTrains(ticks, np.concatenate(events).astype(np.int32), SMALL.n_axons, 30)
    requests = sample_requests(trains, SMALL.event_queue)
    requests += Readout([(0, 5), (8, 20)]).requests + read_requests(Window.STATE, 0, 128)
    requests.append(crc_request(Window.COUNT, 0, SMALL.n_neurons))
    before = device.statistics()
    device.burst(requests)
    after = device.statistics()
    got = tuple(after[name] - before[name] for name in ("bytes_out", "bytes_in"))
    assert line_bytes(requests) == got


def test_nothing_takes_nothing():
    assert (0, 0) == line_bytes([])
