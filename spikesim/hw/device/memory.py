# SPDX-License-Identifier: Apache-2.0
"""The memory windows and registers of a core, by address and by name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.hw.device.port import Port
from spikesim.hw.device.requests import clear_request, crc_request, read_requests, write_requests
from spikesim.hw.generated import REGISTERS, WINDOWS, Clear, Register, Window
from spikesim.hw.image import STATE_DTYPE, Table, unpack_table

_ADDRESSES = 1 << 24


class Memory:
    """Reads and writes of one core.

    Parameters
    ----------
    port : Port
        The core.
    """

    def __init__(self, port: Port) -> None:
        self._port = port

    def read(self, window: Window | str, address: int, count: int) -> npt.NDArray[np.uint16]:
        """Read halfwords.

        Parameters
        ----------
        window : Window or str
            Which memory.
        address, count : int
            First halfword and number of halfwords.

        Returns
        -------
        uint16 array, shape (count,)

        Raises
        ------
        ValidationError
            Unknown window or impossible range.
        CommandRefusedError
            The range leaves the window, or the core is running.
        """
        window = _window(window)
        _check_range(window, address, count)
        if count == 0:
            return np.zeros(0, np.uint16)
        answers = self._port.burst(read_requests(window, address, count))
        return np.frombuffer(b"".join(a or b"" for a in answers), "<u2").astype(np.uint16)

    def write(self, window: Window | str, address: int, halfwords: npt.ArrayLike) -> None:
        """Write halfwords; see ``read`` for arguments and errors."""
        window = _window(window)
        values = np.asarray(halfwords)
        _check_range(window, address, values.size)
        if values.ndim != 1 or (values.size and (values.min() < 0 or values.max() > 0xFFFF)):
            raise ValidationError(
                f"write to {window.name}: expected one axis of values 0 to 65535, got shape "
                f"{values.shape}; pack the table first"
            )
        self._port.burst(write_requests(window, address, values.astype(np.uint16)))

    def crc(self, window: Window | str, address: int, count: int) -> int:
        """CRC-32 of halfwords as little-endian bytes, computed by the core once it is idle."""
        window = _window(window)
        _check_range(window, address, count)
        (answer,) = self._port.burst([crc_request(window, address, count)])
        return int.from_bytes(answer or b"", "little")

    def register(self, name: str) -> int:
        """Value of a register by its name in docs/reference/core.md."""
        if name not in REGISTERS:
            raise ValidationError(f"register {name!r}: expected one of {sorted(REGISTERS)}")
        register = REGISTERS[name]
        halfwords = self.read(Window.REG, register.address, register.halfwords)
        return sum(int(value) << (16 * k) for k, value in enumerate(halfwords))

    def set_register(self, name: str, value: int) -> None:
        """Write a register by its name."""
        if name not in REGISTERS or not REGISTERS[name].writable:
            writable = sorted(r.name for r in REGISTERS.values() if r.writable)
            raise ValidationError(f"register {name!r}: expected one of {writable}")
        register = REGISTERS[name]
        if not 0 <= value < 1 << register.width:
            raise ValidationError(
                f"register {name}: expected 0 to {(1 << register.width) - 1}, got {value}"
            )
        self.write(Window.REG, register.address, _halfwords(register, value))

    def clear(self, mask: Clear | int) -> None:
        """Clear what the mask names, once the core is idle."""
        self._port.burst([clear_request(mask)])

    def state(self, first: int, n: int) -> Table:
        """State of neurons ``first`` to ``first + n - 1``, columns v, i, refr."""
        stride = WINDOWS[Window.STATE].stride
        halfwords = self.read(Window.STATE, first * stride, n * stride)
        return unpack_table(Window.STATE, halfwords, STATE_DTYPE)

    def counts(self, first: int, n: int) -> npt.NDArray[np.int64]:
        """Spike counters of the same neurons, saturating, int64 array of shape (n,)."""
        return self.read(Window.COUNT, first, n).astype(np.int64)


def _halfwords(register: Register, value: int) -> list[int]:
    return [value >> (16 * k) & 0xFFFF for k in range(register.halfwords)]


def _window(window: Window | str) -> Window:
    if isinstance(window, Window):
        return window
    if window not in Window.__members__:
        raise ValidationError(f"window {window!r}: expected one of {[w.name for w in WINDOWS]}")
    return Window[window]


def _check_range(window: Window, address: int, count: int) -> None:
    if address < 0 or count < 0 or address + count > _ADDRESSES:
        raise ValidationError(
            f"window {window.name}: expected halfwords within 0 to 2^24 - 1, got {count} from "
            f"{address} on"
        )
