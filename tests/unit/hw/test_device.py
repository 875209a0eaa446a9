# SPDX-License-Identifier: Apache-2.0
"""One driver over every transport: programs, runs, batches, refusals."""

from dataclasses import replace

import numpy as np
import pytest

from spikesim.core import SpikeTrains
from spikesim.engines import prepare, run
from spikesim.errors import DeviceError, ValidationError
from spikesim.hw.compile import compile_network
from spikesim.hw.device import Device
from spikesim.hw.device.events import event_frames, plan_chunks
from spikesim.hw.device.running import SpikeDecoder
from spikesim.hw.generated import Command, Reg, Window
from spikesim.hw.golden.fast import run_batch
from spikesim.hw.link import CommandRefusedError, CoreTooSmallError, VerifyError
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.protocol_model import GoldenDevice
from spikesim.hw.rtl.model import RtlModel
from spikesim.network import Network
from spikesim.neurons import LIF
from spikesim.recording import Recording
from spikesim.sim import Poisson
from tests.equivalence.random_programs import SMALL, events_raster, random_events, random_program


def golden():
    return Device.open(InProcessTransport(GoldenDevice(SMALL)))


def rtl():
    return Device.open(InProcessTransport(RtlModel(SMALL)))


DEVICES = [golden, pytest.param(rtl, marks=pytest.mark.rtl)]


@pytest.mark.parametrize("make", DEVICES)
@pytest.mark.parametrize("seed", [0, 4])
def test_a_run_is_that_of_the_golden_engine(make, seed):
    program = random_program(seed, SMALL)
    program = replace(program, populations=_all_recorded(program))
    raster = events_raster(program, random_events(seed, program, 40))
    record = ("spikes", *(f"{name}.v" for name in program.groups))
    expected = run(program, {"in": raster}, 40, "golden", record)
    device = make()
    device.load(program)
    got = device.run({"in": raster}, 40, record=record)
    assert expected.same_spikes(got)
    assert expected.meta["cycles"] == got.meta["cycles"]
    for name, trace in expected.traces.items():
        np.testing.assert_array_equal(trace, got.traces[name])
    # Without traces the steps run in one go; the result is the same.
    assert expected.same_spikes(device.run({"in": raster}, 40))


def test_progress_of_loading_counts_frames():
    program, seen, device = random_program(4, SMALL), [], golden()
    device.load(program, progress=lambda done, frames: seen.append((done, frames)))
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert 1 == len({frames for _, frames in seen})
    assert seen[-1][0] == seen[-1][1] > 1


def _all_recorded(program):
    populations = program.populations.copy()
    populations["record"] = 1
    return populations


@pytest.mark.parametrize("make", DEVICES)
def test_a_resumed_run_goes_on_where_the_first_ended(make):
    program = random_program(2, SMALL)
    program = replace(program, populations=_all_recorded(program))
    raster = events_raster(program, random_events(2, program, 30))
    whole = run(program, {"in": raster}, 30)
    device = make()
    device.load(program)
    first = device.run({"in": raster[:13]}, 13)
    second = device.run({"in": raster[13:]}, 17, resume=True)
    for name in program.groups:
        joined = np.concatenate([first.raster(name), second.raster(name)])
        np.testing.assert_array_equal(whole.raster(name), joined)


@pytest.mark.parametrize("make", DEVICES)
def test_a_resumed_run_tells_the_ticks_that_it_covers(make):
    program = random_program(2, SMALL)
    program = replace(program, populations=_all_recorded(program))
    inputs, name = {"in": Poisson(300.0)}, next(iter(program.groups))
    whole = run(program, inputs, 40, seed=5, record=("spikes", f"{name}.v"))
    device = make()
    device.load(program)
    for start, stop in ((0, 13), (13, 13), (13, 40)):
        part = device.run(
            inputs, stop - start, seed=5, resume=start > 0, record=("spikes", f"{name}.v")
        )
        assert (start, stop, True) == (part.start, part.stop, part.complete)
        assert part.same_spikes(Recording(
            {key: trains.window(start, stop) for key, trains in whole.spikes.items()},
            {}, stop - start, whole.dt, "x", start=start,
        ))  # fmt: skip
        np.testing.assert_array_equal(whole.trace(f"{name}.v")[start:stop], part.trace(f"{name}.v"))
        np.testing.assert_allclose(np.arange(start, stop) * whole.dt, part.trace_times(f"{name}.v"))
    with pytest.raises(ValidationError, match="expected spikes over at most 5 ticks, got 6"):
        device.run({"in": np.zeros((6, program.inputs["in"][1]), bool)}, 5, resume=True)


@pytest.mark.parametrize("make", DEVICES)
def test_a_program_after_another_finds_nothing_of_it(make):
    net = Network(1e-3)
    net.add_input("in", 2)
    net.add_population("out", 3, LIF(beta=0.5))
    net.connect("in", "out", [[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]])
    large, small = random_program(0, SMALL), compile_network(net, SMALL).program
    assert small.weights.shape[0] < large.weights.shape[0]
    device = make()
    for program in (large, small, large):
        raster = np.random.default_rng(1).random((30, program.inputs["in"][1])) < 0.3
        device.load(program)  # compares the whole memory with that of this program alone
        got = device.run({"in": raster}, 30)
        assert run(program, {"in": raster}, 30, "golden").same_spikes(got)


