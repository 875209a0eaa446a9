# SPDX-License-Identifier: Apache-2.0
"""A damaged line costs time and nothing else: model, Verilated core and driver under faults."""

import struct
from functools import lru_cache

import numpy as np
import pytest
from cobs import cobs

from spikesim.hw.device import Device
from spikesim.hw.generated import Clear, Command, Status, Window
from spikesim.hw.link.errors import CommandRefusedError
from spikesim.hw.link.framing import FrameReader, encode_frame
from spikesim.hw.link.session import LinkSession, Request
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.protocol_model import GoldenDevice
from spikesim.hw.rtl.model import RtlModel
from tests.equivalence.random_programs import SMALL, events_raster, random_events, random_program
from tests.properties.faulty_line import FAULTS, FaultyTransport, damage
from tests.properties.link_streams import Requests

# A corrupt frame passes a CRC of 16 bits once in 65,536 when nothing but chance protects it.
_CRC_CHANCE = 2.0**-16
_SETTLE = 3_000_000


def bitwise_crc(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1
    return crc


def is_frame(block):
    """The rule of docs/design/link.md, written apart from the parser under test."""
    try:
        body = cobs.decode(block)
    except cobs.DecodeError:
        return False
    return 4 <= len(body) <= 252 and bitwise_crc(body[:-2]) == int.from_bytes(body[-2:], "little")


def pong(device, seq):
    """Send a good PING; give whether it was answered."""
    device.push(encode_frame(seq, Command.PING, b"\x12\x00\x34\x56"))
    frames = list(FrameReader().feed(device.pull()))
    return bool(frames) and frames[-1].payload[:4] == b"\x12\x00\x34\x56"


def fuzz_model(n, seed):
    """Damage n frames; give how many corrupt ones the model took."""
    rng = np.random.default_rng(seed)
    device = GoldenDevice(SMALL)
    assert pong(device, 0)
    bodies = [encode_frame(9, Command.STOP), encode_frame(9, Command.READ, bytes(5))]
    bodies += [encode_frame(9, Command.WRITE, bytes([1]) + rng.bytes(3 + 2 * k)) for k in (1, 20)]
    bodies += [encode_frame(9, Command.EVENTS, rng.bytes(4 + 2 * k)) for k in (3, 9)]
    taken = 0
    for k in range(n):
        line = bodies[k % len(bodies)]
        broken = damage(rng, line[:-1], FAULTS[k % len(FAULTS)])
        before = device.registers.frames
        device.push(broken.replace(b"\0", b"\0\0") + b"\0")
        accepted = (device.registers.frames - before) & 0xFFFF
        if k % 50 == 0:
            expected = sum(map(is_frame, filter(None, broken.split(b"\0"))))
            assert expected == accepted, broken.hex()
        # A fault that only adds a delimiter leaves the frame whole.
        taken += accepted - broken.split(b"\0").count(line[:-1])
        device.pull()
        if k % 97 == 0:
            assert pong(device, k % 256), f"no answer after fault {k}: {broken.hex()}"
    return taken


def test_no_corrupt_frame_is_accepted_by_the_model():
    assert 0 == fuzz_model(20_000, seed=1)


@pytest.mark.slow
def test_a_million_corrupt_frames_are_accepted_no_oftener_than_the_crc_lets_pass():
    assert fuzz_model(1_000_000, seed=2) <= 3 * 1_000_000 * _CRC_CHANCE


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_good_frame_after_a_damaged_one_is_answered(fault):
    rng = np.random.default_rng(3)
    device = GoldenDevice(SMALL)
    for k in range(300):
        line = encode_frame(k % 256, Command.WRITE, bytes([1, 0, 0, 0]) + rng.bytes(20))
        # The delimiter itself may be lost: then it is the frame behind that goes with it.
        device.push(damage(rng, line, fault))
        first, second = pong(device, 1), pong(device, 2)
        assert first or second, line.hex()
        assert second


# --- the Verilated link beside the model ----------------------------------------------------------


@lru_cache(maxsize=1)
def rtl():
    return RtlModel(SMALL, seed=3)


def settle(model):
    """Let the core finish what it can; a stalled or waiting one stays as it is."""
    for _ in range(_SETTLE // 1000):
        model.run_until(1 << 40, 1000, core_idle=True)
        if model.idle or model.signals()["stalled"]:
            break
    # The longest command that a stalled core executes: CRC-32 over 90 registers.
    model.run_clocks(4000 if model.signals()["stalled"] else 100)


def both_answer_alike(n, seed):
    """Feed n random frames to both; give damaged frames, frames under a stall, statuses seen."""
    model, golden = rtl(), GoldenDevice(SMALL)
    model.reset()
    requests = Requests(seed, SMALL)
    rng = np.random.default_rng([seed, 5])
    program = random_program(seed, SMALL)
    for device in (Device.open(InProcessTransport(d)) for d in (model, golden)):
        device.load(program)
        device.set_register("CTRL", 1)
        requests.seq = device.session._seq
        device.session.command(Command.CLEAR, struct.pack("<H", Clear.ERRORS))
    settle(model)
    model.take(), golden.pull()
    golden.registers.frames = 0
    skew = Device.open(InProcessTransport(model)).register("FRAMES")
    golden.push(b"")
    same_start(model, golden, skew)
    damaged = stalls = 0
    statuses = set()
    for k in range(n):
        requests.seq, requests.step = golden._expected, golden.core.next_step
        line, broken = requests.frame()
        damaged += broken
        for _ in range(2):
            model.push(line)
            settle(model)
            golden.push(line)
            # The second pull lets the run end, as settle does.
            got, expected = model.take(), golden.pull() + golden.pull()
            assert expected == got, (
                f"seed {seed}, frame {k}, line {line.hex()}: expected "
                f"{list(FrameReader().feed(expected))}, got {list(FrameReader().feed(got))}"
            )
            signals = model.signals()
            levels = len(golden.core.event_queue), len(golden.core.spike_queue)
            assert levels == (signals["ev_level"], signals["spk_level"]), (
                f"seed {seed}, frame {k}, queue levels {levels}: {signals}"
            )
            statuses.update(frame.code for frame in FrameReader().feed(got))
            stalls += golden.stalled
            if rng.random() > 0.05:
                break
        if rng.random() < 0.01 or (golden.stalled and rng.random() < 0.2):
            model.line_break()
            settle(model)
            golden.line_break()
            # What a cut reply has left on the line is no concern of the comparison.
            model.take(), golden.pull()
            ping = encode_frame(golden._expected, Command.PING, b"abcd")
            model.push(ping), golden.push(ping)
            settle(model)
            assert golden.pull() == model.take()
    return damaged, stalls, statuses


def same_start(model, golden, skew):
    """Give both the same sequence number and count of frames."""
    ping = encode_frame(0, Command.PING, b"same")
    model.push(ping), golden.push(ping)
    settle(model)
    golden.registers.frames = (skew + 1) & 0xFFFF
    assert golden.pull() == model.take()


def check_volume(seeds, n):
    damaged = stalls = 0
    statuses = set()
    for seed in seeds:
        more, waiting, seen = both_answer_alike(n, seed)
        damaged, stalls, statuses = damaged + more, stalls + waiting, statuses | seen
    assert damaged > 0.15 * n * len(seeds)
    # A run that waits for room in the spike queue is the one that frames meet for certain.
    assert stalls > 0.02 * n * len(seeds)
    # A queue fills up only in a long test; another one fills it on purpose.
    assert set(Status) - {Status.QUEUE_FULL} <= statuses


@pytest.mark.rtl
def test_the_core_answers_every_frame_as_the_model_does():
    check_volume(range(8), 250)


@pytest.mark.rtl
@pytest.mark.slow
def test_the_core_answers_ten_thousand_frames_as_the_model_does():
    check_volume(range(100, 120), 500)


# --- driver over the core -------------------------------------------------------------------------


@pytest.mark.rtl
@pytest.mark.parametrize("error", [-0.025, 0.0, 0.025])
def test_frames_pass_the_uart_within_two_and_a_half_percent_of_the_rate(error):
    model = RtlModel(SMALL, 3_686_400, baud=115_200)
    model.set_line("uart", 115_200, host_error=error)
    device = Device.open(InProcessTransport(model))
    values = np.random.default_rng(4).integers(0, 65536, 400).astype(np.uint16)
    device.write(Window.WEIGHT, 0, values)
    np.testing.assert_array_equal(values, device.read(Window.WEIGHT, 0, 400))
    assert 0 == device.session.statistics.timeouts
    assert [0, 0] == [device.register("ERR_FRAMING"), device.register("ERR_CRC")]


@pytest.mark.rtl
def test_a_break_in_the_middle_of_a_frame_drops_that_frame_only():
    model = RtlModel(SMALL, 3_686_400, baud=115_200)
    model.set_line("uart", 115_200)
    device = Device.open(InProcessTransport(model))
    device.set_register("SCRATCH", 77)
    line = encode_frame(device.session._seq, Command.WRITE, bytes([0, 70, 0, 0, 1, 1]))
    model.push(line[:5])
    model.line_break()
    device.session.resync()
    assert 77 == device.register("SCRATCH")
    assert 1 == device.register("BREAKS")


@pytest.mark.rtl
def test_bytes_that_find_no_room_are_counted_and_cost_a_repeat_only():
    """A host that ignores the window while a fenced command waits."""
    model = RtlModel(SMALL, 3_686_400, baud=115_200)
    model.set_line("uart", 115_200)
    device = Device.open(InProcessTransport(model), tries=3)
    program = random_program(2, SMALL)
    device.load(program)
    device.set_register("TICK_PERIOD", 400_000)
    run = struct.pack("<I", 3)
    device.session.command(Command.RUN, run)
    wait = Request(Command.READ, bytes([0, 34, 0, 0, 1]), fence=True)
    more = [Request(Command.WRITE, bytes([0, 70, 0, 0, k, 0] * 1)) for k in range(200)]
    device.session.window = 10**6
    device.session.burst([wait, *more])
    assert 199 == device.register("SCRATCH")
    assert device.register("ERR_OVERRUN") > 0


@pytest.mark.rtl
def test_a_host_that_starts_in_the_middle_of_anothers_burst_is_served():
    model = rtl()
    model.reset()
    first = Device.open(InProcessTransport(model))
    requests = b"".join(
        encode_frame((first.session._seq + k) % 256, Command.READ, bytes([1, 0, 0, 0, 100]))
        for k in range(4)
    )
    model.push(requests[:-5])
    model.run_clocks(300)
    second = Device.open(InProcessTransport(model))
    assert SMALL.n_neurons == second.register("N")


@pytest.mark.rtl
@pytest.mark.parametrize("seed", range(3))
def test_runs_over_a_damaged_line_are_those_of_a_clean_one(seed):
    program = random_program(seed, SMALL)
    raster = events_raster(program, random_events(seed, program, 25))
    model = rtl()
    model.reset()
    with_faults = FaultyTransport(InProcessTransport(model), seed, 0.03)
    device = Device.open(InProcessTransport(GoldenDevice(SMALL)))
    device.load(program)
    expected = device.run({"in": raster}, 25)
    damaged = Device(_connected(with_faults))
    damaged.load(program)
    got = damaged.run({"in": raster}, 25)
    assert with_faults.damaged > 5
    assert expected.same_spikes(got)
    assert expected.meta == got.meta


def _connected(transport):
    session = LinkSession(transport, tries=50)
    session.connect()
    return session


def golden_device():
    return GoldenDevice(SMALL)


def fresh_rtl():
    rtl().reset()
    return rtl()


DEVICES = [golden_device, pytest.param(fresh_rtl, marks=pytest.mark.rtl)]


@pytest.mark.parametrize("make", DEVICES)
def test_a_full_event_queue_refuses_a_frame_as_a_whole(make):
    device = Device.open(InProcessTransport(make()))
    device.load(random_program(0, SMALL))
    words = b"".join(k.to_bytes(2, "little") for k in range(90))
    frames = [Request(Command.EVENTS, struct.pack("<I", step) + words) for step in range(3)]
    device.session.burst(frames[:2])
    assert SMALL.event_queue - 2 * 91 == device.register("EV_FREE")
    with pytest.raises(CommandRefusedError, match="QUEUE_FULL"):
        device.session.burst([frames[2]])
    assert SMALL.event_queue - 2 * 91 == device.register("EV_FREE")


@pytest.mark.parametrize("make", DEVICES)
def test_a_run_under_way_refuses_another_and_loses_nothing(make):
    device = Device.open(InProcessTransport(make()))
    program = random_program(0, SMALL)
    device.load(program)
    device.set_register("CTRL", 1)
    run = Request(Command.RUN, struct.pack("<I", 100_000))
    with pytest.raises(CommandRefusedError, match=r"RUN.*BUSY"):
        device.session.burst([run, run])
    device.session.resync()
    step = device.stop()
    assert 0 < step < 100_000
    assert step == device.register("STEP")
