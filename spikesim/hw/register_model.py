# SPDX-License-Identifier: Apache-2.0
"""Register file of the golden device: identity, status, counters, control."""

from __future__ import annotations

from collections.abc import Sequence

from spikesim.hw.generated import (
    CORE_VERSION,
    CTRL_ALL,
    MAGIC,
    PROTOCOL_VERSION,
    REG_HALFWORDS,
    REGISTERS,
    Clear,
    CtrlBit,
    Reg,
)
from spikesim.hw.golden.readable import GoldenCore

_COUNTERS = ("ERR_FRAMING", "ERR_OVERRUN", "ERR_CRC", "ERR_FRAME", "ERR_SEQUENCE", "BREAKS")
_RW_MASK = {"CTRL": CTRL_ALL}
_WRITABLE = {
    register.address + part: (register.name, part)
    for register in REGISTERS.values()
    if register.writable
    for part in range(register.halfwords)
}


class RegisterModel:
    """Registers over a golden core.

    Parameters
    ----------
    core : GoldenCore
        Where steps, cycles and queue levels come from.
    clk_hz : int
        Register CLK_HZ.

    Attributes
    ----------
    frames : int
        Good frames received, modulo 2^16.
    """

    def __init__(self, core: GoldenCore, clk_hz: int) -> None:
        self._core = core
        parameters = core.config.parameters()
        fixed = {
            "MAGIC": MAGIC,
            "PROTOCOL": PROTOCOL_VERSION,
            "CORE": CORE_VERSION,
            "CLK_HZ": clk_hz,
        }
        fixed |= {name: value for name, value in parameters.items() if name in REGISTERS}
        self._fixed = [0] * REG_HALFWORDS
        for name, value in fixed.items():
            self._place(self._fixed, name, value)
        self._values = {register.name: 0 for register in REGISTERS.values() if register.writable}
        self._counters = dict.fromkeys(_COUNTERS, 0)
        self._step_high = 0
        self.frames = 0

    @property
    def recording(self) -> bool:
        """Bit RECORD of CTRL."""
        return bool(self._values["CTRL"] & CtrlBit.RECORD)

    @property
    def program_id(self) -> int:
        """Register PROGRAM_ID."""
        return self._values["PROGRAM_ID"]

    def count(self, name: str) -> None:
        """Add one to an error counter, which saturates."""
        self._counters[name] = min(self._counters[name] + 1, 0xFFFF)

    def clear(self, mask: int) -> None:
        """Clear what belongs to the link in a CLEAR mask."""
        if mask & Clear.TABLES:
            self._values["PROGRAM_ID"] = 0
        if mask & Clear.ERRORS:
            self._counters = dict.fromkeys(_COUNTERS, 0)

    def writable(self, address: int, count: int) -> bool:
        """Whether every halfword of the range belongs to a writable register."""
        return all(at in _WRITABLE for at in range(address, address + count))

    def write(self, address: int, values: Sequence[int]) -> None:
        """Write halfwords of writable registers; bits that do not exist are ignored."""
        for at, value in enumerate(values, start=address):
            name, part = _WRITABLE[at]
            kept = self._values[name] & ~(0xFFFF << (16 * part))
            new = kept | value << (16 * part)
            self._values[name] = new & _RW_MASK.get(name, (1 << REGISTERS[name].width) - 1)

    def read(self, address: int, count: int, status: int) -> list[int]:
        """Halfwords as a READ gives them."""
        core = self._core
        table = list(self._fixed)
        current = {
            "STATUS": status,
            "STEP": core.next_step,
            "LAST_CYCLES": core.last_cycles,
            "TOTAL_CYCLES": core.total_cycles,
            "EV_FREE": core.event_free,
            "SPK_LEVEL": len(core.spike_queue),
            "FIRED_COUNT": len(core.fired),
            "FRAMES": self.frames,
        }
        for name, value in (current | self._counters | self._values).items():
            self._place(table, name, value)
        # Reading the low half of STEP holds the high half for a later read.
        low = Reg.STEP.address
        if address <= low < address + count:
            self._step_high = table[low + 1]
        table[low + 1] = self._step_high
        return table[address : address + count]

    @staticmethod
    def _place(table: list[int], name: str, value: int) -> None:
        register = REGISTERS[name]
        for part in range(register.halfwords):
            table[register.address + part] = value >> (16 * part) & 0xFFFF
