# SPDX-License-Identifier: Apache-2.0
"""Frames against the cobs library and a bitwise CRC."""

import pytest
from cobs import cobs
from hypothesis import example, given
from hypothesis import strategies as st

from spikesim.hw.generated import MAX_PAYLOAD
from spikesim.hw.link.framing import (
    Frame,
    FrameError,
    FrameReader,
    cobs_decode,
    cobs_encode,
    crc16,
    decode_frame,
    encode_frame,
)


def bitwise_crc(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1
    return crc


@given(st.binary(max_size=260))
def test_crc_is_that_of_the_polynomial_bit_by_bit(data):
    assert bitwise_crc(data) == crc16(data)


@given(st.binary(max_size=253))
def test_cobs_form_is_that_of_the_library(data):
    assert cobs.encode(data) == cobs_encode(data)
    assert data == cobs_decode(cobs_encode(data))


@example(b"\x02")  # a code that points just past the end
@example(b"\x03\x01")
@example(b"\xfe" + b"\x01" * 253 + b"\x02a")  # the longest block with a zero of its own
@example(b"\xff" + b"\x01" * 254 + b"\x02a")  # a full one without
@given(st.binary(min_size=1, max_size=600).map(lambda b: b.replace(b"\0", b"\1")))
def test_cobs_decoder_agrees_with_the_library_on_any_bytes(block):
    try:
        expected = cobs.decode(block)
    except cobs.DecodeError:
        with pytest.raises(FrameError):
            cobs_decode(block)
    else:
        assert expected == cobs_decode(block)


@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=MAX_PAYLOAD))
def test_a_frame_holds_no_delimiter_but_its_last_byte_and_comes_back(seq, code, payload):
    line = encode_frame(seq, code, payload)
    assert line.index(0) == len(line) - 1
    assert Frame(seq, code, payload) == decode_frame(line[:-1])


def test_overhead_of_a_full_write_is_below_five_percent():
    line = encode_frame(1, 3, bytes([1, 0, 0, 0]) + bytes(range(1, 245)))
    assert len(line) / 244 < 1.05


def test_payload_above_the_limit_is_refused():
    with pytest.raises(ValueError, match="248"):
        encode_frame(0, 0, bytes(MAX_PAYLOAD + 1))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 253])
def test_frames_of_a_wrong_length_are_dropped(size):
    body = bytes(size)
    with pytest.raises(FrameError) as caught:
        decode_frame(cobs.encode(body))
    assert not caught.value.crc


@given(st.binary(max_size=40), st.data())
def test_up_to_three_flipped_bits_of_a_frame_are_always_found(payload, data):
    body = bytes([7, 3]) + payload
    body += crc16(body).to_bytes(2, "little")
    bits = data.draw(
        st.lists(st.integers(0, 8 * len(body) - 1), min_size=1, max_size=3, unique=True)
    )
    broken = bytearray(body)
    for bit in bits:
        broken[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FrameError) as caught:
        decode_frame(cobs.encode(bytes(broken)))
    assert caught.value.crc


def test_reader_finds_frames_cut_anywhere_and_skips_damage():
    good = [encode_frame(k, 0, bytes([0, k, 255])) for k in range(5)]
    stream = b"\0\0" + good[0] + b"\x09junk\0" + good[1] + good[2][:-3] + b"\0" + good[3] + good[4]
    for cut in range(1, 9):
        reader = FrameReader()
        pieces = [stream[k : k + cut] for k in range(0, len(stream), cut)]
        seen = [frame.seq for piece in pieces for frame in reader.feed(piece)]
        assert [0, 1, 3, 4] == seen
        assert reader.bad == 2


def test_a_line_without_delimiters_does_not_fill_the_memory():
    reader = FrameReader()
    for _ in range(100):
        assert [] == list(reader.feed(b"\xff" * 1000))
    assert len(reader._rest) < 1000
