# SPDX-License-Identifier: Apache-2.0
"""The rules of docs/design/link.md, frame by frame, on the model of the device's end."""

import struct
import zlib

import pytest

from spikesim.hw.generated import MAGIC, Clear, Command, Reg, Status, Window
from spikesim.hw.link.framing import FENCE, FrameReader, encode_frame
from spikesim.hw.protocol_model import GoldenDevice
from tests.equivalence.random_programs import SMALL, random_program


class Host:
    """Send single frames and read single replies."""

    def __init__(self, **options):
        self.device = GoldenDevice(SMALL, **options)
        self.ask(0, Command.PING, b"hello"[:4])

    def ask(self, seq, command, payload=b""):
        self.device.push(encode_frame(seq, int(command), payload))
        frames = list(FrameReader().feed(self.device.pull()))
        assert all(frame.seq == seq for frame in frames)
        return (frames[-1].code, frames[-1].payload) if frames else None

    def register(self, seq, register):
        place = bytes([Window.REG]) + register.address.to_bytes(3, "little")
        status, data = self.ask(seq, Command.READ, place + bytes([register.halfwords]))
        assert Status.OK == status
        return int.from_bytes(data, "little")


def place(window, address, count):
    return bytes([window]) + address.to_bytes(3, "little") + bytes([count])


def test_ping_returns_nonce_magic_and_version():
    status, payload = Host().ask(200, Command.PING, b"\1\2\3\4")
    assert (Status.OK, b"\1\2\3\4" + MAGIC.to_bytes(4, "little") + b"\1\0") == (status, payload)


def test_nothing_but_ping_is_executed_before_the_first_ping():
    device = GoldenDevice(SMALL)
    device.push(encode_frame(0, Command.STOP))
    (reply,) = FrameReader().feed(device.pull())
    assert (Status.BAD_SEQUENCE, b"\0\0") == (reply.code, reply.payload)


def test_a_repeated_frame_gets_the_kept_reply_and_is_not_executed_again():
    host = Host()
    write = place(Window.WEIGHT, 0, 0)[:4]
    assert (Status.OK, b"") == host.ask(1, Command.WRITE, write + b"\x01\x00")
    first = host.ask(2, Command.READ, place(Window.WEIGHT, 0, 1))
    host.device.core.write(Window.WEIGHT, 0, [9])
    assert first == host.ask(2, Command.READ, place(Window.WEIGHT, 0, 1))
    assert (Status.DUPLICATE, b"") == host.ask(1, Command.WRITE, write + b"\x05\x00")
    assert [9] == host.device.core.read(Window.WEIGHT, 0, 1)


def test_a_frame_from_the_future_names_the_expected_number_and_is_counted():
    host = Host()
    assert (Status.BAD_SEQUENCE, b"\1\0") == host.ask(5, Command.STOP)
    assert 1 == host.register(1, Reg.ERR_SEQUENCE)


@pytest.mark.parametrize("expected", [1, 200])
def test_numbers_of_the_lower_half_are_ahead_and_those_of_the_upper_half_past(expected):
    host = Host()
    host.ask((expected - 1) % 256, Command.PING, bytes(4))
    for ahead, status in ((127, Status.BAD_SEQUENCE), (128, Status.DUPLICATE)):
        assert status == host.ask((expected + ahead) % 256, Command.STOP)[0]
    assert Status.OK == host.ask(expected, Command.STOP)[0]


@pytest.mark.parametrize("window", [Window.COUNT, Window.WEIGHT, Window.STATE, Window.REG])
def test_a_window_is_read_to_its_last_halfword_and_no_further(window):
    host, size = Host(), 256
    if window is not Window.REG:
        size = host.device.core.entries(window) * host.device.core.stride(window)
    assert Status.OK == host.ask(1, Command.READ, place(window, size - 2, 2))[0]
    assert Status.BAD_ADDRESS == host.ask(2, Command.READ, place(window, size - 2, 3))[0]
    assert Status.BAD_ADDRESS == host.ask(2, Command.READ, place(window, size, 1))[0]


def test_the_first_of_the_neurons_that_fired_most_wins():
    host = Host()
    host.device.core.count[:6] = [9, 2, 5, 5, 1, 9]
    answer = host.ask(1, Command.ARGMAX, struct.pack("<HH", 1, 4))
    assert (Status.OK, struct.pack("<HH", 2, 5)) == answer


@pytest.mark.parametrize("mask", [Clear.STATE, Clear.QUEUES])
def test_events_are_ordered_anew_after_a_clear_that_empties_their_queue(mask):
    host = Host()
    assert Status.OK == host.ask(1, Command.EVENTS, struct.pack("<IH", 5, 3))[0]
    assert Status.EVENT_ORDER == host.ask(2, Command.EVENTS, struct.pack("<IH", 0, 0))[0]
    assert Status.OK == host.ask(2, Command.CLEAR, int(mask).to_bytes(2, "little"))[0]
    assert Status.OK == host.ask(3, Command.EVENTS, struct.pack("<IH", 0, 0))[0]
    assert [0x8000, 0] == list(host.device.core.event_queue)


def test_nothing_behind_a_refused_frame_is_executed():
    host = Host()
    assert Status.BAD_ADDRESS == host.ask(1, Command.READ, place(Window.COUNT, 32, 1))[0]
    assert Status.BAD_SEQUENCE == host.ask(2, Command.STOP)[0]
    assert Status.OK == host.ask(1, Command.STOP)[0]


