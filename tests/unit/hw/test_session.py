# SPDX-License-Identifier: Apache-2.0
"""Sessions over scripted and damaged lines."""

import pytest

from spikesim.hw.generated import Command, Status, Window
from spikesim.hw.link import (
    CommandRefusedError,
    GarbledAnswerError,
    LinkLostError,
    LinkSession,
    NoAnswerError,
    ProtocolVersionError,
    Request,
)
from spikesim.hw.link.exchange import MAX_OPEN, Exchange
from spikesim.hw.link.framing import FENCE, Frame, decode_frame, encode_frame
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.protocol_model import GoldenDevice
from tests.equivalence.random_programs import SMALL
from tests.properties.faulty_line import FaultyTransport


def write(address, *values):
    data = b"".join(v.to_bytes(2, "little") for v in values)
    return Request(Command.WRITE, bytes([Window.WEIGHT]) + address.to_bytes(3, "little") + data)


def read(address, count):
    return bytes([Window.WEIGHT]) + address.to_bytes(3, "little") + bytes([count])


class Scripted:
    """A transport whose replies a function makes from what was written."""

    name, baud = "scripted", 115200

    def __init__(self, answer):
        self.answer, self.pending, self.breaks, self.timeouts = answer, b"", 0, []

    def write(self, data):
        self.pending += self.answer(data) or b""

    def read(self, timeout):
        data, self.pending = self.pending, b""
        if not data:
            self.timeouts.append(timeout)
        return data

    def send_break(self):
        self.breaks += 1

    def set_baud(self, baud):
        pass

    def close(self):
        pass


def golden_session(device=None, **options):
    session = LinkSession(InProcessTransport(device or GoldenDevice(SMALL)), **options)
    session.connect()
    return session


def test_silence_ends_in_no_answer_that_names_port_and_rate():
    line = Scripted(lambda data: b"")
    with pytest.raises(NoAnswerError, match=r"scripted.*115200.*silence.*baud"):
        LinkSession(line).connect()
    assert 1 == line.breaks
    assert sorted(line.timeouts) == line.timeouts


def test_illegible_answers_name_the_baud_rate():
    with pytest.raises(GarbledAnswerError, match="baud rate is probably wrong"):
        LinkSession(Scripted(lambda data: b"\xf8\x9e\x00\xe6")).connect()


def pong(data, magic=b"SPKN", version=1):
    frame = decode_frame(data.strip(b"\0"))
    payload = frame.payload + magic + version.to_bytes(2, "little")
    return encode_frame(frame.seq, Status.OK, payload)


def test_another_protocol_version_says_what_to_update():
    with pytest.raises(ProtocolVersionError, match=r"protocol 1, got 9; update spikesim"):
        LinkSession(Scripted(lambda data: pong(data, version=9))).connect()
    with pytest.raises(ProtocolVersionError, match=r"got 0; load a newer bitstream"):
        LinkSession(Scripted(lambda data: pong(data, version=0))).connect()


def test_a_device_with_another_magic_is_no_core():
    with pytest.raises(ProtocolVersionError, match="another device"):
        LinkSession(Scripted(lambda data: pong(data, magic=b"ABCD"))).connect()


def test_a_pipelined_burst_arrives_once_and_in_order():
    device = GoldenDevice(SMALL)
    session = golden_session(device)
    session.burst([write(k, k) for k in range(600)] + [write(0, 999)])
    assert 999 == device.core.read(Window.WEIGHT, 0, 1)[0]
    assert list(range(1, 600)) == device.core.read(Window.WEIGHT, 1, 599)
    assert 0 == session.statistics.repeated


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_line_changes_nothing_but_the_time(seed):
    device = GoldenDevice(SMALL)
    line = FaultyTransport(InProcessTransport(device), seed, 0.05)
    session = LinkSession(line, tries=40)
    session.connect()
    for start in range(0, 400, 100):
        session.burst([write(k, k + 1) for k in range(start, start + 100)])
        data = session.command(Command.READ, read(start, 100))
        values = [int.from_bytes(data[k : k + 2], "little") for k in range(0, 200, 2)]
        assert list(range(start + 1, start + 101)) == values
    assert line.damaged > 5
    assert session.statistics.repeated + session.statistics.timeouts > 0


def test_a_refused_command_stops_the_burst_and_names_the_place():
    device = GoldenDevice(SMALL)
    session = golden_session(device)
    with pytest.raises(CommandRefusedError, match=r"WRITE at WEIGHT halfword 99999.*BAD_ADDRESS"):
        session.burst([write(0, 1), write(99999, 2), write(1, 3)])
    assert [1, 0] == device.core.read(Window.WEIGHT, 0, 2)
    session.burst([write(1, 4)])
    assert [1, 4] == device.core.read(Window.WEIGHT, 0, 2)


def test_a_break_between_repeatable_commands_is_taken_up():
    device = GoldenDevice(SMALL)
    session = golden_session(device)
    device.line_break()
    session.burst([write(5, 50)])
    assert [50] == device.core.read(Window.WEIGHT, 5, 1)
    assert session.statistics.resyncs >= 1


def test_a_break_under_a_run_is_reported_and_not_repeated():
    device = GoldenDevice(SMALL)
    session = golden_session(device)
    device.line_break()
    with pytest.raises(LinkLostError, match="RUN was open"):
        session.command(Command.RUN, bytes(4))
    assert 16 == len(session.command(Command.READ, read(0, 8)))


