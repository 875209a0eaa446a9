# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.sim.record.monitor import Rate, Trace, Weights, parse_record
from spikesim.sim.record.recorder import trace_headers
from spikesim.sim.record.room import available_memory, check_memory, trace_bytes
from spikesim.sim.record.sink import TraceHeader


@pytest.fixture
def net():
    net = Network(dt=1e-3)
    net.add_population("layer.0", 2, LIF(beta=0.5))
    net.add_population("b", 3, LIF(beta=0.5))
    net.connect("b", "layer.0", np.ones((3, 2)), name="p")
    return net


def test_names_with_a_dot_are_understood(net):
    monitors = parse_record(net, ("layer.0.v", "b.i", "layer.0.spikes"))
    assert ("layer.0",) == monitors.spikes
    assert (Trace("layer.0.v"), Trace("b.i")) == monitors.traces


def test_spikes_means_all_populations_in_the_order_of_the_network(net):
    assert ("layer.0", "b") == parse_record(net, "spikes").spikes
    assert ("layer.0", "b") == parse_record(net, ("b.spikes", "layer.0.spikes", "spikes")).spikes


def test_a_rate_makes_the_population_report_but_keeps_no_spikes(net):
    monitors = parse_record(net, Rate("b", 10))
    assert ((), ("b",)) == (monitors.spikes, monitors.spiking)


def test_repeats_are_dropped_and_contradictions_refused(net):
    assert (Trace("b.v"),) == parse_record(net, ("b.v", Trace("b.v", every=1))).traces
    with pytest.raises(ValidationError, match=r"'b\.v' once"):
        parse_record(net, ("b.v", Trace("b.v", every=2)))


def test_all_that_means_nothing_is_reported(net):
    wrong = ("v", "b.x", "c.v", "c.spikes", Rate("c", 1), Weights("q", 1), 3, "spikes")
    with pytest.raises(ValidationError) as caught:
        parse_record(net, wrong)
    assert 7 == len(caught.value.problems)


def test_subsets_are_checked_against_the_network(net):
    assert (2, 0) == parse_record(net, Trace("b.v", neurons=np.array([2, 0]))).traces[0].neurons
    assert (5,) == parse_record(net, Weights("p", 1, [5])).weights[0].synapses
    for wrong in (Trace("b.v", neurons=[3]), Weights("p", 1, [6])):
        with pytest.raises(ValidationError, match="below"):
            parse_record(net, wrong)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Trace("b.v", every=0),
        lambda: Trace("b.v", every=True),
        lambda: Trace("b.v", neurons=[1, 1]),
        lambda: Trace("b.v", neurons=[-1]),
        lambda: Trace("b.v", neurons=[0.5]),
        lambda: Rate("b", 0.1),
        lambda: Weights("p", -1),
    ],
)
def test_illegal_intervals_and_subsets_are_refused(make):
    with pytest.raises(ValidationError):
        make()


def test_memory_of_traces_is_known_before_the_run(net):
    record = (Trace("b.v", neurons=[0, 2], every=3), Rate("b", 4), Weights("p", 5))
    headers = trace_headers(net, parse_record(net, record), "float32")
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
