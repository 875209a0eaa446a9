# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.recording import Rate, Trace, Weights, parse_record
from spikesim.sim.record.recorder import recordable, trace_headers
from spikesim.sim.record.room import available_memory, check_memory, trace_bytes
from spikesim.sim.record.sink import TraceHeader


def test_memory_of_traces_is_known_before_the_run():
    net = Network(dt=1e-3)
    net.add_population("layer.0", 2, LIF(beta=0.5))
    net.add_population("b", 3, LIF(beta=0.5))
    net.connect("b", "layer.0", np.ones((3, 2)), name="p")
    record = (Trace("b.v", neurons=[0, 2], every=3), Rate("b", 4e-3), Weights("p", 5))
    headers = trace_headers(net, parse_record(record, recordable(net)), "float32")
    # 4 samples of 2 float32, 3 of one float64, 2 of 6 float32; each with its tick in 8 bytes.
    expected = {"b.v": 4 * (8 + 8), "b.rate": 3 * (8 + 8), "p.w": 2 * (24 + 8)}
    assert expected == trace_bytes(headers, 10)


def test_a_trace_that_does_not_fit_is_refused_with_its_bytes():
    traces = {"a.v": TraceHeader(1, "float32"), "b.v": TraceHeader(10, "float32")}
    check_memory(traces, 100, available=6700)
    with pytest.raises(ValidationError, match=r"6,000 bytes over 100 ticks, of them 4,800 .*to="):
        check_memory(traces, 100, available=6600)


def test_the_machine_says_how_much_memory_it_has():
    assert 1 << 20 < available_memory() < 1 << 50