def test_an_interrupt_in_the_middle_of_a_burst_leaves_a_usable_session():
    device = GoldenDevice(SMALL)
    inner = InProcessTransport(device)

    class Interrupted(FaultyTransport):
        armed = False

        def read(self, timeout):
            if self.armed:
                self.armed = False
                raise KeyboardInterrupt
            return inner.read(timeout)

    line = Interrupted(inner, 0, 0.0)
    session = LinkSession(line)
    session.connect()
    line.armed = True
    with pytest.raises(KeyboardInterrupt):
        session.burst([write(k, 1) for k in range(50)])
    session.burst([write(3, 77)])
    assert [77] == device.core.read(Window.WEIGHT, 3, 1)


def test_a_command_that_changes_something_may_only_end_a_burst():
    take = Request(Command.SPIKES, b"\x01", answer=True)
    with pytest.raises(ValueError, match="SPIKES"):
        golden_session().burst([take, take])


def test_unanswered_bytes_stay_within_the_window():
    requests = [write(k * 100, *range(1, 101)) for k in range(20)]
    exchange = Exchange(requests, 250, window=1000)
    at = 0
    while not exchange.finished:
        exchange.due()
        assert exchange.open_bytes <= 1000
        exchange.take(Frame((250 + at) % 256, Status.OK, b""))
        at += 1
    assert 20 == at


def test_fewer_frames_are_open_than_sequence_numbers_can_tell_apart():
    exchange = Exchange([Request(Command.STOP)] * 300, 0, window=10**6)
    assert MAX_OPEN == exchange.due().count(b"\0")


def test_an_answer_acknowledges_all_before_it():
    exchange = Exchange([write(k, k) for k in range(10)], 3, window=10**6)
    exchange.due()
    exchange.take(Frame(9, Status.DUPLICATE, b""))
    assert (7, 10) == (exchange.done, exchange.seq)


@pytest.mark.parametrize("first", [0, 250, 255])
def test_sequence_numbers_go_from_255_to_0(first):
    exchange = Exchange([Request(Command.STOP)] * 10, first, window=10**6)
    sent = [decode_frame(block).seq for block in exchange.due().split(b"\0") if block]
    assert [(first + k) % 256 for k in range(10)] == sent
    for done, seq in enumerate(sent):
        assert seq == exchange.seq
        exchange.take(Frame(seq, Status.OK, b""))
        assert done + 1 == exchange.done


def test_a_frame_larger_than_the_window_goes_alone():
    exchange = Exchange([write(k, k) for k in range(3)], 0, window=1)
    for seq in range(3):
        assert seq == decode_frame(exchange.due()[:-1]).seq
        assert b"" == exchange.due()
        exchange.take(Frame(seq, Status.OK, b""))
    assert exchange.finished


def test_only_an_execution_brings_an_answer():
    asked = [Request(Command.READ, read(k, 1), answer=True) for k in range(3)]
    exchange = Exchange([*asked, write(0, 1)], 0, window=10**6)
    exchange.due()
    exchange.take(Frame(0, Status.OK, b"ab"))
    exchange.take(Frame(1, Status.DUPLICATE, b""))
    exchange.take(Frame(3, Status.OK, b""))  # stands for the answer of request 2, too
    assert exchange.finished
    assert [b"ab", None, None, None] == exchange.answers


def test_an_answer_to_another_ping_is_none():
    """A host before this one asked with the same number; only the four random bytes differ."""

    def answer(data):
        frame = decode_frame(data.strip(b"\0"))
        stale = bytes(byte ^ 1 for byte in frame.payload)
        return encode_frame(frame.seq, Status.OK, stale + b"SPKN\x01\x00")

    with pytest.raises(NoAnswerError, match="none that fits"):
        LinkSession(Scripted(answer)).connect()


def test_a_command_that_takes_long_is_given_its_time():
    asked = []

    def answer(data):
        asked.append(data)
        return pong(data) if len(asked) == 1 else b""

    line = Scripted(answer)
    session = LinkSession(line, timeout=0.5, tries=3)
    session.connect()
    with pytest.raises(NoAnswerError, match="answer to RUN"):
        session.command(Command.RUN, bytes(4), patience=7.0)
    assert all(7.0 + 0.5 * 2**k <= wait < 7.1 + 0.6 * 2**k for k, wait in enumerate(line.timeouts))
    assert 3 == len(line.timeouts)


def test_a_lost_frame_is_repeated_after_the_replies_behind_it():
    exchange = Exchange([write(k, k) for k in range(4)], 0, window=10**6)
    exchange.due()
    exchange.take(Frame(0, Status.OK, b""))
    for seq in (2, 3):
        exchange.take(Frame(seq, Status.BAD_SEQUENCE, bytes([1, 0])))
        if seq == 2:
            assert b"" == exchange.due()
    again = [decode_frame(block).seq for block in exchange.due().split(b"\0") if block]
    assert [1, 2, 3] == again
    assert 3 == exchange.repeated


def test_the_fence_is_bit_seven_of_the_command():
    exchange = Exchange([Request(Command.RUN, bytes(4), fence=True)], 0, window=100)
    assert Command.RUN | FENCE == decode_frame(exchange.due()[:-1]).code