def test_a_run_that_is_started_and_not_resumed_begins_in_tick_0():
    program = random_program(2, SMALL)
    device = golden()
    device.load(program)
    population = next(iter(program.groups))
    fresh = device.start().state(population)
    begun = device.start()
    begun.advance(20, events_axons(program, 20))
    assert 20 == begun.step == device.start(resume=True).step
    assert begun.counts(population).any() or (begun.state(population) != fresh).any()
    again = device.start()
    assert 0 == again.step == device.memory.register("STEP")
    np.testing.assert_array_equal(fresh, again.state(population))
    assert not again.counts(population).any()


def events_axons(program, steps):
    raster = events_raster(program, random_events(2, program, steps))
    ticks, axons = np.nonzero(raster)
    return SpikeTrains(ticks, axons, program.config.n_axons, steps)


@pytest.mark.parametrize("make", DEVICES)
def test_a_batch_counts_as_the_golden_model_does(make):
    program = random_program(3, SMALL)
    batch = np.stack([
        events_raster(program, random_events(k, program, 12)) for k in range(5)
    ])  # fmt: skip
    expected = run_batch(program, batch)
    device = make()
    device.load(program)
    got = prepare(program, device).batch({"in": batch}, 12, populations=program.groups)
    for name in program.groups:
        own = expected.counts[:, program.neurons(name)]
        np.testing.assert_array_equal(own, got.counts[name])
    np.testing.assert_array_equal(expected.total_cycles, got.cycles)
    np.testing.assert_array_equal(
        expected.state["v"][-1], device.memory.state(0, SMALL.n_neurons)["v"]
    )


def test_a_program_for_another_core_is_refused_with_every_reason_and_nothing_sent():
    device = golden()
    device.load(random_program(1, SMALL))
    before = device.statistics()["bytes_out"]
    other = replace(SMALL, n_axons=40, lanes=8, weight_words=900)
    big = random_program(0, other)
    with pytest.raises(CoreTooSmallError) as caught:
        device.load(big)
    assert {"n_axons", "lanes"} <= set(str(caught.value).replace(":", " ").split())
    assert before == device.statistics()["bytes_out"]
    assert random_program(1, SMALL).program_id == device.register("PROGRAM_ID")


def test_a_smaller_program_runs_on_a_larger_core():
    program = random_program(1, SMALL)
    larger = replace(SMALL, n_neurons=64, weight_words=1000, n_segments=600, spike_queue=128)
    device = Device.open(InProcessTransport(GoldenDevice(larger)))
    device.load(program)
    raster = events_raster(program, random_events(1, program, 20))
    assert (
        run(program, {"in": raster}, 20).spikes.keys()
        == device.run({"in": raster}, 20).spikes.keys()
    )
    expected = run_batch(program, raster[None])
    got = device.read(Window.COUNT, 0, SMALL.n_neurons)
    np.testing.assert_array_equal(expected.counts[0], got)


def test_a_corrupt_memory_is_found_and_the_program_stays_disabled():
    model = GoldenDevice(SMALL)
    device = Device.open(InProcessTransport(model))
    original = model.core.write

    def weak(window, address, halfwords):
        halfwords = list(halfwords)
        original(window, address, [halfwords[0] ^ 4, *halfwords[1:]])

    model.core.write = weak
    with pytest.raises(VerifyError, match="WEIGHT: expected CRC-32"):
        device.load(random_program(0, SMALL))
    assert 0 == device.register("PROGRAM_ID")
    with pytest.raises(DeviceError, match="expected a loaded program"):
        device.run({}, 3)


def test_wrong_input_is_refused_before_anything_is_sent():
    device = golden()
    program = random_program(1, SMALL)
    device.load(program)
    before = device.statistics()["bytes_out"]
    for inputs, record in (
        ({"nobody": np.zeros((3, 96), bool)}, ("spikes",)),
        ({"in": np.zeros((3, 95), bool)}, ("spikes",)),
        ({"in": np.zeros((9, 96), bool)}, ("spikes",)),
        ({}, ("p0.current",)),
    ):
        with pytest.raises(ValidationError):
            device.run(inputs, 3, record=record)
    with pytest.raises(ValidationError, match=r"shape \(samples, steps, 96\)"):
        prepare(program, device).batch({"in": np.zeros((2, 3, 5), bool)})
    assert before == device.statistics()["bytes_out"]


def test_an_interrupted_run_stops_the_core_and_leaves_the_device_usable():
    device = golden()
    program = random_program(1, SMALL)
    device.load(program)
    inner = device.session.burst
    left = iter([False, True])

    def interrupted(requests, **options):
        answers = inner(requests, **options)
        if any(r.command == Command.RUN for r in requests) or next(left, False):
            raise KeyboardInterrupt
        return answers

    device.session.burst = interrupted
    with pytest.raises(KeyboardInterrupt):
        device.run({}, 100_000)
    device.session.burst = inner
    assert not device.running
    assert device.run({}, 5).steps == 5


