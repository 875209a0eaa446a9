# SPDX-License-Identifier: Apache-2.0
"""cocotb test of the neuron pipe: whole populations against the golden core's step."""

from __future__ import annotations

import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from spikesim.hw.config import CoreConfig
from spikesim.hw.generated import Window
from spikesim.hw.golden.readable import GoldenCore
from tests.hdl.core.images import ImageMaker, pack


class TB:
    """Feeds the neurons of a golden core into the pipe and compares what comes out."""

    def __init__(self, dut, seed: int, edgy: float) -> None:
        self.dut = dut
        self.rng = random.Random(seed)
        self.config = CoreConfig(n_neurons=64, n_axons=1, weight_words=8, n_segments=65)
        self.maker = ImageMaker(self.config, self.rng, edgy)
        self.golden = GoldenCore(self.config)

    async def start(self) -> None:
        dut = self.dut
        dut.rst.value = 1
        dut.valid_i.value = 0
        cocotb.start_soon(Clock(dut.clk, 2, unit="ns").start())
        await RisingEdge(dut.clk)
        await RisingEdge(dut.clk)
        dut.rst.value = 0

    def population(self, **fixed: int) -> dict[str, int]:
        """Set a random record, constants, state and input in the golden core."""
        golden, maker = self.golden, self.maker
        record = maker.populations()[0] | {"first": 0, "last": self.config.n_groups - 1} | fixed
        golden.write(Window.POP, 0, pack(Window.POP, record, 16))
        for j, values in enumerate(maker.params()):
            golden.write(Window.PARAM, 4 * j, pack(Window.PARAM, values, 4))
            golden.v[j], golden.i[j] = maker.word(18, 3000), maker.word(18, 3000)
            golden.refr[j] = self.rng.choice([0, 0, 1, 2, 255])
            golden.acc[0][j] = maker.word(16, 1000)
        golden.next_step = 0
        return golden.populations[0]

    async def update(self, record: dict[str, int], patience: float) -> None:
        """Run one population through the pipe; a neuron waits with probability ``patience``."""
        dut, golden = self.dut, self.golden
        dut.frozen_i.value = int(record["start_tick"] > 0)
        for name in ("hold", "reset", "gain", "reset_value", "v_floor"):
            getattr(dut, f"{name}_i").value = record[name]
        dut.alpha_v_i.value, dut.alpha_i_i.value = record["alpha_v"], record["alpha_i"]
        v, i, refr = list(golden.v), list(golden.i), list(golden.refr)
        acc, params = list(golden.acc[0]), golden.params
        n = self.config.n_neurons
        fired = []
        order: list[int | None] = []  # neuron issued in each cycle
        issued = done = 0
        while done < n:
            pause = issued == n or self.rng.random() < patience
            order.append(None if pause else issued)
            issued += not pause
            dut.valid_i.value = int(not pause)
            one = order[-2] if len(order) > 1 else None
            if one is not None:
                dut.v_i.value, dut.i_i.value = v[one], i[one]
                dut.refr_i.value, dut.acc_i.value = refr[one], acc[one]
            four = order[-5] if len(order) > 4 else None
            if four is not None:
                dut.v_th_i.value, dut.bias_i.value = params[four]["v_th"], params[four]["bias"]
                dut.refr_len_i.value = params[four]["refr_len"]
            await RisingEdge(dut.clk)
            expected = order[-7] if len(order) > 6 else None
            assert int(expected is not None) == int(dut.done_o.value)
            assert int(len(order) > 3 and order[-4] is not None) == int(dut.param_req_o.value)
            if expected is None:
                assert not dut.spike_o.value
                continue
            assert expected == done
            if dut.we_o.value:
                v[done], i[done] = dut.v_o.value.to_signed(), dut.i_o.value.to_signed()
                refr[done] = int(dut.refr_o.value)
            if dut.spike_o.value:
                fired.append(done)
            done += 1
        golden.step(record=False)
        assert golden.fired == fired, record
        assert golden.v == v, record
        assert golden.i == i, record
        assert golden.refr == refr, record


@cocotb.test()
@cocotb.parametrize(edgy=[0.05, 0.6], patience=[0.0, 0.5])
async def populations_equal_the_golden_step(dut, edgy, patience):
    tb = TB(dut, seed=1, edgy=edgy)
    await tb.start()
    for hold in (0, 1):
        for reset in range(4):
            await tb.update(tb.population(hold=hold, reset=reset), patience)


@cocotb.test()
async def a_frozen_population_keeps_its_state(dut):
    tb = TB(dut, seed=2, edgy=0.2)
    await tb.start()
    await tb.update(tb.population(start_tick=1), 0.3)
