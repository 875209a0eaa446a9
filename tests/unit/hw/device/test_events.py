# SPDX-License-Identifier: Apache-2.0
"""Gaps between events at the ends of their fields: 15 bits of an advance, the event horizon."""

import numpy as np
import pytest

from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.hw.compile import compile_network
from spikesim.hw.device import Device
from spikesim.hw.device.events import event_frames, plan_chunks
from spikesim.hw.device.running import CoreRun, SpikeDecoder
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.protocol_model import GoldenDevice
from spikesim.network import Network
from spikesim.neurons import LIF
from tests.equivalence.random_programs import SMALL

HORIZON = 32_767


def frames(*ticks):
    return event_frames(np.array(ticks), np.arange(len(ticks), dtype=np.int32))


def test_an_advance_of_15_bits_is_a_word_of_its_frame():
    (frame,) = frames(5, 5 + 32_767)
    assert "05 00 00 00 00 00 ff ff 01 00" == frame.hex(" ")


def test_a_longer_gap_begins_a_frame():
    first, second = frames(5, 5 + 32_768)
    assert "05 00 00 00 00 00" == first.hex(" ")
    assert (5 + 32_768).to_bytes(4, "little") + b"\x01\x00" == second


def test_many_long_gaps_are_no_deep_recursion():
    ticks = np.arange(3000) * 40_000
    assert 3000 == len(event_frames(ticks, np.zeros(3000, np.int32)))


def test_no_events_need_no_frame():
    assert [] == event_frames(np.zeros(0, np.int64), np.zeros(0, np.int32))


@pytest.mark.parametrize(("gap", "chunks"), [(HORIZON, 1), (HORIZON + 1, 2)])
def test_a_chunk_ends_where_the_core_cannot_look(gap, chunks):
    trains = SpikeTrains([0, gap], [1, 2], n=3, steps=gap + 2)
    plan = plan_chunks(trains, 16)
    assert chunks == len(plan)
    assert gap + 2 == sum(chunk.steps for chunk in plan)


@pytest.mark.parametrize(("spikes", "legal"), [(15, True), (16, False)])
def test_the_events_of_a_step_may_fill_the_queue_with_their_marker(spikes, legal):
    trains = SpikeTrains([2] * spikes, np.arange(spikes), n=20, steps=4)
    if legal:
        assert 4 == sum(chunk.steps for chunk in plan_chunks(trains, 16))
        return
    with pytest.raises(ValidationError, match="at most 15 spikes in one step, got 16 in tick 2"):
        plan_chunks(trains, 16)


@pytest.mark.parametrize(("busy", "chunks"), [(4, 1), (5, 2)])
def test_a_chunk_takes_as_many_steps_as_fill_the_queue(busy, chunks):
    """Three spikes and a marker a step: four steps fill 16 words."""
    ticks = np.repeat(np.arange(busy), 3)
    plan = plan_chunks(SpikeTrains(ticks, np.tile(np.arange(3), busy), n=3, steps=busy), 16)
    assert chunks == len(plan)
    assert busy == sum(chunk.steps for chunk in plan)


@pytest.mark.parametrize("gap", [1, 2**14 - 1, 2**14, 2**15 - 1])
def test_a_marker_tells_steps_less_than_2_to_the_15_apart(gap):
    decoder = SpikeDecoder(70_000)
    decoder.feed(np.array([0x8000 | 70_000 & 0x7FFF, 7], np.uint16))
    decoder.feed(np.array([0x8000 | (70_000 + gap) & 0x7FFF, 8], np.uint16))
    assert [70_000, 70_000 + gap] == decoder.spikes()[0].tolist()


@pytest.mark.parametrize("first", [HORIZON, HORIZON + 1, 3 * HORIZON])
def test_silence_before_the_first_event_may_be_longer_than_the_horizon(first):
    plan = plan_chunks(SpikeTrains([first], [1], n=3, steps=first + 5), 16, first_step=7)
    assert first + 5 == sum(chunk.steps for chunk in plan)
    begin = 0
    for chunk in plan:
        for frame in chunk.frames:
            assert begin <= int.from_bytes(frame[:4], "little") - 7 <= begin + HORIZON
        begin += chunk.steps
    assert 1 == sum(len(chunk.frames) for chunk in plan)


def test_a_device_tells_events_and_spikes_on_either_side_of_a_long_silence():
    net = Network(dt=1e-3)
    net.add_input("in", 3)
    net.add_population("out", 1, LIF(beta=0.0))
    net.connect("in", "out", np.ones((3, 1)))
    program = compile_network(net, SMALL).program
    device = Device.open(InProcessTransport(GoldenDevice(SMALL)))
    device.load(program)
    run = CoreRun(device, program)
    gap = HORIZON + 1
    axons = SpikeTrains([1, 1 + gap], [1, 2], n=SMALL.n_axons, steps=gap + 3)
    assert [1, 1 + gap] == run.advance(gap + 3, axons)["out"].ticks.tolist()
    assert gap + 3 == run.step
    again = SpikeTrains([2], [0], n=SMALL.n_axons, steps=4)
    assert [2] == run.advance(4, again)["out"].ticks.tolist()


@pytest.mark.parametrize("silence", [(1 << 15) - 1, 1 << 15, (1 << 15) + 1, 1 << 20])
def test_a_decoder_that_is_told_where_the_core_stands_bears_any_silence(silence):
    decoder = SpikeDecoder(3)
    decoder.feed(np.array([0x8000 | 3, 7], np.uint16))
    decoder.reach(3 + silence)
    decoder.feed(np.array([0x8000 | (3 + silence) & 0x7FFF, 8], np.uint16))
    ticks, neurons = decoder.spikes()
    assert ([3, 3 + silence], [7, 8]) == (ticks.tolist(), neurons.tolist())
