# SPDX-License-Identifier: Apache-2.0
"""Test bench of the whole core: drivers for its ports, and the golden core beside it."""

from __future__ import annotations

import ast
import os
import random
from collections.abc import Iterable, Sequence
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from spikesim.hw.config import CoreConfig
from spikesim.hw.generated import MARKER, STEP_MASK, Clear, Window
from spikesim.hw.golden.readable import GoldenCore
from tests.hdl.core.images import Image

ALL = sum(Clear)
CHECKED = (Window.STATE, Window.ACC, Window.COUNT, Window.FIRED)


def parameters() -> dict[str, int]:
    """Give the RTL parameters that the launcher built the core with."""
    return dict(ast.literal_eval(os.environ["SPK_PARAMETERS"]))


class CoreTB:
    """Clock, reset, drivers and scoreboard around ``spk_core``."""

    def __init__(self, dut: Any, seed: int = 1) -> None:
        defaults = CoreConfig.default().parameters()
        self.config = CoreConfig.from_parameters({**defaults, **parameters()})
        self.dut = dut
        self.rng = random.Random(seed)
        self.golden = GoldenCore(self.config)
        self.spikes: list[int] = []
        self.expected_spikes: list[int] = []
        self.spike_patience = 0.0  # share of the cycles in which the spike sink is not ready
        self.record = True
        dut._log.info("seed %d, %s", seed, self.config)

    async def start(self) -> None:
        """Reset the core and wait until it has cleared itself."""
        dut = self.dut
        for name in (
            "hb_req_i hb_we_i hb_win_i hb_addr_i hb_wdata_i ev_tdata_i ev_tvalid_i ev_lock_i "
            "spk_tready_i run_i run_steps_i stop_i clear_i clear_mask_i tick_period_i"
        ).split():
            getattr(dut, name).value = 0
        dut.record_i.value = 1
        dut.rst.value = 1
        cocotb.start_soon(Clock(dut.clk, 2, unit="ns").start())
        for _ in range(3):
            await RisingEdge(dut.clk)
        dut.rst.value = 0
        cocotb.start_soon(self._spike_sink())
        await self.idle()

    async def clocks(self, n: int) -> None:
        """Wait ``n`` clocks."""
        for _ in range(n):
            await RisingEdge(self.dut.clk)

    async def idle(self, limit: int = 300_000) -> None:
        """Wait until the core is neither running nor clearing."""
        for _ in range(2):  # a pulse given in this cycle shows in the next one
            await RisingEdge(self.dut.clk)
        for _ in range(limit):
            if not self.dut.busy_o.value:
                return
            await RisingEdge(self.dut.clk)
        raise AssertionError(f"expected the core to become idle within {limit} clocks")

    async def _spike_sink(self) -> None:
        dut = self.dut
        while True:
            dut.spk_tready_i.value = int(self.rng.random() >= self.spike_patience)
            await RisingEdge(dut.clk)
            if dut.spk_tvalid_o.value and dut.spk_tready_i.value:
                self.spikes.append(int(dut.spk_tdata_o.value))

    # --- memories -----------------------------------------------------------------------------

    async def access(self, window: Window, address: int, data: int | None = None) -> int:
        """One access on the host bus; gives the halfword read (on a write, the old one)."""
        dut = self.dut
        dut.hb_req_i.value = 1
        dut.hb_we_i.value = int(data is not None)
        dut.hb_win_i.value = int(window)
        dut.hb_addr_i.value = address
        dut.hb_wdata_i.value = 0 if data is None else data
        while True:
            await RisingEdge(dut.clk)
            if dut.hb_ack_o.value:
                break
        dut.hb_req_i.value = 0
        return int(dut.hb_rdata_o.value)

    async def write(self, window: Window, address: int, halfwords: Iterable[int]) -> None:
        """Write to the core and to the golden core."""
        values = list(halfwords)
        for at, value in enumerate(values, start=address):
            await self.access(window, at, value)
        self.golden.write(window, address, values)

    async def read(self, window: Window, address: int, n: int) -> list[int]:
        """Read ``n`` halfwords from the core."""
        return [await self.access(window, at) for at in range(address, address + n)]

    async def load(self, image: Image) -> None:
        """Clear everything, write an image, set the state to its start; as a host would."""
        await self.clear(ALL)
        for window, halfwords in image.items():
            await self.write(window, 0, halfwords)
        await self.clear(Clear.STATE)

    async def clear(self, mask: int) -> None:
        """Clear the core and the golden core."""
        self.dut.clear_mask_i.value = mask
        self.dut.clear_i.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.clear_i.value = 0
        await self.idle()
        self.golden.clear(mask)

    # --- steps --------------------------------------------------------------------------------

    async def queue(self, step: int, axons: Sequence[int], patience: float = 0.0) -> None:
        """Queue events of one step in both cores, under the lock, with pauses between words."""
        if not axons:
            return
        dut = self.dut
        dut.ev_lock_i.value = 1
        await RisingEdge(dut.clk)
        while not dut.ev_locked_o.value:
            await RisingEdge(dut.clk)
        for word in (MARKER | (step & STEP_MASK), *axons):
            while self.rng.random() < patience:
                await RisingEdge(dut.clk)
            dut.ev_tdata_i.value = word
            dut.ev_tvalid_i.value = 1
            while True:
                await RisingEdge(dut.clk)
                if dut.ev_tready_o.value:
                    break
            dut.ev_tvalid_i.value = 0
        dut.ev_lock_i.value = 0
        self.golden.queue(step, axons)

    async def run(self, steps: int = 1, wait: bool = True) -> None:
        """Start a run, and by default wait for its end."""
        self.dut.record_i.value = int(self.record)
        self.dut.run_steps_i.value = steps
        self.dut.run_i.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.run_i.value = 0
        if wait:
            await self.idle()

    def expect(self, steps: int = 1) -> list[int]:
        """Run the golden core; gives the cycles of each step."""
        cycles = []
        for _ in range(steps):
            result = self.golden.step(record=self.record)
            self.expected_spikes += result.spike_words
            self.golden.take_spikes()
            cycles.append(result.cycles)
        return cycles

    async def check(self, windows: Iterable[Window] = CHECKED) -> None:
        """Compare counters, lists and every word of ``windows`` with the golden core."""
        dut, golden = self.dut, self.golden
        step = golden.next_step
        assert step == int(dut.next_step_o.value)
        for name, wanted, got in (
            ("last_cycles", golden.last_cycles, dut.last_cycles_o),
            ("total_cycles", golden.total_cycles, dut.total_cycles_o),
            ("fired_count", len(golden.fired), dut.fired_count_o),
            ("chain_flag", int(golden.chain_flag), dut.chain_flag_o),
        ):
            assert wanted == int(got.value), f"step {step} {name}: {wanted} != {int(got.value)}"
        for window in windows:
            n = golden.entries(window) * golden.stride(window)
            wanted_words = golden.read(window, 0, n)
            got_words = await self.read(window, 0, n)
            for at, pair in enumerate(zip(wanted_words, got_words, strict=True)):
                assert pair[0] == pair[1], (
                    f"step {step} {window.name}[{at}]: expected {pair[0]:#06x}, got {pair[1]:#06x}"
                )

    async def finish(self) -> None:
        """Drain the spike queue; it must hold what the golden core recorded, and no more."""
        self.spike_patience = 0.0
        await self.clocks(20 + int(self.dut.spk_level_o.value))
        assert self.expected_spikes == self.spikes
        assert int(self.dut.spk_level_o.value) == 0
        assert int(self.dut.ev_free_o.value) == self.golden.event_free
        assert not self.dut.deadline_flag_o.value
