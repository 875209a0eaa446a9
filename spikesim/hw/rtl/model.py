# SPDX-License-Identifier: Apache-2.0
"""The Verilated core as a Python object: clocks, line bytes, every architectural word."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_int, c_uint8, c_uint32, c_uint64, c_void_p
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.hw.config import DEFAULT_CLK_HZ, CoreConfig
from spikesim.hw.generated import DEFAULT_BAUD
from spikesim.hw.rtl.build import build_library

# One table for every function: a missing argtypes entry would cut a 64-bit handle.
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "spk_new": (c_void_p, (c_uint32,)),
    "spk_free": (None, (c_void_p,)),
    "spk_reset": (None, (c_void_p,)),
    "spk_line": (None, (c_void_p, c_int, c_uint64, c_uint64)),
    "spk_push": (None, (c_void_p, c_char_p, c_uint64)),
    "spk_pull": (c_uint64, (c_void_p, POINTER(c_uint8), c_uint64)),
    "spk_pending": (c_uint64, (c_void_p,)),
    "spk_break": (None, (c_void_p, c_uint64)),
    "spk_run": (None, (c_void_p, c_uint64)),
    "spk_run_until": (c_uint64, (c_void_p, c_uint64, c_int, c_uint64)),
    "spk_delimiters": (c_uint64, (c_void_p,)),
    "spk_clocks": (c_uint64, (c_void_p,)),
    "spk_line_idle": (c_int, (c_void_p,)),
    "spk_signals": (None, (c_void_p, POINTER(c_uint64))),
    "spk_memory_count": (c_uint32, (c_void_p,)),
    "spk_memory_name": (c_char_p, (c_void_p, c_uint32)),
    "spk_memory_entry": (c_uint32, (c_void_p, c_uint32)),
    "spk_memory_depth": (c_uint32, (c_void_p, c_uint32)),
    "spk_memory_data": (c_void_p, (c_void_p, c_uint32)),
}
# Order of spk_signals in hdl/sim/spk_sim.cpp.
_SIGNALS = (
    "busy", "stalled", "chain", "step", "last_cycles", "total_cycles",
    "fired_count", "ev_level", "ev_write", "spk_level", "spk_write",
)  # fmt: skip
_PULL = 1 << 16
_RESET_CLOCKS = 1 << 20
_PULL_CLOCKS = 50_000_000
_BREAK_BITS = 24


@lru_cache(maxsize=16)
def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class RtlModel:
    """One Verilated device.

    Parameters
    ----------
    config : CoreConfig
        Its parameters; each set is compiled once and kept.
    clk_hz, baud : int
        What the device believes its clock to be, and its line rate after reset.
    seed : int
        Power-up content of memories and registers is random from this seed.

    Attributes
    ----------
    break_bits : int
        Length of a break on the bit-level line.
    """

    def __init__(
        self,
        config: CoreConfig,
        clk_hz: int = DEFAULT_CLK_HZ,
        *,
        baud: int = DEFAULT_BAUD,
        seed: int = 1,
        library: Path | None = None,
    ) -> None:
        self.config = config
        self.clk_hz = clk_hz
        self.break_bits = _BREAK_BITS
        path = build_library(config, clk_hz=clk_hz, baud=baud) if library is None else library
        self._lib = _load(path)
        self._handle: int | None = self._lib.spk_new(seed)
        self._buffer = (c_uint8 * _PULL)()
        self._raw = (c_uint64 * len(_SIGNALS))()
        self._memories = self._find_memories()
        self.reset()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self._lib.spk_free(self._handle)
            self._handle = None

    def _find_memories(self) -> dict[str, npt.NDArray[Any]]:
        """Give views of the model's memories, by instance path."""
        views: dict[str, npt.NDArray[Any]] = {}
        lib, handle = self._lib, self._handle
        for k in range(lib.spk_memory_count(handle)):
            entry, depth = lib.spk_memory_entry(handle, k), lib.spk_memory_depth(handle, k)
            raw = (c_uint8 * (entry * depth)).from_address(lib.spk_memory_data(handle, k))
            flat = np.frombuffer(raw, np.uint8)
            name = lib.spk_memory_name(handle, k).decode()
            views[name] = flat.view(f"<u{entry}") if entry <= 8 else flat.reshape(depth, entry)
            views[name].setflags(write=False)
        return views

    # --- time --------------------------------------------------------------------------------

    def reset(self) -> None:
        """Reset the device and let it clear its memories."""
        self._lib.spk_reset(self._handle)
        self._lib.spk_run_until(self._handle, 1 << 62, 1, _RESET_CLOCKS)

    def run_clocks(self, n: int) -> None:
        """Run ``n`` clock cycles."""
        self._lib.spk_run(self._handle, n)

    def run_until(self, replies: int, most: int = _PULL_CLOCKS, *, core_idle: bool = False) -> int:
        """Run until ``replies`` more frames have come out or the device has nothing to do.

        Parameters
        ----------
        replies : int
            Frames.
        most : int
            Clock cycles at most.
        core_idle : bool
            A running core counts as something to do, unless it is stalled.

        Returns
        -------
        int
            Clock cycles run.
        """
        target = self._lib.spk_delimiters(self._handle) + replies
        return int(self._lib.spk_run_until(self._handle, target, int(core_idle), most))

    @property
    def clocks(self) -> int:
        """Clock cycles since the model was made."""
        return int(self._lib.spk_clocks(self._handle))

    @property
    def idle(self) -> bool:
        """Whether link and core have nothing to do until the host says something.

        A core that is stalled, because its spike queue is full, counts as idle.
        """
        if not self._lib.spk_line_idle(self._handle):
            return False
        signals = self.signals()
        return not signals["busy"] or bool(signals["stalled"])

    # --- line --------------------------------------------------------------------------------

    def set_line(self, mode: str, baud: float = DEFAULT_BAUD, host_error: float = 0.0) -> None:
        """Choose how bytes reach the link.

        Parameters
        ----------
        mode : str
            ``"bypass"`` (bytes, no line) or ``"uart"`` (every bit through the UART).
        baud : float
            Rate of the host's end, bit/s.
        host_error : float
            By how much the host's rate is off, as a fraction: 0.025 is 2.5 % too fast.
        """
        if mode not in ("bypass", "uart"):
            raise ValidationError(f"line mode: expected 'bypass' or 'uart', got {mode!r}")
        clocks = self.clk_hz / (baud * (1 + host_error))
        if not 2 <= clocks < 1 << 24:
            raise ValidationError(
                f"baud rate: expected one that {self.clk_hz} Hz can carry, got {baud}"
            )
        time = round(clocks * 65536)
        self._lib.spk_line(self._handle, int(mode == "uart"), time, time)

    def push(self, data: bytes) -> None:
        """Hand bytes to the line; they go in as clocks run."""
        self._lib.spk_push(self._handle, data, len(data))

    def take(self) -> bytes:
        """Give the bytes that have come out, without running the clock."""
        parts = []
        while n := self._lib.spk_pull(self._handle, self._buffer, _PULL):
            parts.append(ctypes.string_at(self._buffer, n))
        return b"".join(parts)

    def pull(self) -> bytes:
        """Let the device work until it answers or has nothing left to do; give its bytes."""
        data = self.take()
        if not data:
            self.run_until(1, core_idle=True)
            data = self.take()
        return data

    @property
    def pending(self) -> int:
        """Bytes handed over that have not entered the device."""
        return int(self._lib.spk_pending(self._handle))

    def line_break(self) -> None:
        """Show the device a break; the bytes before it are sent first."""
        while self.pending:
            self.run_clocks(64)
        self._lib.spk_break(self._handle, self.break_bits)
        self.run_clocks(2)

    # --- state -------------------------------------------------------------------------------

    def signals(self) -> dict[str, int]:
        """Give what is no memory: busy, stalled, step, cycles, queue levels."""
        self._lib.spk_signals(self._handle, self._raw)
        return dict(zip(_SIGNALS, self._raw, strict=True))

    def memory(self, path: str) -> npt.NDArray[Any]:
        """View of a memory by its path below the top, as ``u_soc.u_core.u_neuron_mem.u_state``.

        Returns
        -------
        unsigned int array, shape (depth,), or uint8 array, shape (depth, bytes)
            The second form for words above 64 bits.
        """
        return self._memories[path]

    def words(self) -> dict[str, npt.NDArray[Any]]:
        """Every architectural word, as ``GoldenCore.words`` gives them."""
        from spikesim.hw.rtl.words import architectural_words

        return architectural_words(self)
