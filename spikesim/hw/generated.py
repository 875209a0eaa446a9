# SPDX-License-Identifier: Apache-2.0
# generated from hdl/spec/core.toml by tools/gen_core.py; do not edit
# long: generated, one line for each name of the specification
"""Numbers the core, the host and the documents share; meaning in docs/reference/core.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Parameter:
    """One RTL parameter: its default, and which values the core can be built with."""

    default: int
    low: int
    high: int
    choices: tuple[int, ...]
    power_of_two: bool
    expected: str
    doc: str

    def legal(self, value: int) -> bool:
        """Whether the core can be built with it, relations apart."""
        if self.choices:
            return value in self.choices
        power = not self.power_of_two or value & (value - 1) == 0
        return self.low <= value <= self.high and power


@dataclass(frozen=True, slots=True)
class Relation:
    """What holds between the parameters of every core; ``of`` is the one to blame."""

    of: str
    parameters: tuple[str, ...]
    holds: str
    holds_for: Callable[[Mapping[str, int]], bool]
    text: str


@dataclass(frozen=True, slots=True)
class PayloadLayout:
    """Bytes of a payload: a fixed part, then ``least`` to ``most`` items of ``unit`` bytes."""

    fixed: int
    unit: int
    least: int
    most: int

    def fits(self, n_bytes: int) -> bool:
        """Whether a payload of this length is complete and whole."""
        items, rest = divmod(n_bytes - self.fixed, self.unit)
        return not rest and self.least <= items <= self.most


@dataclass(frozen=True, slots=True)
class Crc:
    """One CRC, in the notation of the usual catalogues."""

    width: int
    polynomial: int
    init: int
    reflected: bool
    xor_out: int
    check: int
    doc: str


@dataclass(frozen=True, slots=True)
class Register:
    """One register: ``address`` in halfwords, ``width`` in bits."""

    name: str
    address: int
    width: int
    writable: bool
    doc: str

    @property
    def halfwords(self) -> int:
        """Length in halfwords of 16 bits."""
        return -(-self.width // 16)


@dataclass(frozen=True, slots=True)
class Field:
    """One bit field of a memory entry, counted from the lowest bit of its first halfword."""

    name: str
    lsb: int
    width: int
    signed: bool
    doc: str


@dataclass(frozen=True, slots=True)
class WindowLayout:
    """How a memory window is addressed: ``stride`` halfwords per entry."""

    stride: int
    writable: bool
    doc: str


PROTOCOL_VERSION: Final = 1
CORE_VERSION: Final = 1
PROGRAM_VERSION: Final = 1

# segments of one source; a longer chain is cut and flagged
MAX_CHAIN: Final = 64
# groups of L neurons that the image can name
MAX_GROUPS: Final = 256
# fraction bits of a decay factor
DECAY_BITS: Final = 12
# bits of a spike counter, saturating
COUNT_BITS: Final = 16
# bit of a queue word that is set in a marker; its low bits are a step
MARKER_BIT: Final = 15
# how many ticks ahead an event may be queued
EVENT_HORIZON: Final = 32767
# size of window REG
REG_HALFWORDS: Final = 256
# bytes 'SPKN', little-endian
MAGIC: Final = 0x4E4B5053
# sequence number and command or status
HEADER_BYTES: Final = 2
# CRC-16 of header and payload, low byte first
CRC_BYTES: Final = 2
# payload bytes of one frame
MAX_PAYLOAD: Final = 248
# byte behind every encoded frame
DELIMITER: Final = 0
# bytes that one COBS code byte can stand for, itself not counted
COBS_BLOCK: Final = 254
# bit of the command byte: wait until the core is idle
FENCE_BIT: Final = 7
# bits of a sequence number; half of the numbers count as past
SEQUENCE_BITS: Final = 8
# bit/s after reset and break
DEFAULT_BAUD: Final = 115200
# ticks of the receiver in a bit time
OVERSAMPLING: Final = 16
# bits of the phase that makes the ticks; increment = baud * OVERSAMPLING * 2^24 / CLK_HZ
PHASE_BITS: Final = 24
# smallest increment that SET_BAUD takes
MIN_INCREMENT: Final = 4096
# bit times of low line that make a break
BREAK_BITS: Final = 20
# a new rate is confirmed within CLK_HZ / CONFIRM_DIVISOR clocks
CONFIRM_DIVISOR: Final = 4
# mask of FENCE_BIT
FENCE: Final = 128
# bytes of a frame without payload
MIN_FRAME: Final = 4
# bytes of the largest frame
MAX_FRAME: Final = 252
# line bytes of it: one COBS code byte, a delimiter
MAX_LINE: Final = 254
# they count modulo this
SEQUENCE_NUMBERS: Final = 256
# largest that SET_BAUD takes
MAX_INCREMENT: Final = 16777215
# mask of MARKER_BIT
MARKER: Final = 32768
# the bits below it
STEP_MASK: Final = 32767
# decay factor 1.0
DECAY_ONE: Final = 4096
# where a spike counter stays
MAX_COUNT: Final = 65535
# every bit of CLEAR
CLEAR_ALL: Final = 63
# every bit of CTRL
CTRL_ALL: Final = 1

CRC16: Final = Crc(16, 0x1021, 0xFFFF, False, 0x0000, 0x29B1, "of a frame")
CRC32: Final = Crc(
    32, 0x04C11DB7, 0xFFFFFFFF, True, 0xFFFFFFFF, 0xCBF43926, "of memory regions, as in zlib"
)

# Clock cycles of one step, see docs/reference/core.md.
CYCLES_STEP: Final = 5
CYCLES_SOURCE: Final = 2
CYCLES_SEGMENT: Final = 1
CYCLES_POP: Final = 16

# RTL parameters, and what holds between them.
PARAMETERS: Final[Mapping[str, Parameter]] = MappingProxyType(
    {
        "N": Parameter(256, 32, 1024, (), True, "a power of two, 32 to 1024", "neurons"),
        "A": Parameter(256, 1, 1024, (), False, "1 to 1024", "external axons"),
        "L": Parameter(
            8, 2, 16, (2, 4, 8, 16), False, "2, 4, 8 or 16", "lanes: weights per memory word"
        ),
        "WB": Parameter(8, 4, 16, (4, 8, 16), False, "4, 8 or 16", "bits per weight, signed"),
        "VB": Parameter(18, 16, 18, (), False, "16 to 18", "bits of v and i, signed"),
        "AB": Parameter(16, 16, 16, (16,), False, "16", "bits of one accumulator, signed"),
        "D": Parameter(8, 1, 16, (), True, "a power of two, 1 to 16", "delay slots"),
        "NSEG": Parameter(512, 33, 65535, (), False, "33 to 65535", "row segments"),
        "NPOP": Parameter(16, 1, 64, (), False, "1 to 64", "population records"),
        "WWORDS": Parameter(
            16384, 1, 65536, (), False, "1 to 65536", "weight memory words of L weights"
        ),
        "EVQ": Parameter(
            512, 4, 32768, (), True, "a power of two, 4 to 32768", "event queue words"
        ),
        "SPKQ": Parameter(
            512, 64, 32768, (), True, "a power of two, 64 to 32768", "spike queue words"
        ),
        "RXBUF": Parameter(
            1024,
            256,
            16384,
            (),
            True,
            "a power of two, 256 to 16384",
            "bytes of received, unanswered frames the device can hold",
        ),
    }
)
RELATIONS: Final[tuple[Relation, ...]] = (
    Relation(
        "L",
        ("N", "L"),
        "N <= MAX_GROUPS * L",
        lambda p: p["N"] <= MAX_GROUPS * p["L"],
        "with at most 256 groups (N / L)",
    ),
    Relation(
        "L",
        ("L", "WB"),
        "(L * WB) % 16 == 0",
        lambda p: (p["L"] * p["WB"]) % 16 == 0,
        "with L * WB a multiple of 16",
    ),
    Relation(
        "NSEG",
        ("NSEG", "A", "N"),
        "NSEG >= A + N",
        lambda p: p["NSEG"] >= p["A"] + p["N"],
        "of at least A + N, one for each source",
    ),
    Relation(
        "SPKQ",
        ("SPKQ", "N"),
        "SPKQ >= N + 2",
        lambda p: p["SPKQ"] >= p["N"] + 2,
        "of at least N + 2",
    ),
)


class Command(IntEnum):
    """Command byte of a request, without the fence bit."""

    # accepted with any sequence number and sets it
    PING = 1
    # read halfwords
    READ = 2
    # write halfwords
    WRITE = 3
    # CRC-32 of halfwords as little-endian bytes
    CRC32 = 4
    # queue input spikes; all or nothing
    EVENTS = 5
    # start a run
    RUN = 6
    # end the run after the step under way
    STOP = 7
    # clear what the mask names
    CLEAR = 8
    # take words off the spike queue
    SPIKES = 9
    # largest spike counter, lowest index on a tie
    ARGMAX = 10
    # change the rate after this reply; falls back unless confirmed by a good frame
    SET_BAUD = 11


class Status(IntEnum):
    """Status byte of a reply."""

    # done
    OK = 0
    # executed before; its reply is no longer held
    DUPLICATE = 1
    # unknown command
    BAD_COMMAND = 2
    # payload length does not fit the command
    BAD_LENGTH = 3
    # unknown memory window
    BAD_WINDOW = 4
    # address range leaves the window
    BAD_ADDRESS = 5
    # window or register cannot be written
    READ_ONLY = 6
    # not while the core runs
    BUSY = 7
    # an earlier frame is missing
    BAD_SEQUENCE = 8
    # event for a step that has started
    EVENT_PAST = 9
    # events not strictly ascending in (step, axon)
    EVENT_ORDER = 10
    # axon does not exist or step beyond the horizon
    EVENT_RANGE = 11
    # event queue has not enough room for the frame
    QUEUE_FULL = 12
    # value outside its range
    BAD_VALUE = 13
    # PROGRAM_ID is zero: no complete program is loaded
    NO_PROGRAM = 14


class Window(IntEnum):
    """Memory windows of READ, WRITE and CRC32."""

    # registers
    REG = 0
    # weight words, lane 0 in the low bits (stride L*WB/16)
    WEIGHT = 1
    # row segments
    SEG = 2
    # per-neuron constants
    PARAM = 3
    # per-neuron state
    STATE = 4
    # population records
    POP = 5
    # accumulators: slot*N + neuron
    ACC = 6
    # spike counters
    COUNT = 7
    # neurons that fired in the last step
    FIRED = 8


class Clear(IntFlag):
    """Mask of the CLEAR command."""

    # v to v_init, i and refr to 0; accumulators to 0; fired list and event queue empty; step and
    # cycle totals to 0
    STATE = 1
    # spike counters to 0
    COUNTS = 2
    # event and spike queues empty
    QUEUES = 4
    # all weight words to 0
    WEIGHTS = 8
    # segments, params, population records to 0; PROGRAM_ID to 0
    TABLES = 16
    # link error counters, deadline and chain flags to 0
    ERRORS = 32


class StatusBit(IntFlag):
    """Bits of register STATUS."""

    # a run is under way
    RUNNING = 1
    # running or clearing: memory windows answer BUSY
    BUSY = 2
    # the run waits for room in the spike queue
    STALLED = 4
    # a step missed its tick since the flag was cleared
    DEADLINE = 8
    # a segment chain was cut at MAX_CHAIN
    CHAIN = 16


class CtrlBit(IntFlag):
    """Bits of register CTRL."""

    # record spikes into the spike queue
    RECORD = 1


class ResetMode(IntEnum):
    """Field reset of a population record."""

    # the membrane goes on
    NONE = 0
    # the membrane becomes reset_value
    HARD = 1
    # reset_value is subtracted
    SOFT_VALUE = 2
    # v_th is subtracted
    SOFT_THRESHOLD = 3


class Reg:
    """Registers by name, in address order."""

    MAGIC: Final = Register("MAGIC", 0, 32, False, "MAGIC")
    PROTOCOL: Final = Register("PROTOCOL", 2, 16, False, "format.protocol")
    CORE: Final = Register("CORE", 3, 16, False, "format.core")
    BUILD_ID: Final = Register(
        "BUILD_ID", 4, 32, False, "CRC-32 of the RTL sources, 0 when not set"
    )
    N: Final = Register("N", 6, 16, False, "parameter N")
    A: Final = Register("A", 7, 16, False, "parameter A")
    L: Final = Register("L", 8, 16, False, "parameter L")
    WB: Final = Register("WB", 9, 16, False, "parameter WB")
    VB: Final = Register("VB", 10, 16, False, "parameter VB")
    AB: Final = Register("AB", 11, 16, False, "parameter AB")
    D: Final = Register("D", 12, 16, False, "parameter D")
    NSEG: Final = Register("NSEG", 13, 16, False, "parameter NSEG")
    NPOP: Final = Register("NPOP", 14, 16, False, "parameter NPOP")
    EVQ: Final = Register("EVQ", 15, 16, False, "parameter EVQ")
    WWORDS: Final = Register("WWORDS", 16, 32, False, "parameter WWORDS")
    SPKQ: Final = Register("SPKQ", 18, 16, False, "parameter SPKQ")
    RXBUF: Final = Register("RXBUF", 19, 16, False, "parameter RXBUF: the host's byte window")
    FEATURES: Final = Register(
        "FEATURES", 20, 16, False, "feature bits, 0 today; learning sets some"
    )
    CLK_HZ: Final = Register("CLK_HZ", 22, 32, False, "clock frequency in Hz")
    STATUS: Final = Register("STATUS", 32, 16, False, "bits of table status_bits")
    STEP: Final = Register(
        "STEP", 34, 32, False, "next step to start; reading the low half latches the high half"
    )
    LAST_CYCLES: Final = Register("LAST_CYCLES", 36, 32, False, "clock cycles of the last step")
    TOTAL_CYCLES: Final = Register(
        "TOTAL_CYCLES", 38, 48, False, "clock cycles of all steps since the state was cleared"
    )
    EV_FREE: Final = Register("EV_FREE", 41, 16, False, "free event queue words")
    SPK_LEVEL: Final = Register("SPK_LEVEL", 42, 16, False, "words in the spike queue")
    FIRED_COUNT: Final = Register("FIRED_COUNT", 43, 16, False, "entries of the fired list")
    DEADLINE: Final = Register(
        "DEADLINE", 44, 16, False, "steps that missed their tick, saturating"
    )
    ERR_FRAMING: Final = Register(
        "ERR_FRAMING", 48, 16, False, "UART bytes with a low stop bit, saturating"
    )
    ERR_OVERRUN: Final = Register(
        "ERR_OVERRUN", 49, 16, False, "bytes lost because the receive buffer was full, saturating"
    )
    ERR_CRC: Final = Register("ERR_CRC", 50, 16, False, "frames with a wrong CRC-16, saturating")
    ERR_FRAME: Final = Register(
        "ERR_FRAME", 51, 16, False, "frames too short, too long or with bad COBS, saturating"
    )
    ERR_SEQUENCE: Final = Register(
        "ERR_SEQUENCE", 52, 16, False, "frames answered with BAD_SEQUENCE, saturating"
    )
    BREAKS: Final = Register("BREAKS", 53, 16, False, "breaks received, saturating")
    FRAMES: Final = Register("FRAMES", 54, 16, False, "good frames received, wrapping")
    CTRL: Final = Register("CTRL", 64, 16, True, "bits of table ctrl_bits")
    PROGRAM_ID: Final = Register(
        "PROGRAM_ID", 66, 32, True, "low 32 bits of the program hash; 0 refuses RUN"
    )
    TICK_PERIOD: Final = Register(
        "TICK_PERIOD", 68, 32, True, "clock cycles per step in timed runs; 0 runs freely"
    )
    SCRATCH: Final = Register("SCRATCH", 70, 16, True, "free for the host")


REGISTERS: Final[Mapping[str, Register]] = MappingProxyType(
    {item.name: item for item in vars(Reg).values() if isinstance(item, Register)}
)


REQUESTS: Final[Mapping[Command, PayloadLayout]] = MappingProxyType(
    {
        Command.PING: PayloadLayout(4, 1, 0, 0),
        Command.READ: PayloadLayout(5, 1, 0, 0),
        Command.WRITE: PayloadLayout(4, 2, 1, 122),
        Command.CRC32: PayloadLayout(7, 1, 0, 0),
        Command.EVENTS: PayloadLayout(4, 2, 0, 122),
        Command.RUN: PayloadLayout(4, 1, 0, 0),
        Command.STOP: PayloadLayout(0, 1, 0, 0),
        Command.CLEAR: PayloadLayout(2, 1, 0, 0),
        Command.SPIKES: PayloadLayout(1, 1, 0, 0),
        Command.ARGMAX: PayloadLayout(4, 1, 0, 0),
        Command.SET_BAUD: PayloadLayout(4, 1, 0, 0),
    }
)
REPLIES: Final[Mapping[Command, PayloadLayout]] = MappingProxyType(
    {
        Command.PING: PayloadLayout(10, 1, 0, 0),
        Command.READ: PayloadLayout(0, 2, 1, 124),
        Command.WRITE: PayloadLayout(0, 1, 0, 0),
        Command.CRC32: PayloadLayout(4, 1, 0, 0),
        Command.EVENTS: PayloadLayout(2, 1, 0, 0),
        Command.RUN: PayloadLayout(0, 1, 0, 0),
        Command.STOP: PayloadLayout(4, 1, 0, 0),
        Command.CLEAR: PayloadLayout(0, 1, 0, 0),
        Command.SPIKES: PayloadLayout(6, 2, 0, 120),
        Command.ARGMAX: PayloadLayout(4, 1, 0, 0),
        Command.SET_BAUD: PayloadLayout(0, 1, 0, 0),
    }
)
WINDOWS: Final[Mapping[Window, WindowLayout]] = MappingProxyType(
    {
        Window.REG: WindowLayout(1, True, "registers"),
        Window.WEIGHT: WindowLayout(
            4, True, "weight words, lane 0 in the low bits (stride L*WB/16)"
        ),
        Window.SEG: WindowLayout(4, True, "row segments"),
        Window.PARAM: WindowLayout(4, True, "per-neuron constants"),
        Window.STATE: WindowLayout(4, True, "per-neuron state"),
        Window.POP: WindowLayout(16, True, "population records"),
        Window.ACC: WindowLayout(1, True, "accumulators: slot*N + neuron"),
        Window.COUNT: WindowLayout(1, True, "spike counters"),
        Window.FIRED: WindowLayout(1, False, "neurons that fired in the last step"),
    }
)
SEG_FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "base": Field("base", 0, 16, False, "first weight word"),
        "first": Field("first", 16, 8, False, "first target group (a group is L neurons)"),
        "count": Field("count", 24, 8, False, "number of groups minus 1"),
        "delay": Field("delay", 32, 4, False, "slots ahead of the current one"),
        "valid": Field(
            "valid", 36, 1, False, "this entry heads the row of the source with its index"
        ),
        "more": Field("more", 37, 1, False, "the row goes on at entry next"),
        "next": Field("next", 48, 16, False, "index of the next segment of the row"),
    }
)
PARAM_FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "v_th": Field("v_th", 0, 18, True, "threshold"),
        "bias": Field("bias", 18, 18, True, "added to the membrane every tick"),
        "refr_len": Field("refr_len", 36, 8, False, "refractory ticks after a spike"),
    }
)
STATE_FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "v": Field("v", 0, 18, True, "membrane"),
        "i": Field("i", 18, 18, True, "synaptic current"),
        "refr": Field("refr", 36, 8, False, "refractory ticks left"),
    }
)
POP_FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "first": Field("first", 0, 8, False, "first group"),
        "last": Field("last", 8, 8, False, "last group, inclusive"),
        "valid": Field(
            "valid", 16, 1, False, "records are processed in order up to the first invalid one"
        ),
        "hold": Field("hold", 17, 1, False, "membrane is held while refractory"),
        "record": Field("record", 18, 1, False, "spikes go to the spike queue (with CTRL bit 0)"),
        "reset": Field("reset", 20, 2, False, "one of table reset_modes"),
        "gain": Field("gain", 22, 3, False, "left shift of the accumulated input, 0 to 7"),
        "alpha_v": Field("alpha_v", 32, 13, False, "membrane decay, 0 to DECAY_ONE"),
        "alpha_i": Field("alpha_i", 48, 13, False, "current decay, 0 to DECAY_ONE"),
        "reset_value": Field(
            "reset_value", 64, 18, True, "v after a hard reset, or the amount of a soft one"
        ),
        "v_floor": Field("v_floor", 96, 18, True, "lower bound of the membrane"),
        "v_init": Field("v_init", 128, 18, True, "membrane after CLEAR STATE"),
        "start_tick": Field(
            "start_tick", 160, 16, False, "first tick in which the population is updated"
        ),
    }
)
FIELDS: Final[Mapping[Window, Mapping[str, Field]]] = MappingProxyType(
    {
        Window.SEG: SEG_FIELDS,
        Window.PARAM: PARAM_FIELDS,
        Window.STATE: STATE_FIELDS,
        Window.POP: POP_FIELDS,
    }
)
