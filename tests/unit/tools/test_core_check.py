# SPDX-License-Identifier: Apache-2.0
"""Each contradiction of a specification is found, and all of them at once."""

import binascii
import zlib
from pathlib import Path

import pytest

import core_check
import core_spec
import gen_core

ROOT = Path(__file__).parents[3]


@pytest.fixture
def text():
    return (ROOT / gen_core.SPEC).read_text(encoding="utf-8")


@pytest.fixture
def load(tmp_path):
    def load(text):
        (tmp_path / "core.toml").write_text(text)
        return core_spec.load(tmp_path / "core.toml")

    return load


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("STOP     = { code = 7,", "STOP     = { code = 6,", "commands.STOP: 6 is taken by RUN"),
        ("CORE         = { address = 3,", "CORE         = { address = 1,", "taken by MAGIC"),
        ("delay  = { lsb = 32,", "delay  = { lsb = 31,", "fields.SEG.delay: 31 is taken by count"),
        (
            "next   = { lsb = 48,",
            "next   = { lsb = 49,",
            "fields.SEG.next: 49 to 64 leaves 0 to 63",
        ),
        ("[fields.SEG]", "[fields.ROW]", "fields.ROW: no window of that name"),
        (
            "VB       = { value = 18,    min = 16,  max = 18,",
            "VB = { value = 18, min = 16, max = 24,",
            "parameters.VB is at most 24",
        ),
        (
            "N        = { value = 256,",
            "N = { value = 250,",
            "parameters.N: default 250 is not legal",
        ),
        (
            "A        = { value = 256,   min = 1, ",
            "A = { value = 0,   min = 1, ",
            "parameters.A: default 0 is not legal: 1 to 1024",
        ),
        (
            "max = 65535, doc",
            "max = 65536, doc",
            "parameters.NSEG: 65536 does not fit its register",
        ),
        (
            "N            = { address = 6, ",
            "NN           = { address = 6, ",
            "parameters.N: no register tells it",
        ),
        ('"NSEG >= A + N"', '"NSEG >= 2 * (A + N)"', "relations.ROWS: the defaults break"),
        ('"NSEG >= A + N"', '"NSEG >= A + M"', "relations.ROWS: no parameter or limit M"),
        ('"NSEG >= A + N"', '"NSEG.bit_length()"', "relations.ROWS: 'NSEG.bit_length()' is not"),
        ("data u16[1..122]", "data u16[1..123]", "commands.WRITE.request: 250 bytes, MAX_PAYLOAD"),
        (
            "word u16[0..120]",
            "word u16[121..120]",
            "commands.SPIKES.reply: word repeats 121 to 120",
        ),
        ("window u8, address u24, count u8", "window u8, address i24", "got 'address i24'"),
        ("word u16[0..122]", "word u16[0..9], last u8", "got 'last u8'"),
        ('reply = "expected u8, pad u8"', 'reply = "expected"', "status.BAD_SEQUENCE.reply"),
        ("check = 0x29B1", "check = 0x31C3", "crc.CRC16: check 0x31c3, but these"),
        ("polynomial = 0x04C11DB7", "polynomial = 0x1EDC6F41", "crc.CRC32: check"),
        (
            "MAX_PAYLOAD   = { value = 248,",
            "MAX_PAYLOAD = { value = 250,",
            "more than one COBS code",
        ),
        (
            "MAX_PAYLOAD   = { value = 248,",
            "MAX_PAYLOAD = { value = 247,",
            "no number of halfwords",
        ),
        ("CRC_BYTES     = { value = 2,", "CRC_BYTES     = { value = 1,", "frame.CRC_BYTES is 1"),
        ("min = 256, max = 16384", "min = 128, max = 16384", "RXBUF: min 128, a frame takes 254"),
        ("EVENT_HORIZON = { value = 32767", "EVENT_HORIZON = { value = 32768", "MARKER_BIT"),
        ("MIN_INCREMENT   = { value = 4096", "MIN_INCREMENT = { value = 16777216", "PHASE_BITS"),
        ("MIN_INCREMENT   = { value = 4096", "MIN_INCREMENT = { value = 4097", "no power of two"),
        ("SET_BAUD = { code = 11, ", "SET_BAUD = { code = 128, ", "commands.SET_BAUD: 128 to 128"),
        ("SOFT_THRESHOLD = { code = 3", "SOFT_THRESHOLD = { code = 4", "SOFT_THRESHOLD: 4 to 4"),
        (
            "MAX_GROUPS    = { value = 256",
            "MAX_GROUPS    = { value = 512",
            "fields.SEG.first: 8 bits",
        ),
        (
            "DECAY_BITS    = { value = 12",
            "DECAY_BITS    = { value = 13",
            "fields.POP.alpha_v: 13 bits",
        ),
        ("max = 16,    power", "max = 32,    power", "fields.SEG.delay: 4 bits"),
        ("RECORD = { bit = 0", "RECORD = { bit = 16", "ctrl_bits.RECORD: 16 to 16"),
        ('N            = { address = 6,  width = 16, access = "ro"', "N = { address = 6", "key"),
        ("[timing]", "[timings]", "missing tables"),
    ],
)
def test_contradiction_is_reported_with_its_place(text, load, old, new, message):
    assert old in text, "the specification changed; adapt this case"
    with pytest.raises(core_spec.SpecError) as caught:
        load(text.replace(old, new))
    assert message in str(caught.value)


def test_every_contradiction_is_reported_at_once(text, load):
    text = text.replace("STOP     = { code = 7,", "STOP     = { code = 6,")
    with pytest.raises(core_spec.SpecError) as caught:
        load(text.replace("delay  = { lsb = 32,", "delay  = { lsb = 31,"))
    assert "commands.STOP" in str(caught.value)
    assert "fields.SEG.delay" in str(caught.value)


def test_a_number_that_others_need_is_missed_by_name(text, load):
    with pytest.raises(core_spec.SpecError, match="COBS_BLOCK"):
        load(text.replace("COBS_BLOCK    =", "COBS_BLOCKS   ="))


def test_crc_is_computed_bit_by_bit_from_its_parameters():
    crcs = {crc.name: crc for crc in core_spec.load(ROOT / gen_core.SPEC).crc}
    for data in (b"", b"\0", bytes(range(256))):
        assert binascii.crc_hqx(data, 0xFFFF) == core_check.crc_of(crcs["CRC16"], data)
        assert zlib.crc32(data) == core_check.crc_of(crcs["CRC32"], data)