@pytest.mark.parametrize(
    ("command", "payload", "status"),
    [
        (99, b"", Status.BAD_COMMAND),
        (Command.READ, b"\0", Status.BAD_LENGTH),
        (Command.READ, place(9, 0, 1), Status.BAD_WINDOW),
        (Command.READ, place(Window.REG, 256, 1), Status.BAD_ADDRESS),
        (Command.READ, place(Window.REG, 0, 0), Status.BAD_VALUE),
        (Command.READ, place(Window.REG, 0, 125), Status.BAD_VALUE),
        (Command.WRITE, place(Window.REG, 0, 0)[:4] + b"ab", Status.READ_ONLY),
        (Command.WRITE, place(Window.REG, 64, 0)[:4] + b"abcd", Status.READ_ONLY),
        (Command.WRITE, place(Window.FIRED, 0, 0)[:4] + b"ab", Status.READ_ONLY),
        (Command.WRITE, place(Window.REG, 70, 0)[:4] + b"a", Status.BAD_LENGTH),
        (Command.RUN, b"\1\0\0\0", Status.NO_PROGRAM),
        (Command.CLEAR, b"\x40\0", Status.BAD_VALUE),
        (Command.ARGMAX, struct.pack("<HH", 3, 2), Status.BAD_VALUE),
        (Command.ARGMAX, struct.pack("<HH", 0, 32), Status.BAD_VALUE),
        (Command.SET_BAUD, struct.pack("<I", 4095), Status.BAD_VALUE),
        (Command.EVENTS, b"\0\0\0\0\0\x80", Status.BAD_VALUE),
        (Command.EVENTS, struct.pack("<IH", 0, 96), Status.EVENT_RANGE),
        (Command.EVENTS, struct.pack("<IH", 32768, 0), Status.EVENT_RANGE),
        (Command.EVENTS, struct.pack("<IHH", 0, 4, 4), Status.EVENT_ORDER),
    ],
)
def test_each_refusal_has_its_status_and_no_payload(command, payload, status):
    assert (status, b"") == Host().ask(1, command, payload)


def test_events_are_checked_as_a_whole_before_any_is_queued():
    host = Host()
    assert Status.EVENT_ORDER == host.ask(1, Command.EVENTS, struct.pack("<IHHH", 0, 1, 2, 1))[0]
    assert 0 == len(host.device.core.event_queue)
    assert (Status.OK, struct.pack("<H", 253)) == host.ask(
        1, Command.EVENTS, struct.pack("<IHH", 0, 1, 2)
    )
    assert (Status.OK, struct.pack("<H", 252)) == host.ask(
        2, Command.EVENTS, struct.pack("<IH", 0, 3)
    )
    assert [0x8000, 1, 2, 3] == list(host.device.core.event_queue)


def test_an_event_of_a_step_that_has_run_is_refused():
    host = Host()
    host.device.core.load(random_program(0, SMALL))
    host.ask(1, Command.WRITE, place(Window.REG, 66, 0)[:4] + b"\1\0")
    host.ask(2, Command.RUN, struct.pack("<I", 4))
    assert Status.OK == host.ask(3, Command.READ | FENCE, place(Window.COUNT, 0, 1))[0]
    assert Status.EVENT_PAST == host.ask(4, Command.EVENTS, struct.pack("<IH", 3, 0))[0]


def test_memory_answers_busy_under_a_run_and_the_fence_waits():
    host = Host(steps_per_frame=0)
    host.device.core.load(random_program(0, SMALL))
    host.ask(1, Command.WRITE, place(Window.REG, 66, 0)[:4] + b"\1\0")
    host.device.push(encode_frame(2, Command.RUN, struct.pack("<I", 50)))
    host.device.push(encode_frame(3, Command.READ, place(Window.STATE, 0, 1)))
    host.device.push(encode_frame(3, Command.READ | FENCE, place(Window.STATE, 0, 1)))
    codes = [frame.code for frame in FrameReader().feed(host.device.pull())]
    assert [Status.OK, Status.BUSY, Status.OK] == codes
    assert 50 == host.device.core.next_step


def test_crc_covers_the_little_endian_bytes_of_a_range():
    host = Host()
    host.device.core.write(Window.WEIGHT, 2, [0x1234, 0xABCD])
    payload = bytes([Window.WEIGHT, 2, 0, 0, 2, 0, 0])
    expected = zlib.crc32(bytes([0x34, 0x12, 0xCD, 0xAB])).to_bytes(4, "little")
    assert (Status.OK, expected) == host.ask(1, Command.CRC32, payload)


def test_clearing_the_tables_forgets_the_program():
    host = Host()
    host.ask(1, Command.WRITE, place(Window.REG, 66, 0)[:4] + b"\1\0\2\0")
    assert 0x20001 == host.register(2, Reg.PROGRAM_ID)
    host.ask(3, Command.CLEAR, int(Clear.TABLES).to_bytes(2, "little"))
    assert 0 == host.register(4, Reg.PROGRAM_ID)


def test_a_break_makes_the_sequence_unknown_and_leaves_the_core():
    host = Host()
    host.device.core.write(Window.WEIGHT, 0, [7])
    host.device.push(b"\5\1\2")
    host.device.line_break()
    assert Status.BAD_SEQUENCE == host.ask(1, Command.STOP)[0]
    assert Status.OK == host.ask(1, Command.PING, bytes(4))[0]
    assert 1 == host.register(2, Reg.BREAKS)
    assert [7] == host.device.core.read(Window.WEIGHT, 0, 1)
