# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from spikesim.data.provenance import Provenance
from spikesim.engines import prepare, run
from spikesim.hw.compile import compile_network
from spikesim.hw.device import Device
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.protocol_model import GoldenDevice
from spikesim.hw.timing import RunTime
from spikesim.network import Network
from spikesim.neurons import LIF, LIFDelta


@pytest.fixture(scope="module")
def net():
    net = Network(1e-3)
    net.add_input("in", 40)
    net.add_population("hidden", 12, LIF(beta=0.9))
    net.add_population("out", 3, LIF(beta=0.9), start_tick=1)
    rng = np.random.default_rng(0)
    net.connect("in", "hidden", rng.normal(size=(40, 12)))
    net.connect("hidden", "out", rng.normal(size=(12, 3)))
    return net


def test_a_silent_network_takes_the_clocks_of_its_idle_step(net):
    program = compile_network(net).program
    idle = run(program, {}, 1, "golden").meta["cycles"][0]
    time = RunTime.expected(program, 10, cycles_per_step=idle, events_per_step=0)
    assert 10 * idle / 12e6 * 1e3 == pytest.approx(time.run_ms)
    assert time.measured


def test_a_tenth_of_all_sources_is_assumed_where_nothing_was_measured(net):
    program = compile_network(net).program
    idle = run(program, {}, 1, "golden").meta["cycles"][0]
    # One spike of each input line alone tells what its row costs; neurons follow a tick later.
    lines = run(program, {"in": np.ones((1, 40), bool)}, 1, "golden").meta["cycles"][0] - idle
    time = RunTime.expected(program)
    assert time.cycles_per_step > idle + lines / 10
    assert not time.measured
    assert (time.steps, time.run_ms, time.line_ms) == (None, None, None)
    assert "a run" not in str(time)


@pytest.mark.parametrize("events", [0, 1, 7, 40])
def test_the_line_takes_as_long_as_the_bytes_of_a_batch(net, events):
    program = compile_network(net).program
    steps = 12
    raster = np.zeros((3, steps, 40), bool)
    raster[:, :, :events] = True
    device = Device.open(InProcessTransport(GoldenDevice(program.config)))
    device.load(program)

    ready = prepare(program, device)

    def exchanged(samples):
        before = device.statistics()
        ready.batch({"in": raster[:samples]}, steps)
        after = device.statistics()
        return [after[name] - before[name] for name in ("bytes_out", "bytes_in")]

    # The second and third sample differ from the first by what a batch sends once.
    one, three = exchanged(1), exchanged(3)
    sample = [(b - a) // 2 for a, b in zip(one, three, strict=True)]
    time = RunTime.expected(program, steps, cycles_per_step=1.0, events_per_step=events)
    assert max(sample) == time.run_bytes
    assert max(sample) * 10 / 115_200 * 1e3 == pytest.approx(time.line_ms)


def test_the_report_says_what_a_run_takes_once_its_length_is_known(net):
    assert compile_network(net).report.time.steps is None
    report = compile_network(net, steps=16).report
    assert 16 == report.time.steps
    assert "ms a run of 16 steps" in str(report)
    assert "at 115,200 baud" in str(report)
    stored = json.loads(json.dumps(report.to_dict()))["time"]
    assert (16, report.time.run_ms) == (stored["steps"], stored["run_ms"])


def test_samples_give_length_and_clocks(net):
    rng = np.random.default_rng(1)
    rasters = rng.random((4, 9, 40)) < 0.2
    report = compile_network(net, samples={"in": rasters}).report
    assert (10, True) == (report.time.steps, report.time.measured)  # one more for the output
    total = sum(
        sum(run(compile_network(net).program, {"in": r}, 10, "golden").meta["cycles"])
        for r in rasters
    )
    assert total / 4 / 12e6 * 1e3 == pytest.approx(report.time.run_ms)
    # A stated length wins over that of the samples.
    assert 20 == compile_network(net, samples={"in": rasters}, steps=20).report.time.steps


def test_a_trained_network_says_itself_how_long_a_run_is():
    trained = Network(1e-3)
    trained.add_input("in", 4)
    trained.add_population("out", 2, LIFDelta(tau_mem=20e-3), start_tick=2)
    trained.connect("in", "out", np.full((4, 2), 1e-3), delay=1e-3)
    trained.meta.update(Provenance("digits", steps=16, encoding="rate").to_meta())
    result = compile_network(trained)
    assert 18 == result.report.time.steps
    assert Provenance("digits", steps=16, encoding="rate") == Provenance.from_meta(
        result.program.meta
    )
    assert 7 == compile_network(trained, steps=7).report.time.steps