@pytest.mark.parametrize("window", [Window.COUNT, Window.WEIGHT])
def test_addresses_end_at_24_bits(window):
    device = golden()
    for address, count in ((2**24, 1), (2**24 - 1, 2), (-1, 1), (0, -1)):
        with pytest.raises(ValidationError, match=r"halfwords within 0 to 2\^24 - 1"):
            device.read(window, address, count)
    with pytest.raises(CommandRefusedError):  # asked, and refused by the core
        device.read(window, 2**24 - 1, 1)


def test_a_halfword_holds_16_bits():
    device = golden()
    device.write(Window.WEIGHT, 0, [0, 0xFFFF])
    assert [0, 0xFFFF] == device.read(Window.WEIGHT, 0, 2).tolist()
    for wrong in (-1, 0x10000):
        with pytest.raises(ValidationError, match="values 0 to 65535"):
            device.write(Window.WEIGHT, 0, [1, wrong])
    assert [0, 0xFFFF] == device.read(Window.WEIGHT, 0, 2).tolist()


def test_an_unknown_window_or_register_lists_those_there_are():
    device = golden()
    with pytest.raises(ValidationError, match="WEIGHT"):
        device.read("WEIGHTS", 0, 1)
    with pytest.raises(ValidationError, match="SCRATCH"):
        device.set_register("STEP", 1)
    with pytest.raises(ValidationError, match="0 to 65535"):
        device.set_register("SCRATCH", 65536)


def test_a_full_weight_memory_costs_at_most_a_tenth_above_its_bytes():
    config = replace(SMALL, weight_words=4096)
    base = random_program(0, config)
    weights = np.ones((4096, config.lanes), np.int8)
    program = replace(base, weights=weights)
    device = Device.open(InProcessTransport(GoldenDevice(config)))
    tables = replace(base, weights=np.zeros_like(weights))
    device.load(tables)
    before = device.statistics()["bytes_out"]
    device.load(tables)
    middle = device.statistics()["bytes_out"]
    device.load(program)
    extra = device.statistics()["bytes_out"] - middle - (middle - before)
    assert extra <= 1.10 * weights.size


# --- events and spikes ------------------------------------------------------------------------


def unpack(frames):
    """Events of EVENTS payloads, by the rule of docs/design/link.md."""
    events = []
    for frame in frames:
        assert len(frame) <= 248
        step = int.from_bytes(frame[:4], "little")
        for k in range(4, len(frame), 2):
            word = frame[k] | frame[k + 1] << 8
            if word & 0x8000:
                assert word & 0x7FFF
                step += word & 0x7FFF
            else:
                events.append((step, word))
    return events


@pytest.mark.parametrize("seed", range(5))
def test_event_frames_hold_exactly_the_events(seed):
    rng = np.random.default_rng(seed)
    keys = np.sort(rng.choice(200_000 * 50, size=700, replace=False))
    ticks, axons = keys // 50, (keys % 50).astype(np.int32)
    assert list(zip(ticks.tolist(), axons.tolist(), strict=True)) == unpack(
        event_frames(ticks, axons)
    )


@pytest.mark.parametrize("queue", [16, 64, 1000])
def test_chunks_cover_the_run_and_fit_the_queue(queue):
    rng = np.random.default_rng(queue)
    raster = rng.random((50, 15)) < 0.4
    trains = SpikeTrains.from_raster(raster)
    chunks = plan_chunks(trains, queue)
    assert 50 == sum(chunk.steps for chunk in chunks)
    seen, at = [], 0
    for chunk in chunks:
        events = unpack(chunk.frames)
        steps = {step for step, _ in events}
        assert len(events) + len(steps) <= queue
        assert all(at <= step < at + chunk.steps for step in steps)
        at += chunk.steps
        seen += events
    assert [tuple(pair) for pair in np.argwhere(raster).tolist()] == seen


def test_a_step_that_no_queue_holds_is_refused():
    with pytest.raises(ValidationError, match=r"at most 15 spikes.*got 16 in tick 1"):
        plan_chunks(SpikeTrains([1] * 16, range(16), n=16, steps=2), 16)


def test_spike_words_cut_anywhere_decode_to_the_same_spikes():
    words = np.array([0x8000 | 32766, 3, 4, 0x8000 | 2, 1, 0x8000 | 9, 0], np.uint16)
    for cut in range(8):
        decoder = SpikeDecoder(32760)
        decoder.feed(words[:cut])
        decoder.feed(words[cut:])
        ticks, neurons = decoder.spikes()
        assert [32766, 32766, 32770, 32777] == ticks.tolist()
        assert [3, 4, 1, 0] == neurons.tolist()


def test_registers_read_by_name():
    device = golden()
    assert SMALL.n_neurons == device.register("N")
    assert 12_000_000 == device.capabilities.clk_hz
    assert Reg.CLK_HZ.halfwords == 2
