# SPDX-License-Identifier: Apache-2.0
"""Clock, reset and byte streams of the link benches."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge

# When a stream pauses: never, often, and in long stretches.
PATTERNS: dict[str, Callable[[random.Random], Iterator[bool]]] = {
    "free": lambda rng: iter(lambda: False, True),
    "often": lambda rng: iter(lambda: rng.random() < 0.6, None),
    "bursts": lambda rng: iter(lambda: rng.random() < 0.5 and rng.random() < 0.9, None),
}


async def start(dut, **inputs: int) -> None:
    """Drive all named inputs, start the clock and pass through reset."""
    cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
    dut.rst.value = 1
    for name, value in inputs.items():
        getattr(dut, name).value = value
    for _ in range(4):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    await RisingEdge(dut.clk)


class Source:
    """Drive s_axis with bytes, pausing as a pattern says."""

    def __init__(self, dut, pause: Iterator[bool], prefix: str = "s_axis") -> None:
        self._clk = dut.clk
        self._data, self._valid, self._ready = (
            getattr(dut, f"{prefix}_{part}") for part in ("tdata", "tvalid", "tready")
        )
        self._pause = pause
        self._valid.value = 0

    async def send(self, data: bytes) -> None:
        for byte in data:
            while next(self._pause):
                self._valid.value = 0
                await RisingEdge(self._clk)
            self._data.value = byte
            self._valid.value = 1
            while True:
                await ReadOnly()
                taken = int(self._ready.value)
                await RisingEdge(self._clk)
                if taken:
                    break
        self._valid.value = 0


class Sink:
    """Collect bytes of m_axis, holding back as a pattern says."""

    def __init__(self, dut, pause: Iterator[bool], prefix: str = "m_axis") -> None:
        self._clk = dut.clk
        self._data, self._valid, self._ready = (
            getattr(dut, f"{prefix}_{part}") for part in ("tdata", "tvalid", "tready")
        )
        self._pause = pause
        self.data = bytearray()
        self._ready.value = 0
        self._task = cocotb.start_soon(self._run())

    def stop(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            ready = not next(self._pause)
            self._ready.value = int(ready)
            await ReadOnly()
            if ready and int(self._valid.value):
                self.data.append(int(self._data.value))
            await RisingEdge(self._clk)
